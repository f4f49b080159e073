"""What the generated C costs on each core, and whether it computes the right bits there.

    python tests/bench/c_engine.py --peers ../shared/data/peer-models [BUNDLE ...] [--json]
    python tests/bench/c_engine.py --peers ... --data ../shared/data/hapt-accel.tar.xz --equality N

The first prints, for each model, core and compiler: flash (code, tables, compiler's runtime and
initial data of the model; harness apart), RAM (arena, input, logits, variables), stack (deepest
byte written), instructions of one window (exact; first of the windows below) and how many of
LOGITS compared with the integer reference differ. "stream" rows are one hop of WK_STREAM_STEP
samples with logits after each; the arena is then the stream's state.

The second compares every int8 logit over N real windows and 1,000 that no body makes: the integer
reference against named runtimes of each rounding family, and the C of each family against the
reference on this computer, and for the model's own family on emulated cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle import INT8_ONNX, INT8_TFLITE, open_bundle
from wearkit.cut import cut
from wearkit.errors import MissingToolError, ModelFileError
from wearkit.graph import QuantizedGraph, Rounding
from wearkit.readers import open_dataset
from wearkit.requantize import family_gap
from wearkit.spec import WindowSpec
from wearkit_export.emit_c import emit_c
from wearkit_export.equality import EqualityRow, Models, check_int8
from wearkit_export.import_tflite import import_tflite
from wearkit_export.profile import macs, reference_logits
from wearkit_export.targets.avr import run_avr
from wearkit_export.targets.cycles import estimate
from wearkit_export.targets.image import Image, build_image
from wearkit_export.targets.native import run_native
from wearkit_export.targets.qemu import run_qemu
from wearkit_export.targets.run import run_image, run_unicorn
from wearkit_export.targets.target import find_target
from wearkit_export.targets.toolchain import CompilerName, find_toolchain
from wearkit_export.targets.trace import Run

Int8 = NDArray[np.int8]

CORES = ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m0plus", "rv32")
COMPILERS: tuple[CompilerName, ...] = ("gcc", "zig")
ADVERSARIAL_WINDOWS = 1000
COUNTED_HOPS = 25
OTHER_FAMILY_WINDOWS = 2000
SANITIZERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    graph: QuantizedGraph
    files: Models


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


@dataclass(frozen=True, slots=True)
class Equal:
    """a and b computed the same windows; differing of values int8 logits were not equal."""

    model: str
    family: str
    a: str
    b: str
    windows: int
    values: int
    differing: int


def models(peers: Path | None, bundles: list[Path]) -> Iterator[Model]:
    for path in sorted(peers.glob("*_int8.tflite")) if peers else ():
        data = path.read_bytes()
        imported = import_tflite(data)
        files = Models(int8_tflite=data, outputs=imported.output_places)
        yield Model(path.name.removesuffix("_int8.tflite"), imported.graph, files)
    for path in bundles:
        bundle = open_bundle(path)
        onnx = bundle.path / INT8_ONNX
        files = Models(
            int8_tflite=bundle.file(INT8_TFLITE).read_bytes(),
            int8_onnx=onnx.read_bytes() if onnx.is_file() else None,
        )
        yield Model(path.name, bundle.graph, files)


def adversarial(graph: QuantizedGraph, count: int = ADVERSARIAL_WINDOWS) -> Int8:
    """Constants, alternating extremes, rails, single spikes, and noise, in equal shares."""
    shape = graph.tensor(graph.input).shape
    random = np.random.default_rng(5)
    share = count // 5
    rows, steps, channels = shape
    constants = np.broadcast_to(
        np.linspace(-128, 127, share).round()[:, None, None, None], (share, *shape)
    )
    period = random.integers(1, 9, (share, 1, 1, 1))
    phase = np.arange(steps)[:, None] // period % 2
    alternating = np.where(phase == 0, -128, 127) * np.ones((share, rows, steps, channels), int)
    rails = random.choice([-128, 127], (share, *shape))
    spikes = np.full((share, *shape), random.integers(-128, 128, (share, 1, 1, 1)))
    at = (np.arange(share), *(random.integers(0, extent, share) for extent in shape))
    spikes[at] = random.choice([-128, 127], share)
    noise = random.integers(-128, 128, (count - 4 * share, *shape))
    made: Int8 = np.concatenate([constants, alternating, rails, spikes, noise]).astype(np.int8)
    return made


def real(graph: QuantizedGraph, data: Path, count: int) -> Int8:
    """`count` windows spread over the recordings, quantized as the model's input asks."""
    found = cut(open_dataset(str(data)), WindowSpec())
    if len(found) < count:
        sys.exit(f"{data} has only {len(found)} windows.")
    chosen = found.counts[np.linspace(0, len(found) - 1, count).astype(int)]
    entry = graph.tensor(graph.input)
    if (entry.scale, entry.zero_point) == (1 / 64, 0):
        ours: Int8 = found.inputs[np.linspace(0, len(found) - 1, count).astype(int)][:, None]
        return ours
    steps = np.rint(chosen / 256 / entry.scale) + entry.zero_point
    values: Int8 = np.clip(steps, -128, 127).astype(np.int8)
    if entry.shape[0] == 3:
        return values.transpose(0, 2, 1)[..., None].copy()
    return values[:, None]


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
    run: Run,
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


def equality(model: Model, data: Path, count: int) -> Iterator[Equal]:
    windows = np.concatenate([real(model.graph, data, count), adversarial(model.graph)])
    own = model.graph.rounding
    few = windows[:: max(1, len(windows) // OTHER_FAMILY_WINDOWS)]
    for row in check_int8(model.graph, model.files, windows):
        if isinstance(row, EqualityRow) and row.must_match:
            found = row.agreement
            name = f"{row.runtime} {row.version}"
            yield Equal(
                model.name, row.against, f"reference ({row.against})", name,
                found.windows, found.values, found.differing,
            )  # fmt: skip
    families: tuple[Rounding, ...] = ("tflm", "ruy", "litert-ref", "xnnpack")
    for family in families:
        if family_gap(model.graph, family) is not None:
            print(f"{model.name}: {family_gap(model.graph, family)}", file=sys.stderr)
            continue
        graph = dataclasses.replace(model.graph, rounding=family)
        with tempfile.TemporaryDirectory() as work:
            try:
                emit_c(graph, Path(work) / "c", model_id="0" * 16)
            except ModelFileError as error:
                print(f"{model.name} {family}: {error}", file=sys.stderr)
                continue
            some = windows if family == own else few
            yield from _c_rows(model.name, graph, Path(work), some, cores=family == own)


def _c_rows(
    name: str, graph: QuantizedGraph, work: Path, windows: Int8, *, cores: bool
) -> Iterator[Equal]:
    wanted = reference_logits(graph, windows)
    flat = windows.reshape(len(windows), -1)

    def row(who: str, logits: Int8) -> Equal:
        differing = int((logits != wanted).sum())
        a = f"reference ({graph.rounding})"
        return Equal(name, graph.rounding, a, who, len(windows), wanted.size, differing)

    flags: tuple[str, ...]
    for compiler, flags in (("gcc", ("-O2",)), ("clang", ("-O2",)), ("clang", SANITIZERS)):
        native = run_native(work / "c", flat, compiler=compiler, flags=flags)  # type: ignore[arg-type]
        yield row(f"C on this computer, {native.compiler}, {' '.join(flags)}", native.logits)
    runs: list[tuple[str, CompilerName, Any]] = [("cortex-m4", "zig", run_unicorn)]
    if cores:
        runs += [("cortex-m4", "gcc", run_qemu), ("cortex-m55", "gcc", run_qemu)]
    for core, compiler, use in runs:
        folder = work / f"{core}-{compiler}"
        folder.mkdir()
        image = build_image(work / "c", find_toolchain(find_target(core), compiler), folder)
        run = use(image, flat)
        yield row(f"C on {run.emulator}, {image.toolchain.version}, -O2", run.logits)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundles", type=Path, nargs="*", metavar="BUNDLE")
    parser.add_argument("--peers", type=Path, help="folder of *_int8.tflite")
    parser.add_argument("--data", type=Path, help="recordings for --equality and the windows")
    parser.add_argument("--equality", type=int, metavar="N", help="compare N real windows")
    parser.add_argument("--optimize", default="-O2", help="one build for all figures")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.equality and options.data is None:
        parser.error("--equality needs --data")
    warnings.simplefilter("error", RuntimeWarning)
    for model in models(options.peers, options.bundles):
        found: Iterator[Row | Equal]
        if options.equality:
            found = equality(model, options.data, options.equality)
        else:
            windows = adversarial(model.graph, 20)
            if options.data is not None:
                windows = np.concatenate([real(model.graph, options.data, 20), windows])
            found = rows(model, (options.optimize,), windows)
        for item in found:
            values = asdict(item)
            if options.json:
                print(json.dumps(values), flush=True)
            else:
                print("  ".join(f"{key}={value}" for key, value in values.items()), flush=True)


if __name__ == "__main__":
    main()
