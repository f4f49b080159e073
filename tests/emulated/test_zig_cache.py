"""zig needs a folder of its own to build anything; a computer may have no home to keep it in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wearkit_export.targets import toolchain
from wearkit_export.targets.toolchain import run_tool

NAME = "ZIG_GLOBAL_CACHE_DIR"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (NAME, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    toolchain._zig_settings.cache_clear()
    yield
    toolchain._zig_settings.cache_clear()


def test_it_is_zigs_own_where_that_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert toolchain._zig_settings() == {NAME: str(tmp_path / ".cache" / "zig")}
    toolchain._zig_settings.cache_clear()
    monkeypatch.setenv(NAME, str(tmp_path / "mine"))
    assert toolchain._zig_settings() == {NAME: str(tmp_path / "mine")}
    assert not list(tmp_path.iterdir())


def test_without_a_home_it_is_a_folder_that_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    folder = Path(toolchain._zig_settings()[NAME])
    assert folder.is_dir() and folder.name.startswith("wearkit-zig-")


def test_zig_alone_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run_tool(("sh", "-c", f"echo ${NAME}")).stdout == "\n"
    told = run_tool(("sh", "-c", f"echo ${NAME}", "ziglang")).stdout
    assert told == f"{tmp_path / '.cache' / 'zig'}\n"
