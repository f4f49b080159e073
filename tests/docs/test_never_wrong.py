"""docs/never-wrong.md names the tests that hold its promises: each is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs" / "never-wrong.md").read_text("utf-8")


def test_every_test_that_is_named_is_there(repository: Path, page: str) -> None:
    named = set(_NAMED.findall(page))
    assert len(named) > 50
    for file, name in sorted(named):
        tree = ast.parse((repository / file).read_text("utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name in functions, f"{file} has no {name}"


def test_every_row_names_a_test(page: str) -> None:
    rows = [line for line in page.splitlines() if line.startswith("| ") and "situation" not in line]
    assert len(rows) > 50
    assert [row for row in rows if not _NAMED.search(row)] == []
