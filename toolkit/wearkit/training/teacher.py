"""The smoothed teacher of Smooth-Distill: an exponential moving average of the student.

Smooth-Distill (arXiv 2507.00061) eq. 4, with the warm-up and the averaged batch-norm statistics
without which a short run has a useless teacher.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from wearkit.model.network import Network


def warm_decay(step: int, decay: float) -> float:
    """min(decay, (1 + t) / (10 + t)): early on, forget the random start quickly."""
    return min(decay, (1 + step) / (10 + step))


class SmoothedTeacher:
    """theta' <- d theta' + (1 - d) theta after every optimiser step, theta'_0 = theta_0.

    Float buffers (batch-norm statistics) are averaged like weights, integer ones copied. The
    teacher stays in eval mode and takes no gradient. `steps` counts the updates so far.
    Move the student to its device first: its tensors are held by reference.
    """

    def __init__(self, student: Network, decay: float) -> None:
        self.network = copy.deepcopy(student).eval().requires_grad_(False)
        self.decay = decay
        self.steps = 0
        pairs = list(zip(_tensors(self.network), _tensors(student), strict=True))
        self._averages = [mine for mine, _ in pairs if mine.is_floating_point()]
        self._followed = [theirs for mine, theirs in pairs if mine.is_floating_point()]
        self._copied = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Follow the student. Call it only after the optimiser has really stepped."""
        weight = 1.0 - warm_decay(self.steps, self.decay)
        # One fused call over all tensors, as torch's own optimisers do: on a GPU a step is bound
        # by the number of launches.
        torch._foreach_lerp_(self._averages, self._followed, weight)
        for mine, theirs in self._copied:
            mine.copy_(theirs)
        self.steps += 1


def _tensors(network: Network) -> list[Tensor]:
    """Weights and buffers themselves, not copies, in a fixed order."""
    return [*network.parameters(), *network.buffers()]
