"""metrics.json of a run, read as untrusted: what reports and cards take from it has its type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wearkit.errors import ModelFileError
from wearkit.files.limited import RUN_UNREADABLE, read_limited
from wearkit.files.strict_json import parse_json

METRICS_NAME = "metrics.json"
METRICS_VERSION = 1
PARTS = ("train", "val", "test")
_MAX_BYTES = 16 << 20


def read_metrics(path: Path) -> dict[str, Any]:
    """The content. Raises ModelFileError when it is missing, damaged or of another version."""
    try:
        value = parse_json(read_limited(path, _MAX_BYTES, RUN_UNREADABLE))
    except ValueError as error:
        raise ModelFileError(f"{path} is truncated or not JSON; train again.") from error
    if not isinstance(value, dict) or value.get("format_version") != METRICS_VERSION:
        raise ModelFileError(f"{path} is of another version; train again with this one.")
    wrong = _wrong(value)
    if wrong:
        raise ModelFileError(f"{path} is damaged: see {wrong}; train again.")
    return value


def _wrong(value: dict[str, Any]) -> str:
    """The first part that is not what `training.run.describe` writes; empty when all are."""
    split = value.get("split")
    if not isinstance(split, dict):
        return "split"
    for name in ("fold", "folds", "seed"):
        if type(split.get(name)) is not int:
            return f"split.{name}"
    share = split.get("leak_share")
    if not isinstance(share, (int, float)) or not 0 <= share <= 1:
        return "split.leak_share"
    if not isinstance(split.get("kind"), str) or not _are_names(split.get("shared_subjects", [])):
        return "split.kind"
    for name in PARTS:
        part = split.get(name)
        if not isinstance(part, dict) or not _are_names(part.get("subjects")):
            return f"split.{name}"
        if type(part.get("windows")) is not int:
            return f"split.{name}.windows"
    data = value.get("data", {})
    tallies = isinstance(data, dict) and all(
        _is_tally(data.get(name, {})) for name in ("rejected_windows", "dropped_rows")
    )
    return "" if tallies else "data"


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_tally(value: Any) -> bool:
    return isinstance(value, dict) and all(type(count) is int for count in value.values())
