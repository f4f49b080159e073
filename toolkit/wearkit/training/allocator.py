"""A word with the C library's allocator, before a training that frees and asks all the time."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_KEPT_BYTES = 512 << 20
_LARGEST_ON_HEAP_BYTES = 32 << 20  # the most glibc accepts


def keep_freed_memory() -> bool:
    """Have glibc keep freed memory instead of giving it back to the kernel; True where it does.

    A training step frees what the next one asks for again, and each page that went to the kernel
    in between costs a fault. For the whole process, so it is the command line's to call. It
    changes no number.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    settings = ((_TRIM_THRESHOLD, _KEPT_BYTES), (_MMAP_THRESHOLD, _LARGEST_ON_HEAP_BYTES))
    return all(mallopt(name, value) == 1 for name, value in settings)
