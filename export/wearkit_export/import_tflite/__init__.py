"""Read a full-int8 .tflite file that others made into a QuantizedGraph.

The file is not trusted: `flatbuffer` checks every offset, `model_file` every index, `mapping` and
`operators` every number, and the graph itself every shape and scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wearkit.errors import DataError, ModelFileError
from wearkit.integer.graph import QuantizedGraph, Rounding
from wearkit.integer.requantize import family_gap
from wearkit.spec import TaskSpec
from wearkit_export.import_tflite.labels import imported_spec
from wearkit_export.import_tflite.mapping import GraphBuilder, unsupported
from wearkit_export.import_tflite.model_file import FileOperator, ModelFile, read_model_file
from wearkit_export.import_tflite.operators import OPERATORS
from wearkit_export.import_tflite.outputs import Matched, Output, handles

__all__ = ["Imported", "import_tflite", "outputs_of"]

_LOGITS = (
    "convert the model again without its last activation, so that it ends in logits, from which "
    "the label and its probability follow"
)
_FIXED_BATCH = (
    "convert from a model with a fixed batch of 1, in Keras Input(batch_shape=(1, ...)), which "
    "leaves a plain RESHAPE"
)
_UNDILATED = (
    "dilated and causal convolutions are not read: train one whose convolutions have padding "
    "'same' or 'valid' and no dilation"
)
_NORMALIZE = (
    "normalize the data before the model, and let a BatchNormalization stand right behind a "
    "convolution or dense layer, before its activation"
)
_REMEDIES = {
    "SOFTMAX": _LOGITS,
    "LOGISTIC": _LOGITS,
    "QUANTIZE": "convert with int8 as inference input and output type and without mixed types",
    "DEQUANTIZE": "convert with int8 as inference input and output type and without mixed types",
    "TRANSPOSE": "keep time and channels in one order, as Keras does by itself; a model converted "
    "from PyTorch turns its input and cannot be read",
    "SHAPE": _FIXED_BATCH,
    "STRIDED_SLICE": _FIXED_BATCH,
    "PACK": _FIXED_BATCH,
    "PAD": "padding apart from a convolution (causal padding, ZeroPadding1D, PyTorch's) is not "
    "read, and neither is dilation: train a model whose convolutions have padding 'same' or "
    "'valid' and no dilation, which is another network",
    "SPACE_TO_BATCH_ND": _UNDILATED,
    "BATCH_TO_SPACE_ND": _UNDILATED,
    "REDUCE_MAX": "put a MaxPooling1D over all steps, and Flatten, in the place of "
    "GlobalMaxPooling1D: the numbers are the same",
    "MUL": _NORMALIZE,
    "SUB": _NORMALIZE,
}


_RECURRENT = ("LSTM", "RNN")


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """input_shape: as the file has it, with the batch of 1.

    matched: the output of the file behind each task, in the order of the tasks.

    external_constants: constants lie where TFLite Micro does not look for them, so that it
    cannot run this very file.
    """

    graph: QuantizedGraph
    input_shape: tuple[int, ...]
    matched: Matched
    operators: tuple[str, ...]
    external_constants: bool

    @property
    def output_places(self) -> Mapping[str, int]:
        """Task -> place among the outputs of the file."""
        pairs = zip(self.graph.model.tasks, self.matched.outputs, strict=True)
        return {task.name: output.place for task, output in pairs}


def import_tflite(
    data: bytes,
    tasks: Sequence[TaskSpec] | None = None,
    rounding: Rounding = "tflm",
    outputs: Sequence[str] | None = None,
) -> Imported:
    """The graph of a .tflite file.

    tasks: names and labels of the outputs, in the order of the logits; None: named after the
    outputs. rounding: the graph's family. outputs: names of the file's outputs in the order of the
    tasks; None: as `outputs.match` finds it.
    Raises ModelFileError for a file that is damaged or holds what is not supported, naming it;
    DataError for tasks that do not fit.
    """
    file = read_model_file(data)
    check_numbers(file)
    file.check_constants()
    mapping = GraphBuilder(file)
    name = mapping.enter()
    for operator in file.operators:
        handler = OPERATORS.get(operator.name)
        if handler is None:
            raise unsupported(operator, _remedy(operator))
        try:
            handler(mapping, operator)
        except ModelFileError as error:
            raise _at(operator, error) from error
    try:
        spec, matched = imported_spec(_outputs(file, mapping), tasks, outputs)
    except DataError as error:
        if tasks is not None or outputs is not None:
            raise
        raise ModelFileError(str(error)) from error
    order = tuple(output.tensor for output in matched.outputs)
    graph = mapping.finish(name, spec, order, rounding)
    gap = family_gap(graph, rounding)
    if gap is not None:
        raise ModelFileError(f"{gap} Choose another family with --rounding.")
    return Imported(
        graph=graph,
        input_shape=file.tensor(file.inputs[0]).shape,
        matched=matched,
        operators=tuple(operator.name for operator in file.operators),
        external_constants=file.external_constants,
    )


def outputs_of(graph: QuantizedGraph, data: bytes) -> list[str]:
    """What `import_tflite` must be given as `outputs` to make this graph of the file again: its
    heads name the tensors of the file they were read from.

    Raises ModelFileError when a head is no output of the file.
    """
    file = read_model_file(data)
    names = handles([_named_output(file, place, values=0) for place in range(len(file.outputs))])
    by_tensor = {f"t{index}": name for index, name in zip(file.outputs, names, strict=True)}
    listed = [by_tensor.get(head.tensor.split(".")[0]) for head in graph.heads]
    if None in listed:
        raise ModelFileError("The graph was not imported from this .tflite file.")
    return [name for name in listed if name is not None]


def check_numbers(file: ModelFile) -> None:
    """Raises ModelFileError, with the remedy, for a model that does not compute in int8."""
    names = {operator.name for operator in file.operators}
    recurrent = sorted(name for name in names if name.endswith(_RECURRENT))
    if recurrent:
        raise ModelFileError(
            f"The model holds {recurrent[0]}, and recurrent layers are not read, since TFLite "
            "keeps the cell of an int8 LSTM in int16 whatever it is converted with: train one of "
            "convolutions."
        )
    types = {tensor.type for tensor in file.tensors}
    ends = {file.tensor(index).type for index in (*file.inputs, *file.outputs)}
    if ends <= {"INT8"} and "INT16" not in types:
        return
    if "INT16" in types:
        kind = "computes with int16 activations"
    elif "FLOAT32" in ends and {"QUANTIZE", "DEQUANTIZE"} & names:
        kind = "takes or gives float32 around an int8 model"
    elif "FLOAT32" in ends and "INT8" in types:
        kind = "is a dynamic-range model: int8 weights, but float32 activations"
    elif "FLOAT32" in ends:
        kind = "is a float32 model"
    else:
        kind = f"has inputs and outputs of type {', '.join(sorted(ends))}"
    remedy = (
        "convert with full integer quantization: a representative data set, TFLITE_BUILTINS_INT8, "
        "and int8 as inference input and output type"
    )
    raise ModelFileError(f"The model {kind}; only full int8 is supported: {remedy}.")


def _remedy(operator: FileOperator) -> str:
    known = ", ".join(sorted(OPERATORS))
    return _REMEDIES.get(operator.name, f"what can be imported is {known}")


def _at(operator: FileOperator, error: ModelFileError) -> ModelFileError:
    """The same error with the operator's position, if it does not name it yet."""
    start = f"Operator {operator.position}, {operator.name}"
    text = str(error)
    return error if text.startswith(start) else ModelFileError(f"{start}: {text}")


def _outputs(file: ModelFile, mapping: GraphBuilder) -> list[Output]:
    if not file.outputs:
        raise ModelFileError("The model has no output.")
    return [
        _named_output(file, place, mapping.output(index).size)
        for place, index in enumerate(file.outputs)
    ]


def _named_output(file: ModelFile, place: int, values: int) -> Output:
    index = file.outputs[place]
    signed = file.signature.get(index)
    return Output(index, place, signed or file.tensor(index).name, bool(signed), values)
