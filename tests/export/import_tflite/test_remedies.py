"""What is refused is refused with advice that works for who has such a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from wearkit.errors import ModelFileError


def import_it(data: bytes) -> Any:
    from wearkit_export.import_tflite import import_tflite

    return import_tflite(data)


def with_operator(file_builder: Any, name: str, int16: bool = False) -> bytes:
    """4 values -> the operator -> dense layer -> 3 logits."""
    from ai_edge_litert import schema_py_generated as schema

    file = file_builder()
    source, middle = file.activation((1, 4), 0.5, 0), file.activation((1, 4), 0.5, 0)
    target = file.activation((1, 3), 0.5, 0)
    file.operator(getattr(schema.BuiltinOperator, name), [source], middle)
    weight = np.zeros((3, 4), np.int8)
    file.dense(middle, target, weight, np.ones(1, np.float32), np.zeros(3, np.int32))
    if int16:
        file.tensors[file.activation((1, 4), 0.5, 0)].type = schema.TensorType.INT16
    return bytes(file.finish([source], [target]))


REMEDIES = {
    # Causal padding is no SAME padding, and such nets are mostly dilated too.
    "PAD": r"causal padding, .* neither is dilation: train .* another network",
    "SPACE_TO_BATCH_ND": r"dilated and causal convolutions are not read: train",
    "BATCH_TO_SPACE_ND": r"dilated and causal convolutions are not read: train",
    # A finished file cannot be cut here; the model it was made from can.
    "SOFTMAX": r"convert the model again without its last activation",
    "LOGISTIC": r"convert the model again without its last activation",
    "TRANSPOSE": r"a model converted from PyTorch turns its input and cannot be read",
    "SHAPE": r"in Keras Input\(batch_shape=\(1, \.\.\.\)\)",
    "REDUCE_MAX": r"MaxPooling1D over all steps",
    "MUL": r"BatchNormalization stand right behind a convolution",
    "SUB": r"normalize the data before the model",
    "GELU": r"what can be imported is ADD, AVERAGE_POOL_2D",
}


@pytest.mark.parametrize("name", REMEDIES)
def test_an_operator_that_is_not_read(file_builder: Any, name: str) -> None:
    with pytest.raises(ModelFileError, match=REMEDIES[name]) as refused:
        import_it(with_operator(file_builder, name))
    assert str(refused.value).startswith(f"Operator 0, {name}, is not supported: ")


def test_nobody_is_told_that_same_padding_is_causal_padding(file_builder: Any) -> None:
    with pytest.raises(ModelFileError) as refused:
        import_it(with_operator(file_builder, "PAD"))
    assert "instead" not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM", "LSTM", "RNN"]
)
@pytest.mark.parametrize("int16", [False, True])
def test_recurrent_layers_are_named_and_no_conversion_is_advised(
    file_builder: Any, name: str, int16: bool
) -> None:
    """Converting again with full integer quantization gives the same int16 cell again."""
    with pytest.raises(ModelFileError, match=f"holds {name}, and recurrent layers are not read"):
        import_it(with_operator(file_builder, name, int16))


def test_int16_activations_without_a_recurrent_layer(file_builder: Any) -> None:
    with pytest.raises(ModelFileError, match=r"int16 activations; .* full integer quantization"):
        import_it(with_operator(file_builder, "PAD", int16=True))
