"""What the outputs of an imported model are called, and in which order they are answered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wearkit.errors import DataError
from wearkit.files.strict_json import parse_json
from wearkit.spec import ImportedSpec, TaskSpec

_LABELS_MAX_BYTES = 1 << 20
LABELS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a model: its tensor in the file, its name there, its number of values."""

    tensor: int
    name: str
    values: int


def read_labels(path: Path) -> tuple[TaskSpec, ...]:
    """Tasks of a labels file: a JSON object {task: [label, ...]}, or lines `task: label, label`.

    Raises DataError when the file cannot be read or says neither.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(_LABELS_MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"Cannot read the labels {path}: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"The labels {path} are not UTF-8 text.") from error
    if len(raw) > _LABELS_MAX_BYTES:
        raise DataError(f"The labels {path} are larger than {_LABELS_MAX_BYTES} bytes.")
    tasks = _from_json(text, path) if text.lstrip().startswith("{") else _from_lines(text, path)
    if not tasks:
        raise DataError(f"The labels {path} name no task: write lines like `task: label, label`.")
    return tasks


def match(outputs: Sequence[Output], tasks: Sequence[TaskSpec] | None) -> list[Output]:
    """The output that answers each task, in the order of the tasks.

    By name where every task has the name of an output; else by the number of labels where no two
    outputs have as many; else in the order of the file. Raises DataError when they do not fit.
    """
    if tasks is None:
        return list(outputs)
    by_name = {output.name: output for output in outputs}
    by_count = {output.values: output for output in outputs}
    if all(task.name in by_name for task in tasks):
        chosen = [by_name[task.name] for task in tasks]
    elif len(by_count) == len(outputs) and all(len(task.labels) in by_count for task in tasks):
        chosen = [by_count[len(task.labels)] for task in tasks]
    else:
        chosen = list(outputs)
    fits = len(tasks) == len(chosen) == len(outputs) == len({output.tensor for output in chosen})
    if not fits or any(
        len(task.labels) != output.values for task, output in zip(tasks, chosen, strict=True)
    ):
        had = ", ".join(f"{task.name}: {len(task.labels)}" for task in tasks)
        wanted = ", ".join(f"{output.name}: {output.values}" for output in outputs)
        raise DataError(
            f"The labels ({had}) do not fit the outputs of the model ({wanted}): give each output "
            "one task with as many labels."
        )
    return chosen


def default_tasks(outputs: Sequence[Output]) -> tuple[TaskSpec, ...]:
    """Tasks named after the outputs, with the labels 0, 1, ..."""
    names: list[str] = []
    for number, output in enumerate(outputs):
        plain = re.sub(r"\W+", "_", output.name, flags=re.ASCII).strip("_")
        fits = plain.isidentifier() and len(plain) <= 40 and plain not in names
        names.append(plain if fits else f"output_{number}")
    if len(set(names)) != len(names):
        names = [f"output_{number}" for number in range(len(outputs))]
    return tuple(
        TaskSpec(name, tuple(str(value) for value in range(output.values)))
        for name, output in zip(names, outputs, strict=True)
    )


def imported_spec(
    outputs: Sequence[Output], tasks: Sequence[TaskSpec] | None
) -> tuple[ImportedSpec, tuple[int, ...]]:
    """The specification of an imported model and the file's tensor that answers each task.

    Raises DataError when labels and outputs do not fit, or when an output has a single value.
    """
    for output in outputs:
        if output.values < 2:
            raise DataError(
                f"Output {output.name!r} has a single value, which is no choice between labels: "
                "end the model in one logit for each label."
            )
        if output.values > LABELS_MAX:
            raise DataError(
                f"Output {output.name!r} has {output.values} values, more than the {LABELS_MAX} "
                "labels a task may have."
            )
    chosen = match(outputs, tasks)
    spec = ImportedSpec(tuple(tasks) if tasks is not None else default_tasks(outputs))
    return spec, tuple(output.tensor for output in chosen)


def _from_json(text: str, path: Path) -> tuple[TaskSpec, ...]:
    try:
        value = parse_json(text.encode())
    except ValueError as error:
        raise DataError(f"The labels {path} are not valid JSON.") from error
    if not all(
        isinstance(labels, list) and all(isinstance(label, str) for label in labels)
        for labels in value.values()
    ):
        raise DataError(f"The labels {path} must be a JSON object {{task: [label, ...]}}.")
    return tuple(TaskSpec(task, tuple(labels)) for task, labels in value.items())


def _from_lines(text: str, path: Path) -> tuple[TaskSpec, ...]:
    tasks = []
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.split("#")[0].strip()
        if not content:
            continue
        name, colon, rest = content.partition(":")
        if not colon:
            raise DataError(f"Line {number} of the labels {path} is not `task: label, label`.")
        labels = tuple(label.strip() for label in rest.split(","))
        if not all(labels):
            raise DataError(f"Line {number} of the labels {path} has an empty label.")
        tasks.append(TaskSpec(name.strip(), labels))
    return tuple(tasks)
