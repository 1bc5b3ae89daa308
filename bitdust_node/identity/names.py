"""
How people, keys and paths are written: IDURL, global id, key id, remote path.

The node id is what things are stored under. The other names are locators for people: they change when an
identity moves to another server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NewType

from bitdust_node.errors import Invalid

#: 64 hex digits: SHA-256 of the DER SubjectPublicKeyInfo of the identity key.
NodeId = NewType("NodeId", str)

MASTER = "master"
PATH_LIMIT = 4096
NAME_LIMIT = 255

_NODE_ID = re.compile(r"[0-9a-f]{64}")
_USERNAME = re.compile(r"[a-z][a-z0-9_-]{2,19}")
_ALIAS = re.compile(r"[a-z][a-z0-9_-]{2,49}")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_GLOBAL_ID = re.compile(r"(?P<user>[^@]+)@(?P<host>[^@_]+)(?:_(?P<port>[0-9]{1,5}))?")
_IDURL = re.compile(r"http://(?P<host>[^/:]+)(?::(?P<port>[0-9]{1,5}))?/(?P<user>[^/]+)\.xml")
_OWNED = re.compile(
    r"(?:(?P<alias>[A-Za-z][A-Za-z0-9_-]{2,49})\$)?"
    r"(?P<owner>[A-Za-z][A-Za-z0-9_!-]*@[A-Za-z0-9.-]+(?:_[0-9]{1,5})?)?"
    r"(?::(?P<path>.*))?",
    re.DOTALL,
)
_VERSION = re.compile(r"F[0-9]{14}(AM|PM)[0-9]{0,10}")


def check_node_id(text: str) -> NodeId:
    if not _NODE_ID.fullmatch(text):
        raise Invalid("not a node id: 64 hex digits are expected")
    return NodeId(text)


def check_username(text: str) -> str:
    if not _USERNAME.fullmatch(text):
        raise Invalid("invalid user name: 3 to 20 characters a-z 0-9 - _ are expected, the first a letter")
    return text


def check_alias(text: str) -> str:
    if not _ALIAS.fullmatch(text):
        raise Invalid("invalid key alias: 3 to 50 characters a-z 0-9 - _ are expected, the first a letter")
    return text


def check_host(text: str) -> str:
    """
    A host name or IPv4 address. IPv6 addresses have no form among global ids and are refused.
    """
    if not _HOST.fullmatch(text):
        raise Invalid(f"invalid host name {text[:80]!r}")
    return text


def check_port(text: str | int) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", str(text)) or not 1 <= int(text) <= 65535:
        raise Invalid(f"invalid port {str(text)[:20]!r}: a number from 1 to 65535 is expected")
    return int(text)


@dataclass(frozen=True, order=True)
class Locator:
    """
    Where an identity document is published: user name, host and port of the identity server.
    """

    user: str
    host: str
    port: int = 80

    def __post_init__(self) -> None:
        check_username(self.user)
        check_host(self.host)
        check_port(self.port)

    @classmethod
    def of_idurl(cls, text: str) -> Locator:
        found = _IDURL.fullmatch(text.lower()) if len(text) <= 400 else None
        if not found:
            raise Invalid(f"{text[:100]!r} is not an identity URL like http://host:8084/alice.xml")
        return cls(found["user"], found["host"], check_port(found["port"] or 80))

    @classmethod
    def of_global_id(cls, text: str) -> Locator:
        found = _GLOBAL_ID.fullmatch(text.lower()) if len(text) <= 400 else None
        if not found:
            raise Invalid(f"{text[:100]!r} is not a global id like alice@host_8084")
        return cls(found["user"], found["host"], check_port(found["port"] or 80))

    @classmethod
    def parse(cls, text: str) -> Locator:
        """
        Any name of a person: IDURL, global id or key id.
        """
        text = text.strip()
        if text.startswith(("http://", "HTTP://")):
            return cls.of_idurl(text)
        return cls.of_global_id(KeyId.parse(text).owner)

    @property
    def idurl(self) -> str:
        port = "" if self.port == 80 else f":{self.port}"
        return f"http://{self.host}{port}/{self.user}.xml"

    @property
    def global_id(self) -> str:
        port = "" if self.port == 80 else f"_{self.port}"
        return f"{self.user}@{self.host}{port}"


def idurl_of(global_id: str) -> str:
    """alice@host_8084 -> http://host:8084/alice.xml"""
    return Locator.of_global_id(global_id).idurl


def global_id_of(idurl: str) -> str:
    """http://host:8084/alice.xml -> alice@host_8084"""
    return Locator.of_idurl(idurl).global_id


@dataclass(frozen=True, order=True)
class KeyId:
    """
    A key by its alias and the global id of its creator, written `alias$alice@host_8084`.
    """

    alias: str
    owner: str

    @classmethod
    def parse(cls, text: str, me_global_id: str = "") -> KeyId:
        """
        Read a key id. A bare global id means the master key of that identity, a bare alias a key of one's own
        (when me_global_id is given). The older form `alice!alias@host` is understood too.
        """
        text = text.strip().lower()
        alias, dollar, owner = text.rpartition("$")
        if not dollar:
            if "@" not in text:
                alias, owner = text, me_global_id
            elif "!" in text:
                user, _, rest = text.partition("!")
                alias, _, host = rest.partition("@")
                owner = f"{user}@{host}"
            else:
                alias, owner = MASTER, text
        if not owner:
            raise Invalid(f"{text[:100]!r} is not a key id like alias$alice@host_8084")
        return cls(check_alias(alias), Locator.of_global_id(owner).global_id)

    def __str__(self) -> str:
        return f"{self.alias}${self.owner}"


@dataclass(frozen=True, order=True)
class RemotePath:
    """
    A place in a catalog: the key that opens it, its owner, the path with `/` between names, perhaps a version.

    path: no leading slash; empty means the top.
    """

    key_alias: str
    owner: str
    path: str
    version: str = ""

    @classmethod
    def parse(cls, text: str, me_global_id: str) -> RemotePath:
        """
        Read `[alias$]user@host[_port][:path][#version]`, or a bare path, which means the own master catalog.
        """
        if len(text) > PATH_LIMIT + 400:
            raise Invalid(f"remote path is longer than {PATH_LIMIT} bytes")
        rest, version = text, ""
        before, hash_sign, after = text.rpartition("#")
        if hash_sign and _VERSION.fullmatch(after):
            rest, version = before, after
        found = _OWNED.fullmatch(rest)
        if not found or not (found["owner"] or (found["alias"] and found["path"] is not None)):
            return cls(MASTER, me_global_id, check_path(rest), version)
        if found["owner"]:
            key = KeyId.parse(f"{found['alias']}${found['owner']}" if found["alias"] else found["owner"])
        else:
            key = KeyId.parse(found["alias"], me_global_id)
        return cls(key.alias, key.owner, check_path(found["path"] or ""), version)

    @property
    def key_id(self) -> KeyId:
        return KeyId(self.key_alias, self.owner)

    def __str__(self) -> str:
        version = f"#{self.version}" if self.version else ""
        return f"{self.key_id}:{self.path}{version}"


def check_path(path: str) -> str:
    """
    The path without slashes at its ends; raises `Invalid` for one that could leave its tree or fit no disk.
    """
    path = path.strip("/")
    try:
        size = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        raise Invalid("remote path is not valid Unicode") from None
    if size > PATH_LIMIT:
        raise Invalid(f"remote path is longer than {PATH_LIMIT} bytes")
    if not path:
        return path
    if "\0" in path:
        raise Invalid("remote path contains a NUL character")
    for name in path.split("/"):
        if name in ("", ".", ".."):
            raise Invalid(f"remote path contains an empty, '.' or '..' name: {path[:100]!r}")
        if len(name.encode("utf-8")) > NAME_LIMIT:
            raise Invalid(f"a name in the remote path is longer than {NAME_LIMIT} bytes")
    return path
