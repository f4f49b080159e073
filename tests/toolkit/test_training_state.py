"""A training that is killed and resumed is the training that was never killed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from wearkit.errors import DataError, ModelFileError
from wearkit.spec import ModelSpec
from wearkit.training.config import TrainingConfig
from wearkit.training.epochs import EpochRecord
from wearkit.training.loop import TrainingResult, train
from wearkit.training.state import StateFolder, discard_state, read_request
from wearkit.windows.split import Split
from wearkit.windows.window_set import WindowSet

pytestmark = pytest.mark.usefixtures("one_thread")

EPOCHS = 4
Trainer = Callable[..., TrainingResult]


class Killed(BaseException):
    """What nothing in the loop catches, as nothing catches SIGKILL."""


class Killer:
    """A Progress that kills the training after so many batches."""

    def __init__(self, after: int) -> None:
        self.left = after

    def batch(self, done: int, total: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    def epoch(self, record: EpochRecord) -> None:
        pass


@pytest.fixture
def trainer(toy_windows: WindowSet, toy_split: Split, toy_model: ModelSpec) -> Trainer:
    def run(
        folder: Path | None = None,
        resume: bool = False,
        windows: WindowSet = toy_windows,
        split: Split = toy_split,
        kill_after: int = 0,
        **options: Any,
    ) -> TrainingResult:
        return train(
            windows,
            split,
            toy_model,
            TrainingConfig(**({"epochs": EPOCHS, "batch": 16} | options)),
            device="cpu",
            progress=Killer(kill_after),
            state=None if folder is None else StateFolder(folder, {"arch": "mtl-net-micro"}),
            resume=resume,
        )

    return run


def _equal(a: TrainingResult, b: TrainingResult) -> bool:
    first, second = a.checkpoint.weights, b.checkpoint.weights
    return (
        all(first[name].tobytes() == second[name].tobytes() for name in first)
        and a.history == b.history
        and a.checkpoint.provenance == b.checkpoint.provenance
    )


def _begun(trainer: Trainer, folder: Path, kill_after: int, **options: Any) -> None:
    with pytest.raises(Killed):
        trainer(folder, kill_after=kill_after, **options)


@pytest.mark.parametrize("method", ["smooth-distill", "multitask"])
def test_killed_again_and_again_it_ends_with_the_same_bits(
    trainer: Trainer, tmp_path: Path, method: str
) -> None:
    whole = trainer(method=method)
    generator = np.random.default_rng(len(method))
    resume, kills = False, 0
    for _ in range(50):
        try:
            # Three batches an epoch: now and then an epoch ends before the kill.
            result = trainer(
                tmp_path, resume, kill_after=int(generator.integers(1, 7)), method=method
            )
            break
        except Killed:
            resume, kills = True, kills + 1
    assert kills >= 3
    assert _equal(whole, result)
    assert not _equal(whole, trainer(method=method, seed=1))


def test_what_was_best_before_the_kill_is_not_forgotten(trainer: Trainer, tmp_path: Path) -> None:
    options = {"epochs": 6, "learning_rate": 0.02}
    whole = trainer(**options)
    batches = whole.epoch * 3
    assert whole.epoch < 6, "the premise: training went on after the best"
    _begun(trainer, tmp_path, batches + 1, **options)
    assert _equal(whole, trainer(tmp_path, resume=True, **options))


def test_a_state_changes_nothing(trainer: Trainer, tmp_path: Path) -> None:
    assert _equal(trainer(), trainer(tmp_path))


def test_an_interrupt_is_resumed_too(trainer: Trainer, tmp_path: Path) -> None:
    class Stop(Killer):
        def batch(self, done: int, total: int) -> None:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "Killer", Stop)
        assert trainer(tmp_path, kill_after=5).interrupted
    assert _equal(trainer(), trainer(tmp_path, resume=True))


@pytest.mark.parametrize("broken", ["write_json", "write_bytes", "_remove"])
def test_a_kill_while_saving_leaves_the_state_before_or_after(
    trainer: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    import wearkit.training.state as module

    whole = trainer()
    real, calls = getattr(module, broken), [0]

    def breaks(*values: Any, **named: Any) -> None:
        calls[0] += 1
        if calls[0] == 4:
            raise Killed
        real(*values, **named)

    with monkeypatch.context() as patch:
        patch.setattr(module, broken, breaks)
        with pytest.raises(Killed):
            trainer(tmp_path)
    assert _equal(whole, trainer(tmp_path, resume=True))
    assert len(list(tmp_path.glob("state.*.safetensors"))) == 1


def test_only_what_belongs_to_the_state_is_removed(trainer: Trainer, tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text("{}")
    (tmp_path / ".state.json.abc.part").write_text("half")
    trainer(tmp_path)
    assert (tmp_path / "state.json").is_file()
    discard_state(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]


def test_another_training_is_refused_and_said_how(
    trainer: Trainer, tmp_path: Path, toy_windows: WindowSet, toy_split: Split
) -> None:
    _begun(trainer, tmp_path, 4)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    counts = toy_windows.counts.copy()
    counts[0, 0, 0] += 1
    fewer = dataclasses.replace(toy_split, train=toy_split.train[:-1])
    for options, detail in (
        ({"epochs": 9}, "epochs was 4, not 9"),
        ({"seed": 1}, "seed was 0, not 1"),
        ({"method": "multitask"}, "method was smooth-distill, not multitask"),
        ({"windows": dataclasses.replace(toy_windows, counts=counts)}, "it has other windows"),
        ({"split": fewer}, "it has other people"),
    ):
        with pytest.raises(DataError, match=detail) as caught:
            trainer(tmp_path, resume=True, **options)
        assert "resume it with the options and data it began with" in str(caught.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_nothing_to_resume(trainer: Trainer, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="There is nothing to resume"):
        trainer(tmp_path, resume=True)
    with pytest.raises(ModelFileError, match="There is nothing to resume"):
        read_request(tmp_path / "none")


def _change(folder: Path, **changes: Any) -> None:
    path = folder / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _rescore(folder: Path, part: str, value: object) -> None:
    (record,) = json.loads((folder / "state.json").read_text())["history"]
    _change(folder, history=[record | {part: value}])


def _retensor(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the tensors and everything that vouches for them, as a forger would."""
    (path,) = folder.glob("state.*.safetensors")
    tensors = load(path.read_bytes())
    change(tensors)
    data = save(tensors)
    digest = hashlib.sha256(data).hexdigest()
    path.unlink()
    (folder / f"state.{digest[:16]}.safetensors").write_bytes(data)
    _change(folder, tensors_sha256=digest)


def _forged(name: str, *values: object) -> dict[str, Callable[[Path], object]]:
    def forge(value: object) -> Callable[[Path], object]:
        return lambda folder: _change(folder, **{name: value})

    return {f"{name} {value!r}": forge(value) for value in values}


DAMAGES: dict[str, Callable[[Path], object]] = {
    "not JSON": lambda f: (f / "state.json").write_bytes(b"\x80\x04"),
    "nested": lambda f: (f / "state.json").write_text("[" * 100_000),
    "no state": lambda f: (f / "state.json").write_text("{}"),
    "version": lambda f: _change(f, format_version=99),
    "no tensors": lambda f: next(f.glob("state.*.safetensors")).unlink(),
    "cut tensors": lambda f: next(f.glob("state.*.safetensors")).write_bytes(b"\0" * 20),
    "digest": lambda f: _change(f, tensors_sha256="../../../../etc/passwd" + "0" * 42),
    "history": lambda f: _change(f, history=[{"epoch": 1}]),
    **_forged("training_s", 0, -1.5, "inf", "nan", None),
    **_forged("windows_seen", 0, -3, 0.5, 10**20, "480"),
    **_forged("teacher_steps", -1, 10**9, 2.5),
    **_forged("best", None, {"role": "student", "epoch": 2, "scores": None}),
    "history NaN": lambda f: _rescore(f, "objective", "nan"),
    "history tasks": lambda f: _rescore(f, "student", {"loss": {"x": 1}, "accuracy": {"x": 1}}),
    "history type": lambda f: _change(f, history=7),
    "identity": lambda f: _change(f, identity=[1]),
    "epochs": lambda f: _change(
        f, history=json.loads((f / "state.json").read_text())["history"] * 2
    ),
    "best": lambda f: _change(f, best={"role": "nobody", "epoch": 1, "scores": None}),
    "best weights": lambda f: _retensor(f, lambda t: t.pop("best.conv1.conv.bias")),
    "missing": lambda f: _retensor(f, lambda t: t.pop("student.trunk.conv1.conv.bias")),
    "extra": lambda f: _retensor(f, lambda t: t.update(more=np.zeros(1, np.float32))),
    "shape": lambda f: _retensor(
        f, lambda t: t.update({"adam.trunk.conv1.conv.bias.step": np.zeros(2, np.float32)})
    ),
    "type": lambda f: _retensor(
        f, lambda t: t.update({"adam.trunk.conv1.conv.bias.step": np.zeros((), np.int32)})
    ),
    "generator": lambda f: _retensor(
        f, lambda t: t.update({"generator.batches": np.full(5056, 255, np.uint8)})
    ),
}


REFUSALS = r"train again|Cannot read|train anew|does not fit|another version"


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_named(trainer: Trainer, tmp_path: Path, damage: str) -> None:
    _begun(trainer, tmp_path, 4)
    DAMAGES[damage](tmp_path)
    with pytest.raises((ModelFileError, DataError), match=REFUSALS):
        trainer(tmp_path, resume=True)


def test_the_request_comes_back(trainer: Trainer, tmp_path: Path) -> None:
    _begun(trainer, tmp_path, 1)
    assert read_request(tmp_path) == {"arch": "mtl-net-micro"}
