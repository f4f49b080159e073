"""The blocks of code of a Markdown page: indented by four blanks, or between fences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

PROGRAMS = frozenset(
    "wearkit make python python3 pip cc npm cmake bash sudo apt-get git ruff mypy eval".split()
)
_MARKER = re.compile(r"<!-- not run: (.+) -->")


@dataclass(frozen=True)
class Block:
    """line: of its first line, from 1. language: behind the fence. reason: why its commands are not
    run, as a comment before the block says, or ""."""

    page: str
    line: int
    text: str
    language: str
    reason: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def lines(self) -> list[str]:
        """Whole commands: continued lines joined, without empty ones."""
        joined = re.sub(r"\s*\\\n\s*", " ", self.text)
        return [line.strip() for line in joined.split("\n") if line.strip()]

    @property
    def is_commands(self) -> bool:
        words = {line.split(" ", 1)[0] for line in self.lines}
        return self.language in ("sh", "bash", "console") or bool(words & PROGRAMS)

    @property
    def is_python(self) -> bool:
        opens = re.match(r"(import|from) \w", self.text) is not None
        return self.language == "python" or (not self.language and opens)

    @property
    def wearkit_lines(self) -> list[str]:
        return [line for line in self.lines if line.startswith("wearkit ")]


def blocks(page: str, text: str) -> Iterator[Block]:
    """Every block of code, in order."""
    lines = text.split("\n")
    at, reason = 0, ""
    while at < len(lines):
        line = lines[at]
        if line.startswith("```"):
            end = lines.index("```", at + 1)
            yield Block(page, at + 2, "\n".join(lines[at + 1 : end]), line[3:].strip(), reason)
            at, reason = end + 1, ""
        elif line.startswith("    ") and (at == 0 or not lines[at - 1]):
            end = _end_of_indented(lines, at)
            body = "\n".join(inside[4:] for inside in lines[at:end]).rstrip()
            yield Block(page, at + 1, body, "", reason)
            at, reason = end, ""
        else:
            if line:
                marker = _MARKER.fullmatch(line)
                reason = marker[1] if marker else ""
            at += 1


def _end_of_indented(lines: list[str], start: int) -> int:
    end = start
    while end < len(lines) and (lines[end].startswith("    ") or not lines[end]):
        end += 1
    return end


def inline_commands(text: str) -> Iterator[str]:
    """`wearkit ...` between back ticks in running text."""
    for code in re.findall(r"(?<!`)`(wearkit [^`]+)`(?!`)", text):
        yield " ".join(code.split())
