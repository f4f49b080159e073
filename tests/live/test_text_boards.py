"""The boards of tests/bench/boards.py, with a clock of their own instead of a pseudo-terminal."""

import sys
from pathlib import Path

import pytest

from wearkit.integer.graph import QuantizedGraph

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from board_list import BOARDS, Board
from board_play import Came, Judge, play_in_session


@pytest.fixture(scope="module")
def judge(tiny_graph: QuantizedGraph) -> Judge:
    return Judge(tiny_graph)


@pytest.mark.parametrize(
    "board", [board for board in BOARDS if not board.needs_port], ids=lambda board: board.name
)
def test_no_board_is_taken_for_what_it_is_not(
    board: Board, tiny_graph: QuantizedGraph, judge: Judge
) -> None:
    assert judge.wrong(play_in_session(board, tiny_graph)) == []


def test_the_judge_sees_a_clean_window_that_misses_a_sample(
    tiny_graph: QuantizedGraph, judge: Judge
) -> None:
    board = next(board for board in BOARDS if board.name == "one line without its middle")
    came = play_in_session(board, tiny_graph)
    hidden = [window | {"valid": True, "reasons": []} for window in came.windows]
    true = came.windows[-1]["tasks"]
    false = {task: of | {"logits": [v ^ 1 for v in of["logits"]]} for task, of in true.items()}
    hidden[-1] |= {"tasks": false}
    wrong = judge.wrong(Came(board, 0, hidden[-1:], {}, ""))
    assert wrong == ["clean but not as measured: window 3", "no window marked 'gap'"]
