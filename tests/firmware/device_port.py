"""Play samples to a device on a pseudo-terminal and take apart what it sends.

Frames are unstuffed and read here by hand, from docs/protocol.md's layout, so that the device's C
and the toolkit's Python are not each other's only witness.
"""

from __future__ import annotations

import os
import shutil
import struct
import threading
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.bundle import C_FOLDER, Bundle
from wearkit.counts import counts_to_int8
from wearkit.integer.graph_file import model_id
from wearkit.integer.reference import Reference
from wearkit.link.ports.pty import PseudoTerminal
from wearkit_export.emulate.device import Device, Emulated, EmulateOptions

Counts = NDArray[np.int16]
HELLO, SAMPLES, PREDICTION, STATS, ERROR, PONG = 1, 2, 3, 4, 5, 6


def of_windows(bundle: Bundle, folder: Path, **window: Any) -> Bundle:
    """The same network, said to be of other windows (rate_hz, hop), in an absent folder. It has no
    c/, which would be of the bundle it came from."""
    model = replace(bundle.model, window=replace(bundle.model.window, **window))
    graph = replace(bundle.graph, model=model)
    names = [name for name in bundle.manifest["files"] if not name.startswith(f"{C_FOLDER}/")]
    folder.mkdir()
    for name in names:
        shutil.copy(bundle.path / name, folder / name)
    files = {name: bundle.manifest["files"][name] for name in names}
    manifest = {**bundle.manifest, "files": files}
    return Bundle(folder, manifest, graph, model_id(graph))


@dataclass(slots=True)
class Received:
    """What came over the port, taken apart. samples: (first index, t_us of the last, counts)."""

    result: Emulated
    text: bytes
    hellos: list[bytes] = field(default_factory=list)
    samples: list[tuple[int, int, Counts]] = field(default_factory=list)
    predictions: list[tuple[int, int, bytes]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    stats: list[bytes] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)

    def runs(self) -> list[Counts]:
        """Samples between two restarts of the index, whole."""
        found: list[list[Counts]] = []
        for first, _, counts in self.samples:
            if first == 0:
                found.append([])
            assert first == sum(map(len, found[-1]))
            found[-1].append(counts)
        return [np.concatenate(run) for run in found]


def _unstuff(data: bytes) -> bytes:
    out = bytearray()
    at = 0
    while at < len(data):
        code = data[at]
        out += data[at + 1 : at + code]
        at += code
        if at < len(data):
            out.append(0)
    return bytes(out)


def hear(result: Emulated, data: bytes) -> Received:
    heard = Received(result, data)
    for piece in filter(None, data.split(b"\0")):
        frame = _unstuff(piece)
        assert zlib.crc32(frame[:-4]) == int.from_bytes(frame[-4:], "little")
        major, kind, seq = struct.unpack_from("<BBH", frame)
        assert major == 1
        heard.seqs.append(seq)
        body = frame[4:-4]
        if kind == HELLO:
            heard.hellos.append(body)
        elif kind == SAMPLES:
            first, t_us, count, _ = struct.unpack_from("<IIBB", body)
            counts = np.frombuffer(body[10:], "<i2").reshape(count, 3)
            heard.samples.append((first, t_us, counts))
        elif kind == PREDICTION:
            first, crc = struct.unpack_from("<II", body)
            heard.predictions.append((first, crc, body[8:]))
        elif kind == ERROR:
            heard.errors.append(body[3:].decode("ascii"))
        elif kind == PONG:
            heard.pongs.append(body)
        elif kind == STATS:
            heard.stats.append(body)
    return heard


def play(device: Device, counts: Counts, options: EmulateOptions, said: bytes = b"") -> Received:
    """said: what the host writes to the port as soon as it is open."""
    port = PseudoTerminal()
    data = bytearray()

    def read(reader: int) -> None:
        try:
            while chunk := os.read(reader, 65536):
                data.extend(chunk)
        except OSError:
            pass  # the port was closed: everything has come
        os.close(reader)

    reader = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
    assert os.write(reader, said) == len(said)
    thread = threading.Thread(target=read, args=(reader,))
    thread.start()
    try:
        result = device.run(port, [counts[:701], counts[701:]], options)
    finally:
        port.close()
        thread.join()
    assert result.drained
    return hear(result, bytes(data)) if options.mode != "text" else Received(result, bytes(data))


def assert_predictions(heard: Received, bundle: Bundle, run: Counts) -> None:
    """Every window of the run that can be, and each with the reference's logits."""
    starts = list(range(0, len(run) - 99, 60))
    assert [first for first, _, _ in heard.predictions] == starts
    windows = np.stack([run[start : start + 100] for start in starts])
    expected = Reference(bundle.graph).run(counts_to_int8(windows))
    for row, (_, crc, body) in enumerate(heard.predictions):
        assert crc == zlib.crc32(windows[row].astype("<i2").tobytes())
        assert body[:8] == bytes.fromhex(bundle.model_id)[:8]
        at = 13
        assert body[12] == len(bundle.model.tasks)
        for task in bundle.model.tasks:
            size = body[at]
            scale, zero = struct.unpack_from("<fb", body, at + 1)
            logits = np.frombuffer(body[at + 6 : at + 6 + size], np.int8)
            at += 6 + size
            assert logits.tolist() == expected[task.name][row].tolist()
            tensor = next(h.tensor for h in bundle.graph.heads if h.task == task.name)
            assert scale == np.float32(bundle.graph.tensor(tensor).scale)
            assert zero == bundle.graph.tensor(tensor).zero_point
        assert at == len(body)
