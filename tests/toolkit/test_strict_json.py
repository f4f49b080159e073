"""What Python's own reader takes and no file of ours holds is refused."""

from __future__ import annotations

import json

import pytest

from wearkit.files.strict_json import parse_json


def test_plain_values_pass_as_python_reads_them() -> None:
    text = json.dumps({"a": [1, -2.5, None, True, "é\n\U0001f600"], "b": {"c": 2**64}})
    assert parse_json(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": NaN}',
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b"[" + b"1" * 400 + b"]",
        b'{"a": 1, "a": 2}',
        b'["\\ud800"]',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe[\x001\x00]\x00",
        b"[1] 2",
        b"",
    ],
    ids=lambda data: repr(data[:20]),
)
def test_everything_else_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(data)
