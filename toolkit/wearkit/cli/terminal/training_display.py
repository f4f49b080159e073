"""What `wearkit train` shows on stderr: progress, a line per epoch, the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import TaskID as BarId

from wearkit.cli.tables.score_tables import score_table
from wearkit.cli.terminal.line import at_work, owned_by
from wearkit.errors import printable
from wearkit.model.architecture import REPRODUCTIONS, parameter_count
from wearkit.spec import ModelSpec
from wearkit.training.epochs import OVERFITTING_EPOCHS, EpochRecord, EpochScores, overfitting_epoch
from wearkit.training.run import Run
from wearkit.windows.split import Split
from wearkit.windows.window_set import WindowSet


class TrainingDisplay:
    """A `history.Progress`. On anything but a terminal only whole lines are written."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._bar_id = BarId(0)
        self._records: list[EpochRecord] = []

    @contextmanager
    def reading(self, source: str) -> Iterator[None]:
        with at_work(f"Reading {source} ...", self._console):
            yield

    def describe(self, windows: WindowSet, split: Split, spec: ModelSpec) -> None:
        kind = "simulated windows" if windows.simulated else "windows"
        self._say(f"{len(windows)} {kind} of {len(windows.subjects)} people.")
        for name, label in (("train", "train"), ("val", "validate"), ("test", "test")):
            people, count = getattr(split, f"{name}_subjects"), len(getattr(split, name))
            self._say(f"  {label:<8} {count:>6} windows, {len(people)} people")
        self._say(f"  fold {split.fold} of {split.folds}, leak {split.leak_share:g}")
        if split.leak_share or split.shared_subjects:
            copied = f" ({split.copied_share:.1%} as copies)" if split.copied_share else ""
            self._say(
                f"LEAKY SPLIT: {split.leak_share:.1%} of the test windows share samples with other "
                f"parts{copied}, and {len(split.shared_subjects)} of {len(split.test_subjects)} "
                "test people are in them; no figure of this run says how the model does on new "
                "people."
            )
        for note in windows.notes:
            self._say(f"Note: {note}")
        tasks = ", ".join(f"{task.name} ({len(task.labels)})" for task in spec.tasks)
        self._say(f"{spec.arch}: {parameter_count(spec):,} parameters; tasks: {tasks}.")
        if spec.arch in REPRODUCTIONS:
            self._say(f"WARNING: {REPRODUCTIONS[spec.arch]}")

    @contextmanager
    def training(self) -> Iterator[None]:
        bar = Progress(
            TextColumn("training"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        with bar, owned_by(bar):
            self._bar, self._bar_id = bar, bar.add_task("training", total=None)
            yield

    def batch(self, completed: int, total: int) -> None:
        if self._bar is not None:
            self._bar.update(self._bar_id, completed=completed, total=total)

    def epoch(self, record: EpochRecord) -> None:
        parts = [f"epoch {record.epoch:>3}  loss {record.objective:.4f}"]
        parts.append(f"validation: student {_accuracies(record.student)}")
        if record.teacher is not None:
            parts.append(f"teacher {_accuracies(record.teacher)}")
        self._say("  ".join(parts))
        self._records.append(record)
        if overfitting_epoch(self._records) == record.epoch:
            self._say(
                f"OVERFITTING: for {OVERFITTING_EPOCHS} epochs the loss has fallen on the training "
                "windows and risen on the validation windows; the best network so far is safe, "
                "and more people will help where more epochs do not."
            )

    def result(self, run: Run) -> None:
        """run: as it was just written."""
        kept, training = run.metrics.kept, run.metrics.training
        assert kept is not None and training is not None
        if training.interrupted:
            which = (
                f"the best network so far (epoch {kept.epoch})"
                if kept.epoch
                else "the network as it is (no epoch had ended)"
            )
            self._say(f"Interrupted: {which} was kept.")
        title = "Test people" + (" (simulated)" if run.metrics.simulated else "")
        self._console.print(score_table(title, {"": run.metrics.tasks}))
        self._say(
            f"Kept the {kept.network} of epoch {kept.epoch}; trained {training.training_s:.1f} s "
            f"on {training.device} ({training.windows_per_s:,.0f} windows/s)."
        )
        reproduction = run.checkpoint.model.arch in REPRODUCTIONS
        command = "evaluate" if reproduction else "export --int8"
        self._say(f"Saved in {run.path}. Next: wearkit {command} --checkpoint {run.path}")

    def folds(self, path: Path, folds: int, tasks: Mapping[str, Any]) -> None:
        """tasks: what `cross_validation.summarise` gives."""
        for task, figures in tasks.items():
            over_subjects = figures["macro_f1"]["over_subjects"]
            spread = "" if over_subjects["std"] is None else f" ± {over_subjects['std']:.3f}"
            self._say(
                f"{task}: macro F1 by person {over_subjects['mean']:.3f}{spread} "
                f"({over_subjects['n']} people, {folds} folds)"
            )
        self._say(f"Saved in {path}.")

    def _say(self, line: str) -> None:
        self._console.print(printable(line), markup=False)


def _accuracies(scores: EpochScores) -> str:
    return " / ".join(f"{value:.3f}" for value in scores.accuracy.values())
