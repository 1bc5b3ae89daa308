"""
Keep the memory of freed buffers, so that the next buffer of that size does not cost fresh pages.

A fresh page must be cleared by the kernel, at about 2 GB/s: as much as hashing it. The buffers of pieces are made and
freed all the time, and the C library would give them back each time. Called once, at the start of the process.
"""

from __future__ import annotations

import ctypes

# <malloc.h> of the GNU C library
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_BUFFER = 16 * 1024 * 1024
_KEPT = 64 * 1024 * 1024


def keep_pages() -> bool:
    """
    True when the C library took the setting; other libraries than GNU's have none and are left alone.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_BUFFER) and mallopt(_TRIM_THRESHOLD, _KEPT))
