"""What a certificate does not prove, said in every one."""

from __future__ import annotations

from collections.abc import Sequence

from wearkit.verification.certificate.conditions import Condition


def not_proved(conditions: Sequence[Condition], *, is_replay: bool) -> list[str]:
    """One sentence each."""
    counts = {condition.name: condition.counts for condition in conditions}
    due, wanted = counts["all_due"], counts["requested"]
    missing = due["due"] - due["compared"]
    sentences = [
        "Who answered: the uid, the firmware's number and the model id are what the device says "
        "of itself, and the uid is the same on every board of some ports. Another program that "
        "knows the model could say the same.",
        "Other windows than the listed ones, and the same device at another time.",
        f"Windows that were due and not compared: {missing}.",
    ]
    if is_replay:
        left_out = wanted["golden_in_bundle"] - wanted["golden_compared"]
        sentences += [
            "What the sensor measures: its samples were not used.",
            "That the model was computed for the golden windows: their answers stand in the "
            "firmware, so that a table of them would pass. Windows of --data are not there.",
        ]
        if left_out:
            sentences.append(f"Golden windows that were not asked: {left_out}.")
    else:
        sentences.append("That the samples are what the sensor measured: the device sends both.")
    sentences.append(
        "That nobody changed this file: it holds only what anybody can write, unless it is signed "
        "and the signature is checked with a public key from elsewhere."
    )
    return sentences
