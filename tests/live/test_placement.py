"""The placement check on verdicts, and in a session."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.integer.graph import QuantizedGraph
from wearkit.integer.logits import Verdict
from wearkit.link.faults import Fault, FaultLog
from wearkit.link.options import StreamOptions
from wearkit.live.placement import SMOOTHED_WINDOWS, PlacementCheck
from wearkit.live.session import LiveSession
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec

MODEL = ModelSpec(
    "mtl-net-micro",
    WindowSpec(),
    (TaskSpec("posture", ("a", "b")), TaskSpec("placement", ("chest", "wrist"))),
)
CHEST, WRIST = (40, -40), (-40, 40)


def said(logits: tuple[int, int]) -> Verdict:
    return Verdict("placement", "", 0.0, logits)


@pytest.fixture
def check() -> tuple[PlacementCheck, FaultLog]:
    faults = FaultLog()
    return PlacementCheck(MODEL, "chest", 0.0625, faults), faults


def test_a_worn_place_that_is_the_declared_one_is_no_fault(
    check: tuple[PlacementCheck, FaultLog],
) -> None:
    placement, faults = check
    random = np.random.default_rng(3)
    for _ in range(2000):
        # Right nine times in ten, as good heads are.
        placement.push(said(CHEST if random.random() < 0.9 else WRIST))
        assert not placement.disagrees
    assert not faults.counts


def test_another_place_is_one_fault_until_the_declared_one_leads_again(
    check: tuple[PlacementCheck, FaultLog],
) -> None:
    placement, faults = check
    for turn in range(2):
        states = []
        for logits in [CHEST] * 20 + [WRIST] * 20 + [CHEST] * 20:
            placement.push(said(logits))
            states.append(placement.disagrees)
        assert sum(a != b for a, b in pairwise(states)) == 2
        assert states[25] is False
        assert states[26:45] == [True] * 19
        assert states[-1] is False
        assert faults.counts[Fault.PLACEMENT] == turn + 1
    assert "looks worn on wrist (70%), not on chest (30%)" in faults.events[0].detail


def test_the_declared_place_may_be_any_and_logits_any_size() -> None:
    # 127 of 2.0 a step: an exponential of it would be too large without a shift.
    check = PlacementCheck(MODEL, "wrist", 8.0, FaultLog())
    for logits, disagrees in (((-128, 127), False), ((127, -128), True)):
        for _ in range(2 * SMOOTHED_WINDOWS):
            check.push(said(logits))
        assert check.disagrees == disagrees


def test_too_few_windows_are_no_opinion(check: tuple[PlacementCheck, FaultLog]) -> None:
    placement, faults = check
    for _ in range(3):
        for _ in range(SMOOTHED_WINDOWS - 1):
            placement.push(said(WRIST))
        placement.restart()
    assert not placement.disagrees
    assert not faults.counts


def test_a_place_the_model_does_not_know_is_refused(tiny_graph: QuantizedGraph) -> None:
    with pytest.raises(DataError, match="elbow is not one of chest, wrist"):
        PlacementCheck(MODEL, "elbow", 1.0, FaultLog())
    with pytest.raises(DataError, match="no placement head"):
        PlacementCheck(tiny_graph.model, "left", 1.0, FaultLog())


class Says:
    """A runtime whose placement head always says the same."""

    def __init__(self, logits: tuple[int, int]) -> None:
        self._logits = logits

    def run(self, inputs: NDArray[np.int8]) -> dict[str, NDArray[np.int8]]:
        rows = np.tile(np.array(self._logits, dtype=np.int8), (len(inputs), 1))
        return {"activity": np.zeros((len(inputs), 4), np.int8), "placement": rows}


@pytest.mark.parametrize(("logits", "withheld"), [(CHEST, False), (WRIST, True)])
def test_verdicts_are_withheld_and_say_why(
    tiny_graph: QuantizedGraph,
    moving_counts: Callable[..., NDArray[np.int16]],
    sensor_lines: Callable[..., list[bytes]],
    logits: tuple[int, int],
    withheld: bool,
) -> None:
    graph = placement_graph(tiny_graph)
    faults = FaultLog()
    session = LiveSession(
        graph,
        Says(logits),
        StreamOptions(50.0),
        faults=faults,
        placement=PlacementCheck(graph.model, "chest", 0.0625, faults),
    )
    header = b"#wearkit text/1 units=counts fields=index,t_us,x,y,z\n"
    data = header + b"".join(sensor_lines(moving_counts(1000)))
    windows = [*session.feed(data, 0.0), *session.finish()]
    assert len(windows) == 16
    for position, window in enumerate(windows):
        expected = withheld and position >= SMOOTHED_WINDOWS - 1
        assert ("placement" in window.reasons) == expected
        assert window.valid == (not expected) == bool(window.verdicts)
    report = session.report()
    assert report.invalid == ({"placement": 7} if withheld else {})
    assert report.faults.get("PLACEMENT", 0) == withheld


def test_a_board_that_starts_again_may_be_worn_elsewhere(
    tiny_graph: QuantizedGraph,
    moving_counts: Callable[..., NDArray[np.int16]],
    sensor_lines: Callable[..., list[bytes]],
) -> None:
    graph, faults = placement_graph(tiny_graph), FaultLog()
    check = PlacementCheck(graph.model, "chest", 0.0625, faults)
    options = StreamOptions(50.0)
    session = LiveSession(graph, Says(WRIST), options, faults=faults, placement=check)
    header = b"#wearkit text/1 units=counts fields=index,t_us,x,y,z\n"
    run = b"".join(sensor_lines(moving_counts(600)))  # nine windows: one too few for an opinion
    windows = [*session.feed(header + run + b"#restart why\n" + run, 0.0), *session.finish()]
    assert sum(window.valid for window in windows) == 18
    assert not faults.counts[Fault.PLACEMENT]


def placement_graph(graph: QuantizedGraph) -> QuantizedGraph:
    """The tiny graph, its second head renamed."""
    from dataclasses import replace

    from wearkit.integer.graph import Head

    activity, _ = graph.model.tasks
    assert isinstance(graph.model, ModelSpec)
    model = replace(graph.model, tasks=(activity, TaskSpec("placement", ("chest", "wrist"))))
    heads = (graph.heads[0], Head("placement", graph.heads[1].tensor))
    return replace(graph, model=model, heads=heads)
