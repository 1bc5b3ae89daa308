"""
A folder that came as a whole is put into one that is there already: all of it, or nothing. All of it blocks.
"""

from __future__ import annotations

import os
import shutil
import stat
from errno import EACCES
from pathlib import Path

from bitdust_node.errors import Conflict
from services.transfer.extracted import recorded

#: In the temporary folder of a download: what came, its entries, and what was at the destination before.
TREE, ENTRIES, REPLACED = "tree", "entries", "replaced"


def place(temporary: Path, destination: Path) -> None:
    """
    Move what came to the destination. What is there and does not come stays. `Conflict` or OSError when that is not
    possible: then `put_back` makes it what it was, also in another life.
    """
    tree, old, kept = _roots(temporary, destination)
    _check(temporary, tree, old)
    # from here on there is something to put back
    os.mkdir(kept, 0o700)
    for _begin, _start, entry in recorded(temporary / ENTRIES):
        new, there = _below(tree, entry.path), _below(old, entry.path)
        if not os.path.lexists(new):
            # it has moved along with the folder that it is in
            continue
        if not os.path.lexists(there):
            os.rename(new, there)
            if not entry.path:
                # nothing was there
                return
        elif entry.kind != "d":
            _keep(there, _below(kept, entry.path))
            os.replace(new, there)


def put_back(temporary: Path, destination: Path) -> None:
    """
    Undo a `place` that did not come to its end; no effect if none was begun.
    """
    tree, old, kept = _roots(temporary, destination)
    if not os.path.lexists(kept) or not (temporary / ENTRIES).exists():
        return
    for _begin, _start, entry in recorded(temporary / ENTRIES):
        new, there, before = (_below(root, entry.path) for root in (tree, old, kept))
        # all entries were in the tree when it began: what is not was moved
        if not os.path.lexists(new) and os.path.lexists(there):
            os.rename(there, new)
        if entry.kind != "d" and os.path.lexists(before):
            os.replace(before, there)
    shutil.rmtree(kept)


def _check(temporary: Path, tree: bytes, old: bytes) -> None:
    """All that can be known before anything is moved."""
    for _begin, _start, entry in recorded(temporary / ENTRIES):
        there = _below(old, entry.path)
        try:
            # the user's own destination may be a link to a folder; inside of it links are never followed
            status = os.lstat(there) if entry.path else os.stat(there)
        except FileNotFoundError:
            continue
        if entry.kind != "d":
            if stat.S_ISDIR(status.st_mode):
                raise Conflict(f"the folder {os.fsdecode(there)} is in the way of a file")
        elif not stat.S_ISDIR(status.st_mode):
            raise Conflict(f"{os.fsdecode(there)} is in the way of a folder")
        elif not os.access(there, os.W_OK | os.X_OK) or os.geteuid() not in (0, status.st_uid):
            # its mode and time could not be set
            raise PermissionError(EACCES, os.strerror(EACCES), os.fsdecode(there))


def _keep(there: bytes, kept: bytes) -> None:
    os.makedirs(os.path.dirname(kept), 0o700, exist_ok=True)
    try:
        os.link(there, kept, follow_symlinks=False)
    except OSError:
        # no such links on this file system: the name is missing for a moment
        os.rename(there, kept)


def _roots(temporary: Path, destination: Path) -> tuple[bytes, bytes, bytes]:
    return os.fsencode(temporary / TREE), os.fsencode(destination), os.fsencode(temporary / REPLACED)


def _below(root: bytes, path: bytes) -> bytes:
    return os.path.join(root, path) if path else root
