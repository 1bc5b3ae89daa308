"""
Which store a supplier keeps pieces in, as the options say.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from bitdust_node.config.config import Config
from bitdust_node.errors import Unavailable
from bitdust_node.identity.names import NodeId
from bitdust_node.plugins import plugins
from services.supplying.landmark import Landmark
from services.supplying.moved import Moved
from services.supplying.store import LocalFolder, ObjectStore, PieceStore, S3Settings

#: Where object stores are found: they need libraries that not everybody installs.
GROUP = "bitdust_node.piece_stores"


def open_store(config: Config, pieces: Path, base: Path, node_id: NodeId) -> PieceStore:
    """
    In a worker: the store of the options. While the other one is set up too, what lies there is still found.

    pieces: the local folder. base: the data folder. Raises `Invalid` and `Unavailable`, with what is to be done.
    """
    wanted = config.text("services/supplier/store")
    landmark = None
    if config.text("paths/customers"):
        landmark = Landmark(pieces, base)
        landmark.set_up()
    folder = LocalFolder(pieces, landmark=landmark)
    if wanted == "folder":
        away = config.text("services/supplier/s3-bucket")
        return Moved(folder, _object_store(config, base, node_id)) if away else folder
    there = _object_store(config, base, node_id)
    return Moved(there, folder) if next(folder.names(), None) is not None else there


def _object_store(config: Config, base: Path, node_id: NodeId) -> PieceStore:
    found = plugins(GROUP).get("s3")
    if found is None:
        raise Unavailable("the library for object stores is not installed: pip install 'bitdust-node[s3]'")

    def text(name: str) -> str:
        return config.text(f"services/supplier/s3-{name}")

    # two suppliers that share a bucket must not clean up behind each other
    settings = S3Settings(
        text("endpoint"),
        text("bucket"),
        text("region"),
        text("access-key"),
        text("secret-key"),
        f"{text('prefix')}{node_id}/",
    )
    settings.check()
    spool = base / "spool"
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    return cast(ObjectStore, found)(settings, spool)
