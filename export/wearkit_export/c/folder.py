"""BUNDLE/c: every file of it as the graph says it, and a bundle's own folder held against that.

Nothing that lies in a bundle is ever compiled: what a compiler gets is printed here.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearkit import __version__
from wearkit.bundle.bundle import C_FOLDER, Bundle
from wearkit.bundle.listed import unlisted
from wearkit.errors import ModelFileError
from wearkit.files.safe_write import write_bytes
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.graph_file import model_id
from wearkit.integer.logits import Logits
from wearkit.spec import ImportedSpec
from wearkit_export.c.emit import EmittedC, emit_c
from wearkit_export.c.golden_header import golden_header, golden_io_header

GOLDEN_HEADER = "wk_golden_model.h"
_GOLDEN_INPUT_BYTES_MAX = 64 * 1024
"""More would be of no use to a microcontroller, and imported models may have large inputs."""
_COMPILED = (".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".ino", ".s", ".inc", ".o", ".a")
"""How files end that a compiler, or a build that takes a whole folder, would take."""


@dataclass(frozen=True, slots=True)
class PrintedFolder:
    """golden_windows: of GOLDEN_HEADER."""

    emitted: EmittedC
    golden_windows: int


def print_folder(
    graph: QuantizedGraph,
    out: Path,
    inputs: NDArray[np.int8],
    logits: Logits,
    counts: NDArray[np.int16] | None = None,
) -> PrintedFolder:
    """Write the sources into `out`, with golden vectors a device can compile in.

    inputs: (N >= 1, ...) int8 windows; logits: task -> (N, labels) in the order of the heads;
    counts: the windows before quantization, None where nobody knows the sensor. The same
    arguments give the same bytes. Raises ModelFileError when an operation or the rounding family
    has no exact kernel.
    """
    identity = model_id(graph)
    emitted = emit_c(graph, out, model_id=identity)
    room = max(1, _GOLDEN_INPUT_BYTES_MAX // inputs[0].nbytes)
    few = slice(0, None, -(-len(inputs) // room))
    expected = {head.task: logits[head.task][few] for head in graph.heads}
    if counts is None:
        golden = golden_io_header(identity, inputs[few], expected)
    else:
        golden = golden_header(identity, counts[few], inputs[few], expected)
    write_bytes(out / GOLDEN_HEADER, golden.encode())
    return PrintedFolder(emitted, len(inputs[few]))


def print_checked(bundle: Bundle, out: Path) -> Path:
    """Print the C of the bundle's graph into the empty folder `out` and hold the bundle's own c/
    against it -> `out`, which holds no byte of the bundle's.

    A bundle of another wearkit may have been printed from older kernels: then a RuntimeWarning
    says that this one's are used. Raises ModelFileError when c/ holds anything else than the
    graph's own C, when the golden vectors are wrong, or when the model has no exact C.
    """
    if isinstance(bundle.graph.model, ImportedSpec):
        known = bundle.imported_golden()
        print_folder(bundle.graph, out, known.inputs, known.logits)
    else:
        golden = bundle.golden()
        print_folder(bundle.graph, out, golden.inputs, golden.logits, golden.counts)
    _refuse_strangers(bundle)
    odd = _differing(bundle, out)
    if odd and bundle.manifest.get("wearkit") == __version__:
        raise ModelFileError(
            f"{bundle.path / odd[0]} is not what is printed from the bundle's graph, and nothing "
            "of the folder was compiled: export the bundle again."
        )
    if odd:
        warnings.warn(
            f"{bundle.path / odd[0]} is not what this wearkit, {__version__}, prints from the "
            f"bundle's graph; it was written by {bundle.manifest.get('wearkit')!r}, the bundle "
            "says. What is compiled is printed anew.",
            RuntimeWarning,
            stacklevel=2,
        )
    return out


def _refuse_strangers(bundle: Bundle) -> None:
    """Files nobody listed, in c/ or where a build of the whole folder would find them."""
    for name in unlisted(bundle.path, bundle.manifest["files"]):
        if name.startswith(f"{C_FOLDER}/") or Path(name).suffix.lower() in _COMPILED:
            raise ModelFileError(
                f"{bundle.path / name} is not of the bundle, and nothing of the folder was "
                "compiled: move it to a folder of your own."
            )


def _differing(bundle: Bundle, printed: Path) -> list[str]:
    """Listed files of c/ with other bytes than the printed ones, or of which there are none. A
    bundle without any is of a model that had no C when it was written."""
    stated = {
        name: entry.get("sha256")
        for name, entry in bundle.manifest["files"].items()
        if name.startswith(f"{C_FOLDER}/")
    }
    if not stated:
        return []
    ours = {
        f"{C_FOLDER}/{path.relative_to(printed).as_posix()}": hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in printed.rglob("*")
        if path.is_file()
    }
    return sorted(
        name for name in stated.keys() | ours.keys() if stated.get(name) != ours.get(name)
    )
