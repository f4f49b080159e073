"""A name says what the thing is: words that fit everything are kept out, package by package."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_FILLERS = frozenset(
    "found said told heard one some what seen given made taken asked done".split(),
)
_CEILING = 0.01  # of a package's functions: a word may fit for once


def _packages() -> dict[str, list[Path]]:
    """Every package right under the two import roots, and the roots' own modules -> its files."""
    files: dict[str, list[Path]] = {}
    for root in (_ROOT / "toolkit" / "wearkit", _ROOT / "export" / "wearkit_export"):
        for path in sorted(root.rglob("*.py")):
            inside = path.relative_to(root).parts
            name = f"{root.name}/{inside[0]}" if len(inside) > 1 else root.name
            files.setdefault(name, []).append(path)
    return files


def _functions(source: str) -> list[tuple[str, set[str]]]:
    """Every function's name, and what it calls its parameters and variables."""
    return [
        (node.name, _own_names(node))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def _own_names(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Those of inner functions and comprehensions among them."""
    stored = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return stored | {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}


@pytest.mark.parametrize("package", sorted(_packages()))
def test_filler_names_stay_below_one_in_a_hundred(package: str) -> None:
    functions = [
        (path, name, fillers & _FILLERS)
        for path in _packages()[package]
        for name, fillers in _functions(path.read_text(encoding="utf-8"))
    ]
    filled = [
        f"{path.relative_to(_ROOT)}: {name}: {sorted(fillers)}"
        for path, name, fillers in functions
        if fillers
    ]
    assert len(filled) <= _CEILING * len(functions), "\n".join(filled)


def test_a_filler_is_seen_wherever_it_stands() -> None:
    source = """
def outer(found):
    def inner(*, told): ...
    with open(told) as said: ...
    return [one for one in found], lambda seen: seen
"""
    assert dict(_functions(source)) == {
        "outer": {"found", "told", "said", "one", "seen"},
        "inner": {"told"},
    }
