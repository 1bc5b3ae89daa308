"""
The data directory of one node.
"""

from __future__ import annotations

from pathlib import Path

from bitdust_node.files import make_private_folder


class DataFolder:
    """
    Where everything of a node lies; made when it is missing, for the user alone.

    base: `~/.bitdust` or what `--appdir` names.
    """

    def __init__(self, base: Path) -> None:
        #: The folder itself.
        self.base = make_private_folder(base.expanduser().absolute())
        #: One small text file per option.
        self.config = make_private_folder(self.base / "config")
        #: Identity document and the token of the API.
        self.metadata = make_private_folder(self.base / "metadata")
        #: Private and public keys.
        self.keys = make_private_folder(self.base / "keys")
        #: node.log, event.log, api.log.
        self.logs = make_private_folder(self.base / "logs")
        #: What we keep for others.
        self.pieces = make_private_folder(self.base / "pieces")
        #: What clients bring and fetch in chunks.
        self.temp = make_private_folder(self.base / "temp")
        #: Where downloads land if nobody says where.
        self.restore = self.base / "restore"
        #: Shown by `space_local`; this node sends without files in between.
        self.outbox = make_private_folder(self.base / "outbox")
        #: What is known of others: identities, suppliers, members of shares and groups.
        self.state_db = self.base / "state.db"
        #: Our files and their versions.
        self.catalog_db = self.base / "catalog.db"
        #: History of messages.
        self.messages_db = self.base / "messages.db"
        #: Number of the running process, and the lock of the directory.
        self.processid = self.base / "processid"
        #: Two files with the same token of the API, for clients of both editions.
        self.secret_files = (self.metadata / "apisecret", self.base / "apisecret")
