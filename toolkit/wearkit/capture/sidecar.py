"""What a converted table cannot say of itself, as JSON beside it (docs/recording.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from wearkit import __version__
from wearkit.capture.decode import Capture, axes_text
from wearkit.counts import COUNT_MAX, COUNTS_PER_G
from wearkit.errors import StorageError
from wearkit.files.limited import file_sha256
from wearkit.files.safe_write import write_json
from wearkit.link.frames.from_device import NO_MODEL, Hello

FORMAT, FORMAT_VERSION = "wearkit-recording-sidecar", 1
MAX_GAPS = 10_000  # listed; all are counted
_RANGE_G = 2


def sidecar_path(table: Path) -> Path:
    return table.with_name(f"{table.name}.json")


def write_sidecar(samples: Capture, recording: Path, table: Path) -> Path:
    """Write it for `table`, which is complete, made of `recording`; an existing one is replaced.

    Raises StorageError when one of the two cannot be read, or it cannot be written.
    """
    path = sidecar_path(table)
    write_json(path, _described(samples, recording, table))
    return path


def _described(samples: Capture, recording: Path, table: Path) -> dict[str, Any]:
    session, rate, hello = samples.session, samples.rate, samples.hello
    at_rail = (samples.counts <= np.array(samples.axes.lower_rails)) | (samples.counts >= COUNT_MAX)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "wearkit": __version__,
        "table": {"file": table.name, "sha256": _sha256(table)},
        "recording": {"file": recording.name, "sha256": _sha256(recording)},
        "started_unix_s": session.get("started_unix_s"),
        "port": session.get("port"),
        "simulated": samples.simulated,
        "samples": len(samples.counts),
        "seconds": round(float(samples.time_s[-1]), 6),
        "unit": "g" if table.suffix == ".parquet" else "counts",
        "counts_per_g": COUNTS_PER_G,
        "range_g": _RANGE_G,
        "sent_unit": samples.unit,
        "sent_unit_evidence": samples.unit_evidence,
        "nominal_rate_hz": samples.nominal_rate_hz,
        "measured_rate_hz": None if rate is None else rate.rate_hz,
        "measured_rate_error_hz": None if rate is None else rate.error_hz,
        "axes": axes_text(samples.axes),
        "clipped_samples": int(at_rail.any(axis=1).sum()),
        "missing_samples": samples.missing,
        "restarts": samples.restarts,
        "gaps": [
            {"time_s": round(gap.time_s, 6), "missing": gap.missing, "restart": gap.restart}
            for gap in samples.gaps[:MAX_GAPS]
        ],
        "gaps_not_listed": max(0, len(samples.gaps) - MAX_GAPS),
        "lines_rejected": samples.rejected,
        "damaged_bytes": samples.damaged_bytes,
        "torn_bytes": samples.torn_bytes,
        "ended_by_itself": samples.ended,
        "bundle_model_id": session.get("model_id"),
        "device": None if hello is None else _device(hello),
    }


def _device(hello: Hello) -> dict[str, Any]:
    """offsets: a HELLO does not hold those of the sensor, and nothing is corrected by them."""
    device = hello.to_json()
    del device["boot_id"]  # of the session, not of the device
    if hello.model_id == NO_MODEL:
        device["model_id"] = None
    return device | {"supply_mv": hello.supply_mv or None, "offsets": None}


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror or error}.") from error
