"""open_live(): a serial port and a bundle -> verdicts, window by window."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from wearkit.bundle.bundle import Bundle, open_bundle
from wearkit.bundle.runtimes import open_runtime
from wearkit.link.faults import FaultLog
from wearkit.link.ports.opening import open_at
from wearkit.link.ports.serial_port import BAUD
from wearkit.live.loop import LiveRun
from wearkit.live.open import Live, Proving, placement_check, source_of, stream_options
from wearkit.live.recording import open_recording
from wearkit.live.session import LiveSession
from wearkit.verification.verifier import Verifier


def open_live(
    port: str,
    bundle: Bundle | str | Path,
    *,
    runtime: str = "reference",
    units: str | None = None,
    fields: str | None = None,
    axes: str | None = None,
    only: str | None = None,
    baud: int | Literal["auto"] = BAUD,
    max_windows: int | None = None,
    wait: bool = False,
    reconnect_s: float | None = None,
    dtr: bool = True,
    send: bytes = b"",
    record: str | Path | None = None,
    force: bool = False,
    placement: str | None = None,
    verify: bool = False,
    certificate: str | Path | None = None,
    any_model: bool = False,
    stop: Callable[[], bool] = lambda: False,
    on_rate: Callable[[int], None] = lambda _: None,
) -> Live:
    """Open a sensor's port; iterate over the windows it completes, one LiveWindow each.

    >>> with wk.simulated_port(speed=0) as port, wk.open_live(port, bundle, max_windows=2) as live:
    ...     [(window.first_index, sorted(window.verdicts)) for window in live]
    [(0, ['placement', 'posture']), (60, ['placement', 'posture'])]

    Window k is the sensor's own samples from hop * k on, (length, 3) int16 ADXL345 counts at
    1/256 g; nothing is resampled or filled in. window.verdicts: task -> Verdict, whose label, prob
    (0 to 1) and logits (int8, in the order of the labels) are the device's own arithmetic; empty
    where samples are missing, and window.reasons then says why.

    port: a device such as /dev/ttyUSB0, or a pyserial URL. bundle: opened, or its folder.
    runtime: what computes, one of wearkit.bundle.runtimes.RUNTIMES. units: of lines of text: g,
    mg, m/s2, counts; None takes the device's header, or two seconds of stillness. fields: columns
    of the lines, such as "t_ms,x,y,z,-". axes: how the sensor is mounted, such as "-y+x+z".
    only: which kind of lines to read, by the word in front of them or their JSON type, as "acc".
    baud: "auto" listens at the common rates; on_rate gets the one found. max_windows: end after so
    many. wait: for a port that is not there yet. reconnect_s: seconds to look for a port that went
    away; None is an hour for a board, 0 for anything else. dtr: False leaves it low. send: what
    asks a board that prints nothing by itself, at every opening and again while nothing comes.
    record: a new file for the session, or for its samples alone if it ends with .csv; force
    replaces one.
    placement: where the sensor is worn; no verdicts while the model's placement head disagrees.
    verify: compare the device's own logits with the reference until the first difference.
    certificate: where verify writes what it proved; None writes nothing, and live.certificate has
    it anyhow. any_model: compare with another model, too. stop: asked several times a second.

    Raises ModelFileError, MissingToolError, PortError, DataError or StorageError before the first
    window, and ValueError where verify is given with another runtime than the reference. What ends
    the session later does not end it in the middle of the block: the iteration ends, and the end
    of the block raises live.error: LinkLostError for a port that went away, PortError when nothing
    readable came, DataError when unit or columns cannot be settled, VerificationError for a
    difference or when nothing could be compared, StorageError for a recording that stopped early.
    An error that ended a verified session carries its certificate, too (error.certificate).
    """
    if verify and runtime != "reference":
        raise ValueError("verify compares with the reference: leave runtime out.")
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(Path(bundle))
    spec = opened.model.window
    computes = open_runtime(runtime, opened)
    options = stream_options(spec.rate_hz, units, fields, axes, only)
    faults = FaultLog()
    proving = None
    if verify:
        verifier = Verifier(opened.graph, opened.model_id, faults, any_model=any_model)
        proving = Proving(verifier, None if certificate is None else Path(certificate))
    worn = None if placement is None else placement_check(opened, placement, faults)
    handle = open_at(port, baud, wait=wait, dtr=dtr, send=send, stop=stop, on_rate=on_rate)
    options = options.joining(handle.joins_in_mid_line)
    with ExitStack() as resources:
        source = source_of(handle, faults, dtr=dtr, send=send, reconnect_s=reconnect_s)
        resources.callback(source.close)
        path = None if record is None else Path(record)
        recording = open_recording(path, options, port, opened.model_id, spec.hop, force=force)
        resources.callback(recording.close)
        session = LiveSession(
            opened.graph,
            computes,
            options,
            max_windows=max_windows,
            recorder=recording.samples,
            faults=faults,
            verifier=None if proving is None else proving.verifier,
            placement=worn,
        )
        return Live(
            opened,
            handle,
            LiveRun(source, session, stop=stop, write=handle.write, log=recording.log),
            recording,
            resources.pop_all(),
            proving=proving,
            is_limited=max_windows is not None,
        )
