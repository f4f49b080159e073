"""The closed list of conditions that decide a certificate. Nothing else does.

The names, counts and words here, in limits.py and in page.py are part of the format: a check writes
them again. To change one is to begin a new format version, and to keep these for the older one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EQUIVALENT, DIFFERENT, NOTHING = "equivalent", "different", "nothing compared"
INCOMPLETE = "incomplete"

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Rule:
    """counts: names of what it looks at, each a whole number. holds: decides by them alone.
    short: what a headline says where it does not hold, from the counts.
    """

    sentence: str
    counts: tuple[str, ...]
    holds: Callable[[Counts], bool]
    short: Callable[[Counts], str]


def _words(counts: Counts, names: Mapping[str, str]) -> str:
    """'2 unanswered, 1 never sent', of those that are not 0."""
    return ", ".join(f"{counts[name]} {words}" for name, words in names.items() if counts[name])


_NOT_DUE = {
    "unanswered": "unanswered",
    "without_samples": "without all samples on the host",
    "unsent": "never sent",
    "answers_without_window": "answers that belong to no window",
    "refused": "answers of another model",
}

_ONE = {"devices": "devices", "boots": "boots", "runs": "runs of samples"}

RULES: dict[str, Rule] = {
    "compared": Rule(
        "At least one window was compared.",
        ("compared",),
        lambda n: n["compared"] > 0,
        lambda n: "nothing was compared",
    ),
    "equal": Rule(
        "Every compared window is equal, and the device gave one answer to each.",
        ("compared", "equal", "differing", "contradicted"),
        lambda n: n["compared"] == n["equal"] and not n["differing"] + n["contradicted"],
        lambda n: _words(n, {"contradicted": "windows answered in two ways"}),
    ),
    "one_device": Rule(
        "One device answered: one uid and firmware, one boot, one run of samples.",
        ("devices", "boots", "runs"),
        lambda n: (n["devices"], n["boots"], n["runs"]) == (1, 1, 1),
        lambda n: ", ".join(f"{n[name]} {words}" for name, words in _ONE.items() if n[name] != 1),
    ),
    "right_model": Rule(
        "Every HELLO and every PREDICTION names the bundle's model.",
        ("hellos", "hellos_of_another", "predictions", "predictions_of_another", "any_model"),
        lambda n: n["hellos"] > 0 and not n["hellos_of_another"] + n["predictions_of_another"],
        lambda n: "the device names another model" + (" (--any-model)" if n["any_model"] else ""),
    ),
    "same_input": Rule(
        "Every HELLO has the bundle's rate, windows, input and classes, and an ADXL345's counts.",
        ("hellos", "hellos_of_another"),
        lambda n: n["hellos"] > 0 and not n["hellos_of_another"],
        lambda n: "the device has another rate, other windows, input or classes",
    ),
    "all_due": Rule(
        "Every window that was due was compared.",
        ("due", "compared", *_NOT_DUE),
        lambda n: n["due"] == n["compared"] and not any(n[name] for name in _NOT_DUE),
        lambda n: _words(n, _NOT_DUE),
    ),
    "requested": Rule(
        "All that was asked for was compared: the number of windows, or the whole test set.",
        ("windows", "compared", "golden_in_bundle", "golden_compared", "is_finished"),
        lambda n: bool(n["is_finished"]) and n["compared"] >= n["windows"],
        lambda n: "it was ended before all windows were compared",
    ),
    "no_error": Rule(
        "The session ended without an error.",
        ("errors",),
        lambda n: not n["errors"],
        lambda n: "the session ended with an error",
    ),
    "listed": Rule(
        "Every compared window stands in the list of windows.",
        ("compared", "listed"),
        lambda n: n["compared"] == n["listed"],
        lambda n: f"{n['compared'] - n['listed']} windows are not listed",
    ),
    "sums": Rule(
        "All sums add up.",
        ("sums", "wrong"),
        lambda n: n["sums"] > 0 and not n["wrong"],
        lambda n: f"{n['wrong']} sums do not add up",
    ),
}
"""In the order in which they stand in every certificate."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One of RULES and what it counted."""

    name: str
    counts: Counts

    @property
    def holds(self) -> bool:
        return RULES[self.name].holds(self.counts)

    @property
    def sentence(self) -> str:
        return RULES[self.name].sentence

    @property
    def short(self) -> str:
        """Why not, in a few words; empty where it holds or the numbers before it say so."""
        return "" if self.holds else RULES[self.name].short(self.counts)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "holds": self.holds, "counts": dict(self.counts)}


def conditions(counts: Mapping[str, Counts]) -> tuple[Condition, ...]:
    """All of them. counts: by name of the condition, exactly what its rule looks at.

    Raises ValueError when one is missing, too many, or no whole number of 0 or more.
    """
    if list(counts) != list(RULES):
        raise ValueError(f"the conditions are {', '.join(RULES)}")
    for name, rule in RULES.items():
        if tuple(counts[name]) != rule.counts:
            raise ValueError(f"{name} counts {', '.join(rule.counts)}")
        if any(type(value) is not int or value < 0 for value in counts[name].values()):
            raise ValueError(f"{name} holds a number that is no count")
    return tuple(Condition(name, counts[name]) for name in RULES)


def result_of(conditions: Sequence[Condition]) -> str:
    """EQUIVALENT only when all hold."""
    by_name = {condition.name: condition for condition in conditions}
    equal = by_name["equal"].counts
    if equal["differing"] or equal["contradicted"]:
        return DIFFERENT
    if not by_name["compared"].holds:
        return NOTHING
    return EQUIVALENT if all(condition.holds for condition in conditions) else INCOMPLETE


def headline(conditions: Sequence[Condition], *, is_replay: bool) -> str:
    """The result and what it stands on, on one line."""
    by_name = {condition.name: condition.counts for condition in conditions}
    equal, wanted, due = by_name["equal"], by_name["requested"], by_name["all_due"]
    whole = f" of {due['due']}" if due["due"] != due["compared"] else ""
    how = "replayed and compared" if is_replay else "compared"
    golden = wanted["golden_in_bundle"]
    part = f" ({wanted['golden_compared']} of {golden} golden ones)" if is_replay and golden else ""
    numbers = f"{equal['compared']}{whole} windows {how}{part}, {equal['differing']} differ"
    reasons = [condition.short for condition in conditions if condition.short]
    return "; ".join([f"{result_of(conditions)}: {numbers}", *reasons])
