"""Make the .tflite files of this folder: small Keras models, converted by TensorFlow.

Run it with TensorFlow installed: `python tests/export/import_tflite/zoo/make_zoo.py [NAME ...]`.
Each model stands for something that importers get wrong. The weights are random; what counts is
that the integers come from a converter that is not ours. TensorFlow 2.21 and Keras 3.15 made the
committed files; another version may give other bytes, and the tests must hold for those too.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf

keras = tf.keras
kl = keras.layers

FOLDER = Path(__file__).resolve().parent
LENGTH = 32

Build = Callable[[], Any]
MODELS: dict[str, Build] = {}


def zoo(build: Build) -> Build:
    MODELS[build.__name__] = build
    return build


def series(channels: int = 3, length: int = LENGTH) -> Any:
    return keras.Input(batch_shape=(1, length, channels))


def image(*shape: int) -> Any:
    return keras.Input(batch_shape=(1, *shape))


def model(entry: Any, *outputs: Any) -> Any:
    return keras.Model(entry, list(outputs) if len(outputs) > 1 else outputs[0])


@zoo
def conv1d_valid() -> Any:
    x = entry = series()
    x = kl.MaxPooling1D(2)(kl.Conv1D(8, 5, activation="relu")(x))
    return model(entry, kl.Dense(4)(kl.Flatten()(x)))


@zoo
def conv1d_same_stride2() -> Any:
    """An even number of steps with stride 2: one padded step before, two after."""
    x = entry = series()
    x = kl.Conv1D(8, 5, strides=2, padding="same", activation="relu6")(x)
    x = kl.Conv1D(6, 4, strides=2, padding="same")(x)
    return model(entry, kl.Dense(4)(kl.Flatten()(x)))


@zoo
def odd_length_same() -> Any:
    x = entry = series(length=29)
    x = kl.Conv1D(6, 3, strides=2, padding="same", activation="relu")(x)
    x = kl.MaxPooling1D(3, strides=2, padding="same")(x)
    x = kl.AveragePooling1D(3, strides=2, padding="same")(x)
    return model(entry, kl.Dense(3)(kl.Flatten()(x)))


@zoo
def mean_over_time() -> Any:
    """MEAN with a scale of its own, over an even number of steps."""
    x = entry = series()
    x = kl.Conv1D(8, 3, padding="same", activation="relu")(x)
    return model(entry, kl.Dense(5)(kl.GlobalAveragePooling1D()(x)))


@zoo
def depthwise_multiplier2() -> Any:
    x = entry = series()
    x = kl.DepthwiseConv1D(4, depth_multiplier=2, padding="same", activation="relu6")(x)
    x = kl.AveragePooling1D(4)(kl.Conv1D(8, 1, activation="relu")(x))
    return model(entry, kl.Dense(4)(kl.Flatten()(x)))


@zoo
def depthwise_stride2() -> Any:
    x = entry = series(4)
    x = kl.Conv1D(4, 3, activation="relu")(x)
    x = kl.DepthwiseConv1D(5, strides=2)(x)
    return model(entry, kl.Dense(3)(kl.GlobalAveragePooling1D()(x)))


@zoo
def separable() -> Any:
    x = entry = series()
    x = kl.SeparableConv1D(8, 5, depth_multiplier=3, activation="relu")(x)
    x = kl.MaxPooling1D(2)(x)
    return model(entry, kl.Dense(4)(kl.Flatten()(x)))


@zoo
def residual() -> Any:
    """ADD of two scales, with a fused ReLU after it."""
    x = entry = series()
    x = kl.Conv1D(6, 3, padding="same", activation="relu")(x)
    y = kl.Conv1D(6, 3, padding="same")(x)
    x = kl.ReLU()(kl.Add()([x, y]))
    return model(entry, kl.Dense(4)(kl.GlobalAveragePooling1D()(x)))


@zoo
def residual_plain() -> Any:
    x = entry = series()
    a = kl.Conv1D(5, 3, padding="same")(x)
    b = kl.Conv1D(5, 5, padding="same")(x)
    x = kl.Add()([kl.Add()([a, b]), a])
    return model(entry, kl.Dense(3)(kl.Flatten()(kl.MaxPooling1D(4)(x))))


@zoo
def relu_alone() -> Any:
    """RELU cannot be fused where the value before it is wanted too."""
    x = entry = series()
    x = kl.Conv1D(6, 3, padding="same")(x)
    x = kl.Add()([kl.ReLU()(x), x])
    return model(entry, kl.Dense(4)(kl.Flatten()(kl.AveragePooling1D(8)(x))))


@zoo
def relu6_alone() -> Any:
    x = entry = series()
    x = kl.Conv1D(6, 3, padding="same")(x)
    x = kl.Add()([kl.ReLU(max_value=6.0)(x), x])
    return model(entry, kl.Dense(4)(kl.Flatten()(kl.AveragePooling1D(8)(x))))


@zoo
def rows_two_heads() -> Any:
    """One kernel for all axes, like the peers' models, and two answers."""
    x = entry = image(3, LENGTH, 1)
    x = kl.MaxPooling2D((1, 2))(kl.Conv2D(4, (1, 5), activation="relu")(x))
    x = kl.Conv2D(6, (1, 3), padding="same", activation="relu")(x)
    x = kl.Flatten()(kl.AveragePooling2D((1, 7))(x))
    return model(entry, kl.Dense(5, name="activity")(x), kl.Dense(3, name="group")(x))


@zoo
def time_is_height() -> Any:
    x = entry = image(LENGTH, 1, 3)
    x = kl.Conv2D(6, (5, 1), strides=(2, 1), padding="same", activation="relu")(x)
    x = kl.MaxPooling2D((2, 1))(x)
    return model(entry, kl.Dense(4)(kl.GlobalAveragePooling2D()(x)))


@zoo
def whole_width() -> Any:
    """Axes as columns: kernels and pools over the whole width are still one-dimensional."""
    x = entry = image(LENGTH, 3, 2)
    x = kl.AveragePooling2D((2, 3))(x)
    x = kl.Conv2D(6, (3, 1), activation="relu")(x)
    return model(entry, kl.Dense(4)(kl.Flatten()(x)))


@zoo
def whole_width_kernel() -> Any:
    x = entry = image(LENGTH, 3, 1)
    x = kl.Conv2D(6, (5, 3), activation="relu")(x)
    x = kl.MaxPooling2D((4, 1))(x)
    return model(entry, kl.Dense(4)(kl.Flatten()(x)))


@zoo
def mean_over_image() -> Any:
    """MEAN over both axes that keeps them: one runtime has code of its own for it."""
    x = entry = image(3, LENGTH, 1)
    x = kl.Conv2D(6, (1, 5), activation="relu")(x)
    x = kl.GlobalAveragePooling2D(keepdims=True)(x)
    return model(entry, kl.Flatten()(kl.Conv2D(4, (1, 1))(x)))


@zoo
def flat_input() -> Any:
    x = entry = keras.Input(batch_shape=(1, 3 * LENGTH))
    x = kl.Conv1D(6, 5, activation="relu")(kl.Reshape((LENGTH, 3))(x))
    return model(entry, kl.Dense(4)(kl.Flatten()(kl.MaxPooling1D(4)(x))))


@zoo
def dense_only() -> Any:
    x = entry = series()
    x = kl.Dense(16, activation="relu")(kl.Flatten()(x))
    x = kl.Dense(12, activation="relu6", use_bias=False)(x)
    return model(entry, kl.Dense(4)(x))


@zoo
def dense_per_tensor() -> Any:
    return dense_only()


# --- refused, each with a reason ---


@zoo
def refused_float32() -> Any:
    return conv1d_valid()


@zoo
def refused_dynamic_range() -> Any:
    x = entry = series()
    return model(entry, kl.Dense(8)(kl.Dense(48)(kl.Flatten()(x))))


@zoo
def refused_int16() -> Any:
    return conv1d_valid()


@zoo
def refused_float_ends() -> Any:
    return conv1d_valid()


@zoo
def refused_softmax() -> Any:
    x = entry = series()
    return model(entry, kl.Dense(4, activation="softmax")(kl.Flatten()(x)))


@zoo
def refused_transpose() -> Any:
    x = entry = series()
    x = kl.Permute((2, 1))(kl.Conv1D(4, 3)(x))
    return model(entry, kl.Dense(4)(kl.Flatten()(x)))


@zoo
def refused_dynamic_batch() -> Any:
    x = entry = keras.Input(shape=(LENGTH, 3))
    x = kl.Conv1D(4, 3)(x)
    return model(entry, kl.Dense(4)(kl.Flatten()(x)))


@zoo
def refused_square_kernel() -> Any:
    x = entry = image(8, 8, 2)
    return model(entry, kl.Dense(4)(kl.Flatten()(kl.Conv2D(4, (3, 3))(x))))


@zoo
def refused_dilation() -> Any:
    x = entry = series()
    x = kl.Conv1D(4, 3, dilation_rate=2)(x)
    return model(entry, kl.Dense(4)(kl.Flatten()(x)))


def representative(shape: tuple[int, ...]) -> Callable[[], Iterator[list[Any]]]:
    """Values around 0.35: the input's zero point is none of the usual ones."""
    generator = np.random.default_rng(3)

    def windows() -> Iterator[list[Any]]:
        for _ in range(64):
            yield [(generator.normal(0.35, 0.9, (1, *shape[1:]))).astype(np.float32)]

    return windows


def randomize(net: Any, seed: int) -> None:
    """Biases that are not zero, and channels of very different size."""
    generator = np.random.default_rng(seed)
    for layer in net.layers:
        weights = []
        for array in layer.get_weights():
            spread = np.exp(generator.normal(0, 0.6, array.shape[-1]))
            noise = generator.normal(0, 0.3, array.shape) if array.ndim == 1 else 0.0
            weights.append((array * spread + noise).astype(np.float32))
        layer.set_weights(weights)


def convert(name: str, net: Any) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(net)
    if name == "refused_float32":
        return bytes(converter.convert())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if name == "refused_dynamic_range":
        return bytes(converter.convert())
    converter.representative_dataset = representative(net.input_shape)
    sets = tf.lite.OpsSet
    wide = sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    converter.target_spec.supported_ops = [
        wide if name == "refused_int16" else sets.TFLITE_BUILTINS_INT8
    ]
    if name not in {"refused_int16", "refused_float_ends"}:
        converter.inference_input_type = converter.inference_output_type = tf.int8
    if name == "dense_per_tensor":
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return bytes(converter.convert())


def main(names: list[str]) -> None:
    for number, (name, build) in enumerate(MODELS.items()):
        if names and name not in names:
            continue
        keras.utils.set_random_seed(number)
        net = build()
        randomize(net, seed=100 + number)
        with contextlib.redirect_stdout(io.StringIO()):  # the converter lists tensors there
            data = convert(name, net)
        (FOLDER / f"{name}.tflite").write_bytes(data)
        print(f"{name}: {len(data)} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
