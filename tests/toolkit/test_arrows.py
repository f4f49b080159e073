"""The house has floors: which package may import which is a table, and nothing else is allowed."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

# package -> the packages it may import; the modules at a root (errors, spec, ...) are open to all.
# Read from the top it is the story: what stands lower never imports what stands higher.
TOOLKIT = {
    "files": "",
    "recordings": "",
    "windows": "recordings files",
    "model": "files",
    "training": "windows model files",
    "integer": "files",
    "bundle": "integer files",
    "link": "",
    "capture": "link files",
    "verification": "bundle integer link windows recordings files",
    "live": "verification capture bundle integer link",
    "simulation": "link windows recordings",
    "evaluation": "training model windows recordings files",
    "api": "evaluation live verification training bundle link model windows",
    "cli": "api evaluation simulation live verification capture training bundle integer link model "
    "windows recordings files",
}
EXPORT = {
    "quantization": "",
    "formats": "quantization",
    "import_tflite": "",
    "c": "",
    "targets": "",
    "bundle": "quantization formats import_tflite c targets",
    "device": "c targets",
    "emulate": "device targets",
    "profile": "c targets",
}
# For annotations alone: metrics.json is written by training, from scores that others computed.
TYPES_ONLY = {("training", "evaluation")}
MODULES_MAX = 14  # of a package, beside its __init__; more, and it wants to be two
ROOT_MODULES_MAX = 7

HOUSES = [("toolkit/wearkit", TOOLKIT), ("export/wearkit_export", EXPORT)]
house = pytest.mark.parametrize(("folder", "table"), HOUSES, ids=["toolkit", "export"])


def imported(path: Path, *, types: bool = True) -> Iterator[tuple[str, str]]:
    """(module, name) of every import, inside functions too. types: those that only a type checker
    follows, too."""
    pending: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while pending:
        node = pending.pop()
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)) or types:
            pending += ast.iter_child_nodes(node)
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                yield node.module, alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ""


def arrows(root: Path, *, types: bool = True) -> dict[tuple[str, str], set[str]]:
    """(package, package it imports) -> the files that do; modules at the root are left out."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in root.rglob("*.py"):
        inside = path.relative_to(root)
        for module, name in imported(path, types=types):
            parts = f"{module}.{name}".split(".")
            if (
                parts[0] != root.name
                or not parts[1]
                or not (root / parts[1] / "__init__.py").is_file()
            ):
                continue
            if len(inside.parts) > 1 and parts[1] != inside.parts[0]:
                found[inside.parts[0], parts[1]].add(str(inside))
    return found


@house
def test_every_import_is_in_the_table(repository: Path, folder: str, table: dict[str, str]) -> None:
    drawn = arrows(repository / folder)
    assert len(drawn) > 10
    foreign = {
        f"{package} -> {target}": sorted(files)
        for (package, target), files in drawn.items()
        if target not in table[package].split() and (package, target) not in TYPES_ONLY
    }
    assert foreign == {}
    assert not TYPES_ONLY & set(arrows(repository / folder, types=False))


@house
def test_the_table_has_floors(repository: Path, folder: str, table: dict[str, str]) -> None:
    """Each package stands above all it imports, so that there is no circle."""
    floor = {package: number for number, package in enumerate(table)}
    upward = [
        (package, target)
        for package, targets in table.items()
        for target in targets.split()
        if floor[target] >= floor[package]
    ]
    assert upward == []


@house
def test_the_table_allows_nothing_that_nobody_needs(
    repository: Path, folder: str, table: dict[str, str]
) -> None:
    allowed = {(package, target) for package, row in table.items() for target in row.split()}
    assert allowed == set(arrows(repository / folder)) - TYPES_ONLY


@house
def test_packages_stay_small(repository: Path, folder: str, table: dict[str, str]) -> None:
    root = repository / folder
    packages = {path.parent for path in root.rglob("*.py")} - {root}
    sizes = {
        str(package.relative_to(root)): len(set(package.glob("*.py")) - {package / "__init__.py"})
        for package in packages
    }
    assert set(table) == {name.split("/")[0] for name in sizes}
    assert {name: size for name, size in sizes.items() if size > MODULES_MAX} == {}
    assert len(list(root.glob("*.py"))) <= ROOT_MODULES_MAX


@house
def test_every_package_says_what_it_is(
    repository: Path, folder: str, table: dict[str, str]
) -> None:
    root = repository / folder
    for package in {path.parent for path in root.rglob("*.py")}:
        assert ast.get_docstring(ast.parse((package / "__init__.py").read_text("utf-8"))), package


def test_the_toolkit_imports_the_exporter_only_at_the_front(repository: Path) -> None:
    """The one arrow: wearkit_export -> wearkit. The front door and the commands ask for the
    exporter inside their functions."""
    root = repository / "toolkit/wearkit"
    users = {
        path.relative_to(root).parts[0]
        for path in root.rglob("*.py")
        if any(module.split(".")[0] == "wearkit_export" for module, _ in imported(path))
    }
    assert users <= {"api", "cli"}
