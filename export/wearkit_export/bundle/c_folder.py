"""BUNDLE/c: the sources, the golden vectors beside them, and what this computer makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.bundle import C_FOLDER
from wearkit.errors import MissingToolError
from wearkit.integer import reference
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.logits import Logits, compare
from wearkit_export.bundle.equality import EqualityRow, NotRun
from wearkit_export.c.emit import EmittedC
from wearkit_export.c.folder import GOLDEN_HEADER, print_folder
from wearkit_export.targets.native import NativeRun, run_native

ON_THIS_COMPUTER = "C on this computer"


@dataclass(frozen=True, slots=True)
class CFolder:
    """What was written. golden_windows: of GOLDEN_HEADER; source_bytes: of all files."""

    emitted: EmittedC
    golden_windows: int
    source_bytes: int

    def to_json(self) -> dict[str, Any]:
        return {
            "arena_bytes": dict(self.emitted.arena_bytes),
            "stream_step": self.emitted.stream_step,
            "golden_windows": self.golden_windows,
            "source_bytes": self.source_bytes,
        }

    def sentence(self) -> str:
        """For a reader: what is there and what it needs."""
        arena = self.emitted.arena_bytes
        step = self.emitted.stream_step
        stream = "no streaming form"
        if step is not None:
            stream = f"a streaming form, {step} samples per push"
        return (
            f"`{C_FOLDER}/` is the model as C99 with its kernels: working memory of {arena['dsp']} "
            f"bytes with DSP instructions, else {arena['other']}; {stream}; {self.golden_windows} "
            f"golden windows in `{GOLDEN_HEADER}`."
        )


def write_c(
    graph: QuantizedGraph,
    folder: Path,
    inputs: NDArray[np.int8],
    logits: Logits,
    counts: NDArray[np.int16] | None = None,
) -> CFolder:
    """The C folder of a bundle in `folder`, with golden vectors a device can compile in.

    inputs: (N >= 1, ...) int8 windows; logits: task -> (N, labels) in the order of the heads;
    counts: the windows before quantization, None where nobody knows the sensor.
    Raises ModelFileError when an operation or the rounding family has no exact kernel.
    """
    out = folder / C_FOLDER
    printed = print_folder(graph, out, inputs, logits, counts)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return CFolder(printed.emitted, printed.golden_windows, size)


def check_c(graph: QuantizedGraph, folder: Path, inputs: NDArray[np.int8]) -> EqualityRow | NotRun:
    """Build the C folder of a bundle with this computer's compiler and run windows (N, ...) int8.

    Decides nothing: see `equality.require_equal`. Raises VerificationError when the compiler
    refuses the sources or the program fails.
    """
    return c_row(graph, run_c(folder, inputs), reference.run(graph, inputs))


def run_c(folder: Path, inputs: NDArray[np.int8]) -> NativeRun | NotRun:
    """The first half of `check_c`: what the C computes, without anything to compare it with."""
    try:
        return run_native(folder / C_FOLDER, inputs, warnings=())
    except MissingToolError as error:
        return NotRun(ON_THIS_COMPUTER, str(error))


def c_row(graph: QuantizedGraph, ran: NativeRun | NotRun, expected: Logits) -> EqualityRow | NotRun:
    """The other half. expected: the reference's logits of the windows that ran."""
    if isinstance(ran, NotRun):
        return ran
    logits: dict[str, NDArray[np.int8]] = {}
    at = 0
    for head in graph.heads:
        labels = graph.tensor(head.tensor).shape[2]
        logits[head.task] = ran.logits[:, at : at + labels]
        at += labels
    return EqualityRow(
        runtime=ON_THIS_COMPUTER,
        version=ran.compiler,
        file=f"{C_FOLDER}/",
        family=graph.rounding,
        against=graph.rounding,
        must_match=True,
        agreement=compare(expected, logits),
    )
