"""With the cache or without it: the same bits, whatever happened to the cache meanwhile."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest

from wearkit.errors import DataError
from wearkit.recordings.formats import Dataset, open_dataset
from wearkit.recordings.info import describe
from wearkit.spec import WindowSpec
from wearkit.windows import cache as data_cache
from wearkit.windows import code_digest
from wearkit.windows.cache import (
    DataCache,
    cached_cut,
    cached_description,
    cached_stream,
    default_cache,
)
from wearkit.windows.cache_folder import CacheFolder
from wearkit.windows.code_digest import code_of
from wearkit.windows.cut import cut
from wearkit.windows.paper_split import cut_stream
from wearkit.windows.window_set import WindowSet

SPEC = WindowSpec()
RATES = {"native": SPEC, "resampled": WindowSpec(rate_hz=40.0, length=80, hop=40)}


def write_csv(path: Path, seed: int, unit: str = "# units=g\n") -> Path:
    """Ten seconds of sitting and ten of walking, a gap, and two bad rows."""
    generator = np.random.default_rng(seed)
    lines = [f"{unit}time,x,y,z,label,placement"]
    for row, (x, y, z) in enumerate(generator.normal(0, 0.5, (1000, 3))):
        time_s = row / 50 + (5 if row > 700 else 0)
        label = "sit" if row < 500 else "walk"
        lines.append(f"{time_s:.3f},{x:.4f},{y:.4f},{z:.4f},{label},{'ab'[seed % 2]}")
    lines[100] = "rubbish"
    lines[200] = lines[200].replace(",", ",nan", 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for seed in range(3):
        write_csv(tmp_path / "set" / f"person{seed}.csv", seed)
    return tmp_path / "set"


@dataclass
class Kept:
    """A cache in a folder of its own, and what it said."""

    path: Path

    def __post_init__(self) -> None:
        self.said: list[str] = []

    def open(self, source: Path, **given: str) -> Dataset:
        return DataCache(CacheFolder(self.path), self.said.append).open(source, **given)

    def hits(self, source: Path, spec: WindowSpec = SPEC, **given: str) -> bool:
        """Cut once more, and whether that came from the cache."""
        self.said.clear()
        cached_cut(self.open(source, **given), spec)
        assert all("--no-cache" in text for text in self.said)
        return bool(self.said)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "cache")


def assert_identical(one: WindowSet, other: WindowSet) -> None:
    for field in fields(WindowSet):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name == "targets":
            assert list(a) == list(b)
            pairs = [(a[name], b[name]) for name in a]
        elif isinstance(a, np.ndarray):
            pairs = [(a, b)]
        else:
            assert a == b and repr(a) == repr(b), field.name
            pairs = []
        for left, right in pairs:
            assert left.dtype == right.dtype and left.shape == right.shape
            assert left.tobytes() == right.tobytes()
    assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("cached", "plain"), [(cached_cut, cut), (cached_stream, cut_stream)])
def test_the_same_bits_with_and_without(
    source: Path,
    kept: Kept,
    rate: str,
    cached: Callable[[Dataset, WindowSpec], WindowSet],
    plain: Callable[[Dataset, WindowSpec], WindowSet],
) -> None:
    spec = RATES[rate]
    expected = plain(open_dataset(source), spec)
    assert len(expected) > 10 and len(expected.tasks) == 2
    for number in range(3):
        dataset = kept.open(source)
        assert (dataset.format, dataset.simulated) == ("csv", False)
        assert_identical(cached(dataset, spec), expected)
        assert len(kept.said) == number, "the first makes it, the others find it"


def test_tasks_of_a_model_are_part_of_the_key(source: Path, kept: Kept) -> None:
    tasks = cut(open_dataset(source), SPEC).tasks
    turned = (replace(tasks[0], labels=tasks[0].labels[::-1]), tasks[1])
    for chosen in (None, tasks, turned, tasks[:1]):
        for _ in range(2):
            found = cached_cut(kept.open(source), SPEC, tasks=chosen)
            assert_identical(found, cut(open_dataset(source), SPEC, tasks=chosen))
    assert len(kept.said) == 4


def test_a_hit_reads_no_recording(
    source: Path, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not kept.hits(source)

    def unread(*given: object, **named: object) -> Dataset:
        raise AssertionError("the recordings were opened")

    monkeypatch.setattr(data_cache, "open_dataset", unread)
    assert kept.hits(source)
    with pytest.raises(AssertionError, match="were opened"):
        kept.hits(source, RATES["resampled"])


def test_a_data_set_from_the_cache_can_still_be_read(source: Path, kept: Kept) -> None:
    kept.hits(source)
    again = kept.open(source)
    for _ in range(2):
        assert [len(one) for one in again] == [len(one) for one in open_dataset(source)]
    assert again.name == str(source)


def test_what_was_changed_on_the_way_is_not_mistaken_for_the_source(
    source: Path, kept: Kept
) -> None:
    kept.hits(source)
    dataset = kept.open(source)
    kept.said.clear()
    some = replace(dataset, recordings=lambda: (one for one in dataset if one.placement == "a"))
    assert len(cached_cut(some, SPEC)) < len(cut(dataset, SPEC)) and not kept.said


def test_every_part_of_the_key_counts(
    source: Path, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not kept.hits(source) and kept.hits(source)
    assert not kept.hits(source, format="csv") and not kept.hits(source, units="g")
    for spec in (WindowSpec(rate_hz=49.0), WindowSpec(length=99), WindowSpec(hop=59)):
        assert not kept.hits(source, spec) and kept.hits(source, spec)
    monkeypatch.setattr(data_cache, "code_sha256", lambda module: "another version")
    assert not kept.hits(source)
    monkeypatch.undo()
    monkeypatch.setattr(np, "__version__", "9.9")
    assert not kept.hits(source)


def test_content_is_what_counts_not_time_or_place(source: Path, kept: Kept) -> None:
    assert not kept.hits(source)
    moved = shutil.copytree(source, source.parent / "moved", copy_function=shutil.copyfile)
    assert kept.hits(moved)
    text = (moved / "person1.csv").read_text()
    (moved / "person1.csv").write_text(text.replace("walk", "jump"))
    assert not kept.hits(moved)
    (moved / "person1.csv").write_text(text)
    assert kept.hits(moved)
    (moved / "person1.csv").rename(moved / "somebody.csv")
    assert not kept.hits(moved), "the name says who it was"
    (moved / "somebody.csv").unlink()
    assert not kept.hits(moved)


def test_one_file_and_an_archive(source: Path, kept: Kept, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "a"), "gztar", source))
    for path in (source / "person0.csv", archive):
        assert not kept.hits(path) and kept.hits(path)
    copy = Path(shutil.copyfile(source / "person0.csv", tmp_path / "else.csv"))
    assert not kept.hits(copy), "its person is called after the file"


def test_recordings_that_change_while_they_are_read_are_not_kept(source: Path, kept: Kept) -> None:
    dataset = kept.open(source)
    write_csv(source / "person9.csv", 9)
    cached_cut(dataset, SPEC)
    assert not kept.hits(source)


def test_description(source: Path, kept: Kept) -> None:
    expected = describe(open_dataset(source))
    for number in range(2):
        found = cached_description(kept.open(source))
        assert found == expected and repr(found) == repr(expected)
        assert json.dumps(found.to_json()) == json.dumps(expected.to_json())
        assert len(kept.said) == number
    moved = source.rename(source.parent / "moved")
    assert cached_description(kept.open(moved)).name == str(moved)


def test_damaged_entries_are_made_again(source: Path, kept: Kept) -> None:
    kept.hits(source)
    expected = cut(open_dataset(source), SPEC)
    for damage in (b"", b"x" * 5000):
        for entry in kept.path.iterdir():
            entry.write_bytes(damage)
        kept.said.clear()
        assert_identical(cached_cut(kept.open(source), SPEC), expected)
        assert not kept.said and kept.hits(source)


def test_a_cache_that_cannot_be_written_is_done_without(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = Kept(tmp_path / "file" / "cache")
    assert_identical(cached_cut(kept.open(source), SPEC), cut(open_dataset(source), SPEC))
    assert kept.said and all("without the cache: Cannot write" in text for text in kept.said)


def test_bad_sources_are_refused_as_without_a_cache(tmp_path: Path, kept: Kept) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "bad.csv").write_text("time,x,y,z\n0,0,0,1\n")
    (tmp_path / "nothing").mkdir()
    for name in ("missing", "empty.csv", "bad.csv", "nothing"):
        with pytest.raises(DataError) as plain:
            list(open_dataset(tmp_path / name))
        with pytest.raises(DataError) as cached:
            list(kept.open(tmp_path / name))
        assert str(plain.value) == str(cached.value)


def test_the_simulator_and_no_folder_keep_nothing(
    source: Path, kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kept.open(Path("posture-sim")).simulated
    cached_cut(DataCache().open(source), SPEC)
    cached_cut(open_dataset(source), SPEC)
    assert not kept.path.exists()


def test_where_the_cache_lies(source: Path, tmp_path: Path) -> None:
    def lies(use: bool = True, **environment: str) -> Path | None:
        folder = default_cache(use, environment=environment)._folder
        return None if folder is None else folder.path

    home = str(tmp_path)
    assert lies(HOME=home) == tmp_path / ".cache" / "wearkit"
    assert lies(HOME=home, XDG_CACHE_HOME="/x") == Path("/x/wearkit")
    assert lies(HOME=home, XDG_CACHE_HOME="relative") == tmp_path / ".cache" / "wearkit"
    assert lies(HOME=home, XDG_CACHE_HOME="/x", WEARKIT_CACHE="mine") == Path("mine")
    assert lies(HOME=home, WEARKIT_CACHE="") is None and lies() is None
    assert lies(False, HOME=home, WEARKIT_CACHE="mine") is None


def test_the_code_digest_follows_every_import() -> None:
    script = (
        "import sys, wearkit.windows.cache as d; "
        "from wearkit.recordings.formats import open_dataset; "
        "next(iter(open_dataset('posture-sim'))); "
        "print(*(n for n in sys.modules if n.startswith('wearkit.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {name.removeprefix("wearkit.") for name in done.stdout.split()}
    found = code_of("windows.cache")
    assert (
        {"windows.cut", "recordings.formats.wisdm", "recordings.posture_sim", "counts"}
        <= loaded
        <= set(found)
    )
    assert "training.loop" not in found and "model.network" not in found


def test_the_code_digest_changes_with_any_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_digest.code_sha256.__wrapped__("windows.cut")
    assert before == code_digest.code_sha256.__wrapped__("windows.cut")
    texts = code_of("windows.cut")
    assert "counts" in texts
    changed = {**texts, "counts": texts["counts"].replace("256", "255")}
    monkeypatch.setattr(code_digest, "code_of", lambda module: changed)
    assert code_digest.code_sha256.__wrapped__("windows.cut") != before


def test_processes_at_once_and_a_folder_that_keeps_vanishing(
    source: Path, kept: Kept, tmp_path: Path
) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from wearkit.windows.cache_folder import CacheFolder\n"
        "from wearkit.windows.cache import DataCache, cached_cut\n"
        "from wearkit.spec import WindowSpec\n"
        "for number in range(6):\n"
        "    dataset = DataCache(CacheFolder(Path(sys.argv[2]))).open(sys.argv[1])\n"
        "    print(cached_cut(dataset, WindowSpec()).fingerprint, flush=True)\n"
    )
    arguments = [sys.executable, "-c", script, str(source), str(kept.path)]
    running = [
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    while any(process.poll() is None for process in running):
        shutil.rmtree(kept.path, ignore_errors=True)
    expected = cut(open_dataset(source), SPEC).fingerprint
    for process in running:
        said, errors = process.communicate()
        assert process.returncode == 0, errors
        assert set(said.split()) == {expected}
