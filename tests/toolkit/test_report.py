"""Intervals, calibration, the posture ring and the page, against oracles of their own."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from wearkit.evaluation.evaluation import Evaluation, SplitFacts, model_result, share_result
from wearkit.evaluation.intervals import over_people, t_quantile
from wearkit.evaluation.metrics import score_task
from wearkit.evaluation.page import html_page, write_evaluation
from wearkit.evaluation.posture_ring import ring_errors
from wearkit.evaluation.reliability import reliability
from wearkit.integer.logits import softmax
from wearkit.recordings.posture_sim import POSTURES
from wearkit.spec import TaskSpec
from wearkit.windows.window_set import WindowSet

HONEST = SplitFacts("subject", 0, 5, 0, 0.0, {"train": 4, "val": 1, "test": 1}, ())


def test_t_quantiles_are_scipy_s() -> None:
    stats = pytest.importorskip("scipy.stats")
    for degrees in (*range(1, 31), 99, 100):
        for probability in (0.9, 0.975, 0.995):
            expected = stats.t.ppf(probability, degrees)
            assert t_quantile(probability, degrees) == pytest.approx(expected, rel=1e-9)


def test_an_interval_by_hand() -> None:
    found = over_people([0.7, 0.8, 0.9])
    # sd 0.1; t(0.975, 2) = 4.30265 (any table); 4.30265 * 0.1 / sqrt(3) = 0.24841.
    assert found.n == 3
    assert [found.mean, found.sd] == pytest.approx([0.8, 0.1])
    assert [found.low, found.high] == pytest.approx([0.55159, 1.04841], rel=1e-4)
    alone = over_people([0.7])
    assert (alone.sd, alone.low, alone.high) == (None, None, None)


def test_calibration_error_by_hand() -> None:
    # Two sure answers (0.95), one of them wrong; two at 0.65, both right.
    probability = np.array([[0.95, 0.05], [0.95, 0.05], [0.35, 0.65], [0.65, 0.35]])
    found = reliability(probability, np.array([0, 1, 1, 0]))
    assert found.error == pytest.approx(0.5 * abs(0.5 - 0.95) + 0.5 * abs(1.0 - 0.65))
    used = {part.low: part for part in found.bins if part.windows}
    assert set(used) == {0.6, 0.9}
    assert (used[0.9].windows, used[0.9].accuracy) == (2, 0.5)
    assert used[0.6].confidence == pytest.approx(0.65)


def test_certainty_and_bin_edges_stay_in_the_table() -> None:
    found = reliability(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([0, 0]))
    assert [part.windows for part in found.bins] == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]


def test_int8_logits_are_dequantized_before_the_softmax() -> None:
    logits = np.array([[-128, 127, 0]], np.int8)
    expected = np.exp(np.array([-128, 127, 0]) * 0.02)
    np.testing.assert_allclose(softmax(logits, 0.02)[0], expected / expected.sum())
    np.testing.assert_allclose(softmax(np.array([[1e4, 0.0]]))[0], [1.0, 0.0])


def test_errors_are_told_by_their_distance_on_the_ring() -> None:
    labels = tuple(sorted(POSTURES))  # an order that is not the ring's
    code = {name: place for place, name in enumerate(labels)}
    pairs = [
        ("up", "up"), ("up", "upright"), ("up", "upleft"), ("upleft", "up"),
        ("left", "right"), ("up", "rightup"),
    ]  # fmt: skip
    truth, said = (np.array([code[pair[side]] for pair in pairs]) for side in (0, 1))
    score = score_task(labels, truth, said, np.zeros(6, int), ("ann",))
    found = ring_errors(score)
    assert found is not None
    assert found.errors == 5
    assert found.neighbour_share == pytest.approx(3 / 5)
    assert {key: count for key, count in found.by_distance_deg.items() if count} == {
        30: 3,
        60: 1,
        180: 1,
    }


def test_other_labels_have_no_ring_and_no_error_no_share() -> None:
    both = np.array([0, 1])
    score = score_task(("sitting", "walking"), both, both, both, ("ann", "ben"))
    assert ring_errors(score) is None
    perfect = ring_errors(score_task(("up", "down"), both, both, both, ("ann", "ben")))
    assert perfect is not None and perfect.neighbour_share is None


class _Page(HTMLParser):
    """Tags that must close do, in order; what could fetch or run anything is noted."""

    VOID = frozenset({"meta", "rect", "line"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.suspects: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "link", "iframe", "object", "img", "a"}:
            self.suspects.append(tag)
        self.suspects += [f"{name}={value}" for name, value in attrs if _fetches(name, value)]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.suspects += [f"{name}={value}" for name, value in attrs if _fetches(name, value)]

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)


def _fetches(name: str, value: str | None) -> bool:
    return name.startswith("on") or name in {"src", "href"} or "url(" in (value or "")


def _evaluation(windows: WindowSet, split: SplitFacts | None = HONEST) -> Evaluation:
    generator = np.random.default_rng(0)
    logits = {
        task.name: generator.normal(size=(len(windows), len(task.labels))) for task in windows.tasks
    }
    whole = {name: np.rint(values * 20).astype(np.int8) for name, values in logits.items()}
    shares = {name: softmax(values) for name, values in logits.items()}
    return Evaluation(
        models=(
            model_result("fp32", logits, windows),
            model_result("int8", whole, windows, dict.fromkeys(whole, 0.05)),
            share_result("forest", shares, windows),
        ),
        windows=windows,
        source="test windows of <b>mine</b>",
        own=True,
        split=split,
        rejected={"mixed labels": 7},
        dropped={"not a number": 3},
        familiar=(),
        arch="mtl-net-micro",
    )


def _read(evaluation: Evaluation) -> tuple[_Page, list[str]]:
    page = _Page()
    page.feed(html_page(evaluation))
    page.close()
    assert page.open == []
    return page, [word.strip() for word in page.words if word.strip()]


def test_the_page_is_whole_and_fetches_nothing(toy_windows: WindowSet) -> None:
    page, words = _read(_evaluation(toy_windows))
    assert page.suspects == []
    assert "http" not in re.sub(r"<style>.*?</style>", "", html_page(_evaluation(toy_windows)))
    assert any("<b>mine</b>" in word for word in words)  # shown, not obeyed
    assert {"s00", "random forest", "mixed labels", "7", "not a number", "3"} <= set(words)
    assert f"95 % interval, n = {len(toy_windows.subjects)}" in words


def test_a_leak_and_a_simulation_come_before_any_figure(toy_windows: WindowSet) -> None:
    leaky = dataclasses.replace(HONEST, leak_share=0.25)
    _, words = _read(_evaluation(toy_windows, leaky))
    assert words[1:3][0] == "LEAKY SPLIT:" and "25.0%" in words[2]
    assert words[3] == "SIMULATED DATA:"
    shared = dataclasses.replace(HONEST, shared=("s00",))
    assert next(_evaluation(toy_windows, shared).warnings()).startswith("LEAKY SPLIT: 0.0%")
    honest = dataclasses.replace(toy_windows, simulated=False)
    assert list(_evaluation(honest).warnings()) == []
    assert next(_evaluation(honest, None).warnings()).startswith("UNKNOWN SPLIT")


def test_what_is_undefined_is_a_dash(toy_windows: WindowSet) -> None:
    more = TaskSpec("posture", (*toy_windows.tasks[0].labels, "never"))
    windows = dataclasses.replace(
        toy_windows, tasks=(more,), targets={"posture": toy_windows.targets["posture"]}
    )
    right = np.eye(4)[windows.targets["posture"]]
    evaluation = dataclasses.replace(
        _evaluation(windows), models=(model_result("fp32", {"posture": right}, windows),)
    )
    _, words = _read(evaluation)
    place = words.index("never")
    assert words[place + 1 : place + 6] == ["0", "-", "-", "1.0000", "-"]


def test_files_are_the_same_every_time(toy_windows: WindowSet, tmp_path: Path) -> None:
    evaluation = _evaluation(toy_windows)
    pages = [write_evaluation(evaluation, tmp_path / name) for name in ("a", "b")]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    numbers = json.loads(pages[0].with_name("evaluation.json").read_text())
    assert set(numbers["models"]) == {"fp32", "int8", "forest"}
    posture = numbers["details"]["int8"]["posture"]
    assert posture["over_people_95"]["accuracy"]["n"] == len(toy_windows.subjects)
    assert sum(part["windows"] for part in posture["reliability"]["bins"]) == len(toy_windows)
