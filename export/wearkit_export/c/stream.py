"""Generated C that keeps up with the samples: every hop costs what is new in it.

Convolutions and pools without padding commute with a shift in time by the product of their
strides, and a running sum is as good as a sum. So each layer keeps the few columns it still
needs, a push computes one new column of the last convolution, and the bits are those of the
window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from wearkit_export.c.calls import Call, ConvCall
from wearkit_export.c.limits import UINT16_MAX
from wearkit_export.c.plan import TARGETS, ArenaLayout, ArenaTarget, Buffer, Plan, RowGroup, layout
from wearkit_export.c.text import GENERATED, calls_lines, layout_source, wrapped

_INDENT = "    "
_COLUMN = "<column>"


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One convolution a push. new: columns that arrive; columns: those it makes of them;
    kept: older columns it still needs."""

    call: ConvCall
    new: int
    columns: int
    kept: int

    @property
    def channels(self) -> int:
        return self.call.source.shape[2]

    @property
    def buffer(self) -> str:
        return f"{self.call.name}_in"

    @property
    def size(self) -> int:
        return (self.kept + self.new) * self.channels


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """step: samples a push takes; pushes: how many make a window; rest: what follows the mean."""

    plan: Plan
    stages: tuple[Stage, ...]
    step: int
    pushes: int
    rest: tuple[RowGroup, ...]
    layouts: Mapping[ArenaTarget, ArenaLayout]

    @property
    def last(self) -> ConvCall:
        return self.stages[-1].call


def plan_stream(plan: Plan) -> Stream | None:
    """None for a graph that does not begin with convolutions and a mean, whose windows do not end
    where a push ends, or that keeps more of a window than the C's 16 bits count."""
    convs, rest = _leading(plan)
    if not convs:
        return None
    length = plan.graph.tensor(plan.graph.input).shape[1]
    step = 1
    for call in convs:
        step *= call.op.stride * call.pool_stride
    stages = _stages(convs, step)
    if stages is None or length % step or not _ends_together(convs, length // step):
        return None
    if any(stage.size > UINT16_MAX for stage in stages) or length // step > UINT16_MAX:
        return None
    layouts = {target: _layout(target, plan, stages, rest) for target in TARGETS}
    return Stream(plan, stages, step, length // step, rest, layouts)


def stream_header(stream: Stream) -> str:
    rows, _, channels = stream.plan.graph.tensor(stream.plan.graph.input).shape
    last, sizes = stream.last, {key: value.size // 4 for key, value in stream.layouts.items()}
    order = f"[{stream.step}][{rows * channels}]"
    buffers = "".join(
        f"{_INDENT}int8_t {stage.buffer}[{rows}][{stage.size}];\n" for stage in stream.stages
    )
    outputs = last.constants.outputs
    return (
        "/* The model as a stream: push samples as they come, ask for logits when wanted.\n"
        " * After any push they are the logits of the last window, bit for bit.\n"
        f"{GENERATED}"
        "#ifndef WK_MODEL_STREAM_H\n#define WK_MODEL_STREAM_H\n\n"
        '#include "wk_model.h"\n\n#ifdef __cplusplus\nextern "C" {\n#endif\n\n'
        f"#define WK_STREAM_STEP {stream.step} /* samples a push takes */\n"
        f"#define WK_STREAM_PUSHES {stream.pushes} /* until the first window is whole */\n\n"
        "/* Everything a stream remembers, and its working memory. */\n"
        "typedef struct {\n"
        f"#if defined(WK_TARGET_DSP)\n{_INDENT}int32_t work[{sizes['dsp']}];\n"
        f"#else\n{_INDENT}int32_t work[{sizes['other']}];\n#endif\n"
        f"{buffers}"
        f"{_INDENT}int8_t past[{rows}][{last.steps * outputs}]; /* columns that are averaged */\n"
        f"{_INDENT}int16_t sums[{rows * outputs}];\n"
        f"{_INDENT}uint16_t oldest; /* column of past that the next push replaces */\n"
        f"{_INDENT}uint16_t pushes; /* so far, up to WK_STREAM_PUSHES */\n"
        "} wk_model_stream_t;\n\n"
        "/* Forget everything. */\n"
        "void wk_model_stream_begin(wk_model_stream_t *stream);\n\n"
        f"/* Take WK_STREAM_STEP samples, {order} int8, in sensor order. */\n"
        "void wk_model_stream_push(wk_model_stream_t *stream, const int8_t *samples);\n\n"
        "/* The logits of the last window, as wk_model_run gives them.\n"
        " * Returns WK_OK; WK_ERR_READY, with out_logits as it was, before WK_STREAM_PUSHES. */\n"
        "int wk_model_stream_run(wk_model_stream_t *stream, int8_t *out_logits);\n\n"
        "#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
    )


def stream_source(stream: Stream, includes: str) -> str:
    calls = _all_calls(stream)
    dsp, other = (layout_source(stream.layouts[target], calls) for target in TARGETS)
    return (
        f"/* A push runs every convolution for what is new; see wk_model_stream.h.\n{GENERATED}"
        f'#include "wk_model_stream.h"\n\n#include <string.h>\n\n{includes}\n'
        "/* Places in stream->work. Only kernels with DSP instructions use scratch. */\n"
        f"#if defined(WK_TARGET_DSP)\n{dsp}#else\n{other}#endif\n\n"
        "void wk_model_stream_begin(wk_model_stream_t *stream)\n{\n"
        f"{_INDENT}memset(stream, 0, sizeof(*stream));\n}}\n\n"
        f"{_push_row(stream)}\n{_push(stream)}\n{_run(stream)}"
    )


def _leading(plan: Plan) -> tuple[list[ConvCall], tuple[RowGroup, ...]]:
    """The convolutions before the mean, and the groups after it; nothing if they do not chain."""
    convs: list[ConvCall] = []
    reads = plan.graph.input
    for index, group in enumerate(plan.groups):
        for call in group.calls:
            if not isinstance(call, ConvCall) or call.reads != (reads,) or any(call.pad_values):
                return [], ()
            convs.append(call)
            reads = call.target.name
        if convs[-1].mean:
            rest = plan.groups[index + 1 :]
            inner = {reads for call in convs[1:] for reads in call.reads} | {plan.graph.input}
            clean = reads in plan.buffers and not any(
                inner & set(call.reads) for group in rest for call in group.calls
            )
            return (convs, rest) if clean and not inner & set(plan.head_at) else ([], ())
    return [], ()


def _stages(convs: list[ConvCall], step: int) -> tuple[Stage, ...] | None:
    stages: list[Stage] = []
    new, late = step, 0
    for call in convs:
        hop, span = call.op.stride * call.pool_stride, _span(call)
        columns, behind = new // hop, -(-(span + late) // hop) - 1
        # Columns at the end that no whole output of this push sees.
        unseen = (behind + 1) * hop - span - late
        need = (columns - 1) * hop + span + unseen
        if need < new:
            return None
        stages.append(Stage(call, new, columns, need - new))
        new, late = columns, behind
    return tuple(stages)


def _span(call: ConvCall) -> int:
    """Columns that one output sees."""
    return (call.pool - 1) * call.op.stride + call.op.kernel


def _ends_together(convs: list[ConvCall], pushes: int) -> bool:
    """The last column of a window is the newest one of a stream."""
    late = 0
    for call in convs:
        hop = call.op.stride * call.pool_stride
        late = -(-(_span(call) + late) // hop) - 1
    return pushes - late == convs[-1].steps


def _layout(
    target: ArenaTarget, plan: Plan, stages: tuple[Stage, ...], rest: tuple[RowGroup, ...]
) -> ArenaLayout:
    last = stages[-1].call
    column = replace(last.target, name=_COLUMN)
    pushed: list[Call] = [
        replace(
            stage.call,
            steps=stage.columns,
            mean=False,
            target=column if stage.call is last else stage.call.target,
        )
        for stage in stages
    ]
    wanted = {last.target.name} | {call.target.name for group in rest for call in group.calls}
    buffers = {name: buffer for name, buffer in plan.buffers.items() if name in wanted}
    buffers[_COLUMN] = Buffer("column", last.constants.outputs, 1, False)
    return layout(target, (RowGroup(1, tuple(pushed)), *rest), buffers)


def _all_calls(stream: Stream) -> tuple[Call, ...]:
    rest = tuple(call for group in stream.rest for call in group.calls)
    return (*(stage.call for stage in stream.stages), *rest)


def _push_row(stream: Stream) -> str:
    rows, _, channels = stream.plan.graph.tensor(stream.plan.graph.input).shape
    first, outputs = stream.stages[0], stream.last.constants.outputs
    lines = [
        f"int8_t *const {stage.buffer} = stream->{stage.buffer}[row];" for stage in stream.stages
    ]
    lines = ["int8_t *const base = (int8_t *)stream->work;", *lines, "uint16_t step;", ""]
    kept = first.kept * channels
    lines += _shift(first)
    lines.append(f"for (step = 0; step < {stream.step}; step++) {{")
    place = f"{first.buffer} + {kept} + step * {channels}"
    source = f"samples + step * {rows * channels} + row * {channels}"
    if channels == 1:
        lines.append(f"{_INDENT}{first.buffer}[{kept} + step] = samples[step * {rows} + row];")
    else:
        lines += [f"{_INDENT}{line}" for line in wrapped("memcpy", place, source, str(channels))]
    lines.append("}")
    for stage, after in zip(stream.stages, [*stream.stages[1:], None], strict=True):
        target = "base + COLUMN_AT"
        if after is not None:
            lines += _shift(after)
            target = f"{after.buffer} + {after.kept * after.channels}"
        call = stage.call
        scratch = f"base + {call.name.upper()}_SCRATCH_AT"
        lines += wrapped(
            call.kernel, f"&wk_{call.name}", stage.buffer, str(stage.columns), target, scratch
        )
    lines += wrapped(
        "wk_mean_replace",
        f"stream->sums + row * {outputs}",
        f"stream->past[row] + stream->oldest * {outputs}",
        "base + COLUMN_AT",
        str(outputs),
    )
    body = "".join(f"{_INDENT}{line}\n" if line else "\n" for line in lines)
    head = "static void push_row(wk_model_stream_t *stream, uint16_t row, const int8_t *samples)\n"
    return f"{head}{{\n{body}}}\n"


def _shift(stage: Stage) -> Iterator[str]:
    if stage.kept:
        moved = stage.new * stage.channels
        yield from wrapped("wk_forget", stage.buffer, str(moved), str(stage.kept * stage.channels))


def _push(stream: Stream) -> str:
    rows = stream.plan.graph.tensor(stream.plan.graph.input).shape[0]
    return f"""void wk_model_stream_push(wk_model_stream_t *stream, const int8_t *samples)
{{
    uint16_t row;

    for (row = 0; row < {rows}; row++) {{
        push_row(stream, row, samples);
    }}
    stream->oldest = (uint16_t)(stream->oldest + 1 < {stream.last.steps} ? stream->oldest + 1 : 0);
    if (stream->pushes < WK_STREAM_PUSHES) {{
        stream->pushes++;
    }}
}}
"""


def _run(stream: Stream) -> str:
    last = stream.last
    channels = stream.plan.graph.tensor(stream.plan.graph.input).shape[0] * last.constants.outputs
    features = stream.plan.buffers[last.target.name].name
    wanted = {name for call in _all_calls(stream)[len(stream.stages) :] for name in call.reads}
    wanted |= {call.target.name for call in _all_calls(stream)[len(stream.stages) :]}
    names = "".join(
        f"{_INDENT}int8_t *const {buffer.name} = base + {buffer.name.upper()}_AT;\n"
        for tensor, buffer in stream.plan.buffers.items()
        if tensor in wanted
    )
    row = f"{_INDENT}uint16_t row;\n" if any(part.rows > 1 for part in stream.rest) else ""
    lines = [
        *wrapped("wk_mean_of", "stream->sums", str(last.steps), str(channels), features),
        *calls_lines(stream.plan, stream.rest),
    ]
    body = "".join(f"{_INDENT}{line}\n" for line in lines)
    return f"""int wk_model_stream_run(wk_model_stream_t *stream, int8_t *out_logits)
{{
    int8_t *const base = (int8_t *)stream->work;
{names}{row}
    if (stream->pushes < WK_STREAM_PUSHES) {{
        return WK_ERR_READY;
    }}
{body}    return WK_OK;
}}
"""
