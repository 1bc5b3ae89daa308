"""
What the command line can tell from the files of a node that does not run, and do with them.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bitdust_node.errors import NotFound
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import NO_IDENTITY, stored_document
from bitdust_node.keys.folder import Key, KeyFolder


def local_identity(base: Path) -> Document | None:
    """The identity document of a data folder, None if there is none."""
    return stored_document(base / "metadata" / "localidentity")


def local_keys(base: Path, include_private: bool = False) -> list[dict[str, Any]]:
    """The keys of a data folder as `keys_list` shows them; the master key comes first."""
    keys = [one for one in KeyFolder(base / "keys").read() if isinstance(one, Key)]
    keys.sort(key=lambda key: (not key.is_master, key.alias))
    return [key.describe(include_private) for key in keys]


def local_key(base: Path, key_id: str) -> dict[str, Any]:
    """One of them with its private half, by its whole id or its alias."""
    for one in local_keys(base, include_private=True):
        if key_id in (one["key_id"], one["alias"]):
            return one
    raise NotFound(f"key {key_id} is not registered")


def erase_identity(base: Path, erase_private_key: bool) -> None:
    """
    Forget the identity of a data folder, as `identity_erase` does on a running node. Raises Conflict when a node
    starts meanwhile.
    """
    from twisted.internet.defer import Deferred
    from twisted.internet.task import Clock as ManualClock

    from bitdust_node.assembly import Assembly
    from bitdust_node.clock import Clock
    from bitdust_node.identity.me import Me
    from bitdust_node.lock import FolderLock
    from bitdust_node.paths import DataFolder
    from bitdust_node.threads import InlineWorkers, Workers

    if local_identity(base) is None:
        raise NotFound(NO_IDENTITY)
    folder = DataFolder(base)
    lock = FolderLock(folder.processid)
    try:
        parts = Assembly()
        parts.provide(folder)
        # nothing waits here, parts only stamp what they write
        clock = ManualClock()
        clock.advance(time.time())
        parts.provide(clock, Clock)
        parts.provide(InlineWorkers(), Workers)
        failures: list[Any] = []
        Deferred.fromCoroutine(parts.make(Me).erase(erase_private_key)).addErrback(failures.append)
        if failures:
            raise failures[0].value
    finally:
        lock.release()
