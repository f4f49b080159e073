"""Run an image's wk_model_run on a core emulated by unicorn (pip alone), one call a window.

The mode matters: with UC_MODE_MCLASS unicorn 2.1 ignores the chosen core and gives a Cortex-M33;
plain Thumb mode with an M-profile cpu model gives that core, and refuses what it lacks.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import MissingToolError, VerificationError
from wearkit_export.targets.image import MODEL_ENTRY, Image
from wearkit_export.targets.target import Region, Target
from wearkit_export.targets.trace import OWN_CODE, Run, Step, Trace

_PAINT = b"\xa5"
_STACK_BYTES = 0x8000
_RETURN_BYTES = 0x1000


@dataclass(frozen=True, slots=True)
class _Abi:
    """How a function is called: registers of arguments, stack pointer, return address."""

    architecture: str
    mode: str
    constants: str
    arguments: tuple[str, ...]
    stack: str
    link: str | None
    result: str


_ABIS = {
    "thumb": _Abi(
        "UC_ARCH_ARM", "UC_MODE_THUMB", "arm", ("R0", "R1", "R2", "R3"), "SP", "LR", "R0"
    ),
    "riscv": _Abi(
        "UC_ARCH_RISCV", "UC_MODE_RISCV32", "riscv", ("A0", "A1", "A2", "A3"), "SP", "RA", "A0"
    ),
    "x86-64": _Abi(
        "UC_ARCH_X86", "UC_MODE_64", "x86", ("RDI", "RSI", "RDX", "RCX"), "RSP", None, "EAX"
    ),
}


def unicorn_available(target: Target) -> bool:
    """Whether unicorn is installed and has the target's core."""
    return target.unicorn_cpu is not None and importlib.util.find_spec("unicorn") is not None


def run_unicorn(image: Image, windows: NDArray[np.int8], *, count: int = 0) -> Run:
    """Run every window; count instructions of the first `count` of them.

    windows: (N, inputs) int8. Raises MissingToolError without unicorn or for a core it lacks,
    VerificationError when the model faults or returns an error.
    """
    cpu = _Cpu(image)
    trace = Trace(image, min(count, len(windows)))
    recorder = cpu.record(trace) if count else None
    logits = np.empty((len(windows), image.memory.logits_bytes), np.int8)
    stack_bytes = 0
    for index, window in enumerate(windows):
        if recorder is not None and index == count:
            cpu.stop_recording(recorder)
            recorder = None
        logits[index] = cpu.infer(window)
        if index == 0:
            stack_bytes = cpu.stack_used()
    if recorder is not None:
        cpu.stop_recording(recorder)
    return Run(logits, stack_bytes, trace if count else None, cpu.version)


class _Cpu:
    """One emulated core with the image loaded, ready to call wk_model_run."""

    def __init__(self, image: Image) -> None:
        if importlib.util.find_spec("unicorn") is None:
            raise MissingToolError("unicorn is not installed: pip install 'wearkit[profile]'.")
        if image.target.unicorn_cpu is None:
            raise MissingToolError(
                f"unicorn has no {image.target.name}: apt-get install qemu-system-arm."
            )
        import unicorn

        self._unicorn: Any = unicorn
        self._image = image
        self._abi = _ABIS[image.target.isa]
        self._constants: Any = importlib.import_module(f"unicorn.{self._abi.constants}_const")
        self.version = f"unicorn {unicorn.__version__} {image.target.unicorn_cpu[3:]}"
        machine = unicorn.Uc(getattr(unicorn, self._abi.architecture), _mode(unicorn, self._abi))
        machine.ctl_set_cpu_model(getattr(self._constants, image.target.unicorn_cpu))
        self._machine: Any = machine
        if image.target.isa == "x86-64":
            self._enable_sse()
        target = image.target
        for region in (target.flash, target.ram, target.external):
            machine.mem_map(region.origin, region.size_bytes)
        self._stack_top = target.ram.origin + target.ram.size_bytes - 16
        self._return = _free_page((target.flash, target.ram, target.external))
        machine.mem_map(self._return, _RETURN_BYTES)
        for section in image.elf.sections.values():
            if section.data:
                machine.mem_write(section.address, section.data)
        self._entry = image.elf.symbol(MODEL_ENTRY).address
        self._arena = image.elf.symbol("wkharness_arena")
        self._input = image.elf.symbol("wkharness_input").address
        self._logits = image.elf.symbol("wkharness_logits").address

    def infer(self, window: NDArray[np.int8]) -> NDArray[np.int8]:
        """One call. Raises VerificationError when it faults or returns an error."""
        machine, memory = self._machine, self._image.memory
        machine.mem_write(self._input, window.astype(np.int8).tobytes())
        machine.mem_write(self._stack_top - _STACK_BYTES, _PAINT * _STACK_BYTES)
        self._set_up_call()
        thumb = 1 if self._image.target.isa == "thumb" else 0
        try:
            machine.emu_start(self._entry | thumb, self._return, count=0)
        except self._unicorn.UcError as error:
            raise VerificationError(
                f"The model faulted on {self._image.target.name} ({error}): "
                f"was it built for another core?"
            ) from error
        status = machine.reg_read(self._register(self._abi.result)) & 0xFFFFFFFF
        if status != 0:
            raise VerificationError(f"wk_model_run returned {status} on {self.version}.")
        return np.frombuffer(machine.mem_read(self._logits, memory.logits_bytes), np.int8)

    def stack_used(self) -> int:
        """Bytes the last call wrote below its caller's stack pointer."""
        base = self._stack_top - _STACK_BYTES
        data = bytes(self._machine.mem_read(base, _STACK_BYTES))
        return len(data.lstrip(_PAINT))

    def record(self, trace: Trace) -> int:
        """Start counting blocks (single instructions on x86-64) into the trace."""
        entry = self._image.elf.symbol(MODEL_ENTRY)
        first, last = entry.address, entry.address + entry.size_bytes
        steps, sizes, order = trace.steps, trace.block_bytes, trace.order
        raw: dict[tuple[int, int, int], int] = {}
        site = previous = after = 0

        def on_block(_machine: Any, address: int, size: int, _data: Any) -> None:
            nonlocal site, previous, after
            if first <= address < last:
                site = OWN_CODE
                if address == first:
                    previous = 0
            elif site == OWN_CODE:
                site = after
            key = (site, previous, address)
            if key in raw:
                raw[key] += 1
            else:
                raw[key] = 1
                sizes[address] = size
                if site != OWN_CODE and site not in order:
                    order.append(site)
            previous, after = address, address + size

        self._flush = lambda: steps.update({Step(*key): n for key, n in raw.items()})
        single = self._image.target.isa == "x86-64"
        kind = self._unicorn.UC_HOOK_CODE if single else self._unicorn.UC_HOOK_BLOCK
        handle: int = self._machine.hook_add(kind, on_block, begin=1, end=0)
        return handle

    def stop_recording(self, handle: int) -> None:
        self._machine.hook_del(handle)
        self._flush()

    def _enable_sse(self) -> None:
        """CR4.OSFXSR and OSXMMEXCPT: what an operating system sets before a program uses SSE2."""
        register = self._register("CR4")
        self._machine.reg_write(register, self._machine.reg_read(register) | 0x600)

    def _set_up_call(self) -> None:
        write, abi = self._machine.reg_write, self._abi
        values = (self._arena.address, self._arena.size_bytes, self._input, self._logits)
        for name, value in zip(abi.arguments, values, strict=True):
            write(self._register(name), value)
        stack = self._stack_top
        if abi.link is None:
            stack -= 8
            self._machine.mem_write(stack, self._return.to_bytes(8, "little"))
        else:
            thumb = 1 if self._image.target.isa == "thumb" else 0
            write(self._register(abi.link), self._return | thumb)
        write(self._register(abi.stack), stack)

    def _register(self, name: str) -> int:
        value: int = getattr(self._constants, f"UC_{self._abi.constants.upper()}_REG_{name}")
        return value


def _mode(unicorn: Any, abi: _Abi) -> int:
    mode: int = getattr(unicorn, abi.mode)
    return mode


def _free_page(regions: tuple[Region, ...]) -> int:
    """A page beyond all regions, to return to."""
    return max(region.origin + region.size_bytes for region in regions) + (1 << 20)
