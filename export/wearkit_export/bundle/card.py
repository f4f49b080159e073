"""MODEL_CARD.md: the report for a reader. Its first lines say what must not be overlooked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from wearkit.bundle.bundle import INT8_ONNX, INT8_S8_ONNX, INT8_TFLITE
from wearkit.evaluation.metrics import TaskScore
from wearkit.spec import trained
from wearkit.training.metrics_file import PARTS
from wearkit.windows.lineage import Lineage
from wearkit_export.bundle.equality import EqualityRow, NotRun
from wearkit_export.bundle.report import Accuracy, Report

# What Markdown or HTML would take for its own; _ is a plain letter inside a word.
_OWN = re.compile(r"[\\`*\[\]<>&|~$#]|(?<!\w)_|_(?!\w)")
_BAR = re.compile(r"(?<!\\)\|")


def plain(text: str) -> str:
    """Text from data, such as a label or a person, as Markdown shows it letter by letter."""
    return _OWN.sub(r"\\\g<0>", text)


def model_card(report: Report) -> str:
    """Markdown, the same for the same report."""
    parts = [
        _head(report),
        _what(report),
        _data(report),
        _scores(report),
        _equality(report),
        _sizes(report),
        _limits(report),
    ]
    return "\n".join(line for part in parts for line in part)


def _head(report: Report) -> Iterator[str]:
    model = trained(report.graph.model)
    leak = _leak(report)
    if leak:
        yield leak
        yield ""
    tasks = ", ".join(f"{task.name} ({len(task.labels)} labels)" for task in model.tasks)
    yield f"# {model.arch}, int8: {tasks}"
    yield ""
    if report.simulated:
        yield "**Trained and tested on SIMULATED data: no figure here says how it does on people.**"
        yield ""
    if report.accuracy is None:
        yield "Not tested: exported from a checkpoint without a run's test windows."
    else:
        accuracy = report.accuracy
        scores = ", ".join(
            f"{task} {accuracy.int8[task].accuracy:.4f} (fp32 {accuracy.fp32[task].accuracy:.4f})"
            for task in accuracy.int8
        )
        whom = "simulated subjects" if report.simulated else "people"
        new = "it was not trained on"
        if leak:
            new = "that it was also trained on"
        elif report.metrics is not None and not report.metrics.files:
            new = "of whom the run, older than wearkit 0.3, does not prove that they were new to it"
        yield (
            f"Accuracy of the int8 model on {accuracy.windows} windows of {accuracy.subjects} "
            f"{whom} {new}: {scores}."
        )
    yield ""


def _leak(report: Report) -> str:
    """What the first line of a leaky split's card says; empty for an honest one."""
    if report.metrics is None:
        return ""
    split = report.metrics.split
    shared = len(split.shared_subjects)
    if not split.leak_share and not shared:
        return ""
    return (
        f"**LEAKY SPLIT ({split.kind}): {split.leak_share:.1%} of the test windows share "
        f"samples with other parts of the split, and {shared} of "
        f"{len(split.test.subjects)} test people are in them. No figure here says how the "
        "model does on new people.**"
    )


def _what(report: Report) -> Iterator[str]:
    window = trained(report.graph.model).window
    yield "## What it is"
    yield ""
    yield f"* Model id: `{report.model_id}`."
    yield (
        f"* Input: {window.length} samples of {', '.join(window.axes)} at {window.rate_hz:g} Hz "
        f"({window.length / window.rate_hz:g} s), a new window every {window.hop} samples, as "
        "int8 = clamp((count + 2) >> 2, -128, 127) of raw ADXL345 counts at +-2 g (256 per g)."
    )
    for task in report.graph.model.tasks:
        tensor = report.graph.head(task.name)
        yield (
            f"* Output `{task.name}`: int8 logits, scale {tensor.scale:g}, zero point "
            f"{tensor.zero_point}, of: {', '.join(map(plain, task.labels))}."
        )
    yield f"* Rounding family on the device: `{report.graph.rounding}`."
    yield ""


def _data(report: Report) -> Iterator[str]:
    yield "## Data and split"
    yield ""
    if report.simulated is None:
        yield "* Lineage of the data: not recorded in the checkpoint."
    else:
        kind = "SIMULATED by a physical model, no person took part" if report.simulated else "real"
        yield f"* Recordings: {kind}."
    if report.metrics is not None:
        yield from _origin(report.metrics.data.origin)
        split = report.metrics.split
        yield (
            f"* Split by {split.kind}: fold {split.fold} of {split.folds}, "
            f"leak {split.leak_share:g}."
        )
        for part in PARTS:
            size = split.part(part)
            yield f"* {part}: {size.windows} windows of {len(size.subjects)} subjects."
    yield f"* Quantized with the ranges of {report.calibration_windows} calibration windows."
    yield ""


def _origin(origin: Lineage) -> Iterator[str]:
    """Which data sets, under which labels, through which sensors."""
    if origin.tested_set:
        others = ", ".join(name for name in origin.sets if name != origin.tested_set)
        tested = origin.tested_set
        yield f"* Trained and validated on people of {others}; tested on those of {tested}."
    elif origin.sets:
        yield f"* Data sets: {', '.join(origin.sets)}."
    if origin.label_map is not None:
        yield f"* Labels of the data sets joined by the label map {origin.label_map.name}."
    if origin.twin is not None:
        yield (
            f"* Training windows also through {origin.twin_copies} sensor twin(s) of each "
            f"recording ({origin.twin}); validation and test as recorded."
        )


def _scores(report: Report) -> Iterator[str]:
    if report.accuracy is None:
        return
    yield "## int8 against fp32 on the test windows"
    yield ""
    header = ("task", "accuracy fp32", "int8", "drop", "macro F1 fp32", "int8", "drop")
    yield from table(header, _score_rows(report.accuracy))
    for task, score in report.accuracy.int8.items():
        yield f"### {task}, int8, by subject"
        yield ""
        yield from table(("subject", "windows", "accuracy", "macro F1"), _subject_rows(score))


def _score_rows(accuracy: Accuracy) -> Iterator[list[str]]:
    for task, before in accuracy.fp32.items():
        after = accuracy.int8[task]
        row = [task]
        for a, b in ((before.accuracy, after.accuracy), (before.macro_f1, after.macro_f1)):
            row += [f"{a:.4f}", f"{b:.4f}", f"{round(a - b, 4) + 0.0:+.4f}"]
        yield row


def _subject_rows(score: TaskScore) -> Iterator[list[str]]:
    for name, subject in score.per_subject.items():
        yield [
            plain(name),
            str(subject.windows),
            f"{subject.accuracy:.4f}",
            f"{subject.macro_f1:.4f}",
        ]
    figures = [score.spread_text(figure, 4) for figure in ("accuracy", "macro_f1")]
    yield ["mean ± std" if len(score.per_subject) > 1 else "mean", "", *figures]


def _equality(report: Report) -> Iterator[str]:
    yield "## Equality"
    yield ""
    yield "Every runtime installed at export, and the C sources where a compiler was found, ran"
    yield f"{report.compared} windows. Values"
    yield "that differ from the integer reference of the rounding family named (0 is required of a"
    yield "runtime of that family; the others are shown for what their own rounding does):"
    yield ""
    header = ("runtime", "version", "against", "windows", "values", "differing", "max", "flips")
    yield from table(header, (equality_row(row) for row in report.equality))
    if report.is_sample:
        yield "The test windows compared are evenly spread over all of them, a number fixed before"
        yield "any was looked at; `wearkit export --full` compares all. Accuracy above is of all."
        yield ""
    yield f"Fingerprint of the integers in graph, ONNX and TFLite: `{report.fingerprint}`."
    yield ""
    for row in report.fp32:
        yield (
            f"* `{row.file}` in {row.version}: at most {row.max_abs_difference:.1e} from the float "
            f"network, whose logits reach {row.largest_logit:.3g}."
        )
    yield ""


def equality_row(row: EqualityRow | NotRun) -> list[str]:
    """One runtime as a row of the table of equality."""
    if isinstance(row, NotRun):
        return [row.runtime, "not run", row.hint, "", "", "", "", ""]
    agreement = row.agreement
    return [
        row.runtime,
        row.version,
        row.against if row.must_match else f"{row.against} (rounds as {row.family})",
        str(agreement.windows),
        str(agreement.values),
        str(agreement.differing),
        f"{agreement.max_lsb} LSB",
        str(sum(agreement.argmax_flips.values())),
    ]


def _sizes(report: Report) -> Iterator[str]:
    described = report.to_json()["model"]
    yield "## Size"
    yield ""
    yield (
        f"{described['parameters']} parameters, {described['macs_per_window']} multiply-accumulates"
        f" per window; int8 weights and biases take {described['int8_constant_bytes']} bytes."
    )
    yield ""
    yield from table(
        ("file", "bytes"), ([name, str(size)] for name, size in report.file_bytes.items())
    )
    if report.c_folder is not None:
        yield report.c_folder.sentence()
        yield "`wearkit profile` builds it for a core: flash, RAM, stack, instructions."
        yield ""


def _limits(report: Report) -> Iterator[str]:
    yield "## Limits"
    yield ""
    yield "* Not a medical device, and not for decisions about anyone's safety."
    yield "* Knows only the labels above and answers with one of them whatever the sensor does."
    yield "* Samples past +-2 g are clipped; other rates, axes or mountings were not tested."
    if report.accuracy is not None:
        yield (
            f"* {report.accuracy.subjects} test subjects are few: look at the spread over "
            "subjects, not at the mean alone."
        )
    yield (f"* Not run on a board: `{INT8_TFLITE}` was run in the host builds named above.")
    yield (
        f"* `{INT8_ONNX}` gives the same integers at default options on every x86. Of "
        f"`{INT8_S8_ONNX}`, which is for tools without uint8 weights, x86 with AVX2 and without "
        "VNNI (most before 2019) gives others without a word, unless ONNX Runtime is told "
        "`session.x64quantprecision=1`."
    )
    yield ""


def table(header: tuple[str, ...], rows: Iterable[list[str]]) -> Iterator[str]:
    """The lines of a Markdown table."""
    yield "| " + " | ".join(header) + " |"
    yield "|" + " --- |" * len(header)
    for row in rows:
        yield "| " + " | ".join(_BAR.sub(r"\\|", cell) for cell in row) + " |"
    yield ""
