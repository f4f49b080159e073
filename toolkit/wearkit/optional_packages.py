"""Packages that a core install leaves out, and the extra of wearkit that brings each."""

from __future__ import annotations

import importlib.util

from wearkit.errors import MissingToolError

EXTRAS = {
    "torch": "train",
    "matplotlib": "train",
    "onnx": "export",
    "onnxruntime": "export",
    "ai_edge_litert": "export",
    "flatbuffers": "export",
    "sklearn": "forest",
    "tflite_micro": "micro",
    "cryptography": "sign",
    "elftools": "profile",
    "unicorn": "profile",
    "ziglang": "profile",
    "tensorflow": "tensorflow",
}
"""Name that is imported -> extra. `pip install 'wearkit[EXTRA]'` brings it."""

_INSTALLED_AS = {
    "ai_edge_litert": "ai-edge-litert",
    "elftools": "pyelftools",
    "sklearn": "scikit-learn",
    "tflite_micro": "tflite-micro",
}

_CPU_BUILD = (
    " (from PyTorch's CPU package index, or gigabytes of GPU libraries may come along: see Install "
    "in the README)"
)


def require_packages(purpose: str, *names: str) -> None:
    """See that packages of one extra can be imported, without importing them.

    purpose: begins the message, as in "Training needs torch: ...". Raises MissingToolError.
    """
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise _missing(purpose, *missing)


def missing_package(error: ModuleNotFoundError) -> MissingToolError | None:
    """The error as a sentence that says what to install; None when no extra brings the module."""
    name = (error.name or "").partition(".")[0]
    return _missing("This", name) if name in EXTRAS else None


def _missing(purpose: str, *names: str) -> MissingToolError:
    cpu_build = _CPU_BUILD if "torch" in names else ""
    *others, last = (_INSTALLED_AS.get(name, name) for name in names)
    packages = f"{', '.join(others)} and {last}" if others else last
    return MissingToolError(
        f"{purpose} needs {packages}: pip install 'wearkit[{EXTRAS[names[0]]}]'{cpu_build}."
    )
