"""The tables of commands on narrow terminals: no figure is broken, no name is cut."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console, RenderableType

from wearkit.cli.tables.export_tables import equality_table
from wearkit.cli.tables.score_tables import score_table, subject_table
from wearkit.cli.tables.stacking import Column, StackingTable
from wearkit.evaluation.metrics import score_task

RUNTIME = "tflite-micro 0.dev20261023182759"


def printed(table: RenderableType, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert lines and max(map(len, lines)) <= width
    return lines


def scores() -> dict[str, dict[str, object]]:
    generator = np.random.default_rng(0)
    labels = tuple(f"label {number}" for number in range(4))
    subject = np.arange(60, dtype=np.int32) % 3
    targets, answers = generator.integers(0, 4, (2, 60))
    score = score_task(labels, targets, answers, subject, ("anna", "bert", "cora"))
    return {name: {"placement": score, "activity": score} for name in ("fp32", "int8")}


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_score_is_broken_over_two_lines(width: int) -> None:
    models = scores()
    mean, std = models["int8"]["placement"].spread("accuracy")  # type: ignore[attr-defined]
    lines = printed(score_table("Test people", models), width)  # type: ignore[arg-type]
    assert sum(f"{mean:.3f} ± {std:.3f}" in line for line in lines) == 4
    assert not any("…" in line for line in lines)
    by_subject = printed(subject_table("placement", models), width)  # type: ignore[arg-type]
    assert sum("anna" in line for line in by_subject) == 1


def test_a_row_is_a_line_at_80_columns_and_a_block_at_60() -> None:
    table = score_table("Test people", scores())  # type: ignore[arg-type]
    wide, narrow = printed(table, 80), printed(table, 60)
    assert sum(line.startswith("placement  fp32") for line in wide) == 1
    assert narrow[1] == "placement fp32"
    assert narrow[2].split() == ["windows", "60"]


def layers() -> StackingTable:
    figures = ("MACs", "instructions", "per\nMAC", "cycles\n(est.)", "ms\n(est.)")
    table = StackingTable("One window", Column("layer", words=True), *map(Column, figures))
    table.add_row(
        "heads_activity_dense", "2,556,000", "12,345,678", "4.83", "18,345,678", "286.651"
    )
    return table


@pytest.mark.parametrize("width", [40, 60, 80])
def test_no_name_of_a_layer_is_cut(width: int) -> None:
    lines = printed(layers(), width)
    assert sum("heads_activity_dense" in line for line in lines) == 1
    assert sum("12,345,678" in line for line in lines) == 1


def test_a_cell_is_text_and_no_markup() -> None:
    table = StackingTable("[red]", Column("name", words=True), Column("n"))
    table.add_row("[bold]x", "1")
    for width in (12, 80):
        assert any("[bold]x" in line for line in printed(table, width))


@pytest.mark.parametrize("width", [40, 60, 80])
def test_versions_of_runtimes_are_whole_words(width: int) -> None:
    agreement = SimpleNamespace(windows=1036, differing=0, max_lsb=0, argmax_flips={"posture": 0})
    row = SimpleNamespace(
        runtime="TFLite Micro", version=RUNTIME, family="tflm", must_match=True, agreement=agreement
    )
    report = SimpleNamespace(run=(row,), compared="36 golden and 1000 of 8787 test")
    lines = printed(equality_table(report), width)  # type: ignore[arg-type]
    assert sum(RUNTIME.split()[1] in line for line in lines) == 1
    assert "1000 of 8787 test" in " ".join(line.strip() for line in lines)
