"""`wearkit certificate`: check a proof of others, and keys to sign one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wearkit.cli.examples import ExampleCommand, ExampleGroup
from wearkit.cli.terminal.playing import test_set_options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wearkit.bundle.bundle import Bundle
    from wearkit.cli.terminal.playing import Chosen
    from wearkit.verification.certificate.check import CheckedCertificate

_RECORDING = ".wkrec"


@click.group(
    cls=ExampleGroup,
    examples=(
        "wearkit certificate check equivalence.json",
        "wearkit certificate check equivalence.json --bundle build/first --data session.wkrec",
        "wearkit certificate keygen key.pem",
    ),
)
def command() -> None:
    """Check the certificate of a comparison, or make keys to sign one."""


@command.command(
    cls=ExampleCommand,
    examples=(
        "wearkit certificate check equivalence.json",
        "wearkit certificate check equivalence.json --bundle build/first --data recordings/",
        "wearkit certificate check equivalence.json --public-key key.pem.pub",
    ),
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    metavar="BUNDLE",
    help="The bundle it must be of, as wearkit export wrote it.",
)
@test_set_options
@click.option(
    "--public-key",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The certificate must be signed with the key that belongs to this one.",
)
def check(
    file: Path,
    bundle: Path | None,
    data: str | None,
    data_format: str | None,
    input_units: str | None,
    subject: str | None,
    recording: int | None,
    public_key: Path | None,
) -> int:
    """See whether FILE holds: its sums, digest, classes, conditions, headline and page.

    With --bundle, that it is of that bundle, and the golden windows computed again. With --data
    too, every window: the test set that wearkit verify replayed, or what wearkit live recorded
    (--record) of the session. The first thing that does not hold is said, with exit code 1; it is
    1, too, for a certificate that holds and says anything but equivalent.
    """
    from wearkit.bundle.bundle import open_bundle
    from wearkit.verification.certificate.check import check_page, read_certificate
    from wearkit.verification.certificate.recompute import check_bundle
    from wearkit.verification.certificate.signature import check_signature

    if data is not None and bundle is None:
        raise click.UsageError("--data is computed again with the bundle: name it with --bundle.")
    certificate = read_certificate(file)
    signed = check_signature(certificate.value, public_key)
    page = file.with_suffix(".md")
    parts = ["its sums, digest, classes and conditions hold"]
    if page.exists():
        check_page(certificate, page)
        parts.append(f"{page} is its page")
    if bundle is not None:
        opened = open_bundle(bundle)
        check_bundle(certificate, opened)
        read = _samples(certificate, data, data_format, input_units, subject, recording)
        parts.append(_again(certificate, opened, read))
    click.echo(f"{certificate.value['headline']}.")
    click.echo(f"{file}: {'; '.join([*parts, signed])}.", err=True)
    return 0 if certificate.result == "equivalent" else 1


@command.command(
    cls=ExampleCommand,
    examples=("wearkit certificate keygen key.pem", "wearkit certificate keygen ~/.wearkit.pem"),
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def keygen(file: Path) -> int:
    """Write a new private Ed25519 key to FILE and its public one to FILE.pub.

    FILE is for --sign-key of wearkit live and wearkit verify, and for nobody else: it has no
    password. FILE.pub is for whoever checks what you signed.
    """
    from wearkit.verification.certificate.signature import write_keys

    public = write_keys(file)
    click.echo(f"{file} signs; {public} checks.", err=True)
    return 0


class _Samples:
    """What --data names: a recording of wearkit live, or data as wearkit verify takes it."""

    def __init__(self, capture: Path | None, chosen: Chosen | None) -> None:
        self.capture, self.chosen = capture, chosen


def _samples(
    certificate: CheckedCertificate,
    data: str | None,
    data_format: str | None,
    input_units: str | None,
    subject: str | None,
    recording: int | None,
) -> _Samples | None:
    from wearkit.cli.terminal.playing import chosen_test_set

    if data is not None and Path(data).suffix == _RECORDING:
        if certificate.is_replay:
            raise click.UsageError(
                "The certificate is of a test set that was replayed: --data is that test set."
            )
        return _Samples(Path(data), None)
    chosen = chosen_test_set(data, data_format, input_units, subject, recording)
    return None if chosen is None else _Samples(None, chosen)


def _again(certificate: CheckedCertificate, bundle: Bundle, samples: _Samples | None) -> str:
    """What was computed again, in words. Raises VerificationError."""
    from wearkit.verification.certificate.recompute import recompute_live, recompute_replay
    from wearkit.verification.replay import recorded_windows

    if certificate.is_replay:
        chosen = None if samples is None else samples.chosen
        others = None if chosen is None else recorded_windows(chosen, bundle.model.window)
        computed = recompute_replay(certificate, bundle, others)
    elif samples is None:
        return f"it is of {bundle.path}, and no window was computed again (--data)"
    else:
        computed = recompute_live(certificate, bundle, _ways_to_read(samples, bundle))
    outside = f"; there is room for {computed.outside} more around them" if computed.outside else ""
    return (
        f"it is of {bundle.path}, and {computed.windows} of {computed.listed} windows were "
        f"computed again, every logit{outside}"
    )


def _ways_to_read(samples: _Samples, bundle: Bundle) -> list[Callable[[], NDArray[np.int16]]]:
    """The counts as they stand there, and as a sensor at the model's rate would have them."""
    import numpy as np

    from wearkit.capture.decode import read_recording
    from wearkit.counts import g_to_counts
    from wearkit.windows.sensor_counts import sensor_counts

    capture, chosen = samples.capture, samples.chosen
    if capture is not None:
        return [lambda: read_recording(capture).counts]
    assert chosen is not None
    spec = bundle.model.window
    return [
        lambda: np.concatenate([g_to_counts(recording.acc_g) for recording in chosen]),
        lambda: np.concatenate(
            [counts for recording in chosen for counts in sensor_counts(recording, spec)]
        ),
    ]
