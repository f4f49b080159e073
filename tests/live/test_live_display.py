import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.reference import Reference
from wearkit.link.options import StreamOptions
from wearkit.live.display import JsonDisplay, PlainDisplay, panel, summary
from wearkit.live.session import LiveSession, LiveWindow


@pytest.fixture
def played(
    tiny_graph: QuantizedGraph, moving_counts: Callable[..., NDArray[np.int16]]
) -> tuple[LiveSession, list[LiveWindow]]:
    """Eight windows of a simulated sensor 10 % slow by its own clock, with a gap in 3 and 4."""
    session = LiveSession(tiny_graph, Reference(tiny_graph), StreamOptions(50.0))
    lines = [
        b"%d,%d,%d,%d,%d\n" % (i, i * 22_000, *row)
        for i, row in enumerate(moving_counts(520).tolist())
        if i != 250
    ]
    header = b"#wearkit text/1 units=counts fields=index,t_us,x,y,z sensor=simulated\n"
    return session, [*session.feed(header + b"[odd]\n" + b"".join(lines), 0.0), *session.finish()]


def test_json_is_windows_on_one_stream_and_the_summary_on_the_other(
    played: tuple[LiveSession, list[LiveWindow]],
) -> None:
    session, windows = played
    out, err = io.StringIO(), io.StringIO()
    display = JsonDisplay(out, err)
    display.update(windows)
    display.close(session.report("stopped"))
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["window"] for line in lines] == list(range(8))
    assert lines[3]["reasons"] == ["gap", "rate"]
    assert lines[3]["tasks"] == {}
    assert lines[0]["tasks"]["activity"]["label"] in ("lie", "sit", "walk", "run")
    (line,) = err.getvalue().splitlines()
    found = json.loads(line)["summary"]
    assert found["windows_valid"] + found["windows_invalid"] == found["windows"] == 8
    assert found["lines_ok"] + sum(found["rejected"].values()) + found["lines_ignored"] == 521
    assert (
        found["bytes_ok"] + found["bytes_rejected"] + found["bytes_ignored"]
        == (found["bytes_received"])
    )


def test_plain_lines_say_each_thing_once(played: tuple[LiveSession, list[LiveWindow]]) -> None:
    session, windows = played
    out, err = io.StringIO(), io.StringIO()
    display = PlainDisplay(session, out, err)
    for window in windows:
        display.update([window])
    display.close(session.report("stopped"))
    lines = out.getvalue().splitlines()
    assert len(lines) == 8
    verdict = windows[0].verdicts["activity"]
    assert f"activity {verdict.label} {verdict.prob:.0%}" in lines[0]
    assert "no verdict: samples missing" in lines[3]
    assert "do not trust" in lines[0]
    assert err.getvalue().count("Unit: counts") == 1
    assert err.getvalue().count("Warning, rate: 45.45 Hz by the device's clock") == 1
    assert "simulated, nobody wears it now: it plays a recording of a person" in err.getvalue()
    assert "8 windows: 6 with verdicts, 2 without (2 gap)." in err.getvalue()
    assert "1 left out (1 not_numbers)" in err.getvalue()
    assert "1 samples missing" in err.getvalue()


def test_the_panel_shows_verdicts_counters_and_warnings(
    played: tuple[LiveSession, list[LiveWindow]],
) -> None:
    session, windows = played
    report = session.report()
    shown = []
    for window in (None, windows[0], windows[3]):
        console = Console(record=True, width=100, file=io.StringIO())
        console.print(panel(window, report))
        shown.append(console.export_text())
    assert "Waiting for the first window" in shown[0]
    assert windows[0].verdicts["side"].label in shown[1]
    assert "━" in shown[1]
    assert "no verdict: samples missing" in shown[2]
    for text in shown:
        assert "SIMULATED" in text
        assert "missing 1" in text
        assert "left out 1" in text
        assert "Warning, rate: 45.45 Hz" in text


def test_labels_are_text_not_markup(played: tuple[LiveSession, list[LiveWindow]]) -> None:
    assert "[odd]" not in summary(played[0].report())


def test_on_a_terminal_there_is_a_panel_and_a_summary(
    micro_bundle: Path,
    moving_counts: Callable[..., NDArray[np.int16]],
    sensor_lines: Callable[..., list[bytes]],
) -> None:
    sensor, port = os.openpty()
    screen, terminal = os.openpty()
    os.write(sensor, b"#wearkit text/1 units=counts fields=index,t_us,x,y,z\n")
    os.write(sensor, b"".join(sensor_lines(moving_counts(160))))
    process = subprocess.Popen(
        [
            sys.executable, "-c", "from wearkit.cli import main; main()", "live", "--windows", "2",
            "--port", os.ttyname(port), "--bundle", str(micro_bundle),
        ],
        stdout=terminal,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(terminal)
    pieces: list[bytes] = []

    def watch() -> None:
        # While it runs: a terminal that nobody reads soon takes no more.
        with suppress(OSError):
            while piece := os.read(screen, 10_000):
                pieces.append(piece)

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, err = process.communicate(timeout=120)
    watcher.join()
    shown = b"".join(pieces).decode()
    assert process.returncode == 0, err
    assert "wearkit live" in shown
    assert "posture" in shown
    assert "2 windows: 2 with verdicts" in shown
    for handle in (sensor, port, screen):
        os.close(handle)
