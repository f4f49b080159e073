"""What the generated C costs on each core, and whether it computes the right bits there.

    python tests/bench/c_engine.py --peers ../shared/data/peer-models [BUNDLE ...] [--json]

For each model, core and compiler: flash (code, tables, compiler's runtime and initial data of the
model; harness apart), RAM (arena, input, logits, variables), stack (deepest byte written),
instructions of one window (exact; first of the windows below) and how many of `compared` logits
differ from the integer reference. "stream" rows are one hop of WK_STREAM_STEP samples with logits
after each; the arena is then the stream's state. c_equality.py compares every bit of many windows.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from c_models import Int8, Model, adversarial, models, real

from wearkit.errors import MissingToolError, ModelFileError
from wearkit_export.c.emit import emit_c
from wearkit_export.profile.avr import run_avr
from wearkit_export.profile.cycles import estimate
from wearkit_export.profile.profile import macs, reference_logits
from wearkit_export.profile.run import run_image
from wearkit_export.profile.trace import ImageRun
from wearkit_export.targets.image import Image, build_image
from wearkit_export.targets.target import find_target
from wearkit_export.targets.toolchain import CompilerName, find_toolchain

CORES = ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m0plus", "rv32")
COMPILERS: tuple[CompilerName, ...] = ("gcc", "zig")
COUNTED_HOPS = 25


@dataclass(frozen=True, slots=True)
class Row:
    """cycles: an estimate from instruction classes (AVR: simulated, exact)."""

    model: str
    mode: str
    core: str
    compiler: str
    flags: str
    emulator: str
    flash_bytes: int
    ram_bytes: int
    stack_bytes: int
    instructions: int | None
    per_mac: float | None
    cycles: int | None
    differing: int
    compared: int


def rows(model: Model, flags: tuple[str, ...], windows: Int8) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "c"
        emit_c(model.graph, folder, model_id="0" * 16)
        for core in CORES:
            for compiler in COMPILERS:
                for mode in ("window", "stream"):
                    row = _row(model, folder, core, compiler, flags, mode, windows)
                    if row is not None:
                        yield row
        row = _avr_row(model, folder, flags, windows[:3])
        if row is not None:
            yield row


def _row(
    model: Model,
    folder: Path,
    core: str,
    compiler: CompilerName,
    flags: tuple[str, ...],
    mode: str,
    windows: Int8,
) -> Row | None:
    """None where a tool is missing or the model cannot stream; says so on stderr."""
    if mode == "stream" and not (folder / "wk_model_stream.h").is_file():
        return None
    with tempfile.TemporaryDirectory() as work:
        try:
            toolchain = find_toolchain(find_target(core), compiler)
            if mode == "stream":
                image = build_image(folder, toolchain, Path(work), flags=flags, mode="stream")
                return _stream_row(model, image, windows)
            image = build_image(folder, toolchain, Path(work), flags=flags)
            run = run_image(image, windows.reshape(len(windows), -1), count=1)
        except MissingToolError as error:
            print(f"{model.name} {core} {compiler}: {error}", file=sys.stderr)
            return None
        assert run.trace is not None
        total = sum(macs(model.graph, op) for op in model.graph.ops)
        wanted = reference_logits(model.graph, windows)
        return _measured(
            model, image, run, "window", run.trace.instructions(), total, run.logits, wanted
        )


def _stream_row(model: Model, image: Image, windows: Int8) -> Row:
    """COUNTED_HOPS hops in the steady state: the difference of two counts from the start."""
    pushes_a_window = model.graph.tensor(model.graph.input).shape[1]
    signal = np.concatenate(list(windows[:3]), axis=1)  # (rows, 3 * steps, channels)
    samples = signal.transpose(1, 0, 2).reshape(signal.shape[1], -1)
    step = image.memory.input_bytes // samples.shape[1]
    pushes = samples[: len(samples) // step * step].reshape(-1, image.memory.input_bytes)
    warm = pushes_a_window // step
    before = run_image(image, pushes[: warm + COUNTED_HOPS], count=warm).trace
    run = run_image(image, pushes, count=warm + COUNTED_HOPS)
    assert before is not None and run.trace is not None
    hop = round((run.trace.instructions() - before.instructions()) / COUNTED_HOPS)
    starts = range(0, signal.shape[1] - pushes_a_window + 1, step)
    whole = np.stack([signal[:, start : start + pushes_a_window] for start in starts])
    wanted = reference_logits(model.graph, whole)
    given = run.logits[warm - 1 :]
    mode = f"stream, hop {step}"
    return _measured(model, image, run, mode, hop, None, given, wanted[: len(given)])


def _measured(
    model: Model,
    image: Image,
    run: ImageRun,
    mode: str,
    instructions: int,
    total_macs: int | None,
    given: Int8,
    wanted: Int8,
) -> Row:
    assert run.trace is not None and image.target.cycles is not None
    cycles = estimate(run.trace.mix(), image.target.cycles).typical
    return Row(
        model=model.name,
        mode=mode,
        core=image.target.name,
        compiler=image.toolchain.version,
        flags=" ".join((*image.toolchain.target_flags, *image.flags)),
        emulator=run.emulator,
        flash_bytes=image.memory.flash_bytes,
        ram_bytes=image.memory.ram_bytes,
        stack_bytes=run.stack_bytes,
        instructions=instructions,
        per_mac=round(instructions / total_macs, 3) if total_macs else None,
        cycles=cycles if mode == "window" else None,
        differing=int((given != wanted).sum()),
        compared=given.size,
    )


def _avr_row(model: Model, folder: Path, flags: tuple[str, ...], windows: Int8) -> Row | None:
    with tempfile.TemporaryDirectory() as work:
        try:
            run = run_avr(folder, windows.reshape(len(windows), -1), Path(work), flags=flags)
        except (MissingToolError, ModelFileError) as error:
            print(f"{model.name} avr: {str(error)[:200]}", file=sys.stderr)
            return None
    wanted = reference_logits(model.graph, windows)
    return Row(
        model.name, "window", "atmega328p", run.compiler, " ".join(("-mmcu=atmega328p", *flags)),
        "simavr", run.flash_bytes, run.ram_bytes, run.stack_bytes, None, None, run.cycles,
        int((run.logits != wanted).sum()), wanted.size,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundles", type=Path, nargs="*", metavar="BUNDLE")
    parser.add_argument("--peers", type=Path, help="folder of *_int8.tflite")
    parser.add_argument("--data", type=Path, help="recordings whose windows are run too")
    parser.add_argument("--optimize", default="-O2", help="one build for all figures")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("error", RuntimeWarning)
    for model in models(options.peers, options.bundles):
        windows = adversarial(model.graph, 20)
        if options.data is not None:
            windows = np.concatenate([real(model.graph, options.data, 20), windows])
        for row in rows(model, (options.optimize,), windows):
            values = asdict(row)
            if options.json:
                print(json.dumps(values), flush=True)
            else:
                print("  ".join(f"{key}={value}" for key, value in values.items()), flush=True)


if __name__ == "__main__":
    main()
