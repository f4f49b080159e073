"""open_live and verify as a notebook calls them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.live.predicting_device import Device, flip_one
from tests.live.replay_device import ReplayDevice

import wearkit.api.verify
from wearkit.api.live import open_live
from wearkit.api.verify import verify
from wearkit.bundle.bundle import Bundle
from wearkit.capture.file import CaptureReader, Kind
from wearkit.errors import DataError, LinkLostError, StorageError, VerificationError
from wearkit.link.frames.from_device import Prediction
from wearkit.link.ports.pty import PseudoTerminal
from wearkit.live.open import Live
from wearkit.recordings.recording import Recording
from wearkit.simulation.port import simulated_port

Counts = NDArray[np.int16]
OLDER = '{"format": "wearkit-equivalence"}'


@contextmanager
def sending(data: bytes) -> Iterator[str]:
    """A port on which these bytes come; then it closes."""
    port, over = PseudoTerminal(), list[bool]()

    def send() -> None:
        try:
            if port.wait_for_reader(lambda: bool(over), 60):
                port.write(data, lambda: bool(over))
                port.drain(lambda: bool(over))
        finally:
            port.close()

    with ThreadPoolExecutor(1) as threads:
        sent = threads.submit(send)
        try:
            yield port.path
        finally:
            over.append(True)
        sent.result()


def test_a_session_that_is_left_early_can_go_on_and_is_closed_with_its_recording(
    bundle: Bundle, tmp_path: Path
) -> None:
    path = tmp_path / "a.wkrec"
    with simulated_port(speed=0) as port, open_live(port, bundle, record=path) as live:
        for window in live:
            if window.window == 1:
                break
        assert next(live).window == 2
        assert (live.report.ended, live.error) == ("", None)
    assert (live.report.ended, live.error, live.report.simulated) == ("stopped", None, True)
    records = list(CaptureReader(path))
    assert (records[0].kind, records[-1].kind) == (Kind.SESSION, Kind.END)
    assert records[-1].json() == live.report.to_json()
    live.close()
    assert list(live) == []


def test_an_error_in_the_block_closes_port_and_recording_and_stays_the_error(
    bundle: Bundle, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    with (
        pytest.raises(ZeroDivisionError),
        simulated_port(speed=0) as port,
        open_live(port, bundle, record=path) as live,
    ):
        next(live)
        _ = 1 // 0
    assert live.report.ended == "stopped"
    assert path.read_text().startswith("# units=counts sensor=simulated\n")
    with pytest.raises(OSError, match="not open"):
        live.port._handle.write(b"x")


def test_a_port_that_went_away_is_raised_when_all_windows_are_in_hand(bundle: Bundle) -> None:
    windows = []
    with (
        pytest.raises(LinkLostError, match="went away"),
        simulated_port(speed=0, seconds=5) as port,
        open_live(port, bundle) as live,
    ):
        windows = list(live)
    assert [window.first_index for window in windows] == [0, 60, 120]
    assert live.report.ended == "lost" and live.error is live.report.error


def test_a_recording_that_exists_is_refused_and_the_port_let_go(
    bundle: Bundle, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("precious")
    with simulated_port(speed=0) as port:
        with pytest.raises(StorageError, match="exists already"):
            open_live(port, bundle, record=path)
        assert path.read_text() == "precious"
        with open_live(port, bundle, record=path, force=True, max_windows=1) as live:
            assert len(list(live)) == 1


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"units": "furlong"}, DataError, "furlong"),
        ({"axes": "up"}, DataError, "axes"),
        ({"verify": True, "runtime": "onnx"}, ValueError, "reference"),
    ],
)
def test_what_cannot_be_is_refused_before_the_port_is_opened(
    micro_bundle: Path, options: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        open_live("/dev/wearkit-none", micro_bundle, **options)


def test_a_verified_run_ends_well_with_its_certificate_and_a_difference_does_not(
    bundle: Bundle, made_counts: Callable[..., Counts], tmp_path: Path
) -> None:
    counts = made_counts(7).reshape(700, 3)[:640]
    path = tmp_path / "e.json"
    with sending(Device(bundle, counts).run()) as port:
        with open_live(port, bundle, verify=True, certificate=path) as live:
            assert len(list(live)) == 10
            assert str(live.certificate) == "equivalent: 10 windows compared, 0 differ"
    assert live.is_complete_run
    assert json.loads(path.read_text())["result"] == "equivalent"
    with sending(Device(bundle, counts, change=flip_one).run()) as port:
        with pytest.raises(VerificationError, match="Window at sample 240") as caught:
            with open_live(port, bundle, verify=True) as live:
                list(live)
    assert not live.is_complete_run
    assert caught.value.certificate is live.certificate is not None
    assert live.certificate.result == "different"


def test_where_nothing_could_be_compared_that_is_said_and_an_older_proof_stays(
    bundle: Bundle, made_counts: Callable[..., Counts], tmp_path: Path
) -> None:
    path = tmp_path / "e.json"
    path.write_text(OLDER)
    with simulated_port(speed=0) as port, pytest.raises(VerificationError, match="lines of text"):
        with open_live(port, bundle, verify=True, certificate=path) as live:
            list(live)
    running = list[Live]()

    def has_come() -> bool:
        return bool(running) and running[0].report.samples > 0

    with sending(Device(bundle, made_counts(1)[0][:90]).run()) as port:
        with pytest.raises(VerificationError, match="No window could be compared"):
            with open_live(port, bundle, verify=True, certificate=path, stop=has_come) as live:
                running.append(live)
                list(live)
    assert live.certificate is None and path.read_text() == OLDER


def test_what_reading_the_recordings_raises_comes_out_of_the_simulated_port(
    bundle: Bundle,
) -> None:
    def broken() -> Iterator[Recording]:
        raise DataError("no such person")
        yield

    with pytest.raises(DataError, match="no such person"), simulated_port(broken()) as port:
        with pytest.raises(LinkLostError), open_live(port, bundle) as live:
            list(live)


class OnThePort(ReplayDevice):
    """As an open port, which a test's device has no need of."""

    joins_in_mid_line = False


@pytest.fixture
def device(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Callable[..., OnThePort]:
    """device(**options): what `verify` finds behind every port."""

    def connect(**options: Any) -> OnThePort:
        made = OnThePort(bundle, **options)
        monkeypatch.setattr(wearkit.api.verify, "open_at", lambda *_, **__: made)
        return made

    return connect


def test_the_golden_windows_and_then_an_array_are_replayed(
    bundle: Bundle,
    device: Callable[..., OnThePort],
    made_counts: Callable[..., Counts],
    tmp_path: Path,
) -> None:
    golden, path = len(bundle.golden().counts), tmp_path / "e.json"
    device()
    for windows, what in ((made_counts(3), "3 windows"), (iter(made_counts(3)), "further windows")):
        certificate = verify("memory", bundle, windows, certificate=path)
        assert certificate.result == "equivalent"
        assert certificate.tally.compared == golden + 3
        assert certificate.report.replayed == f"{golden} golden windows of the bundle, then {what}"
        assert json.loads(path.read_text()) == certificate.to_json()


def test_a_difference_is_raised_with_the_certificate_in_hand(
    bundle: Bundle, device: Callable[..., OnThePort], tmp_path: Path
) -> None:
    def change(prediction: Prediction) -> Prediction:
        return flip_one(prediction) if prediction.window_first_index == 240 else prediction

    device(change=change)
    path = tmp_path / "e.json"
    with pytest.raises(VerificationError, match="Replayed window") as caught:
        verify("memory", bundle, certificate=path)
    assert caught.value.certificate is not None
    assert caught.value.certificate.result == "different"
    assert json.loads(path.read_text())["windows_differing"] == 1


def test_an_interrupt_puts_the_device_back(
    bundle: Bundle, device: Callable[..., OnThePort]
) -> None:
    def interrupt(compared: int) -> None:
        raise KeyboardInterrupt

    connected = device()
    with pytest.raises(KeyboardInterrupt):
        verify("memory", bundle, on_compared=interrupt)
    assert connected.running


def test_a_replay_that_was_stopped_at_once_is_no_certificate(
    bundle: Bundle, device: Callable[..., OnThePort]
) -> None:
    device()
    with pytest.raises(VerificationError, match="stopped before"):
        verify("memory", bundle, stop=lambda: True)


@pytest.mark.parametrize(
    "windows",
    [np.zeros((2, 100, 3)), np.zeros((2, 50, 3), np.int16), np.full((1, 100, 3), 600, np.int16)],
)
def test_what_is_no_counts_is_refused_before_the_port_is_opened(
    bundle: Bundle, windows: Counts
) -> None:
    with pytest.raises(DataError, match="ounts"):
        verify("/dev/wearkit-none", bundle, windows)


def test_a_window_that_is_no_counts_ends_a_replay(
    bundle: Bundle, device: Callable[..., OnThePort]
) -> None:
    connected = device()
    with pytest.raises(DataError, match="g \\* 256") as caught:
        verify("memory", bundle, iter([np.zeros((100, 3))]))  # type: ignore[arg-type]
    assert connected.running and caught.value.certificate is not None
