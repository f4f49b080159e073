"""Build the wearable's firmware around a bundle's model, for this computer."""

from __future__ import annotations

from pathlib import Path

from wearkit.bundle.bundle import C_FOLDER, Bundle
from wearkit.errors import MissingToolError, VerificationError
from wearkit_export.c.emit import emit_c
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

    The bundle's own C where it has some, else printed from its graph: the same bytes. Raises
    ModelFileError when the model has no exact C or does not fit the firmware.
    """
    target = folder / "model"
    own = [name for name in bundle.manifest["files"] if name.startswith(f"{C_FOLDER}/")]
    for name in own:
        path = target / name.removeprefix(f"{C_FOLDER}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bundle.file(name).read_bytes())
    if not own:
        emit_c(bundle.graph, target, model_id=bundle.model_id)
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
