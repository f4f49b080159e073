"""What a model costs on a core: instructions by layer, memory from the real image, cycles guessed.

    profile(graph, c_folder, find_target("cortex-m4")) -> Profile

The model's C is compiled, run on an emulated core, and its logits compared with the integer
reference; a figure is only given for code that computed the right answer.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import VerificationError
from wearkit.integer import reference
from wearkit.integer.graph import Conv1D, Dense, DepthwiseConv1D, Op, QuantizedGraph
from wearkit_export.c.calls import Call, ConvCall, DenseCall, DepthwiseCall
from wearkit_export.c.plan import plan_model
from wearkit_export.profile.cycles import Cycles, estimate
from wearkit_export.profile.parts import Fit, fits
from wearkit_export.profile.run import run_image
from wearkit_export.profile.trace import OWN_CODE, ImageRun, Mix, Trace
from wearkit_export.targets.image import Memory, build_image
from wearkit_export.targets.native import run_native
from wearkit_export.targets.target import Target
from wearkit_export.targets.toolchain import CompilerName, find_toolchain

SEED = 20241
RANDOM_WINDOWS = 8


@dataclass(frozen=True, slots=True)
class LayerCost:
    """macs: multiplications the layer's definition asks for; None for what is no layer."""

    name: str
    macs: int | None
    instructions: int
    cycles: Cycles | None


@dataclass(frozen=True, slots=True)
class Profile:
    """instructions: of one window, exact; cycles: an estimate of them, None without a table.

    windows_equal: windows whose logits were compared with the reference, all equal.
    native_ms: measured, host only.
    """

    target: Target
    compiler: str
    flags: tuple[str, ...]
    emulator: str
    layers: tuple[LayerCost, ...]
    macs: int
    instructions: int
    cycles: Cycles | None
    clock_mhz: float
    memory: Memory
    stack_bytes: int
    windows_equal: int
    native_ms: float | None
    fits: tuple[Fit, ...]

    def ms(self, cycles: int) -> float:
        """Milliseconds at the profile's clock."""
        return cycles / self.clock_mhz / 1000


def profile(
    graph: QuantizedGraph,
    c_folder: Path,
    target: Target,
    *,
    compiler: CompilerName | None = None,
    flags: tuple[str, ...] = ("-O2",),
    clock_mhz: float | None = None,
    windows: NDArray[np.int8] | None = None,
) -> Profile:
    """Build, run, compare, count.

    windows: (N, rows, steps, channels) or (N, steps, channels) int8; random ones by default,
    always the same. Instructions are those of the first. Raises MissingToolError when no
    compiler or emulator for the target is installed, VerificationError when a logit differs.
    """
    toolchain = find_toolchain(target, compiler)
    if windows is None:
        windows = random_windows(graph)
    with tempfile.TemporaryDirectory(prefix="wearkit-profile-") as folder:
        image = build_image(c_folder, toolchain, Path(folder), flags=flags)
        run = run_image(image, windows.reshape(len(windows), -1), count=1)
        native = run_native(c_folder, windows, flags=flags) if target.name == "host" else None
        _check_equal(graph, windows, run)
        assert run.trace is not None
        layers = layers_of(graph, run.trace)
    memory = image.memory
    return Profile(
        target=target,
        compiler=toolchain.version,
        flags=flags,
        emulator=run.emulator,
        layers=tuple(layers),
        macs=sum(layer.macs or 0 for layer in layers),
        instructions=run.trace.instructions(),
        cycles=_cycles(run.trace.mix(), target),
        clock_mhz=clock_mhz or target.clock_mhz,
        memory=memory,
        stack_bytes=run.stack_bytes,
        windows_equal=len(windows),
        native_ms=None if native is None else native.ms,
        fits=tuple(fits(memory.flash_bytes, memory.ram_bytes + run.stack_bytes, target.name)),
    )


def random_windows(graph: QuantizedGraph, count: int = RANDOM_WINDOWS) -> NDArray[np.int8]:
    """(count, rows, steps, channels) int8, uniform, the same at every call."""
    shape = (count, *graph.tensor(graph.input).shape)
    return np.random.default_rng(SEED).integers(-128, 128, shape).astype(np.int8)


def macs(graph: QuantizedGraph, op: Op) -> int:
    """Multiply-accumulates of an operation by its definition, 0 where there are none."""
    rows, steps, _ = graph.tensor(op.output).shape
    if isinstance(op, Conv1D | DepthwiseConv1D):
        return rows * steps * int(op.weight.size)
    return int(op.weight.size) if isinstance(op, Dense) else 0


def layers_of(graph: QuantizedGraph, trace: Trace) -> list[LayerCost]:
    """Layers in order with what the calls of each cost; wk_model_run's own code comes last.

    A call belongs to the layer its statement in wk_model.c names. Only while the image exists.
    """
    calls = plan_model(graph).calls
    costs = {call.name: Mix() for call in calls}
    lines = trace.image.source_lines()
    for cost in trace.by_call():
        name = "(calls)"
        if cost.site != OWN_CODE:
            name = owner(lines.statement(cost.site - 1), list(costs)) or cost.callee
        costs.setdefault(name, Mix()).add(cost.mix)
    counted = {call.name: _call_macs(graph, call) for call in calls}
    target = trace.image.target
    return [
        LayerCost(name, counted.get(name), mix.instructions // trace.windows, _cycles(mix, target))
        for name, mix in costs.items()
    ]


def owner(statement: str, names: Sequence[str]) -> str | None:
    """The layer a call works for: `&wk_conv1` names it; else the last word like conv1_out does."""
    constants: list[str] = [name for name in re.findall(r"&wk_(\w+)", statement) if name in names]
    if constants:
        return constants[0]
    for word in reversed(re.findall(r"\w+", statement.lower())):
        layers = [name for name in names if word.startswith(f"{name}_")]
        if layers:
            return max(layers, key=len)
    return None


def _call_macs(graph: QuantizedGraph, call: Call) -> int | None:
    return macs(graph, call.op) if isinstance(call, ConvCall | DepthwiseCall | DenseCall) else None


def _cycles(mix: Mix, target: Target) -> Cycles | None:
    return None if target.cycles is None else estimate(mix, target.cycles)


def _check_equal(graph: QuantizedGraph, windows: NDArray[np.int8], run: ImageRun) -> None:
    wanted = reference_logits(graph, windows)
    different = int((run.logits != wanted).sum())
    if different:
        raise VerificationError(
            f"{different} of {wanted.size} logits differ from the reference on {run.emulator}: "
            "the C folder was not made from this graph, or the compiler is broken."
        )


def reference_logits(graph: QuantizedGraph, windows: NDArray[np.int8]) -> NDArray[np.int8]:
    """(N, outputs) int8 in the order of the heads, as wk_model_run writes them."""
    logits = reference.run(graph, windows)
    return np.concatenate([logits[head.task] for head in graph.heads], axis=1)
