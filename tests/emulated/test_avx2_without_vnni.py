"""ONNX Runtime on a CPU with AVX2 and without VNNI (an emulated Haswell), at default options.

Such a CPU adds two products of an unsigned and a signed byte in 16 bits, which saturates: signed
weights then give other logits, without a word. This computer has VNNI or it has not, so that the
real instructions of the older kind are executed by QEMU.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.counts import counts_to_int8
from wearkit.files.npz import write_npz
from wearkit.integer import reference
from wearkit.model.checkpoint import Checkpoint

pytestmark = pytest.mark.skipif(
    platform.machine() not in {"x86_64", "AMD64"}, reason="emulates an x86-64 for this x86-64"
)

# Runs in the emulated process, where every import costs seconds: no wearkit in it.
_CHILD = """
import json, sys
import numpy as np
import onnxruntime

folder, options = sys.argv[1], json.loads(sys.argv[2])
windows = np.load(f"{folder}/windows.npz")
counts = {}
for form, entries in options.items():
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = 1
    session_options.log_severity_level = 3
    for entry in entries:
        session_options.add_session_config_entry(*entry)
    session = onnxruntime.InferenceSession(
        f"{folder}/{form.split()[0]}", session_options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    answers = session.run(names, {session.get_inputs()[0].name: windows["inputs"]})
    counts[form] = sum(
        int(np.count_nonzero(answer != windows[name]))
        for name, answer in zip(names, answers, strict=True)
    )
print(json.dumps(counts))
"""
_EXACT = [["session.x64quantprecision", "1"]]
_SESSIONS: dict[str, list[list[str]]] = {
    "model.int8.onnx": [],
    "model.int8.ort": [],
    "model.int8.s8.onnx exact": _EXACT,
    "model.int8.s8.onnx": [],
}


@pytest.fixture(scope="module")
def differing(
    untrained_checkpoint: Callable[..., Checkpoint],
    made_counts: Callable[..., NDArray[np.int16]],
    needs_module: Callable[[str, str], None],
    needs_program: Callable[[str, str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, int]:
    """Logits of each session that are not the reference's, of 1,080 each."""
    needs_module("onnx", "pip install 'wearkit[export]'")
    needs_module("onnxruntime", "pip install 'wearkit[export]'")
    qemu = needs_program("qemu-x86_64", "apt-get install qemu-user")
    from wearkit_export.bundle.write import golden_counts
    from wearkit_export.formats.emit_onnx import emit_onnx
    from wearkit_export.formats.ort import to_ort
    from wearkit_export.quantization.quantize import quantize

    counts = made_counts(128, seed=1)
    graph = quantize(untrained_checkpoint("mtl-net-micro"), counts)
    folder = tmp_path_factory.mktemp("avx2")
    signed = emit_onnx(graph, "id", signed=True)
    (folder / "model.int8.onnx").write_bytes(emit_onnx(graph, "id"))
    (folder / "model.int8.s8.onnx").write_bytes(signed)
    (folder / "model.int8.ort").write_bytes(to_ort(signed))
    inputs = np.concatenate([counts_to_int8(golden_counts(counts)), _noise(36)])
    expected = reference.run(graph, inputs, rounding="xnnpack")
    write_npz(folder / "windows.npz", {"inputs": inputs, **expected})
    command = [qemu, "-cpu", "Haswell", sys.executable, "-c", _CHILD, str(folder)]
    done = subprocess.run(
        [*command, json.dumps(_SESSIONS)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, int] = json.loads(done.stdout)
    assert set(answer) == set(_SESSIONS)
    return answer


def _noise(windows: int) -> NDArray[np.int8]:
    generator = np.random.default_rng(3)
    return generator.integers(-128, 128, (windows, 100, 3), dtype=np.int8)


def test_signed_weights_are_wrong_there(differing: dict[str, int]) -> None:
    """The emulation shows the fault at all; without it the tests below would prove nothing."""
    assert differing["model.int8.s8.onnx"] > 100


@pytest.mark.parametrize("session", ["model.int8.onnx", "model.int8.ort"])
def test_ours_are_right_at_default_options(session: str, differing: dict[str, int]) -> None:
    assert differing[session] == 0


def test_the_option_that_wearkit_sets_for_older_bundles_is_enough(
    differing: dict[str, int],
) -> None:
    assert differing["model.int8.s8.onnx exact"] == 0
