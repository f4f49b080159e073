"""Date-times in place of seconds in the time column: 2024-05-06 07:08:09.010, as ISO 8601 has them.

A blank or a T between date and time, seconds with up to nine digits behind the point (six are
used), then nothing (local time, taken as it stands) or Z or +hh:mm. Clocks that were set back by
an hour begin a new recording, as any step back in time does.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)


def is_date_time(text: str) -> bool:
    """Whether a time field is a date-time that `in_seconds` reads."""
    return _seconds(text) is not None


def in_seconds(lines: list[str]) -> list[str]:
    """The lines with their first field in seconds since 1970, where it is a date-time; lines
    whose first field is not stay as they are, for whoever parses them to refuse."""
    return [_line_in_seconds(line) for line in lines]


def _line_in_seconds(line: str) -> str:
    field, comma, rest = line.partition(",")
    seconds = _seconds(field)
    return line if seconds is None else f"{seconds:.6f}{comma}{rest}"


def _seconds(field: str) -> float | None:
    text = field.strip(' \t"')
    if _DATE_TIME.fullmatch(text) is None:
        return None
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:  # the 31st of February
        return None
    epoch = _EPOCH if stamp.tzinfo is None else _EPOCH_UTC
    return (stamp - epoch).total_seconds()
