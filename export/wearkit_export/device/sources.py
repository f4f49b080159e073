"""A bundle's model as C files for a program of one's own, under the names that are wanted."""

from __future__ import annotations

from pathlib import Path

from wearkit.bundle.bundle import Bundle
from wearkit_export.c.emit import emit_c
from wearkit_export.c.labels_header import LABELS_HEADER, labels_header
from wearkit_export.c.prefix import check_prefix, prefixed, prefixed_binding, prefixed_path
from wearkit_export.device.build import model_sources
from wearkit_export.device.model_source import DEVICE_HEADER, DEVICE_MODEL


def c_files(bundle: Bundle, work: Path, prefix: str | None = None) -> dict[str, str]:
    """The model and its kernels, path -> text, printed from the bundle's graph, and a header with
    its labels.

    Raises ModelFileError when the model has no exact C, DataError for a prefix that is none.
    """
    if prefix is not None:
        check_prefix(prefix)
    emit_c(bundle.graph, work / "c", model_id=bundle.model_id)
    files = _texts(work / "c") | {LABELS_HEADER: labels_header(bundle.graph)}
    return files if prefix is None else prefixed(files, prefix)


def firmware_files(bundle: Bundle, work: Path, prefix: str | None = None) -> dict[str, str]:
    """As c_files, with what binds the model to the firmware, which keeps its own names.

    Raises ModelFileError as model_sources, DataError for a prefix that is none.
    """
    if prefix is not None:
        check_prefix(prefix)
    files = _texts(model_sources(bundle, work)) | {LABELS_HEADER: labels_header(bundle.graph)}
    if prefix is None:
        return files
    bindings = {name: files.pop(name) for name in (DEVICE_MODEL, DEVICE_HEADER)}
    return prefixed(files, prefix) | {
        prefixed_path(name, prefix): prefixed_binding(text, prefix)
        for name, text in bindings.items()
    }


def _texts(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
