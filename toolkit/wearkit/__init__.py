"""wearkit: from recordings of a body-worn accelerometer to a verified int8 model on a device.

Recording -cut(WindowSpec)-> WindowSet -train-> Checkpoint -quantize-> QuantizedGraph -> Bundle
-> live -> Prediction.

    import wearkit as wk

    dataset = wk.open_dataset("recordings/")
    windows = wk.cut(dataset, wk.WindowSpec(rate_hz=50))
    split = wk.split(windows, "subject", fold=0)
    run = wk.train(windows, split, arch="mtl-net-micro", out="runs/a")
    bundle = wk.export(run, "build/a")
    print(wk.evaluate(run, bundle).table())
    print(wk.predict(bundle, windows.counts).labels)
    with wk.open_live("/dev/ttyUSB0", bundle, max_windows=10) as live:
        for window in live:
            print(window.verdicts, window.reasons)
    print(wk.verify("/dev/ttyUSB0", bundle, windows))

Every name is imported when it is first asked for: importing this package imports neither numpy
nor torch, onnx or tensorflow.
"""

from __future__ import annotations

# As typing's, which alone would double the time that `import wearkit` takes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from wearkit.api.compare import compare as compare
    from wearkit.api.cut import cut as cut
    from wearkit.api.evaluate import evaluate as evaluate
    from wearkit.api.export import export as export
    from wearkit.api.live import open_live as open_live
    from wearkit.api.load import load as load
    from wearkit.api.open_dataset import open_dataset as open_dataset
    from wearkit.api.predict import Predictions as Predictions
    from wearkit.api.predict import predict as predict
    from wearkit.api.split import split as split
    from wearkit.api.train import train as train
    from wearkit.api.verify import verify as verify
    from wearkit.bundle.bundle import Bundle as Bundle
    from wearkit.capture.decode import Capture as Capture
    from wearkit.errors import DataError as DataError
    from wearkit.errors import LinkLostError as LinkLostError
    from wearkit.errors import MissingToolError as MissingToolError
    from wearkit.errors import ModelFileError as ModelFileError
    from wearkit.errors import PortError as PortError
    from wearkit.errors import StorageError as StorageError
    from wearkit.errors import VerificationError as VerificationError
    from wearkit.errors import WearkitError as WearkitError
    from wearkit.evaluation.evaluation import Evaluation as Evaluation
    from wearkit.integer.graph import QuantizedGraph as QuantizedGraph
    from wearkit.integer.logits import Agreement as Agreement
    from wearkit.live.open import Live as Live
    from wearkit.live.report import LiveReport as LiveReport
    from wearkit.live.session import LiveWindow as LiveWindow
    from wearkit.model.checkpoint import Checkpoint as Checkpoint
    from wearkit.model.training_config import TrainingConfig as TrainingConfig
    from wearkit.recordings.dataset import Dataset as Dataset
    from wearkit.recordings.recording import Recording as Recording
    from wearkit.simulation.port import simulated_port as simulated_port
    from wearkit.spec import ModelSpec as ModelSpec
    from wearkit.spec import TaskSpec as TaskSpec
    from wearkit.spec import WindowSpec as WindowSpec
    from wearkit.training.run import Run as Run
    from wearkit.verification.certificate.certificate import Certificate as Certificate
    from wearkit.windows.split import Split as Split
    from wearkit.windows.window_set import WindowSet as WindowSet

__version__ = "0.3.0"

# The same names as above; a test holds the two lists together.
_MODULES = {
    "api.open_dataset": "open_dataset",
    "api.cut": "cut",
    "api.split": "split",
    "api.train": "train",
    "api.export": "export",
    "api.evaluate": "evaluate",
    "api.predict": "predict Predictions",
    "api.load": "load",
    "api.live": "open_live",
    "api.verify": "verify",
    "api.compare": "compare",
    "recordings.recording": "Recording",
    "recordings.dataset": "Dataset",
    "spec": "WindowSpec TaskSpec ModelSpec",
    "windows.window_set": "WindowSet",
    "windows.split": "Split",
    "model.training_config": "TrainingConfig",
    "training.run": "Run",
    "model.checkpoint": "Checkpoint",
    "integer.graph": "QuantizedGraph",
    "bundle.bundle": "Bundle",
    "capture.decode": "Capture",
    "live.open": "Live",
    "live.session": "LiveWindow",
    "live.report": "LiveReport",
    "verification.certificate.certificate": "Certificate",
    "evaluation.evaluation": "Evaluation",
    "integer.logits": "Agreement",
    "simulation.port": "simulated_port",
    "errors": "WearkitError VerificationError PortError LinkLostError DataError ModelFileError "
    "MissingToolError StorageError",
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    thing: object = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = thing
    return thing


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
