"""What a converted table cannot say of itself, as JSON beside it (docs/recording.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wearkit import __version__
from wearkit.capture.decode import CaptureSummary
from wearkit.capture.spool import SampleSpool
from wearkit.counts import COUNTS_PER_G
from wearkit.errors import StorageError
from wearkit.files.limited import file_sha256
from wearkit.files.safe_write import indented
from wearkit.link.axes import AxisMap, at_rail
from wearkit.link.frames.from_device import NO_MODEL, Hello

FORMAT, FORMAT_VERSION = "wearkit-recording-sidecar", 1
MAX_GAPS = 10_000  # listed; all are counted
_RANGE_G = 2


def sidecar_path(table: Path) -> Path:
    return table.with_name(f"{table.name}.json")


def sidecar_text(
    summary: CaptureSummary, clipped: int, recording: str, table: str, table_file: Path
) -> str:
    """clipped: samples at a rail. recording, table: their names. table_file: where the whole
    table lies now. Raises StorageError when that cannot be read."""
    return indented(_described(summary, clipped, recording, Path(table), _sha256(table_file)))


def clipped_samples(spool: SampleSpool, axes: AxisMap) -> int:
    """How many samples stand at the end of the sensor's range on some axis."""
    return sum(int(at_rail(block.counts, axes.lower_rails).sum()) for block in spool.blocks())


def _described(
    summary: CaptureSummary, clipped: int, recording: str, table: Path, table_sha256: str
) -> dict[str, Any]:
    session, rate, hello = summary.session, summary.rate, summary.hello
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "wearkit": __version__,
        "table": {"file": table.name, "sha256": table_sha256},
        "recording": {"file": recording, "sha256": summary.recording_sha256},
        "started_unix_s": session.get("started_unix_s"),
        "port": session.get("port"),
        "simulated": summary.simulated,
        "samples": summary.samples,
        "seconds": round(summary.seconds, 6),
        "unit": "g" if table.suffix == ".parquet" else "counts",
        "counts_per_g": COUNTS_PER_G,
        "range_g": _RANGE_G,
        "sent_unit": summary.unit,
        "sent_unit_evidence": summary.unit_evidence,
        "nominal_rate_hz": summary.nominal_rate_hz,
        "measured_rate_hz": None if rate is None else rate.rate_hz,
        "measured_rate_error_hz": None if rate is None else rate.error_hz,
        "axes": summary.axes.text,
        "clipped_samples": clipped,
        "missing_samples": summary.missing,
        "restarts": summary.restarts,
        "gaps": [
            {"time_s": round(gap.time_s, 6), "missing": gap.missing, "restart": gap.restart}
            for gap in summary.gaps
        ],
        "gaps_not_listed": summary.gaps_not_listed,
        "lines_rejected": summary.rejected,
        "damaged_bytes": summary.damaged_bytes,
        "torn_bytes": summary.torn_bytes,
        "ended_by_itself": summary.ended,
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
