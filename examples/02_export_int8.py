"""Quantize a run once and write its bundle: ONNX, TFLite, C, golden vectors, report, model card.

python examples/02_export_int8.py [RUN [BUNDLE]]
"""

import sys

import wearkit as wk


def main(run: str = "runs/example", out: str = "build/example-int8") -> None:
    # Every installed runtime is run on the test windows; one that disagrees with the integer
    # reference fails the export, so a bundle that is there agrees.
    bundle = wk.export(run, out, force=True)
    for row in bundle.table():
        print(f"{row['runtime']}: {row['differing']} of {row['values']} values differ")
    print(f"bundle written to {bundle.path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
