"""How well people nobody trained on are recognised: nets and forest, every task, every placement.

    python tests/bench/recordings.py --data ../shared/data/wisdm-2019-accel.tar.xz \\
        --rate 20 --archs mtl-net mtl-net-micro forest --seeds 3 --epochs 10 [--json]

The recordings are cut once; every row is trained and tested on the same split. The number of
epochs is fixed before looking, selection is on the validation people (or windows, where the split
is of windows), and the test part is looked at once. F1 is macro F1 over all windows of the row,
"people" is mean and standard deviation over the test people. A row for one placement holds the
same model's answers on that placement's windows alone. `--only P` trains and tests on P alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from over_seeds import mean_and_sd

from wearkit.evaluation.forest import forest_probabilities
from wearkit.evaluation.metrics import TaskScore
from wearkit.evaluation.scores import float_logits, score_logits
from wearkit.model.architecture import parameter_count
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.formats import open_dataset
from wearkit.recordings.recording import Recording
from wearkit.spec import PLACEMENT_TASK, SPLITS, ModelSpec, WindowSpec
from wearkit.training.config import METHOD_NAMES, TrainingConfig
from wearkit.training.loop import train
from wearkit.windows.evaluation_protocol import cut_and_split
from wearkit.windows.split import Split
from wearkit.windows.window_set import WindowSet

FOREST = "forest"
ALL = "all"


@dataclass(frozen=True, slots=True)
class Row:
    model: str
    parameters: int
    seed: int
    task: str
    placement: str
    windows: int
    accuracy: float
    f1: float
    f1_people: float
    f1_people_sd: float
    epoch: int
    training_s: float
    windows_per_s: float


def measure(
    arguments: argparse.Namespace, windows: WindowSet, split: Split, model: str, seed: int
) -> list[Row]:
    test = windows.take(split.test)
    began_s = time.perf_counter()
    if model == FOREST:
        answers: Mapping[str, NDArray[Any]] = forest_probabilities(windows, split, seed)
        parameters, epoch, per_s = 0, 0, 0.0
    else:
        spec = ModelSpec(model, windows.spec, windows.tasks)
        config = TrainingConfig(method=arguments.method, epochs=arguments.epochs, seed=seed)
        result = train(windows, split, spec, config)
        answers = float_logits(result.checkpoint, test.inputs)
        parameters, epoch, per_s = parameter_count(spec), result.epoch, result.windows_per_s
    training_s = time.perf_counter() - began_s
    return [
        Row(
            model=model,
            parameters=parameters,
            seed=seed,
            task=task,
            placement=placement,
            windows=int(score.confusion.sum()),
            accuracy=score.accuracy,
            f1=score.macro_f1,
            f1_people=score.spread("macro_f1")[0],
            f1_people_sd=sd if (sd := score.spread("macro_f1")[1]) is not None else float("nan"),
            epoch=epoch,
            training_s=training_s,
            windows_per_s=per_s,
        )
        for placement, task, score in _scores(answers, test)
    ]


def _scores(
    answers: Mapping[str, NDArray[Any]], test: WindowSet
) -> Iterator[tuple[str, str, TaskScore]]:
    for task, score in score_logits(answers, test).items():
        yield ALL, task, score
    placements = next((task.labels for task in test.tasks if task.name == PLACEMENT_TASK), ())
    for code, placement in enumerate(placements):
        mine = np.flatnonzero(test.targets[PLACEMENT_TASK] == code)
        if len(mine):
            part = {name: found[mine] for name, found in answers.items()}
            for task, score in score_logits(part, test.take(mine)).items():
                if task != PLACEMENT_TASK:
                    yield placement, task, score


def print_table(rows: list[Row]) -> None:
    print("model          parameters seed task      placement   windows  acc    F1     people")
    for row in rows:
        print(
            f"{row.model:14} {row.parameters:10} {row.seed:4} {row.task:9} {row.placement:11} "
            f"{row.windows:7}  {row.accuracy:.4f} {row.f1:.4f} "
            f"{row.f1_people:.3f} +- {row.f1_people_sd:.3f}"
        )
    print("\nmeans over seeds (sd over seeds)")
    groups = sorted({(row.model, row.task, row.placement) for row in rows})
    for model, task, placement in groups:
        mine = [r for r in rows if (r.model, r.task, r.placement) == (model, task, placement)]
        print(
            f"{model:14} {task:9} {placement:11} accuracy {mean_and_sd(r.accuracy for r in mine)}  "
            f"F1 {mean_and_sd(r.f1 for r in mine)}  "
            f"F1 over people {mean_and_sd(r.f1_people for r in mine)}"
        )


def _placed(dataset: Dataset, placement: str) -> Dataset:
    def recordings() -> Iterator[Recording]:
        return (item for item in dataset if item.placement == placement)

    return replace(dataset, recordings=recordings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--length", type=int, default=100)
    parser.add_argument("--hop", type=int, default=60)
    parser.add_argument("--only", metavar="PLACEMENT")
    parser.add_argument("--split", choices=SPLITS, default="subject")
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--archs", nargs="+", default=["mtl-net", "mtl-net-micro", FOREST])
    parser.add_argument("--method", choices=METHOD_NAMES, default="smooth-distill")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    dataset = open_dataset(arguments.data)
    if arguments.only:
        dataset = _placed(dataset, arguments.only)
    spec = WindowSpec(rate_hz=arguments.rate, length=arguments.length, hop=arguments.hop)
    windows, split = cut_and_split(dataset, spec, arguments.split, fold=arguments.fold)
    _say(
        f"{len(windows)} windows of {len(windows.subjects)} people: {len(split.train)} train, "
        f"{len(split.val)} validate, {len(split.test)} test ({len(split.test_subjects)} people, "
        f"{100 * split.leak_share:.1f} % overlap); left out {dict(windows.rejected)}"
    )
    rows: list[Row] = []
    for model in arguments.archs:
        for seed in range(arguments.seeds):
            rows += measure(arguments, windows, split, model, seed)
            _say(
                json.dumps([asdict(row) for row in rows if (row.model, row.seed) == (model, seed)])
            )
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        print_table(rows)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
