"""wk_model_labels.h: what the logits mean and what the model is given, for any program."""

from __future__ import annotations

import struct

from wearkit.counts import COUNTS_PER_G
from wearkit.integer.graph import Head, QuantizedGraph
from wearkit.spec import ImportedSpec
from wearkit_export.c.plan import plan_model
from wearkit_export.c.text import GENERATED

LABELS_HEADER = "wk_model_labels.h"


def labels_header(graph: QuantizedGraph) -> str:
    """Labels, place, scale and zero point of every head; for a model of our own also the int8 of a
    sensor's count. Tasks are names in C, as TaskSpec sees to it."""
    heads = "".join(_head(graph, head) for head in graph.heads)
    return (
        "/* What the logits of wk_model_run mean: real value = scale * (logit - zero point).\n"
        f"{GENERATED}"
        "#ifndef WK_MODEL_LABELS_H\n#define WK_MODEL_LABELS_H\n\n#include <stdint.h>\n\n"
        f'#ifdef __cplusplus\nextern "C" {{\n#endif\n\n{heads}{_input(graph)}'
        "#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
    )


def _head(graph: QuantizedGraph, head: Head) -> str:
    labels = next(task.labels for task in graph.model.tasks if task.name == head.task)
    out, name = graph.tensor(head.tensor), head.task.upper()
    rows = "".join(f"    {c_string(label)},\n" for label in labels)
    return (
        f"#define WK_{name}_FIRST {plan_model(graph).head_at[head.tensor]} /* of the logits */\n"
        f"#define WK_{name}_LABELS {len(labels)}\n"
        f"#define WK_{name}_SCALE {c_float(out.scale)}\n"
        f"#define WK_{name}_ZERO_POINT ({out.zero_point})\n"
        f"static const char *const wk_labels_of_{head.task}[WK_{name}_LABELS] = {{\n{rows}}};\n\n"
    )


def _input(graph: QuantizedGraph) -> str:
    tensor = graph.tensor(graph.input)
    text = (
        f"#define WK_INPUT_SCALE {c_float(tensor.scale)}\n"
        f"#define WK_INPUT_ZERO_POINT ({tensor.zero_point})\n\n"
    )
    if isinstance(graph.model, ImportedSpec):
        return text
    window = graph.model.window
    return (
        f"#define WK_RATE_MHZ {round(window.rate_hz * 1000)} /* samples in 1000 s */\n"
        f"#define WK_WINDOW_LENGTH {window.length}\n#define WK_WINDOW_HOP {window.hop}\n\n"
        f"{text}"
        f"/* A count of {COUNTS_PER_G} to 1 g, as an ADXL345 at +-2 g sends it, for the model. */\n"
        "static inline int8_t wk_model_input(int16_t count)\n{\n"
        "    const int32_t value = ((int32_t)count + 2) >> 2;\n\n"
        "    return (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);\n}\n\n"
    )


def c_string(text: str) -> str:
    """A literal of these UTF-8 bytes. Whatever is not a plain letter is octal: no quote, no line
    end, no trigraph and no direction mark gets into the source."""
    return '"' + "".join(_character(byte) for byte in text.encode()) + '"'


def _character(byte: int) -> str:
    character = chr(byte)
    plain = byte < 128 and (character.isalnum() or character in " _-+.,:;()[]=<>&!#%")
    return character if plain else f"\\{byte:03o}"


def c_float(value: float) -> str:
    """The decimal that a C compiler turns into this float32."""
    single = struct.unpack("<f", struct.pack("<f", value))[0]
    digits = f"{single:.9g}"
    return f"{digits}f" if "e" in digits or "." in digits else f"{digits}.0f"
