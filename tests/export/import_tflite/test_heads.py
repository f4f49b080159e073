"""Which output of a file is which task of the labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wearkit.errors import DataError, ModelFileError
from wearkit.spec import TaskSpec


def import_it(data: bytes, **options: Any) -> Any:
    from wearkit_export.import_tflite import import_tflite

    return import_tflite(data, **options)


def two_heads(file_builder: Any, first: int = 3, second: int = 5) -> bytes:
    file = file_builder()
    source = file.activation((1, 4), 0.5, 0)
    targets = []
    for size in (first, second):
        targets.append(file.activation((1, size), 0.5, size))
        weight = np.zeros((size, 4), np.int8)
        file.dense(source, targets[-1], weight, np.ones(1, np.float32), np.zeros(size, np.int32))
    return bytes(file.finish([source], targets))


def tasks(*sizes: int, names: str = "abc") -> list[TaskSpec]:
    return [
        TaskSpec(name, tuple(f"{name}{value}" for value in range(size)))
        for name, size in zip(names, sizes, strict=False)
    ]


def test_heads_follow_the_labels(file_builder: Any) -> None:
    plain = import_it(two_heads(file_builder))
    assert plain.output_places == {"tensor_1": 0, "tensor_4": 1}
    turned = import_it(two_heads(file_builder), tasks=tasks(5, 3))
    assert turned.output_places == {"a": 1, "b": 0}
    assert turned.graph.head("a").zero_point == 5
    # As many values in both: the order of the file decides.
    same = import_it(two_heads(file_builder, 4, 4), tasks=tasks(4, 4))
    assert same.output_places == {"a": 0, "b": 1}


def test_heads_by_the_names_of_the_signature(zoo: Callable[[str], bytes]) -> None:
    data = zoo("rows_two_heads")
    plain = import_it(data)
    assert [head.task for head in plain.graph.heads] == ["output_1", "output_0"]
    named = [
        TaskSpec("output_0", tuple("vwxyz")),
        TaskSpec("output_1", ("a", "b", "c")),
    ]
    turned = import_it(data, tasks=named)
    assert turned.output_places == {"output_0": 1, "output_1": 0}


@pytest.mark.parametrize("sizes", [(3,), (3, 4), (3, 5, 2), (3, 3)])
def test_labels_that_do_not_fit(file_builder: Any, sizes: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="do not fit the outputs"):
        import_it(two_heads(file_builder), tasks=tasks(*sizes))


def test_one_value_is_no_choice(file_builder: Any) -> None:
    with pytest.raises(ModelFileError, match="a single value"):
        import_it(two_heads(file_builder, 1, 5))
