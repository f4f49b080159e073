"""What comments, docstrings and documents name is there: files, tests, sections of documents."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SUFFIXES = "py|c|h|cpp|ino|S|ld|mjs|cmake|sh|toml|md|json"
_FILE = re.compile(rf"(?<![\w./<>*{{}}-])(?:[\w.-]+/)*\w[\w-]*\.(?:{SUFFIXES})\b(?!\.?\w)")
_SECTION = re.compile(r"(docs/[\w-]+\.md),? section (\d+)")
_HEADING = re.compile(r"(docs/[\w-]+\.md), (\w+)\)")
_LINK = re.compile(r"\]\(([\w./-]+)\)")
_C_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_HASH_COMMENT = re.compile(r"#[^\n]*")
# Their files keep their places, so that a path into them is one; a module may move.
FIXED = ("docs/", "examples/", "firmware/", "tests/")
# Of compilers, libraries and boards' build systems.
FOREIGN = {"WString.cpp", "idf.py", "malloc.h", "math.h"}


@dataclass(frozen=True)
class Tree:
    """paths: of every tracked file. written: names that the product gives files it writes."""

    root: Path
    paths: frozenset[str]
    written: frozenset[str]

    def has(self, name: str) -> bool:
        file = name.rsplit("/", 1)[-1]
        if name.startswith(FIXED):
            return name in self.paths
        is_here = any(path.rsplit("/", 1)[-1] == file for path in self.paths)
        return is_here or file in FOREIGN or file in self.written

    def stale(self, text: str) -> list[str]:
        """What a comment or a document names and nobody has."""
        missing = [name for name in _FILE.findall(text) if not self.has(name)]
        sections = [(document, rf"{number}\.") for document, number in _SECTION.findall(text)]
        sections += [(document, rf".*\b{word}\b") for document, word in _HEADING.findall(text)]
        for document, title in sections:
            if document in self.paths and not self._has_heading(document, title):
                missing.append(f"a section {title} of {document}")
        return missing

    def _has_heading(self, document: str, title: str) -> bool:
        text = (self.root / document).read_text(encoding="utf-8")
        return bool(re.search(rf"^#+ {title}", text, re.MULTILINE | re.IGNORECASE))


def python_prose(source: str) -> str:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    strings = [
        node.value.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    return "\n".join([*comments, *strings])


def prose(path: str, source: str) -> str:
    """What a file says to people."""
    if path.endswith(".md"):
        return source
    if path.endswith(".py"):
        return python_prose(source)
    is_c = re.search(r"\.(c|h|cpp|S|ld|in|mjs|ino)$", path)
    return "\n".join((_C_COMMENT if is_c else _HASH_COMMENT).findall(source))


def written_names(sources: Iterator[str]) -> frozenset[str]:
    """File names that stand as a whole string in code, docstrings left out."""
    names: set[str] = set()
    for source in sources:
        tree = ast.parse(source)
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        names |= {
            node.value.rsplit("/", 1)[-1]
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in said
        }
    return frozenset(names)


@pytest.fixture(scope="module")
def tree(repository: Path) -> Tree:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=repository, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    paths = frozenset(path for path in listed if path and (repository / path).is_file())
    code = [path for path in paths if re.match(r"(toolkit|export)/.*\.py$", path)]
    return Tree(
        repository,
        paths,
        written_names((repository / path).read_text(encoding="utf-8") for path in code),
    )


def readable(tree: Tree) -> Iterator[tuple[str, str]]:
    for path in sorted(tree.paths):
        if re.match(r"(toolkit|export|firmware)/|docs/[\w-]+\.md$|README\.md$", path):
            yield path, prose(path, (tree.root / path).read_text(encoding="utf-8"))


def test_every_file_and_section_that_is_named_is_there(tree: Tree) -> None:
    stale = {path: names for path, text in readable(tree) if (names := tree.stale(text))}
    assert stale == {}


def test_every_link_of_a_document_leads_somewhere(tree: Tree) -> None:
    checked = 0
    for path in sorted(tree.paths):
        if path.endswith(".md"):
            folder = (tree.root / path).parent
            for link in _LINK.findall((tree.root / path).read_text(encoding="utf-8")):
                assert (folder / link).exists(), f"{path} links to {link}"
                checked += 1
    assert checked > 20


@pytest.mark.parametrize(
    "sentence",
    [
        "compared in tests/parity/test_no_such.py",
        "see wk_no_such.h for why",
        "(docs/no_such.md)",
        "as no_such_module.py does",
        "docs/design.md section 99 says so",
        "why is said elsewhere (docs/design.md, training)",
        "tests/live/test_pointers.py, which is elsewhere",
    ],
)
def test_a_pointer_to_nothing_is_seen(tree: Tree, sentence: str) -> None:
    assert len(tree.stale(sentence)) == 1
    assert tree.stale("docs/design.md section 4, link/frame.py, manifest.json, idf.py") == []


def test_code_is_not_read_as_prose() -> None:
    source = '"""named.py"""\nwritten = "no_such.py"  # also_named.py\n'
    assert _FILE.findall(prose("a.py", source)) == ["also_named.py", "named.py"]
    assert _FILE.findall(prose("a.c", '#include "no_such.h"\n/* see named.h */\n')) == ["named.h"]
    assert written_names(iter([source])) == {"no_such.py"}
