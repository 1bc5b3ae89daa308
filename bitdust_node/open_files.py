"""
Let the process have as many files and connections open as the system allows it.

Each connection takes one descriptor and each share six (its two databases). Many systems begin at 1024, because old
programs know no more, and let each process ask for what it needs. Called once, at the start of the process.
"""

from __future__ import annotations

import resource

#: Enough for 200 shares, 10,000 customers and what a node stores for them at the same time.
_ENOUGH = 65_536


def allow_many_files() -> int:
    """
    How many may be open now.
    """
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if most == resource.RLIM_INFINITY else min(_ENOUGH, most)
    if now == resource.RLIM_INFINITY or now >= wanted:
        return now
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    except (OSError, ValueError):
        # some systems allow less than they say: it stays as it was
        return now
    return wanted
