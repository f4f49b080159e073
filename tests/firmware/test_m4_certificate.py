"""The certificate bench of the emulated Cortex-M4, small: both ends are real processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.bundle.bundle import Bundle
from wearkit.counts import COUNTS_PER_G, counts_to_int8
from wearkit.integer.reference import Reference
from wearkit.recordings.recording import LabelTrack, Recording

M4 = ("--target", "cortex-m4")


@pytest.fixture
def bench(
    bench_script: Callable[[str], ModuleType], needs_module: Callable[[str, str], None]
) -> ModuleType:
    for module in ("unicorn", "elftools", "ziglang"):
        needs_module(module, "pip install 'wearkit[profile]'")
    return bench_script("m4_certificate")


@pytest.fixture
def stretches(made_counts: Callable[..., NDArray[np.int16]]) -> list[NDArray[np.int16]]:
    counts = made_counts(9, seed=12).reshape(-1, 3)
    return [counts[:433], counts[433:]]


def test_every_window_is_verified_and_the_certificate_is_what_the_counts_say(
    bench: ModuleType, bundle: Bundle, stretches: Any, tmp_path: Path
) -> None:
    windows = bench.windows_of(stretches, bundle.model.window)
    bench.write_recordings(stretches, 50.0, tmp_path / "data")
    found = bench.verify(bundle.path, bundle.path, tmp_path / "data", len(windows), tmp_path, M4)
    logits = Reference(bundle.graph).run(counts_to_int8(windows))

    row = bench.compared(found, windows, logits, bundle)
    assert (row["wrong"], row["windows_compared"]) == ([], 14)

    code, says = bench.check(tmp_path / bench.CERTIFICATE, bundle.path, tmp_path / "data")
    assert code == 0 and "14 of 14 windows were computed again, every logit" in says

    logits["posture"][6, 3] ^= 1
    digest_is_wrong = bench.compared(found, windows, logits, bundle)["wrong"]
    assert len(digest_is_wrong) == 1 and digest_is_wrong[0].startswith("digest_sha256 is ")


def test_an_engine_that_rounds_otherwise_is_caught_at_the_first_window_that_differs(
    bench: ModuleType, bundle: Bundle, stretches: Any, tmp_path: Path
) -> None:
    windows = bench.windows_of(stretches, bundle.model.window)
    bench.write_recordings(stretches, 50.0, tmp_path / "data")
    halves = bench.CHANGES[0]
    row = bench.changed(halves, bundle, windows, tmp_path / "data", tmp_path, M4, old_answers=False)
    assert row["wrong"] == []
    assert 0 < row["first_that_differs"] < row["windows_that_differ"] + row["first_that_differs"]
    assert row["new_answers"]["code"] == 1
    assert "same samples, other arithmetic" in row["new_answers"]["said"]


def test_the_four_phases_hold_every_sample_once(bench: ModuleType) -> None:
    counts = np.arange(301 * 3, dtype=np.int16).reshape(-1, 3) % 900 - 450
    track = LabelTrack("activity", ("a", "b"), (np.arange(301) % 2).astype(np.int16))
    recording = Recording(
        (counts / COUNTS_PER_G).astype(np.float32), np.arange(301) / 200.0, 200.0, "S", "waist",
        "made", labels=track,
    )  # fmt: skip
    found = np.full_like(counts, -1000)
    for phase in bench.PHASES:
        part = bench.decimated(recording, 4, phase)
        (stretch,) = bench.sensor_counts(part, bench.WindowSpec())
        assert part.labels.codes.tolist() == track.codes[phase::4].tolist()
        found[phase::4] = stretch
    np.testing.assert_array_equal(found, counts)
