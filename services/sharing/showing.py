"""
A share as the API shows it.
"""

from __future__ import annotations

from typing import Any

from bitdust_node.keys.folder import Key
from bitdust_node.pieces.layout import ecc_map
from services.sharing.share import Share


def describe(key: Key, share: Share | None, failure: str | None = None) -> dict[str, Any]:
    """
    SHARE of the contract; share: None or one that is not opened leaves its own fields null. failure: why it could not
    be taken up; shown as `error`, which others do not have.
    """
    shown: dict[str, Any] = {
        "key_id": key.key_id,
        "alias": key.alias,
        "label": key.label,
        "creator": key.owner,
        "state": None,
        "suppliers": [],
        "ecc_map": None,
        "active": key.active,
        "revision": None,
        "index": None,
        "id": None,
        "name": None,
    }
    if failure is not None:
        shown["error"] = failure
    if share is not None:
        machine = share.machine
        links = share.suppliers.links
        shown |= {
            "state": str(machine.state),
            "suppliers": [links[position].global_id for position in sorted(links)],
            "ecc_map": ecc_map(share.suppliers.wanted.suppliers) if links else None,
            "revision": share.catalog.revision,
            "index": machine.index,
            "id": machine.id,
            "name": machine.automat.name,
        }
    return shown
