"""A tar is believed by the same rules whatever it is packed in, and never when it is cut short."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wearkit.errors import DataError
from wearkit.recordings.archives import untrusted
from wearkit.recordings.archives.archive import open_source
from wearkit.recordings.archives.unpacking import GzipDecoder, UnpackedStream
from wearkit.recordings.formats import open_dataset

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".tar": bytes,
    ".tar.gz": gzip.compress,
    ".tgz": lambda data: gzip.compress(data, 1),
    ".tar.bz2": bz2.compress,
    ".tar.xz": lzma.compress,
}
PACKED = tuple(kind for kind in PACK if kind != ".tar")
kinds = pytest.mark.parametrize("kind", PACK)
packed_kinds = pytest.mark.parametrize("kind", PACKED)

CSV = b"# units=g\ntime,x,y,z,label\n" + b"".join(
    b"%d.%02d,0.1,0.2,0.9,%s\n" % (i // 50, i % 50 * 2, b"sit" if i < 200 else b"walk")
    for i in range(400)
)
FILES = {"set/anna.csv": CSV, "set/ben.csv": CSV.replace(b",0.9,", b",0.8,"), "readme.txt": b"hi"}

Edit = Callable[[tarfile.TarInfo], None]


def tarred(files: dict[str, bytes], edit: Edit = lambda info: None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            edit(info)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def written(folder: Path, kind: str, tar: bytes) -> Path:
    path = folder / f"a{kind}"
    path.write_bytes(PACK[kind](tar))
    return path


def contents(path: Path) -> dict[str, bytes]:
    return {name: stream.read() for name, stream in open_source(path).read(lambda name: True)}


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        list(open_dataset(path))
    message = str(caught.value)
    assert "\n" not in message and message.endswith("."), message
    return message


@kinds
def test_every_kind_gives_the_same_files_and_nothing_on_disk(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, kind, tarred(FILES))
    assert contents(path) == FILES
    assert open_source(path).names == tuple(sorted(FILES))
    assert [len(recording) for recording in open_dataset(path)] == [400, 400]
    assert list(tmp_path.iterdir()) == [path]


@kinds
def test_the_kind_is_told_by_content_not_by_name(tmp_path: Path, kind: str) -> None:
    written(tmp_path, kind, tarred(FILES)).rename(tmp_path / "recordings.bin")
    assert contents(tmp_path / "recordings.bin") == FILES


@kinds
@pytest.mark.parametrize("name", ["../evil.csv", "a/../../evil.csv", "/etc/evil.csv", "C:/e.csv"])
def test_a_name_outside_the_archive_refuses_all_of_it(tmp_path: Path, kind: str, name: str) -> None:
    path = written(tmp_path, kind, tarred({"good.csv": CSV, name: CSV}))
    assert "outside the archive" in refusal(path)


@kinds
@pytest.mark.parametrize(
    "type_", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_anything_but_files_is_refused(tmp_path: Path, kind: str, type_: bytes) -> None:
    def edit(info: tarfile.TarInfo) -> None:
        if info.name == "b.csv":
            info.type, info.linkname, info.size = type_, "/etc/passwd", 0

    path = written(tmp_path, kind, tarred({"a.csv": CSV, "b.csv": b""}, edit))
    assert "not a regular file" in refusal(path)


@kinds
def test_a_name_given_twice_is_refused(tmp_path: Path, kind: str) -> None:
    def edit(info: tarfile.TarInfo) -> None:
        info.name = "./a.csv" if info.name == "b.csv" else info.name

    assert "twice" in refusal(written(tmp_path, kind, tarred({"a.csv": CSV, "b.csv": CSV}, edit)))


@packed_kinds
def test_bombs_are_refused_by_what_comes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(untrusted, "RATIO_FREE_BYTES", 1 << 16)
    path = written(tmp_path, kind, tarred({"zeros.csv": bytes(8 << 20)}))
    assert 200 * path.stat().st_size < 8 << 20, "no bomb: the test is void"
    assert "200 times its size" in refusal(path)


@kinds
def test_too_much_too_large_and_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = written(tmp_path, kind, tarred(FILES))
    monkeypatch.setattr(untrusted, "MAX_TOTAL_BYTES", 1 << 12)
    assert "more than 4 GiB" in refusal(path)
    monkeypatch.setattr(untrusted, "MAX_TOTAL_BYTES", 1 << 30)
    monkeypatch.setattr(untrusted, "MAX_MEMBERS", 2)
    assert "more than 2 files" in refusal(path)
    monkeypatch.setattr(untrusted, "MAX_MEMBERS", 10)
    monkeypatch.setattr(untrusted, "MAX_MEMBER_BYTES", 1000)
    assert "larger than" in refusal(path)


@kinds
def test_a_header_that_claims_gigabytes_does_not_fill_the_memory(tmp_path: Path, kind: str) -> None:
    """A pax header is read whole by tarfile; ours must stop it before it is."""
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 4 << 30
    path = written(tmp_path, kind, info.tobuf(tarfile.USTAR_FORMAT) + bytes(16 << 20))
    assert "far too large" in refusal(path)


@kinds
def test_a_copy_cut_anywhere_is_refused_in_one_sentence(tmp_path: Path, kind: str) -> None:
    tar = tarred(FILES)
    whole = PACK[kind](tar)
    # A plain tar ends with zeros of which one block is proof enough.
    needed = len(tar.rstrip(b"\0")) + 2 * 512 if kind == ".tar" else len(whole)
    for size in {*range(1, needed - 512, 997), *range(512, needed - 1024, 512), needed - 1024}:
        path = tmp_path / "cut"
        path.write_bytes(whole[:size])
        message = refusal(path)
        assert "cut short" in message or size < 512, (size, message)
    if kind != ".tar":
        for missing in (1, 4, 8, 12):
            (tmp_path / "cut").write_bytes(whole[:-missing])
            assert "cut short" in refusal(tmp_path / "cut")


@kinds
def test_a_tar_that_lost_its_tail_before_it_was_packed_is_refused(
    tmp_path: Path, kind: str
) -> None:
    """tarfile takes the end of the file, and a header it cannot read, for the archive's end."""
    tar = tarred(FILES)
    second = tar.index(b"set/ben.csv")
    for damaged in (
        tar[:second],
        tar[: second + 512 + 100],
        tar[: second + 3] + b"!" + tar[second + 4 :],
    ):
        assert "cut short" in refusal(written(tmp_path, kind, damaged))


@packed_kinds
def test_a_flipped_byte_is_found_before_anything_is_read(tmp_path: Path, kind: str) -> None:
    noise = np.random.default_rng(0).bytes(300_000)  # does not compress
    path = written(tmp_path, kind, tarred({"a.csv": CSV, "noise.bin": noise}))
    data = bytearray(path.read_bytes())
    data[len(data) - 100_000] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        open_source(path).names  # noqa: B018


@packed_kinds
def test_several_padded_streams_are_one_file(tmp_path: Path, kind: str) -> None:
    tar = tarred(FILES)
    parts = [tar[:700], b"", tar[700:1536], tar[1536:]]
    path = tmp_path / "b"
    path.write_bytes(bytes(8).join(PACK[kind](part) for part in parts))
    assert contents(path) == FILES
    path.write_bytes(PACK[kind](tar) + b"rubbish after the end")
    assert "damaged" in refusal(path)


@packed_kinds
def test_a_packed_file_that_is_no_tar_says_so(tmp_path: Path, kind: str) -> None:
    assert "holds no tar" in refusal(written(tmp_path, kind, CSV))
    assert "holds no tar" in refusal(written(tmp_path, kind, b""))


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1 << 18, (1 << 18) + 512])
@kinds
def test_members_of_every_size_are_whole(tmp_path: Path, kind: str, size: int) -> None:
    files = {"a": b"x" * size, "b": b"y" * size}
    assert contents(written(tmp_path, kind, tarred(files))) == files


def test_gzip_gives_all_it_holds_in_steps_of_any_size(tmp_path: Path) -> None:
    """zlib may hold unpacked bytes back when it has taken all the packed ones."""
    data = bytes(100_000) + np.random.default_rng(1).bytes(1000) + bytes(70_000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(data) + gzip.compress(data))
    for step in (1013, 70_000, 1 << 20):
        with (tmp_path / "a.gz").open("rb") as raw:
            stream = UnpackedStream(raw, tmp_path, GzipDecoder)
            parts = []
            while part := stream.read(step):
                parts.append(part)
        assert b"".join(parts) == data + data


@kinds
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(
    tmp_path: Path, kind: str, data: st.DataObject
) -> None:
    whole = bytearray(PACK[kind](tarred(FILES)))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged"
    path.write_bytes(whole)
    try:
        rows = sum(len(recording) for recording in open_dataset(path))
    except DataError as error:
        assert str(error)
    else:
        assert rows <= 800
