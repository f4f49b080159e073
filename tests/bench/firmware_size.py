"""What the firmware costs on each port: flash, static RAM, deepest stack, inference, CPU load.

    python tests/bench/firmware_size.py --bundle B [--data hapt-accel.tar.xz] [--elf NAME=FILE ...]

Sizes are those of an ELF's sections. On the emulated Cortex-M4 the program runs with the sensor's
register model in front: its stack was painted, its instructions are counted by function (exact and
repeatable), and the figures of a second are the difference of a run of LONG_S and one of SHORT_S,
so that the start cancels. Load is that of a core whose instructions all take one cycle; real ones
take more, `wearkit profile` estimates how many. Waiting for the bus is not in it. The RP2040 runs
on rp2040js, the Arduinos' stack is from simavr. A new port is a line of PORTS, or --elf when
nothing runs it.
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
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path

import numpy as np
from elftools.elf.elffile import ELFFile
from numpy.typing import NDArray

from wearkit.bundle.bundle import Bundle, open_bundle
from wearkit.errors import MissingToolError
from wearkit.link.frames.frame import Frame, FrameDecoder, FrameType
from wearkit.link.frames.from_device import Stats
from wearkit.link.ports.pty import PseudoTerminal
from wearkit.recordings.formats import POSTURE_SIM, open_dataset
from wearkit.windows.sensor_counts import sensor_counts
from wearkit_export.device.cortex_m4 import M4Image, build_m4_image
from wearkit_export.device.rp2040 import build_rp2040_image
from wearkit_export.emulate.cortex_m4 import M4Device
from wearkit_export.emulate.device import Device, EmulateOptions
from wearkit_export.emulate.rp2040 import Rp2040Device
from wearkit_export.firmware import firmware_dir
from wearkit_export.targets.elf import read_elf
from wearkit_export.targets.target import find_target
from wearkit_export.targets.toolchain import CompilerName, available_compilers

Counts = NDArray[np.int16]
SHORT_S, LONG_S = 60, 180  # 120 s between them: a hundred windows
CLOCKS_MHZ = (64, 120)
RECORDINGS = 20  # hold LONG_S of samples, in every archive
UNO_MS, UNO_MCU = 20_000, "atmega328p"
RP2040_SAMPLES = 1000  # 20 s
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
    share alone; max_infer_us: as the device says it in STATS. None: not measured on this port."""

    port: str
    compiler: str
    program: str
    flash_bytes: int
    ram_bytes: int
    stack_bytes: int | None = None
    infer_instructions: int | None = None
    max_infer_us: int | None = None
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
        length = round(length_s * spec.rate_hz)
        seconds.append(_play(device, counts[:length], streaming)[0])
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


def rp2040(bundle: Bundle, counts: Counts, work: Path) -> Iterator[Row]:
    """The chip's image on rp2040js, whose cycles are approximate; stack and time as it reports
    them."""
    image = build_rp2040_image(bundle, work)
    device = Rp2040Device(image, work)
    top, limit = (image.elf.symbol(f"wk_stack_{end}").address for end in ("top", "limit"))
    for streaming in (False, True):
        _, sent = _play(device, counts[:RP2040_SAMPLES], streaming)
        frames = [segment.content for segment in FrameDecoder().feed(sent)]
        said = [f.payload for f in frames if isinstance(f, Frame) and f.type == FrameType.STATS]
        stats = Stats.from_payload(said[-1])
        yield Row(
            port="rp2040",
            compiler="zig" if image.compiler.startswith("zig") else "gcc",
            program="stream" if streaming else "windows",
            flash_bytes=image.flash_bytes,
            ram_bytes=image.ram_bytes,
            stack_bytes=top - limit - stats.min_free_stack_bytes,
            max_infer_us=stats.max_infer_us,
        )


def _play(device: Device, counts: Counts, streaming: bool) -> tuple[float, bytes]:
    """Seconds of the device's time, and what it sent."""
    port = PseudoTerminal()
    reader = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
    sent: list[bytes] = []
    thread = threading.Thread(target=_read, args=(reader, sent))
    thread.start()
    try:
        done = device.run(port, [counts], EmulateOptions(speed=0.0, streaming=streaming))
    finally:
        port.close()
        thread.join()
    assert (done.taken, done.lost) == (len(counts), 0), done
    return done.device_s, b"".join(sent)


def _read(reader: int, sent: list[bytes]) -> None:
    with suppress(OSError):  # the port was closed
        while data := os.read(reader, 65536):
            sent.append(data)
    os.close(reader)


def arduino_uno(_bundle: Bundle, counts: Counts, work: Path) -> Iterator[Row]:
    """The sketch that sends lines of text; it has no model."""
    yield _avr_row("arduino uno", "adxl345_text", "lines of text", counts, work, {})


def arduino_mega(_bundle: Bundle, counts: Counts, work: Path) -> Iterator[Row]:
    """The whole program without a model: frames of samples."""
    board = {"MCU": "atmega2560", "VARIANT": "mega", "BOARD": "AVR_MEGA2560"}
    yield _avr_row("arduino mega", "adxl345_model", "frames, no model", counts, work, board)


def _avr_row(
    port: str, sketch: str, program: str, counts: Counts, work: Path, board: dict[str, str]
) -> Row:
    """Built as the Arduino builder does, and run in simavr."""
    settings = [f"{name}={value}" for name, value in {**board, "SKETCH": sketch}.items()]
    make = ["make", "--silent", "-C", str(firmware_dir()), f"BUILD={work}", *settings]
    done = subprocess.run([*make, "avr", "sim"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MissingToolError(f"The sketch cannot be built: {done.stderr.strip()[-200:]}")
    elf = work / "avr" / f"{sketch}.elf"
    ran = subprocess.run(
        [work / "host" / "sim_board", elf, str(UNO_MS), f"mcu={board.get('MCU', UNO_MCU)}"],
        input="".join(f"{x} {y} {z}\n" for x, y, z in counts[:1000].tolist()).encode(),
        capture_output=True,
        check=True,
    )
    stack = json.loads(ran.stderr.decode().strip().splitlines()[-1])["stack_bytes"]
    return Row(port, "avr-gcc", program, *elf_sizes(elf), stack)


PORTS: dict[str, Callable[[Bundle, Counts, Path], Iterator[Row]]] = {
    "cortex-m4": cortex_m4,
    "rp2040": rp2040,
    "arduino-uno": arduino_uno,
    "arduino-mega": arduino_mega,
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
    print("port         compiler program           flash    RAM  stack  infer, instr.      us  "
          + "  ".join(f"at {clock} MHz" for clock in CLOCKS_MHZ))  # fmt: skip
    for row in found:
        loads = [row.load(clock) for clock in CLOCKS_MHZ]
        shown = "  ".join("         " if load is None else f"{load:9.2%}" for load in loads)
        print(
            f"{row.port:12} {row.compiler:8} {row.program:16} {row.flash_bytes:7,} "
            f"{row.ram_bytes:6,} {_number(row.stack_bytes):>6} "
            f"{_number(row.infer_instructions):>14} {_number(row.max_infer_us):>7}  {shown}"
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
