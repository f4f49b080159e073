"""The words of a certificate belong to its format version: whoever checks one writes them again, so
that a later wearkit with other words would call every older certificate changed."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from wearkit.verification.certificate.certificate import FORMAT_VERSION
from wearkit.verification.certificate.conditions import RULES, conditions, headline, result_of
from wearkit.verification.certificate.limits import not_proved
from wearkit.verification.certificate.page import page_of

# Version -> SHA-256 of all its words. A changed word wants a new version, not a new digest here.
WORDS = {2: "4cb4f585e21a6776ea536822b78cc4a96b8081c925b1167745e4b5dfcae1df1a"}


def made_up(counts: Mapping[str, Mapping[str, int]], *, is_replay: bool) -> dict[str, Any]:
    """All that a page is written from."""
    decided = conditions(counts)
    return {
        "result": result_of(decided),
        "headline": headline(decided, is_replay=is_replay),
        "conditions": [condition.to_json() for condition in decided],
        "does_not_prove": not_proved(decided, is_replay=is_replay),
        "replayed": "5 golden windows of the bundle" if is_replay else None,
        "simulated": not is_replay,
        "windows_compared": 3,
        "windows_differing": 1,
        "logits_compared": 6,
        "first_difference": {"sentence": "Window at sample 60: 1 of 2 logits differ."},
        "error": "It went away.",
        "digest_sha256": "ab" * 32,
        "model_id": "cd" * 32,
        "rounding": "tflm",
        "port": "/dev/x|y",
        "wearkit": "0.0.0",
        "device": {"uid": "00" * 8, "firmware": "1.2.3", "model_id": "cd" * 8},
        "signature": {"public_key": "ef" * 32} if is_replay else None,
        "measured_rate": {"rate_hz": 50.0, "error_hz": 0.125, "source": "device"},
        "tasks": {"side": ["left", "right_<b>"]},
        "classes": {"side": {"left": 3}},
        "faults": {"GAP": 1} if is_replay else {},
        "sums": [{"what": "a = b", "whole": 1, "parts": 1}],
    }


def test_the_words_are_those_of_the_version() -> None:
    words: list[str] = []
    for value in (0, 1, 2):  # nothing holds, as much as can holds, other things do not
        counts = {name: dict.fromkeys(rule.counts, value) for name, rule in RULES.items()}
        for is_replay in (False, True):
            certificate = made_up(counts, is_replay=is_replay)
            words += [json.dumps(certificate), page_of(certificate)]
    digest = hashlib.sha256("\n".join(words).encode()).hexdigest()
    assert digest == WORDS[FORMAT_VERSION]
