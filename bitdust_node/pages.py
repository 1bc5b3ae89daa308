"""
Keep the memory of freed buffers, so that the next buffer of that size does not cost fresh pages.

A fresh page must be cleared by the kernel, at about 2 GB/s: as much as hashing it. The buffers of pieces are made and
freed all the time, and the C library would give them back each time. Called once, at the start of the process.

All threads share one heap: with heaps of their own each worker would keep the memory of its largest batch.
"""

from __future__ import annotations

import ctypes
import mmap
from pathlib import Path

# <malloc.h> of the GNU C library
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LARGEST_BUFFER = 16 * 1024 * 1024
_KEPT = 64 * 1024 * 1024
#: Seconds between two looks for free pages, and bytes above what the process began with that are worth it.
LOOK, GATHERED = 20.0, 32 * 1024 * 1024


def keep_pages() -> bool:
    """
    True when the C library took the setting; other libraries than GNU's have none and are left alone.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    settings = {_ARENA_MAX: 1, _MMAP_THRESHOLD: _LARGEST_BUFFER, _TRIM_THRESHOLD: _KEPT}
    return all(mallopt(name, value) for name, value in settings.items())


class FreePages:
    """
    Gives pages back that are free in the middle of the heap, where they are kept for ever else: a node that has moved
    much would hold two or three times what it needs.
    """

    def __init__(self) -> None:
        self._least = resident()

    def give_back(self) -> bool:
        """
        Do so if much has gathered; true if it was done. Takes some milliseconds: for a worker.
        """
        if resident() < self._least + GATHERED:
            return False
        try:
            trim = ctypes.CDLL(None).malloc_trim
        except (AttributeError, OSError):
            return False
        return bool(trim(0))


def resident() -> int:
    """
    Bytes of this process that are in memory; 0 where the system does not say.
    """
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * mmap.PAGESIZE
    except OSError:
        return 0
