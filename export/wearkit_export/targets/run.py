"""Run an image on whichever emulator has its core."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import MissingToolError
from wearkit_export.targets.image import Image
from wearkit_export.targets.qemu import run_qemu
from wearkit_export.targets.trace import Run
from wearkit_export.targets.unicorn_cpu import run_unicorn, unicorn_available


def run_image(image: Image, windows: NDArray[np.int8], *, count: int = 0) -> Run:
    """unicorn where it has the core (no installation beyond pip), else QEMU.

    windows: (N, inputs) int8; instructions of the first `count` are counted. Raises
    MissingToolError naming what to install, VerificationError when the model fails.
    """
    if unicorn_available(image.target):
        return run_unicorn(image, windows, count=count)
    if image.target.qemu_machine is None:
        raise MissingToolError("unicorn is not installed: pip install 'wearkit[profile]'.")
    return run_qemu(image, windows, count=count)
