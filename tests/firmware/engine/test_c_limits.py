"""Numbers that the C's structs and counters do not hold are refused; the largest that they do hold
give the reference's bits."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.firmware.engine.conftest import Maker

from wearkit.errors import ModelFileError
from wearkit.integer import reference
from wearkit.integer.graph_file import model_id
from wearkit_export.c import limits
from wearkit_export.c.emit import emit_c
from wearkit_export.c.plan import plan_model
from wearkit_export.c.stream import plan_stream
from wearkit_export.targets.native import run_native


def wide(*shape: int, reach: int = 2) -> Maker:
    """Small weights, so that the sums stay in 32 bits."""
    return Maker(5, (shape[0], shape[1], shape[2]), weight_reach=reach)


def dense(inputs: int, outputs: int) -> Callable[[], Maker]:
    return lambda: wide(1, 1, inputs).dense(outputs, head=True)


def conv(channels: int) -> Callable[[], Maker]:
    return lambda: wide(1, 3, channels).conv(4, 1).mean().reshape().dense(2, head=True)


REFUSED = [
    (dense(70_000, 2), "the number of inputs is 70000, and the C takes 1 to 65535"),
    (dense(65_536, 2), "the number of inputs is 65536, and the C takes 1 to 65535"),
    (dense(2, 65_533), "the number of outputs is 65533, and the C takes 1 to 65532"),
    (conv(32_753), "the number of inputs of an output is 32753, and the C takes 1 to 32752"),
    (
        lambda: wide(1, 2, 2).conv(65_533, 1).mean().reshape().dense(2, head=True),
        "the number of outputs is 65533, and the C takes 1 to 65532",
    ),
    (
        lambda: wide(1, 70_000, 1).depthwise(1, 3).mean(scale=1.5).reshape().dense(2, head=True),
        "the number of steps is 70000, and the C takes 1 to 65535",
    ),
    (
        lambda: wide(1, 70_000, 1).pool(70_000, 1).reshape().dense(2, head=True),
        "the number of steps is 70000, and the C takes 1 to 65535",
    ),
    (
        lambda: wide(1, 70_000, 1).mean(scale=1.5).reshape().dense(2, head=True),
        "the number of steps is 70000, and the C takes 1 to 65535",
    ),
    (
        lambda: wide(70_000, 2, 1).pool(2, 1).reshape().dense(2, head=True),
        "the number of rows is 70000, and the C takes 1 to 65535",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make", "sentence"), REFUSED)
def test_what_does_not_fit_is_refused(
    make: Callable[[], Maker], sentence: str, tmp_path: Path
) -> None:
    graph = make().graph()
    with pytest.raises(ModelFileError, match=re.escape(sentence)):
        emit_c(graph, tmp_path, model_id=model_id(graph))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("make", [dense(65_535, 2), conv(32_752)], ids=["inputs", "window"])
def test_the_largest_that_fits_is_right(
    make: Callable[[], Maker], tmp_path: Path, needs_program: Callable[[str, str], str]
) -> None:
    needs_program("gcc", "apt-get install gcc")
    graph = make().graph()
    emit_c(graph, tmp_path, model_id=model_id(graph))
    shape = graph.tensor(graph.input).shape
    windows = np.random.default_rng(1).integers(-128, 128, (2, *shape)).astype(np.int8)
    ran = run_native(tmp_path, windows, flags=(), warnings=())
    expected = reference.run(graph, windows)
    joined = np.concatenate([expected[head.task] for head in graph.heads], axis=1)
    np.testing.assert_array_equal(ran.logits, joined)


def test_every_number_of_a_call_is_looked_at() -> None:
    """What no graph can reach by itself: one by one, past the end of its type."""
    graph = wide(1, 40, 3).conv(4, 3).pool(2, 2).mean().reshape().dense(2, head=True).graph()
    first, *_, last = plan_model(graph).calls
    for call, change in [
        (first, {"pool": 256}),
        (first, {"pool_stride": 256}),
        (first, {"steps": 65_536}),
        (last, {"segment": 65_536}),
        (last, {"segment": 0}),
    ]:
        limits.check_fits(call)
        with pytest.raises(ModelFileError, match="and the C takes"):
            limits.check_fits(replace(call, **change))  # type: ignore[arg-type]


def test_a_stream_that_keeps_more_than_its_counters_hold_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    maker = wide(1, 20, 3).conv(4, 2, stride=2).conv(4, 2, stride=2).mean()
    plan = plan_model(maker.reshape().dense(2, head=True).graph())
    made = plan_stream(plan)
    assert made is not None
    kept = max(stage.size for stage in made.stages)
    for most, streams in ((kept, True), (kept - 1, False)):
        monkeypatch.setattr("wearkit_export.c.stream.UINT16_MAX", most)
        assert (plan_stream(plan) is not None) == streams
