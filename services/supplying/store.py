"""
Where pieces lie: an interface, and the local folder that implements it.

All methods may block; they are called in workers. Names are those of `object_file.object_name`.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from twisted.logger import Logger

from bitdust_node.direct import Appender, PageBuffers, read_part
from bitdust_node.errors import Closed, Corrupt, Full, Invalid, NotFound, Unavailable
from bitdust_node.files import sync_folder, write_all
from bitdust_node.identity.names import NodeId
from bitdust_node.pieces.hashtree import Buffer
from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.pieces.object_file import FOOTER_BYTES, Footer, LeafHasher, object_name
from services.supplying.landmark import Landmark

#: Bytes of the disk that are left to its user, or this part of the disk if that is less.
DISK_MARGIN = 256 * 1024 * 1024
DISK_MARGIN_PART = 20

_NAME = re.compile(r"[0-9a-f]{64}")
_PARTIAL = ".part"
#: Bytes of a key in an object store, and those that are left before the name of an object.
KEY_LIMIT = 1024
PREFIX_LIMIT = KEY_LIMIT - 64
#: What stores and their library take: of anything else the library would say that the store does not answer.
_SETTINGS = (
    (
        "bucket",
        r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}|arn:[!-~]{1,300}",
        "the name of a bucket: letters, digits, dots and dashes",
    ),
    ("region", r"[A-Za-z0-9-]{0,63}", "the name of a region, such as eu-central-1, or empty"),
    ("access_key", r"[!-~]+", "without blanks, line ends and letters that are not ASCII"),
    ("secret_key", r"[!-~]+", "without blanks, line ends and letters that are not ASCII"),
)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class PieceWriter(Protocol):
    """
    One piece on its way to the store. Nothing is visible before `commit`, nothing is left after `discard`.
    """

    def write(self, chunks: Sequence[Buffer]) -> None:
        """Append; `Full` when there is no room."""

    def finish(self) -> Footer:
        """No more bytes: what the piece turned out to be."""

    def commit(self) -> None:
        """Make the piece visible under its name and safe from a crash; `Full` when there is no room."""

    def discard(self) -> None:
        """Forget what was written; harmless after `commit` and when repeated."""


class PieceStore(Protocol):
    """
    Pieces by name. A store that can not be asked now raises `Unavailable`, and never says `NotFound` for that.
    """

    def writer(self, owner: NodeId, version: bytes, index: int) -> PieceWriter:
        """Begin a piece."""

    def footer(self, name: str) -> Footer:
        """What a piece is; `NotFound`, `Corrupt`."""

    def leaves(self, name: str) -> bytes:
        """The leaves of all blocks, checked against the checksum of the object; `NotFound`, `Corrupt`."""

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Bytes of the blocks, fewer at the end; `NotFound`."""

    def delete(self, *names: str) -> None:
        """Remove pieces, for ever also if the power is cut; harmless when they are not there."""

    def names(self) -> Iterator[str]:
        """All pieces."""

    def clean(self) -> int:
        """Remove what earlier runs have left unfinished; how many there were."""

    def size(self) -> int:
        """Bytes that all pieces take."""

    def trouble(self) -> str:
        """Why it could not be asked the last time, empty if it could."""

    def tidy(self) -> None:
        """Remove what could not be removed when it was given up, and look whether trouble is over."""

    def close(self) -> None:
        """Nothing more is asked; calls that still run in workers end with `Closed` as soon as they can."""


@dataclass(frozen=True)
class S3Settings:
    """
    endpoint: http or https URL, empty for AWS itself. prefix: of all keys; nobody else may use it in this bucket.
    """

    endpoint: str
    bucket: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    prefix: str

    def check(self) -> None:
        """
        `Invalid` tells which option is missing or wrong.
        """
        for name in ("bucket", "access_key", "secret_key"):
            if not getattr(self, name):
                option = name.replace("_", "-")
                raise Invalid(f"pieces are to be kept in S3, but services/supplier/s3-{option} is empty")
        if self.endpoint and not _is_endpoint(self.endpoint):
            raise Invalid("services/supplier/s3-endpoint must be like https://host:port, or empty for AWS")
        for name, pattern, meaning in _SETTINGS:
            if not re.fullmatch(pattern, getattr(self, name)):
                raise Invalid(f"services/supplier/s3-{name.replace('_', '-')} must be {meaning}")
        if len(self.prefix.encode()) > PREFIX_LIMIT:
            raise Invalid(f"services/supplier/s3-prefix must be shorter: keys would not fit {KEY_LIMIT} bytes")


def _is_endpoint(text: str) -> bool:
    try:
        # the port is looked at only when it is asked for
        return bool(re.fullmatch(r"https?://[^\s/?#@]+/?", text) and urlsplit(text).port != 0)
    except ValueError:
        return False


class ObjectStore(Protocol):
    """
    What the entry points of `bitdust_node.piece_stores` name. spool: a local folder for what waits to be sent.
    """

    def __call__(self, settings: S3Settings, spool: Path) -> PieceStore: ...


class LocalFolder:
    """
    Pieces as files of a folder, spread over 256 folders in it. Large ones go past the page cache.

    landmark: tells whether the disk of the folder is there, if that is not the one of the data folder.
    """

    log = Logger()

    def __init__(
        self,
        folder: Path,
        margin: int = DISK_MARGIN,
        buffers: PageBuffers | None = None,
        landmark: Landmark | None = None,
    ) -> None:
        self._folder = folder
        self._margin = margin
        self._landmark = landmark
        self._trouble = ""
        self.buffers = buffers or PageBuffers()

    def writer(self, owner: NodeId, version: bytes, index: int) -> PieceWriter:
        return _FileWriter(self, owner, version, index)

    def footer(self, name: str) -> Footer:
        file = self._open(name)
        try:
            return self._footer(file)[0]
        finally:
            os.close(file)

    def leaves(self, name: str) -> bytes:
        file = self._open(name)
        try:
            footer, data = self._footer(file)
            leaves = os.pread(file, footer.leaves_bytes, footer.size)
        finally:
            os.close(file)
        footer.check(leaves, data)
        return leaves

    def read(self, name: str, offset: int, length: int) -> bytes:
        try:
            return read_part(self.path(name), offset, length, self.buffers)
        except FileNotFoundError:
            raise self._not_found() from None

    def delete(self, *names: str) -> None:
        self.check()
        paths = [self.path(name) for name in names]
        for path in paths:
            path.unlink(missing_ok=True)
        # after all of them: the first wait for the disk is then nearly the only one
        for folder in {path.parent for path in paths}:
            if folder.is_dir():
                sync_folder(folder)

    def names(self) -> Iterator[str]:
        self.check()
        for entry in self._entries():
            if _NAME.fullmatch(entry.name):
                yield entry.name

    def clean(self) -> int:
        removed = 0
        for entry in self._entries():
            if entry.name.endswith(_PARTIAL):
                with suppress(FileNotFoundError):
                    os.unlink(entry.path)
                    removed += 1
        return removed

    def free(self) -> int:
        """
        Bytes that may still be written.
        """
        disk = os.statvfs(self._folder)
        margin = min(self._margin, disk.f_blocks * disk.f_frsize // DISK_MARGIN_PART)
        return disk.f_bavail * disk.f_frsize - margin

    def size(self) -> int:
        return sum(entry.stat().st_size for entry in self._entries())

    def trouble(self) -> str:
        return self._trouble

    def tidy(self) -> None:
        """What is given up is removed at once."""
        with suppress(Unavailable):
            self.check()

    def close(self) -> None:
        """Nothing is open between two calls."""

    def check(self) -> None:
        """
        Raise `Unavailable` if the disk is not there.
        """
        missing = self._landmark.missing() if self._landmark is not None else ""
        if missing and not self._trouble:
            self.log.error("{missing}", missing=missing)
        self._trouble = missing
        if missing:
            # customers hear this, and no paths
            raise Unavailable("the disk of the supplier is not there now")

    def path(self, name: str) -> Path:
        """
        The file of a name; anything that was not made by hashing is refused.
        """
        if not _NAME.fullmatch(name):
            raise NotFound("there is no such piece")
        return self._folder / name[:2] / name

    def make_folder(self, path: Path) -> None:
        """
        Make the folder of a file, durably, if this is the first in it.
        """
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(self._folder)

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        with os.scandir(self._folder) as folders:
            inner = [entry.path for entry in folders if entry.is_dir(follow_symlinks=False)]
        for path in inner:
            with os.scandir(path) as entries:
                yield from (entry for entry in entries if entry.is_file(follow_symlinks=False))

    def _open(self, name: str) -> int:
        try:
            return os.open(self.path(name), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise self._not_found() from None

    def _not_found(self) -> NotFound:
        self.check()
        return NotFound("there is no such piece")

    def _footer(self, file: int) -> tuple[Footer, bytes]:
        size = os.fstat(file).st_size
        if size < FOOTER_BYTES:
            raise Corrupt("the file is not a piece, or was cut off")
        data = os.pread(file, FOOTER_BYTES, size - FOOTER_BYTES)
        return Footer.parse(data, size), data


class _FileWriter:
    """
    A piece in a temporary file beside its place. The file is made by the first bytes.
    """

    def __init__(self, store: LocalFolder, owner: NodeId, version: bytes, index: int) -> None:
        self._store = store
        self._owner, self._version, self._index = owner, version, index
        self._hasher = LeafHasher(PIECE_BLOCK)
        self._file = -1
        self._appender: Appender | None = None
        self._ended = False

    @cached_property
    def _path(self) -> Path:
        return self._store.path(object_name(self._owner, self._version, self._index))

    @cached_property
    def _temporary(self) -> Path:
        return self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}{_PARTIAL}")

    def write(self, chunks: Sequence[Buffer]) -> None:
        with self._room(sum(map(len, chunks))) as appender:
            appender.write(chunks)

    def finish(self) -> Footer:
        with self._room(0) as appender:
            appender.flush()
        leaves, count, top = self._hasher.finish()
        size = self._hasher.size
        footer = Footer(self._owner, self._version, self._index, PIECE_BLOCK, size, count, top)
        packed = footer.pack(leaves)
        with self._room(len(packed)):
            # not hashed
            write_all(self._file, [packed])
        return footer

    def commit(self) -> None:
        try:
            os.fsync(self._file)
            self._ended = True
            self._close()
            self._temporary.rename(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            self.discard()
            raise full_disk(error) from error

    def discard(self) -> None:
        self._ended = True
        self._close()
        self._temporary.unlink(missing_ok=True)

    @contextmanager
    def _room(self, size: int) -> Iterator[Appender]:
        """The open file, when there is room for so many bytes; it is discarded when it can not be written."""
        if self._ended:
            raise Closed("this piece was given up")
        if self._appender is None:
            self._store.check()
        try:
            if self._store.free() < size:
                raise Full("the disk of the supplier has no room left")
            if self._appender is None:
                self._store.make_folder(self._path)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
                self._file = os.open(self._temporary, flags, 0o600)
                self._appender = Appender(self._file, self._store.buffers, seen=self._hasher.update)
            yield self._appender
        except (OSError, Full) as error:
            self.discard()
            raise full_disk(error) from error

    def _close(self) -> None:
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)


def full_disk(error: OSError | Full) -> Exception:
    """
    `Full` for an error that means it, else the error itself.
    """
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return Full("the disk of the supplier has no room left")
    return error
