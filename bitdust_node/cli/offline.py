"""
What the command line can tell from the files of a node that does not run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bitdust_node.identity.document import Document
from bitdust_node.identity.me import stored_document
from bitdust_node.keys.folder import Key, KeyFolder


def local_identity(base: Path) -> Document | None:
    """The identity document of a data folder, None if there is none."""
    return stored_document(base / "metadata" / "localidentity")


def local_keys(base: Path) -> list[dict[str, Any]]:
    """The keys of a data folder as `keys_list` shows them; the master key comes first."""
    keys = [one for one in KeyFolder(base / "keys").read() if isinstance(one, Key)]
    return [key.describe() for key in sorted(keys, key=lambda key: (not key.is_master, key.alias))]
