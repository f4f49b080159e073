"""Model files of a bundle, parsed back and held against its graph before a runtime sees them."""

from __future__ import annotations

from dataclasses import replace

from wearkit.bundle.bundle import INT8_ONNX, INT8_TFLITE, Bundle
from wearkit.errors import DataError, MissingToolError, ModelFileError, VerificationError
from wearkit.integer.graph import Add, Head, Op, QuantizedGraph, inputs_of
from wearkit.integer.graph_file import model_id
from wearkit.spec import ImportedSpec
from wearkit_export.import_tflite import Imported, import_tflite, outputs_of
from wearkit_export.import_tflite.model_file import read_model_file


def checked_model(bundle: Bundle, name: str) -> bytes:
    """Bytes that compute the integers of the bundle's graph, for a runtime to run.

    name: INT8_TFLITE, of which the bundle's own bytes are given once they are known to be the
    graph's, or INT8_ONNX, which is printed anew: of two files with the same layers the one is
    given that nobody else wrote. Raises ModelFileError when the file holds another model, or is no
    such file; MissingToolError without the package that reads it.
    """
    if name == INT8_TFLITE:
        return _checked_tflite(bundle)
    if name == INT8_ONNX:
        return _checked_onnx(bundle)
    raise ModelFileError(f"{name} is not a model file that can be held against a graph.")


def _checked_tflite(bundle: Bundle) -> bytes:
    data = bundle.read(INT8_TFLITE)
    graph = bundle.graph
    try:
        # Whatever order was stated when it was imported; for one of ours the signature names it.
        order = outputs_of(graph, data) if isinstance(graph.model, ImportedSpec) else None
        imported = import_tflite(data, graph.model.tasks, graph.rounding, outputs=order)
    except (DataError, ModelFileError) as error:
        raise _another(bundle, INT8_TFLITE, str(error)) from error
    if isinstance(bundle.graph.model, ImportedSpec):
        same = model_id(imported.graph) == bundle.model_id
    else:
        same = _nameless_id(imported.graph) == _nameless_id(bundle.graph)
        same = same and _named_by_task(data, imported) and not imported.external_constants
    if not same:
        raise _another(bundle, INT8_TFLITE, "its layers, numbers or outputs differ")
    return data


def _checked_onnx(bundle: Bundle) -> bytes:
    try:
        from wearkit_export.formats.emit_onnx import emit_onnx
        from wearkit_export.formats.fingerprint import check_same, read_graph
        from wearkit_export.formats.read_onnx import read_onnx
    except ImportError as error:
        raise MissingToolError(
            f"{INT8_ONNX} cannot be held against the bundle's graph without the package onnx: pip "
            "install 'wearkit[live]'."
        ) from error
    data, printed = bundle.read(INT8_ONNX), emit_onnx(bundle.graph, bundle.model_id)
    if data != printed:  # of another wearkit, or another onnx package, or of another model
        try:
            check_same(read_graph(bundle.graph), read_onnx(data), INT8_ONNX)
        except VerificationError as error:
            raise _another(bundle, INT8_ONNX, str(error)) from error
    return printed


def _nameless_id(graph: QuantizedGraph) -> str:
    """Digest of a graph whose operations and tensors are called by their place: a .tflite written
    from a graph and read again has other names, and of what the windows mean it says nothing."""
    names = {graph.input: "input"}
    names |= {op.output: f"t{place}" for place, op in enumerate(graph.ops)}
    ops: list[Op] = []
    for place, op in enumerate(graph.ops):
        sources = [names[name] for name in inputs_of(op)]
        called = replace(op, name=f"op{place}", input=sources[0], output=names[op.output])
        ops.append(replace(called, other=sources[1]) if isinstance(called, Add) else called)
    tensors = {tensor.name: tensor for tensor in graph.tensors if tensor.name in names}
    plain = replace(
        graph,
        model=ImportedSpec(graph.model.tasks),
        tensors=tuple(replace(tensors[name], name=new) for name, new in names.items()),
        ops=tuple(ops),
        input="input",
        heads=tuple(Head(head.task, names[head.tensor]) for head in graph.heads),
    )
    return model_id(plain)


def _named_by_task(data: bytes, imported: Imported) -> bool:
    """A runtime finds the outputs of a file of ours by the names in its signature."""
    file = read_model_file(data)
    stated = {
        task: file.signature.get(file.outputs[at]) for task, at in imported.output_places.items()
    }
    return len(file.signature) == len(stated) and all(task == name for task, name in stated.items())


def _another(bundle: Bundle, name: str, why: str) -> ModelFileError:
    return ModelFileError(
        f"{bundle.path / name} does not hold the model of graph.json and is not run ({why}): "
        "export again."
    )
