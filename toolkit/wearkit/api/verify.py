"""verify(): a test set through a device's link, each answer compared bit for bit."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wearkit.bundle.bundle import Bundle, open_bundle
from wearkit.counts import COUNT_MAX, COUNT_MIN
from wearkit.errors import DataError, VerificationError
from wearkit.link.ports.opening import open_at
from wearkit.link.ports.serial_port import BAUD
from wearkit.verification.certificate import Certificate
from wearkit.verification.dialogue import Dialogue
from wearkit.verification.proof import prove
from wearkit.verification.replay import ReplayOptions, replay_verify
from wearkit.verification.replay_report import ReplayReport
from wearkit.verification.replayer import FLOW_FRAMES, UART_FRAMES
from wearkit.windows.window_set import WindowSet

NOT_PUT_BACK = "The device did not confirm that its sensor runs again: reset it."

Windows = WindowSet | Iterable[NDArray[np.int16]]
"""A WindowSet, an (N, length, 3) array, or anything that gives (length, 3) arrays; int16 counts."""


@dataclass(frozen=True, slots=True)
class Verified:
    """An ended replay. certificate: None where nothing was compared."""

    report: ReplayReport
    certificate: Certificate | None


def verify(
    port: str,
    bundle: Bundle | str | Path,
    windows: Windows | None = None,
    *,
    max_windows: int | None = None,
    any_model: bool = False,
    certificate: str | Path | None = None,
    baud: int | Literal["auto"] = BAUD,
    wait: bool = False,
    dtr: bool = True,
    send: bytes = b"",
    stop: Callable[[], bool] = lambda: False,
    on_compared: Callable[[int], None] = lambda _: None,
) -> Certificate:
    """Replay windows through a device's link in its sensor's place, and compare its int8 logits
    with the integer reference's.

    >>> print(wk.verify(port, bundle, max_windows=5))
    equivalent: 5 windows replayed and compared, 0 differ

    The bundle's golden windows go first, then `windows`: a WindowSet, or (N, length, 3) int16
    ADXL345 counts, -512 to 511 at 1/256 g, in the model's axes; None for the golden ones alone.
    max_windows: of both together. any_model: compare with another model, too. certificate: where
    to write it as JSON, with a page that ends with .md beside it; None writes nothing, and where
    nothing was compared an older file stays. baud, wait, dtr, send: as in open_live. stop: asked
    several times a second; the result is "incomplete" then. on_compared: how many were, after each.

    Returns only what went well: the result is "equivalent", or "incomplete" after `stop`. Raises
    VerificationError for a difference or another model, PortError when nobody answers,
    LinkLostError when the port goes away, DataError for a device that cannot replay or windows
    that are no counts, StorageError when the certificate cannot be written, ModelFileError for the
    bundle. error.certificate is what had been compared until then, with the result "different"
    for a difference, and it is written as well. Warns when the device does not confirm that its
    sensor runs again.
    """
    verified = replay(
        port,
        bundle,
        windows,
        max_windows=max_windows,
        any_model=any_model,
        certificate=certificate,
        baud=baud,
        wait=wait,
        dtr=dtr,
        send=send,
        stop=stop,
        on_compared=on_compared,
    )
    if not verified.report.put_back:
        warnings.warn(NOT_PUT_BACK, RuntimeWarning, stacklevel=2)
    error = verified.report.error
    if error is not None:
        error.certificate = verified.certificate
        raise error
    if verified.certificate is None:
        raise VerificationError("No window was compared: it was stopped before the first answer.")
    return verified.certificate


def replay(
    port: str,
    bundle: Bundle | str | Path,
    windows: Windows | None = None,
    *,
    test_set: str | None = None,
    max_windows: int | None = None,
    any_model: bool = False,
    certificate: str | Path | None = None,
    baud: int | Literal["auto"] = BAUD,
    wait: bool = False,
    dtr: bool = True,
    send: bytes = b"",
    stop: Callable[[], bool] = lambda: False,
    on_compared: Callable[[int], None] = lambda _: None,
    on_rate: Callable[[int], None] = lambda _: None,
) -> Verified:
    """As verify, for who reports the end in a way of their own: report.error is not raised.

    test_set: what `windows` are, for the certificate.
    """
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(Path(bundle))
    golden = opened.golden().counts
    name, played = f"{len(golden)} golden windows of the bundle", chain(golden)
    if windows is not None:
        played = chain(golden, _checked(windows, opened.model.window.length))
        name = f"{name}, then {test_set or _described(windows)}"
    handle = open_at(port, baud, wait=wait, dtr=dtr, send=send, stop=stop, on_rate=on_rate)
    options = ReplayOptions(
        name,
        max_windows=max_windows,
        frames_in_flight=UART_FRAMES if handle.joins_in_mid_line else FLOW_FRAMES,
        any_model=any_model,
    )
    replayed = replay_verify(
        Dialogue(handle), opened, played, options, on_compared=on_compared, stop=stop
    )
    path = None if certificate is None else Path(certificate)
    proof = prove(opened, port, replayed.hello, replayed.report, replayed.verifier, path)
    return Verified(replayed.report, proof)


def _checked(windows: Windows, length: int) -> Iterator[NDArray[np.int16]]:
    """What is a whole array is refused before the port is opened, the rest as it comes."""
    counts = windows.counts if isinstance(windows, WindowSet) else windows
    if isinstance(counts, np.ndarray):
        _check(counts, (len(counts) if counts.ndim else 0, length, 3))
        return iter(counts)
    return _each_checked(counts, length)


def _each_checked(windows: Iterable[NDArray[np.int16]], length: int) -> Iterator[NDArray[np.int16]]:
    for window in windows:
        _check(window, (length, 3))
        yield window


def _check(counts: NDArray[Any], shape: tuple[int, ...]) -> None:
    if counts.dtype != np.int16 or counts.shape != shape:
        raise DataError(
            f"Windows to replay are int16 counts of shape (N, {shape[-2]}, 3), not "
            f"{counts.dtype} {counts.shape}: counts are g * 256."
        )
    if counts.size and not (COUNT_MIN <= counts.min() and counts.max() <= COUNT_MAX):
        raise DataError(f"Counts are {COUNT_MIN} to {COUNT_MAX}: no sensor sends others.")


def _described(windows: Windows) -> str:
    if isinstance(windows, WindowSet):
        kind = "simulated windows" if windows.simulated else "windows"
        return f"{len(windows)} {kind} of {len(windows.subjects)} subjects"
    return f"{len(windows)} windows" if isinstance(windows, np.ndarray) else "further windows"
