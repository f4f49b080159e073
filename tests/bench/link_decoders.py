"""Part 1 of link.py: both decoders of frames under bytes that somebody else chose.

At --scale 1: a million made-up streams in Python and in C (sanitizers on), as many runs of
libFuzzer where clang has it, and ten million damaged frames of each class in C. Exits 1 when a byte
is not booked exactly once, a damaged frame is accepted, or an intact one after it is lost; a crash
or an exception ends it.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from wearkit.errors import DataError
from wearkit.link.frames.codec import Message, encode_message
from wearkit.link.frames.frame import FrameDecoder
from wearkit.link.frames.from_device import (
    DeviceError,
    Feature,
    HeadLogits,
    Hello,
    Prediction,
    Samples,
    Stats,
)
from wearkit.link.frames.from_host import Config, Ping, Replay, Start
from wearkit.link.frames.stream import FrameStream
from wearkit.link.options import StreamOptions

STREAMS, DAMAGED = 1_000_000, 10_000_000
_FIRMWARE = Path(__file__).parents[2] / "firmware"
_FIELD = re.compile(r"(\w+)=(\d+)")
_OPTIONS = StreamOptions(rate_hz=50.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    streams, damaged = (max(1, round(full * options.scale)) for full in (STREAMS, DAMAGED))
    with tempfile.TemporaryDirectory() as folder:
        build = Path(folder)
        result = {
            "machine": f"{platform.machine()}, Python {platform.python_version()}",
            "seed": options.seed,
            "python": _fuzz_python(streams, options.seed),
            "c": _fuzz_c(build, streams, options.seed),
            "libfuzzer": _libfuzzer(build, streams, options.seed),
            "damage": _damage(build, damaged, options.seed),
        }
    result["ok"] = _is_ok(result)
    print(json.dumps(result) if options.json else _as_text(result))
    return 0 if result["ok"] else 1


def _fuzz_python(streams: int, seed: int) -> dict[str, Any]:
    """Alternately through the decoder alone and through FrameStream, which also places samples.

    Any exception but a DataError, which is a refusal in words, ends the run.
    """
    source = random.Random(seed)
    stock = _stock(source)
    received = booked = frames = refused = 0
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started_s = time.perf_counter()
    for number in range(streams):
        data = _stream(source, stock)
        received += len(data)
        if number % 2:
            decoder = FrameDecoder()
            segments = decoder.feed(data[:50]) + decoder.feed(data[50:])
            booked += sum(segment.size_bytes for segment in segments)
            booked += decoder.delimiter_bytes + decoder.finish()
            continue
        stream = FrameStream(_OPTIONS)
        try:
            stream.feed(data)
        except DataError:
            refused += 1
        stream.finish()
        booked += stream.ledger.bytes_total
        frames += stream.tally.whole
    return {
        "streams": streams,
        "bytes": received,
        "bytes_booked": booked,
        "frames": frames,
        "streams_refused": refused,
        "memory_growth_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib,
        "seconds": round(time.perf_counter() - started_s, 1),
    }


def _stock(source: random.Random) -> list[bytes]:
    def counts(size: int) -> tuple[tuple[int, int, int], ...]:
        spread = source.choice((2, 5, 512))
        return tuple(
            (source.randrange(-spread, spread), source.randrange(-spread, 0), source.randrange(512))
            for _ in range(size)
        )

    made: list[bytes] = []
    for seq in range(400):
        first = source.choice((seq * 10, source.randrange(1 << 32)))
        messages: list[Message] = [
            Hello(boot_id=source.choice((1, 2)), features=Feature.SAMPLES, classes=(12, 3)),
            Hello(boot_id=1, features=Feature.SAMPLES),
            Samples(first, first * 20_000 % (1 << 32), counts(source.randrange(1, 33))),
            Samples(first, first * 20_000 % (1 << 32), counts(10)),
            Prediction(first, first, bytes(8), 5, (HeadLogits(0.5, 1, (1, -2, 3)),)),
            Stats(seq, seq),
            DeviceError(3, "sensor"),
            Ping(seq),
            Config(1, 10),
            Start(),
            Replay(first, counts(4)),
        ]
        made += [encode_message(message, seq) for message in messages]
    return made


def _stream(source: random.Random, stock: list[bytes]) -> bytes:
    """Good frames whole and in part, noise and text between them, and some bytes changed."""
    parts: list[bytes] = []
    for _ in range(source.randrange(5)):
        wire = source.choice(stock)
        if source.random() < 0.25:
            wire = wire[source.randrange(len(wire)) : source.randrange(len(wire) + 1)]
        parts.append(wire)
        if source.random() < 0.3:
            noise = source.randbytes(source.randrange(40))
            parts.append(source.choice((noise, b"boot: ok\r\n", b"\0\0", b"\xff" * 12, noise * 9)))
    data = bytearray(b"".join(parts))
    if data and source.random() < 0.5:
        for _ in range(source.randrange(6)):
            data[source.randrange(len(data))] = source.randrange(256)
    return bytes(data)


def _built(build: Path, target: str) -> Path:
    subprocess.run(
        ["make", "--silent", "-C", _FIRMWARE, target, f"BUILD={build}"],
        check=True,
        stdout=sys.stderr,
    )
    return build / "link"


def _fuzz_c(build: Path, streams: int, seed: int) -> dict[str, Any]:
    """The program itself checks every stream, and stops when one byte is not booked once."""
    program = _built(build, "link") / "fuzz"
    started_s = time.perf_counter()
    out = subprocess.run(
        [program, str(streams), str(seed)], check=True, capture_output=True, text=True
    ).stdout
    counts = {name: int(value) for name, value in _FIELD.findall(out)}
    return counts | {"seconds": round(time.perf_counter() - started_s, 1)}


def _libfuzzer(build: Path, runs: int, seed: int) -> dict[str, Any] | None:
    """None where clang, or its libFuzzer, is not installed."""
    if shutil.which("clang") is None:
        return None
    try:
        program = _built(build, "link-libfuzzer") / "libfuzzer"
    except subprocess.CalledProcessError:
        return None
    started_s = time.perf_counter()
    done = subprocess.run(
        [program, f"-runs={runs}", f"-seed={seed}", "-max_len=1024", "-verbosity=0"],
        cwd=build,
        check=False,
        capture_output=True,
        text=True,
    )
    seconds = round(time.perf_counter() - started_s, 1)
    if done.returncode:
        print(done.stderr[-4000:], file=sys.stderr)
    return {"runs": runs, "exit_code": done.returncode, "seconds": seconds}


def _damage(build: Path, frames: int, seed: int) -> list[dict[str, Any]]:
    program = _built(build, "link") / "corrupt"
    out = subprocess.run(
        [program, str(frames), str(seed)], check=False, capture_output=True, text=True
    ).stdout
    found = []
    for line in out.splitlines():
        name, _, counts = line.partition(": ")
        found.append({"damage": name, **{k: int(v) for k, v in _FIELD.findall(counts)}})
    return found


def _is_ok(result: dict[str, Any]) -> bool:
    fuzzer = result["libfuzzer"]
    return (
        result["python"]["bytes"] == result["python"]["bytes_booked"]
        and (fuzzer is None or fuzzer["exit_code"] == 0)
        and len(result["damage"]) > 0
        and all(row["accepted"] == row["lost_after"] == 0 for row in result["damage"])
    )


def _as_text(result: dict[str, Any]) -> str:
    lines = [f"{name}: {result[name]}" for name in ("machine", "python", "c", "libfuzzer")]
    for row in result["damage"]:
        lines.append(
            f"{row['damage']:24} {row['damaged']:>10} damaged {row['accepted']:>3} accepted "
            f"{row['unharmed']:>8} unharmed {row['lost_after']:>3} lost after"
        )
    return "\n".join([*lines, "ok" if result["ok"] else "NOT OK"])


if __name__ == "__main__":
    sys.exit(main())
