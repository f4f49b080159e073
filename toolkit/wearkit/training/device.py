"""Where training runs, and windows that live there."""

from __future__ import annotations

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
