"""Train a small two-headed network on simulated sleep postures, split by subject.

    python examples/01_train_simulated.py [RUN]

No data and no board needed. The recordings are simulated, and the result says so.
"""

import sys
from pathlib import Path

from wearkit.evaluation.scores import evaluate_float
from wearkit.recordings import posture_sim
from wearkit.spec import ModelSpec
from wearkit.training import run as run_folder
from wearkit.training.config import TrainingConfig
from wearkit.training.loop import train
from wearkit.windows.cut import cut
from wearkit.windows.split import subject_split


def main(run: Path) -> None:
    # Recording -> WindowSet: 100 samples every 60 at 50 Hz, as sensor counts.
    recordings = posture_sim.recordings(seed=1, subjects=10, seconds_per_posture=20.0)
    windows = cut(recordings)

    # People are dealt into folds; nobody is in two parts.
    split = subject_split(windows, fold=0, folds=5)
    print(f"{len(windows)} windows, test people {split.test_subjects}, leak {split.leak_share}")

    # WindowSet -> Checkpoint: Smooth-Distill, selected on the validation people.
    spec = ModelSpec("mtl-net-micro", windows.spec, windows.tasks)
    result = train(windows, split, spec, TrainingConfig(epochs=3, seed=1))

    scores = evaluate_float(result.checkpoint, windows.take(split.test))
    run_folder.save_run(run, windows, split, result, scores)
    for task, score in scores.items():
        print(f"{task}: accuracy {score.accuracy:.3f}, macro F1 {score.macro_f1:.3f} (simulated)")
    print(f"run written to {run}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/example"))
