"""The generated C on this computer, with sanitizers, against the integer reference."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.errors import ModelFileError
from wearkit.integer.graph import QuantizedGraph, Rounding
from wearkit.integer.reference import Reference
from wearkit_export.c.emit import emit_c
from wearkit_export.targets.native import run_native

Int8 = NDArray[np.int8]
HERE = Path(__file__).parent
MODEL_ID = "0123456789abcdef"
STRICT = (
    *("-std=c99", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow", "-pedantic"),
    *("-Wsign-conversion", "-Wundef", "-Wstrict-prototypes", "-Wmissing-prototypes"),
)
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def logits(graph: QuantizedGraph, windows: Int8) -> Int8:
    found = Reference(graph).run(windows)
    return np.concatenate([found[head.task] for head in graph.heads], axis=1)


def built(sources: Path, main: Path, folder: Path, *flags: str) -> Path:
    """A program of this computer from generated C and a main of ours."""
    program = folder / main.stem
    files = [*sorted(sources.glob("*.c")), main]
    command = ["cc", *STRICT, *SANITIZED, *flags, f"-I{sources}", *map(str, files)]
    done = subprocess.run([*command, "-o", str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:2000]
    return program


@pytest.mark.parametrize("rounding", get_args(Rounding))
def test_every_net_in_every_family(net: Any, rounding: Rounding, tmp_path: Path) -> None:
    graph, windows = net.graph(rounding), net.windows(96)
    try:
        expected = logits(graph, windows)
        emit_c(graph, tmp_path / "c", model_id=MODEL_ID)
    except ModelFileError as refusal:
        assert rounding == "xnnpack"
        assert "half way" in str(refusal)
        return
    assert len(np.unique(expected)) > 20, "the net answers too little to tell bits apart"
    found = run_native(tmp_path / "c", windows, compiler="gcc", flags=(*STRICT, *SANITIZED))
    assert np.array_equal(found.logits, expected)


def test_clang_builds_the_same_bits(
    net: Any, tmp_path: Path, needs_program: Callable[[str, str], str]
) -> None:
    needs_program("clang", "apt-get install clang")
    graph, windows = net.graph(), net.windows(48)
    emit_c(graph, tmp_path / "c", model_id=MODEL_ID)
    found = run_native(tmp_path / "c", windows, compiler="clang", flags=(*STRICT, *SANITIZED))
    assert np.array_equal(found.logits, logits(graph, windows))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("((int64_t)1 << 30)) >> 31", "((int64_t)1 << 29)) >> 31"),
        ("value += value >> 31;", ""),
        ("sum + channel.bias", "sum + channel.bias + 1"),
        ("return a > b ? a : b;", "return a < b ? a : b;"),
    ],
)
def test_a_changed_kernel_is_seen(
    old: str, new: str, net_named: Callable[[str], Any], tmp_path: Path
) -> None:
    maker = net_named("axes_pooled")
    graph, windows = maker.graph(), maker.windows(400)
    emit_c(graph, tmp_path / "c", model_id=MODEL_ID)
    changed = 0
    for path in [*(tmp_path / "c").rglob("*.[ch]")]:
        text = path.read_text()
        changed += old in text
        path.write_text(text.replace(old, new))
    assert changed > 0
    found = run_native(tmp_path / "c", windows, compiler="gcc")
    assert not np.array_equal(found.logits, logits(graph, windows))


@pytest.mark.parametrize("name", ["axes_pooled", "three_convolutions"])
def test_a_stream_gives_the_bits_of_the_window(
    name: str, net_named: Callable[[str], Any], tmp_path: Path
) -> None:
    maker = net_named(name)
    rows, length, channels = maker.shape
    emit_c(maker.graph(), tmp_path / "c", model_id=MODEL_ID)
    program = built(tmp_path / "c", HERE / "stream_main.c", tmp_path, f"-DROWS={rows}")
    random = np.random.default_rng(3)
    noise = random.integers(-128, 128, (1200, rows * channels))
    rails = random.choice([-128, 127], (400, rows * channels))
    samples = np.concatenate([noise, rails, np.zeros((200, rows * channels))]).astype(np.int8)
    done = subprocess.run([str(program)], input=samples.tobytes(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[:2000]
    early, compared, different = map(int, done.stdout.split())
    assert early == length // 4 - 1
    assert compared == len(samples) // 4 - early
    assert different == 0


def test_a_net_without_a_mean_gets_no_stream(
    net_named: Callable[[str], Any], tmp_path: Path
) -> None:
    emit_c(net_named("odd_sizes").graph(), tmp_path, model_id=MODEL_ID)
    assert not (tmp_path / "wk_model_stream.h").exists()


def test_an_arena_that_cannot_do_is_refused(
    net_named: Callable[[str], Any], tmp_path: Path
) -> None:
    emit_c(net_named("axes_pooled").graph(), tmp_path / "c", model_id=MODEL_ID)
    program = built(tmp_path / "c", HERE / "arena_main.c", tmp_path)
    done = subprocess.run([str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
