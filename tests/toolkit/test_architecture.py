"""The layer lists against figures worked out by hand."""

from __future__ import annotations

import math

import pytest

from wearkit.errors import ModelFileError
from wearkit.model.architecture import (
    ARCHITECTURES,
    MeanTimeLayer,
    mac_count,
    parameter_count,
    shapes,
    weight_shapes,
)
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec

POSTURE = TaskSpec("posture", tuple(f"p{number}" for number in range(12)))
PLACEMENT = TaskSpec("placement", ("neck", "chest", "abdomen"))


def _spec(arch: str, length: int = 100) -> ModelSpec:
    window = WindowSpec(length=length, hop=min(60, length))
    return ModelSpec(arch, window, (POSTURE, PLACEMENT))


def test_mtl_net_has_the_size_of_the_paper_s_network() -> None:
    # Convolutions, batch norms, 1216 -> 1024 -> 512, heads of 12 and 3.
    convs = (3 * 9 * 32 + 32) + 2 * 32 + (32 * 9 * 64 + 64) + 2 * 64
    dense = (1216 * 1024 + 1024) + (1024 * 512 + 512)
    heads = (512 * 12 + 12) + (512 * 3 + 3)
    assert parameter_count(_spec("mtl-net")) == convs + dense + heads
    # 1,798,095 without batch norm, as published for the net with axes as channels.
    assert parameter_count(_spec("mtl-net")) - 2 * 32 - 2 * 64 == 1_798_095


@pytest.mark.parametrize(
    ("activities", "placements", "published"),
    [(12, 3, 1_797_519), (13, 3, 1_798_032), (18, 2, 1_800_084)],
)
def test_the_published_path_has_the_published_number_of_parameters(
    activities: int, placements: int, published: int
) -> None:
    tasks = (
        TaskSpec("activity", tuple(f"a{number}" for number in range(activities))),
        TaskSpec("placement", tuple(f"p{number}" for number in range(placements))),
    )
    assert parameter_count(ModelSpec("mtl-net-paper", WindowSpec(), tasks)) == published


def test_mtl_net_macs() -> None:
    by_hand = 92 * 32 * 27 + 38 * 64 * 288 + 1216 * 1024 + 1024 * 512 + 512 * 15
    assert mac_count(_spec("mtl-net")) == by_hand


def test_micro_is_small_and_can_stream() -> None:
    found = shapes(_spec("mtl-net-micro"))
    assert [item.shape_out for item in found] == [
        (92, 32),
        (46, 32),
        (38, 48),
        (19, 48),
        (15, 64),
        (1, 64),
    ]
    assert 25_000 < parameter_count(_spec("mtl-net-micro")) < 35_000
    averaged = [item.shape_in[0] for item in found if isinstance(item.layer, MeanTimeLayer)]
    assert averaged == [15]  # odd, so that an integer mean never ties


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_parameter_count_is_the_sum_of_the_trainable_shapes(arch: str) -> None:
    trainable = {
        name: shape for name, shape in weight_shapes(_spec(arch)).items() if "running" not in name
    }
    assert parameter_count(_spec(arch)) == sum(math.prod(shape) for shape in trainable.values())


def test_a_window_that_cannot_fit_is_refused() -> None:
    with pytest.raises(ModelFileError, match="too short for mtl-net"):
        shapes(_spec("mtl-net", length=20))
    with pytest.raises(ModelFileError, match="even number of steps"):
        shapes(_spec("mtl-net-micro", length=104))
    with pytest.raises(ModelFileError, match="Unknown architecture 'mtlnet'"):
        shapes(_spec("mtlnet"))
