"""The cheap attacks of tests/bench/breaking_proofs.py: none succeeds, and honest devices pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

Bench = Callable[[str], ModuleType]


def test_no_hostile_session_gets_a_certificate(bench_script: Bench) -> None:
    bench = bench_script("breaking_proofs")
    rows = [bench.tried(attack) for attack in bench.attacks_of("sessions")]
    assert len(rows) > 60
    assert [(row.name, row.verdict) for row in rows if row.fooled] == []
    assert f"{len(rows)} tried, 0 succeeded." in bench.table(rows)


def test_a_success_is_not_overlooked(bench_script: Bench, tmp_path: Path) -> None:
    bench = bench_script("breaking_proofs")
    attack = bench_script("attack").Attack("a way in", lambda folder: (True, "equi|valent\n!"))
    row = bench.tried(attack)
    assert row.fooled
    assert "| a way in | equi\\|valent ! | YES |" in bench.table([row])
