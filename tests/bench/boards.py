"""Boards as people have them, each on a pseudo-terminal, and what `wearkit live` makes of it.

    python tests/bench/boards.py [--bundle PATH] [--only TEXT] [--at-once N] [--json]

One row a board: exit code, reasons, faults, the first clean window. Exit 1 when a clean window is
not what so many samples in a row give, or was taken at a rate more than 6 % off the model's; when a
clean board is reported; or when a faulty one is not.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from board_list import BOARDS
from board_play import Came, Judge, play_on_pty
from board_rates import RATE_BOARDS
from link_models import untrained_checkpoint

from wearkit.bundle.bundle import open_bundle


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, help="or one that nobody trained")
    parser.add_argument("--only", default="", help="boards whose name holds this")
    parser.add_argument("--at-once", type=int, default=6)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    boards = [board for board in BOARDS + RATE_BOARDS if chosen.only in board.name]
    with tempfile.TemporaryDirectory() as folder:
        bundle = chosen.bundle or _untrained_bundle(Path(folder) / "bundle")
        judge = Judge(open_bundle(bundle).graph)
        with ThreadPoolExecutor(chosen.at_once) as pool:
            came = list(pool.map(lambda board: play_on_pty(board, bundle), boards))
    wrong = {one.board.name: judge.wrong(one) for one in came}
    if chosen.json:
        print(json.dumps([_row(one, wrong[one.board.name]) for one in came], indent=1))
    else:
        _print_table(came, wrong)
    return 1 if any(wrong.values()) else 0


def _untrained_bundle(path: Path) -> Path:
    """Without what takes seconds and says nothing of a link: TensorFlow and a C compiler."""
    from wearkit.errors import MissingToolError
    from wearkit_export.bundle import c_folder, equality
    from wearkit_export.bundle.write import write_bundle

    missing = mock.Mock(side_effect=MissingToolError("left out"))
    with (
        mock.patch.object(equality, "tensorflow_installed", lambda: False),
        mock.patch.object(c_folder, "run_native", missing),
    ):
        write_bundle(*untrained_checkpoint("mtl-net-micro"), path)
    return path


def _row(came: Came, wrong: list[str]) -> dict[str, object]:
    return {
        "board": came.board.name,
        "exit": came.code,
        "windows": len(came.windows),
        "reasons": came.reasons,
        "faults": came.faults,
        "first_clean": came.first_clean,
        "said": came.said,
        "wrong": wrong,
    }


def _print_table(came: list[Came], wrong: dict[str, list[str]]) -> None:
    print(f"{'board':40} {'exit':>4} {'clean':>5}  reasons; faults; what was said")
    for one in came:
        first = "-" if one.first_clean is None else str(one.first_clean)
        faults = ", ".join(f"{count} {code}" for code, count in one.faults.items())
        parts = "; ".join(part for part in (", ".join(one.reasons), faults, one.said[:200]) if part)
        print(f"{one.board.name:40} {one.code:4} {first:>5}  {parts}")
        for sentence in wrong[one.board.name]:
            print(f"    WRONG: {sentence}")
    count = sum(bool(sentences) for sentences in wrong.values())
    print(f"{len(came)} boards, {count} wrong")


if __name__ == "__main__":
    sys.exit(main())
