"""Help is instant: it imports nothing that computes."""

import json
import subprocess
import sys

import pytest

TRAINING_AND_EXPORT = {
    "torch", "tensorflow", "onnx", "onnxruntime", "ai_edge_litert", "tflite_micro", "matplotlib",
    "scipy", "wearkit_export",
}  # fmt: skip
HEAVY = TRAINING_AND_EXPORT | {"numpy", "serial", "rich", "safetensors"}


def modules_after(program: str) -> set[str]:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{program}\nimport json, sys\nprint(json.dumps(list(sys.modules)))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


COMMANDS = (
    ["train"],
    ["export"],
    ["live"],
    ["verify"],
    ["convert"],
    ["simulate"],
    ["emulate"],
    ["firmware"],
    ["evaluate"],
    ["profile"],
    ["data"],
    ["data", "info"],
)


def modules_after_help(arguments: list[str]) -> set[str]:
    return modules_after(
        f"from wearkit.cli import run\nassert run({[*arguments, '--help']!r}) == 0"
    )


def test_the_package_runs_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wearkit", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("wearkit, version ")


@pytest.mark.parametrize("arguments", COMMANDS)
def test_no_help_imports_training_or_export(arguments: list[str]) -> None:
    loaded = modules_after_help(arguments)
    assert "click" in loaded
    assert not loaded & TRAINING_AND_EXPORT


@pytest.mark.parametrize("arguments", [[], ["live"], ["verify"], ["simulate"], ["train"]])
def test_the_help_read_most_imports_nothing_that_computes(arguments: list[str]) -> None:
    assert not modules_after_help(arguments) & HEAVY


def test_the_packages_front_doors_import_nothing_heavy() -> None:
    assert not modules_after("import wearkit, wearkit.cli") & HEAVY


def test_live_and_simulate_import_nothing_of_training_and_export() -> None:
    loaded = modules_after(
        "import wearkit.live.loop, wearkit.live.display\n"
        "import wearkit.link.ports.serial_port, wearkit.link.ports.reader\n"
        "import wearkit.simulation.sensor, wearkit.recordings.formats\n"
        "import wearkit.bundle.bundle, wearkit.bundle.runtimes"
    )
    assert {"serial", "numpy"} <= loaded
    assert not loaded & TRAINING_AND_EXPORT
