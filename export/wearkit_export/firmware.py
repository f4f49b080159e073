"""Where the C sources are: in a checkout beside export/, in a wheel inside this package."""

from __future__ import annotations

from pathlib import Path

from wearkit.errors import MissingToolError


def firmware_dir() -> Path:
    """The folder with CMakeLists.txt, include/wk, src and ports.

    Raises MissingToolError in a damaged installation.
    """
    here = Path(__file__).resolve()
    for folder in (here.parents[2] / "firmware", here.parent / "_firmware"):
        if (folder / "include" / "wk").is_dir():
            return folder
    raise MissingToolError("The C sources of wearkit are missing: install wearkit again.")
