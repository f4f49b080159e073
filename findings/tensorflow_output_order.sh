#!/usr/bin/env bash
# TensorFlow 2.21.0 (Keras 3): a converted .tflite lists the outputs of a model in another order.
#
# Behaviour: of a Keras model with the outputs [zeta, alpha], the TFLite file lists alpha first.
# Interpreter.get_output_details()[0], which most examples take for the first output, is alpha. The
# signature has the model's own order in its names, output_0 = zeta and output_1 = alpha. Both
# outputs have as many values, so that no shape tells them apart. No message says so.
#
# Output seen:
#   TensorFlow 2.21.0, Keras 3.15.1
#   outputs of the model:     ['zeta', 'alpha']
#   get_output_details():     ['alpha', 'zeta'], tensors ['StatefulPartitionedCall_1:1', 'StatefulPartitionedCall_1:0']
#   signature:                {'output_0': 'zeta', 'output_1': 'alpha'}
#
# Needs python3 (3.11 to 3.13) with venv; downloads about 600 MB.
# Exits 0 while the behaviour is as described, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 keras==3.15.1

cat >"$folder/run.py" <<'PYTHON'
import contextlib
import os
import sys

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(0)
window = keras.Input((8,), batch_size=1)
zeta = keras.layers.Dense(4, name="zeta")(window)
alpha = keras.layers.Dense(4, name="alpha")(window)
model = keras.Model(window, [zeta, alpha])
with open(os.devnull, "w") as silent, contextlib.redirect_stdout(silent):
    data = tf.lite.TFLiteConverter.from_keras_model(model).convert()

inputs = np.linspace(-1, 1, 8, dtype=np.float32)[None]
expected = dict(zip(("zeta", "alpha"), model(inputs), strict=True))


def name_of(values):
    return next(name for name, other in expected.items() if np.allclose(values, other, atol=1e-5))


interpreter = tf.lite.Interpreter(model_content=data)
interpreter.allocate_tensors()
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs)
interpreter.invoke()
details = interpreter.get_output_details()
listed = [name_of(interpreter.get_tensor(output["index"])) for output in details]
runner = interpreter.get_signature_runner()
(source,) = runner.get_input_details()
signed = {name: name_of(values) for name, values in sorted(runner(**{source: inputs}).items())}
print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}")
print("outputs of the model:     ['zeta', 'alpha']")
print(f"get_output_details():     {listed}, tensors {[output['name'] for output in details]}")
print(f"signature:                {signed}")
changed = listed != ["alpha", "zeta"] or signed != {"output_0": "zeta", "output_1": "alpha"}
sys.exit(1 if changed else 0)
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/run.py" 2>"$folder/log" || { status=$?; cat "$folder/log" >&2; exit "$status"; }
