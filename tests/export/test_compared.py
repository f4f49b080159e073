"""Which windows an export compares: a rule that looks at nothing but their number."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.bundle.runtimes.onnx import OnnxRuntime
from wearkit.errors import VerificationError
from wearkit.training.run import Run, open_run
from wearkit_export.bundle import compared
from wearkit_export.bundle.compared import SAMPLED_TEST_WINDOWS, choose_windows, run_in_parts


def numbered(windows: int, first: int = 0) -> NDArray[np.int16]:
    """(windows, 4, 3) int16, each filled with its number."""
    numbers = np.arange(first, first + windows, dtype=np.int16)
    return np.repeat(numbers, 12).reshape(windows, 4, 3)


def test_all_golden_windows_and_an_even_spread_of_the_test_windows() -> None:
    windows = choose_windows(numbered(36), numbered(8787, first=100))
    chosen = windows.counts[windows.chosen][:, 0, 0]
    assert chosen[:36].tolist() == list(range(36))
    places = chosen[36:].astype(int) - 100
    assert len(places) == SAMPLED_TEST_WINDOWS == 1000
    assert (places[0], places[-1]) == (0, 8786)
    assert set(np.diff(places)) == {8, 9}
    assert windows.compared == {"golden": 36, "test": 1000}
    assert windows.available == {"golden": 36, "test": 8787}


@pytest.mark.parametrize(("test", "full"), [(1000, False), (999, False), (1, False), (8787, True)])
def test_all_are_compared_where_there_are_no_more_or_that_is_asked_for(
    test: int, full: bool
) -> None:
    windows = choose_windows(numbered(5), numbered(test), full=full)
    assert windows.chosen.tolist() == list(range(5 + test))
    assert windows.compared == windows.available == {"golden": 5, "test": test}


def test_one_window_more_than_the_sample_is_no_window_twice() -> None:
    windows = choose_windows(numbered(5), numbered(1001))
    assert len(set(windows.chosen)) == len(windows.chosen) == 1005


def test_without_a_run_the_golden_windows_are_all() -> None:
    windows = choose_windows(numbered(36), None)
    assert windows.compared == windows.available == {"golden": 36}
    assert windows.chosen.tolist() == list(range(36))


def test_logits_are_of_the_windows_they_are_said_to_be() -> None:
    windows = choose_windows(numbered(36), numbered(2000, first=36))
    logits = {"posture": windows.counts[:, 0, :1]}
    assert (windows.of(logits)["posture"][:, 0] == windows.chosen).all()
    assert windows.test(logits)["posture"][:, 0].tolist() == list(range(36, 2036))


@pytest.mark.parametrize("windows", [1, 255, 256, 257, 600])
def test_parts_put_together_are_the_whole(windows: int) -> None:
    stages = []
    counts = numbered(windows)
    logits = run_in_parts(
        lambda part: {"posture": part[:, 0]}, counts, "echo", lambda *stage: stages.append(stage)
    )
    assert (logits["posture"] == counts[:, 0]).all()
    assert stages[0] == ("echo", 0, windows) and stages[-1] == ("echo", windows, windows)
    assert len(stages) == -(-windows // compared.PART) + 1


@pytest.fixture
def micro_run(untrained_run: Callable[[str], Path]) -> Run:
    return open_run(untrained_run("mtl-net-micro"))


def export(run: Run, out: Path, **options: bool) -> dict[str, object]:
    from wearkit_export.bundle.write import write_bundle

    write_bundle(run.checkpoint, run.calibration, out, run=run, **options)  # type: ignore[arg-type]
    report: dict[str, object] = json.loads((out / "report.json").read_text())
    return report


def test_a_sample_is_said_to_be_one_and_accuracy_is_of_all(
    micro_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = export(micro_run, tmp_path / "whole")
    monkeypatch.setattr(compared, "SAMPLED_TEST_WINDOWS", 20)
    sampled = export(micro_run, tmp_path / "sampled")
    full = export(micro_run, tmp_path / "full", full=True)
    assert whole == full
    assert sampled["compared_windows"] == {"golden": 36, "test": 20}
    assert sampled["available_windows"] == {"golden": 36, "test": 60}
    assert whole["compared_windows"] == whole["available_windows"] == {"golden": 36, "test": 60}
    rows = sampled["equality"]
    assert isinstance(rows, list)
    assert {row["windows"] for row in rows if "windows" in row} == {56}
    assert sampled["accuracy"] == whole["accuracy"]
    card = (tmp_path / "sampled" / "MODEL_CARD.md").read_text()
    assert "36 golden and 20 of 60 test windows" in card and "--full" in card
    assert "--full" not in (tmp_path / "whole" / "MODEL_CARD.md").read_text()
    same = [
        name
        for name in ("model.int8.tflite", "model.int8.onnx", "model.int8.s8.onnx", "golden.npz")
    ]
    for name in (*same, "c/wk_model.c"):
        assert (tmp_path / "whole" / name).read_bytes() == (
            tmp_path / "sampled" / name
        ).read_bytes()


def test_a_runtime_that_differs_on_a_sampled_window_fails(
    micro_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The eighth of the sample, which is no golden window."""
    monkeypatch.setattr(compared, "SAMPLED_TEST_WINDOWS", 20)
    honest = OnnxRuntime.run

    def wrong_on_one(self: OnnxRuntime, inputs: NDArray[np.int8]) -> dict[str, NDArray[np.int8]]:
        logits = honest(self, inputs)
        wrong = (inputs == micro_run.test.inputs[21]).all(axis=(1, 2))
        for values in logits.values():
            values[wrong, 0] ^= 1
        return logits

    monkeypatch.setattr(OnnxRuntime, "run", wrong_on_one)
    with pytest.raises(VerificationError, match=r"in 2 of .*first in window 43 of the 56 compared"):
        export(micro_run, tmp_path / "b-int8")
    assert not (tmp_path / "b-int8").exists()
