"""Ways to break the headers of safetensors, npy, npz, zip, tar and cwa files, with what vouches for
them mostly made right again; and a set of files by the way of each.
"""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
import zipfile
from collections.abc import Mapping

import numpy as np
from breaking import Way, aim, broken_bytes, broken_json, choice
from fuzzing import STRANGE, Files, Places

_FIX_SHARE = 0.85  # how often a sum or a length agrees again with what was changed


def broken_safetensors(data: bytes, generator: np.random.Generator) -> bytes:
    """The header's JSON, its length, or the numbers behind it."""
    size = struct.unpack("<Q", data[:8])[0]
    header, body = data[8 : 8 + size], data[8 + size :]
    kind = generator.random()
    if kind < 0.4:
        header = broken_json(header, generator)
    elif kind < 0.7:
        strange = choice(
            (b"\0\0\xc0\x7f", b"\0\0\x80\xff", b"\xff" * 4, b"\xff\xff\x7f\x7f"), generator
        )
        place = int(generator.integers(0, len(body) // 4)) * 4
        return data[: 8 + size] + body[:place] + strange + body[place + 4 :]
    else:
        return broken_bytes(data, generator)
    length = len(header) if generator.random() < _FIX_SHARE else choice(STRANGE, generator)
    return struct.pack("<Q", length) + header + body


_SHAPES = (
    *("(1000000000,)", "(-1,)", "()", "(2147483648, 2147483648)", "(0, 100, 3)", "(1, 100, 3)"),
    *("[3]", "(True,)", "(1,) * 99", "(" + "1," * 40 + ")", "(1e3,)", "__import__('os')"),
)
_DESCRS = (
    "'|O'",
    "'<f8'",
    "'<i2'",
    "'>i2'",
    "'<U4'",
    "'|V2'",
    "'<M8[s]'",
    "[('a', '<i2')]",
    "''",
    "7",
)


def broken_npy(data: bytes, generator: np.random.Generator) -> bytes:
    """The header's type, shape or order, its length or version, or the numbers."""
    size = struct.unpack("<H", data[8:10])[0]
    header, body = data[10 : 10 + size].decode(), data[10 + size :]
    kind = generator.random()
    if kind < 0.3:
        before, _, rest = header.partition("'shape': ")
        header = f"{before}'shape': {choice(_SHAPES, generator)}, {rest.partition('), ')[2]}"
    elif kind < 0.6:
        before, _, rest = header.partition("'fortran_order'")
        header = f"{{'descr': {choice(_DESCRS, generator)}, 'fortran_order'{rest}"
    elif kind < 0.7:
        header = header.replace("False", choice(("True", "None", "0"), generator))
    elif kind < 0.85:
        values = np.frombuffer(body[: len(body) // 2 * 2], np.uint8).copy()
        values[generator.integers(0, max(len(values), 1), 4) % max(len(values), 1)] = 255
        body = values.tobytes() if len(values) else b"\0"
    else:
        return broken_bytes(data, generator)
    text = header.encode()
    length = len(text) if generator.random() < _FIX_SHARE else choice(STRANGE, generator)
    return data[:8] + struct.pack("<H", length % 65536) + text + body


def broken_npz(data: bytes, generator: np.random.Generator) -> bytes:
    """One array of the archive, or the archive around them."""
    if generator.random() < 0.35:
        return broken_zip(data, generator)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        arrays = {name: archive.read(name) for name in archive.namelist()}
    name = choice(sorted(arrays), generator)
    match int(generator.integers(0, 8)):
        case 0:
            del arrays[name]
        case 1:
            arrays[str(choice(("x.npy", "../x.npy", name + "2", "counts"), generator))] = arrays[
                name
            ]
        case 2:
            arrays[name] = arrays[choice(sorted(arrays), generator)]
        case _:
            arrays[name] = broken_npy(arrays[name], generator)
    return zipped(arrays)


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


# Every number of a zip's headers, and the first bytes of its names: (signature, places).
_ZIP_FIELDS: tuple[tuple[bytes, Places], ...] = (
    (b"PK\x03\x04", [(4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2), (30, 1)]),
    (
        b"PK\x01\x02",
        [
            *((4, 2), (6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2)),
            *((32, 2), (34, 2), (36, 2), (38, 4), (42, 4), (46, 1), (47, 1)),
        ],
    ),
    (b"PK\x05\x06", [(4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)]),
)


def broken_zip(data: bytes, generator: np.random.Generator) -> bytes:
    """Fields of its headers; a method, a type or a name that means something; or bytes."""
    places: list[tuple[int, int]] = []
    for signature, fields in _ZIP_FIELDS:
        start = data.find(signature)
        while start >= 0:
            places += [(start + at, size) for at, size in fields if start + at + size <= len(data)]
            start = data.find(signature, start + 4)
    if not places or generator.random() < 0.25:
        return broken_bytes(data, generator)
    changed = bytearray(data)
    for _ in range(int(generator.integers(1, 3))):
        aim(changed, places, generator)
    return bytes(changed)


_TAR_BLOCK = 512
_TAR_TYPES = b"0\x001234567xgLKSDVMX"
_TAR_SIZES = (
    b"77777777777\0",
    b"-0000000001\0",
    b"\x80" + b"\xff" * 11,
    b"\xff" * 12,
    b" " * 12,
    b"9" * 12,
)
_TAR_NAMES = (
    b"../evil.csv",
    b"/etc/evil.csv",
    b"C:evil",
    b".",
    b"",
    b"a\\..\\b",
    b"\xff\xfe.csv",
    b"a/" * 49,
)


def broken_tar(data: bytes, generator: np.random.Generator) -> bytes:
    """A header's name, size, type or any byte, with its sum made right again; or bytes."""
    headers = [
        at for at in range(0, len(data) - 511, _TAR_BLOCK) if data[at + 257 : at + 262] == b"ustar"
    ]
    if not headers or generator.random() < 0.25:
        return broken_bytes(data, generator)
    at = choice(headers, generator)
    header = bytearray(data[at : at + _TAR_BLOCK])
    match int(generator.integers(0, 5)):
        case 0:
            header[:100] = choice(_TAR_NAMES, generator).ljust(100, b"\0")
        case 1:
            header[124:136] = choice(_TAR_SIZES, generator)
        case 2:
            header[156] = choice(_TAR_TYPES, generator)
        case 3:
            header[124:136] = b"%011o\0" % int(choice((*STRANGE, 10, 100, 700), generator))
        case _:
            header[int(generator.integers(0, _TAR_BLOCK))] = int(generator.integers(0, 256))
    if generator.random() < _FIX_SHARE:
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
    return data[:at] + bytes(header) + data[at + _TAR_BLOCK :]


def tarred(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def broken_cwa(data: bytes, generator: np.random.Generator) -> bytes:
    """Fields of a block, with its sum made right again, or blocks moved about; or bytes."""
    blocks = [bytearray(data[at : at + 512]) for at in range(1024, len(data), 512)]
    if generator.random() < 0.2 or not blocks:
        return broken_bytes(data, generator)
    fields = [(2, 2), (4, 2), (6, 4), (10, 4), (14, 4), (18, 2), (24, 1), (25, 1), (26, 2), (28, 2)]
    for _ in range(int(generator.integers(1, 4))):
        block = choice(blocks, generator)
        match int(generator.integers(0, 8)):
            case 0:
                blocks.insert(int(generator.integers(0, len(blocks))), bytearray(block))
            case 1:
                blocks.remove(block)
            case _:
                aim(block, fields, generator)
                if generator.random() < _FIX_SHARE:
                    total = int(np.frombuffer(bytes(block[:510]), "<u2").sum(dtype=np.uint64))
                    block[510:] = struct.pack("<H", -total & 0xFFFF)
        if not blocks:
            break
    return data[:1024] + b"".join(blocks)


def broken_set(files: Files, generator: np.random.Generator, ways: Mapping[str, Way]) -> Files:
    """One file of a set broken by the way of its suffix; now and then the set itself."""
    changed = dict(files)
    name = choice(sorted(files), generator)
    match int(generator.integers(0, 40)):
        case 0 if len(files) > 1:
            del changed[name]
        case 1:
            changed[name] = b""
        case 2:
            changed[name] = files[choice(sorted(files), generator)]
        case 3:
            changed[f"copy/{name}"] = files[name]
        case 4:
            changed[f"{name[:-5]}9{name[-4:]}"] = changed.pop(name)
        case _:
            changed[name] = ways[name.rpartition(".")[2]](files[name], generator)
    return changed


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
