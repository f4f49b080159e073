"""The training loop: determined by its seed, honest in what it keeps, safe to interrupt."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from wearkit.errors import DataError, MissingToolError, WearkitError
from wearkit.model.checkpoint import Checkpoint
from wearkit.model.network import Network, export_weights, load_weights
from wearkit.spec import ModelSpec, TaskSpec, derive_seed
from wearkit.training.config import TrainingConfig
from wearkit.training.device import DeviceWindows, enough_threads, pick_device
from wearkit.training.epochs import EpochRecord, EpochScores
from wearkit.training.loop import TrainingResult, score, train
from wearkit.training.methods import balanced_weights
from wearkit.windows.split import Split
from wearkit.windows.window_set import WindowSet

pytestmark = pytest.mark.usefixtures("one_thread")


class Recorder:
    """A Progress that stops after so many batches, as a Ctrl-C does when `interrupt` is set."""

    def __init__(self, stop_after: int = 10**9, interrupt: bool = False) -> None:
        self.batches: list[tuple[int, int]] = []
        self.records: list[EpochRecord] = []
        self.stop_after, self.interrupt = stop_after, interrupt

    def batch(self, done: int, total: int) -> None:
        self.batches.append((done, total))
        if self.interrupt and done >= self.stop_after:
            raise KeyboardInterrupt

    def epoch(self, record: EpochRecord) -> None:
        self.records.append(record)

    def should_stop(self) -> bool:
        return len(self.batches) >= self.stop_after


@dataclasses.dataclass(frozen=True)
class Setting:
    windows: WindowSet
    split: Split
    model: ModelSpec

    def train(
        self, recorder: Recorder | None = None, stop: bool = False, **options: object
    ) -> TrainingResult:
        config = TrainingConfig(**({"epochs": 2, "batch": 16} | options))  # type: ignore[arg-type]
        return train(
            self.windows,
            self.split,
            self.model,
            config,
            device="cpu",
            progress=recorder,
            should_stop=recorder.should_stop if recorder and stop else None,
        )


@pytest.fixture
def toy(toy_windows: WindowSet, toy_split: Split, toy_model: ModelSpec) -> Setting:
    return Setting(toy_windows, toy_split, toy_model)


def _same(a: Checkpoint, b: Checkpoint) -> bool:
    return all(a.weights[name].tobytes() == b.weights[name].tobytes() for name in a.weights)


def _validate(toy: Setting, checkpoint: Checkpoint) -> EpochScores:
    network = Network(checkpoint.model)
    load_weights(network, checkpoint.weights)
    return score(network, DeviceWindows(toy.windows.take(toy.split.val), torch.device("cpu")))


@pytest.mark.parametrize("method", ["smooth-distill", "multitask"])
def test_it_learns(toy: Setting, method: str) -> None:
    result = toy.train(epochs=8, method=method)
    assert min(result.history[result.epoch - 1].student.accuracy.values()) > 0.9
    assert result.history[-1].objective < result.history[0].objective


def test_a_task_of_its_own(toy: Setting) -> None:
    windows = toy.windows.only("placement")
    model = ModelSpec(toy.model.arch, toy.model.window, windows.tasks)
    alone = dataclasses.replace(toy, windows=windows, model=model)
    result = alone.train(epochs=8, method="singletask")
    assert set(result.checkpoint.weights) >= {"heads.placement.weight"}
    assert not any("posture" in name for name in result.checkpoint.weights)
    assert result.history[result.epoch - 1].student.accuracy["placement"] > 0.9
    with pytest.raises(DataError, match="no task 'sleep': choose one of posture, placement"):
        toy.windows.only("sleep")


def test_balanced_weights_are_inverse_frequencies_of_mean_one(toy: Setting) -> None:
    targets = {"posture": np.array([0] * 90 + [1] * 10, np.int16)}
    targets["placement"] = np.array([0] * 50 + [1] * 50, np.int16)
    windows = dataclasses.replace(toy.windows.take(np.arange(100)), targets=targets)
    weights = balanced_weights(windows)
    assert weights["posture"].tolist() == pytest.approx([100 / 180, 5.0, 1.0])
    assert weights["placement"].tolist() == [1.0, 1.0]
    assert weights["posture"][targets["posture"]].mean() == pytest.approx(1.0)


def test_class_weights_reach_the_loop(toy: Setting) -> None:
    plain, balanced = (toy.train(epochs=1, class_weights=kind) for kind in ("none", "balanced"))
    assert not _same(plain.checkpoint, balanced.checkpoint)
    assert balanced.checkpoint.provenance.training is not None
    assert balanced.checkpoint.provenance.training.class_weights == "balanced"


def test_sixteen_bits_learn_as_well_and_leave_float32(toy: Setting) -> None:
    first, again = (toy.train(epochs=8, precision="bfloat16") for _ in range(2))
    assert _same(first.checkpoint, again.checkpoint)
    assert min(first.history[first.epoch - 1].student.accuracy.values()) > 0.9
    assert {value.dtype for value in first.checkpoint.weights.values()} == {np.dtype(np.float32)}
    assert not _same(first.checkpoint, toy.train(epochs=8).checkpoint)
    assert first.checkpoint.provenance.training is not None
    assert first.checkpoint.provenance.training.precision == "bfloat16"
    # Selection is in float32: scored again, the kept weights have the scores they were kept for.
    kept = _validate(toy, first.checkpoint)
    assert first.checkpoint.provenance.kept is not None
    assert kept == first.checkpoint.provenance.kept.validation


def test_the_seed_determines_every_bit(toy: Setting) -> None:
    torch.manual_seed(1)
    np.random.seed(1)
    first = toy.train(seed=3)
    torch.manual_seed(2)
    torch.rand(17)
    np.random.seed(2)
    second = toy.train(seed=3)
    assert _same(first.checkpoint, second.checkpoint)
    assert first.history == second.history
    assert first.checkpoint.provenance == second.checkpoint.provenance
    assert not _same(first.checkpoint, toy.train(seed=4).checkpoint)


def test_training_leaves_the_global_generator_alone(toy: Setting) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    toy.train(epochs=1)
    assert torch.equal(torch.rand(3), expected)


def test_a_fold_does_not_inherit_randomness(toy: Setting) -> None:
    """The same people under another fold number start from other weights and another order."""
    other = dataclasses.replace(toy, split=dataclasses.replace(toy.split, fold=1))
    assert not _same(toy.train(epochs=1).checkpoint, other.train(epochs=1).checkpoint)
    assert len({derive_seed(s, f, p) for s in (0, 1) for f in (0, 1) for p in ("a", "b")}) == 8


def test_weight_zero_is_multitask_to_the_bit(toy: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing is offered, so what comes out is the student as the last step left it.
    monkeypatch.setattr("wearkit.training.loop._Loop._offer", lambda *_: None)
    plain = toy.train(method="multitask")
    silent = toy.train(method="smooth-distill", distillation_weight=0.0)
    loud = toy.train(method="smooth-distill", distillation_weight=0.5)
    assert _same(plain.checkpoint, silent.checkpoint)
    assert not _same(plain.checkpoint, loud.checkpoint)
    assert [record.student for record in silent.history] == [r.student for r in plain.history]


def test_the_best_is_kept_though_training_goes_on(toy: Setting) -> None:
    """A learning rate that ruins the network after the best epoch must not touch what is kept."""
    result = toy.train(epochs=6, learning_rate=0.02)
    offered = [
        (scores.mean_accuracy, -scores.mean_loss, record.epoch, role)
        for record in result.history
        for role, scores in (("student", record.student), ("teacher", record.teacher))
        if scores is not None
    ]
    best = max(offered, key=lambda item: item[:2])
    assert (result.epoch, result.kept) == best[2:]
    assert result.epoch < 6, "the premise: training went on after the best"
    kept = _validate(toy, result.checkpoint)
    assert kept.mean_accuracy == best[0]
    assert kept.mean_loss == pytest.approx(-best[1], rel=1e-5)
    assert result.checkpoint.provenance.kept is not None
    assert result.checkpoint.provenance.kept.network == result.kept
    assert result.checkpoint.provenance.kept.validation is not None
    assert result.checkpoint.provenance.kept.validation.accuracy == kept.accuracy


def test_scores_compare_by_mean_accuracy_then_loss() -> None:
    low = EpochScores({"a": 0.1, "b": 0.1}, {"a": 1.0, "b": 0.5})
    same = EpochScores({"a": 0.1, "b": 0.0}, {"a": 0.5, "b": 1.0})
    high = EpochScores({"a": 9.0, "b": 9.0}, {"a": 0.8, "b": 0.8})
    assert high.beats(low) and high.beats(same)
    assert same.beats(low) and not low.beats(same)
    assert not low.beats(low)


def test_progress_counts_batches_and_epochs(toy: Setting) -> None:
    recorder = Recorder()
    result = toy.train(recorder)
    batches = -(-len(toy.split.train) // 16)
    assert recorder.batches == [(n + 1, 2 * batches) for n in range(2 * batches)]
    assert tuple(recorder.records) == result.history
    assert result.windows_per_s > 0


class ThreadsSeen(Recorder):
    """A Progress that notes how many threads torch may use."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: set[int] = set()

    def batch(self, done: int, total: int) -> None:
        self.counts.add(torch.get_num_threads())

    def epoch(self, record: EpochRecord) -> None:
        self.counts.add(torch.get_num_threads())


def test_a_small_network_trains_on_one_thread_and_gives_the_others_back(toy: Setting) -> None:
    torch.set_num_threads(2)
    seen = ThreadsSeen()
    toy.train(seen)
    assert seen.counts == {1}
    assert torch.get_num_threads() == 2


def test_a_large_network_keeps_its_threads() -> None:
    torch.set_num_threads(2)
    with enough_threads(torch.nn.Linear(1000, 100), torch.device("cpu")):
        assert torch.get_num_threads() == 2
    with enough_threads(torch.nn.Linear(999, 100, bias=False), torch.device("cpu")):
        assert torch.get_num_threads() == 1


@pytest.mark.parametrize("interrupt", [True, False])
def test_an_interrupt_keeps_the_best_so_far(toy: Setting, interrupt: bool) -> None:
    batches = -(-len(toy.split.train) // 16)
    whole = toy.train(epochs=1)
    recorder = Recorder(stop_after=batches + 2, interrupt=interrupt)
    result = toy.train(recorder, stop=not interrupt, epochs=50)
    assert result.interrupted and result.checkpoint.provenance.interrupted
    assert (result.epoch, len(result.history)) == (1, 1)
    assert _same(result.checkpoint, whole.checkpoint)


def test_an_interrupt_in_the_first_epoch_keeps_the_weights_as_they_are(toy: Setting) -> None:
    result = toy.train(Recorder(stop_after=2, interrupt=True), epochs=50)
    assert (result.interrupted, result.epoch, result.kept) == (True, 0, "student")
    assert result.history == ()
    assert result.checkpoint.provenance.kept is not None
    assert result.checkpoint.provenance.kept.validation is None


def test_a_diverging_run_says_so(toy: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wearkit.training.device.inputs_g", lambda x: x.float() * float("nan"))
    with pytest.raises(WearkitError, match="diverged in epoch 1: choose a learning rate below"):
        toy.train()


def test_what_does_not_fit_is_refused(toy: Setting) -> None:
    other = ModelSpec(toy.model.arch, toy.model.window, (TaskSpec("posture", ("up", "down")),))
    with pytest.raises(DataError, match="differ from those of the data"):
        dataclasses.replace(toy, model=other).train()
    empty = dataclasses.replace(toy.split, val=np.array([], np.int64))
    with pytest.raises(DataError, match="no validation window"):
        dataclasses.replace(toy, split=empty).train()


@pytest.mark.parametrize("name", ["cuda:99", "abacus"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(MissingToolError, match="choose --device auto or cpu"):
        pick_device(name)


def test_training_needs_only_windows_of_the_training_part(toy: Setting) -> None:
    """Test windows replaced by noise change nothing: they are not looked at."""
    counts = toy.windows.counts.copy()
    counts[toy.split.test] = 0
    blind = dataclasses.replace(toy, windows=dataclasses.replace(toy.windows, counts=counts))
    assert _same(toy.train(epochs=1).checkpoint, blind.train(epochs=1).checkpoint)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "Unknown method 'magic': choose one of smooth-distill"),
        ({"class_weights": "heavy"}, "Unknown class weights 'heavy': choose one of none, bal"),
        ({"precision": "float8"}, "Unknown precision 'float8': choose one of float32, bfloat16"),
        ({"epochs": 0}, "epochs must be 1 or more"),
        ({"learning_rate": float("nan")}, "learning rate must be a positive number"),
        ({"alpha": 1.5}, "alpha must lie between 0 and 1"),
        ({"distillation_weight": -1.0}, "distillation_weight must be 0 or more"),
    ],
)
def test_impossible_settings_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        TrainingConfig(**options)  # type: ignore[arg-type]


def test_validation_averages_over_unequal_batches(
    toy: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = toy.train(epochs=1).checkpoint
    whole = _validate(toy, checkpoint)
    monkeypatch.setattr("wearkit.training.loop.EVALUATION_BATCH", 7)
    parts = _validate(toy, checkpoint)
    assert parts.accuracy == pytest.approx(whole.accuracy)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-5)
    assert export_weights(Network(checkpoint.model)).keys() == checkpoint.weights.keys()
