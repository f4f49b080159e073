"""docs/bundle.md names every file of a bundle and every key in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wearkit.bundle.bundle import FILES, MANIFEST, OPTIONAL

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "bundle.md").read_text(encoding="utf-8")
NAMED = {word for code in re.findall(r"`([^`]+)`", PAGE) for word in re.split(r"[\s,]+", code)}
# What these hold is keyed by task, file or kind of kernel, or stands in the run's metrics too.
MAPS_OF_ROWS = {"outputs", "files", "tasks"}
NOT_OURS = {"labels", "file_bytes", "argmax_flips", "arena_bytes", "split", "fp32", "int8"}


def keys(value: Any) -> Iterator[str]:
    """Every key at any depth that the page has to explain."""
    if isinstance(value, list):
        for item in value:
            yield from keys(item)
    elif isinstance(value, dict):
        for key, inside in value.items():
            yield key
            if isinstance(inside, dict) and key in MAPS_OF_ROWS:
                yield from keys(list(inside.values()))
            elif isinstance(inside, list) or key not in NOT_OURS:
                yield from keys(inside)


@pytest.mark.parametrize("name", [MANIFEST, "graph.json", "report.json"])
def test_the_page_names_every_key(micro_bundle: Path, name: str) -> None:
    written = set(keys(json.loads((micro_bundle / name).read_text(encoding="utf-8"))))
    assert len(written) > 10
    assert sorted(written - NAMED) == []


def test_the_page_names_every_file_and_array(micro_bundle: Path) -> None:
    assert {*FILES, *OPTIONAL, MANIFEST} - NAMED == set()
    with np.load(micro_bundle / "golden.npz") as arrays:
        names = {re.sub("logits_.*_int8", "logits_TASK_int8", name) for name in arrays.files}
    assert names - NAMED == set()


def test_the_page_names_every_kind_of_operation() -> None:
    source = (REPOSITORY / "toolkit/wearkit/integer/graph_file.py").read_text(encoding="utf-8")
    kinds = set(re.findall(r'^    "(\w+)": [A-Z]\w+,$', source, re.MULTILINE))
    assert len(kinds) == 9
    assert kinds - NAMED == set()


def test_a_key_that_the_page_does_not_name_is_seen() -> None:
    assert set(keys({"files": {"a.md": {"md5": 0}}, "ops": [{"kind": 1}]})) - NAMED == {"md5"}
