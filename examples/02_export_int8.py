"""Quantize a run once and write its bundle: ONNX, TFLite, golden vectors, report, model card.

python examples/02_export_int8.py [RUN [BUNDLE]]
"""

import sys
from pathlib import Path

from wearkit.training.run import open_run
from wearkit_export.bundle.equality import NotRun
from wearkit_export.bundle.write import write_bundle


def main(run_path: Path, bundle: Path) -> None:
    run = open_run(run_path)

    # Checkpoint -> QuantizedGraph -> files; then every installed runtime is run on the test
    # windows, and a runtime that disagrees with the integer reference fails the export.
    exported = write_bundle(run.checkpoint, run.calibration, bundle, run=run)
    for row in exported.report.equality:
        if isinstance(row, NotRun):
            print(f"{row.runtime}: not run ({row.hint})")
            continue
        print(f"{row.runtime}: {row.agreement.differing} of {row.agreement.values} values differ")
    print(f"bundle written to {exported.path}")


if __name__ == "__main__":
    arguments = [Path(argument) for argument in sys.argv[1:]]
    main(*arguments, *[Path("runs/example"), Path("build/example-int8")][len(arguments) :])
