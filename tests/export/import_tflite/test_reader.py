"""The reader and the mapping, one damage at a time."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wearkit.errors import ModelFileError
from wearkit.integer import reference
from wearkit.integer.graph import Conv1D, MaxPool1D, MeanTime, Reshape

SAME, VALID = 0, 1


def import_it(data: bytes, **options: Any) -> Any:
    from wearkit_export.import_tflite import import_tflite

    return import_tflite(data, **options)


def dense_file(file_builder: Any, edit: Callable[[Any], object] = lambda file: None) -> bytes:
    """2 values -> dense layer -> 3 logits; `edit` changes it before it is written."""
    file = file_builder()
    source, target = file.activation((1, 2), 0.5, 3), file.activation((1, 3), 0.25, -7)
    weight = np.array([[1, 2], [-3, 4], [100, -100]], np.int8)
    file.dense(source, target, weight, np.full(3, 0.5, np.float32), np.zeros(3, np.int32))
    edit(file)
    return bytes(file.finish([source], [target]))


def test_a_graph_by_hand(file_builder: Any) -> None:
    imported = import_it(dense_file(file_builder))
    logits = reference.run(imported.graph, np.array([[[[5, 1]]]], np.int8))
    # (5 - 3, 1 - 3) = (2, -2); * 0.5 * 0.5 / 0.25 = 1; + (-7)
    assert logits["tensor_1"].tolist() == [[2 - 4 - 7, -6 - 8 - 7, 127]]
    assert imported.input_shape == (1, 2)
    assert imported.operators == ("FULLY_CONNECTED",)
    assert not imported.external_constants


def test_every_cut_is_refused(file_builder: Any) -> None:
    data = dense_file(file_builder)
    import_it(data)
    for length in range(len(data) - 8):
        with pytest.raises(ModelFileError):
            import_it(data[:length])


HEADERS = [
    (b"", "not a TFLite file"),
    (b"\0" * 100, "not a TFLite file"),
    (b"PK\x03\x04" + b"\0" * 100, "not a TFLite file"),
    (struct.pack("<I", 8) + b"TFL3" + b"\0" * 40, "damaged at its model"),
    (struct.pack("<I", 0xFFFFFFF0) + b"TFL3" + b"\0" * 40, "outside the file"),
    (struct.pack("<I", 0) + b"TFL3" + b"\0" * 40, "outside the file"),
]


@pytest.mark.parametrize(("data", "reason"), HEADERS)
def test_headers(data: bytes, reason: str) -> None:
    with pytest.raises(ModelFileError, match=reason):
        import_it(data)


def test_a_file_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch, file_builder: Any) -> None:
    from wearkit_export.import_tflite import model_file

    monkeypatch.setattr(model_file, "FILE_MAX_BYTES", 100)
    with pytest.raises(ModelFileError, match="larger than"):
        import_it(dense_file(file_builder))


def scale_of(number: int, values: list[float]) -> Callable[[Any], None]:
    def edit(file: Any) -> None:
        file.tensors[number].quantization.scale = np.array(values, np.float32)

    return edit


def zero_of(number: int, values: list[int]) -> Callable[[Any], None]:
    def edit(file: Any) -> None:
        file.tensors[number].quantization.zeroPoint = np.array(values, np.int64)

    return edit


def attribute(path: str, value: Any) -> Callable[[Any], None]:
    """Set file.<path>; a part that is a number is an index."""

    def edit(file: Any) -> None:
        *parents, last = path.split(".")
        found = file
        for part in parents:
            found = found[int(part)] if part.isdigit() else getattr(found, part)
        if last.isdigit():
            found[int(last)] = value
        else:
            setattr(found, last, value)

    return edit


DAMAGE = [
    (scale_of(0, [0.0]), "positive float32"),
    (scale_of(0, [float("nan")]), "positive float32|another scale"),
    (scale_of(0, [1e30]), "another scale|float32|too fine"),
    (scale_of(0, [0.5, 0.5]), "2 scales, but 1 zero points"),
    (scale_of(1, []), "0 scales, but 1 zero"),
    (scale_of(1, [1e-30]), "far too fine"),
    (scale_of(2, [0.5, 0.5]), "2 scales, but 3 zero"),
    (scale_of(3, [0.9, 0.9, 0.9]), "bias has another scale"),
    (zero_of(0, [200]), "zero point must fit int8"),
    (zero_of(2, [0, 1, 0]), "not symmetric"),
    (zero_of(3, [1, 0, 0]), "bias has a zero point"),
    (attribute("tensors.0.shape", [2, 1]), "batch of 1"),
    (attribute("tensors.0.shape", [1, -2]), "cannot have the shape"),
    (attribute("tensors.0.shape", [1, 2**23, 1]), "batch of 1"),
    (attribute("tensors.0.shape", [1, 5]), "weights take 2 values and its input has 5"),
    (attribute("tensors.0.shape", [1, 1, 1, 1, 2]), "batch of 1"),
    (attribute("tensors.1.shape", [1, 4]), "the file says"),
    (attribute("tensors.1.type", 0), "takes or gives float32|dynamic-range"),
    (attribute("tensors.1.buffer", 99), "refers to buffer 99"),
    (attribute("tensors.2.buffer", 0), "weights are not constant"),
    (attribute("tensors.2.shape", [3, 3]), "do not fill its shape"),
    (attribute("tensors.2.quantization.quantizedDimension", 1), "another axis"),
    (attribute("operators.0.inputs", [0]), "operand 1 is missing"),
    (attribute("operators.0.inputs", [0, 77, 3]), "refers to tensor 77"),
    (attribute("operators.0.inputs", [-1, 2, 3]), "operand 0 is missing"),
    (attribute("operators.0.inputs", [1, 2, 3]), "not computed before it"),
    (attribute("operators.0.inputs", [0, 0, 3]), "weights are not constant"),
    (attribute("operators.0.outputs", [0]), "Two operators of the model write|the file says"),
    (attribute("operators.0.outputs", []), "it has 0 outputs"),
    (attribute("operators.0.opcodeIndex", 5), "no operator code"),
    (attribute("operators.0.builtinOptionsType", 1), "options are missing"),
    (attribute("operators.0.builtinOptions.fusedActivationFunction", 2), "activation function"),
    (attribute("operators.0.builtinOptions.weightsFormat", 1), "shuffled"),
    (attribute("operators", []), "No operator computes output"),
    (attribute("codes.0", 4), r"^Operator 0, DEPTHWISE_CONV_2D"),
    (attribute("codes.0", 146), r"^Operator 0, \w+, is not supported"),
    (attribute("codes.0", 32), r"^Operator 0, custom operator"),
    (attribute("codes.0", 5000), r"^Operator 0, operator code 5000, is not supported"),
]


@pytest.mark.parametrize("number", range(len(DAMAGE)))
def test_damage(file_builder: Any, number: int) -> None:
    edit, reason = DAMAGE[number]
    with pytest.raises(ModelFileError, match=reason) as caught:
        import_it(dense_file(file_builder, edit))
    assert str(caught.value).endswith(".")


def test_two_inputs_and_two_subgraphs_are_refused(file_builder: Any) -> None:
    file = file_builder()
    first, second = file.activation((1, 4), 0.5, 0), file.activation((1, 4), 0.5, 0)
    target = file.activation((1, 4), 0.5, 0)
    file.add(first, second, target)
    with pytest.raises(ModelFileError, match="2 inputs"):
        import_it(file.finish([first, second], [target]))


def test_constants_behind_the_flatbuffer(file_builder: Any) -> None:
    """Some converters put large constants there; TFLite Micro then computes garbage."""
    weight = bytes([1, 2, 0xFD, 4, 100, 0x9C])

    def move(file: Any) -> None:
        buffer = file.buffers[file.tensors[2].buffer]
        buffer.data, buffer.offset, buffer.size = None, 10_000, len(weight)

    data = dense_file(file_builder, move)
    assert len(data) < 10_000
    moved = import_it(data.ljust(10_000, b"\0") + weight)
    plain = import_it(dense_file(file_builder))
    assert moved.external_constants and not plain.external_constants
    assert np.array_equal(moved.graph.ops[-1].weight, plain.graph.ops[-1].weight)
    with pytest.raises(ModelFileError, match="cut off"):
        import_it(data.ljust(10_000, b"\0") + weight[:-1])


def test_a_bias_may_be_left_out(file_builder: Any) -> None:
    for operands in ([0, 2], [0, 2, -1]):
        imported = import_it(dense_file(file_builder, attribute("operators.0.inputs", operands)))
        assert imported.graph.ops[0].bias.tolist() == [0, 0, 0]


def test_what_nobody_reads_is_dropped(file_builder: Any) -> None:
    def extra(file: Any) -> None:
        file.reshape(1, file.activation((1, 3, 1), 0.25, -7))
        file.relu(1, file.activation((1, 3), 0.25, -7))

    assert [type(op).__name__ for op in import_it(dense_file(file_builder, extra)).graph.ops] == [
        "Dense"
    ]


def pooled(file_builder: Any, size: int, shape: tuple[int, int, int, int]) -> Any:
    file = file_builder()
    source = file.activation(shape, 0.5, 3)
    target = file.activation((1, shape[1], shape[2] // size, shape[3]), 0.5, 3)
    file.pool(source, target, (1, size), (1, size), average=True)
    return import_it(file.finish([source], [target])).graph.ops[0]


def test_an_average_over_an_odd_number_of_all_steps_is_the_mean_we_know(file_builder: Any) -> None:
    assert isinstance(pooled(file_builder, 19, (1, 3, 19, 4)), MeanTime)
    assert not isinstance(pooled(file_builder, 18, (1, 3, 18, 4)), MeanTime)
    assert not isinstance(pooled(file_builder, 9, (1, 3, 18, 4)), MeanTime)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize(("size", "fits"), [(10, True), (11, False), (2**29, False)])
def test_a_window_that_only_padding_could_fill_is_refused(
    average: bool, size: int, fits: bool, file_builder: Any
) -> None:
    """Found by fuzzing: five steps and a window of 2**29 asked for gigabytes of padding."""
    file = file_builder()
    source, target = (file.activation((1, 1, steps, 4), 0.5, 3) for steps in (5, 1))
    file.pool(source, target, (1, size), (1, 5), padding=SAME, average=average)
    data = file.finish([source], [target])
    if fits:
        assert import_it(data).graph.ops[0].size == size
        return
    with pytest.raises(ModelFileError, match=f"window of {size} is out of proportion to its 5"):
        import_it(data)


SLIDES = [
    # input (height, width), window, stride, padding, series shape, size, stride, pads
    ((3, 20), (1, 5), (1, 2), SAME, (3, 20, 2), 5, 2, (1, 2)),
    ((1, 20), (1, 5), (2, 2), VALID, (1, 20, 2), 5, 2, (0, 0)),
    ((20, 1), (5, 1), (2, 1), SAME, (1, 20, 2), 5, 2, (1, 2)),
    ((20, 3), (5, 3), (2, 1), VALID, (1, 20, 6), 5, 2, (0, 0)),
    ((20, 3), (5, 3), (2, 7), VALID, (1, 20, 6), 5, 2, (0, 0)),
]


@pytest.mark.parametrize(
    ("image", "window", "stride", "padding", "shape", "size", "step", "pads"), SLIDES
)
def test_windows_on_images_are_windows_on_series(
    file_builder: Any,
    image: tuple[int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
    padding: int,
    shape: tuple[int, int, int],
    size: int,
    step: int,
    pads: tuple[int, int],
) -> None:
    count = (shape[1] + sum(pads) - size) // step + 1
    rows, columns = (count, 1) if shape[0] == 1 and image[1] != 20 else (image[0], count)
    file = file_builder()
    source = file.activation((1, *image, 2), 0.5, 3)
    target = file.activation((1, rows, columns, 4), 0.5, 3)
    weight = np.ones((4, *window, 2), np.int8)
    scale, bias = np.full(4, 0.01, np.float32), np.zeros(4, np.int32)
    file.convolution(source, target, weight, scale, bias, stride, padding)
    ops = import_it(file.finish([source], [target])).graph.ops
    (op,) = [op for op in ops if isinstance(op, Conv1D)]
    assert (op.kernel, op.stride, (op.pad_before, op.pad_after)) == (size, step, pads)
    assert op.weight.shape == (4, size, shape[2])


NOT_SLIDES = [
    ((20, 3), (5, 2), (1, 1), VALID, "5 x 2 window"),
    ((20, 3), (5, 3), (1, 1), SAME, "5 x 3 window"),
    ((3, 20), (1, 5), (2, 1), VALID, "stride 2 x 1"),
    ((3, 20), (3, 5), (1, 1), VALID, "3 x 5 window"),
    ((1, 4), (1, 5), (1, 1), VALID, "longer than its 4 steps"),
    ((1, 20), (1, 5), (1, 0), VALID, "not positive"),
    ((1, 20), (1, 5), (1, 1), 9, "neither SAME nor VALID"),
]


@pytest.mark.parametrize(("image", "window", "stride", "padding", "reason"), NOT_SLIDES)
def test_windows_in_two_directions_are_refused(
    file_builder: Any,
    image: tuple[int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
    padding: int,
    reason: str,
) -> None:
    file = file_builder()
    source, target = file.activation((1, *image, 2), 0.5, 3), file.activation((1, 4), 0.5, 3)
    weight = np.ones((4, *window, 2), np.int8)
    scale, bias = np.full(4, 0.01, np.float32), np.zeros(4, np.int32)
    file.convolution(source, target, weight, scale, bias, stride, padding)
    with pytest.raises(ModelFileError, match=rf"^Operator 0, CONV_2D.*{reason}"):
        import_it(file.finish([source], [target]))


def test_relabels_cost_nothing(file_builder: Any) -> None:
    """Squeezing and expanding leave no operation behind, only a change of the series does."""
    file = file_builder()
    source = file.activation((1, 8, 2), 0.5, 3)
    wide = file.activation((1, 1, 8, 2), 0.5, 3)
    file.operator(70, [source, file.constant(np.array([1], np.int32))], wide)  # EXPAND_DIMS
    half = file.activation((1, 1, 4, 2), 0.5, 3)
    file.pool(wide, half, (1, 2), (1, 2))
    narrow = file.activation((1, 4, 2), 0.5, 3)
    file.operator(43, [half], narrow)  # SQUEEZE
    flat = file.activation((1, 8), 0.5, 3)
    file.reshape(narrow, flat)
    ops = import_it(file.finish([source], [flat])).graph.ops
    assert [type(op) for op in ops] == [MaxPool1D, Reshape]


def test_a_relabel_that_changes_the_scale_is_refused(file_builder: Any) -> None:
    file = file_builder()
    source, target = file.activation((1, 8, 2), 0.5, 3), file.activation((1, 16), 0.25, 3)
    file.reshape(source, target)
    with pytest.raises(ModelFileError, match=r"^Operator 0, RESHAPE.*changes scale"):
        import_it(file.finish([source], [target]))
