"""Generated C under names of its own, so that two models link into one program.

Everything that is called wk_, WK_ or lies in wk/ gets the prefix instead: functions, types, macros,
kernels, files and what includes them. Kernels are not shared, because each model's are compiled for
its own rounding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from wearkit.errors import DataError

PREFIX = "wk"
"""What names begin with when nobody asks for anything else."""

PREFIX_LENGTH_MAX = 32

_GRAMMAR = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_KEPT = ("WK_FORCE_PLAIN",)  # said to the compiler, of all models at once
_NAME = re.compile(r"\b(wk|WK)_(\w+)")
_FOLDER = re.compile(r'(#include ")wk/')
# In the file that binds a model to the firmware, which keeps its names.
_MODEL_NAME = re.compile(
    r"\b(wk|WK)_(model\w*|device_model\w*|DEVICE_\w+|ARENA_BYTES|OUTPUT_LEN|STREAM_\w+)"
)


def check_prefix(prefix: str) -> None:
    """Raises DataError unless a C name may begin with it and no name of wearkit's does."""
    if len(prefix) > PREFIX_LENGTH_MAX or not _GRAMMAR.fullmatch(prefix) or _is_ours(prefix):
        raise DataError(
            f"{prefix[:40]!r} cannot begin names in C: take up to {PREFIX_LENGTH_MAX} small "
            "letters, digits and single underscores, a letter first, and not wk."
        )


def prefixed(files: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Files of emit_c, path -> text, renamed inside and out. Raises DataError as check_prefix."""
    check_prefix(prefix)
    return {prefixed_path(name, prefix): _text(text, prefix) for name, text in files.items()}


def prefixed_binding(text: str, prefix: str) -> str:
    """wk_device_model.c or .h for a model that was renamed: its own names only."""
    check_prefix(prefix)
    return _MODEL_NAME.sub(lambda match: _name(match, prefix), text)


def prefixed_path(name: str, prefix: str) -> str:
    """The path of a generated file under its new name."""
    parts = (
        prefix if part == PREFIX else re.sub(rf"^{PREFIX}_", f"{prefix}_", part)
        for part in name.split("/")
    )
    return "/".join(parts)


def _is_ours(prefix: str) -> bool:
    return prefix.split("_")[0] in (PREFIX, "wkharness", "wkruntime")


def _text(text: str, prefix: str) -> str:
    renamed = _NAME.sub(lambda match: _name(match, prefix), text)
    return _FOLDER.sub(rf"\g<1>{prefix}/", renamed)


def _name(match: re.Match[str], prefix: str) -> str:
    if match[0] in _KEPT:
        return match[0]
    return f"{prefix if match[1] == PREFIX else prefix.upper()}_{match[2]}"
