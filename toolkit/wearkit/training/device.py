"""Where training runs, the memory it asks for, and windows that live there."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from wearkit.errors import MissingToolError
from wearkit.model.network import inputs_g
from wearkit.windows.window_set import WindowSet


def pick_device(name: str) -> torch.device:
    """ "auto" is CUDA if there is one, then Apple's MPS, then the CPU.

    Raises MissingToolError when the named device is unknown or not on this machine.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise MissingToolError(
            f"The device {name!r} cannot be used on this machine: choose --device auto or cpu."
        ) from error
    return device


_WORTH_DIVIDING = 100_000
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_KEPT_BYTES = 512 << 20
_LARGEST_ON_HEAP_BYTES = 32 << 20  # the most glibc accepts


@contextmanager
def enough_threads(network: nn.Module, device: torch.device) -> Iterator[None]:
    """One thread on the CPU for a network below 100,000 parameters.

    Its layers are over before a second thread has begun: mtl-net-micro trains 1.4 times as fast on
    one thread as on two (docs/results.md). The number of before is set again at the end.
    """
    before = torch.get_num_threads()
    small = sum(weights.numel() for weights in network.parameters()) < _WORTH_DIVIDING
    if device.type == "cpu" and small:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def keep_freed_memory() -> bool:
    """Have glibc keep freed memory instead of giving it back to the kernel; True where it does.

    A training step frees what the next one asks for again, and each page that went to the kernel
    in between costs a fault. For the whole process, so it is the command line's to call. It
    changes no number.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    settings = ((_TRIM_THRESHOLD, _KEPT_BYTES), (_MMAP_THRESHOLD, _LARGEST_ON_HEAP_BYTES))
    return all(mallopt(name, value) == 1 for name, value in settings)


class DeviceWindows:
    """Inputs and targets of a WindowSet on one device, moved there once.

    Held as int8, 300 bytes per window, and turned into g batch by batch: on every device measured
    that costs less than the memory traffic of holding float32.
    """

    def __init__(self, windows: WindowSet, device: torch.device) -> None:
        self.device = device
        self._inputs = torch.from_numpy(windows.inputs).to(device)
        self._targets = {
            task.name: torch.from_numpy(windows.targets[task.name]).to(device, torch.int64)
            for task in windows.tasks
        }

    def __len__(self) -> int:
        return int(self._inputs.shape[0])

    def batch(self, index: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """index: (B,) int64 on the device -> (B, length, 3) float32 in g, task -> (B,) int64."""
        targets = {name: column.index_select(0, index) for name, column in self._targets.items()}
        return inputs_g(self._inputs.index_select(0, index)), targets
