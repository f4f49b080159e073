"""Which output of a file answers which task.

A converter lists outputs in an order of its own: TensorFlow's may list the second output of the
model first. What they are is said by their names in the signature, so that the order in the file
decides nothing where two outputs have as many values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from wearkit.errors import DataError
from wearkit.spec import TaskSpec

Rule = Literal["list", "name", "size", "number", "file"]
"""Why an output answers a task: the caller listed it; their names are equal; no other output has
as many values; the signature counts the outputs (output_0, ...); there were no labels to match."""


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a model: its tensor in the file, its place among the outputs of the file, its
    name by the signature or else of the tensor, its number of values."""

    tensor: int
    place: int
    name: str
    in_signature: bool
    values: int


@dataclass(frozen=True, slots=True)
class Matched:
    """The output that answers each task, in the order of the tasks, and by which rule."""

    outputs: tuple[Output, ...]
    rule: Rule


def match(
    outputs: Sequence[Output],
    tasks: Sequence[TaskSpec] | None,
    listed: Sequence[str] | None = None,
) -> Matched:
    """Which output answers which task.

    listed: names (or places, from 0) of the outputs in the order of the tasks. Without tasks: the
    outputs in the order of the list, of the signature's numbers, or of the file.

    Raises DataError when tasks or list do not fit the outputs, or when nothing says which is which.
    """
    if tasks is not None:
        _check_sizes(outputs, tasks)
    chosen, rule = _choose(outputs, tasks, listed)
    if tasks is None:
        return Matched(tuple(chosen), rule)
    by_name = {output.name: output for output in outputs} if _distinct(outputs) else {}
    for task, output in zip(tasks, chosen, strict=True):
        if len(task.labels) != output.values:
            raise _misfit(outputs, tasks)
        if rule != "list" and by_name.get(task.name, output) != output:
            raise DataError(
                f"Task {task.name!r} has the name of one output of the model and would answer "
                f"another, {output.name!r}: {_way_out(outputs)}."
            )
    return Matched(tuple(chosen), rule)


def _choose(
    outputs: Sequence[Output], tasks: Sequence[TaskSpec] | None, listed: Sequence[str] | None
) -> tuple[list[Output], Rule]:
    if listed is not None:
        return _listed(outputs, listed), "list"
    numbered = _numbered(outputs)
    if tasks is None:
        return (list(outputs), "file") if numbered is None else (numbered, "number")
    by_name = {output.name: output for output in outputs}
    if _distinct(outputs) and all(task.name in by_name for task in tasks):
        return [by_name[task.name] for task in tasks], "name"
    by_size = {output.values: output for output in outputs}
    if len(by_size) == len(outputs):
        return [by_size[len(task.labels)] for task in tasks], "size"
    if numbered is None:
        raise DataError(
            "Outputs of the model have equally many values, and nothing says which task is which "
            f"({_sizes(outputs)}): {_way_out(outputs)}."
        )
    return numbered, "number"


def _numbered(outputs: Sequence[Output]) -> list[Output] | None:
    """The outputs in the order of the signature's own numbers, if it counts them."""
    by_name = {output.name: output for output in outputs if output.in_signature}
    names = [f"output_{number}" for number in range(len(outputs))]
    return [by_name[name] for name in names] if set(names) == set(by_name) else None


def _listed(outputs: Sequence[Output], listed: Sequence[str]) -> list[Output]:
    known = dict(zip(handles(outputs), outputs, strict=True))
    known |= {str(output.place): output for output in outputs if str(output.place) not in known}
    chosen = [known[name] for name in listed if name in known]
    if len(chosen) != len(listed) or {output.tensor for output in chosen} != {
        output.tensor for output in outputs
    }:
        raise DataError(
            f"--outputs {','.join(listed)!r} does not name each output of the model once: they "
            f"are {', '.join(handles(outputs))}."
        )
    return chosen


def _check_sizes(outputs: Sequence[Output], tasks: Sequence[TaskSpec]) -> None:
    sizes = sorted(output.values for output in outputs)
    distinct = len({output.tensor for output in outputs}) == len(outputs)
    if not distinct or sizes != sorted(len(task.labels) for task in tasks):
        raise _misfit(outputs, tasks)


def _misfit(outputs: Sequence[Output], tasks: Sequence[TaskSpec]) -> DataError:
    had = ", ".join(f"{task.name}: {len(task.labels)}" for task in tasks)
    return DataError(
        f"The labels ({had}) do not fit the outputs of the model ({_sizes(outputs)}): give each "
        "output one task with as many labels."
    )


def _way_out(outputs: Sequence[Output]) -> str:
    return (
        "give every task the name of its output, or list the outputs in the order of the labels, "
        f"such as --outputs {','.join(handles(outputs))!r}"
    )


def handles(outputs: Sequence[Output]) -> list[str]:
    """What --outputs calls each: its name, or its place where names are missing or unusable."""
    usable = _distinct(outputs) and all(
        output.name.strip() == output.name != "" and output.name.isprintable()
        and "," not in output.name
        for output in outputs
    )  # fmt: skip
    return [output.name if usable else str(output.place) for output in outputs]


def _distinct(outputs: Sequence[Output]) -> bool:
    return len({output.name for output in outputs}) == len(outputs)


def _sizes(outputs: Sequence[Output]) -> str:
    return ", ".join(f"{output.name}: {output.values}" for output in outputs)
