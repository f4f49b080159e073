"""Trained on one data set, tested on another: how far labels carry, and whether twins help.

    python tests/bench/cross_set.py --train ../shared/data/wisdm-2019-accel.tar.xz --only watch \\
        --test ../shared/data/hapt-accel.tar.xz --map wisdm-hapt --rate 20 [--json]

Everybody of the tested data set is tested, a fifth of the other's people validate. Every model is
trained twice, on the recordings as they are and with `--copies` copies of each through the sensor
twin `--twin` (default: any mounting), from the same seeds. The number of epochs is fixed before
looking and the test part is looked at once. F1 is macro F1 over all tested windows, "people" is
mean and standard deviation over the tested people. "val" is macro F1 on the validation people, who
are of the training data set: what its own people would have promised.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from over_seeds import mean_and_sd

from wearkit.evaluation.forest import forest_probabilities
from wearkit.evaluation.scores import float_logits, score_logits
from wearkit.recordings.combined import combined
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.formats import open_dataset
from wearkit.recordings.label_map import open_label_map
from wearkit.recordings.sensor_twin import parse_twin
from wearkit.spec import ModelSpec, WindowSpec
from wearkit.training.config import TrainingConfig
from wearkit.training.loop import train
from wearkit.windows.augment import with_twin_copies
from wearkit.windows.evaluation_protocol import cut_and_split
from wearkit.windows.split import Split
from wearkit.windows.window_set import WindowSet

FOREST = "forest"
Answers = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Row:
    model: str
    trained_on: str
    seed: int
    train_windows: int
    test_windows: int
    val_f1: float
    accuracy: float
    f1: float
    f1_people: float
    f1_people_sd: float
    recall: Mapping[str, float]
    training_s: float


def measure(
    windows: WindowSet, split: Split, trained_on: str, model: str, seed: int, epochs: int
) -> Row:
    began_s = time.perf_counter()
    if model == FOREST:
        asked = replace(split, test=np.concatenate([split.val, split.test]))
        found = forest_probabilities(windows, asked, seed)
        validated: Answers = {task: shares[: len(split.val)] for task, shares in found.items()}
        answers: Answers = {task: shares[len(split.val) :] for task, shares in found.items()}
    else:
        spec = ModelSpec(model, windows.spec, windows.tasks)
        result = train(windows, split, spec, TrainingConfig(epochs=epochs, seed=seed))
        answers = float_logits(result.checkpoint, windows.take(split.test).inputs)
        validated = float_logits(result.checkpoint, windows.take(split.val).inputs)
    (task,) = windows.tasks
    score = score_logits(answers, windows.take(split.test))[task.name]
    people = score.spread("macro_f1")
    rows = score.confusion.sum(axis=1)
    return Row(
        model=model,
        trained_on=trained_on,
        seed=seed,
        train_windows=len(split.train),
        test_windows=len(split.test),
        val_f1=score_logits(validated, windows.take(split.val))[task.name].macro_f1,
        accuracy=score.accuracy,
        f1=score.macro_f1,
        f1_people=people[0],
        f1_people_sd=float("nan") if people[1] is None else people[1],
        recall=dict(
            zip(task.labels, (np.diag(score.confusion) / np.maximum(rows, 1)).tolist(), strict=True)
        ),
        training_s=time.perf_counter() - began_s,
    )


def print_table(rows: list[Row]) -> None:
    labels = list(rows[0].recall)
    print("model          trained on       seed  val F1  acc    F1     people           recall of")
    print(" " * 70 + "  ".join(labels))
    for row in rows:
        print(
            f"{row.model:14} {row.trained_on:16} {row.seed:4}  {row.val_f1:.4f}  "
            f"{row.accuracy:.4f} {row.f1:.4f} {row.f1_people:.3f} +- {row.f1_people_sd:.3f}   "
            + "  ".join(f"{row.recall[label]:.3f}" for label in labels)
        )
    print("\nmeans over seeds (sd over seeds)")
    for model, trained_on in dict.fromkeys((row.model, row.trained_on) for row in rows):
        mine = [row for row in rows if (row.model, row.trained_on) == (model, trained_on)]
        print(
            f"{model:14} {trained_on:16} val F1 {mean_and_sd(r.val_f1 for r in mine)}  "
            f"accuracy {mean_and_sd(r.accuracy for r in mine)}  "
            f"F1 {mean_and_sd(r.f1 for r in mine)}  "
            f"F1 over people {mean_and_sd(r.f1_people for r in mine)}"
        )


def _placed(dataset: Dataset, placement: str | None) -> Dataset:
    if placement is None:
        return dataset
    return replace(
        dataset,
        recordings=lambda: (item for item in dataset if item.placement == placement),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", required=True)
    parser.add_argument("--only", metavar="PLACEMENT", help="of the training data")
    parser.add_argument("--test", required=True)
    parser.add_argument("--map", required=True)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--archs", nargs="+", default=["mtl-net-micro", FOREST])
    parser.add_argument("--twin", default="rotation=full")
    parser.add_argument("--copies", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    training = _placed(open_dataset(arguments.train), arguments.only)
    dataset = combined([training, open_dataset(arguments.test)], open_label_map(arguments.map))
    windows, split = cut_and_split(dataset, WindowSpec(rate_hz=arguments.rate), "dataset", fold=1)
    _say(
        f"{len(split.train)} windows of {len(split.train_subjects)} people train, {len(split.val)} "
        f"of {len(split.val_subjects)} validate, {len(split.test)} of {len(split.test_subjects)} "
        f"({windows.origin.tested_set}) test; labels {', '.join(windows.tasks[0].labels)}; leak "
        f"{split.leak_share:g}; left out {dict(windows.rejected)}"
    )
    twin = parse_twin(arguments.twin)
    turned = with_twin_copies(windows, split, dataset, twin, arguments.copies)
    rows: list[Row] = []
    for model in arguments.archs:
        for name, (data, parts) in {"as recorded": (windows, split), "with twins": turned}.items():
            for seed in range(arguments.seeds):
                rows.append(measure(data, parts, name, model, seed, arguments.epochs))
                _say(json.dumps(asdict(rows[-1])))
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        print_table(rows)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
