"""metrics.json is untrusted: reports and cards take figures from it without a second look."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from wearkit.errors import ModelFileError
from wearkit.training.metrics_file import DataMetrics, read_metrics

_PART = {"windows": 2, "subjects": ["anna"]}
GOOD: dict[str, Any] = {
    "format_version": 1,
    "split": {
        **{"kind": "subject", "fold": 0, "folds": 5, "seed": 0, "leak_share": 0.0},
        **{"train": _PART, "val": _PART, "test": _PART},
    },
    "data": {"rejected_windows": {"no label": 3}, "dropped_rows": {}},
}


def refusal(path: Path, value: Any) -> str:
    path.write_text(json.dumps(value))
    with pytest.raises(ModelFileError) as caught:
        read_metrics(path)
    return str(caught.value)


def test_what_runs_hold_is_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(GOOD))
    made = read_metrics(path).to_json()
    assert made["split"] == {**GOOD["split"], "shared_subjects": [], "copied_share": 0.0}
    assert GOOD["data"].items() <= made["data"].items()
    older = {key: value for key, value in GOOD.items() if key != "data"}
    path.write_text(json.dumps(older))
    assert read_metrics(path).to_json()["split"] == made["split"]
    assert read_metrics(path).data == DataMetrics()


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        (("split",), [1]),
        (("split", "fold"), "0"),
        (("split", "seed"), True),
        (("split", "leak_share"), "none"),
        (("split", "leak_share"), 2),
        (("split", "kind"), None),
        (("split", "shared_subjects"), [1]),
        (("split", "test"), []),
        (("split", "test", "subjects"), {"anna": 1}),
        (("split", "val", "windows"), "x"),
        (("data",), [["a", "b"]]),
        (("data", "rejected_windows"), {"no label": "many"}),
        (("data", "dropped_rows"), [1]),
    ],
)
def test_a_part_of_another_type_is_named(
    tmp_path: Path, where: tuple[str, ...], wrong: object
) -> None:
    value = copy.deepcopy(GOOD)
    holder = value
    for key in where[:-1]:
        holder = holder[key]
    holder[where[-1]] = wrong
    assert f"see {where[0]}" in refusal(tmp_path / "metrics.json", value)


def test_no_number_is_infinite(tmp_path: Path) -> None:
    value = copy.deepcopy(GOOD)
    value["split"]["leak_share"] = float("inf")
    assert "not JSON" in refusal(tmp_path / "metrics.json", value)
