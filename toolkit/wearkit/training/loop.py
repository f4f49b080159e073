"""One training loop for every method: windows in, the best checkpoint out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from wearkit.errors import DataError, ModelFileError, WearkitError
from wearkit.model.checkpoint import Checkpoint
from wearkit.model.network import Network, export_weights, seeded_network
from wearkit.spec import ModelSpec, derive_seed
from wearkit.training.config import TrainingConfig
from wearkit.training.device import DeviceWindows, enough_threads, pick_device
from wearkit.training.epochs import EpochRecord, EpochScores, Progress, Role
from wearkit.training.methods import METHODS, BatchLoss, Method, balanced_weights
from wearkit.training.provenance import identity_of, provenance_of
from wearkit.training.state import BestSoFar, StateFolder, TrainingState, discard_state
from wearkit.windows.split import Split
from wearkit.windows.window_set import WindowSet

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
    state: StateFolder | None = None,
    resume: bool = False,
) -> TrainingResult:
    """Train on `split.train`, select on `split.val`; `split.test` is not looked at.

    Kept are the weights of the epoch, and of student or teacher, with the highest mean validation
    accuracy over the tasks; the lower validation loss decides between equals. On the CPU the
    seed, the fold and the data determine the result to the bit (for one torch build and number
    of threads), whatever the state of torch's global generator.

    An interrupt (Ctrl-C, or should_stop() turning true) ends training early; the result is then
    the best so far, or the current weights when no epoch has ended, and says so.

    With `state`, everything the rest depends on is on disk after every epoch, and stays there:
    whoever has the result safe calls `training.state.discard_state`. With `resume` training goes
    on from there, to the bit as if it had never stopped; an epoch cut short is done again.
    Raises DataError when the windows do not fit the model, the state on disk is of another
    training, or a part of the split is empty, ModelFileError when the state is missing or
    damaged, MissingToolError for a device this machine lacks, WearkitError when training
    diverges.
    """
    _check(windows, split, spec)
    chosen = pick_device(device)
    student = seeded_network(spec, derive_seed(config.seed, split.fold, "weights")).to(chosen)
    learned = windows.take(split.train)
    weights = balanced_weights(learned) if config.class_weights == "balanced" else {}
    loop = _Loop(
        METHODS[config.method](
            student, config, {k: torch.from_numpy(v).to(chosen) for k, v in weights.items()}
        ),
        student,
        config,
        DeviceWindows(learned, chosen),
        DeviceWindows(windows.take(split.val), chosen),
        torch.Generator().manual_seed(derive_seed(config.seed, split.fold, "batches")),
    )
    save = None
    if state is not None:
        identity = identity_of(windows, split, spec, config, chosen.type)
        if resume:
            loop.restore(state.load(identity), state.path)
        else:
            discard_state(state.path)
        save = partial(state.save, identity=identity)
    interrupted = False
    try:
        with enough_threads(student, chosen):
            loop.run(progress, should_stop or (lambda: False), save)
    except (KeyboardInterrupt, _Stopped):
        interrupted = True
    best = loop.best or BestSoFar(export_weights(student), "student", 0, None)
    provenance = provenance_of(windows, split, config, best, str(chosen), interrupted)
    return loop.result(
        Checkpoint(spec, best.weights, provenance), best, str(chosen), interrupted=interrupted
    )


class _Stopped(Exception):
    """should_stop() turned true."""


class _Loop:
    def __init__(
        self,
        method: Method,
        student: Network,
        config: TrainingConfig,
        train: DeviceWindows,
        val: DeviceWindows,
        order: torch.Generator,
    ) -> None:
        self.method, self.student = method, student
        # The fused step reads and writes each weight once; it is a quarter of the time otherwise.
        self.optimiser = torch.optim.Adam(student.parameters(), lr=config.learning_rate, fused=True)
        self.config, self.train, self.val, self.order = config, train, val, order
        self.history: list[EpochRecord] = []
        self.best: BestSoFar | None = None
        self.windows_seen = 0
        self._began_s = time.perf_counter()

    def run(
        self,
        progress: Progress | None,
        should_stop: Callable[[], bool],
        save: Callable[[TrainingState], None] | None,
    ) -> None:
        if save is not None and not self.history:
            save(self.snapshot())
        for epoch in range(len(self.history) + 1, self.config.epochs + 1):
            objective, training = self._learn(epoch, progress, should_stop)
            student = score(self.student, self.val)
            teacher = score(self.method.teacher, self.val) if self.method.teacher else None
            losses = [objective, student.mean_loss, 0.0 if teacher is None else teacher.mean_loss]
            if not all(math.isfinite(loss) for loss in losses):
                raise WearkitError(
                    f"Training diverged in epoch {epoch}: choose a learning rate below "
                    f"{self.config.learning_rate:g}."
                )
            record = EpochRecord(epoch, objective, training, student, teacher)
            self._offer(self.student, "student", epoch, student)
            if self.method.teacher is not None and teacher is not None:
                self._offer(self.method.teacher, "teacher", epoch, teacher)
            self.history.append(record)
            if save is not None:
                save(self.snapshot())
            if progress is not None:
                progress.epoch(record)

    def result(
        self, checkpoint: Checkpoint, best: BestSoFar, device: str, *, interrupted: bool
    ) -> TrainingResult:
        training_s = self.training_s()
        return TrainingResult(
            checkpoint=checkpoint,
            history=tuple(self.history),
            kept=best.role,
            epoch=best.epoch,
            interrupted=interrupted,
            device=device,
            training_s=training_s,
            windows_per_s=self.windows_seen / training_s,
        )

    def training_s(self) -> float:
        """Since the beginning of the training, without the time between a stop and a resume."""
        return time.perf_counter() - self._began_s

    def snapshot(self) -> TrainingState:
        """A copy of everything the epochs to come depend on."""
        tensors = {name: value.cpu().numpy().copy() for name, value in self._tensors().items()}
        return TrainingState(
            tensors=tensors,
            history=tuple(self.history),
            best=self.best,
            teacher_steps=self.method.teacher_steps,
            windows_seen=self.windows_seen,
            training_s=self.training_s(),
        )

    def restore(self, state: TrainingState, path: Path) -> None:
        """Become the loop that `state` is a snapshot of. path: named when it does not fit."""
        own = self._tensors()
        described = {name: (value.shape, value.cpu().numpy().dtype) for name, value in own.items()}
        saved = {name: (value.shape, value.dtype) for name, value in state.tensors.items()}
        epochs = [record.epoch for record in state.history]
        in_order = epochs == list(range(1, min(len(epochs), self.config.epochs) + 1))
        tasks = {task.name for task in self.student.spec.tasks}
        named = [
            set(scores.loss)
            for record in state.history
            for scores in (record.training, record.student, record.teacher)
            if scores is not None
        ]
        if saved != described or not in_order or any(names != tasks for names in named):
            raise ModelFileError(f"The state in {path} does not fit its model: train again.")
        if state.best is not None:  # raises if these are not weights of this model
            Checkpoint(self.student.spec, state.best.weights)
        try:
            self.order.set_state(torch.from_numpy(state.tensors["generator.batches"].copy()))
        except RuntimeError as error:
            raise ModelFileError(f"The state in {path} is damaged: train again.") from error
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(torch.from_numpy(state.tensors[name].copy()))
        self.method.teacher_steps = state.teacher_steps
        self.history, self.best = list(state.history), state.best
        self.windows_seen = state.windows_seen
        self._began_s = time.perf_counter() - state.training_s

    def _tensors(self) -> dict[str, Tensor]:
        """Everything that is a tensor, by name; all but the generator's state by reference."""
        tensors = {"generator.batches": self.order.get_state()}
        for role, network in (("student", self.student), ("teacher", self.method.teacher)):
            if network is not None:
                tensors |= {f"{role}.{name}": v for name, v in network.state_dict().items()}
        for name, parameter in self.student.named_parameters():
            moments = self.optimiser.state[parameter] or self._first_moments(parameter)
            tensors |= {f"adam.{name}.{part}": value for part, value in moments.items()}
        return tensors

    def _first_moments(self, parameter: Tensor) -> dict[str, Tensor]:
        """What Adam itself makes in its first step; here so that it can be saved before one."""
        moments = {
            "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
            "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
            "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
        }
        self.optimiser.state[parameter] = moments
        return moments

    def _learn(
        self, epoch: int, progress: Progress | None, should_stop: Callable[[], bool]
    ) -> tuple[float, EpochScores]:
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
            self.method.after_step()
            tally.add(loss, targets)
            self.windows_seen += len(index)
            if progress is not None:
                finished = (epoch - 1) * len(batches) + number
                progress.batch(finished, self.config.epochs * len(batches))
        return tally.result()

    def _offer(self, network: Network, role: Role, epoch: int, scores: EpochScores) -> None:
        if self.best is None or self.best.scores is None or scores.beats(self.best.scores):
            self.best = BestSoFar(export_weights(network), role, epoch, scores)


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

    def result(self) -> tuple[float, EpochScores]:
        mean = [value / self._windows for value in self._sums.tolist()]
        split = 1 + len(self._tasks)
        return mean[0], EpochScores(
            loss=dict(zip(self._tasks, mean[1:split], strict=True)),
            accuracy=dict(zip(self._tasks, mean[split:], strict=True)),
        )


@torch.inference_mode()
def score(network: Network, windows: DeviceWindows) -> EpochScores:
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
