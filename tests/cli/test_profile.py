"""`wearkit profile` as typed, on a computer that has nothing but pip's packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wearkit.cli import run

ZOO = Path(__file__).resolve().parents[1] / "export" / "import_tflite" / "zoo"


@pytest.fixture(scope="module")
def bundle(
    tmp_path_factory: pytest.TempPathFactory,
    needs_module: Callable[[str, str], None],
    quick_export: Callable[[pytest.MonkeyPatch], None],
) -> Path:
    for module in ("ziglang", "unicorn", "elftools"):
        needs_module(module, "pip install 'wearkit[profile]'")
    for module in ("onnx", "ai_edge_litert"):
        needs_module(module, "pip install 'wearkit[export]'")
    from wearkit_export.bundle.import_bundle import write_imported_bundle

    path = tmp_path_factory.mktemp("profiled") / "rows-int8"
    with pytest.MonkeyPatch.context() as patch:
        quick_export(patch)
        write_imported_bundle(ZOO / "rows_two_heads.tflite", path)
    return path


def wearkit(*arguments: str, path: str, first: str = "pass") -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with that PATH, after `first`."""
    code = f"{first}; import sys; from wearkit.cli import main; main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path, "COLUMNS": "110"},
    )


def test_without_any_cross_compiler(bundle: Path, tmp_path: Path) -> None:
    done = wearkit("profile", str(bundle), "--json", path=str(tmp_path))

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["target"] == "cortex-m4"
    assert found["compiler"].startswith("zig ")
    assert found["emulator"].startswith("unicorn ")
    assert found["windows_equal_to_reference"] == 8
    assert found["instructions"] == sum(layer["instructions"] for layer in found["layers"])
    assert found["flash_bytes"] == sum(found["flash"].values())
    assert found["ram_bytes"] == sum(found["ram"].values())
    assert found["stack_bytes"] > 0


def test_an_m55_without_qemu_says_what_is_missing(bundle: Path, tmp_path: Path) -> None:
    done = wearkit("profile", str(bundle), "--target", "cortex-m55", path=str(tmp_path))

    assert done.returncode == 7
    assert "wearkit: cortex-m55 needs QEMU: apt-get install qemu-system-arm." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("module", ["elftools", "unicorn", "ziglang"])
def test_a_missing_package_is_one_sentence(module: str, bundle: Path, tmp_path: Path) -> None:
    hide = (
        "import importlib.util as u, sys; find = u.find_spec; "
        f"u.find_spec = lambda name, *p: None if name == {module!r} else find(name, *p); "
        f"sys.modules[{module!r}] = None"
    )

    done = wearkit("profile", str(bundle), path=str(tmp_path), first=hide)

    assert done.returncode == 7
    assert "pip install 'wearkit[profile]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_tables(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["profile", str(bundle), "--compiler", "zig", "--clock-mhz", "100"]) == 0

    printed = capsys.readouterr().out
    for expected in ("conv_0", "One window at 100 MHz", "cycles (est.)", "Instructions are exact"):
        assert expected in printed
    for expected in ("never compared with silicon", "nRF52840", "flash", "stack", "arena"):
        assert expected in printed


@pytest.mark.parametrize("arguments", [["--target", "z80"], ["--clock-mhz", "0"]])
def test_usage_errors(
    arguments: list[str], bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["profile", str(bundle), *arguments]) == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_folder_that_is_no_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["profile", str(tmp_path)]) == 6
    assert "manifest.json" in capsys.readouterr().err
