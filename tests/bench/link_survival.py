"""What a link must survive: unplugging, kill -9 and a full disk, each many times, each counted.

    python tests/bench/link_survival.py --json

unplug  a pty behind a symbolic link is closed and made anew up to 0.4 s later, while the library's
        own source looks for it; that must find it within a second of its return, lose nothing that
        was sent and leak no descriptor
kill    a process that records a live session is killed at a random moment; of what it had read,
        at most the last second may be missing from the file, and the file must be readable
disk    the file size limit of the system ends a recording at a random byte; verdicts must go on,
        the fault be counted once, the file end with a whole record

Exits 1 when any of this does not hold.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import resource
import signal
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from link_false_alarms import Silent, silent_graph

from wearkit.capture.decode import read_recording, session_record
from wearkit.capture.file import CaptureReader, CaptureWriter, Kind
from wearkit.errors import LinkLostError, PortError, StorageError, WearkitError
from wearkit.link.faults import Fault, FaultLog
from wearkit.link.options import StreamOptions
from wearkit.link.ports.pty import PseudoTerminal
from wearkit.link.ports.reader import Chunk
from wearkit.link.ports.reconnect import SerialSource, identify
from wearkit.link.ports.serial_port import Port, open_port
from wearkit.live.loop import live
from wearkit.live.report import LiveReport
from wearkit.live.session import LiveSession

LINES_PER_S = 2000  # 40 times a sensor's pace, so that little time holds many records
AWAY_S, RECOVERY_S = 0.4, 1.0
LOST_S = 1.0
HEADER = b"#wearkit text/1 units=counts fields=index,t_us,x,y,z\n"


def line(index: int) -> bytes:
    return b"%d,%d,%d,%d,256\n" % (index, index * 20_000 % (1 << 32), index % 200, index % 7)


def unplug(cycles: int, folder: Path, seed: int) -> dict[str, Any]:
    """Plug in, send ten lines, unplug; `cycles` times."""
    dice = random.Random(seed)
    link = folder / "port"
    terminal = PseudoTerminal(link)
    faults = FaultLog()
    refused: list[str] = []

    def open_again(url: str) -> Port:
        try:
            return open_port(url)
        except PortError as error:
            refused.append(str(error))
            raise

    source = SerialSource(
        open_port(str(link)), identify(str(link)), open_again, faults, give_up_s=60.0
    )
    times_s: list[float] = []
    received, sent, descriptors = b"", b"", _descriptors()
    for cycle in range(cycles):
        back_s = time.monotonic()
        while source.is_away:
            received += b"".join(chunk.data for chunk in source.take(0.02))
        data = b"".join(line(10 * cycle + k) for k in range(10))
        terminal.write(data, lambda: False)
        sent += data
        received += _take(source, len(data))
        if cycle:
            times_s.append(time.monotonic() - back_s)
        terminal.close()
        while not source.is_away:
            received += b"".join(chunk.data for chunk in source.take(0.05))
        back_s = time.monotonic() + dice.uniform(0.0, AWAY_S)
        while time.monotonic() < back_s:
            source.take(0.02)
        terminal = PseudoTerminal(link)
    while source.is_away:
        received += b"".join(chunk.data for chunk in source.take(0.02))
    left = _descriptors() - descriptors
    slowest_s = max(times_s, default=0.0)
    source.close()
    terminal.close()
    return {
        "cycles": cycles,
        "unplugged_events": faults.counts[Fault.UNPLUGGED],
        "median_recovery_s": round(statistics.median(times_s), 3) if times_s else None,
        "slowest_recovery_s": round(slowest_s, 3),
        "recoveries_over_1_s": sum(time_s > RECOVERY_S for time_s in times_s),
        "refused_openings": len(refused),
        "bytes_lost": len(sent) - len(received),
        "same_bytes": received == sent,
        "descriptors_left": left,
        "held": received == sent
        and slowest_s <= RECOVERY_S
        and left == 0
        and faults.counts[Fault.UNPLUGGED] == cycles,
    }


def _take(source: SerialSource, size: int) -> bytes:
    data = b""
    deadline_s = time.monotonic() + 30
    while len(data) < size and time.monotonic() < deadline_s:
        data += b"".join(chunk.data for chunk in source.take(0.05))
    return data


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


class Paced:
    """A byte source of numbered lines in real time; `handed` says how many it has given."""

    is_away = False

    def __init__(self, handed: mmap.mmap | None = None, stop_at: int | None = None) -> None:
        self._handed, self._stop_at = handed, stop_at
        self._began_s = time.monotonic()
        self._next = 0

    def take(self, timeout_s: float) -> list[Chunk]:
        if self._next == self._stop_at:
            raise LinkLostError("over")
        due = int((time.monotonic() - self._began_s) * LINES_PER_S)
        due = due if self._stop_at is None else self._stop_at
        if due == self._next:
            time.sleep(0.001)
            return []
        data = (b"" if self._next else HEADER) + b"".join(map(line, range(self._next, due)))
        self._next = due
        if self._handed is not None:
            self._handed[:8] = struct.pack("<Q", due)
        return [Chunk(data, time.monotonic())]

    def reopen(self) -> bool:
        return False


def kill(times: int, folder: Path, seed: int) -> dict[str, Any]:
    """A recording process ended by SIGKILL after 5 to 150 ms, `times` times."""
    dice = random.Random(seed)
    unreadable = wrong = samples = 0
    most_lost_s, torn = 0.0, 0
    shared = mmap.mmap(-1, 8)
    for number in range(times):
        path = folder / f"{number}.wkrec"
        shared[:8] = bytes(8)
        child = _fork(lambda path=path: _record(path, Paced(shared)))  # type: ignore[misc]
        time.sleep(dice.uniform(0.005, 0.150))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        (handed,) = struct.unpack("<Q", shared[:8])
        try:
            found = _indices(path)
        except (WearkitError, ValueError):
            # A process killed before its first record leaves nothing to read, and read nothing.
            unreadable += handed > 0
            path.unlink(missing_ok=True)
            continue
        wrong += found != list(range(len(found)))
        samples += len(found)
        torn += LogReaderTorn(path).torn
        most_lost_s = max(most_lost_s, (handed - len(found)) / LINES_PER_S)
        path.unlink()
    return {
        "kills": times,
        "unreadable_files": unreadable,
        "files_with_other_samples": wrong,
        "samples_recorded": samples,
        "files_with_torn_end": torn,
        "most_lost_s": round(most_lost_s, 4),
        "held": not unreadable and not wrong and most_lost_s <= LOST_S,
    }


class LogReaderTorn:
    """Whether a recording ends in the middle of a record."""

    def __init__(self, path: Path) -> None:
        reader = CaptureReader(path)
        list(reader)
        self.torn = int(reader.torn_bytes > 0)


def _indices(path: Path) -> list[int]:
    """The numbers of the lines in a file, read from its bytes and not by the decoder under test."""
    data = b"".join(record.payload for record in CaptureReader(path) if record.kind == Kind.BYTES)
    whole = data.rpartition(b"\n")[0].split(b"\n")
    read_recording(path)  # must not raise either
    return [int(row.split(b",")[0]) for row in whole if row and not row.startswith(b"#")]


def _record(path: Path, source: Paced) -> None:
    options = StreamOptions(50.0)
    log = CaptureWriter(path)
    log.note(Kind.SESSION, session_record(options, "bench", "00" * 32))
    session = LiveSession(silent_graph(), Silent(), options)
    live(source, session, on_update=lambda _: None, log=log)


def disk(times: int, folder: Path, seed: int) -> dict[str, Any]:
    """1,000 lines into a file that may not grow past a random size, `times` times."""
    dice = random.Random(seed)
    bad_exits = torn = wrong = 0
    whole_bytes = _whole_bytes(folder / "whole.wkrec")
    for number in range(times):
        path = folder / f"full{number}.wkrec"
        limit = dice.randrange(1000, whole_bytes)
        child = _fork(lambda path=path, limit=limit: _fill_until(path, limit))  # type: ignore[misc]
        _, status = os.waitpid(child, 0)
        bad_exits += os.waitstatus_to_exitcode(status) != 0
        reader = CaptureReader(path)
        list(reader)
        torn += reader.torn_bytes + reader.damaged_bytes > 0
        found = _indices(path)
        wrong += found != list(range(len(found)))
        path.unlink()
    return {
        "full_disks": times,
        "sessions_that_did_not_go_on": bad_exits,
        "files_with_torn_end": torn,
        "files_with_other_samples": wrong,
        "held": not (bad_exits or torn or wrong),
    }


class Slices(Paced):
    """1,000 lines, forty at a time, as fast as they are taken."""

    def take(self, timeout_s: float) -> list[Chunk]:
        if self._next == 1000:
            raise LinkLostError("over")
        data = (b"" if self._next else HEADER) + b"".join(
            map(line, range(self._next, self._next + 40))
        )
        self._next += 40
        return [Chunk(data, time.monotonic())]


def _whole_bytes(path: Path) -> int:
    """The size of the file where nothing stops it, less what counters of more digits may save."""
    log, _ = _fill(path)
    assert log.error is None
    return path.stat().st_size - 100


def _fill_until(path: Path, limit_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, resource.RLIM_INFINITY))
    log, report = _fill(path)
    assert isinstance(log.error, StorageError)
    assert report.faults["DISK_FULL"] == 1
    assert report.windows_valid == 16, report.windows_valid


def _fill(path: Path) -> tuple[CaptureWriter, LiveReport]:
    options = StreamOptions(50.0)
    log = CaptureWriter(path)
    log.note(Kind.SESSION, session_record(options, "bench", "00" * 32))
    session = LiveSession(silent_graph(), Silent(), options)
    report = live(Slices(), session, on_update=lambda _: None, log=log)
    log.close()
    return log, report


def _fork(work: Callable[[], None]) -> int:
    """Its process id. A fork starts in a millisecond where Python needs a second."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    finally:
        # Not sys.exit: the parent's files and buffers are none of the child's business.
        os._exit(code)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="share of the counts below")
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--disks", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    full = (options.cycles, options.kills, options.disks)
    count = [max(1, round(number * options.scale)) for number in full]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {
            "kill": kill(count[1], folder, options.seed),
            "disk": disk(count[2], folder, options.seed),
            "unplug": unplug(count[0], folder, options.seed),
        }
    for part, result in found.items():
        if not options.json:
            print(f"{part}: {result}")
    if options.json:
        print(json.dumps(found, indent=2))
    return 0 if all(result["held"] for result in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
