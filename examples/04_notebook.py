"""All of wearkit from one import: a folder of CSV recordings to verdicts on a port.

    python examples/04_notebook.py RECORDINGS [FOLDER]

RECORDINGS: CSV files of time,x,y,z,label,placement,subject. The port is simulated; a board's is
/dev/ttyUSB0 or the like. What is written goes to FOLDER.
"""

import sys
from pathlib import Path

import wearkit as wk


def main(recordings: str, folder: str = "notebook") -> None:
    windows = wk.cut(wk.open_dataset(recordings), wk.WindowSpec(rate_hz=50))
    split = wk.split(windows, "subject", fold=0)
    config = wk.TrainingConfig(epochs=3)
    run = wk.train(windows, split, "mtl-net-micro", config, out=Path(folder) / "run", force=True)
    bundle = wk.export(run, Path(folder) / "bundle", force=True)
    for row in wk.evaluate(run, bundle).table():  # pandas.DataFrame(...) takes these rows
        print(row["model"], row["task"], f"macro F1 {row['macro_f1']:.3f}")
    predictions = wk.predict(bundle, windows.counts[:3])  # int16 counts, or float g
    for row in predictions.table():
        print(row)
    with wk.simulated_port(speed=50) as port, wk.open_live(port, bundle, max_windows=3) as live:
        for window in live:
            print(window.window, {task: v.label for task, v in window.verdicts.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
