"""Run an image on whichever emulator has its core: windows, or a stream push by push."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import MissingToolError, VerificationError
from wearkit_export.profile.qemu import qemu_available, run_qemu
from wearkit_export.profile.trace import ImageRun, Trace
from wearkit_export.profile.unicorn_cpu import UnicornCpu, unicorn_available
from wearkit_export.targets.image import Image

ERR_READY = -3  # WK_ERR_READY of wk_status.h: a stream has not seen a whole window yet


def run_image(image: Image, inputs: NDArray[np.int8], *, count: int = 0) -> ImageRun:
    """unicorn where it has the core (no installation beyond pip), else QEMU.

    inputs: (N, bytes) int8, windows or what a stream's pushes take; instructions of the first
    `count` are counted. Raises MissingToolError naming what to install, VerificationError when
    the model fails.
    """
    if unicorn_available(image.target):
        return run_unicorn(image, inputs, count=count)
    if image.target.unicorn_cpu is not None and not qemu_available(image.target):
        raise MissingToolError("unicorn is not installed: pip install 'wearkit[profile]'.")
    return run_qemu(image, inputs, count=count)


def run_unicorn(image: Image, inputs: NDArray[np.int8], *, count: int = 0) -> ImageRun:
    """As run_image, on unicorn. Logits of a stream are 0 until it has seen a whole window."""
    cpu = UnicornCpu(image)
    use = _Model(cpu, image)
    trace = Trace(image, min(count, len(inputs)))
    recorder = cpu.record(trace) if count else None
    logits = np.empty((len(inputs), image.memory.logits_bytes), np.int8)
    stack_bytes = 0
    for index, values in enumerate(inputs):
        if recorder is not None and index == count:
            recorder.close()
            recorder = None
        logits[index] = use.infer(values)
        stack_bytes = max(stack_bytes, use.stack_bytes)
    if recorder is not None:
        recorder.close()
    return ImageRun(logits, stack_bytes, trace if count else None, cpu.version)


class _Model:
    """The harness's main, done from outside: what lies where, and who is called."""

    def __init__(self, cpu: UnicornCpu, image: Image) -> None:
        self._cpu, self._image = cpu, image
        self.stack_bytes = 0
        self._arena = image.elf.symbol("wkharness_arena")
        self._input = image.elf.symbol("wkharness_input").address
        self._logits = image.elf.symbol("wkharness_logits").address
        if image.mode == "stream":
            self._call("wk_model_stream_begin", self._arena.address)

    def infer(self, values: NDArray[np.int8]) -> NDArray[np.int8]:
        """Logits after one window or push. Raises VerificationError on a fault or error code."""
        self.stack_bytes = 0
        self._cpu.write(self._input, values.astype(np.int8).tobytes())
        if self._image.mode == "stream":
            self._call("wk_model_stream_push", self._arena.address, self._input)
            status = self._call("wk_model_stream_run", self._arena.address, self._logits)
            status = 0 if status == ERR_READY else status
        else:
            place = (self._arena.address, self._arena.size_bytes, self._input, self._logits)
            status = self._call("wk_model_run", *place)
        if status:
            raise VerificationError(f"The model returned {status} on {self._cpu.version}.")
        return np.frombuffer(self._cpu.read(self._logits, self._image.memory.logits_bytes), np.int8)

    def _call(self, function: str, *arguments: int) -> int:
        result = self._cpu.call(self._image.elf.symbol(function).address, *arguments)
        self.stack_bytes = max(self.stack_bytes, self._cpu.stack_used())
        return result
