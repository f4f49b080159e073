"""`wearkit data info`, as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from wearkit.cli import run
from wearkit.errors import DataError


def test_the_example_as_a_table(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "info", str(repository / "examples/data/hapt_user01.csv")]) == 0
    shown = capsys.readouterr().out
    for expected in ("4,300 (1.4 min)", "50.00 Hz", "walking", "1,478", "34.4%", "(unlabelled)"):
        assert expected in shown
    assert "SIMULATED" not in shown


def test_the_example_as_json(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = repository / "examples/data/hapt_user01.csv"
    assert path.stat().st_size < 150_000
    assert run(["data", "info", str(path), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["rows"] == 4300 and info["labels"][0]["task"] == "activity"
    assert info["labels"][0]["rows"]["laying"] == 927 and info["labels"][0]["unlabelled"] == 945
    assert info["dropped"] == {} and info["simulated"] is False


def test_simulated_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("# units=g sensor=simulated\ntime,x,y,z\n0,0,0,1\n0.02,0,0,1\n0.04,x,0,1\n")
    assert run(["data", "info", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "(SIMULATED)" in shown and "1 rows: garbled line" in shown


def test_a_name_is_never_taken_for_markup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("# units=g\ntime,x,y,z,label\n0,0,0,1,[red]\n0.02,0,0,1,[/x]\n")
    assert run(["data", "info", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "[red]" in shown and "[/x]" in shown


@pytest.mark.parametrize(
    ("text", "options", "why"),
    [
        ("time,x,y,z\n0,0,0,1\n", [], "--units"),
        ("time,x,y,z\n0,0,0,1\n", ["--units", "feet"], "not 'feet'"),
        ("time,x,y,z\n0,0,0,1\n", ["--format", "edf"], "no format 'edf'"),
        ("0,0,0,1\n", [], "header"),
        ("", [], "is empty"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    options: list[str],
    why: str,
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    assert run(["data", "info", str(path), *options]) == DataError.exit_code
    shown = capsys.readouterr()
    assert shown.out == "" and why in shown.err
    assert len(shown.err.strip().splitlines()) == 1 and "Traceback" not in shown.err


def test_it_imports_no_training_or_export_library(repository: Path) -> None:
    script = (
        "import sys; from wearkit.cli import run; "
        "code = run(['data', 'info', 'examples/data/hapt_user01.csv', '--json']); "
        "heavy = {'torch', 'tensorflow', 'onnx', 'onnxruntime', 'matplotlib', 'wearkit_export'}; "
        "print(code, sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repository, capture_output=True, text=True, check=True
    )
    assert done.stderr.strip().splitlines()[-1] == "0 []"


def test_what_a_library_is_refused_is_one_sentence_too(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object, **named: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("wearkit.cli.cli.main", full)
    assert run(["data", "info"]) == 8
    err = capfd.readouterr().err
    assert "No usable temporary directory" in err and err.count("\n") == 1
