"""The boards of other rates, slow parts and glitches, with a clock of their own."""

import sys
from pathlib import Path

import pytest

from wearkit.integer.graph import QuantizedGraph

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from board_list import Board
from board_play import Judge, play_in_session
from board_rates import RATE_BOARDS


@pytest.mark.parametrize("board", RATE_BOARDS, ids=lambda board: board.name)
def test_no_board_is_clean_that_is_off(board: Board, tiny_graph: QuantizedGraph) -> None:
    assert Judge(tiny_graph).wrong(play_in_session(board, tiny_graph)) == []
