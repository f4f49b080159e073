"""Entries come back bit for bit or not at all, whatever happens to the folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wearkit.errors import StorageError
from wearkit.windows.cache_folder import CacheFolder, Entry

KEY, OTHER = "a" * 64, "b" * 64
ENTRY = Entry(
    {"rate": 0.1, "names": ["é", "x"], "none": None},
    {
        "counts": np.arange(-300, 300, dtype=np.int16).reshape(2, 100, 3),
        "run": np.arange(2, dtype=np.int32),
        "empty": np.empty((0, 7), np.int16),
    },
)


def same(found: Entry | None) -> bool:
    if found is None:
        return False
    assert found.value == ENTRY.value and list(found.arrays) == list(ENTRY.arrays)
    for name, array in ENTRY.arrays.items():
        other = found.arrays[name]
        assert other.dtype == array.dtype and other.shape == array.shape
        assert other.tobytes() == array.tobytes() and other.flags.writeable
    return True


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_what_was_put_is_got(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path / "new" / "cache")
    assert folder.get(KEY) is None
    folder.put(KEY, ENTRY)
    assert same(folder.get(KEY)) and folder.get(OTHER) is None
    assert (tmp_path / "new" / "cache").stat().st_mode & 0o777 == 0o700
    only_file(folder.path).unlink()
    assert folder.get(KEY) is None


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), cut=st.booleans())
def test_damage_anywhere_makes_it_absent(
    tmp_path: Path, place: float, byte: int, cut: bool
) -> None:
    folder = CacheFolder(tmp_path / "cache")
    folder.put(KEY, ENTRY)
    path = only_file(folder.path)
    whole = path.read_bytes()
    at = int(place * len(whole))
    damaged = whole[:at] if cut else whole[:at] + bytes([byte]) + whole[at + 1 :]
    path.write_bytes(damaged)
    assert same(folder.get(KEY)) == (damaged == whole)
    assert path.exists() == (damaged == whole), "what is damaged is removed"


def test_longer_renamed_and_foreign_files_are_no_entries(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path)
    folder.put(KEY, ENTRY)
    path = only_file(tmp_path)
    whole = path.read_bytes()
    for text in (whole + b"\0", b"", b"PK\x03\x04" * 100, whole.replace(b"cache 1", b"cache 2")):
        path.write_bytes(text)
        assert folder.get(KEY) is None
    (tmp_path / path.name.replace(KEY, OTHER)).write_bytes(whole)
    assert folder.get(OTHER) is None, "an entry belongs to its key"
    path.mkdir()
    assert folder.get(KEY) is None


def test_a_header_that_claims_gigabytes_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = CacheFolder(tmp_path)
    folder.put(KEY, ENTRY)
    path = only_file(tmp_path)
    head = path.read_bytes()[:48]
    path.write_bytes(head + (1 << 60).to_bytes(8, "little"))
    assert folder.get(KEY) is None
    folder.put(KEY, ENTRY)
    path.write_bytes(path.read_bytes()[:-100])

    def no_room(*given: object) -> None:
        raise AssertionError("room was made for arrays that are not there")

    monkeypatch.setattr(np, "empty", no_room)
    assert folder.get(KEY) is None


def test_the_entries_used_longest_ago_go_first(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("not an entry")
    CacheFolder(tmp_path).put("0" * 64, ENTRY)
    size = next(tmp_path.glob("*cache")).stat().st_size
    folder = CacheFolder(tmp_path, max_bytes=3 * size)
    for number in (1, 2):
        folder.put(f"{number}" * 64, ENTRY)
    for age, path in enumerate(sorted(tmp_path.glob("*cache"), reverse=True)):
        os.utime(path, (1000 - age, 1000 - age))
    assert same(folder.get("0" * 64)), "0 is the oldest, and is used now"
    folder.put("3" * 64, ENTRY)
    assert [n for n in range(4) if folder.get(f"{n}" * 64) is not None] == [0, 2, 3]
    CacheFolder(tmp_path, max_bytes=size - 1).put("4" * 64, ENTRY)
    assert folder.get("4" * 64) is None, "larger than all that may be kept"
    assert (tmp_path / "mine.txt").exists()


def test_what_a_killed_writer_left_is_cleared_after_a_day(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path)
    folder.put(KEY, ENTRY)
    old = tmp_path / f".{only_file(tmp_path).name}.x1y2.part"
    new = tmp_path / f".{OTHER}.wearkit-cache.x1y2.part"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (1000, 1000))
    folder.put(KEY, ENTRY)
    assert not old.exists() and new.exists()


def test_a_folder_that_cannot_be_written_is_one_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "cache", Path("/proc/nowhere/cache")):
        assert CacheFolder(path).get(KEY) is None
        with pytest.raises(StorageError, match="Cannot write"):
            CacheFolder(path).put(KEY, ENTRY)


def test_a_disk_that_fills_up_leaves_nothing_behind(tmp_path: Path) -> None:
    script = (
        "import resource, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from wearkit.windows.cache_folder import CacheFolder, Entry\n"
        "from wearkit.errors import StorageError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "entry = Entry({}, {'counts': np.zeros(100_000, np.int16)})\n"
        "try:\n"
        "    CacheFolder(Path(sys.argv[1])).put('a' * 64, entry)\n"
        "except StorageError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "Cannot write" in done.stdout
    assert list(tmp_path.iterdir()) == []
