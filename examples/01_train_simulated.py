"""Train a small two-headed network on simulated sleep postures, split by subject.

    python examples/01_train_simulated.py [RUN]

No data and no board needed. The recordings are simulated, and the result says so.
"""

import sys

import wearkit as wk


def main(out: str = "runs/example") -> None:
    windows = wk.cut(wk.open_dataset("posture-sim"))  # 100 samples every 60 at 50 Hz, as counts
    split = wk.split(windows, "subject", fold=0)  # nobody is in two parts
    print(f"{len(windows)} windows, test people {split.test_subjects}, leak {split.leak_share}")
    config = wk.TrainingConfig(epochs=1, seed=1)  # Smooth-Distill
    run = wk.train(windows, split, "mtl-net-micro", config, out=out, force=True)
    for row in run.table():
        print(f"{row['task']}: macro F1 {row['macro_f1']:.3f} (simulated)")
    print(f"run written to {run.path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
