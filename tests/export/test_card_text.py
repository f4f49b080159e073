"""Labels and people from data stand in the model card letter by letter, whatever they contain."""

from __future__ import annotations

import numpy as np
import pytest

from wearkit.evaluation.metrics import score_task
from wearkit_export.bundle.card import _subject_rows, plain, table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("walking_upstairs", "walking_upstairs"),
        ("<script>", "\\<script\\>"),
        ("[a](http://b)", "\\[a\\](http://b)"),
        ("_x_ *y* `z` a|b", "\\_x\\_ \\*y\\* \\`z\\` a\\|b"),
        ("&amp; $x$ ~~y~~ #1 \\", "\\&amp; \\$x\\$ \\~\\~y\\~\\~ \\#1 \\\\"),
    ],
)
def test_what_markdown_would_take_for_its_own_is_escaped(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_bar_in_a_cell_is_escaped_once() -> None:
    assert list(table(("a",), [[plain("x|y")], ["x|y"]]))[2:4] == ["| x\\|y |", "| x\\|y |"]


@pytest.mark.parametrize(
    ("people", "last"), [(1, ["mean", "", "0.5000 (one person)"]), (2, ["mean ± std", "", "0.5"])]
)
def test_one_person_has_no_spread_on_the_card(people: int, last: list[str]) -> None:
    truth = np.tile([0, 1, 0, 1], people)
    said = np.tile([0, 1, 1, 0], people)
    person = np.repeat(np.arange(people), 4)
    names = ("<b>", "bob")[:people]
    *rows, mean = _subject_rows(score_task(("x", "y"), truth, said, person, names))
    assert rows[0][0] == "\\<b\\>" and len(rows) == people
    assert mean[:2] == last[:2] and mean[2].startswith(last[2])
