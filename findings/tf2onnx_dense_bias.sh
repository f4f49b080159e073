#!/usr/bin/env bash
# tf2onnx 1.17.0: the bias of a TFLite FULLY_CONNECTED that reads a 4-D tensor is gone.
#
# Behaviour: TFLite's FULLY_CONNECTED may read a tensor of any rank and flattens it to rows of the
# weights' width. `python -m tf2onnx.convert --tflite` of a file whose dense layer reads 1 x 1 x 1 x 4
# succeeds and prints no warning; the ONNX model computes W x instead of W x + b. With a RESHAPE to
# 1 x 4 before the layer the bias is there.
#
# Output seen (tf2onnx 1.17.0, TensorFlow 2.21.0, onnx 1.23.2, onnxruntime 1.31.1 and 1.32.0):
#   reads 1 x 1 x 1 x 4      TFLite [10.75 22.75 34.75]  ONNX [0.75 2.75 4.75]
#   reads 1 x 4 by RESHAPE   TFLite [10.75 22.75 34.75]  ONNX [10.75 22.75 34.75]
#
# Needs python3 (3.11) with venv; downloads about 700 MB.
# Exits 0 while the behaviour is as described, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    tf2onnx==1.17.0 tensorflow==2.21.0 keras==3.15.1 onnx==1.23.2 onnxruntime==1.31.1

cat >"$folder/make.py" <<'PYTHON'
import sys

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

WEIGHT = np.arange(12, dtype=np.float32).reshape(3, 4) / 8
BIAS = np.array([10, 20, 30], np.float32)


def tensor(model, graph, name, shape, values=None):
    made = schema.TensorT()
    made.name, made.shape, made.buffer = name, shape, 0
    made.type = schema.TensorType.FLOAT32 if values is None else {
        np.dtype(np.float32): schema.TensorType.FLOAT32, np.dtype(np.int32): schema.TensorType.INT32
    }[values.dtype]
    if values is not None:
        buffer = schema.BufferT()
        buffer.data = values.reshape(-1).view(np.uint8)
        model.buffers.append(buffer)
        made.buffer = len(model.buffers) - 1
    graph.tensors.append(made)
    return len(graph.tensors) - 1


def operator(model, graph, code, kind, options, inputs, output):
    entry = schema.OperatorCodeT()
    entry.builtinCode = entry.deprecatedBuiltinCode = code
    entry.version = 1
    model.operatorCodes.append(entry)
    made = schema.OperatorT()
    made.opcodeIndex = len(model.operatorCodes) - 1
    made.inputs, made.outputs = inputs, [output]
    made.builtinOptionsType, made.builtinOptions = kind, options
    graph.operators.append(made)


def write(path, reshaped):
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT()], []
    graph.tensors, graph.operators = [], []
    source = read = tensor(model, graph, "x", [1, 1, 1, 4])
    graph.inputs = [source]
    if reshaped:
        shape = tensor(model, graph, "shape", [2], np.array([1, 4], np.int32))
        read = tensor(model, graph, "flat", [1, 4])
        options = schema.ReshapeOptionsT()
        options.newShape = [1, 4]
        operator(model, graph, schema.BuiltinOperator.RESHAPE,
                 schema.BuiltinOptions.ReshapeOptions, options, [source, shape], read)
    weight = tensor(model, graph, "weight", [3, 4], WEIGHT)
    bias = tensor(model, graph, "bias", [3], BIAS)
    target = tensor(model, graph, "y", [1, 3])
    operator(model, graph, schema.BuiltinOperator.FULLY_CONNECTED,
             schema.BuiltinOptions.FullyConnectedOptions, schema.FullyConnectedOptionsT(),
             [read, weight, bias], target)
    graph.outputs, model.subgraphs = [target], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    with open(path, "wb") as file:
        file.write(builder.Output())


write(f"{sys.argv[1]}/image.tflite", reshaped=False)
write(f"{sys.argv[1]}/vector.tflite", reshaped=True)
PYTHON

cat >"$folder/run.py" <<'PYTHON'
import sys

import numpy as np
import onnxruntime
import tensorflow as tf

x = np.ones((1, 1, 1, 4), np.float32)
equal = []
for name, text in (("image", "reads 1 x 1 x 1 x 4"), ("vector", "reads 1 x 4 by RESHAPE")):
    interpreter = tf.lite.Interpreter(f"{sys.argv[1]}/{name}.tflite")
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    expected = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    session = onnxruntime.InferenceSession(f"{sys.argv[1]}/{name}.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: x})
    equal.append(np.allclose(found, expected))
    print(f"{text:24} TFLite {expected.ravel()}  ONNX {found.ravel()}")
sys.exit(0 if equal == [False, True] else 1)
PYTHON
export TF_CPP_MIN_LOG_LEVEL=3
python="$folder/venv/bin/python"
{
    "$python" "$folder/make.py" "$folder"
    for name in image vector; do
        "$python" -m tf2onnx.convert --tflite "$folder/$name.tflite" --output "$folder/$name.onnx"
    done
} >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 3; }
"$python" "$folder/run.py" "$folder" 2>>"$folder/log" || { status=$?; cat "$folder/log" >&2; exit "$status"; }
