"""What docs/faults.md promises: its limits are those of the code, and every code is tested."""

from pathlib import Path

import pytest

from wearkit.counts import COUNT_MAX, COUNT_MIN, REST_MAX_G, REST_MIN_G
from wearkit.link import clock, faults, options, rate, sample
from wearkit.link.frames import hello_check, sequence
from wearkit.live import loop, placement, sensor_watch, window_values

LIMITS: dict[str, list[str]] = {
    "NO_VALID_DATA": [f"{loop.FIRST_LINE_S:g} s"],
    "CONNECT_NOISE": [f"{options.SETTLE_S:g} s"],
    "DUPLICATE": [f"last {sequence._REMEMBERED}"],
    "CONFLICT": [f"last {sequence._REMEMBERED}"],
    "DISCONTINUITY": [
        f"{sample.MAX_GAP:,} samples",
        f"over {sequence._LEAP:,} within {sequence._LEAST_RUN} samples",
    ],
    "CLOCK_JUMP": [f"over {clock._TOLERANCE_S:g} s off"],
    "RATE_FAULT": [f"{100 * rate.RATE_TOLERANCE:g} %", "95 % interval", "last thousand"],
    "STALL": [f"{loop.STALL_S:g} s without", f"{loop.SILENCE_S:g} s", f"{loop.START_S:g} s"],
    "BUS_FAULT": [f"{window_values.BUS_SAMPLES} samples in a row"],
    "GLITCH": [f"{window_values._AWAKE_G:g} g or more", f"within {window_values._QUIET_G:g} g"],
    "REPEATED": ["nine changes", f"over {100 * rate.RATE_TOLERANCE:g} % fewer", "1.15 samples"],
    "STUCK": [f"{sensor_watch.STUCK_SAMPLES} equal samples"],
    "AXIS_STUCK": [
        f"{sensor_watch.AXIS_STUCK_SAMPLES} equal values",
        f"{1000 * sensor_watch.STILL_STD_G:g} mg",
    ],
    "CLIPPED": [f"{COUNT_MIN} or {COUNT_MAX}"],
    "SCALE_FAULT": [
        f"{REST_MIN_G:.2f} to {REST_MAX_G:.2f} g",
        f"{sensor_watch.STILL_S:g} s with",
        f"{hello_check._LEAST_PER_G} to {hello_check._MOST_PER_G}",
    ],
    "BACKPRESSURE": [f"{loop.MAX_BEHIND_S:g} s behind"],
    "PLACEMENT": [f"{placement.SMOOTHED_WINDOWS} windows", f"leads by {placement.MARGIN:g}"],
}


def rows(repository: Path) -> dict[str, str]:
    """Code -> its limits as the page has them."""
    page = (repository / "docs" / "faults.md").read_text().splitlines()
    cells = [line.split(" | ") for line in page if line.startswith("| ")][1:]
    return {cell[0].strip("| ").removesuffix(" (n)"): cell[2] for cell in cells}


@pytest.mark.parametrize("code", LIMITS)
def test_the_limits_on_the_page_are_those_of_the_code(repository: Path, code: str) -> None:
    text = rows(repository)[code]
    assert [limit for limit in LIMITS[code] if limit not in text] == []


def test_the_reasons_of_windows_stand_on_the_page(repository: Path) -> None:
    from wearkit.live.display import _EXPLAINED

    page = (repository / "docs" / "faults.md").read_text()
    unnamed = [reason for reason in _EXPLAINED if f"`{reason}`" not in page]
    assert set(unnamed) <= {"gap", "restart", "backpressure", "placement"}  # named by their codes


def test_every_code_is_expected_by_a_test(repository: Path) -> None:
    tests = [path for path in (repository / "tests").rglob("test_*.py") if path != Path(__file__)]
    text = "\n".join(path.read_text() for path in tests)
    untested = [
        code for code in faults.Fault if f'"{code}"' not in text and f"Fault.{code}" not in text
    ]
    assert untested == []
