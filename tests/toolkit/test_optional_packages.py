"""What a core install leaves out: one sentence that names the extra, and nothing is computed."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from wearkit import cli
from wearkit.cli.terminal.plain_text import print_anywhere
from wearkit.errors import MissingToolError, StorageError
from wearkit.optional_packages import EXTRAS, missing_package, require_packages

Hide = Callable[[str], None]


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch) -> Hide:
    """hide(module): nobody finds it any more."""
    find = importlib.util.find_spec
    hidden: set[str] = set()
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name in hidden else find(name, *rest),
    )
    return hidden.add


def test_every_extra_brings_what_the_table_says(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    for module, extra in EXTRAS.items():
        lines = project["optional-dependencies"][extra]
        distributions = {re.split(r"[>=<; ]", line)[0] for line in lines}
        wanted = {"sklearn": "scikit-learn", "elftools": "pyelftools"}.get(module, module)
        assert wanted.replace("_", "-") in distributions, f"{module} in [{extra}]"


def test_the_sentence_names_all_that_is_missing(hide: Hide) -> None:
    require_packages("Counting", "json", "re")
    for module in ("onnx", "onnxruntime", "flatbuffers"):
        hide(module)
    with pytest.raises(MissingToolError) as refusal:
        require_packages("Exporting", "onnx", "json", "onnxruntime", "flatbuffers")
    assert str(refusal.value) == (
        "Exporting needs onnx, onnxruntime and flatbuffers: pip install 'wearkit[export]'."
    )


def test_a_module_that_no_extra_brings_is_not_ours_to_explain() -> None:
    assert missing_package(ModuleNotFoundError("No module named 'x'", name="x")) is None
    assert missing_package(ModuleNotFoundError("nameless")) is None
    torch = missing_package(ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"))
    assert str(torch).startswith(
        "This needs torch: pip install 'wearkit[train]' (from PyTorch's CPU"
    )


def test_a_command_that_forgot_to_ask_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command_missing(module: str) -> None:
        @click.command()
        def command() -> None:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)

        monkeypatch.setattr(cli._LazyGroup, "get_command", lambda *_: command)

    command_missing("unicorn.arm_const")
    assert cli.run(["train"]) == MissingToolError.exit_code
    assert capsys.readouterr().err == (
        "wearkit: This needs unicorn: pip install 'wearkit[profile]'.\n"
    )
    command_missing("wearkit.mistyped")
    with pytest.raises(ModuleNotFoundError, match="mistyped"):
        cli.run(["train"])


@pytest.mark.parametrize(
    ("module", "options", "extra"),
    [("torch", (), "train"), ("sklearn", ("--forest", "--data", "posture-sim"), "forest")],
)
def test_evaluate_says_what_it_lacks(
    untrained_run: Callable[[str], Path],
    hide: Hide,
    capsys: pytest.CaptureFixture[str],
    module: str,
    options: tuple[str, ...],
    extra: str,
) -> None:
    hide(module)
    run = str(untrained_run("mtl-net-micro"))
    assert cli.run(["evaluate", "--checkpoint", run, *options]) == MissingToolError.exit_code
    error = capsys.readouterr().err
    assert f"pip install 'wearkit[{extra}]'" in error and error.count("\n") == 1


def test_evaluate_refuses_a_report_it_cannot_write_before_it_scores(
    untrained_run: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from wearkit.evaluation import scores as evaluate

    scored = []
    monkeypatch.setattr(evaluate, "float_logits", lambda *_: scored.append(True))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    (tmp_path / "file").write_text("not a folder")
    run = str(untrained_run("mtl-net-micro"))
    code = cli.run(["evaluate", "--checkpoint", run, "--report", str(tmp_path / "file" / "report")])
    assert code == StorageError.exit_code and not scored
    assert "Not a directory" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_c_runs_on_this_computer_without_pyelftools() -> None:
    """`wearkit export` builds the model's C; only images of a microcontroller are read as ELF."""
    code = (
        "import sys; sys.modules['elftools'] = None\n"
        "from pathlib import Path\n"
        "from wearkit.errors import MissingToolError\n"
        "from wearkit_export.targets import elf, image, native\n"
        "from wearkit_export.profile import profile, qemu, trace\n"
        "from wearkit_export.bundle import c_folder\n"
        "from wearkit_export.emulate import qemu as emulate_qemu\n"
        "try: elf.read_elf(Path('image'))\n"
        "except MissingToolError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "Reading an image needs pyelftools: pip install 'wearkit[profile]'.\n"
    assert done.returncode == 0, done.stderr


def test_a_stream_of_ascii_spells_what_it_cannot_hold() -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii")
    print_anywhere(stream)
    stream.write("0.9 ± 0.1 … \u65e5 \udce4")
    stream.flush()
    assert written.getvalue() == b"0.9 +- 0.1 ... \\u65e5 \\udce4"


def test_a_command_prints_where_only_ascii_can_be_printed(tmp_path: Path) -> None:
    rows = "".join(f"{row / 50:.2f},0,0,1,liegend ±,chest,anna\n" for row in range(200))
    recording = tmp_path / "anna.csv"
    recording.write_text("# units=g\ntime,x,y,z,label,placement,subject\n" + rows, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "wearkit", "data", "info", str(recording), "--no-cache"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"liegend +-" in done.stdout
