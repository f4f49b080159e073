"""The Arduino library with a bundle's model in it: what "Add .ZIP Library" takes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from wearkit.bundle.bundle import Bundle
from wearkit_export.device.build import PROGRAM_FOLDERS, firmware_sources, model_sources
from wearkit_export.firmware import firmware_dir

NAME = "wearkit"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bundle gives the same bytes


def arduino_library(bundle: Bundle, work: Path) -> bytes:
    """The .zip. Raises ModelFileError when the model does not fit the firmware."""
    firmware, model = firmware_dir(), model_sources(bundle, work)
    port = firmware / "ports" / "arduino"
    files = {path.relative_to(port): path for path in port.rglob("*") if path.is_file()}
    # The builder compiles everything under src/ with src/ as its only include path.
    source = Path("src")
    files |= {source / path.name: path for path in firmware_sources(*PROGRAM_FOLDERS)}
    files |= {source / "wk" / path.name: path for path in (firmware / "include/wk").glob("*.h")}
    # The model's last: its wk/wk_engine_config.h is the one its kernels were chosen for.
    files |= {source / path.relative_to(model): path for path in model.rglob("*") if path.is_file()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{NAME}/{name.as_posix()}", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name].read_bytes())
    return packed.getvalue()
