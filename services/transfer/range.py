"""
Any bytes of a stored file without the rest of it: only the segments that they are in are fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import TracebackType

from bitdust_node.errors import Corrupt, Invalid, NotFound
from services.catalog.schema import Piece, Version
from services.transfer.means import Means
from services.transfer.opened import Opened
from services.transfer.passage import Passage
from services.transfer.whereabouts import open_version, pieces_of

#: Bytes that `read` answers at most, as it has them all in memory; more are read as `Chunks`.
READ_LIMIT = 16 * 1024 * 1024


class VersionReader:
    """
    Reads byte ranges of one version of a file, as many as are wanted, also at once; the manifest is opened only once.

    size: bytes of the file. start: where these begin in what is opened, if that is a pack.
    """

    def __init__(
        self, means: Means, opened: Opened, pieces: Sequence[Piece], label: str, path: str, size: int, start: int = 0
    ) -> None:
        self._means, self._opened, self._pieces = means, opened, pieces
        self._label, self._path, self._start = label, path, start
        self.size = size

    @classmethod
    async def open(cls, means: Means, version: Version) -> VersionReader:
        """
        The reader of a version. `Invalid` for one that is no file or not stored yet, `NotFound` when its item is gone,
        `Unavailable` when nobody has its manifest, `Corrupt` when that is not what the owner has signed.
        """
        if version.kind == "folder":
            raise Invalid("only files can be read in parts, and this is a folder")
        if version.state != "ready":
            raise Invalid(f"version {version.name} is still being uploaded")
        item = await means.catalog.item(version.item)
        if item is None:
            raise NotFound(f"the item of version {version.name} is not in the catalog any more")
        size, start = version.size, 0
        if version.pack is not None:
            version, place = await means.catalog.packs.find(version.id)
            start = place.start + place.length - size
        pieces = await pieces_of(means, version)
        opened = await open_version(means, version, pieces)
        label = f"{means.key_id(item.alias)}:{item.path_id}/{version.name}"
        if start + size > opened.manifest.length:
            raise Corrupt(f"{label} is shorter than the catalog says")
        return cls(means, opened, pieces, label, item.path, size, start)

    async def read(self, offset: int, length: int) -> bytes:
        """
        The bytes `offset` .. `offset + length`, at most `READ_LIMIT`. `Invalid` when the file does not have them.
        """
        if length > READ_LIMIT:
            raise Invalid(f"{length} bytes are too many to be read at once, expected at most {READ_LIMIT}")
        async with self.chunks(offset, length) as chunks:
            return b"".join([chunk async for chunk in chunks])

    def chunks(self, offset: int, length: int) -> Chunks:
        """
        The same for any length: an asynchronous iterator, which is to be used with `async with`.
        """
        if offset < 0 or length < 0:
            raise Invalid(f"a range of {length} bytes from byte {offset} on is not possible")
        if offset + length > self.size:
            raise Invalid(f"the file has {self.size} bytes, not all of {offset} .. {offset + length} are in it")
        start = self._start + offset
        return Chunks(self._means, self._opened, self._pieces, self._label, self._path, start, length)


class Chunks:
    """
    The bytes of a range in order, in chunks of about a megabyte or of one segment. Memory: a few chunks, of any range.
    """

    def __init__(
        self,
        means: Means,
        opened: Opened,
        pieces: Sequence[Piece],
        label: str,
        path: str,
        offset: int,
        length: int,
    ) -> None:
        segment, last = opened.manifest.layout.segment_bytes, offset + length
        first = offset // segment
        # nothing is asked for when nothing is wanted
        end = -(-last // segment) if length else first
        self._passage = Passage(means, opened, pieces, label, path, partial(_cut, segment, offset, last), first, end)

    async def __aenter__(self) -> Chunks:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._passage.close()

    def __aiter__(self) -> Chunks:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._passage.next()
        if chunk is None:
            raise StopAsyncIteration
        return chunk


async def read_range(means: Means, version: Version, offset: int, length: int) -> bytes:
    """
    Some bytes of a version (`VersionReader.read`). Who reads more than one range opens a `VersionReader`.
    """
    return await (await VersionReader.open(means, version)).read(offset, length)


def _cut(segment: int, first: int, end: int, number: int, plain: memoryview) -> bytes:
    """What of a batch, which begins with segment `number`, is in bytes `first` .. `end - 1` of the version."""
    start = number * segment
    return bytes(plain[max(0, first - start) : end - start])
