"""Generated C: the constants of every layer, as tables in flash and the structs over them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wearkit.integer.graph import Rounding
from wearkit_export.c.calls import (
    AddCall,
    Call,
    ConvCall,
    DenseCall,
    DepthwiseCall,
    LinearCall,
    LookupCall,
    MeanCall,
    PoolCall,
)
from wearkit_export.c.constants import padded, tiles

_COLUMNS = 100
_INDENT = "    "


def layer_source(call: Call, rounding: Rounding) -> str:
    """The constants of one layer and the struct that points to them."""
    return "\n".join([f"/* {_describe(call)} */", *_parts(call, rounding)])


def layer_declaration(call: Call) -> str:
    """What another source file must know of a layer."""
    types = {
        ConvCall: "wk_conv1d_t",
        DenseCall: "wk_dense_t",
        DepthwiseCall: "wk_depthwise1d_t",
        PoolCall: "wk_pool1d_t",
        MeanCall: "wk_mean_t",
        AddCall: "wk_add_t",
    }
    if isinstance(call, LookupCall):
        return f"extern const int8_t wk_{call.name}_table[256];\n"
    return f"extern const {types[type(call)]} wk_{call.name};\n"


def numbers(values: Iterable[object], indent: str = _INDENT, columns: int = _COLUMNS) -> str:
    """Comma-separated, wrapped at the line length, a comma after each."""
    lines, line = [], indent
    for value in values:
        text = f"{value}, "
        if len(line) + len(text) > columns + 1:
            lines.append(line.rstrip())
            line = indent
        line += text
    return "\n".join([*lines, line.rstrip()])


def _parts(call: Call, rounding: Rounding) -> Iterator[str]:
    match call:
        case ConvCall():
            yield _tiles(call, 2) if call.tiled else _taps(call)
            yield _channels(call, rounding)
            yield _conv_struct(call)
        case DenseCall():
            yield _tiles(call, 4)
            yield _channels(call, rounding)
            yield _dense_struct(call)
        case DepthwiseCall():
            weights = numbers(call.constants.weight.ravel().tolist())
            yield f"static const int8_t {call.name}_weights[] WK_FLASH = {{\n{weights}\n}};\n"
            yield _channels(call, rounding)
            yield _depthwise_struct(call)
        case PoolCall():
            yield _pool_struct(call)
        case MeanCall():
            yield _mean_struct(call)
        case LookupCall():
            table = numbers(call.table.tolist())
            yield f"const int8_t wk_{call.name}_table[256] WK_FLASH = {{\n{table}\n}};\n"
        case AddCall():
            yield _add_struct(call)


def _describe(call: Call) -> str:
    shape = " x ".join(str(extent) for extent in call.source.shape)
    target = " x ".join(str(extent) for extent in call.target.shape)
    match call:
        case DenseCall():
            return f"{call.name}: dense, {call.constants.inputs} -> {call.constants.outputs}"
        case ConvCall():
            summary = f"convolution of {call.op.kernel} steps"
            summary += f", maximum of {call.pool}" if call.pool > 1 else ""
            summary += ", mean over time" if call.mean else ""
        case DepthwiseCall():
            summary = f"convolution of {call.op.kernel} steps, each channel on its own"
        case PoolCall():
            summary = f"{'maximum' if call.maximum else 'mean'} of {call.op.size} steps"
        case MeanCall():
            summary = "mean over time"
        case LookupCall():
            summary = "activation function"
        case _:
            summary = "sum"
    return f"{call.name}: {summary}, {shape} -> {target}"


def _tiles(call: ConvCall | DenseCall, channels: int) -> str:
    rows = (
        f"{_INDENT}WK_TILE{channels}("
        + f",\n{_INDENT * 4}".join(", ".join(map(str, row)) for row in tile)
        + "),"
        for tile in tiles(call.constants.weight, channels).tolist()
    )
    body = "\n".join(rows)
    return f"static const int8_t {call.name}_tiles[] WK_FLASH WK_WORD_ALIGNED = {{\n{body}\n}};\n"


def _taps(call: ConvCall) -> str:
    """A macro that puts the taps of two channels where the kernels want them, and its uses."""
    window = call.constants.inputs
    macro = f"{call.name.upper()}_TAPS"
    first, second = ([f"{letter}{at}" for at in range(window)] for letter in "ab")
    rows = padded(call.constants.weight).tolist()
    uses = "\n".join(
        f"{_INDENT}{macro}(\n{numbers([*a, *b], _INDENT * 2).rstrip(',')}),"
        for a, b in zip(rows[::2], rows[1::2], strict=True)
    )
    return (
        "#if defined(WK_TARGET_DSP)\n"
        f"{_macro(macro, [*first, *second], _interleaved(first, second, 2))}"
        f"#else\n{_macro(macro, [*first, *second], _interleaved(first, second, 16))}#endif\n"
        f"static const wk_tap_t {call.name}_taps[] WK_FLASH WK_WORD_ALIGNED = {{\n{uses}\n}};\n"
    )


def _interleaved(first: list[str], second: list[str], length: int) -> list[str]:
    """So many of one, as many of the other, and so on; zeros fill up the last."""
    slots: list[str] = []
    for at in range(0, len(first), length):
        for names in (first, second):
            part = names[at : at + length]
            slots += [*part, *["0"] * (length - len(part))]
    return slots


def _macro(name: str, arguments: list[str], values: list[str]) -> str:
    def joined(items: list[str], indent: str) -> str:
        lines = numbers(items, indent, _COLUMNS - len(" \\"))
        return lines.rstrip(",").replace("\n", " \\\n")

    head = f"#define {name}( \\\n{joined(arguments, _INDENT * 2)}) \\\n"
    return head + joined(values, _INDENT) + "\n"


def _channels(call: LinearCall, rounding: Rounding) -> str:
    body = "\n".join(f"{_INDENT}{{ {row} }}," for row in _channel_rows(call, rounding))
    return f"static const wk_channel_t {call.name}_channels[] WK_FLASH = {{\n{body}\n}};\n"


def _channel_rows(call: LinearCall, rounding: Rounding) -> Iterator[str]:
    values = call.constants
    tiled = isinstance(call, DenseCall) or (isinstance(call, ConvCall) and call.tiled)
    # A depthwise kernel takes the zero point off each input itself.
    biases = call.op.bias if isinstance(call, DepthwiseCall) else values.bias
    for at, bias in enumerate(biases.tolist()):
        folded = f"WK_TILED_BIAS({bias}, {values.odd_sum[at]})" if tiled else str(bias)
        row = f"{folded}, {values.multiplier[at]}, {values.shift[at]}"
        yield f"{row}, {values.fraction[at]}" if rounding == "litert-ref" else row


def _outputs(call: LinearCall) -> str:
    values = call.constants
    return (
        f"{{ {call.name}_channels, {values.outputs}, {values.zero_point}, "
        f"{values.low}, {values.high} }}"
    )


def _struct(c_type: str, name: str, *lines: str) -> str:
    body = "".join(f"{_INDENT}{line},\n" for line in lines)
    return f"const {c_type} wk_{name} = {{\n{body}}};\n"


def _conv_struct(call: ConvCall) -> str:
    weights = f".tiles = {call.name}_tiles" if call.tiled else f".taps = {call.name}_taps"
    return _struct(
        "wk_conv1d_t",
        call.name,
        weights,
        f".outputs = {_outputs(call)}",
        f".window = {call.constants.inputs}, .step = {call.step}",
        f".pool = {call.pool}, .pool_stride = {call.pool_stride}",
    )


def _dense_struct(call: DenseCall) -> str:
    return _struct(
        "wk_dense_t",
        call.name,
        f".tiles = {call.name}_tiles",
        f".outputs = {_outputs(call)}",
        f".inputs = {call.constants.inputs}, .segment = {call.segment}",
    )


def _depthwise_struct(call: DepthwiseCall) -> str:
    return _struct(
        "wk_depthwise1d_t",
        call.name,
        f".weights = {call.name}_weights",
        f".outputs = {_outputs(call)}",
        f".in_channels = {call.source.shape[2]}, .kernel = {call.op.kernel}",
        f".stride = {call.op.stride}, .pad_before = {call.op.pad_before}",
        f".in_zero_point = {call.source.zero_point}",
    )


def _pool_struct(call: PoolCall) -> str:
    return _struct(
        "wk_pool1d_t",
        call.name,
        f".channels = {call.source.shape[2]}, .size = {call.op.size}",
        f".stride = {call.op.stride}, .pad_before = {call.op.pad_before}",
    )


def _mean_struct(call: MeanCall) -> str:
    return _struct(
        "wk_mean_t",
        call.name,
        f".multiplier = {call.multiplier}, .sum_offset = {call.sum_offset}",
        f".offset = {call.offset}, .shift = {call.shift}, .once = {int(call.once)}",
        f".up_channels = {call.up_channels}",
    )


def _add_struct(call: AddCall) -> str:
    def three(values: Iterable[int]) -> str:
        return f"{{ {', '.join(map(str, values))} }}"

    return _struct(
        "wk_add_t",
        call.name,
        f".multiplier = {three(call.multipliers)}, .shift = {three(call.shifts)}",
        f".zero_point = {three((*call.zero_points, call.zero_point))}",
        f".low = {call.low}, .high = {call.high}",
    )
