"""
What the API tells of the items of the catalog.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bitdust_node.pieces.layout import Layout
from services.catalog.names import version_time
from services.catalog.schema import Item, Piece, Version


def percent(part: int, whole: int) -> str:
    """
    `75%`; a part of nothing is `0%`.
    """
    return f"{min(100, 100 * part // whole)}%" if whole > 0 else "0%"


def describe_version(
    key_id: str,
    item: Item,
    version: Version,
    pieces: Sequence[Piece],
    progress: Mapping[str, tuple[str, str]],
    reachable: Container[str],
) -> dict[str, Any]:
    """
    One version of an item. progress: by backup id, state and percent of the transfer that runs. reachable: node ids of
    the suppliers that are there now: pieces of the others are stored, but nobody could rely on them.
    """
    backup_id = f"{key_id}:{item.path_id}/{version.name}"
    stored, near, bad = set[int](), 0, list[dict[str, Any]]()
    for piece in pieces:
        if piece.state == "stored":
            stored.add(piece.number)
            near += piece.node_id in reachable
        elif piece.state == "bad":
            bad.append({"idurl": piece.idurl, "position": piece.number})
    segments = Layout(version.k, version.m).segments(max(0, version.size))
    at, label = version_time(version.name)
    there, gone = {"stored": "100%", "fragments": segments}, {"stored": "0%", "fragments": 0}
    told: dict[str, Any] = {
        "backup_id": backup_id,
        "label": label,
        "time": at,
        "size": version.size,
        "state": "ready" if version.state == "ready" else "uploading",
        "delivered": percent(len(stored), version.m),
        "reliable": percent(near, version.m),
        "fragments": segments * len(stored),
        "weak_block": 0,
        "max_block": segments - 1,
        "suppliers": [there if number in stored else gone for number in range(version.m)],
        "bad": bad,
    }
    if backup_id in progress:
        told["state"], told["progress"] = progress[backup_id]
    return told


def describe_item(
    key_id: str,
    customer: str,
    item: Item,
    versions: Sequence[Version],
    pieces: Mapping[bytes, Sequence[Piece]],
    progress: Mapping[str, tuple[str, str]],
    reachable: Container[str],
) -> dict[str, Any]:
    """
    An item as `file_info` and `files_list` show it; uploads and downloads are added by who knows them.
    """
    latest = max((version.created for version in versions if version.state == "ready"), default=None)
    return {
        "remote_path": f"{key_id}:{item.path}",
        "global_id": f"{key_id}:{item.path_id}",
        "customer": customer,
        "path_id": item.path_id,
        "path": item.path,
        "name": item.name,
        "type": item.kind,
        "size": sum(max(0, version.size) for version in versions),
        "latest": "" if latest is None else datetime.fromtimestamp(int(latest), UTC).isoformat(" ")[:19],
        "key_id": key_id,
        "versions": [
            describe_version(key_id, item, version, pieces.get(version.id, ()), progress, reachable)
            for version in versions
        ],
    }
