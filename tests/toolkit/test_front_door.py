"""import wearkit: a lazy door, typed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import wearkit


def test_the_typed_and_the_lazy_list_hold_the_same_names() -> None:
    tree = ast.parse(Path(wearkit.__file__).read_text("utf-8"))
    typed = {
        (str(node.module), alias.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    lazy = {(f"wearkit.{module}", name) for name, module in wearkit._HOMES.items()}
    assert typed == lazy
    assert set(wearkit.__all__) == {"__version__", *wearkit._HOMES}


def test_every_name_is_there_and_listed() -> None:
    for name in wearkit.__all__:
        assert getattr(wearkit, name) is not None
    assert set(wearkit.__all__) <= set(dir(wearkit))
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        wearkit.trian  # noqa: B018


def test_the_door_imports_nothing_until_it_is_asked() -> None:
    program = (
        "import json, sys, wearkit; dir(wearkit); before = list(sys.modules); "
        "wearkit.WindowSpec; print(json.dumps([before, list(sys.modules)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    before, after = (
        {name.partition(".")[0] for name in names} for names in json.loads(done.stdout)
    )
    heavy = {"numpy", "torch", "onnx", "click", "rich", "wearkit_export", "matplotlib"}
    assert not before & heavy
    assert not after & heavy  # a specification is plain data


def test_no_package_hides_a_verb() -> None:
    packages = {path.parent.name for path in Path(wearkit.__file__).parent.glob("*/__init__.py")}
    assert not packages & set(wearkit.__all__)
