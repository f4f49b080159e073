"""From the operators of a .tflite file to the operations of a QuantizedGraph.

A graph tensor is (rows, steps, channels). An operator looks at the bytes of an image
(height, width, channels) as a series along its own time axis (see `view`); where two operators
look at the same bytes differently, a Reshape stands between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from wearkit.errors import ModelFileError
from wearkit.integer.graph import (
    Activation,
    Head,
    Op,
    QuantizedGraph,
    Relu,
    Reshape,
    Rounding,
    Tensor,
)
from wearkit.spec import ImportedSpec
from wearkit_export.import_tflite.model_file import FileOperator, FileTensor, ModelFile

Shape = tuple[int, int, int]

_SIZE_MAX = 1 << 22
_ACTIVATIONS: dict[int, Activation] = {0: "none", 1: "relu", 3: "relu6"}
_NUMBERS_REMEDY = (
    "convert with full integer quantization (a representative data set, TFLITE_BUILTINS_INT8 and "
    "int8 as inference input and output type)"
)


@dataclass(slots=True)
class GraphBuilder:
    """The graph so far. values: tensor of the file -> tensor of the graph with the same bytes."""

    file: ModelFile
    tensors: dict[str, Tensor] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)
    values: dict[int, str] = field(default_factory=dict)

    def enter(self) -> str:
        """Define the input of the model; its name in the graph."""
        if len(self.file.inputs) != 1:
            raise ModelFileError(
                f"The model has {len(self.file.inputs)} inputs and only one is supported: join "
                "them into one window."
            )
        source = self.file.tensor(self.file.inputs[0])
        tensor = self._define(source, natural_shape(source))
        return tensor.name

    def read(self, operator: FileOperator, operand: int, shape: Shape | None = None) -> Tensor:
        """The activation an operator reads, seen as `shape` (None: as it was written)."""
        index = self.operand(operator, operand).index
        if index not in self.values:
            raise unsupported(operator, f"its operand {operand} is not computed before it")
        tensor = self.tensors[self.values[index]]
        if shape is None or tensor.shape == shape:
            return tensor
        return self.reshape(tensor, shape)

    def reshape(self, source: Tensor, shape: Shape) -> Tensor:
        """The same bytes under another shape."""
        name = f"{source.name}.{'x'.join(str(extent) for extent in shape)}"
        if name not in self.tensors:
            target = Tensor(name, shape, source.scale, source.zero_point)
            self.tensors[name] = target
            self.ops.append(Reshape(f"reshape_{name}", source.name, name))
        return self.tensors[name]

    def operand(self, operator: FileOperator, number: int) -> FileTensor:
        """An input that must be there."""
        if number >= len(operator.inputs) or operator.inputs[number] < 0:
            raise unsupported(operator, f"its operand {number} is missing")
        return self.file.tensor(operator.inputs[number])

    def result(self, operator: FileOperator) -> FileTensor:
        """The one output of an operator."""
        if len(operator.outputs) != 1:
            raise unsupported(operator, f"it has {len(operator.outputs)} outputs")
        return self.file.tensor(operator.outputs[0])

    def write(self, operator: FileOperator, shape: Shape, file_shape: tuple[int, ...]) -> Tensor:
        """Define the output of an operator, which has the shape `given` in the file."""
        target = self.result(operator)
        if target.shape != file_shape or _size(file_shape) != _size(shape):
            raise unsupported(
                operator, f"it gives {list(file_shape)}, but the file says {list(target.shape)}"
            )
        return self._define(target, shape)

    def alias(self, operator: FileOperator) -> None:
        """The output is the input under another shape: nothing is computed."""
        source, target = self.read(operator, 0), self.result(operator)
        activation = quantization(target)
        if activation != (source.scale, source.zero_point):
            raise unsupported(operator, "it changes scale or zero point")
        if _size(target.shape) != source.size or target.index in self.values:
            raise unsupported(operator, f"it cannot give {list(target.shape)}")
        self.values[target.index] = source.name

    def activate(self, operator: FileOperator, source: Tensor, activation: Activation) -> None:
        """A pool's activation function, which the graph holds as an operation of its own."""
        target = self.result(operator)
        name = f"t{target.index}.{activation}"
        self.tensors[name] = Tensor(name, source.shape, source.scale, source.zero_point)
        self.ops.append(Relu(f"{activation}_{operator.position}", source.name, name, activation))
        self.values[target.index] = name

    def finish(
        self, input_name: str, tasks: ImportedSpec, order: tuple[int, ...], rounding: Rounding
    ) -> QuantizedGraph:
        """order: for every task the tensor of the file that answers it."""
        heads = []
        for task, index in zip(tasks.tasks, order, strict=True):
            logits = self.output(index)
            flat = (1, 1, logits.size)
            tensor = logits if logits.shape == flat else self.reshape(logits, flat)
            heads.append(Head(task.name, tensor.name))
        self._drop_unread({head.tensor for head in heads})
        tensors = tuple(self.tensors.values())
        return QuantizedGraph(tasks, tensors, tuple(self.ops), input_name, tuple(heads), rounding)

    def output(self, index: int) -> Tensor:
        """The graph tensor of an output of the model."""
        if index not in self.values:
            raise ModelFileError(f"No operator computes output tensor {index} of the model.")
        return self.tensors[self.values[index]]

    def _drop_unread(self, wanted: set[str]) -> None:
        """Operations whose result nobody asks for, which C could not place."""
        for op in reversed(self.ops):
            if op.output in wanted:
                wanted |= {op.input, getattr(op, "other", op.input)}
        self.ops = [op for op in self.ops if op.output in wanted]
        written = {op.output for op in self.ops}
        self.tensors = {
            name: tensor
            for index, (name, tensor) in enumerate(self.tensors.items())
            if index == 0 or name in written
        }

    def _define(self, tensor: FileTensor, shape: Shape) -> Tensor:
        if tensor.index in self.values:
            raise ModelFileError(f"Two operators of the model write tensor {tensor.index}.")
        scale, zero_point = quantization(tensor)
        defined = Tensor(f"t{tensor.index}", shape, scale, zero_point)
        self.tensors[defined.name] = defined
        self.values[tensor.index] = defined.name
        return defined


Handler = Callable[[GraphBuilder, FileOperator], None]


def unsupported(operator: FileOperator, reason: str) -> ModelFileError:
    """The error of an operator that cannot be had, by its position in the file (from 0)."""
    return ModelFileError(
        f"Operator {operator.position}, {operator.name}, is not supported: {reason}."
    )


def natural_shape(tensor: FileTensor) -> Shape:
    """(1, [[rows,] steps,] channels) as a graph tensor. Raises ModelFileError for other shapes."""
    shape = tensor.shape
    if not 1 <= len(shape) <= 4 or (len(shape) > 1 and shape[0] != 1) or not _size(shape):
        raise ModelFileError(
            f"Tensor {tensor.index} ({tensor.name!r}) has shape {list(shape)}; only a batch of 1 "
            "and up to three dimensions beside it are supported: convert with a fixed batch of 1."
        )
    rows, steps, channels = (1, 1, 1, *shape[1:])[-3:] if len(shape) > 1 else (1, 1, shape[0])
    return rows, steps, channels


def quantization(tensor: FileTensor) -> tuple[float, int]:
    """Scale and zero point of an int8 activation. Raises ModelFileError for any other type."""
    where = f"Tensor {tensor.index} ({tensor.name!r})"
    if tensor.type != "INT8":
        raise ModelFileError(
            f"{where} is {tensor.type} and only int8 activations are supported: {_NUMBERS_REMEDY}."
        )
    if len(tensor.scales) != 1 or len(tensor.zero_points) != 1:
        raise ModelFileError(
            f"{where} has {len(tensor.scales)} scales and {len(tensor.zero_points)} zero points "
            "where an int8 activation has one of each: " + _NUMBERS_REMEDY + "."
        )
    return float(tensor.scales[0]), int(tensor.zero_points[0])


def activation_function(operator: FileOperator, number: int) -> Activation:
    if number not in _ACTIVATIONS:
        raise unsupported(operator, "its activation function is neither none, RELU nor RELU6")
    return _ACTIVATIONS[number]


def _size(shape: tuple[int, ...]) -> int:
    """Values of a shape; 0 for what is empty or far too large to be a window."""
    size = 1
    for extent in shape:
        size *= extent
        if not 0 < size <= _SIZE_MAX:
            return 0
    return size
