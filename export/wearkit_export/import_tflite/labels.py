"""What the outputs of an imported model are called: the labels file, and names without one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from wearkit.errors import DataError
from wearkit.files.strict_json import parse_json
from wearkit.spec import ImportedSpec, TaskSpec
from wearkit_export.import_tflite.outputs import Matched, Output, match

_LABELS_MAX_BYTES = 1 << 20
LABELS_MAX = 4096


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


def default_tasks(outputs: Sequence[Output]) -> tuple[TaskSpec, ...]:
    """Tasks named after the outputs, with the labels 0, 1, ..."""
    names: list[str] = []
    for output in outputs:
        plain = re.sub(r"\W+", "_", output.name, flags=re.ASCII).strip("_")
        fits = plain.isidentifier() and len(plain) <= 40 and plain not in names
        names.append(plain if fits else _by_place(output))
    if len(set(names)) != len(names):
        names = [_by_place(output) for output in outputs]
    return tuple(
        TaskSpec(name, tuple(str(value) for value in range(output.values)))
        for name, output in zip(names, outputs, strict=True)
    )


def _by_place(output: Output) -> str:
    # Not output_N: converters call an output that by the order of the model, not of the file.
    return f"place_{output.place}"


def imported_spec(
    outputs: Sequence[Output],
    tasks: Sequence[TaskSpec] | None,
    listed: Sequence[str] | None = None,
) -> tuple[ImportedSpec, Matched]:
    """The specification of an imported model and the outputs that answer its tasks.

    Raises DataError when labels and outputs do not fit, or when an output has a single value.
    """
    for output in outputs:
        if output.values < 2:
            raise DataError(
                f"Output {output.name!r} has a single value, a number or a yes-or-no, which is no "
                "choice between labels: train a model that ends in one logit for each label, two "
                "for yes and no."
            )
        if output.values > LABELS_MAX:
            raise DataError(
                f"Output {output.name!r} has {output.values} values, more than the {LABELS_MAX} "
                "labels a task may have."
            )
    matched = match(outputs, tasks, listed)
    return ImportedSpec(tuple(tasks or default_tasks(matched.outputs))), matched


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
