"""Is the generated C right? Every int8 logit of many windows, everywhere it can be computed.

    python tests/bench/c_equality.py --peers FOLDER --data hapt-accel.tar.xz [BUNDLE ...] [--json]

For each model, over N real windows spread over the recordings and 1,000 that no body makes (rails,
alternating extremes, constants, spikes, noise): the integer reference against the named runtimes of
each rounding family, and the C of each family against the reference: on this computer (gcc, clang,
clang with sanitizers), on a Cortex-M4 by zig and unicorn and, for the model's own family, on a
Cortex-M4 and a Cortex-M55 by gcc and QEMU. Families other than the model's own run FEW windows in
C, and all of them in their runtimes. One line a comparison; exits with 1 when one differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
from c_models import Int8, Model, adversarial, models, real

from wearkit.errors import MissingToolError, ModelFileError
from wearkit.integer.graph import ROUNDINGS, QuantizedGraph
from wearkit.integer.requantize import family_gap
from wearkit_export.bundle.equality import EqualityRow, check_int8
from wearkit_export.c.emit import emit_c
from wearkit_export.profile.profile import reference_logits
from wearkit_export.profile.qemu import run_qemu
from wearkit_export.profile.run import run_unicorn
from wearkit_export.targets.image import build_image
from wearkit_export.targets.native import run_native
from wearkit_export.targets.target import find_target
from wearkit_export.targets.toolchain import CompilerName, find_toolchain

SANITIZERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
HOST: tuple[tuple[CompilerName, tuple[str, ...]], ...] = (
    ("gcc", ("-O2",)),
    ("clang", ("-O2",)),
    ("clang", SANITIZERS),
)
CORES: tuple[tuple[str, str, CompilerName], ...] = (
    ("unicorn", "cortex-m4", "zig"),
    ("qemu", "cortex-m4", "gcc"),
    ("qemu", "cortex-m55", "gcc"),
)
PARTS = ("runtimes", "here", "unicorn", "qemu")


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


def in_runtimes(model: Model, windows: Int8) -> Iterator[Equal]:
    """Every installed runtime of a family that this model has."""
    # A bundle of ours takes windows without the one image row that every graph has.
    seen = windows if model.files.int8_onnx is None else windows[:, 0]
    for row in check_int8(model.graph, model.files, seen):
        if isinstance(row, EqualityRow) and row.must_match:
            found = row.agreement
            a, b = f"reference ({row.against})", f"{row.runtime}, {row.version}"
            counts = (found.windows, found.values, found.differing)
            yield Equal(model.name, row.against, a, b, *counts)
        elif not isinstance(row, EqualityRow):
            _say(model.name, row.runtime, row.hint)


def in_every_family(
    model: Model, windows: Int8, few: Int8, parts: Sequence[str]
) -> Iterator[Equal]:
    """The C of each family; its own one on all windows."""
    for family in ROUNDINGS:
        gap = family_gap(model.graph, family)
        if gap is not None:
            _say(model.name, family, gap)
            continue
        own = family == model.graph.rounding
        graph = replace(model.graph, rounding=family)
        some = [part for part in parts if own or part != "qemu"]
        yield from in_c(model.name, graph, windows if own else few, some)


def in_c(name: str, graph: QuantizedGraph, windows: Int8, parts: Sequence[str]) -> Iterator[Equal]:
    """The C of one family."""
    wanted = reference_logits(graph, windows)
    a = f"reference ({graph.rounding})"
    flat = windows.reshape(len(windows), -1)
    with tempfile.TemporaryDirectory() as folder:
        c_folder = Path(folder) / "c"
        try:
            emit_c(graph, c_folder, model_id="0" * 16)
        except ModelFileError as error:
            _say(name, graph.rounding, str(error))
            return
        places = [*_on_this_computer(c_folder, flat), *_emulated(c_folder, flat)]
        for part, where, run in places:
            if part not in parts:
                continue
            try:
                who, logits = run()
            except MissingToolError as error:
                _say(name, where, str(error))
                continue
            differing = int((logits != wanted).sum())
            yield Equal(name, graph.rounding, a, who, len(windows), wanted.size, differing)


_Where = tuple[str, str, Callable[[], tuple[str, Int8]]]


def _on_this_computer(c_folder: Path, windows: Int8) -> Iterator[_Where]:
    for compiler, flags in HOST:

        def run(
            compiler: CompilerName = compiler, flags: tuple[str, ...] = flags
        ) -> tuple[str, Int8]:
            native = run_native(c_folder, windows, compiler=compiler, flags=flags)
            return f"C here, {native.compiler}, {' '.join(flags)}", native.logits

        yield "here", compiler, run


def _emulated(c_folder: Path, windows: Int8) -> Iterator[_Where]:
    for part, core, compiler in CORES:

        def run(
            part: str = part, core: str = core, compiler: CompilerName = compiler
        ) -> tuple[str, Int8]:
            toolchain = find_toolchain(find_target(core), compiler)
            with tempfile.TemporaryDirectory() as work:
                image = build_image(c_folder, toolchain, Path(work))
                found = (run_qemu if part == "qemu" else run_unicorn)(image, windows)
            flags = " ".join((*toolchain.target_flags, *image.flags))
            return f"C on {found.emulator}, {toolchain.version}, {flags}", found.logits

        yield part, core, run


def _say(*parts: str) -> None:
    print(": ".join(parts), file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundles", type=Path, nargs="*", metavar="BUNDLE")
    parser.add_argument("--peers", type=Path, help="folder of *_int8.tflite")
    parser.add_argument("--data", type=Path, required=True, help="recordings at 50 Hz")
    parser.add_argument("--real", type=int, default=10_000, metavar="N")
    parser.add_argument("--few", type=int, default=2_000, metavar="FEW")
    parser.add_argument(
        "--part", action="append", choices=PARTS, help="to spread a long run; default: all"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    differing = 0
    for model in models(options.peers, options.bundles):
        made = adversarial(model.graph)
        windows = np.concatenate([real(model.graph, options.data, options.real), made])
        few = windows[:: max(1, len(windows) // options.few)]
        parts = options.part or PARTS
        found = in_every_family(model, windows, few, parts)
        if "runtimes" in parts:
            found = chain(in_runtimes(model, windows), found)
        for row in found:
            differing += row.differing
            values = asdict(row)
            text = json.dumps(values) if options.json else "  ".join(map(str, values.values()))
            print(text, flush=True)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
