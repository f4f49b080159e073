#!/usr/bin/env bash
# onnxruntime 1.31.1, x86-64 with AVX2 and without VNNI: an int8 QDQ convolution saturates.
#
# Behaviour: with int8 weights and default session options, the CPU adds two products of an unsigned
# and a signed byte in 16 bits (VPMADDUBSW), which saturates. The logits are wrong, without an error
# or a warning. The session option session.x64quantprecision=1, or uint8 weights with a zero point
# of 128 (the same integers), give the right ones. CPUs with VNNI are right. Small weights or inputs
# never reach 16 bits; the model below holds large ones.
#
# Output seen (onnxruntime 1.31.1 and 1.32.0, onnx 1.23.2, QEMU 7.2.22):
#   int8 weights, default options        1442 of 2688 values differ, by up to 73
#   int8 weights, x64quantprecision=1    0 of 2688 values differ, by up to 0
#   uint8 weights, default options       0 of 2688 values differ, by up to 0
#
# Needs python3 (3.11 or newer) with venv, and qemu-x86_64 (Debian: qemu-user), on an x86-64.
# Exits 0 while the behaviour is as described, 1 when it has changed, 2 when a tool is missing.
set -euo pipefail
command -v qemu-x86_64 >/dev/null || { echo "qemu-x86_64 is missing: install qemu-user" >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    onnx==1.23.2 onnxruntime==1.31.1 numpy==2.4.6

cat >"$folder/make.py" <<'PYTHON'
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS, KERNEL, STEPS, OUT = 8, 5, 32, 6
generator = np.random.default_rng(0)
weight = generator.integers(-127, 128, (OUT, CHANNELS, KERNEL)).astype(np.int8)
inputs = generator.integers(0, 256, (16, CHANNELS, STEPS)).astype(np.uint8)

def model(kind, offset):
    """uint8 in and out around 128; weights held as `kind`, `offset` higher."""
    constants = {
        "scale": np.float32(1), "middle": np.uint8(128), "out_scale": np.float32(512),
        "weight": (weight.astype(np.int16) + offset).astype(kind), "weight_zero": kind(offset),
    }
    nodes = [
        ("DequantizeLinear", ["x", "scale", "middle"], "x_real"),
        ("DequantizeLinear", ["weight", "scale", "weight_zero"], "weight_real"),
        ("Conv", ["x_real", "weight_real"], "y_real"),
        ("QuantizeLinear", ["y_real", "out_scale", "middle"], "y"),
    ]
    graph = helper.make_graph(
        [helper.make_node(operator, ins, [out]) for operator, ins, out in nodes],
        "convolution",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, ["N", CHANNELS, STEPS])],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, ["N", OUT, STEPS - KERNEL + 1])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made

onnx.save(model(np.int8, 0), f"{sys.argv[1]}/int8.onnx")
onnx.save(model(np.uint8, 128), f"{sys.argv[1]}/uint8.onnx")
windows = np.lib.stride_tricks.sliding_window_view(inputs.astype(np.int64) - 128, KERNEL, axis=2)
sums = np.einsum("ncsk,ock->nos", windows, weight.astype(np.int64))
# A power of two as scale: the division is exact and ties go to even, as ONNX defines it.
expected = np.clip(np.rint(sums / 512) + 128, 0, 255).astype(np.uint8)
np.savez(f"{sys.argv[1]}/windows.npz", inputs=inputs, expected=expected)
PYTHON

cat >"$folder/run.py" <<'PYTHON'
import sys

import numpy as np
import onnxruntime

windows = np.load(f"{sys.argv[1]}/windows.npz")
counts = []
for file, text, option in (
    ("int8", "int8 weights, default options", None),
    ("int8", "int8 weights, x64quantprecision=1", "1"),
    ("uint8", "uint8 weights, default options", None),
):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if option:
        options.add_session_config_entry("session.x64quantprecision", option)
    session = onnxruntime.InferenceSession(
        f"{sys.argv[1]}/{file}.onnx", options, providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(None, {"x": windows["inputs"]})
    gap = np.abs(found.astype(int) - windows["expected"].astype(int))
    counts.append(int((gap > 0).sum()))
    print(f"{text:36} {counts[-1]} of {gap.size} values differ, by up to {gap.max()}")
sys.exit(0 if counts[0] > 0 and counts[1:] == [0, 0] else 1)
PYTHON

"$folder/venv/bin/python" "$folder/make.py" "$folder"
echo "Emulated Haswell (AVX2, no VNNI):"
qemu-x86_64 -cpu Haswell "$folder/venv/bin/python" "$folder/run.py" "$folder" 2> >(grep -v "TCG doesn't support" >&2)
