"""
Files that clients bring and fetch in small pieces over their WebSocket, in the folder `temp` of the data directory.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bitdust_node.api.models import Snapshot, Source, Tell
from bitdust_node.api.registry import method
from bitdust_node.clock import Clock
from bitdust_node.errors import Failed, Full, Invalid, NotFound, Refused
from bitdust_node.paths import DataFolder
from bitdust_node.threads import Workers

#: Bytes of one chunk at most, and of one file.
CHUNK_LIMIT, FILE_LIMIT = 512 * 1024, 64 * 1024**3
#: Files that are counted, and after how many chunks clients hear of it.
FILES_LIMIT, EVERY = 1000, 5
#: Seconds after which a file that nobody touched is removed when a new one is begun.
KEPT = 7 * 86400.0


@dataclass(frozen=True)
class Stats:
    """
    count, bytes: of the chunks of one file so far. offset_last: where the last of them began.
    """

    path: str
    count: int = 0
    bytes: int = 0
    offset_last: int = 0

    def describe(self) -> dict[str, Any]:
        return {"path": self.path, "count": self.count, "bytes": self.bytes, "offset_last": self.offset_last}


class Progress:
    """
    The model `chunk_read` or `chunk_write`.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self._files: dict[str, Stats] = {}
        self._callbacks: tuple[Tell, ...] = ()

    def moved(self, path: str, offset: int, size: int) -> Stats:
        """
        One more chunk.
        """
        before = self._files.pop(path, Stats(path))
        stats = replace(before, count=before.count + 1, bytes=before.bytes + size, offset_last=offset)
        self._files[path] = stats
        if len(self._files) > FILES_LIMIT:
            del self._files[next(iter(self._files))]
        if stats.count % EVERY == 0:
            for callback in self._callbacks:
                callback(Snapshot(path, stats.describe()))
        return stats

    async def all(self, query: Mapping[str, Any]) -> AsyncIterator[Snapshot]:
        for stats in list(self._files.values()):
            yield Snapshot(stats.path, stats.describe())

    def observe(self, tell: Tell) -> Callable[[], None]:
        self._callbacks = (*self._callbacks, tell)

        def undo() -> None:
            self._callbacks = tuple(other for other in self._callbacks if other is not tell)

        return undo


class ChunksApi:
    """
    Bytes travel as text, one character a byte (latin-1). No path outside of the folder is ever touched.
    """

    def __init__(self, folder: DataFolder, workers: Workers, clock: Clock) -> None:
        self._folder, self._workers, self._clock = folder.temp, workers, clock
        self._read, self._written = Progress("chunk_read"), Progress("chunk_write")

    def models(self) -> Sequence[Source]:
        return (self._read, self._written)

    @method()
    async def chunk_read(self, path: str, offset: int, max_size: int = 32768) -> dict[str, Any]:
        """
        Read a part of a file in the folder `temp`.

        path: absolute, or relative to the folder. max_size: bytes of the part; `completed` says that it was the last.
        """
        if offset < 0 or not 0 < max_size <= CHUNK_LIMIT:
            raise Invalid(f"offset must not be below 0, max_size must be 1 to {CHUNK_LIMIT}")
        file, data, completed = await self._workers.run(self._take, path, offset, max_size)
        stats = self._read.moved(str(file), offset, len(data))
        return {"chunk": data.decode("latin-1"), "completed": completed, "stats": stats.describe()}

    @method()
    async def chunk_write(self, data: str, path: str | None = None) -> dict[str, Any]:
        """
        Append a part to a file in the folder `temp`. Without a path a new file is begun, and its path answered.
        """
        try:
            raw = data.encode("latin-1")
        except UnicodeEncodeError:
            raise Invalid("data must be bytes as text, one character from U+0000 to U+00FF a byte") from None
        if len(raw) > CHUNK_LIMIT:
            raise Invalid(f"a chunk has at most {CHUNK_LIMIT} bytes")
        file, offset = await self._workers.run(self._append, raw, path)
        stats = self._written.moved(str(file), offset, len(raw))
        return {"path": str(file), "stats": stats.describe()}

    # in a worker

    def _take(self, path: str, offset: int, size: int) -> tuple[Path, bytes, bool]:
        file = self._inside(path)
        handle = _open(file, os.O_RDONLY)
        try:
            data = os.pread(handle, size, offset)
            return file, data, offset + len(data) >= os.fstat(handle).st_size
        finally:
            os.close(handle)

    def _append(self, data: bytes, path: str | None) -> tuple[Path, int]:
        if path:
            file = self._inside(path)
            handle = _open(file, os.O_WRONLY | os.O_APPEND)
        else:
            self._sweep()
            file = self._folder / secrets.token_hex(16)
            handle = _open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL)
        try:
            offset = os.fstat(handle).st_size
            if offset + len(data) > FILE_LIMIT:
                raise Full(f"a file has at most {FILE_LIMIT} bytes")
            written = os.write(handle, data)
            if written != len(data):
                os.ftruncate(handle, offset)
                raise Full("the disk has no room left")
            return file, offset
        except OSError as error:
            raise Failed(f"{file.name} can not be written: {error.strerror}") from error
        finally:
            os.close(handle)

    def _inside(self, path: str) -> Path:
        """The file that a client has named, if it lies in the folder, links and dots followed."""
        try:
            file = (self._folder / path).resolve()
            inside = file.is_relative_to(self._folder.resolve()) and file != self._folder.resolve()
        except (OSError, ValueError, RuntimeError):
            inside = False
        if not inside:
            raise Refused("wrong path location provided")
        return file

    def _sweep(self) -> None:
        oldest = self._clock.seconds() - KEPT
        for entry in list(os.scandir(self._folder)):
            if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                os.unlink(entry.path)


def _open(file: Path, flags: int) -> int:
    try:
        handle = os.open(file, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise NotFound(f"file {file.name!r} was not found") from None
    except OSError as error:
        raise Failed(f"{file.name} can not be opened: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Invalid(f"{file.name!r} is not a file")
    return handle
