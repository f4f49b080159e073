"""Build the wearable's firmware around a bundle's model, for this computer."""

from __future__ import annotations

from pathlib import Path

from wearkit.bundle.bundle import Bundle
from wearkit.errors import MissingToolError, VerificationError
from wearkit_export.c.folder import print_checked
from wearkit_export.device.model_source import (
    DEVICE_HEADER,
    DEVICE_MODEL,
    device_header,
    device_source,
)
from wearkit_export.firmware import firmware_dir
from wearkit_export.targets.toolchain import WARNINGS, find_program, run_tool

PROGRAM_FOLDERS = ("src", "drivers", "app")
"""Folders of the firmware whose C files every port links."""

_MESSAGE_LIMIT = 1000


def model_sources(bundle: Bundle, folder: Path) -> Path:
    """The model's C with its wk_device_model.c and .h, in a folder of their own inside `folder`.

    All of it is printed from the bundle's graph, and its own c/ is held against that. Raises
    ModelFileError when it holds anything else, when the model has no exact C or does not fit the
    firmware.
    """
    target = print_checked(bundle, folder / "model")
    (target / DEVICE_MODEL).write_text(device_source(bundle), encoding="ascii")
    (target / DEVICE_HEADER).write_text(device_header(bundle), encoding="ascii")
    return target


def firmware_sources(*folders: str) -> list[Path]:
    """Every C file right in these folders of the firmware. Raises MissingToolError when none."""
    sources = [path for name in folders for path in sorted((firmware_dir() / name).glob("*.c"))]
    if not sources:
        raise MissingToolError("The C sources of wearkit are missing: install wearkit again.")
    return sources


def build_host_device(bundle: Bundle, work: Path, *, flags: tuple[str, ...] = ("-O2",)) -> Path:
    """Compile firmware, sensor model and the bundle's model into one program, in `work`.

    flags may ask for sanitizers. Raises MissingToolError without a C compiler, VerificationError
    when it refuses the code, ModelFileError as model_sources.
    """
    program, version = find_program()
    model = model_sources(bundle, work)
    host = firmware_dir() / "ports" / "host"
    sources = [
        *sorted(model.glob("*.c")),
        *firmware_sources(*PROGRAM_FOLDERS, "ports/host", "ports/host/device"),
    ]
    # The model's folder first: its wk/wk_engine_config.h is the one its kernels were chosen for.
    folders = (model, firmware_dir() / "include", host, host / "device")
    output = work / "wk_device"
    completed = run_tool(
        (
            *program,
            *WARNINGS,
            *flags,
            *(f"-I{folder}" for folder in folders),
            *(str(path) for path in sources),
            *("-o", str(output)),
        )
    )
    if completed.returncode != 0:
        raise VerificationError(
            f"{version} refuses the firmware: {completed.stderr[:_MESSAGE_LIMIT]}"
        )
    return output
