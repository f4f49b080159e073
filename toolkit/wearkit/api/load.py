"""load(): whatever wearkit wrote, by what it is."""

from __future__ import annotations

from pathlib import Path

from wearkit.bundle.bundle import MANIFEST, Bundle, open_bundle
from wearkit.capture.decode import Capture, read_recording
from wearkit.training.run import Run, open_run


def load(path: str | Path) -> Run | Bundle | Capture:
    """A run, a bundle, or a recording of `wearkit live --record`.

    Raises ModelFileError when a folder is neither run nor bundle, or one that is damaged or of
    another version, DataError for a file that is no recording.

    >>> type(wk.load("build/a")).__name__, type(wk.load("runs/a")).__name__
    ('Bundle', 'Run')
    """
    place = Path(path)
    if place.is_file():
        return read_recording(place)
    return open_bundle(place) if (place / MANIFEST).is_file() else open_run(place)
