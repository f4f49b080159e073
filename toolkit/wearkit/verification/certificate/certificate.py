"""The equivalence certificate: what `wearkit live --verify` or `wearkit verify` proved, as JSON."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from wearkit import __version__
from wearkit.bundle.bundle import Bundle
from wearkit.errors import VerificationError
from wearkit.link.frames.from_device import Hello
from wearkit.link.ledger import Sum
from wearkit.link.rate import MeasuredRate
from wearkit.spec import ModelSpec
from wearkit.verification.certificate.conditions import (
    Condition,
    conditions,
    headline,
    result_of,
)
from wearkit.verification.certificate.limits import not_proved
from wearkit.verification.certificate.page import page_of
from wearkit.verification.certificate.signature import SigningKey
from wearkit.verification.requested import Requested
from wearkit.verification.verifier import Difference, Verifier, VerifyTally
from wearkit.verification.window_list import ENCODING, WindowList

FORMAT, FORMAT_VERSION = "wearkit-equivalence", 2


class SessionReport(Protocol):
    """LiveReport or ReplayReport, as far as a certificate needs it.

    replayed: what test set stood in the sensor's place; empty for the sensor itself.
    is_complete: False when a part of the test set was not compared.
    """

    @property
    def simulated(self) -> bool: ...

    @property
    def replayed(self) -> str: ...

    @property
    def is_complete(self) -> bool: ...

    @property
    def faults(self) -> Mapping[str, int]: ...

    @property
    def rate(self) -> MeasuredRate | None: ...

    def sums(self) -> list[Sum]: ...

    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Model:
    """The bundle a certificate is about. window: None for an imported one."""

    model_id: str
    rounding: str
    window: Mapping[str, Any] | None
    tasks: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, bundle: Bundle) -> Model:
        model = bundle.graph.model
        return cls(
            model_id=bundle.model_id,
            rounding=str(bundle.graph.rounding),
            window=model.window.to_json() if isinstance(model, ModelSpec) else None,
            tasks={task.name: task.labels for task in model.tasks},
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "model_id": self.model_id,
            "rounding": self.rounding,
            "window": None if self.window is None else dict(self.window),
            "tasks": {task: list(labels) for task, labels in self.tasks.items()},
        }


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answered, as DeviceIdentity counted it. boots: under which windows were compared."""

    devices: int = 1
    boots: int = 1
    hellos: int = 1
    hellos_of_another_model: int = 0
    hellos_of_another_input: int = 0
    predictions_of_another_model: int = 0
    any_model: bool = False


@dataclass(frozen=True, slots=True)
class Certificate:
    """report: of the ended session. error: what ended it, empty for a good end. requested: what
    was to be compared. sign_key: signs the JSON. Its sums add up, or there is none."""

    model: Model
    port: str
    created_unix_s: float
    hello: Hello | None
    report: SessionReport
    tally: VerifyTally
    compared: WindowList
    requested: Requested = field(default_factory=Requested)
    answering: Answering = field(default_factory=Answering)
    difference: Difference | None = None
    error: str = ""
    sign_key: SigningKey | None = None

    def __post_init__(self) -> None:
        for name, whole, parts in self.sums():
            if whole != parts:
                raise VerificationError(f"The certificate does not add up: {name}.")

    def __str__(self) -> str:
        """The result and how much it stands on, on one line."""
        return headline(self.conditions, is_replay=bool(self.report.replayed))

    @property
    def result(self) -> str:
        """equivalent, different or incomplete, as the conditions decide."""
        return result_of(self.conditions)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All of wearkit.verification.certificate.conditions, in their order."""
        tally, who, wanted = self.tally, self.answering, self.requested
        unsent = wanted.unsent(tally.windows)
        return conditions({
            "compared": {"compared": tally.compared},
            "equal": {
                "compared": tally.compared,
                "equal": tally.equal,
                "differing": tally.differing,
                "contradicted": tally.contradicted,
            },
            "one_device": {"devices": who.devices, "boots": who.boots, "runs": tally.runs},
            "right_model": {
                "hellos": who.hellos,
                "hellos_of_another": who.hellos_of_another_model,
                "predictions": tally.predictions,
                "predictions_of_another": who.predictions_of_another_model,
                "any_model": int(who.any_model),
            },
            "same_input": {
                "hellos": who.hellos,
                "hellos_of_another": who.hellos_of_another_input,
            },
            "all_due": {
                "due": tally.due + unsent,
                "compared": tally.compared,
                "unanswered": tally.windows_alone,
                "without_samples": tally.unsampled,
                "unsent": unsent,
                "answers_without_window": tally.predictions_alone,
                "refused": tally.refused,
            },
            "requested": {
                "windows": wanted.windows or 0,
                "compared": tally.compared,
                "golden_in_bundle": wanted.golden,
                "golden_compared": min(wanted.golden, tally.compared),
                "is_finished": int(self.report.is_complete),
            },
            "no_error": {"errors": int(bool(self.error))},
            "listed": {"compared": tally.compared, "listed": len(self.compared)},
            "sums": {"sums": len(self.sums()), "wrong": 0},
        })  # fmt: skip

    def sums(self) -> list[Sum]:
        """What must add up, as (name, left side, right side)."""
        tally = self.tally
        predictions = (
            tally.compared + tally.predictions_alone + tally.predictions_in_flight + tally.before
            + tally.repeated + tally.contradicted + tally.refused
        )  # fmt: skip
        return [
            *self.report.sums(),
            ("windows on the host = compared + unanswered + on their way", tally.windows,
             tally.compared + tally.windows_alone + tally.windows_in_flight),
            ("predictions = compared + without a window + on their way + begun before + repeated + "
             "contradicted + refused", tally.predictions, predictions),
            ("compared = equal + differing", tally.compared, tally.equal + tally.differing),
        ]  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Whole, and enough to write the page from (wearkit.verification.certificate.page)."""
        tally = self.tally
        rate = self.report.rate
        value = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "result": self.result,
            "headline": str(self),
            "wearkit": __version__,
            "created_unix_s": self.created_unix_s,
            **self.model.to_json(),
            "port": self.port,
            "simulated": self.report.simulated,
            "replayed": self.report.replayed or None,
            "device": None if self.hello is None else _device(self.hello),
            "measured_rate": None
            if rate is None
            else {"rate_hz": rate.rate_hz, "error_hz": rate.error_hz, "source": str(rate.source)},
            "conditions": [condition.to_json() for condition in self.conditions],
            "does_not_prove": not_proved(self.conditions, is_replay=bool(self.report.replayed)),
            "windows_compared": tally.compared,
            "windows_differing": tally.differing,
            "logits_compared": tally.values,
            "first_difference": None if self.difference is None else self.difference.to_json(),
            "error": self.error or None,
            "digest_sha256": self.compared.sha256,
            "classes": {
                task: dict(sorted(windows_by_label.items()))
                for task, windows_by_label in tally.classes.items()
            },
            "faults": dict(self.report.faults),
            "sums": [
                {"what": name, "whole": whole, "parts": parts} for name, whole, parts in self.sums()
            ],
            "session": self.report.to_json(),
            "window_list": {"encoding": ENCODING, "windows": self.compared.encoded()},
        }
        return value | {"signature": None if self.sign_key is None else self.sign_key.sign(value)}

    def to_markdown(self) -> str:
        """The page."""
        return page_of(self.to_json())


def certify(
    bundle: Bundle,
    port: str,
    hello: Hello | None,
    report: SessionReport,
    verifier: Verifier,
    *,
    requested: Requested | None = None,
    error: str = "",
    sign_key: SigningKey | None = None,
) -> Certificate:
    """The certificate of a session that has ended. error: what ended it, if it was no good end.
    sign_key: to sign it with.

    Raises VerificationError when its counters do not add up.
    """
    who = verifier.identity
    return Certificate(
        model=Model.of(bundle),
        port=port,
        created_unix_s=round(time.time(), 3),
        hello=hello,
        report=report,
        tally=verifier.tally,
        compared=verifier.compared,
        requested=requested or Requested(),
        answering=Answering(
            devices=who.devices,
            boots=len(who.windows_by_boot),
            hellos=who.hellos,
            hellos_of_another_model=who.hellos_of_another_model,
            hellos_of_another_input=who.hellos_of_another_input,
            predictions_of_another_model=who.predictions_of_another_model,
            any_model=who.any_model,
        ),
        difference=verifier.first_difference,
        error=error,
        sign_key=sign_key,
    )


def _device(hello: Hello) -> dict[str, Any]:
    return hello.to_json() | {
        "features": int(hello.features),
        "axes": hello.axes.text,
        "window": hello.window,
        "hop": hello.hop,
        "input_scale_g": hello.input_scale_g,
        "input_zero_point": hello.input_zero_point,
        "classes": list(hello.classes),
    }
