"""The C of imported models, compiled and run here, against the reference of their family."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wearkit.errors import ModelFileError
from wearkit.integer.graph import ROUNDINGS, QuantizedGraph, Rounding
from wearkit.integer.reference import Reference

ZOO = Path(__file__).parent / "zoo"
NAMES = sorted(path.stem for path in ZOO.glob("*.tflite") if "refused" not in path.name)
MAIN = """
#include "wk_model.h"
#include <stdio.h>

static int32_t arena[WK_ARENA_BYTES / 4 + 1];

int main(void)
{
    int8_t in[WK_INPUT_LEN], out[WK_OUTPUT_LEN];

    while (fread(in, 1, sizeof in, stdin) == sizeof in) {
        if (wk_model_run(arena, sizeof arena, in, out) != 0) {
            return 1;
        }
        fwrite(out, 1, sizeof out, stdout);
    }
    return 0;
}
"""
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow", "-pedantic")


@pytest.fixture(scope="module")
def compiler(needs_program: Callable[[str, str], str]) -> str:
    return needs_program("cc", "apt-get install gcc")


def differing(graph: QuantizedGraph, folder: Path, compiler: str) -> int:
    """int8 logits in which the program differs from the reference, over 308 windows."""
    from wearkit_export.bundle.import_bundle import windows
    from wearkit_export.c.emit import emit_c

    emit_c(graph, folder / "c", model_id="id")
    (folder / "main.c").write_text(MAIN)
    sources = sorted(str(path) for path in (folder / "c").glob("*.c"))
    command = [compiler, *STRICT, "-O1", f"-I{folder / 'c'}", str(folder / "main.c"), *sources]
    subprocess.run([*command, "-o", str(folder / "run")], check=True)
    found = windows(graph.tensor(graph.input), 150, seed=3)
    done = subprocess.run([folder / "run"], input=found.tobytes(), capture_output=True, check=True)
    logits = Reference(graph).run(found)
    expected = np.concatenate([logits[head.task] for head in graph.heads], axis=1)
    given = np.frombuffer(done.stdout, np.int8).reshape(expected.shape)
    return int(np.count_nonzero(given != expected))


def with_family(name: str, rounding: Rounding) -> QuantizedGraph:
    from wearkit_export.import_tflite import import_tflite

    data = (ZOO / f"{name}.tflite").read_bytes()
    return replace(import_tflite(data, rounding="litert-ref").graph, rounding=rounding)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "relu6_alone"])
def test_as_micro_rounds(name: str, tmp_path: Path, compiler: str) -> None:
    assert differing(with_family(name, "tflm"), tmp_path, compiler) == 0


@pytest.mark.parametrize("rounding", ROUNDINGS[1:])
@pytest.mark.parametrize(
    "name",
    [
        "depthwise_stride2",  # a mean, and channels left over from whole blocks
        "mean_over_image",
        *(pytest.param(name, marks=pytest.mark.soak) for name in NAMES),
    ],
)
def test_in_other_families(name: str, rounding: Rounding, tmp_path: Path, compiler: str) -> None:
    """The same bits, or a refusal that names the way out; never other bits."""
    try:
        assert differing(with_family(name, rounding), tmp_path, compiler) == 0
    except ModelFileError as error:
        assert "choose another family" in str(error)
