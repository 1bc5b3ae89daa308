"""
The documents that an identity server keeps: one for each user name, each in its newest revision.
"""

from __future__ import annotations

from enum import Enum
from hashlib import sha256
from pathlib import Path

from bitdust_node.errors import BitDustError, Conflict, Full
from bitdust_node.files import make_private_folder, read_file, write_file
from bitdust_node.identity.document import DOCUMENT_LIMIT, Document

#: Names kept at most.
NAMES_LIMIT = 1_000_000


class Outcome(Enum):
    CREATED = 201
    UPDATED = 200
    SAME = 204


class IdentityStore:
    """
    Files named by a hash of the user name, in 256 folders. Everything here blocks and belongs into a worker; `put`
    must not run twice at once.
    """

    def __init__(self, folder: Path, limit: int = NAMES_LIMIT) -> None:
        self._folder, self._limit = folder, limit
        self.count = 0

    def open(self) -> None:
        """
        Make the folder and count what is in it.
        """
        make_private_folder(self._folder)
        self.count = sum(1 for _ in self._folder.glob("??/*.xml"))

    def read(self, username: str) -> bytes | None:
        """
        The document of a user, or None.
        """
        try:
            return read_file(self._file(username), DOCUMENT_LIMIT)
        except FileNotFoundError:
            return None

    def put(self, document: Document) -> Outcome:
        """
        Keep a verified document. Raises `Conflict` if the name has another key or a revision that is not older, `Full`
        if there is no room for a new name.
        """
        file = self._file(document.name)
        held = self._held(file)
        if held is None:
            if self.count >= self._limit:
                raise Full("this server takes no more names")
            make_private_folder(file.parent)
            write_file(file, document.xml)
            self.count += 1
            return Outcome.CREATED
        if held == document:
            return Outcome.SAME
        if held.public != document.public:
            raise Conflict(f"the name {document.name} is already taken")
        if held.revision >= document.revision:
            raise Conflict(f"revision {held.revision} is already published")
        write_file(file, document.xml)
        return Outcome.UPDATED

    def _held(self, file: Path) -> Document | None:
        try:
            return Document.parse(read_file(file, DOCUMENT_LIMIT))
        except FileNotFoundError:
            return None
        except BitDustError as error:
            # Whose name it is can not be told any more, so nobody gets it until the operator looks at the file.
            raise Conflict("the stored document of this name is damaged") from error

    def _file(self, username: str) -> Path:
        name = sha256(username.encode()).hexdigest()
        return self._folder / name[:2] / f"{name[2:42]}.xml"
