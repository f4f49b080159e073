"""A QuantizedGraph as C99 for a microcontroller: tables in flash and straight calls to kernels."""

from __future__ import annotations

from pathlib import Path

from wearkit.errors import ModelFileError
from wearkit.graph import QuantizedGraph, Rounding
from wearkit.safe_write import write_bytes
from wearkit_export.c_calls import ConvCall
from wearkit_export.c_plan import Plan, plan
from wearkit_export.c_text import GENERATED, layer_source, layout_source, run_source
from wearkit_export.firmware import firmware_dir

_ROUNDINGS: dict[Rounding, tuple[str, str]] = {
    "tflm": ("WK_ROUND_AWAY", "WK_ROUND_AWAY"),
    "xnnpack": ("WK_ROUND_FLOAT", "WK_ROUND_FLOAT"),
}
"""Family -> how convolutions and how dense layers round."""

_HEADERS = (
    "wk_conv1d.h",
    "wk_dense.h",
    "wk_layer.h",
    "wk_mean.h",
    "wk_platform.h",
    "wk_requantize.h",
    "wk_status.h",
    "wk_target.h",
)
_SHARED = ("wk_mve.c", "wk_mve.h", "wk_plain.h", "wk_wide.h", "wk_wide_dsp.c")
_CONV = ("wk_conv1d_dsp.c", "wk_conv1d_mve.c")
_MAX2 = ("wk_conv1d_max2_dsp.c", "wk_conv1d_max2_mve.c")
_DENSE = ("wk_dense_dsp.c", "wk_dense_mve.c", "wk_dense_plain.c")


def emit_c(graph: QuantizedGraph, out: Path, *, model_id: str) -> None:
    """Write wk_model.h, wk_model.c, and the kernels and headers they need into folder `out`.

    `cc -Iout out/*.c` beside any main builds them. The same graph gives the same bytes.
    Raises ModelFileError when an operation or the rounding family has no exact kernel.
    """
    if graph.rounding not in _ROUNDINGS:
        raise ModelFileError(f"C has no kernels that round like {graph.rounding}: use tflm.")
    found = plan(graph)
    files = {
        "wk_model.h": _header(found, model_id),
        "wk_model.c": _source(found),
        "wk/wk_engine_config.h": _config(found),
        **_library(found),
    }
    for name, text in sorted(files.items()):
        write_bytes(out / name, text.encode())


def _header(found: Plan, model_id: str) -> str:
    dsp, other = found.layouts["dsp"].size, found.layouts["other"].size
    rows, steps, channels = found.graph.tensor(found.graph.input).shape
    outputs = sum(found.graph.tensor(name).shape[2] for name in found.head_at)
    order = f"[{rows}][{steps}][{channels}]" if rows > 1 else f"[{steps}][{channels}]"
    heads = "\n".join(
        f" *   {head.task}: {found.head_at[head.tensor]} to "
        f"{found.head_at[head.tensor] + found.graph.tensor(head.tensor).shape[2] - 1}"
        for head in found.graph.heads
    )
    return (
        f"/* A model in integers: one window in, int8 logits out, the same bits on every core.\n"
        f"{GENERATED}"
        "#ifndef WK_MODEL_H\n#define WK_MODEL_H\n\n"
        "#include <stddef.h>\n#include <stdint.h>\n\n"
        '#include "wk/wk_status.h"\n#include "wk/wk_target.h"\n\n'
        "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
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


def _source(found: Plan) -> str:
    headers = ["wk_conv1d.h", "wk_dense.h", "wk_mean.h", "wk_requantize.h"]
    used = "".join(f'#include "wk/{name}"\n' for name in headers)
    return "".join(
        [
            f"/* The constants of the model and the calls that run a window.\n{GENERATED}",
            f'#include "wk_model.h"\n\n#include <string.h>\n\n{used}\n',
            "/* Where things lie in the arena. Only kernels with DSP instructions use scratch. */\n",
            f"#if defined(WK_TARGET_DSP)\n{layout_source(found.layouts['dsp'], found)}",
            f"#else\n{layout_source(found.layouts['other'], found)}#endif\n\n",
            "\n".join(layer_source(call) for call in found.every_call),
            "\n",
            run_source(found),
        ]
    )


def _config(found: Plan) -> str:
    conv, dense = _ROUNDINGS[found.graph.rounding]
    small = all(call.constants.small for call in found.every_call)
    taps = {
        -(-call.constants.inputs // 2)
        for call in found.every_call
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


def _library(found: Plan) -> dict[str, str]:
    """Kernel sources and headers, path in the bundle's c folder -> text."""
    folder = firmware_dir()
    convs = [call for call in found.every_call if isinstance(call, ConvCall)]
    sources = [*_SHARED]
    if convs:
        sources.append("wk_conv1d_plain.c")
    if any(call.kernel.endswith("_max2") for call in convs):
        sources += _MAX2
    if not all(call.kernel.endswith("_max2") for call in convs):
        sources += _CONV
    if len(convs) < len(found.every_call):
        sources += _DENSE
    if any(call.mean for call in convs):
        sources.append("wk_mean.c")
    paths = {f"wk/{name}": folder / "include" / "wk" / name for name in _HEADERS}
    paths |= {name: folder / "src" / name for name in sources}
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
