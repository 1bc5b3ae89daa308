"""
Where the download of a folder lands: its stream of entries becomes files again.

The temporary folder has the tree that grows, the list of what was extracted, and, while the tree is put into a folder
that was there before, what it replaces. All of it blocks: it is called in a worker, one call at a time.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bitdust_node.errors import Conflict, Corrupt
from bitdust_node.files import sync_folder, write_all
from services.transfer.checkpoint import Mark, Samples
from services.transfer.entries import Content, Entry, Reader
from services.transfer.extracted import Extracted, digest, recorded
from services.transfer.placing import ENTRIES, TREE, place, put_back
from services.transfer.sink import MODES, ours, remove


def clear(temporary: Path, destination: Path) -> None:
    """
    Remove what a download has left, also one of a life before that was about to be put in its place.
    """
    put_back(temporary, destination)
    remove(temporary)


class FolderSink:
    """
    A folder out of its stream of entries. mark: how far it had come in the life before; where it does not hold, it
    begins afresh.

    Links are made last, when all else is there, so that nothing is ever written through one. What was at the
    destination before and has no new version stays.
    """

    def __init__(self, destination: Path, temporary: Path, mark: Mark | None = None) -> None:
        if destination.exists() and not destination.is_dir():
            raise Conflict(f"{destination} is a file and can not be replaced by a folder")
        self.temporary = temporary
        #: Bytes of the stream that are there already.
        self.size = 0
        self._destination, self._tree = destination, os.fsencode(temporary / TREE)
        self._reader = Reader()
        self._fd = -1
        self._left = 0
        self._file: Entry | None = None
        self._folders: dict[bytes, Entry] = {}
        # the records before it are safe, with their files
        self._synced = 0
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
            entries = None if mark is None else self._reopen(mark)
            if entries is None:
                if mark is not None:
                    clear(temporary, destination)
                temporary.mkdir(mode=0o700)
                os.mkdir(self._tree, 0o700)
                entries = Extracted(temporary / ENTRIES)
        except OSError as error:
            self._close()
            raise ours(error, destination) from error
        self._entries = entries
        # what could be marked: bytes of the stream, of the list, and where the last record of that begins
        self._safe = (self.size, entries.flush(), entries.last)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        try:
            for event in self._reader.feed(memoryview(data)):
                if isinstance(event, Content):
                    self._content(event.data)
                elif isinstance(event, Entry):
                    self._entry(event)
            self._safe = (self._reader.begin, self._entries.flush(), self._entries.last)
        except FileExistsError as error:
            raise Corrupt(f"the stored folder has {error.filename!r} twice") from None
        except OSError as error:
            raise ours(error, self._destination) from error

    def sync(self, size: int) -> tuple[int, bytes] | None:
        size, length, last = self._safe
        if not length:
            return None
        sample = b""
        for _begin, start, entry in recorded(self._entries.path, self._synced, length):
            if self._reader.ended:
                # the many files are left to the system then, and nobody waits for this
                return None
            sample = self._sync_file(entry, min(entry.size, size - start)) if entry.kind == "f" else b""
        self._entries.sync()
        # the last file may go on
        self._synced = last
        return size, length.to_bytes(8, "big") + digest(self._entries.path, length) + sample

    def _sync_file(self, entry: Entry, size: int) -> bytes:
        # a descriptor of its own: the other one is closed meanwhile
        try:
            fd = os.open(self._where(entry.path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except PermissionError:
            # its owner may not read it himself
            os.sync()
            return b""
        try:
            os.fdatasync(fd)
            return Samples(fd).until(size)
        finally:
            os.close(fd)

    def finish(self) -> None:
        if not self._reader.ended:
            raise Corrupt("the stored folder ends in the middle")
        self._entries.close()
        try:
            for _begin, _start, entry in recorded(self._entries.path):
                if entry.kind == "l":
                    self._make_link(entry)
            place(self.temporary, self._destination)
            for path, folder in reversed(self._folders.items()):
                where = os.path.join(os.fsencode(self._destination), path) if path else os.fsencode(self._destination)
                os.chmod(where, folder.mode & MODES)
                os.utime(where, ns=(folder.mtime_ns, folder.mtime_ns))
            sync_folder(self._destination.parent)
            # from here on nothing is put back
            self._entries.path.unlink()
        except OSError as error:
            raise ours(error, self._destination) from error
        remove(self.temporary)

    def abort(self) -> None:
        self._close()
        self._entries.close()
        try:
            clear(self.temporary, self._destination)
        except OSError as error:
            raise ours(error, self._destination) from error

    def _reopen(self, mark: Mark) -> Extracted | None:
        """What the life before has extracted, without what is not marked; None if it is not what the mark says."""
        path, length = self.temporary / ENTRIES, int.from_bytes(mark.sample[:8], "big")
        folders: dict[bytes, Entry] = {}
        known, last, partial = {b""}, 0, None
        try:
            put_back(self.temporary, self._destination)
            if not length or digest(path, length) != mark.sample[8:40]:
                return None
            for begin, start, entry in recorded(path, 0, length):
                if partial is not None:
                    return None
                last = begin
                if entry.kind == "d":
                    folders[entry.path] = entry
                if entry.kind == "l" or not entry.path:
                    # links are made anew
                    continue
                known.add(entry.path)
                size = min(entry.size, mark.size - start)
                if not self._holds(entry, size):
                    return None
                if size < entry.size:
                    partial = entry, size
            if partial is not None and not self._reopen_file(*partial, mark.sample[40:]):
                return None
            self._sweep(known)
            entries = Extracted(path, length, last)
        except OSError:
            return None
        self._folders, self.size, self._synced = folders, mark.size, last
        self._reader = Reader(mark.size, self._left)
        return entries

    def _holds(self, entry: Entry, size: int) -> bool:
        """True if so much of an entry seems to be in the tree, as we have left it."""
        status = os.lstat(self._where(entry.path))
        if status.st_uid != os.geteuid() or entry.kind == "d":
            return stat.S_ISDIR(status.st_mode)
        if size < entry.size:
            return stat.S_ISREG(status.st_mode) and status.st_size >= size
        left = (stat.S_IFREG | entry.mode & MODES, entry.size, entry.mtime_ns)
        return (status.st_mode, status.st_size, status.st_mtime_ns) == left

    def _reopen_file(self, entry: Entry, size: int, sample: bytes) -> bool:
        # it may have been finished since
        os.chmod(self._where(entry.path), 0o600)
        self._fd = os.open(self._where(entry.path), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        if Samples(self._fd).until(size) != sample:
            self._close()
            return False
        os.ftruncate(self._fd, size)
        os.lseek(self._fd, size, os.SEEK_SET)
        self._file, self._left = entry, entry.size - size
        return True

    def _sweep(self, known: set[bytes]) -> None:
        """Remove what was extracted behind the mark, and links."""
        for root, folders, files in os.walk(self._tree):
            for name in [*folders, *files]:
                path = os.path.join(root, name)
                if path[len(self._tree) + 1 :] not in known:
                    remove(Path(os.fsdecode(path)))
            folders[:] = [name for name in folders if os.path.isdir(os.path.join(root, name))]

    def _where(self, path: bytes) -> bytes:
        return os.path.join(self._tree, path) if path else self._tree

    def _entry(self, entry: Entry) -> None:
        if entry.path and entry.path.rpartition(b"/")[0] not in self._folders:
            raise Corrupt(f"the stored folder has {entry.path!r} before the folder that it is in")
        if entry.path in self._folders:
            raise Corrupt(f"the stored folder has {entry.path!r} twice")
        self._entries.add(self._reader.taken, entry)
        if entry.kind == "d":
            self._folders[entry.path] = entry
            if entry.path:
                os.mkdir(self._where(entry.path), 0o700)
        elif entry.kind == "f":
            # O_EXCL: a name that comes twice is an error, and nothing is followed
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._fd = os.open(self._where(entry.path), flags, 0o600)
            self._file, self._left = entry, entry.size
            if not entry.size:
                self._end_file()

    def _make_link(self, link: Entry) -> None:
        try:
            os.symlink(link.target, self._where(link.path))
        except FileExistsError:
            raise Corrupt(f"the stored folder has {link.path!r} twice") from None
        os.utime(self._where(link.path), ns=(link.mtime_ns, link.mtime_ns), follow_symlinks=False)

    def _content(self, data: memoryview) -> None:
        write_all(self._fd, [data])
        self._left -= len(data)
        if not self._left:
            self._end_file()

    def _end_file(self) -> None:
        if self._file is not None:
            os.fchmod(self._fd, self._file.mode & MODES)
            os.utime(self._fd, ns=(self._file.mtime_ns, self._file.mtime_ns))
        self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
