"""The messages that docs/troubleshooting.md quotes are those of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest


def messages(source: str) -> Iterator[str]:
    """Every string of a module, what an f-string puts in written as a zero byte."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)
            yield "".join(str(part) for part in parts)


def quoted(page: str) -> list[str]:
    """Sentences between back ticks in the first column; commands, options and codes are none."""
    firsts = [line.split("|")[1] for line in page.split("\n") if line.startswith("| ")]
    codes = re.findall(r"`([^`]+)`", "\n".join(firsts))
    return [code for code in codes if " " in code and not code.startswith(("wearkit ", "-"))]


def is_said(sentence: str, said: str) -> bool:
    """Whether the fixed pieces of a quoted sentence are in the code's strings."""
    pieces = re.split(r"\.\.\.|\b\d+\b|\bwearkit\[\w+\]|\btorch\b", sentence)
    return all(piece.strip(" :'") in said for piece in pieces)


@pytest.fixture(scope="module")
def said(repository: Path) -> str:
    paths = [path for root in ("toolkit", "export") for path in (repository / root).rglob("*.py")]
    return "\n".join(text for path in paths for text in messages(path.read_text(encoding="utf-8")))


def test_every_message_that_is_quoted_is_in_the_code(repository: Path, said: str) -> None:
    sentences = quoted((repository / "docs" / "troubleshooting.md").read_text(encoding="utf-8"))
    assert len(sentences) > 10
    assert [sentence for sentence in sentences if not is_said(sentence, said)] == []


def test_a_message_that_nobody_says_is_seen(said: str) -> None:
    page = "| `There is no such sentence` | `wearkit train` | x |\n| `holds no usable row` | | |"
    assert quoted(page) == ["There is no such sentence", "holds no usable row"]
    assert [is_said(sentence, said) for sentence in quoted(page)] == [False, True]
