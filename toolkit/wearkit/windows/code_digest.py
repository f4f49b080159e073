"""Which code made a result: a digest of a module and of everything of wearkit it imports."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import wearkit

_ROOT = Path(wearkit.__file__).parent
_PREFIX = "wearkit."


@cache
def code_sha256(module: str) -> str:
    """Over the source text of `module` (a name below wearkit). Raises OSError without source."""
    digest = hashlib.sha256()
    for name, text in sorted(code_of(module).items()):
        digest.update(hashlib.sha256(name.encode()).digest())
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()


def code_of(module: str) -> dict[str, str]:
    """Module -> source text, for `module`, what it imports, and the packages they stand in."""
    texts: dict[str, str] = {}
    pending = [module]
    while pending:
        name = pending.pop()
        if name not in texts:
            texts[name] = _file(name).read_text("utf-8")
            pending += _packages_of(name)
            pending += _imported(texts[name])
    return texts


def _packages_of(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]


def _imported(text: str) -> Iterator[str]:
    """The modules of wearkit that a source text names, inside functions too. `from package import
    name` is a module where there is such a file, else something that the package itself holds."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [node.module, *filter(_is_module, inner)]
        else:
            continue
        yield from (name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX))


def _is_module(name: str) -> bool:
    return name.startswith(_PREFIX) and _file(name.removeprefix(_PREFIX)).is_file()


def _file(name: str) -> Path:
    path = _ROOT.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
