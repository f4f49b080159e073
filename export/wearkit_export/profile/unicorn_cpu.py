"""A core emulated by unicorn (pip alone) with an image loaded, ready to call the model.

The mode matters: with UC_MODE_MCLASS unicorn 2.1 ignores the chosen core and gives a Cortex-M33;
plain Thumb mode with an M-profile cpu model gives that core, and refuses what it lacks.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

from wearkit.errors import MissingToolError, VerificationError
from wearkit_export.profile.trace import OWN_CODE, BlockStep, Trace
from wearkit_export.targets.image import Image
from wearkit_export.targets.target import Target

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


class UnicornCpu:
    """Raises MissingToolError without unicorn, or for a core it lacks."""

    def __init__(self, image: Image) -> None:
        target = image.target
        if importlib.util.find_spec("unicorn") is None:
            raise MissingToolError("unicorn is not installed: pip install 'wearkit[profile]'.")
        if target.unicorn_cpu is None:
            raise MissingToolError(f"unicorn has no {target.name}: install qemu-system-arm.")
        import unicorn

        self._unicorn: Any = unicorn
        self._abi = _ABIS[target.isa]
        self._constants: Any = importlib.import_module(f"unicorn.{self._abi.constants}_const")
        self._target = target
        self._thumb = 1 if target.isa == "thumb" else 0
        self.version = f"unicorn {unicorn.__version__} {target.unicorn_cpu[3:]}"
        self._machine: Any = self._create(image)

    def write(self, address: int, data: bytes) -> None:
        self._machine.mem_write(address, data)

    def read(self, address: int, length: int) -> bytes:
        return bytes(self._machine.mem_read(address, length))

    def call(self, address: int, *arguments: int) -> int:
        """Call a function, giving the int it returns. Raises VerificationError when it faults."""
        machine, stack = self._machine, self._stack_top
        machine.mem_write(stack - _STACK_BYTES, _PAINT * _STACK_BYTES)
        for name, value in zip(self._abi.arguments, arguments, strict=False):
            self._set(name, value)
        if self._abi.link is None:
            stack -= 8
            machine.mem_write(stack, self._return.to_bytes(8, "little"))
        else:
            self._set(self._abi.link, self._return | self._thumb)
        self._set(self._abi.stack, stack)
        try:
            machine.emu_start(address | self._thumb, self._return)
        except self._unicorn.UcError as error:
            raise VerificationError(
                f"The model faulted on {self._target.name} ({error}): was it built for another "
                "core?"
            ) from error
        word: int = machine.reg_read(self._register(self._abi.result)) & 0xFFFFFFFF
        return word - (1 << 32) if word >> 31 else word

    def stack_used(self) -> int:
        """Bytes the last call wrote below its caller's stack pointer."""
        return len(self.read(self._stack_top - _STACK_BYTES, _STACK_BYTES).lstrip(_PAINT))

    def record(self, trace: Trace) -> _Recorder:
        """Count blocks (single instructions on x86-64) into the trace until it is closed."""
        single = self._target.isa == "x86-64"
        kind = self._unicorn.UC_HOOK_CODE if single else self._unicorn.UC_HOOK_BLOCK
        self._machine.ctl_flush_tb()  # blocks translated before a hook exists never call it
        return _Recorder(self._machine, kind, trace)

    def _create(self, image: Image) -> Any:
        unicorn, target = self._unicorn, self._target
        machine = unicorn.Uc(
            getattr(unicorn, self._abi.architecture), getattr(unicorn, self._abi.mode)
        )
        machine.ctl_set_cpu_model(getattr(self._constants, str(target.unicorn_cpu)))
        regions = (target.flash, target.ram, target.external)
        for region in regions:
            machine.mem_map(region.origin, region.size_bytes)
        self._stack_top = target.ram.origin + target.ram.size_bytes - 16
        # A page of its own, beyond all others, to return to.
        self._return = max(region.origin + region.size_bytes for region in regions) + (1 << 20)
        machine.mem_map(self._return, _RETURN_BYTES)
        for section in image.elf.sections.values():
            if section.data:
                machine.mem_write(section.address, section.data)
        if target.isa == "x86-64":
            # CR4.OSFXSR and OSXMMEXCPT: an operating system sets them before programs use SSE2.
            register = self._register("CR4")
            machine.reg_write(register, machine.reg_read(register) | 0x600)
        return machine

    def _set(self, register: str, value: int) -> None:
        self._machine.reg_write(self._register(register), value)

    def _register(self, name: str) -> int:
        value: int = getattr(self._constants, f"UC_{self._abi.constants.upper()}_REG_{name}")
        return value


class _Recorder:
    """A hook that counts steps until `close`."""

    def __init__(self, machine: Any, kind: int, trace: Trace) -> None:
        entry = trace.image.entry
        self._first, self._last = entry.address, entry.address + entry.size_bytes
        self._machine, self._trace = machine, trace
        self._steps: dict[tuple[int, int, int], int] = {}
        self._site = self._previous = self._after = 0
        self._handle = machine.hook_add(kind, self._on_block, begin=1, end=0)

    def close(self) -> None:
        self._machine.hook_del(self._handle)
        self._trace.steps.update({BlockStep(*key): count for key, count in self._steps.items()})

    def _on_block(self, _machine: Any, address: int, size: int, _data: Any) -> None:
        if self._first <= address < self._last:
            self._site = OWN_CODE
            if address == self._first:
                self._previous = 0
        elif self._site == OWN_CODE:
            self._site = self._after
        key = (self._site, self._previous, address)
        if key in self._steps:
            self._steps[key] += 1
        else:
            self._steps[key] = 1
            self._trace.block_bytes[address] = size
            if self._site != OWN_CODE and self._site not in self._trace.order:
                self._trace.order.append(self._site)
        self._previous, self._after = address, address + size
