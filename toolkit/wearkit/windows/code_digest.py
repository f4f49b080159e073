"""Which code made a result: a digest of a module and of everything of wearkit it imports."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

import wearkit

_IMPORT = re.compile(r"^\s*(?:from|import) wearkit\.([\w.]+)", re.MULTILINE)


@cache
def code_sha256(module: str) -> str:
    """Over the source text of `module` (a name below wearkit). Raises OSError without source."""
    digest = hashlib.sha256()
    for name, text in sorted(code_of(module).items()):
        digest.update(hashlib.sha256(name.encode()).digest())
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()


def code_of(module: str) -> dict[str, str]:
    """Module -> source text, for `module` and what it imports; of a package, all it holds."""
    found: dict[str, str] = {}
    pending = [module]
    while pending:
        name = pending.pop()
        if name not in found:
            inside, found[name] = _source(name)
            pending += inside
            pending += _IMPORT.findall(found[name])
    return found


def _source(name: str) -> tuple[list[str], str]:
    """The modules inside a package (none of a module), and its source text."""
    path = Path(wearkit.__file__).parent.joinpath(*name.split("."))
    if not path.is_dir():
        return [], path.with_suffix(".py").read_text("utf-8")
    inside = [f"{name}.{file.stem}" for file in path.glob("*.py") if file.stem != "__init__"]
    return inside, (path / "__init__.py").read_text("utf-8")
