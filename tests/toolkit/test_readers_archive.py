"""Archives are believed only when every member is a plain file inside them."""

from __future__ import annotations

import io
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wearkit.errors import DataError
from wearkit.recordings.archives import untrusted
from wearkit.recordings.archives.archive import open_source
from wearkit.recordings.formats import open_dataset

CSV = b"# units=g\ntime,x,y,z,label\n" + b"".join(
    b"%d.%02d,0.1,0.2,0.9,%s\n" % (i // 50, i % 50 * 2, b"sit" if i < 200 else b"walk")
    for i in range(400)
)
FILES = {
    "set/anna.csv": CSV,
    "set/ben.csv": CSV.replace(b",0.9,", b",0.8,"),
    "set/readme.txt": b"hi",
}

Edit = Callable[[tarfile.TarInfo], None]


def tar_xz(path: Path, files: dict[str, bytes], edit: Edit = lambda info: None) -> Path:
    with tarfile.open(path, "w:xz") as out:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            edit(info)
            out.addfile(info, io.BytesIO(data))
    return path


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in files.items():
            out.writestr(name, data)
    return path


def folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def contents(path: Path) -> dict[str, bytes]:
    return {name: stream.read() for name, stream in open_source(path).read(lambda name: True)}


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        list(open_dataset(path))
    message = str(caught.value)
    assert "\n" not in message and message.endswith("."), message
    return message


def test_folder_zip_and_tar_give_the_same_files_and_nothing_on_disk(tmp_path: Path) -> None:
    sources = [
        folder(tmp_path / "folder", FILES),
        zipped(tmp_path / "a.zip", FILES),
        tar_xz(tmp_path / "a.tar.xz", FILES),
    ]
    before = sorted(tmp_path.rglob("*"))
    for source in sources:
        assert contents(source) == FILES
        assert open_source(source).names == tuple(sorted(FILES))
        assert [len(recording) for recording in open_dataset(source)] == [400, 400]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_leaves_out_hidden_files_and_linked_folders(tmp_path: Path) -> None:
    root = folder(tmp_path / "root", {"a.csv": CSV, ".hidden.csv": CSV, ".git/b.csv": CSV})
    (root / "loop").symlink_to(root)
    assert open_source(root).names == ("a.csv",)


@pytest.mark.parametrize(
    "name", ["../evil.csv", "set/../../evil.csv", "/etc/evil.csv", "C:/evil.csv", "..\\evil.csv"]
)
def test_a_name_outside_the_archive_refuses_all_of_it(tmp_path: Path, name: str) -> None:
    files = {"good.csv": CSV, name: CSV}
    assert "outside the archive" in refusal(tar_xz(tmp_path / "a.tar.xz", files))
    assert "outside the archive" in refusal(zipped(tmp_path / "a.zip", files))


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CONTTYPE,
    ],
)
def test_a_tar_with_anything_but_files_is_refused(tmp_path: Path, kind: bytes) -> None:
    def edit(info: tarfile.TarInfo) -> None:
        if info.name == "b.csv":
            info.type, info.linkname, info.size = kind, "/etc/passwd", 0

    path = tar_xz(tmp_path / "a.tar.xz", {"a.csv": CSV, "b.csv": b""}, edit)
    assert "not a regular file" in refusal(path)


def test_a_sparse_tar_member_is_refused(tmp_path: Path) -> None:
    def edit(info: tarfile.TarInfo) -> None:
        info.pax_headers = {"GNU.sparse.size": str(1 << 29), "GNU.sparse.map": "0,1"}

    path = tmp_path / "a.tar.xz"
    with tarfile.open(path, "w:xz", format=tarfile.PAX_FORMAT) as out:
        info = tarfile.TarInfo("a.csv")
        info.size = 1
        edit(info)
        out.addfile(info, io.BytesIO(b"1"))
    assert "not a regular file" in refusal(path)


def test_zip_links_encryption_and_odd_compressions_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("a.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as out:
        out.writestr(link, "/etc/passwd")
    assert "not a regular file" in refusal(tmp_path / "link.zip")

    with zipfile.ZipFile(tmp_path / "lzma.zip", "w", zipfile.ZIP_LZMA) as out:
        out.writestr("a.csv", CSV)
    assert "deflate" in refusal(tmp_path / "lzma.zip")

    data = bytearray(zipped(tmp_path / "plain.zip", {"a.csv": CSV}).read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the encrypted bit of the central directory
    (tmp_path / "locked.zip").write_bytes(data)
    assert "encrypted" in refusal(tmp_path / "locked.zip")


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.xz"
    with tarfile.open(path, "w:xz") as out:
        for name in ("a.csv", "./a.csv"):
            info = tarfile.TarInfo(name)
            info.size = len(CSV)
            out.addfile(info, io.BytesIO(CSV))
    assert "twice" in refusal(path)


def test_bombs_are_refused_by_what_comes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(untrusted, "RATIO_FREE_BYTES", 1 << 16)
    files = {"zeros.csv": bytes(1 << 20)}
    assert "200 times its size" in refusal(tar_xz(tmp_path / "a.tar.xz", files))
    assert "200 times its size" in refusal(zipped(tmp_path / "a.zip", files))
    monkeypatch.setattr(untrusted, "RATIO_FREE_BYTES", 1 << 26)
    monkeypatch.setattr(untrusted, "MAX_TOTAL_BYTES", 1 << 19)
    assert "more than 4 GiB" in refusal(tar_xz(tmp_path / "a.tar.xz", files))
    assert "more than 4 GiB" in refusal(zipped(tmp_path / "a.zip", files))


def test_too_large_and_too_many_members_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tar, plain = tar_xz(tmp_path / "a.tar.xz", FILES), zipped(tmp_path / "a.zip", FILES)
    root = folder(tmp_path / "f", FILES)
    monkeypatch.setattr(untrusted, "MAX_MEMBERS", 2)
    for path in (tar, plain, root):
        assert "more than 2 files" in refusal(path)
    monkeypatch.setattr(untrusted, "MAX_MEMBERS", 10)
    monkeypatch.setattr(untrusted, "MAX_MEMBER_BYTES", 1000)
    for path in (tar, plain):
        assert "larger than" in refusal(path)


def test_a_header_that_claims_gigabytes_does_not_fill_the_memory(tmp_path: Path) -> None:
    """A pax header is read whole by tarfile; ours must stop it before it is."""
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 4 << 30
    path = tmp_path / "a.tar.xz"
    path.write_bytes(lzma.compress(info.tobuf(tarfile.USTAR_FORMAT) + bytes(64 << 20)))
    assert "far too large" in refusal(path)


def test_cut_short_empty_and_foreign_files(tmp_path: Path) -> None:
    whole = tar_xz(tmp_path / "a.tar.xz", FILES).read_bytes()
    (tmp_path / "cut.tar.xz").write_bytes(whole[: len(whole) // 2])
    assert "cut short" in refusal(tmp_path / "cut.tar.xz")
    whole = zipped(tmp_path / "a.zip", FILES).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    assert "cut short" in refusal(tmp_path / "cut.zip")
    (tmp_path / "empty.csv").write_bytes(b"")
    assert "is empty" in refusal(tmp_path / "empty.csv")
    (tmp_path / "photo.jpg").write_bytes(bytes(range(256)) * 40)
    assert "header" in refusal(tmp_path / "photo.jpg")
    assert "no file or folder" in refusal(tmp_path / "missing")
    assert "no recording in a known format" in refusal(
        tar_xz(tmp_path / "b.tar.xz", {"note.txt": b"hi"})
    )
    (tmp_path / "nothing").mkdir()
    assert "no recording in a known format" in refusal(tmp_path / "nothing")


def test_an_xz_of_several_padded_streams_is_one_file(tmp_path: Path) -> None:
    tar_xz(tmp_path / "a.tar.xz", FILES)
    plain = lzma.decompress((tmp_path / "a.tar.xz").read_bytes())
    parts = [plain[:700], b"", plain[700:1536], plain[1536:]]
    (tmp_path / "b.tar.xz").write_bytes(bytes(8).join(lzma.compress(part) for part in parts))
    assert contents(tmp_path / "b.tar.xz") == FILES


def test_a_copy_cut_between_two_files_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    tar_xz(tmp_path / "a.tar.xz", FILES)
    plain = lzma.decompress((tmp_path / "a.tar.xz").read_bytes())
    border = plain.index(b"set/ben.csv")
    rest = lzma.compress(plain[border:])
    (tmp_path / "b.tar.xz").write_bytes(lzma.compress(plain[:border]) + rest[:40])
    assert "cut short" in refusal(tmp_path / "b.tar.xz")


def test_a_flipped_byte_is_found_before_anything_is_read(tmp_path: Path) -> None:
    """xz proves its contents only at its very end, which is after the end of the tar."""
    noise = np.random.default_rng(0).bytes(300_000)  # does not compress: stored as it is
    path = tar_xz(tmp_path / "a.tar.xz", {"a.csv": CSV, "noise.bin": noise})
    data = bytearray(path.read_bytes())
    data[data.index(noise[150_000:150_020])] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        open_source(path).names  # noqa: B018


def test_a_zip_member_without_a_name_is_no_crash(tmp_path: Path) -> None:
    data = zipped(tmp_path / "a.zip", {"Q": CSV, "b.csv": CSV}).read_bytes()
    entry = data.index(b"PK\x01\x02")
    short = data[: entry + 28] + b"\0\0" + data[entry + 30 : entry + 46] + data[entry + 47 :]
    size = int.from_bytes(short[-10:-6], "little") - 1
    (tmp_path / "a.zip").write_bytes(short[:-10] + size.to_bytes(4, "little") + short[-6:])
    assert open_source(tmp_path / "a.zip").names == (".", "b.csv")
    assert len(list(open_dataset(tmp_path / "a.zip"))) == 1


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1 << 18, (1 << 18) + 512])
def test_members_of_every_size_are_whole(tmp_path: Path, size: int) -> None:
    files = {"a": b"x" * size, "b": b"y" * size}
    assert contents(tar_xz(tmp_path / "a.tar.xz", files)) == files
    assert contents(zipped(tmp_path / "a.zip", files)) == files


@pytest.mark.parametrize("kind", ["tar", "zip"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_archive_is_read_or_refused_and_nothing_else(
    tmp_path: Path, kind: str, data: st.DataObject
) -> None:
    """Flips bytes of the headers too: the tar is damaged before it is packed."""
    if kind == "tar":
        whole = bytearray(lzma.decompress(tar_xz(tmp_path / "a.tar.xz", FILES).read_bytes()))
    else:
        whole = bytearray(zipped(tmp_path / "a.zip", FILES).read_bytes())
    headers = [i for i in range(len(whole)) if i % 1024 < 520 or i > len(whole) - 400]
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.sampled_from(headers))] = data.draw(st.integers(0, 255))
    if kind == "tar":
        for begin in range(0, len(whole) - 512, 512):  # a valid checksum gets past the first check
            block = whole[begin : begin + 512]
            if block[257:262] == b"ustar":
                total = sum(block[:148]) + 8 * 32 + sum(block[156:])
                whole[begin + 148 : begin + 156] = b"%06o\0 " % total
    path = tmp_path / "damaged"
    path.write_bytes(lzma.compress(whole) if kind == "tar" else whole)
    try:
        rows = sum(len(recording) for recording in open_dataset(path))
    except DataError as error:
        assert str(error)
    else:
        assert rows <= 800
