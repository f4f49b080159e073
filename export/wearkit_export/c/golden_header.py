"""Golden vectors as C headers: what a device must compute, in arrays it can compile in.

Two headers: `golden_counts_header` needs no model and is committed as
firmware/include/wk/wk_golden_counts.h; `golden_header` and `golden_io_header` (of a model made
elsewhere, whose sensor is unknown) are made per model from its golden vectors and lie in the c
folder of its bundle. All use WK_FLASH of wk_platform.h, so that an AVR keeps them in flash.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from wearkit.counts import COUNT_MAX, COUNT_MIN, counts_to_int8
from wearkit.errors import VerificationError

_LINE_COLUMNS = 100
_INDENT = "    "

_COUNT_VECTORS: tuple[int, ...] = (
    # both rails, everything around them, and past them (clamped, though no sensor sends it)
    *(-32768, -32767, -1024, -515, -514, -513, COUNT_MIN, -511, -510, -509),
    *(505, 506, 507, 508, 509, 510, COUNT_MAX, 512, 513, 1023, 32766, 32767),
    # one step of the model input on either side of zero, where rounding shows
    *range(-9, 10),
    # 1 g, half of it, and their neighbours
    *(-257, -256, -255, -130, -129, -128, -127, 127, 128, 129, 130, 255, 256, 257),
)

# index, t_us, x, y, z, with CRC or not: shortest and longest line, wraps, rails, a body at rest.
_TEXT_VECTORS: tuple[tuple[int, int, int, int, int, bool], ...] = (
    (0, 0, 0, 0, 0, False),
    (0, 0, 0, 0, 0, True),
    (1200, 24000000, -3, 12, 257, True),
    (1200, 24000000, -3, 12, 257, False),
    (9, 99999, 9, -9, 10, True),
    (10, 100000, -10, 99, -100, True),
    (4294967295, 4294967295, COUNT_MIN, COUNT_MAX, COUNT_MIN, True),
    (4294967295, 4294967295, -32768, -32768, -32768, True),
    (2147483648, 1000000000, 32767, -32767, 1, True),
)


_TEXT_HEADER = (
    "#wearkit text/1 units=counts rate=50 range=2 axes=+x+y+z fields=index,t_us,x,y,z crc=crc32"
)


def golden_header(
    model_id: str,
    counts: NDArray[np.int16],
    inputs: NDArray[np.int8],
    logits: Mapping[str, NDArray[np.int8]],
) -> str:
    """A C header with windows and the logits a device must give for them, bit for bit.

    model_id: lower-case hexadecimal. counts: (N, length, 3) ADXL345 counts; inputs: the same
    windows as the model's int8 input; logits: task -> (N, labels), in the order of the heads.
    Raises VerificationError when shapes disagree, when inputs are not what counts_to_int8 makes
    of counts, or when a name cannot stand in C.
    """
    _check_golden(model_id, counts, inputs, logits)
    length = counts.shape[1]
    parts = [
        _banner(f"Golden vectors of model {model_id[:16]}: windows and their int8 logits."),
        _open("WK_GOLDEN_MODEL_H", includes=("wk/wk_platform.h",)),
        f'#define WK_GOLDEN_MODEL_ID "{model_id}"\n',
        f"#define WK_GOLDEN_LENGTH {length}\n",
        *_windows_and_logits(inputs, logits),
        "/* The same windows before quantization, [window][sample][x, y, z], sensor order. */\n",
        c_array("int16_t", "wk_golden_window_counts", counts.reshape(-1).tolist()),
    ]
    parts.append("/* The same logits, head by head. */\n")
    for task, values in logits.items():
        parts.append(f"#define WK_GOLDEN_{task.upper()}_LABELS {values.shape[1]}\n")
        parts.append(c_array("int8_t", f"wk_golden_logits_{task}", values.reshape(-1).tolist()))
    return "".join([*parts, "#endif\n"])


def golden_io_header(
    model_id: str, inputs: NDArray[np.int8], logits: Mapping[str, NDArray[np.int8]]
) -> str:
    """As golden_header for a model that is given int8 windows, (N, ...), and not counts.

    Raises VerificationError when shapes disagree.
    """
    _check_model_id(model_id)
    if not logits or any(len(values) != len(inputs) for values in logits.values()):
        raise VerificationError("Golden vectors need the logits of every window.")
    parts = [
        _banner(f"Golden vectors of model {model_id[:16]}: int8 windows and their int8 logits."),
        _open("WK_GOLDEN_MODEL_H", includes=("wk/wk_platform.h",)),
        f'#define WK_GOLDEN_MODEL_ID "{model_id}"\n',
        *_windows_and_logits(inputs, logits),
    ]
    return "".join([*parts, "#endif\n"])


def _windows_and_logits(
    inputs: NDArray[np.int8], logits: Mapping[str, NDArray[np.int8]]
) -> Iterable[str]:
    joined = np.concatenate(list(logits.values()), axis=1)
    yield f"#define WK_GOLDEN_WINDOWS {len(inputs)}\n\n"
    yield "/* Windows as wk_model_run takes them, and what it must write, heads in order. */\n"
    yield c_array("int8_t", "wk_golden_window_inputs", inputs.reshape(-1).tolist())
    yield c_array("int8_t", "wk_golden_logits", joined.reshape(-1).tolist())


def golden_counts_header() -> str:
    """The model-free header: counts with their int8 inputs, samples with their text lines."""
    counts = np.array(_COUNT_VECTORS, dtype=np.int16)
    header = _with_crc(_TEXT_HEADER)
    lines = [_text_line(*vector) for vector in _TEXT_VECTORS]
    columns = list(zip(*_TEXT_VECTORS, strict=True))
    xyz = [value for vector in _TEXT_VECTORS for value in vector[2:5]]
    return "".join(
        [
            _banner("Golden vectors that need no model: int8 inputs of counts, lines of samples."),
            _open("WK_GOLDEN_COUNTS_H", includes=("wk/wk_platform.h",)),
            f"#define WK_GOLDEN_COUNTS {counts.size}\n",
            c_array("int16_t", "wk_golden_count", counts.tolist()),
            c_array("int8_t", "wk_golden_input", counts_to_int8(counts).tolist()),
            "/* 50 Hz, +-2 g, with CRC. */\n",
            f"static const char wk_golden_header[] WK_FLASH =\n{_INDENT}{_c_string(header)};\n\n",
            f"#define WK_GOLDEN_LINES {len(lines)}\n",
            f"#define WK_GOLDEN_LINE_BYTES {max(map(len, lines)) + 1}\n",
            c_array("uint32_t", "wk_golden_line_index", columns[0]),
            c_array("uint32_t", "wk_golden_line_t_us", columns[1]),
            "/* x, y, z of line 0, then of line 1, ... */\n",
            c_array("int16_t", "wk_golden_line_counts", xyz),
            c_array("uint8_t", "wk_golden_line_crc", map(int, columns[5])),
            "static const char\n"
            f"{_INDENT}wk_golden_line[WK_GOLDEN_LINES][WK_GOLDEN_LINE_BYTES] WK_FLASH = {{\n",
            *(f"{_INDENT}{_c_string(line)},\n" for line in lines),
            "};\n\n#endif\n",
        ]
    )


def _text_line(index: int, t_us: int, x: int, y: int, z: int, crc: bool) -> str:
    body = f"{index},{t_us},{x},{y},{z}"
    return _with_crc(body) if crc else f"{body}\n"


def _with_crc(body: str) -> str:
    return f"{body}*{zlib.crc32(body.encode()):08X}\n"


def _c_string(line: str) -> str:
    return f'"{line[:-1]}\\n"'


def _check_golden(
    model_id: str,
    counts: NDArray[np.int16],
    inputs: NDArray[np.int8],
    logits: Mapping[str, NDArray[np.int8]],
) -> None:
    _check_model_id(model_id)
    if counts.ndim != 3 or counts.shape[2] != 3 or counts.dtype != np.int16 or not counts.size:
        raise VerificationError("Golden counts must be a non-empty (N, length, 3) int16 array.")
    if inputs.dtype != np.int8 or not np.array_equal(inputs, counts_to_int8(counts)):
        raise VerificationError("Golden inputs are not the int8 inputs of the golden counts.")
    if not logits:
        raise VerificationError("Golden vectors need the logits of at least one task.")
    for task, values in logits.items():
        if not (task.isascii() and task.isidentifier()):
            raise VerificationError(f"Task {task!r} cannot be a name in C: use ASCII letters.")
        if values.ndim != 2 or values.shape[0] != counts.shape[0] or values.dtype != np.int8:
            raise VerificationError(
                f"Golden logits of task {task} must be int8 of shape ({counts.shape[0]}, labels)."
            )


def _check_model_id(model_id: str) -> None:
    if not re.fullmatch(r"[0-9a-f]{16,128}", model_id):
        raise VerificationError(f"A model id is lower-case hexadecimal, not {model_id!r}.")


def _banner(title: str) -> str:
    return f"/* {title}\n * Generated by wearkit_export.golden_header: do not edit. */\n"


def _open(guard: str, includes: Iterable[str]) -> str:
    lines = "".join(f'#include "{name}"\n' for name in includes)
    return f"#ifndef {guard}\n#define {guard}\n\n{lines}\n"


def c_array(c_type: str, name: str, values: Iterable[int]) -> str:
    """`static const c_type name[] WK_FLASH` with these values, in lines of house length."""
    literals = [_literal(c_type, value) for value in values]
    rows, row = [], _INDENT
    for literal in literals:
        if len(row) + len(literal) + 1 > _LINE_COLUMNS:
            rows.append(row.rstrip())
            row = _INDENT
        row += f"{literal}, "
    rows.append(row.rstrip())
    body = "\n".join(rows)
    return f"static const {c_type} {name}[{len(literals)}] WK_FLASH = {{\n{body}\n}};\n\n"


def _literal(c_type: str, value: int) -> str:
    if c_type == "uint32_t":
        return f"{value}u"
    # -32768 is minus a number that a 16-bit int cannot hold.
    return "-32767 - 1" if value == -32768 else str(value)
