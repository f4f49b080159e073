"""Pictures of an evaluation as inline SVG: sharp at any size, no program needed to draw them."""

from __future__ import annotations

from html import escape

from wearkit.evaluation.metrics import TaskScore
from wearkit.evaluation.reliability import Reliability

_CELL, _GAP, _LETTER = 34, 10, 6.6  # pixels; _LETTER: the width of a 12 px letter, generously
_INK, _PALE, _BLUE, _ORANGE = "#1d2733", "#c9d2dc", (31, 96, 168), "#d1652c"
_SIDE, _MARGIN = 220, 46
MOST_COUNTED = 40  # labels of a matrix with counts in its cells
_NAME_EACH = 14  # pixels a name needs
_EMPTY = "rgb(246,246,246)"


def confusion_svg(score: TaskScore, title: str) -> str:
    """Rows are the truth, columns the answers; a cell is as blue as its share of the row.

    Beyond MOST_COUNTED labels cells are small, hold no counts and are left out where they are
    empty, and not every label is named: a page of a thousand labels is some megabytes.
    """
    labels = score.labels
    large = len(labels) > MOST_COUNTED
    pitch = max(2, _CELL * MOST_COUNTED // len(labels)) if large else _CELL
    every = -(-(_NAME_EACH if large else 1) // pitch)
    named = range(0, len(labels), every)
    longest = max(len(labels[place]) for place in named)
    left = int(longest * _LETTER) + 2 * _GAP + 14
    top, side = 24, pitch * len(labels)
    foot = int(longest * _LETTER * 0.75) + 36
    if large:
        cells = [_few_cells(score, left, top, pitch)]
        title += f", {len(labels)} labels without counts, every {every}th named"
    else:
        cells = [
            _cell(score, row, column, left + _CELL * column, top + _CELL * row)
            for row in range(len(labels))
            for column in range(len(labels))
        ]
    names = []
    for place in named:
        middle = pitch * place + pitch // 2
        names.append(_text(left - _GAP, top + middle + 4, labels[place], anchor="end"))
        x, y = left + middle + 4, top + side + 14
        names.append(_text(x, y, labels[place], anchor="end", turn=-45))
    names.append(_text(left + side / 2, top + side + foot, "answered", colour="#5b6875"))
    names.append(_text(11, top + side / 2, "true", colour="#5b6875", turn=-90))
    return _svg(left + side + 20, top + side + foot + 10, title, [*cells, *names])


def _few_cells(score: TaskScore, left: int, top: int, pitch: int) -> str:
    """The cells that hold a window, on one pale square."""
    side = pitch * len(score.labels)
    totals = score.confusion.sum(axis=1)
    parts = [f'<rect x="{left}" y="{top}" width="{side}" height="{side}" fill="{_EMPTY}"/>']
    rows, columns = score.confusion.nonzero()
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        share = float(score.confusion[row, column] / totals[row])
        x, y = left + pitch * column, top + pitch * row
        parts.append(
            f'<rect x="{x}" y="{y}" width="{pitch}" height="{pitch}" fill="rgb({_shade(share)})"/>'
        )
    return "".join(parts)


def _shade(share: float) -> str:
    return ",".join(str(round(246 + (part - 246) * share)) for part in _BLUE)


def _cell(score: TaskScore, row: int, column: int, x: int, y: int) -> str:
    count, total = int(score.confusion[row, column]), int(score.confusion[row].sum())
    share = count / total if total else 0.0
    box = (
        f'<rect x="{x}" y="{y}" width="{_CELL - 1}" height="{_CELL - 1}" rx="3" '
        f'fill="rgb({_shade(share)})"><title>{escape(score.labels[row])} answered as '
        f"{escape(score.labels[column])}: {count} of {total}</title></rect>"
    )
    if not count:
        return box
    colour = "#ffffff" if share > 0.5 else _INK
    size = 12 if count < 1000 else 10
    middle = (_CELL - 1) / 2
    return box + _text(x + middle, y + middle + 4, str(count), colour=colour, size=size)


def reliability_svg(reliability: Reliability, title: str) -> str:
    """Bars: how often the answers of a bin were right. Ticks: how sure they were. The diagonal is
    an honest network; the grey bars below say how many windows a bin holds."""
    parts = [_frame()]
    most = max(part.windows for part in reliability.bins)
    for part in reliability.bins:
        if part.accuracy is None or part.confidence is None:
            continue
        x, width = _MARGIN + _SIDE * part.low + 1, _SIDE * (part.high - part.low) - 2
        height = _SIDE * part.accuracy
        hint = (
            f"{part.windows} windows at {part.low:.1f} to {part.high:.1f}: sure "
            f"{part.confidence:.3f}, right {part.accuracy:.3f}"
        )
        parts.append(
            f'<rect x="{x:.1f}" y="{_GAP + _SIDE - height:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" fill="rgb(31,96,168)" opacity="0.82">'
            f"<title>{hint}</title></rect>"
        )
        y = _GAP + _SIDE * (1 - part.confidence)
        parts.append(_line(x, y, x + width, y, _ORANGE, 2.5))
        tall = max(1.0, 30 * part.windows / most)
        parts.append(
            f'<rect x="{x:.1f}" y="{_SIDE + 2 * _GAP + 30:.1f}" width="{width:.1f}" '
            f'height="{tall:.1f}" fill="{_PALE}"><title>{part.windows} windows</title></rect>'
        )
    parts.append(_line(_MARGIN, _GAP + _SIDE, _MARGIN + _SIDE, _GAP, "#5b6875", 1, dashed=True))
    return _svg(_MARGIN + _SIDE + 20, _SIDE + 4 * _GAP + 64, title, parts)


def _frame() -> str:
    parts = []
    for step in range(6):
        share = step / 5
        y, x = _GAP + _SIDE * (1 - share), _MARGIN + _SIDE * share
        parts.append(_line(_MARGIN, y, _MARGIN + _SIDE, y, "#e4e9ee", 1))
        parts.append(_text(_MARGIN - 8, y + 4, f"{share:.1f}", anchor="end", size=11))
        parts.append(_text(x, _GAP + _SIDE + 17, f"{share:.1f}", size=11))
    half = _MARGIN + _SIDE / 2
    parts.append(_text(half, _SIDE + 4 * _GAP + 60, "probability of the answer", colour="#5b6875"))
    parts.append(_text(12, _GAP + _SIDE / 2, "share right", colour="#5b6875", turn=-90))
    return "".join(parts)


def _svg(width: float, height: float, title: str, parts: list[str]) -> str:
    return (
        f'<svg role="img" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )


def _line(
    x1: float, y1: float, x2: float, y2: float, colour: str, width: float, *, dashed: bool = False
) -> str:
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width}"{dash}/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "middle",
    colour: str = _INK,
    size: int = 12,
    turn: int = 0,
) -> str:
    turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" '
        f'font-size="{size}"{turned}>{escape(text)}</text>'
    )
