"""Commands find what they read before, say so on standard error, and answer the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from wearkit.cli import run


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WEARKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_data_info(recordings: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for options in ([], [], ["--no-cache"]):
        assert run(["data", "info", str(recordings), "--json", *options]) == 0
        shown.append(capsys.readouterr())
    assert shown[0].out == shown[1].out == shown[2].out
    assert [f"cached in {cache}" in one.err for one in shown] == [False, True, False]


def test_an_empty_variable_turns_it_off(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEARKIT_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for _ in range(2):
        assert run(["data", "info", str(recordings), "--json"]) == 0
    assert list(tmp_path.iterdir()) == []


def test_train_and_evaluate(
    recordings: Path,
    trained_run: Path,
    cache: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made, told = [], []
    for number, options in enumerate(([], [], ["--no-cache"])):
        out = tmp_path / str(number)
        arguments = ["train", "--data", str(recordings), "--arch", "mtl-net-micro", "--device"]
        assert run([*arguments, "cpu", "--epochs", "1", "--out", str(out), *options]) == 0
        made.append([(out / name).read_bytes() for name in ("checkpoint.safetensors", "test.npz")])
        told.append("Using the windows cached" in capsys.readouterr().err)
    assert made[0] == made[1] == made[2] and told == [False, True, False]
    scores, told = [], []
    for options in ([], [], ["--no-cache"]):
        arguments = ["evaluate", "--checkpoint", str(trained_run), "--data", str(recordings)]
        report = tmp_path / "report"
        assert run([*arguments, "--report", str(report), "--json", *options]) == 0
        shown = capsys.readouterr()
        scores.append(shown.out)
        told.append("Using the windows cached" in shown.err)
    # Labels are matched to the model's, so these are other windows than those trained on.
    assert scores[0] == scores[1] == scores[2] and told == [False, True, False]
