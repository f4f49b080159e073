"""An export replaces what an export wrote, unchanged, and nothing else; kills leave nothing."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from wearkit.bundle.bundle import MANIFEST, open_bundle
from wearkit.errors import StorageError
from wearkit_export.bundle.place import replacing_bundle


@pytest.fixture
def copy(micro_bundle: Path, tmp_path: Path) -> Path:
    path = tmp_path / "build" / "copy-int8"
    shutil.copytree(micro_bundle, path)
    return path


def replace(out: Path) -> None:
    """As an export does, with one new file."""
    with replacing_bundle(out) as fresh:
        (fresh / "new.txt").write_text("new")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("c/main.c", "was not written by an export"),
        ("c/wk/mine.h", "was not written by an export"),
        ("c/build/model.o", "was not written by an export"),
        (".notes", "was not written by an export"),
        ("c/wk_model.c", "was changed since it was exported"),
        ("MODEL_CARD.md", "was changed since it was exported"),
    ],
)
def test_what_the_user_wrote_is_named_and_stays(copy: Path, name: str, what: str) -> None:
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_text("mine")
    with pytest.raises(StorageError, match=f"{what} and would be lost: move it"):
        replace(copy)
    assert (copy / name).read_text() == "mine"
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_what_comes_while_it_exports_stays_too(copy: Path) -> None:
    with pytest.raises(StorageError, match=r"c/main\.c"), replacing_bundle(copy):
        (copy / "c" / "main.c").write_text("mine")
    assert (copy / "c" / "main.c").read_text() == "mine"
    open_bundle(copy)


def test_a_folder_full_of_links_is_not_followed(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "wk_model.c").write_text("mine")
    shutil.rmtree(copy / "c")
    (copy / "c").symlink_to(tmp_path / "mine")
    with pytest.raises(StorageError, match="would be lost"):
        replace(copy)
    assert (tmp_path / "mine" / "wk_model.c").read_text() == "mine"


@pytest.mark.parametrize("empty", [True, False])
def test_an_unchanged_bundle_and_an_empty_folder_are_replaced(copy: Path, empty: bool) -> None:
    out = copy.parent / "empty" if empty else copy
    out.mkdir(exist_ok=True)
    replace(out)
    assert [path.name for path in out.iterdir()] == ["new.txt"]


def test_of_two_exports_at_once_the_second_replaces_nothing(copy: Path) -> None:
    out = copy.parent / "both-int8"

    def second() -> None:
        with replacing_bundle(out):
            copy.rename(out)  # the first one is in place

    with pytest.raises(StorageError, match="Another export wrote"):
        second()
    open_bundle(out)


def test_a_link_to_a_bundle_stays_one(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(copy)
    replace(tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    assert [path.name for path in copy.iterdir()] == ["new.txt"]


def leftover(out: Path, *parts: str, name: str = "") -> Path:
    path = out.parent / (name or f".{out.name}.abcd_123.part")
    for part in parts:
        (path / part).mkdir(parents=True)
        (path / part / MANIFEST).write_text("{}")
    return path


def test_what_a_killed_export_left_is_removed(copy: Path) -> None:
    left = leftover(copy, "new")
    others = [
        leftover(copy, "new", name=".copy-int8.next.abcd_123.part"),
        leftover(copy, "new", "mine", name=f".{copy.name}.abcd_124.part"),
    ]
    replace(copy)
    assert not left.exists()
    assert all(other.exists() for other in others), "another bundle's, and one with more in it"


def test_a_bundle_that_a_killed_export_had_just_taken_away_is_put_back(copy: Path) -> None:
    left = copy.parent / f".{copy.name}.abcd_123.part"
    left.mkdir()
    copy.rename(left / "old")
    with pytest.raises(KeyboardInterrupt), replacing_bundle(copy):
        raise KeyboardInterrupt
    open_bundle(copy)
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_an_export_that_is_still_at_work_keeps_its_folder(copy: Path) -> None:
    left = leftover(copy, "new")
    handle = os.open(left, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        replace(copy)
        assert left.exists()
    finally:
        os.close(handle)


def test_the_newest_bundle_can_be_used_live(
    copy: Path, tmp_path: Path, needs_module: Callable[[str, str], None]
) -> None:
    import json

    from wearkit.bundle.bundle import newest_bundle
    from wearkit.errors import ModelFileError

    other = copy.parent / "imported-int8"
    shutil.copytree(copy, other)
    manifest = json.loads((other / MANIFEST).read_text())
    (other / MANIFEST).write_text(json.dumps(manifest | {"arch": None, "spec": None}))
    os.utime(other / MANIFEST, (1 << 31, 1 << 31))
    assert newest_bundle(copy.parent) == copy
    assert newest_bundle(copy.parent, imported=True) == other
    shutil.rmtree(copy)
    with pytest.raises(ModelFileError, match="only imported models"):
        newest_bundle(other.parent)
