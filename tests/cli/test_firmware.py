"""`wearkit firmware`: files for a board, listed one a line."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from wearkit.cli import run
from wearkit.errors import StorageError


@pytest.fixture
def written(
    micro_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], Path]:
    """written(port): the folder, after checking that what is printed is what is there."""

    def write(port: str) -> Path:
        out = tmp_path / port
        assert (
            run(["firmware", "--bundle", str(micro_bundle), "--port", port, "--out", str(out)]) == 0
        )
        printed = capsys.readouterr().out.splitlines()
        assert sorted(printed) == sorted(str(path) for path in out.rglob("*") if path.is_file())
        return out

    return write


def test_sources_are_the_model_with_its_classifier(
    written: Callable[[str], Path], micro_bundle: Path
) -> None:
    out = written("sources")

    for path in (micro_bundle / "c").rglob("*.c"):
        assert (out / path.relative_to(micro_bundle / "c")).read_bytes() == path.read_bytes()
    assert "const wk_classifier_t wk_device_model" in (out / "wk_device_model.c").read_text()


def test_the_arduino_library_holds_firmware_and_model(
    written: Callable[[str], Path], micro_bundle: Path, repository: Path
) -> None:
    with zipfile.ZipFile(written("arduino") / "wearkit.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}

    firmware = repository / "firmware"
    assert files["wearkit/src/wk_app.c"] == (firmware / "app/wk_app.c").read_bytes()
    assert files["wearkit/src/wk/wk_app.h"] == (firmware / "include/wk/wk_app.h").read_bytes()
    assert b"wk_device_model" in files["wearkit/src/wk_device_model.c"]
    # The one the model's kernels need, not the firmware's general one.
    config = (micro_bundle / "c/wk/wk_engine_config.h").read_bytes()
    assert files["wearkit/src/wk/wk_engine_config.h"] == config
    assert config != (firmware / "include/wk/wk_engine_config.h").read_bytes()
    assert {name.split("/")[0] for name in files} == {"wearkit"}


def test_the_rp2040_image_comes_as_elf_bin_and_uf2(
    written: Callable[[str], Path], needs_module: Callable[[str, str], None]
) -> None:
    needs_module("elftools", "pip install 'wearkit[profile]'")
    out = written("rp2040")

    assert (out / "wk_device_rp2040.elf").read_bytes()[:4] == b"\x7fELF"
    flash = (out / "wk_device_rp2040.bin").read_bytes()
    uf2 = (out / "wk_device_rp2040.uf2").read_bytes()
    assert len(uf2) == 512 * -(-len(flash) // 256)
    assert uf2[32:288] == flash[:256]


def test_a_bundle_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["firmware", "--bundle", str(tmp_path), "--port", "sources", "--out", str(tmp_path)])

    assert code != 0
    assert capsys.readouterr().err.count("\n") == 1


def test_files_of_the_user_are_replaced_by_force_alone(
    micro_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All or none: the model is not half written around a file that is in the way."""
    out = tmp_path / "project"
    mine = out / "wk_device_model.c"
    mine.parent.mkdir()
    mine.write_text("int mine;\n")
    command = ["firmware", "--bundle", str(micro_bundle), "--port", "sources", "--out", str(out)]

    assert run(command) == StorageError.exit_code
    assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in out.iterdir()] == [mine.name]
    assert mine.read_text() == "int mine;\n"

    assert run([*command, "--force"]) == 0
    assert capsys.readouterr().err == f"--force replaces {mine}.\n"
    assert "wk_classifier_t wk_device_model" in mine.read_text()
    assert run(command) == 0  # the same files again are no loss
