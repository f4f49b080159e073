"""wk_model_labels.h: a program of one's own reads the labels, and no label writes the program."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wearkit.bundle.bundle import Bundle
from wearkit.counts import counts_to_int8
from wearkit.spec import TaskSpec
from wearkit_export.c.labels_header import c_float, c_string, labels_header
from wearkit_export.targets.toolchain import WARNINGS

LABELS = (
    "sitting", "auf dem Rücken", 'a"; int x = 0; //', "??/", "back\\slash", "%s%n", "*/ /*",
    "7 after \\1", "noche\u0301", "日本", "l'eau", "b?",
)  # fmt: skip


def with_labels(bundle: Bundle, labels: tuple[str, ...]) -> Bundle:
    first, *rest = bundle.model.tasks
    model = replace(bundle.model, tasks=(TaskSpec(first.name, labels), *rest))
    return replace(bundle, graph=replace(bundle.graph, model=model))


def test_labels_scales_and_counts_are_those_of_python(
    bundle: Bundle, tmp_path: Path, needs_program: Callable[[str, str], str]
) -> None:
    gcc = needs_program("gcc", "apt-get install gcc")
    graph = with_labels(bundle, LABELS).graph
    header = labels_header(graph)
    assert header.isascii()
    (tmp_path / "wk_model_labels.h").write_text(header)
    task = bundle.model.tasks[0].name
    (tmp_path / "main.c").write_text(f"""
#include <stdio.h>
#include "wk_model_labels.h"
int main(void)
{{
    long count;
    int at;
    for (at = 0; at < WK_{task.upper()}_LABELS; at++) {{
        fwrite(wk_labels_of_{task}[at], 1, 1 + 0 * sizeof at, stdout);
        printf("%s", wk_labels_of_{task}[at] + 1);
        putchar(0);
    }}
    printf("%.9g %d %d %.9g %d", (double)WK_{task.upper()}_SCALE, WK_{task.upper()}_ZERO_POINT,
           WK_{task.upper()}_FIRST, (double)WK_INPUT_SCALE, WK_RATE_MHZ);
    putchar(0);
    for (count = -32768; count <= 32767; count++) {{
        putchar((unsigned char)wk_model_input((int16_t)count));
    }}
    return (int)wk_labels_of_placement[0][0] == 0;
}}
""")
    for standard in ("-std=c99", "-std=c11"):
        command = [gcc, *WARNINGS, standard, "-trigraphs", tmp_path / "main.c", "-o"]
        done = subprocess.run([*command, tmp_path / "main"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    said = subprocess.run([tmp_path / "main"], capture_output=True).stdout
    *labels, numbers, counts = said.split(b"\0", len(LABELS) + 1)
    assert tuple(label.decode() for label in labels) == LABELS
    out = graph.tensor(next(head.tensor for head in graph.heads if head.task == task))
    scale, zero, first, input_scale, rate_mhz = numbers.split()
    assert np.float32(scale) == np.float32(out.scale) and int(zero) == out.zero_point
    assert (int(first), float(input_scale), int(rate_mhz)) == (0, 1 / 64, 50_000)
    every = np.arange(-32768, 32768, dtype=np.int16)
    np.testing.assert_array_equal(np.frombuffer(counts, np.int8), counts_to_int8(every))


@pytest.mark.parametrize("value", [1.0, 2.0, 1 / 64, 0.1, 1e-12, 3e20])
def test_a_float_comes_back(value: float) -> None:
    text = c_float(value)
    assert text.endswith("f") and ("." in text or "e" in text)
    assert np.float32(text[:-1]) == np.float32(value)


def test_no_byte_but_plain_ones_gets_into_a_literal() -> None:
    assert c_string('a?\n"\\é') == r'"a\077\012\042\134\303\251"'
