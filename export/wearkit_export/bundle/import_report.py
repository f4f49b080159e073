"""What an export measured of a model made elsewhere: report.json and MODEL_CARD.md."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wearkit.bundle.bundle import INT8_TFLITE
from wearkit.integer.graph import (
    ROUNDINGS,
    Conv1D,
    Dense,
    DepthwiseConv1D,
    Linear,
    Op,
    QuantizedGraph,
)
from wearkit.integer.requantize import family_gap
from wearkit_export.bundle.c_folder import CFolder
from wearkit_export.bundle.card import equality_row, table
from wearkit_export.bundle.compared import compared_text
from wearkit_export.bundle.equality import EqualityRow, NotRun
from wearkit_export.bundle.report import FORMAT, FORMAT_VERSION
from wearkit_export.import_tflite import Imported
from wearkit_export.import_tflite.outputs import Rule


@dataclass(frozen=True, slots=True, eq=False)
class ImportedReport:
    """source: the .tflite itself. c_folder: None where there is none; no_c says why."""

    imported: Imported
    source: bytes
    model_id: str
    windows: Mapping[str, int]
    equality: tuple[EqualityRow | NotRun, ...]
    no_c: str | None
    c_folder: CFolder | None

    @property
    def graph(self) -> QuantizedGraph:
        return self.imported.graph

    @property
    def run(self) -> tuple[EqualityRow, ...]:
        return tuple(row for row in self.equality if isinstance(row, EqualityRow))

    @property
    def compared(self) -> str:
        """Such as "56 golden and 1032 random": all there are."""
        return compared_text(self.windows, self.windows)

    @property
    def is_sample(self) -> bool:
        """Never: no window is left out."""
        return False

    @property
    def not_run(self) -> tuple[NotRun, ...]:
        return tuple(row for row in self.equality if isinstance(row, NotRun))

    def to_json(self) -> dict[str, Any]:
        linear = [op for op in self.graph.ops if isinstance(op, Linear)]
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "model_id": self.model_id,
            "imported": {
                "sha256": hashlib.sha256(self.source).hexdigest(),
                "bytes": len(self.source),
                "operators": list(self.imported.operators),
                "outputs": [
                    {"task": task.name, "name": output.name, "place": output.place}
                    for task, output in zip(
                        self.graph.model.tasks, self.imported.matched.outputs, strict=True
                    )
                ],
                "matched_by": self.imported.matched.rule,
            },
            "feed": feed(self.imported),
            "model": {
                "parameters": sum(op.weight.size + op.bias.size for op in linear),
                "macs_per_window": sum(macs(op, self.graph) for op in self.graph.ops),
                "int8_constant_bytes": sum(op.weight.nbytes + op.bias.nbytes for op in linear),
            },
            "rounding": self.graph.rounding,
            "not_defined": {
                family: gap
                for family in ROUNDINGS
                if (gap := family_gap(self.graph, family)) is not None
            },
            "no_c": self.no_c,
            "c": None if self.c_folder is None else self.c_folder.to_json(),
            "compared_windows": dict(self.windows),
            "equality": [row.to_json() for row in self.equality],
        }


_NAME_MAX = 60
_RULES: Mapping[Rule, str] = {
    "list": "by the list given",
    "name": "by its name",
    "size": "by its number of values, which no other has",
    "number": "by the numbers in the signature",
    "file": "by the order of the file",
}


def output_words(imported: Imported, task: str) -> str:
    """Which output of the file a task is, and what says so, in a few words."""
    matched = imported.matched
    place = imported.output_places[task]
    (output,) = (output for output in matched.outputs if output.place == place)
    name, count = _quoted(output.name), len(matched.outputs)
    if count == 1:
        return f"the file's one output, {name}"
    return f"output {name}, number {place + 1} of {count} in the file, {_RULES[matched.rule]}"


def _quoted(name: str) -> str:
    """A name out of a file nobody vouches for, as a span of code on one line."""
    shown = ascii(name)[1:-1].replace("`", "'")
    return f"`{shown[:_NAME_MAX]}...`" if len(shown) > _NAME_MAX else f"`{shown}`"


def feed(imported: Imported) -> str:
    """What a caller must give the model, in one sentence."""
    tensor = imported.graph.tensor(imported.graph.input)
    shape = " x ".join(str(extent) for extent in imported.input_shape)
    return (
        f"{tensor.size} int8 values, {shape} with the last dimension fastest, each "
        f"clamp(round(value / {tensor.scale!r}) {tensor.zero_point:+d}, -128, 127) of the value "
        "the model was trained on: unit, rate and axis order are its author's to say."
    )


def macs(op: Op, graph: QuantizedGraph) -> int:
    """Multiply-accumulates of one operation for one window."""
    target = graph.tensor(op.output)
    match op:
        case Conv1D():
            return target.size * math.prod(op.weight.shape[1:])
        case DepthwiseConv1D():
            return target.size * op.kernel
        case Dense():
            return int(op.weight.size)
        case _:
            return 0


def imported_card(report: ImportedReport) -> str:
    """Markdown, the same for the same report."""
    return "\n".join([*_head(report), *_numbers(report), *_limits(report)])


def _head(report: ImportedReport) -> Iterator[str]:
    described = report.to_json()
    tasks = report.graph.model.tasks
    names = ", ".join(f"{task.name} ({len(task.labels)} labels)" for task in tasks)
    yield f"# Imported model, int8: {names}"
    yield ""
    yield "**Made elsewhere: nothing is known here of its data, its training or its accuracy.**"
    yield ""
    yield f"* Model id: `{report.model_id}`."
    yield f"* `{INT8_TFLITE}` is the given file, SHA-256 `{described['imported']['sha256']}`."
    yield f"* Input: {described['feed']}"
    for task in tasks:
        tensor = report.graph.head(task.name)
        yield (
            f"* Output `{task.name}`: int8 logits, scale {tensor.scale:g}, zero point "
            f"{tensor.zero_point}, of: {', '.join(task.labels)}; "
            f"{output_words(report.imported, task.name)}."
        )
    yield f"* Rounding family on the device: `{report.graph.rounding}`."
    written = report.c_folder
    yield f"* {written.sentence() if written is not None else f'No C sources: {report.no_c}'}"
    yield ""


def _numbers(report: ImportedReport) -> Iterator[str]:
    model = report.to_json()["model"]
    yield "## Equality"
    yield ""
    yield "Every runtime installed at export, and the C sources where a compiler was found, ran"
    compared = report.compared
    yield f"{compared} windows. Values that differ from the integer reference of the rounding"
    yield "family named (0 is required of a runtime of that family):"
    yield ""
    header = ("runtime", "version", "against", "windows", "values", "differing", "max", "flips")
    yield from table(header, (equality_row(row) for row in report.equality))
    for family, gap in report.to_json()["not_defined"].items():
        yield f"* Not defined for `{family}`: {gap}"
    yield "## Size"
    yield ""
    yield (
        f"{model['parameters']} parameters, {model['macs_per_window']} multiply-accumulates per "
        f"window; int8 weights and biases take {model['int8_constant_bytes']} bytes of "
        f"{len(report.source)} in the file."
    )
    yield ""


def _limits(report: ImportedReport) -> Iterator[str]:
    yield "## Limits"
    yield ""
    yield "* Not a medical device, and not for decisions about anyone's safety."
    yield "* `wearkit live` and `wearkit evaluate` need a model wearkit trained."
    yield ""
