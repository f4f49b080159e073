"""BUNDLE/c of a run of ours on emulated cores, against the golden vectors of the same bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.emulated.conftest import Build

from wearkit.bundle.bundle import open_bundle
from wearkit.integer import reference
from wearkit_export.profile.run import run_image


@pytest.mark.usefixtures("emulators")
@pytest.mark.parametrize(
    ("target", "compiler"),
    [("cortex-m4", "zig"), ("cortex-m33", "gcc"), ("cortex-m55", "gcc"), ("rv32", "gcc")],
)
def test_golden_vectors(target: str, compiler: str, micro_bundle: Path, build: Build) -> None:
    bundle = open_bundle(micro_bundle)
    golden = bundle.golden()
    image = build(target, compiler, micro_bundle / "c")

    run = run_image(image, golden.inputs.reshape(len(golden.inputs), -1))

    wanted = np.concatenate([golden.logits[head.task] for head in bundle.graph.heads], axis=1)
    assert np.array_equal(run.logits, wanted)
    assert len(np.unique(wanted)) > 50


@pytest.mark.usefixtures("emulators")
@pytest.mark.parametrize(("target", "compiler"), [("cortex-m4", "zig"), ("cortex-m55", "gcc")])
def test_every_push_of_the_stream(
    target: str, compiler: str, micro_bundle: Path, build: Build
) -> None:
    bundle = open_bundle(micro_bundle)
    signal = bundle.golden().inputs[20:22].reshape(-1, 3)  # 200 samples
    image = build(target, compiler, micro_bundle / "c", mode="stream")

    run = run_image(image, signal.reshape(50, 12))

    starts = range(0, 101, 4)
    logits = reference.run(bundle.graph, np.stack([signal[at : at + 100] for at in starts]))
    wanted = np.concatenate([logits[head.task] for head in bundle.graph.heads], axis=1)
    assert not run.logits[:24].any()
    assert np.array_equal(run.logits[24:], wanted)
