"""One training loop for every method: windows in, the best checkpoint out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from wearkit import __version__
from wearkit.checkpoint import Checkpoint
from wearkit.devices import DeviceWindows, pick_device
from wearkit.errors import DataError, WearkitError
from wearkit.history import EpochRecord, Progress, Role, Scores
from wearkit.methods import METHODS, BatchLoss
from wearkit.networks import Network, export_weights, seeded_network
from wearkit.spec import ModelSpec
from wearkit.split import Split
from wearkit.training_config import TrainingConfig, derive_seed
from wearkit.windows import WindowSet

EVALUATION_BATCH = 512  # windows: large enough to be fast, small enough for any laptop


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """kept, epoch: which network the checkpoint holds and after which epoch (0: none ended)."""

    checkpoint: Checkpoint
    history: tuple[EpochRecord, ...]
    kept: Role
    epoch: int
    interrupted: bool
    device: str
    training_s: float
    windows_per_s: float


def train(
    windows: WindowSet,
    split: Split,
    spec: ModelSpec,
    config: TrainingConfig,
    *,
    device: str = "auto",
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TrainingResult:
    """Train on `split.train`, select on `split.val`; `split.test` is not looked at.

    Kept are the weights of the epoch, and of student or teacher, with the highest mean validation
    accuracy over the tasks; the lower validation loss decides between equals. On the CPU the
    seed, the fold and the data determine the result to the bit (for one torch build and number
    of threads), whatever the state of torch's global generator.

    An interrupt (Ctrl-C, or should_stop() turning true) ends training early; the result is then
    the best so far, or the current weights when no epoch has ended, and says so.
    Raises DataError when the windows do not fit the model or a part of the split is empty,
    MissingToolError for a device this machine lacks, WearkitError when training diverges.
    """
    _check(windows, split, spec)
    chosen = pick_device(device)
    student = seeded_network(spec, derive_seed(config.seed, split.fold, "weights")).to(chosen)
    loop = _Loop(
        student,
        config,
        DeviceWindows(windows.take(split.train), chosen),
        DeviceWindows(windows.take(split.val), chosen),
        torch.Generator().manual_seed(derive_seed(config.seed, split.fold, "batches")),
    )
    interrupted = False
    started_s = time.perf_counter()
    try:
        loop.run(progress, should_stop or (lambda: False))
    except (KeyboardInterrupt, _Stopped):
        interrupted = True
    training_s = time.perf_counter() - started_s
    best = loop.best or _Best(export_weights(student), "student", 0, None)
    return TrainingResult(
        checkpoint=Checkpoint(
            spec, best.weights, _provenance(windows, split, config, best, str(chosen), interrupted)
        ),
        history=tuple(loop.history),
        kept=best.role,
        epoch=best.epoch,
        interrupted=interrupted,
        device=str(chosen),
        training_s=training_s,
        windows_per_s=loop.windows_seen / training_s,
    )


class _Stopped(Exception):
    """should_stop() turned true."""


@dataclass(frozen=True, slots=True)
class _Best:
    """weights are a copy: training on does not change them. scores: on the validation windows."""

    weights: Mapping[str, NDArray[np.float32]]
    role: Role
    epoch: int
    scores: Scores | None


class _Loop:
    def __init__(
        self,
        student: Network,
        config: TrainingConfig,
        train: DeviceWindows,
        val: DeviceWindows,
        order: torch.Generator,
    ) -> None:
        self.student = student
        self.method = METHODS[config.method](student, config)
        # The fused step reads and writes each weight once; it is a quarter of the time otherwise.
        self.optimiser = torch.optim.Adam(student.parameters(), lr=config.learning_rate, fused=True)
        self.config, self.train, self.val, self.order = config, train, val, order
        self.history: list[EpochRecord] = []
        self.best: _Best | None = None
        self.windows_seen = 0

    def run(self, progress: Progress | None, should_stop: Callable[[], bool]) -> None:
        for epoch in range(1, self.config.epochs + 1):
            objective, training = self._learn(epoch, progress, should_stop)
            if not math.isfinite(objective):
                raise WearkitError(
                    f"Training diverged in epoch {epoch}: choose a learning rate below "
                    f"{self.config.learning_rate:g}."
                )
            student = score(self.student, self.val)
            teacher = score(self.method.teacher, self.val) if self.method.teacher else None
            record = EpochRecord(epoch, objective, training, student, teacher)
            self._offer(self.student, "student", epoch, student)
            if self.method.teacher is not None and teacher is not None:
                self._offer(self.method.teacher, "teacher", epoch, teacher)
            self.history.append(record)
            if progress is not None:
                progress.epoch(record)

    def _learn(
        self, epoch: int, progress: Progress | None, should_stop: Callable[[], bool]
    ) -> tuple[float, Scores]:
        """One pass over the training windows -> the mean objective and the scores on the way."""
        self.student.train()
        order = torch.randperm(len(self.train), generator=self.order).to(self.train.device)
        batches = torch.split(order, self.config.batch)
        tally = _Tally(self.student, self.train.device)
        for number, index in enumerate(batches, start=1):
            if should_stop():
                raise _Stopped
            inputs, targets = self.train.batch(index)
            self.optimiser.zero_grad()
            loss = self.method.loss(inputs, targets)
            loss.total.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.method.stepped()
            tally.add(loss, targets)
            self.windows_seen += len(index)
            if progress is not None:
                done = (epoch - 1) * len(batches) + number
                progress.batch(done, self.config.epochs * len(batches))
        return tally.result()

    def _offer(self, network: Network, role: Role, epoch: int, scores: Scores) -> None:
        if self.best is None or self.best.scores is None or scores.beats(self.best.scores):
            self.best = _Best(export_weights(network), role, epoch, scores)


class _Tally:
    """Sums over batches that stay on the device until `result`: one transfer, not one a step."""

    def __init__(self, network: Network, device: torch.device) -> None:
        self._tasks = [task.name for task in network.spec.tasks]
        self._sums = torch.zeros(1 + 2 * len(self._tasks), device=device)
        self._windows = 0

    @torch.no_grad()
    def add(self, loss: BatchLoss, targets: Mapping[str, Tensor]) -> None:
        size = len(next(iter(targets.values())))
        means = torch.stack([loss.total, *(loss.cross_entropy[task] for task in self._tasks)])
        hits = [(loss.logits[task].argmax(1) == targets[task]).sum() for task in self._tasks]
        self._sums += torch.cat([means * size, torch.stack(hits)])
        self._windows += size

    def result(self) -> tuple[float, Scores]:
        mean = [value / self._windows for value in self._sums.tolist()]
        split = 1 + len(self._tasks)
        return mean[0], Scores(
            loss=dict(zip(self._tasks, mean[1:split], strict=True)),
            accuracy=dict(zip(self._tasks, mean[split:], strict=True)),
        )


@torch.inference_mode()
def score(network: Network, windows: DeviceWindows) -> Scores:
    """Loss and accuracy in eval mode."""
    network.eval()
    tally = _Tally(network, windows.device)
    everything = torch.arange(len(windows), device=windows.device)
    for index in torch.split(everything, EVALUATION_BATCH):
        inputs, targets = windows.batch(index)
        logits: dict[str, Tensor] = network(inputs)
        entropy = {task: functional.cross_entropy(logits[task], targets[task]) for task in logits}
        tally.add(BatchLoss(torch.stack(list(entropy.values())).mean(), entropy, logits), targets)
    return tally.result()[1]


def _check(windows: WindowSet, split: Split, spec: ModelSpec) -> None:
    if spec.tasks != windows.tasks or spec.window != windows.spec:
        raise DataError("The model's tasks, labels or window differ from those of the data.")
    for name, index in (("training", split.train), ("validation", split.val)):
        if len(index) == 0:
            raise DataError(f"There is no {name} window: record more subjects or lower --folds.")


def _provenance(
    windows: WindowSet,
    split: Split,
    config: TrainingConfig,
    best: _Best,
    device: str,
    interrupted: bool,
) -> dict[str, Any]:
    return {
        "training": config.to_json(),
        "split": {
            "kind": split.name,
            "fold": split.fold,
            "folds": split.folds,
            "seed": split.seed,
            "leak_share": split.leak_share,
        },
        "data": {
            "fingerprint": windows.fingerprint,
            "windows": len(windows),
            "subjects": len(windows.subjects),
            "simulated": windows.simulated,
            "notes": list(windows.notes),
        },
        "kept": {
            "network": best.role,
            "epoch": best.epoch,
            "validation": None if best.scores is None else best.scores.to_json(),
        },
        "interrupted": interrupted,
        "device": device.partition(":")[0],
        "versions": {"wearkit": __version__, "torch": torch.__version__, "numpy": np.__version__},
    }
