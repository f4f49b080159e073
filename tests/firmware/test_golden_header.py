"""The golden headers: not stale, compile everywhere, and say what the arrays say."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.counts import counts_to_int8
from wearkit.errors import VerificationError
from wearkit_export.c.golden_header import golden_counts_header, golden_header

MODEL_ID = "0123456789abcdef" * 4
STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wconversion"]
PRINT_ALL = """
#include <stdio.h>
#include "golden.h"
#define PRINT(array) \\
    for (i = 0; i < sizeof array / sizeof array[0]; i++) { printf("%d ", array[i]); } \\
    puts("")
int main(void)
{
    size_t i;
    printf("%s %d %d %d\\n", WK_GOLDEN_MODEL_ID, WK_GOLDEN_WINDOWS, WK_GOLDEN_LENGTH,
           WK_GOLDEN_PLACEMENT_LABELS);
    PRINT(wk_golden_window_counts);
    PRINT(wk_golden_window_inputs);
    PRINT(wk_golden_logits_activity);
    PRINT(wk_golden_logits_placement);
    return 0;
}
"""

Logits = Mapping[str, NDArray[np.int8]]


@pytest.fixture
def vectors() -> tuple[NDArray[np.int16], Logits]:
    random = np.random.default_rng(1)
    counts = random.integers(-512, 512, (3, 100, 3)).astype(np.int16)
    counts[0, 0] = (-32768, 32767, -512)
    logits = {
        "activity": random.integers(-128, 128, (3, 12)).astype(np.int8),
        "placement": random.integers(-128, 128, (3, 3)).astype(np.int8),
    }
    return counts, logits


def _write(folder: Path, vectors: tuple[NDArray[np.int16], Logits]) -> Path:
    counts, logits = vectors
    (folder / "golden.h").write_text(
        golden_header(MODEL_ID, counts, counts_to_int8(counts), logits)
    )
    source = folder / "print.c"
    source.write_text(PRINT_ALL)
    return source


def _compile(compiler: str, source: Path, repository: Path, *options: str) -> Path:
    program = source.with_suffix(".out")
    include = [f"-I{repository / 'firmware/include'}", f"-I{source.parent}"]
    command = [compiler, *STRICT, *include, *options, str(source), "-o", str(program)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return program


def test_committed_header_is_what_the_script_writes(repository: Path) -> None:
    committed = repository / "firmware/include/wk/wk_golden_counts.h"
    assert committed.read_text() == golden_counts_header(), "run `make -C firmware golden`"


def test_model_header_holds_the_arrays(
    tmp_path: Path,
    repository: Path,
    needs_program: Callable[[str, str], str],
    vectors: tuple[NDArray[np.int16], Logits],
) -> None:
    gcc = needs_program("gcc", "apt-get install gcc")
    program = _compile(gcc, _write(tmp_path, vectors), repository)
    head, *rows = subprocess.run([program], capture_output=True, text=True).stdout.splitlines()
    counts, logits = vectors

    assert head == f"{MODEL_ID} 3 100 3"
    expected: list[NDArray[np.integer]] = [
        counts,
        counts_to_int8(counts),
        logits["activity"],
        logits["placement"],
    ]
    for row, array in zip(rows, expected, strict=True):
        np.testing.assert_array_equal(np.array(row.split(), dtype=np.int32), array.reshape(-1))


def test_model_header_stays_out_of_an_avr_s_ram(
    tmp_path: Path,
    repository: Path,
    needs_program: Callable[[str, str], str],
    vectors: tuple[NDArray[np.int16], Logits],
) -> None:
    gcc = needs_program("avr-gcc", "apt-get install gcc-avr avr-libc")
    _write(tmp_path, vectors)
    source = tmp_path / "keep.c"
    source.write_text(
        '#include "golden.h"\n'
        "int main(void)\n{\n    volatile unsigned char i = 7;\n"
        "    return WK_FLASH_I16(&wk_golden_window_counts[i])\n"
        "        + WK_FLASH_I8(&wk_golden_window_inputs[i])\n"
        "        + WK_FLASH_I8(&wk_golden_logits_activity[i])\n"
        "        + WK_FLASH_I8(&wk_golden_logits_placement[i]);\n}\n"
    )
    program = _compile(gcc, source, repository, "-mmcu=atmega328p", "-Os")
    size = subprocess.run(["avr-size", program], capture_output=True, text=True, check=True)
    text, data, bss = map(int, size.stdout.splitlines()[1].split()[:3])

    assert (data, bss) == (0, 0)
    assert text > 3 * 300 * 3


def test_same_vectors_same_bytes(vectors: tuple[NDArray[np.int16], Logits]) -> None:
    counts, logits = vectors
    first = golden_header(MODEL_ID, counts, counts_to_int8(counts), logits)
    assert first == golden_header(MODEL_ID, counts.copy(), counts_to_int8(counts), dict(logits))
    assert max(map(len, first.splitlines())) <= 100


def test_what_cannot_be_right_is_refused(vectors: tuple[NDArray[np.int16], Logits]) -> None:
    counts, logits = vectors
    inputs = counts_to_int8(counts)
    wrong = inputs.copy()
    wrong[2, 99, 2] ^= 1
    with pytest.raises(VerificationError, match="not the int8 inputs"):
        golden_header(MODEL_ID, counts, wrong, logits)
    with pytest.raises(VerificationError, match="lower-case hexadecimal"):
        golden_header('"; int main', counts, inputs, logits)
    with pytest.raises(VerificationError, match="cannot be a name in C"):
        golden_header(MODEL_ID, counts, inputs, {"activité": logits["activity"]})
    with pytest.raises(VerificationError, match="must be int8 of shape"):
        golden_header(MODEL_ID, counts, inputs, {"activity": logits["activity"][:2]})
    with pytest.raises(VerificationError, match="at least one task"):
        golden_header(MODEL_ID, counts, inputs, {})
    with pytest.raises(VerificationError, match="length, 3"):
        golden_header(MODEL_ID, counts[..., :2], inputs[..., :2], logits)
