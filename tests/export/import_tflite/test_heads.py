"""Which output of a file is which task of the labels. Each head has its number as zero point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from wearkit.errors import DataError, ModelFileError
from wearkit.integer import reference
from wearkit.integer.graph_file import model_id
from wearkit.spec import TaskSpec


def import_it(data: bytes, **options: Any) -> Any:
    from wearkit_export.import_tflite import import_tflite

    return import_tflite(data, **options)


def with_heads(
    file_builder: Any,
    sizes: Sequence[int],
    names: Sequence[str] = (),
    tensor_names: Sequence[str] = (),
) -> bytes:
    """A file that lists heads of these sizes. names: in the signature, which is none without."""
    file = file_builder()
    source = file.activation((1, 4), 0.5, 0)
    targets = []
    for number, size in enumerate(sizes):
        targets.append(file.activation((1, size), 0.5, number))
        weight = np.zeros((size, 4), np.int8)
        file.dense(source, targets[-1], weight, np.ones(1, np.float32), np.zeros(size, np.int32))
        if tensor_names:
            file.tensors[targets[-1]].name = tensor_names[number]
    signature = list(zip(names, targets, strict=False))
    return bytes(file.finish([source], targets, signature))


def tasks(*sizes: int, names: Sequence[str] = "abc") -> list[TaskSpec]:
    return [
        TaskSpec(name, tuple(f"{name}{value}" for value in range(size)))
        for name, size in zip(names, sizes, strict=False)
    ]


def places(imported: Any) -> dict[str, int]:
    """Task -> the head whose logits it got, held to what the file claims."""
    logits = reference.run(imported.graph, np.zeros((1, 1, 1, 4), np.int8))
    answered = {task: int(values[0, 0]) for task, values in logits.items()}
    assert answered == imported.output_places
    return answered


SWAPPED = ["output_1", "output_0"]

MATCHES: list[tuple[list[int], list[str], list[TaskSpec] | None, str, dict[str, int]]] = [
    # Sizes that differ, whatever the order of the labels.
    ([3, 5], [], tasks(5, 3), "size", {"a": 1, "b": 0}),
    ([3, 5], [], tasks(3, 5), "size", {"a": 0, "b": 1}),
    # Equal sizes: TensorFlow lists the second output first, and only the signature says so.
    ([4, 4], SWAPPED, tasks(4, 4), "number", {"a": 1, "b": 0}),
    ([4, 4, 3], ["output_2", "output_0", "output_1"], tasks(4, 3, 4), "number",
     {"a": 1, "b": 2, "c": 0}),
    ([4, 4], SWAPPED, tasks(4, 4, names=["output_0", "output_1"]), "name",
     {"output_0": 1, "output_1": 0}),
    ([4, 4], ["alpha", "zeta"], tasks(4, 4, names=["zeta", "alpha"]), "name",
     {"zeta": 1, "alpha": 0}),
    ([2] * 11, [f"output_{10 - place}" for place in range(11)], None, "number",
     {f"output_{number}": 10 - number for number in range(11)}),
    # Nothing to match: the outputs keep their own names.
    ([4, 4], ["zeta", "alpha"], None, "file", {"zeta": 0, "alpha": 1}),
    ([4, 4], SWAPPED, None, "number", {"output_0": 1, "output_1": 0}),
    ([4, 4], [], None, "file", {"tensor_1": 0, "tensor_4": 1}),
    ([4], ["anything"], tasks(4), "size", {"a": 0}),
]  # fmt: skip


@pytest.mark.parametrize(("sizes", "names", "labels", "rule", "expected"), MATCHES)
def test_heads_follow_the_labels(
    file_builder: Any,
    sizes: list[int],
    names: list[str],
    labels: list[TaskSpec] | None,
    rule: str,
    expected: dict[str, int],
) -> None:
    imported = import_it(with_heads(file_builder, sizes, names), tasks=labels)
    assert places(imported) == expected
    assert list(imported.output_places) == list(expected)
    assert imported.matched.rule == rule


UNDECIDED: list[tuple[list[int], list[str], list[TaskSpec]]] = [
    ([4, 4], [], tasks(4, 4)),
    ([4, 4], ["zeta", "alpha"], tasks(4, 4)),
    ([4, 4], ["output_0"], tasks(4, 4)),  # the signature names one of two
    ([4, 4], ["output_1", "output_2"], tasks(4, 4)),  # no count from 0
    ([4, 4], ["dense", "dense_1"], tasks(4, 4)),
    ([4, 4, 3], [], tasks(4, 4, 3)),
]


@pytest.mark.parametrize(("sizes", "names", "labels"), UNDECIDED)
def test_equal_sizes_without_a_name_are_refused(
    file_builder: Any, sizes: list[int], names: list[str], labels: list[TaskSpec]
) -> None:
    with pytest.raises(DataError, match=r"nothing says which task is which .*--outputs '"):
        import_it(with_heads(file_builder, sizes, names), tasks=labels)


CONTRADICTIONS = [
    # One task has the name of an output, the other has none of them.
    ([4, 4], ["output_0", "output_1"], tasks(4, 4, names=["output_1", "b"])),
    ([3, 5], ["left", "right"], tasks(3, 5, names=["right", "b"])),
]


@pytest.mark.parametrize(("sizes", "names", "labels"), CONTRADICTIONS)
def test_a_task_never_takes_the_name_of_another_output(
    file_builder: Any, sizes: list[int], names: list[str], labels: list[TaskSpec]
) -> None:
    with pytest.raises(DataError, match=r"has the name of one output .* would answer another"):
        import_it(with_heads(file_builder, sizes, names), tasks=labels)


LISTS: list[tuple[list[str], list[str], list[str], dict[str, int]]] = [
    (["zeta", "alpha"], [], ["alpha", "zeta"], {"a": 1, "b": 0}),
    (["zeta", "alpha"], [], ["zeta", "alpha"], {"a": 0, "b": 1}),
    ([], [], ["tensor 4", "tensor 1"], {"a": 1, "b": 0}),
    ([], [], ["1", "0"], {"a": 1, "b": 0}),
    ([], ["same", "same"], ["1", "0"], {"a": 1, "b": 0}),
    ([], ["", "x"], ["1", "0"], {"a": 1, "b": 0}),
    (["1", "0"], [], ["1", "0"], {"a": 0, "b": 1}),  # names before places
]


@pytest.mark.parametrize(("names", "tensor_names", "listed", "expected"), LISTS)
def test_a_list_decides(
    file_builder: Any,
    names: list[str],
    tensor_names: list[str],
    listed: list[str],
    expected: dict[str, int],
) -> None:
    data = with_heads(file_builder, [4, 4], names, tensor_names)
    imported = import_it(data, tasks=tasks(4, 4), outputs=listed)
    assert places(imported) == expected
    assert imported.matched.rule == "list"


@pytest.mark.parametrize(
    "listed", [["zeta"], ["zeta", "zeta"], ["zeta", "beta"], ["zeta", "0"], []]
)
def test_a_list_that_does_not_fit(file_builder: Any, listed: list[str]) -> None:
    data = with_heads(file_builder, [4, 4], ["zeta", "alpha"])
    with pytest.raises(DataError, match=r"does not name each output .* are zeta, alpha"):
        import_it(data, tasks=tasks(4, 4), outputs=listed)


@pytest.mark.parametrize(("names", "tensor_names", "listed", "expected"), LISTS)
def test_the_list_can_be_had_back_from_graph_and_file(
    file_builder: Any,
    names: list[str],
    tensor_names: list[str],
    listed: list[str],
    expected: dict[str, int],
) -> None:
    """A bundle keeps no list; whoever imports its file again, to compare, needs it."""
    from wearkit_export.import_tflite import outputs_of

    data = with_heads(file_builder, [4, 4], names, tensor_names)
    graph = import_it(data, tasks=tasks(4, 4), outputs=listed).graph
    again = import_it(data, tasks=graph.model.tasks, outputs=outputs_of(graph, data))
    assert places(again) == expected
    assert model_id(again.graph) == model_id(graph)


def test_the_list_of_another_file_is_refused(file_builder: Any) -> None:
    from wearkit_export.import_tflite import outputs_of

    graph = import_it(with_heads(file_builder, [4, 4, 4]), outputs=["2", "1", "0"]).graph
    with pytest.raises(ModelFileError, match="not imported from this"):
        outputs_of(graph, with_heads(file_builder, [4, 4]))


def test_a_list_orders_a_model_without_labels(file_builder: Any) -> None:
    data = with_heads(file_builder, [4, 4], ["zeta", "alpha"])
    imported = import_it(data, outputs=["alpha", "zeta"])
    assert places(imported) == {"alpha": 1, "zeta": 0}


def test_a_list_against_the_sizes_is_refused(file_builder: Any) -> None:
    with pytest.raises(DataError, match="do not fit the outputs"):
        import_it(with_heads(file_builder, [3, 5]), tasks=tasks(3, 5), outputs=["1", "0"])


def test_unusable_names_never_become_another_output_s(file_builder: Any) -> None:
    """A name made up for the first of the file must not be the one the signature counts with."""
    data = with_heads(file_builder, [4, 4], ["not a name " * 9, "output_0"])
    assert places(import_it(data)) == {"place_0": 0, "output_0": 1}


def test_heads_by_the_names_of_a_converter_s_signature(zoo: Callable[[str], bytes]) -> None:
    """TensorFlow wrote this one: it lists output_1 first."""
    data = zoo("rows_two_heads")
    plain = import_it(data)
    assert plain.output_places == {"output_0": 1, "output_1": 0}
    named = [
        TaskSpec("output_0", tuple("vwxyz")),
        TaskSpec("output_1", ("a", "b", "c")),
    ]
    turned = import_it(data, tasks=named)
    assert turned.output_places == {"output_0": 1, "output_1": 0}


@pytest.mark.parametrize("sizes", [(3,), (3, 4), (3, 5, 2), (3, 3)])
def test_labels_that_do_not_fit(file_builder: Any, sizes: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="do not fit the outputs"):
        import_it(with_heads(file_builder, [3, 5]), tasks=tasks(*sizes))


def test_one_value_is_no_choice(file_builder: Any) -> None:
    with pytest.raises(ModelFileError, match=r"a single value, .* two for yes and no"):
        import_it(with_heads(file_builder, [1, 5]))
