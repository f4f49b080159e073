"""What emit_c writes, and how it plans it. That the C computes the right bits is proved in
tests/firmware/engine."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.graph_file import model_id
from wearkit_export.c.arena import Block, ByteSpan, place
from wearkit_export.c.constants import fits_wide, segment_tiles, tiles
from wearkit_export.c.emit import emit_c
from wearkit_export.c.lower import Names

Graphs = Callable[[str], QuantizedGraph]


def written(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_graph_gives_the_same_bytes(graphs: Graphs, tmp_path: Path) -> None:
    graph = graphs("mtl-net-micro")
    for name in ("one", "two"):
        emit_c(graph, tmp_path / name, model_id=model_id(graph))
    assert written(tmp_path / "one") == written(tmp_path / "two")


def test_the_header_is_the_contract(graphs: Graphs, tmp_path: Path) -> None:
    graph = graphs("mtl-net-micro")
    emit_c(graph, tmp_path, model_id=model_id(graph))
    header = (tmp_path / "wk_model.h").read_text()
    assert f'#define WK_MODEL_ID "{model_id(graph)}"\n' in header
    assert "#define WK_INPUT_LEN 300\n" in header
    assert "#define WK_OUTPUT_LEN 15\n" in header
    assert re.search(r"posture: 0 to 11\n.*placement: 12 to 14\n", header)
    assert len(re.findall(r"#define WK_ARENA_BYTES \d+\n", header)) == 2


def test_nothing_that_is_included_is_missing(graphs: Graphs, tmp_path: Path) -> None:
    for arch in ("mtl-net-micro", "mtl-net"):
        graph = graphs(arch)
        emit_c(graph, tmp_path / arch, model_id=model_id(graph))
        files = written(tmp_path / arch)
        for text in files.values():
            for name in re.findall(rb'#include "([^"]+)"', text):
                assert name.decode() in files
        assert ("wk_model_stream.c" in files) == (arch == "mtl-net-micro")


def test_no_float_and_no_heap(graphs: Graphs, tmp_path: Path) -> None:
    graph = graphs("mtl-net-micro")
    emit_c(graph, tmp_path, model_id=model_id(graph))
    for name, text in written(tmp_path).items():
        code = re.sub(rb"/\*.*?\*/", b"", text, flags=re.DOTALL)
        assert not re.search(rb"\b(float|double|malloc|calloc|free|math\.h)\b", code), name


def test_generated_lines_fit_the_house_width(graphs: Graphs, tmp_path: Path) -> None:
    graph = graphs("mtl-net-micro")
    emit_c(graph, tmp_path, model_id=model_id(graph))
    for name, text in written(tmp_path).items():
        assert max(map(len, text.decode().splitlines())) <= 100, name


def test_no_layer_is_called_as_a_kernel(repository: Path) -> None:
    """A layer `dense` was printed as `wk_dense`, which is the kernel's name."""
    firmware = repository / "firmware"
    paths = [*(firmware / "src/engine").glob("*.[ch]"), *(firmware / "include/wk").glob("*.h")]
    kernels = {"wk_conv1d.h", "wk_dense.h", "wk_depthwise1d.h", "wk_elementwise.h", "wk_layer.h"}
    kernels |= {"wk_mean.h", "wk_pool1d.h", "wk_requantize.h"}
    in_bundles = [path for path in paths if path.parent.name == "engine" or path.name in kernels]
    code = "".join(re.sub(r"/\*.*?\*/", "", p.read_text(), flags=re.DOTALL) for p in in_bundles)
    code = re.sub(r"#include.*|typedef int \w+_is_not_built;", "", code)
    used = {name for name in re.findall(r"\bwk_(\w+)", code) if len(name) <= 24}
    assert {"dense", "add", "mean_of", "dense_t"} <= used
    for name in used:
        assert Names().take(name) == f"{name}_2"


def test_names_become_identifiers() -> None:
    names = Names()
    assert names.take("model/conv2d/Relu;model/BiasAdd") == "onv2d_relu_model_biasadd"
    assert names.take("conv1") == "conv1"
    assert names.take("Conv1") == "conv1_2"
    assert names.take("7th") == "layer_7th"
    assert names.take("row") == "row_2"
    assert names.take("...") == "layer"


def test_tiles_hold_every_weight_once() -> None:
    weight = np.arange(1, 6 * 19 + 1, dtype=np.int8).reshape(6, 19)
    for channels in (2, 4):
        made = tiles(weight, channels)
        assert made.shape == (8 // channels * 2, channels, 16)
        groups = made.reshape(8 // channels, 2, channels, 16).swapaxes(1, 2).reshape(8, 32)
        assert np.array_equal(groups[:6, :19], weight)
        assert not groups[6:].any() and not groups[:, 19:].any()


def test_segments_keep_sums_inside_24_bits() -> None:
    weight = np.full((3, 2000), 127, dtype=np.int8)
    assert not fits_wide(weight)
    length = segment_tiles(weight)
    assert fits_wide(weight[:, : 16 * length])
    assert not fits_wide(weight[:, : 16 * (length + 8)])
    assert segment_tiles(weight[:, :160]) == 10


@pytest.mark.parametrize("inputs", [344, 345])
def test_the_widest_sum_is_known_exactly(inputs: int) -> None:
    """128 + 255 a pair of weights of 127: 2^23 is passed between 344 and 346 inputs."""
    reach = 127 * (128 * -(-inputs // 2) + 255 * (inputs // 2))
    assert fits_wide(np.full((1, inputs), -127, dtype=np.int8)) == (reach < 2**23)


@st.composite
def _blocks(draw: st.DrawFn) -> list[Block]:
    blocks = []
    for index in range(draw(st.integers(1, 9))):
        parts = []
        at = 0
        for _ in range(draw(st.integers(1, 2))):
            size = draw(st.integers(1, 90))
            first = draw(st.integers(0, 6))
            parts.append(ByteSpan(at, size, first, first + draw(st.integers(0, 4))))
            at += -(-size // 4) * 4
        blocks.append(Block(f"b{index}", tuple(parts)))
    return blocks


@given(_blocks())
def test_blocks_in_use_together_never_meet(blocks: list[Block]) -> None:
    arena = place(blocks)
    placed = [(arena.starts[block.name], part) for block in blocks for part in block.parts]
    for index, (at, part) in enumerate(placed):
        assert at % 4 == 0 and at + part.offset + part.size <= arena.size
        for other_at, other in placed[index + 1 :]:
            together = part.first <= other.last and other.first <= part.last
            first, second = at + part.offset, other_at + other.offset
            meet = first < second + other.size and second < first + part.size
            assert not (together and meet)


def test_what_is_never_used_together_shares_its_place() -> None:
    one, two = (Block(name, (ByteSpan(0, 64, when, when),)) for name, when in (("a", 0), ("b", 1)))
    assert place([one, two]).size == 64
