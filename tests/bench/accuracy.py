"""Accuracy of both networks and both methods on people nobody trained on, float and int8.

    python tests/bench/accuracy.py --data ../shared/data/hapt-accel.tar.xz [--json]

Each row goes through the product: `wearkit train`, then `wearkit export --int8`; the figures are
those of metrics.json and report.json. The number of epochs is fixed before looking, selection is
on the validation people, and the test people of the fold are looked at once. F1 is macro F1 over
all test windows; "people" is mean and standard deviation over test people. differ: int8 values
that differ over all golden and test windows, tflite-micro against the reference (tflm), and
LiteRT and ONNX Runtime against the reference (xnnpack).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from over_seeds import mean_and_sd

ARCHITECTURES = ("mtl-net", "mtl-net-micro")
METHODS = ("smooth-distill", "multitask")


@dataclass(frozen=True, slots=True)
class Row:
    arch: str
    method: str
    seed: int
    task: str
    kept: str
    epoch: int
    training_s: float
    accuracy: float
    f1: float
    accuracy_people: float
    accuracy_people_sd: float
    f1_people: float
    f1_people_sd: float
    accuracy_int8: float
    f1_int8: float
    differ: int
    compared: int

    @property
    def drop(self) -> float:
        """Points of macro F1 lost by int8."""
        return 100 * (self.f1 - self.f1_int8)


def wearkit(*arguments: str) -> None:
    command = [sys.executable, "-c", "from wearkit.cli import main; main()", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"wearkit {' '.join(arguments)}\n{done.stderr}")


def measure(arguments: argparse.Namespace, arch: str, method: str, seed: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        run, bundle = Path(folder) / "run", Path(folder) / "bundle"
        wearkit(
            *("train", "--data", arguments.data, "--arch", arch, "--method", method),
            *("--fold", str(arguments.fold), "--epochs", str(arguments.epochs)),
            *("--seed", str(seed), "--out", str(run)),
        )
        wearkit("export", "--int8", "--checkpoint", str(run), "--out", str(bundle))
        metrics = json.loads((run / "metrics.json").read_text())
        report = json.loads((bundle / "report.json").read_text())
    return [_row(arch, method, seed, task, metrics, report) for task in metrics["tasks"]]


def _row(
    arch: str, method: str, seed: int, task: str, metrics: dict[str, Any], report: dict[str, Any]
) -> Row:
    score = metrics["tasks"][task]
    people = score["over_subjects"]
    int8 = report["accuracy"]["tasks"][task]["int8"]
    matched = [row for row in report["equality"] if row.get("must_match")]
    return Row(
        arch=arch,
        method=method,
        seed=seed,
        task=task,
        kept=metrics["kept"]["network"],
        epoch=metrics["kept"]["epoch"],
        training_s=metrics["training"]["training_s"],
        accuracy=score["accuracy"],
        f1=score["macro_f1"],
        accuracy_people=people["accuracy"]["mean"],
        accuracy_people_sd=people["accuracy"]["std"],
        f1_people=people["macro_f1"]["mean"],
        f1_people_sd=people["macro_f1"]["std"],
        accuracy_int8=int8["accuracy"],
        f1_int8=int8["macro_f1"],
        differ=sum(row["differing"] for row in matched),
        compared=sum(row["values"] for row in matched),
    )


def print_table(rows: list[Row]) -> None:
    print(
        "arch           method          seed task      kept     ep  acc    F1     "
        "F1 people      int8 F1 drop   differ/compared"
    )
    for row in rows:
        print(
            f"{row.arch:14} {row.method:15} {row.seed:4} {row.task:9} {row.kept:8} {row.epoch:2}  "
            f"{row.accuracy:.4f} {row.f1:.4f} {row.f1_people:.3f} +- {row.f1_people_sd:.3f}  "
            f"{row.f1_int8:.4f}  {row.drop:+.2f}  {row.differ}/{row.compared}"
        )
    print("\nmeans over seeds (sd over seeds)")
    groups = sorted({(row.arch, row.method, row.task) for row in rows})
    for arch, method, task in groups:
        mine = [r for r in rows if (r.arch, r.method, r.task) == (arch, method, task)]
        print(
            f"{arch:14} {method:15} {task:9} accuracy {mean_and_sd(r.accuracy for r in mine)}  "
            f"F1 {mean_and_sd(r.f1 for r in mine)}  "
            f"F1 over people {mean_and_sd(r.f1_people for r in mine)}  "
            f"int8 F1 drop {statistics.mean(r.drop for r in mine):+.2f} points"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--archs", nargs="+", default=ARCHITECTURES)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for arch in arguments.archs:
        for method in arguments.methods:
            for seed in range(arguments.seeds):
                rows += measure(arguments, arch, method, seed)
                print(f"{arch} {method} seed {seed} done", file=sys.stderr, flush=True)
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        print_table(rows)


if __name__ == "__main__":
    main()
