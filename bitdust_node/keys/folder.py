"""
The key folder: one small JSON file for each key, readable by its owner alone.

A file is named by a hash of alias and owner's node id, so nothing that others say ever becomes a path, and nothing is
renamed when an identity moves to another server. Only the own identity key has a fixed name, `master.json`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from bitdust_node.errors import BitDustError, Invalid
from bitdust_node.files import read_file, sync_folder, write_file
from bitdust_node.identity.names import MASTER, KeyId, check_alias, idurl_of
from bitdust_node.keys.rsa import PrivateKey, PublicKey

FILE_LIMIT = 32 * 1024
LABEL_LIMIT = 200


@dataclass(frozen=True)
class Key:
    """
    A key that this node knows.

    owner: global id of its creator as last heard, "" for a master key whose identity is not registered yet.
    owner_id: node id of the creator. local_id: small number of this node for the key, 0 for the master key.
    private: None when only the public half is held.
    signature: by the creator's identity key over alias, owner id and public key (hex), "" for the master key.
    """

    alias: str
    owner: str
    owner_id: str
    label: str
    active: bool
    local_id: int
    public: PublicKey
    private: PrivateKey | None
    signature: str = ""

    @property
    def key_id(self) -> str:
        return str(KeyId(self.alias, self.owner)) if self.owner else self.alias

    @property
    def is_master(self) -> bool:
        return self.alias == MASTER and self.owner_id == self.public.node_id

    def describe(self, include_private: bool = False, include_local_id: bool = False) -> dict[str, Any]:
        """
        The fields as the API shows them (KEY_INFO of the contract).
        """
        shown: dict[str, Any] = {
            "key_id": self.key_id,
            "alias": self.alias,
            "label": self.label,
            "creator": idurl_of(self.owner) if self.owner else "",
            "is_public": self.private is None,
            "public": self.public.openssh,
            "private": self.private.pem if include_private and self.private else None,
            "size": str(self.public.bits),
            "active": self.active,
        }
        if include_local_id and not self.is_master:
            shown["local_key_id"] = self.local_id
        return shown


class KeyFile(msgspec.Struct, forbid_unknown_fields=True):
    """
    What a key file holds; see `Key`. key: PEM when is_private, else OpenSSH text.
    """

    key_id: str
    alias: str
    owner: str
    owner_id: str
    label: str
    active: bool
    local_id: int
    is_private: bool
    key: str
    signature: str = ""
    format: int = 1


class KeyFolder:
    """
    Reads and writes the key files of one node.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Iterator[Key | tuple[Path, BitDustError]]:
        """
        All keys, and the files that can not be read with the reason. Those are left where they are.
        """
        for path in sorted(self.path.glob("*.json")):
            try:
                yield self._read(path)
            except BitDustError as error:
                yield path, error
            except OSError as error:
                yield path, Invalid(f"{path.name} can not be read: {error}")

    def master(self) -> Key | None:
        """
        The own identity key; None if there is none. Raises `Invalid` if its file is damaged.
        """
        path = self.path / "master.json"
        return self._read(path) if path.exists() else None

    def write(self, key: Key) -> None:
        """
        Store a key; it is on the disk when this returns.
        """
        private = key.private
        stored = KeyFile(
            key_id=key.key_id,
            alias=key.alias,
            owner=key.owner,
            owner_id=key.owner_id,
            label=key.label,
            active=key.active,
            local_id=key.local_id,
            is_private=private is not None,
            key=private.pem if private else key.public.openssh,
            signature=key.signature,
        )
        write_file(self._file(key), msgspec.json.format(msgspec.json.encode(stored)) + b"\n")

    def erase(self, key: Key) -> None:
        """
        Remove the file of a key; one that is gone already is no error.
        """
        self._file(key).unlink(missing_ok=True)
        sync_folder(self.path)

    def put_aside(self, path: Path) -> None:
        """
        Give a file another name that is not read, instead of overwriting what may be somebody's only private key.
        """
        number = 1
        while (aside := path.with_suffix(f".aside-{number}")).exists():
            number += 1
        path.rename(aside)
        sync_folder(self.path)

    def _file(self, key: Key) -> Path:
        if key.is_master and key.private:
            return self.path / "master.json"
        return self.path / f"{sha256(f'{key.alias}${key.owner_id}'.encode()).hexdigest()[:40]}.json"

    def _read(self, path: Path) -> Key:
        try:
            stored = msgspec.json.decode(read_file(path, FILE_LIMIT), type=KeyFile)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Invalid(f"{path.name} is not a key file") from error
        if stored.format != 1:
            raise Invalid(f"{path.name} was written by a newer program")
        private = PrivateKey.from_pem(stored.key, own=True) if stored.is_private else None
        key = Key(
            alias=check_alias(stored.alias),
            owner=KeyId.parse(stored.owner).owner if stored.owner else "",
            owner_id=stored.owner_id,
            label=stored.label,
            active=stored.active,
            local_id=stored.local_id,
            public=private.public if private else PublicKey.from_openssh(stored.key),
            private=private,
            signature=stored.signature,
        )
        if self._file(key) != path:
            raise Invalid(f"{path.name} has the name of another key")
        return key
