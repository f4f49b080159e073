"""evaluation.html: one file that opens anywhere, without scripts and without the network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from wearkit.errors import StorageError
from wearkit.evaluation.evaluation import FIGURES, Evaluation, FoldResult, ModelResult
from wearkit.evaluation.figures import confusion_svg, reliability_svg
from wearkit.evaluation.intervals import Interval, over_people
from wearkit.evaluation.metrics import TaskScore
from wearkit.evaluation.posture_ring import STEP_DEG, ring_errors
from wearkit.files.safe_write import write_bytes, write_json

PAGE, NUMBERS = "evaluation.html", "evaluation.json"
_MARKS = {PAGE: b"<title>Evaluation of ", NUMBERS: b'"format": "wearkit-evaluation"'}
_MARK_WITHIN = 512  # bytes of a file, which hold its mark
TITLES = {
    "fp32": "float network (fp32)",
    "int8": "integer network (int8)",
    "forest": "random forest",
    "fp32-twin": "fp32 through a sensor twin",
    "int8-twin": "int8 through a sensor twin",
}
_STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #f3f5f8; color: #1d2733; line-height: 1.5;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 27px; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 20px; margin: 0 0 12px; }
h3 { font-size: 15px; margin: 24px 0 8px; }
.lead { color: #5b6875; margin: 0 0 20px; }
.warning { background: #fff1e6; border-left: 5px solid #d1652c; border-radius: 4px;
  padding: 10px 16px; margin: 0 0 10px; }
section { background: #fff; border: 1px solid #e0e6ec; border-radius: 10px; padding: 22px 26px;
  margin: 18px 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 14px 5px 0; text-align: right; border-bottom: 1px solid #e9edf1;
  white-space: nowrap; }
th { font-weight: 600; color: #4a5662; border-bottom: 2px solid #cfd8e1; white-space: normal;
  vertical-align: bottom; }
th:first-child, td:first-child, td.word, th.word { text-align: left; }
tfoot td { font-weight: 600; border-bottom: 0; }
.pictures { display: flex; flex-wrap: wrap; gap: 8px 36px; }
figure { margin: 0; } figcaption { font-size: 13.5px; color: #4a5662; margin-bottom: 6px; }
svg { max-width: 100%; height: auto; font-family: inherit; }
.small { color: #5b6875; font-size: 13.5px; max-width: 78ch; }
@media print { body { background: #fff; } section { break-inside: avoid; } }
"""


def refuse_to_replace(folder: Path) -> None:
    """Raises StorageError when a file that an evaluation writes is there and is none of ours."""
    for name, mark in _MARKS.items():
        path = folder / name
        try:
            with path.open("rb") as stream:
                ours = mark in stream.read(_MARK_WITHIN)
        except FileNotFoundError:
            continue
        except OSError:
            ours = False
        if not ours:
            raise StorageError(
                f"{path} is there and no evaluation of wearkit's: give --report another folder, "
                "or add --force to replace it."
            )


def write_evaluation(evaluation: Evaluation, folder: Path, *, force: bool = False) -> Path:
    """Write evaluation.json and evaluation.html -> the page's path.

    The same evaluation gives the same bytes. An earlier evaluation is replaced, another file of
    these names only with `force`. Raises StorageError for one, and when the disk refuses.
    """
    if not force:
        refuse_to_replace(folder)
    write_json(folder / NUMBERS, evaluation.to_json())
    page = folder / PAGE
    write_bytes(page, html_page(evaluation).encode(errors="backslashreplace"))
    return page


def html_page(evaluation: Evaluation) -> str:
    tasks = [task.name for task in evaluation.windows.tasks]
    parts = [
        *(f'<p class="warning">{_warned(text)}</p>' for text in evaluation.warnings()),
        f"<h1>Evaluation of {escape(evaluation.arch)}</h1>",
        f'<p class="lead">{len(evaluation.windows):,} windows of {evaluation.people} '
        f"{'simulated subjects' if evaluation.windows.simulated else 'people'}: "
        f"{escape(evaluation.source)}.</p>",
        _overview(evaluation, tasks),
        *(_task(evaluation, task) for task in tasks),
        _data(evaluation),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Evaluation of {escape(evaluation.arch)}</title><style>{_STYLE}</style></head>\n"
        "<body><main>\n" + "\n".join(parts) + "\n</main></body></html>\n"
    )


def _warned(text: str) -> str:
    head, _, rest = text.partition(":")
    return f"<strong>{escape(head)}:</strong>{escape(rest)}"


def _overview(evaluation: Evaluation, tasks: Sequence[str]) -> str:
    rows = []
    for task in tasks:
        for model in evaluation.models:
            score = model.scores[task]
            spreads = [_spread(_over(score, figure)) for figure in FIGURES]
            error = model.reliability[task].error
            row = [task, TITLES[model.name], _share(score.accuracy), _share(score.macro_f1)]
            rows.append([*row, *spreads, f"{error:.3f}"])
    figures = ("accuracy", "macro F1", "accuracy over people", "macro F1 over people")
    table = _table(("task", "model", *figures, "calibration error"), rows, words=2)
    return (
        f"<section><h2>Result</h2>{table}"
        f'<p class="small">Over people: mean ± standard deviation of one figure per person, with '
        f"the 95&nbsp;% confidence interval of that mean (Student's t, n = {evaluation.people}) in "
        "brackets. Calibration error: the expected calibration error of the softmax, for the "
        "integers of the dequantized logits.</p></section>"
    )


def _task(evaluation: Evaluation, task: str) -> str:
    models = evaluation.models
    parts = [f"<section><h2>{escape(task)}</h2>", "<h3>By person</h3>", _people(models, task)]
    if evaluation.folds:
        parts.append(f"<h3>By fold</h3>{_by_fold(evaluation.folds, task)}")
    parts.append("<h3>By label</h3>")
    parts.append(_pictures((model, _labels(model, task)) for model in models))
    parts.append(
        '<p class="small">Sensitivity TP/(TP+FN), PPV TP/(TP+FP), NPV TN/(TN+FN); "-" where '
        "the denominator is zero.</p>"
    )
    parts.append("<h3>What was taken for what</h3>")
    parts.append(_pictures((model, _confusion(model, task)) for model in models))
    ring = [_ring(model, task) for model in models]
    parts += [text for text in ring if text]
    parts.append("<h3>How sure, how right</h3>")
    parts.append(_pictures((model, _reliability(model, task)) for model in models))
    parts.append(
        '<p class="small">Bars: share of right answers among the windows whose answer had that '
        "probability; orange: their mean probability; dashed: what an honest network would show; "
        "grey: how many windows there are.</p></section>"
    )
    return "".join(parts)


def _figure_names(models: Sequence[ModelResult]) -> list[str]:
    return [f"{figure} {model.name}" for model in models for figure in ("accuracy", "macro F1")]


def _by_fold(folds: Sequence[FoldResult], task: str) -> str:
    rows = []
    for fold in folds:
        row = [str(fold.fold), ", ".join(fold.people), str(fold.windows), fold.kept]
        scores = [model.scores[task] for model in fold.models]
        rows.append([*row, *(_share(getattr(score, name)) for score in scores for name in FIGURES)])
    over = [
        over_people([getattr(fold.models[place].scores[task], figure) for fold in folds])
        for place in range(len(folds[0].models))
        for figure in FIGURES
    ]
    blank = ("", "", "")
    foot = [
        ("mean", *blank, *(_share(interval.mean) for interval in over)),
        ("standard deviation", *blank, *(_share(interval.sd) for interval in over)),
    ]
    head = ["fold", "tested", "windows", "kept", *_figure_names(folds[0].models)]
    return _table(head, rows, foot=foot)


def _people(models: Sequence[ModelResult], task: str) -> str:
    head = ["person", "windows", *_figure_names(models)]
    scores = [model.scores[task] for model in models]
    rows = []
    for person, first in scores[0].per_subject.items():
        row = [person, str(first.windows)]
        for score in scores:
            own = score.per_subject[person]
            row += [_share(own.accuracy), _share(own.macro_f1)]
        rows.append(row)
    over = [_over(score, figure) for score in scores for figure in FIGURES]
    foot = [
        ("mean", "", *(_share(interval.mean) for interval in over)),
        ("standard deviation", "", *(_share(interval.sd) for interval in over)),
        (f"95 % interval, n = {over[0].n}", "", *(_limits(interval) for interval in over)),
    ]
    return _table(head, rows, foot=foot)


def _labels(model: ModelResult, task: str) -> str:
    rows = [
        [
            label,
            str(class_score.support),
            *map(
                _share, (class_score.sensitivity, class_score.ppv, class_score.npv, class_score.f1)
            ),
        ]
        for label, class_score in model.scores[task].per_class.items()
    ]
    head = ("label", "windows", "sensitivity", "PPV", "NPV", "F1")
    return _table(head, rows)


def _confusion(model: ModelResult, task: str) -> str:
    return confusion_svg(model.scores[task], f"confusion, {task}, {model.name}")


def _reliability(model: ModelResult, task: str) -> str:
    return reliability_svg(model.reliability[task], f"reliability, {task}, {model.name}")


def _pictures(figures: Iterable[tuple[ModelResult, str]]) -> str:
    drawn = (
        f"<figure><figcaption>{TITLES[model.name]}</figcaption>{picture}</figure>"
        for model, picture in figures
    )
    return f'<div class="pictures">{"".join(drawn)}</div>'


def _ring(model: ModelResult, task: str) -> str:
    errors = ring_errors(model.scores[task])
    if errors is None:
        return ""
    if errors.neighbour_share is None:
        return f"<p>{TITLES[model.name]}: no error on the posture ring.</p>"
    neighbours = errors.by_distance_deg[STEP_DEG]
    return (
        f"<p>{TITLES[model.name]}: <strong>{errors.neighbour_share:.1%}</strong> of the errors "
        f"({neighbours} of {errors.errors}) land on a neighbour on the posture ring, {STEP_DEG} "
        "degrees away.</p>"
    )


def _data(evaluation: Evaluation) -> str:
    parts = ["<section><h2>Data and split</h2>", _table((), list(_facts(evaluation)), words=2)]
    whose = "of all the run's recordings" if evaluation.own else "of these recordings"
    for title, counts in (
        (f"Windows left out, {whose}", evaluation.rejected),
        (f"Source rows not used, {whose}", evaluation.dropped),
    ):
        parts.append(f"<h3>{title}</h3>{_counts(counts)}")
    parts += [f'<p class="small">Note: {escape(note)}</p>' for note in evaluation.notes()]
    parts.append("</section>")
    return "".join(parts)


def _facts(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    if evaluation.checkpoint is not None:
        yield "run", evaluation.checkpoint
    if evaluation.bundle is not None:
        yield "bundle", evaluation.bundle
        yield "model id", str(evaluation.model_id)
    spec = evaluation.windows.spec
    yield "windows", f"{spec.length} samples at {spec.rate_hz:g} Hz, hop {spec.hop}"
    split = evaluation.split
    if split is None:
        return
    which = (
        f"all {split.folds} folds" if split.fold is None else f"fold {split.fold} of {split.folds}"
    )
    yield "split", f"{split.kind}, {which}, seed {split.seed}"
    yield "people", ", ".join(f"{part} {count}" for part, count in split.people.items())
    yield "test windows overlapping the others", f"{split.leak_share:.2%}"
    yield "test people also in other parts", str(len(split.shared))
    if not evaluation.own:
        yield "scored", "other recordings than the split's test windows"


def _counts(counts: Mapping[str, int]) -> str:
    if not counts:
        return '<p class="small">None recorded.</p>'
    return _table((), [(reason, f"{count:,}") for reason, count in sorted(counts.items())])


def _over(score: TaskScore, figure: str) -> Interval:
    return over_people([getattr(subject, figure) for subject in score.per_subject.values()])


def _spread(interval: Interval) -> str:
    if interval.sd is None:
        return f"{interval.mean:.3f} (one person)"
    return f"{interval.mean:.3f} ± {interval.sd:.3f} {_limits(interval)}"


def _limits(interval: Interval) -> str:
    return "-" if interval.low is None else f"[{interval.low:.3f}, {interval.high:.3f}]"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    foot: Sequence[Sequence[str]] = (),
    words: int = 1,
) -> str:
    """The first `words` columns are text, the others numbers."""

    def line(cells: Sequence[str], tag: str) -> str:
        marked = (
            f"<{tag}{' class=word' if place < words else ''}>{escape(cell)}</{tag}>"
            for place, cell in enumerate(cells)
        )
        return f"<tr>{''.join(marked)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    top = f"<thead>{line(head, 'th')}</thead>" if head else ""
    end = f"<tfoot>{''.join(line(row, 'td') for row in foot)}</tfoot>" if foot else ""
    return f'<div class="wide"><table>{top}<tbody>{body}</tbody>{end}</table></div>'
