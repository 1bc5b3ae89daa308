"""
A disk that remembers all that was written, so that it can be had as it was at any moment: after a kill, or after a
power cut, when what was not synced may be lost, half there, or zeros.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

#: Bytes that a disk writes wholly or not at all.
SECTOR = 512


@dataclass(frozen=True)
class Made:
    """A new file under a path; `file` tells it from others that have had the path."""

    path: Path
    file: int


@dataclass(frozen=True)
class Wrote:
    file: int
    data: bytes


@dataclass(frozen=True)
class Synced:
    """All that was written to a file is on the disk."""

    file: int


@dataclass(frozen=True)
class SyncedFolder:
    """All that was made, renamed and removed in a folder is on the disk."""

    path: Path


@dataclass(frozen=True)
class MadeFolder:
    path: Path


@dataclass(frozen=True)
class Renamed:
    old: Path
    new: Path


@dataclass(frozen=True)
class Removed:
    path: Path


@dataclass(frozen=True)
class Committed:
    """SQLite has written, and synced, a transaction; or moved its log. Content by path of the files of a database."""

    before: dict[Path, bytes]
    after: dict[Path, bytes]


Operation = Made | Wrote | Synced | SyncedFolder | MadeFolder | Renamed | Removed | Committed


class Disk:
    """
    operations: what was done below `folder` while it was watched (see `watching`), in order. The folders that are there
    at the beginning stay.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.operations: list[Operation] = []
        self._folders = [path for path in folder.rglob("*") if path.is_dir()]

    @property
    def done(self) -> int:
        """
        How many operations there were so far.
        """
        return len(self.operations)

    def restore(self, target: Path, number: int, dice: random.Random | None = None) -> None:
        """
        Make `target` the folder as a kill after that many operations leaves it; with dice, as a power cut may leave it,
        if need be in the midst of the next commit.
        """
        shutil.rmtree(target, ignore_errors=True)
        for path in (self.folder, *self._folders):
            self._at(target, path).mkdir(parents=True, exist_ok=True)
        done = self.operations[:number]
        names, files = self._names(done, dice), self._files(done, dice)
        for path, file in names.items():
            if file is None:
                self._at(target, path).mkdir(exist_ok=True)
        for path, file in names.items():
            place = self._at(target, path)
            if file is not None and place.parent.is_dir():
                place.write_bytes(files[file])
        for path, data in self._databases_after(done, number, dice).items():
            self._at(target, path).write_bytes(data)

    def _at(self, target: Path, path: Path) -> Path:
        return target / path.relative_to(self.folder)

    def _names(self, done: list[Operation], dice: random.Random | None) -> dict[Path, int | None]:
        """The files by path; None is a folder."""
        names: dict[Path, int | None] = {}
        synced = {one.path: at for at, one in enumerate(done) if isinstance(one, SyncedFolder)}
        for at, one in enumerate(done):
            if not isinstance(one, Made | MadeFolder | Renamed | Removed):
                continue
            path = one.new if isinstance(one, Renamed) else one.path
            if dice is not None and synced.get(path.parent, -1) < at and dice.random() < 0.5:
                continue
            match one:
                case Made(path, file):
                    names[path] = file
                case MadeFolder(path):
                    names[path] = None
                case Renamed(old, new):
                    # where the file was made may be what the disk has lost
                    names[new] = next(o.file for o in done[:at][::-1] if isinstance(o, Made) and o.path == old)
                    names.pop(old, None)
                case Removed(path):
                    names.pop(path, None)
        return names

    def _files(self, done: list[Operation], dice: random.Random | None) -> dict[int, bytes]:
        synced = {one.file: at for at, one in enumerate(done) if isinstance(one, Synced)}
        files: dict[int, bytes] = {}
        for at, one in enumerate(done):
            if isinstance(one, Made):
                files[one.file] = b""
            elif isinstance(one, Wrote):
                safe = dice is None or synced.get(one.file, -1) > at
                files[one.file] += one.data if dice is None or safe else _torn(one.data, dice)
        return files

    def _databases_after(self, done: list[Operation], number: int, dice: random.Random | None) -> dict[Path, bytes]:
        now = next((one.after for one in reversed(done) if isinstance(one, Committed)), {})
        following = self.operations[number] if number < self.done else None
        if dice is None or not isinstance(following, Committed):
            return now
        before, after = following.before, following.after
        writes = [
            (path, at)
            for path in sorted(after, key=lambda path: not path.name.endswith("-wal"))
            for at in range(0, len(after[path]), SECTOR)
            if before.get(path, b"")[at : at + SECTOR] != after[path][at : at + SECTOR]
        ]
        torn = {path: bytearray(data) for path, data in before.items()}
        for path, at in writes[: dice.randrange(len(writes) + 1)]:
            data = torn.setdefault(path, bytearray())
            data.extend(bytes(max(0, at - len(data))))
            data[at : at + SECTOR] = after[path][at : at + SECTOR]
        return {path: bytes(data) for path, data in torn.items()}


def _torn(data: bytes, dice: random.Random) -> bytes:
    """What may be left of a write that nobody waited for."""
    kind = dice.randrange(4)
    if kind == 0:
        return b""
    if kind == 1:
        return data[: dice.randrange(len(data) + 1)]
    return bytes(len(data)) if kind == 2 else data
