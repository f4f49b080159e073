"""What the firmware costs on each port: flash, static RAM, deepest stack, inference, CPU load.

    python tests/bench/firmware_size.py --bundle B [--data hapt-accel.tar.xz] [--elf NAME=FILE ...]

Sizes are those of an ELF's sections. On the emulated Cortex-M4 the program runs with the sensor's
register model in front: its stack was painted, its instructions are counted by function (exact and
repeatable), and the figures of a second are the difference of a run of LONG_S and one of SHORT_S,
so that the start cancels. Load is that of a core whose instructions all take one cycle; real ones
take more, `wearkit profile` estimates how many. Waiting for the bus is not in it. On the Arduino
Uno simavr gives the stack. A new port is a line of PORTS, or an --elf when nothing runs it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path

import numpy as np
from elftools.elf.elffile import ELFFile
from numpy.typing import NDArray

from wearkit.bundle import Bundle, open_bundle
from wearkit.errors import MissingToolError
from wearkit.link.pseudo_terminal import PseudoTerminal
from wearkit.readers import POSTURE_SIM, open_dataset
from wearkit.simulate import sensor_counts
from wearkit_export.emulate import EmulateOptions
from wearkit_export.emulate_m4 import M4Device
from wearkit_export.firmware import firmware_dir
from wearkit_export.m4_image import M4Image, build_m4_image
from wearkit_export.targets.elf import read_elf
from wearkit_export.targets.target import find_target
from wearkit_export.targets.toolchain import CompilerName, available_compilers

Counts = NDArray[np.int16]
SHORT_S, LONG_S = 60, 180  # 120 s between them: a hundred windows
CLOCKS_MHZ = (64, 120)
RECORDINGS = 20  # hold LONG_S of samples, in every archive
UNO_MS = 20_000
PARTS = {
    "sensor": ("wk_adxl345",),
    "windows": ("wk_app", "wk_ring", "wk_window", "wk_main"),
    "frames": ("wk_frame", "wk_message", "wk_command", "wk_crc32", "wk_writer", "wk_text"),
    "stack": ("wk_start",),
}
"""By the beginning of a source file's name; the last match counts. The rest is the model's, memcpy
with it, which nothing else uses much. Functions of the port are told apart by name."""

OF_PORT = {"bus_read": "sensor", "bus_write": "sensor", "send": "frames", "print": "frames"}
OF_PORT |= {"sensor_ended": "sensor's clock", "classify": "model"}


@dataclass(frozen=True, slots=True)
class Row:
    """instructions_s: per second of the device's time, by part; infer: of one window, the model's
    share alone. None: not measured on this port."""

    port: str
    compiler: str
    program: str
    flash_bytes: int
    ram_bytes: int
    stack_bytes: int | None = None
    infer_instructions: int | None = None
    instructions_s: dict[str, int] = field(default_factory=dict)

    def load(self, clock_mhz: int) -> float | None:
        """Share of the core's cycles, one an instruction, in which it does not sleep."""
        whole = sum(self.instructions_s.values())
        return whole / (clock_mhz * 1e6) if whole else None


def elf_sizes(path: Path) -> tuple[int, int]:
    """(flash, static RAM): initialised data is in both."""
    flash = ram = 0
    with path.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            flags, size = section["sh_flags"], section["sh_size"]
            if not flags & 2:  # SHF_ALLOC
                continue
            empty = section["sh_type"] == "SHT_NOBITS"
            flash += 0 if empty else size
            ram += size if empty or flags & 1 else 0  # SHF_WRITE
    return flash, ram


def cortex_m4(bundle: Bundle, counts: Counts, work: Path) -> Iterator[Row]:
    """Both compilers, the model asked for whole windows and sample by sample."""
    for compiler in available_compilers(find_target("cortex-m4")):
        folder = work / compiler
        folder.mkdir()
        image = build_m4_image(bundle, folder, compiler=compiler)
        device, parts = M4Device(image, folder), _parts(folder)
        for streaming in (False, True):
            yield _m4_row(bundle, counts, image, device, parts, compiler, streaming)


def _m4_row(
    bundle: Bundle,
    counts: Counts,
    image: M4Image,
    device: M4Device,
    parts: dict[str, str],
    compiler: CompilerName,
    streaming: bool,
) -> Row:
    spec = bundle.model.window
    spent: list[Counter[str]] = []
    seconds: list[float] = []
    for length_s in (SHORT_S, LONG_S):
        seconds.append(_play(device, counts[: round(length_s * spec.rate_hz)], streaming))
        spent.append(Counter())
        for name, instructions in device.blocks.by_function().items():
            spent[-1][parts.get(name, "compiler's own")] += instructions
    period_s = seconds[1] - seconds[0]
    a_second = {part: round((spent[1][part] - spent[0][part]) / period_s) for part in spent[1]}
    return Row(
        port="cortex-m4",
        compiler=compiler,
        program="stream" if streaming else "windows",
        flash_bytes=image.flash_bytes,
        ram_bytes=image.ram_bytes,
        stack_bytes=device.stack_bytes,
        infer_instructions=round(a_second["model"] * spec.hop / spec.rate_hz),
        instructions_s=dict(sorted(a_second.items(), key=lambda item: -item[1])),
    )


def _parts(folder: Path) -> dict[str, str]:
    """Function -> part, by the object that holds it."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("cortex-m4_*.o")):
        name = path.stem.removeprefix("cortex-m4_")
        part = [part for part, begins in PARTS.items() if name.startswith(begins)]
        for symbol in read_elf(path).symbols:
            if symbol.kind == "func" and symbol.section:
                mine = OF_PORT.get(symbol.name, part[-1] if part else "model")
                assert found.setdefault(symbol.name, mine) == mine, f"two of {symbol.name}"
    return found


def _play(device: M4Device, counts: Counts, streaming: bool) -> float:
    """Seconds of the device's time; what it sends is read and dropped."""
    port = PseudoTerminal()
    reader = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
    thread = threading.Thread(target=_drop, args=(reader,))
    thread.start()
    try:
        done = device.run(port, [counts], EmulateOptions(speed=0.0, streaming=streaming))
    finally:
        port.close()
        thread.join()
    assert (done.taken, done.lost) == (len(counts), 0), done
    return done.device_s


def _drop(reader: int) -> None:
    try:
        while os.read(reader, 65536):
            pass
    except OSError:
        pass  # the port was closed
    os.close(reader)


def arduino_uno(_bundle: Bundle, counts: Counts, work: Path) -> Iterator[Row]:
    """The sketch that sends lines of text; it has no model."""
    make = ("make", "--silent", "-C", str(firmware_dir()), f"BUILD={work}", "avr", "sim")
    done = subprocess.run(make, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MissingToolError(f"The sketch cannot be built: {done.stderr.strip()[-200:]}")
    elf = work / "avr" / "adxl345_text.elf"
    lines = "".join(f"{x} {y} {z}\n" for x, y, z in counts[:1000].tolist())
    ran = subprocess.run(
        [work / "host" / "sim_board", elf, str(UNO_MS)],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
    )
    flash, ram = elf_sizes(elf)
    stack = json.loads(ran.stderr.strip().splitlines()[-1])["stack_bytes"]
    yield Row("arduino uno", "avr-gcc", "lines of text", flash, ram, stack)


PORTS: dict[str, Callable[[Bundle, Counts, Path], Iterator[Row]]] = {
    "cortex-m4": cortex_m4,
    "arduino-uno": arduino_uno,
}


def rows(options: argparse.Namespace, bundle: Bundle, counts: Counts) -> Iterator[Row]:
    for name in options.ports:
        with tempfile.TemporaryDirectory(prefix="wearkit-") as work:
            try:
                yield from PORTS[name](bundle, counts, Path(work))
            except MissingToolError as error:
                print(f"{name}: {error}", file=sys.stderr)
    for item in options.elf:
        name, _, path = item.partition("=")
        yield Row(name, "", Path(path).name, *elf_sizes(Path(path)))


def _played(data: str, bundle: Bundle) -> Counts:
    """LONG_S of the recordings, one after the other."""
    spec = bundle.model.window
    found = (sensor_counts(recording, spec) for recording in open_dataset(data))
    stretches = list(chain.from_iterable(islice(found, RECORDINGS)))
    whole = np.concatenate(stretches)[: round(LONG_S * spec.rate_hz)]
    assert len(whole) == round(LONG_S * spec.rate_hz), "the recordings are too short"
    return whole


def print_table(found: list[Row]) -> None:
    print("port         compiler program          flash    RAM  stack  infer, instr.  "
          + "  ".join(f"at {clock} MHz" for clock in CLOCKS_MHZ))  # fmt: skip
    for row in found:
        loads = [row.load(clock) for clock in CLOCKS_MHZ]
        shown = "  ".join("         " if load is None else f"{load:9.2%}" for load in loads)
        print(
            f"{row.port:12} {row.compiler:8} {row.program:15} {row.flash_bytes:7,} "
            f"{row.ram_bytes:6,} {_number(row.stack_bytes):>6} "
            f"{_number(row.infer_instructions):>14}  {shown}"
        )
    for row in found:
        if row.instructions_s:
            parts = ", ".join(f"{part} {n:,}" for part, n in row.instructions_s.items())
            print(f"{row.port} {row.compiler} {row.program}, instructions a second: {parts}")


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--data", default=POSTURE_SIM)
    parser.add_argument("--ports", nargs="*", choices=tuple(PORTS), default=tuple(PORTS))
    parser.add_argument("--elf", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    bundle = open_bundle(options.bundle)
    found = list(rows(options, bundle, _played(options.data, bundle)))
    if options.json:
        loads = {f"load_{clock}_mhz": clock for clock in CLOCKS_MHZ}
        print(json.dumps([
            asdict(row) | {name: row.load(clock) for name, clock in loads.items()}
            for row in found
        ], indent=1))  # fmt: skip
    else:
        print_table(found)


if __name__ == "__main__":
    main()
