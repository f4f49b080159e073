"""A QuantizedGraph as C99 for a microcontroller: tables in flash and straight calls to kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wearkit.files.safe_write import write_bytes
from wearkit.integer.graph import QuantizedGraph, Rounding
from wearkit_export.c.calls import Call, ConvCall, DenseCall, DepthwiseCall, MeanCall, PoolCall
from wearkit_export.c.plan import ArenaTarget, Plan, plan_model
from wearkit_export.c.stream import plan_stream, stream_header, stream_source
from wearkit_export.c.tables import layer_declaration, layer_source
from wearkit_export.c.text import GENERATED, layout_source, run_source
from wearkit_export.firmware import firmware_dir

_ROUNDINGS: dict[Rounding, tuple[str, str]] = {
    "tflm": ("WK_ROUND_AWAY", "WK_ROUND_AWAY"),
    "ruy": ("WK_ROUND_UP", "WK_ROUND_UP"),
    "litert-ref": ("WK_ROUND_AWAY", "WK_ROUND_SINGLE"),
    "xnnpack": ("WK_ROUND_FLOAT", "WK_ROUND_FLOAT"),
}
"""Family -> how convolutions and how dense layers round."""

_MVE = ("wk_mve.c", "wk_mve.h")
_HEADERS = (
    "wk_layer.h",
    "wk_platform.h",
    "wk_requantize.h",
    "wk_status.h",
    "wk_target.h",
)
# Kernel header -> the sources it needs.
_SOURCES: dict[str, tuple[str, ...]] = {
    "wk_conv1d.h": ("wk_conv1d_plain.c", "wk_plain.h", "wk_wide.h", "wk_wide_dsp.c", *_MVE),
    "wk_dense.h": (
        "wk_dense_dsp.c",
        "wk_dense_mve.c",
        "wk_dense_plain.c",
        "wk_wide.h",
        "wk_wide_dsp.c",
        *_MVE,
    ),
    "wk_depthwise1d.h": ("wk_depthwise1d.c",),
    "wk_elementwise.h": ("wk_elementwise.c",),
    "wk_mean.h": ("wk_mean.c", "wk_mean_mve.c", "wk_mean_time.c"),
    "wk_pool1d.h": ("wk_pool1d.c",),
}
_CONV = ("wk_conv1d_dsp.c", "wk_conv1d_mve.c")
_MAX2 = ("wk_conv1d_max2_dsp.c", "wk_conv1d_max2_mve.c")


@dataclass(frozen=True, slots=True)
class EmittedC:
    """What the sources need. arena_bytes: WK_ARENA_BYTES by kind of kernel; stream_step: samples
    a push of the stream takes, None for a model that cannot stream."""

    arena_bytes: Mapping[ArenaTarget, int]
    stream_step: int | None


def emit_c(graph: QuantizedGraph, out: Path, *, model_id: str) -> EmittedC:
    """Write wk_model.h, wk_model.c, and the kernels and headers they need into folder `out`; and
    wk_model_stream.h/.c where the graph can stream.

    `cc -Iout out/*.c` beside any main builds them. The same graph gives the same bytes.
    Raises ModelFileError when an operation or the rounding family has no exact kernel.
    """
    plan = plan_model(graph)
    files = {
        "wk_model.h": _header(plan, model_id),
        "wk_model.c": _source(plan),
        "wk_model_layers.h": _layers(plan),
        "wk/wk_engine_config.h": _config(plan),
        **_library(plan),
    }
    stream = plan_stream(plan)
    if stream is not None:
        files["wk_model_stream.h"] = stream_header(stream)
        files["wk_model_stream.c"] = stream_source(stream, '#include "wk_model_layers.h"\n')
    for name, text in sorted(files.items()):
        write_bytes(out / name, text.encode())
    return EmittedC(
        arena_bytes={target: plan.layouts[target].size for target in plan.layouts},
        stream_step=None if stream is None else stream.step,
    )


def _header(plan: Plan, model_id: str) -> str:
    dsp, other = plan.layouts["dsp"].size, plan.layouts["other"].size
    rows, steps, channels = plan.graph.tensor(plan.graph.input).shape
    outputs = sum(plan.graph.tensor(name).shape[2] for name in plan.head_at)
    order = f"[{rows}][{steps}][{channels}]" if rows > 1 else f"[{steps}][{channels}]"
    heads = "\n".join(
        f" *   {head.task}: {plan.head_at[head.tensor]} to "
        f"{plan.head_at[head.tensor] + plan.graph.tensor(head.tensor).shape[2] - 1}"
        for head in plan.graph.heads
    )
    return (
        f"/* A model in integers: one window in, int8 logits out, the same bits on every core.\n"
        f"{GENERATED}"
        "#ifndef WK_MODEL_H\n#define WK_MODEL_H\n\n"
        "#include <stddef.h>\n#include <stdint.h>\n\n"
        '#include "wk/wk_status.h"\n#include "wk/wk_target.h"\n\n'
        '#ifdef __cplusplus\nextern "C" {\n#endif\n\n'
        f'#define WK_MODEL_ID "{model_id}"\n'
        f"#define WK_INPUT_LEN {rows * steps * channels}\n"
        f"#define WK_OUTPUT_LEN {outputs}\n"
        "#if defined(WK_TARGET_DSP)\n"
        f"#define WK_ARENA_BYTES {dsp}\n#else\n#define WK_ARENA_BYTES {other}\n#endif\n\n"
        f"/* in: WK_INPUT_LEN int8, {order}. out_logits: WK_OUTPUT_LEN int8; the logits of\n"
        f"{heads}\n"
        " * arena: working memory that need not be kept between calls, aligned to 4.\n"
        " * Returns WK_OK; WK_ERR_ARENA when arena_len is below WK_ARENA_BYTES; WK_ERR_ALIGN when\n"
        " * arena is not aligned. On an error out_logits is left as it was. */\n"
        "int wk_model_run(void *arena, size_t arena_len, const int8_t *in, int8_t *out_logits);\n\n"
        "#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
    )


def _source(plan: Plan) -> str:
    return "".join(
        [
            f"/* The constants of the model and the calls that run a window.\n{GENERATED}",
            '#include "wk_model.h"\n\n#include <string.h>\n\n#include "wk_model_layers.h"\n\n',
            "/* Places in the arena. Only kernels with DSP instructions use scratch. */\n",
            f"#if defined(WK_TARGET_DSP)\n{layout_source(plan.layouts['dsp'], plan.calls)}",
            f"#else\n{layout_source(plan.layouts['other'], plan.calls)}#endif\n\n",
            "\n".join(layer_source(call, plan.graph.rounding) for call in plan.calls),
            "\n",
            run_source(plan),
        ]
    )


def _layers(plan: Plan) -> str:
    used = "".join(f'#include "wk/{name}"\n' for name in _headers(plan))
    declared = "".join(layer_declaration(call) for call in plan.calls)
    return (
        f"/* The layers, whose constants are in wk_model.c.\n{GENERATED}"
        f"#ifndef WK_MODEL_LAYERS_H\n#define WK_MODEL_LAYERS_H\n\n{used}\n{declared}\n#endif\n"
    )


def _config(plan: Plan) -> str:
    conv, dense = _ROUNDINGS[plan.graph.rounding]
    small = all(
        call.constants.small
        for call in plan.calls
        if isinstance(call, ConvCall | DenseCall | DepthwiseCall)
    )
    taps = {
        -(-call.constants.inputs // 2)
        for call in plan.calls
        if isinstance(call, ConvCall) and call.kernel == "wk_conv1d_taps_max2"
    }
    return (
        "/* What this model needs of the kernels; wk_requantize.h explains the names.\n"
        f"{GENERATED}"
        "#ifndef WK_ENGINE_CONFIG_H\n#define WK_ENGINE_CONFIG_H\n\n"
        f"#define WK_CONV_ROUNDING {conv}\n#define WK_DENSE_ROUNDING {dense}\n"
        f"#define WK_SMALL_SHIFTS {int(small)}\n"
        f"#define WK_TAP_PAIRS {taps.pop() if len(taps) == 1 else 0}\n\n#endif\n"
    )


def _headers(plan: Plan) -> list[str]:
    """The kernel headers that the calls need, in order."""
    return sorted({header for call in plan.calls for header in _headers_of(call)})


def _headers_of(call: Call) -> tuple[str, ...]:
    match call:
        case ConvCall():
            return ("wk_conv1d.h", "wk_mean.h") if call.mean else ("wk_conv1d.h",)
        case DenseCall():
            return ("wk_dense.h",)
        case DepthwiseCall():
            return ("wk_depthwise1d.h",)
        case PoolCall():
            return ("wk_pool1d.h",)
        case MeanCall():
            return ("wk_mean.h",)
        case _:
            return ("wk_elementwise.h",)


def _library(plan: Plan) -> dict[str, str]:
    """Kernel sources and headers, path in the bundle's c folder -> text."""
    folder = firmware_dir()
    headers = _headers(plan)
    sources = {source for header in headers for source in _SOURCES[header]}
    kernels = {call.kernel.endswith("_max2") for call in plan.calls if isinstance(call, ConvCall)}
    sources |= {*(_MAX2 if True in kernels else ()), *(_CONV if False in kernels else ())}
    paths = {f"wk/{name}": folder / "include" / "wk" / name for name in (*_HEADERS, *headers)}
    paths |= {name: folder / "src" / "engine" / name for name in sources}
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
