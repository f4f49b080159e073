"""Two emulators that share no code path of ours must count and compute the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.emulated.conftest import Build, standin_logits

from wearkit.errors import VerificationError
from wearkit_export.profile.qemu import run_qemu
from wearkit_export.profile.run import run_image, run_unicorn
from wearkit_export.profile.trace import Trace
from wearkit_export.profile.unicorn_cpu import UnicornCpu

UNICORN_TARGETS = ("cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33", "rv32", "host")
BOTH = ("cortex-m4", "cortex-m7", "cortex-m33", "rv32")
QEMU = {"rv32": "qemu-system-riscv32"}


@pytest.fixture
def unicorn(needs_module: Callable[[str, str], None]) -> None:
    needs_module("unicorn", "pip install unicorn")


@pytest.mark.usefixtures("unicorn")
@pytest.mark.parametrize("target", UNICORN_TARGETS)
def test_pip_alone_gives_the_right_logits(
    target: str, build: Build, standin_windows: NDArray[np.int8]
) -> None:
    run = run_unicorn(build(target, "zig"), standin_windows, count=1)

    assert np.array_equal(run.logits, standin_logits(standin_windows))
    assert run.trace is not None and run.trace.instructions() > 100


@pytest.mark.usefixtures("unicorn")
@pytest.mark.parametrize("compiler", ["gcc", "zig"])
@pytest.mark.parametrize("target", BOTH)
def test_unicorn_and_qemu_agree_on_every_count(
    target: str,
    compiler: str,
    build: Build,
    standin_windows: NDArray[np.int8],
    needs_program: Callable[[str, str], str],
) -> None:
    needs_program(QEMU.get(target, "qemu-system-arm"), "apt-get install qemu-system-arm")
    image = build(target, compiler)

    first = run_unicorn(image, standin_windows, count=3)
    second = run_qemu(image, standin_windows, count=3)

    assert np.array_equal(first.logits, standin_logits(standin_windows))
    assert np.array_equal(second.logits, first.logits)
    assert second.stack_bytes == first.stack_bytes > 0
    assert first.trace is not None and second.trace is not None
    assert second.trace.by_function() == first.trace.by_function()
    assert second.trace.by_call() == first.trace.by_call()
    assert second.trace.mix() == first.trace.mix()


@pytest.mark.usefixtures("unicorn")
@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m33"])
def test_a_block_that_ends_with_its_page_is_counted_once(
    target: str,
    build: Build,
    edited_standin: Callable[[str, str], Path],
    standin_windows: NDArray[np.int8],
    needs_program: Callable[[str, str], str],
) -> None:
    """There QEMU 7.2 tells plugins that the last instruction is longer than it is."""
    needs_program("qemu-system-arm", "apt-get install qemu-system-arm")
    folder = edited_standin(
        "void wk_standin_halve(int8_t *logits)\n{\n",
        "void wk_standin_halve(int8_t *logits)\n{\n"
        '    __asm volatile("b.w 2f\\n.balign 1024\\n.rept 509\\nnop\\n.endr\\n"\n'
        '                   "2: movs r3, #50\\n1: subs r3, #1\\nbne 1b\\nnop"\n'
        '                   ::: "r3", "cc");\n',
    )
    image = build(target, "zig", folder)

    first = run_unicorn(image, standin_windows, count=1).trace
    second = run_qemu(image, standin_windows, count=1).trace

    assert first is not None and second is not None
    assert second.by_function() == first.by_function()
    assert first.by_function()["wk_standin_halve"] > 100


@pytest.mark.parametrize("compiler", ["gcc", "zig"])
def test_an_m55_runs_under_qemu(
    compiler: str,
    build: Build,
    standin_windows: NDArray[np.int8],
    needs_program: Callable[[str, str], str],
) -> None:
    needs_program("qemu-system-arm", "apt-get install qemu-system-arm")
    image = build("cortex-m55", compiler)

    run = run_image(image, standin_windows, count=1)

    assert np.array_equal(run.logits, standin_logits(standin_windows))
    assert run.trace is not None and run.trace.mix().classes["loop"] > 0
    assert run.stack_bytes > 0


@pytest.mark.usefixtures("unicorn")
@pytest.mark.parametrize("target", ["cortex-m0plus", "rv32"])
def test_blocks_add_up_to_single_instructions(
    target: str, build: Build, standin_windows: NDArray[np.int8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The count from blocks equals a hook on each instruction, the slow way of counting.

    On cores without IT: there the hook leaves out skipped instructions, which take a cycle too.
    """
    import unicorn as engine

    image = build(target, "zig")
    first, size = image.counted_range()
    seen = 0

    def one(_machine: Any, address: int, _size: int, _data: Any) -> None:
        nonlocal seen
        seen += first <= address < first + size

    start = engine.Uc.emu_start

    def hooked(machine: Any, *arguments: Any, **named: Any) -> None:
        machine.hook_add(engine.UC_HOOK_CODE, one, begin=1, end=0)
        start(machine, *arguments, **named)

    run = run_unicorn(image, standin_windows[:1], count=1)
    monkeypatch.setattr(engine.Uc, "emu_start", hooked)
    run_unicorn(image, standin_windows[:1])

    assert run.trace is not None
    assert run.trace.instructions() == seen > 0


@pytest.mark.usefixtures("unicorn")
def test_counting_may_begin_late(build: Build, standin_windows: NDArray[np.int8]) -> None:
    """Code that ran before anybody counted is counted like any other."""
    image = build("cortex-m4", "zig")
    cpu = UnicornCpu(image)
    names = ("wkharness_arena", "wkharness_input", "wkharness_logits")
    arena, window, logits = (image.elf.symbol(name).address for name in names)
    call = (image.elf.symbol("wk_model_run").address, arena, 32, window, logits)
    cpu.write(window, standin_windows[0].tobytes())

    cpu.call(*call)
    trace = Trace(image, 1)
    recorder = cpu.record(trace)
    cpu.call(*call)
    recorder.close()

    at_once = run_unicorn(image, standin_windows[:1], count=1).trace
    assert at_once is not None and trace.by_call() == at_once.by_call()


@pytest.mark.usefixtures("unicorn")
def test_three_runs_count_the_same(build: Build, standin_windows: NDArray[np.int8]) -> None:
    image = build("cortex-m4", "zig")

    counts = []
    for _ in range(3):
        trace = run_unicorn(image, standin_windows, count=1).trace
        assert trace is not None
        counts.append((trace.instructions(), trace.by_call()))

    assert counts[0] == counts[1] == counts[2]


@pytest.mark.usefixtures("unicorn")
def test_calls_and_functions_add_up(build: Build, standin_windows: NDArray[np.int8]) -> None:
    trace = run_unicorn(build("cortex-m4", "zig"), standin_windows, count=1).trace

    assert trace is not None
    calls = trace.by_call()
    assert [call.callee for call in calls] == [
        "memcpy",
        "wk_standin_dot",
        "wk_standin_halve",
        "wk_model_run",
    ]
    assert sum(call.mix.instructions for call in calls) == trace.instructions()
    assert sum(trace.by_function().values()) == trace.instructions()
    assert sum(trace.mix().classes.values()) == trace.instructions()


@pytest.mark.usefixtures("unicorn")
@pytest.mark.parametrize(
    ("target", "runs"), [("cortex-m4", False), ("cortex-m7", False), ("cortex-m33", True)]
)
def test_an_emulated_core_has_only_its_own_instructions(
    target: str,
    runs: bool,
    build: Build,
    edited_standin: Callable[[str, str], Path],
    standin_windows: NDArray[np.int8],
) -> None:
    """TT is Armv8-M: unicorn's M-class mode would run it on any core, as it gives an M33."""
    folder = edited_standin(
        "    for (int unit = 0; unit < WK_OUTPUT_LEN; unit++) {\n        logits",
        '    __asm volatile(".inst.w 0xE840F300" ::: "r3");\n'
        "    for (int unit = 0; unit < WK_OUTPUT_LEN; unit++) {\n        logits",
    )
    image = build(target, "zig", folder)

    if runs:
        assert len(run_unicorn(image, standin_windows).logits) == len(standin_windows)
    else:
        with pytest.raises(VerificationError, match="faulted"):
            run_unicorn(image, standin_windows)


@pytest.mark.usefixtures("unicorn")
def test_the_stack_is_measured(
    build: Build, edited_standin: Callable[[str, str], Path], standin_windows: NDArray[np.int8]
) -> None:
    plain = run_unicorn(build("cortex-m4", "zig"), standin_windows).stack_bytes
    folder = edited_standin(
        "        sum /= 256;",
        "        volatile int8_t deep[400];\n"
        "        for (int i = 0; i < 400; i++) {\n            deep[i] = 0;\n        }\n"
        "        sum = sum / 256 + deep[unit];",
    )

    deep = run_unicorn(build("cortex-m4", "zig", folder), standin_windows)

    assert np.array_equal(deep.logits, standin_logits(standin_windows))
    assert 400 <= deep.stack_bytes - plain <= 440


@pytest.mark.parametrize("emulator", ["unicorn", "qemu"])
def test_an_error_code_of_the_model_is_reported(
    emulator: str,
    build: Build,
    tmp_path: Path,
    standin_windows: NDArray[np.int8],
    needs_module: Callable[[str, str], None],
    needs_program: Callable[[str, str], str],
) -> None:
    import shutil

    from tests.emulated.conftest import STANDIN

    folder = tmp_path / "refusing"
    shutil.copytree(STANDIN, folder)
    model = folder / "wk_model.c"
    model.write_text(model.read_text().replace("arena_len < WK", "arena_len <= WK"))
    image = build("cortex-m4", "zig", folder)

    if emulator == "unicorn":
        needs_module("unicorn", "pip install unicorn")
        with pytest.raises(VerificationError, match="returned 1"):
            run_unicorn(image, standin_windows)
    else:
        needs_program("qemu-system-arm", "apt-get install qemu-system-arm")
        with pytest.raises(VerificationError, match="101"):
            run_qemu(image, standin_windows)
