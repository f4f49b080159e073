"""What `wearkit convert` costs for recordings of a minute to a week, as frames and as text.

    python tests/bench/convert_memory.py --hours 1 168 --suffixes csv npz
    python tests/bench/convert_memory.py --hours 2 --toolkit ../older/toolkit

Recordings at 50 Hz are made with CaptureWriter, in chunks of a second: frames of 25 samples with
a HELLO every 2 seconds, or text lines of index and counts. Each conversion is a process of its
own under /usr/bin/time -v. Above the row of a minute: peak resident memory, and bytes a sample of
that difference; a sample may cost 2 bytes beyond 64 MB. Exits 1 when one costs more. --toolkit:
another version's sources, for its figures beside today's; they are not judged.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wearkit.capture.decode import session_record
from wearkit.capture.file import CaptureWriter, Kind
from wearkit.link.frames.codec import Message, encode_message
from wearkit.link.frames.from_device import Hello, Samples
from wearkit.link.options import StreamOptions
from wearkit.link.sample import Counts

_RATE_HZ, _PER_FRAME = 50, 25
_FREE_BYTES, _BYTES_A_SAMPLE = 64_000_000, 2
_REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Cost:
    peak_bytes: int
    cpu_s: float


def frame_chunks(seconds: int) -> Iterator[bytes]:
    rows = _counts(_PER_FRAME)
    hello = Hello(boot_id=7, uid=bytes(range(8)), firmware=(1, 0, 0))
    seq = 0
    for second in range(seconds):
        messages: list[Message] = [hello] if second % 2 == 0 else []
        for first in range(second * _RATE_HZ, (second + 1) * _RATE_HZ, _PER_FRAME):
            t_us = (first + _PER_FRAME - 1) * 1_000_000 // _RATE_HZ % (1 << 32)
            messages.append(Samples(first, t_us, rows))
        yield b"".join(encode_message(each, (seq + k) % 65536) for k, each in enumerate(messages))
        seq += len(messages)


def text_chunks(seconds: int) -> Iterator[bytes]:
    rows = [b"%d,%d,%d\n" % row for row in _counts(_RATE_HZ)]
    yield b"#wearkit text/1 units=counts rate=50 fields=index,x,y,z\n"
    for second in range(seconds):
        yield b"".join(b"%d,%b" % (second * _RATE_HZ + k, row) for k, row in enumerate(rows))


def _counts(samples: int) -> tuple[Counts, ...]:
    generator = np.random.default_rng(5)
    counts = generator.normal((0.0, 20.0, 250.0), 40.0, (samples, 3))
    whole = np.clip(np.rint(counts), -512, 511).astype(int).tolist()
    return tuple((x, y, z) for x, y, z in whole)


def write_recording(path: Path, chunks: Iterator[bytes]) -> None:
    log = CaptureWriter(path)
    log.note(Kind.SESSION, session_record(StreamOptions(float(_RATE_HZ)), "synthetic", "ab" * 32))
    for second, chunk in enumerate(chunks):
        log.chunk(chunk, float(second))
    log.note(Kind.END, {})
    log.close()


def cost(recording: Path, table: Path, toolkit: Path) -> Cost:
    code = "import sys; from wearkit.cli import run; sys.exit(run(['convert', *sys.argv[1:]]))"
    done = subprocess.run(
        ["/usr/bin/time", "-v", sys.executable, "-c", code, str(recording), str(table), "--force"],
        env=os.environ | {"PYTHONPATH": str(toolkit), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    peak_kb, user_s, system_s = (
        float(re.search(rf"{label}: ([0-9.]+)", done.stderr)[1])  # type: ignore[index]
        for label in (
            r"Maximum resident set size \(kbytes\)",
            r"User time \(seconds\)",
            r"System time \(seconds\)",
        )
    )
    return Cost(round(peak_kb * 1024), user_s + system_s)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 168])
    parser.add_argument("--carriers", nargs="+", choices=("frames", "text"))
    parser.add_argument("--suffixes", nargs="+", choices=("csv", "npz", "parquet"), default=["csv"])
    parser.add_argument("--toolkit", type=Path, default=_REPOSITORY / "toolkit")
    arguments = parser.parse_args()
    is_judged = arguments.toolkit == _REPOSITORY / "toolkit"
    makers: dict[str, Callable[[int], Iterator[bytes]]] = {
        "frames": frame_chunks,
        "text": text_chunks,
    }
    within = True
    print(
        "| recording | table | samples | peak, MB | above a minute, MB | bytes a sample | CPU, s |"
    )
    print("|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for carrier in arguments.carriers or makers:
            minute_bytes: dict[str, int] = {}
            for hours in [1 / 60, *arguments.hours]:
                seconds = round(3600 * hours)
                recording = folder / f"{carrier}.wkrec"
                recording.unlink(missing_ok=True)
                write_recording(recording, makers[carrier](seconds))
                for suffix in arguments.suffixes:
                    spent = cost(recording, folder / f"table.{suffix}", arguments.toolkit)
                    samples = seconds * _RATE_HZ
                    above = spent.peak_bytes - minute_bytes.setdefault(suffix, spent.peak_bytes)
                    within &= above <= _FREE_BYTES + _BYTES_A_SAMPLE * samples
                    print(
                        f"| {carrier}, {hours:.4g} h | {suffix} | {samples:,} "
                        f"| {spent.peak_bytes / 1e6:.1f} | {above / 1e6:.1f} "
                        f"| {above / samples:.2f} | {spent.cpu_s:.1f} |",
                        flush=True,
                    )
    sys.exit(is_judged and not within)


if __name__ == "__main__":
    main()
