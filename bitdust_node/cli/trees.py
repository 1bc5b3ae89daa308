"""
Files and folders as a whole: how large they are, and whether two are the same.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

BLOCK = 1024 * 1024


def tree_bytes(path: Path) -> int:
    """Bytes of all regular files at or below a path."""
    return sum(info.st_size for _, info in _entries(path) if stat.S_ISREG(info.st_mode))


def tree_files(path: Path) -> int:
    """Number of regular files at or below a path."""
    return sum(1 for _, info in _entries(path) if stat.S_ISREG(info.st_mode))


def differences(one: Path, other: Path) -> list[str]:
    """
    What is not the same in two files or folders: names, kinds, modes, targets of links, every byte. Empty when equal.
    """
    ours, theirs = dict(_entries(one)), dict(_entries(other))
    found = [f"{name or one.name}: missing" for name in sorted(ours.keys() - theirs.keys())]
    found += [f"{name or other.name}: was not there before" for name in sorted(theirs.keys() - ours.keys())]
    for name in sorted(ours.keys() & theirs.keys()):
        reason = _difference(one / name if name else one, ours[name], other / name if name else other, theirs[name])
        if reason:
            found.append(f"{name or one.name}: {reason}")
    return found


def _entries(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Relative names of a path ("" for itself) and all below, links not followed."""
    info = path.lstat()
    yield "", info
    if not stat.S_ISDIR(info.st_mode):
        return
    waiting = [""]
    while waiting:
        below = waiting.pop()
        with os.scandir(path / below) as entries:
            for entry in entries:
                name = f"{below}/{entry.name}".lstrip("/")
                yield name, entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(name)


def _difference(one: Path, ours: os.stat_result, other: Path, theirs: os.stat_result) -> str:
    if stat.S_IFMT(ours.st_mode) != stat.S_IFMT(theirs.st_mode):
        return "of another kind"
    if stat.S_ISLNK(ours.st_mode):
        return "" if one.readlink() == other.readlink() else "leads somewhere else"
    if stat.S_IMODE(ours.st_mode) != stat.S_IMODE(theirs.st_mode):
        return f"mode {stat.S_IMODE(theirs.st_mode):o} instead of {stat.S_IMODE(ours.st_mode):o}"
    if not stat.S_ISREG(ours.st_mode):
        return ""
    if ours.st_size != theirs.st_size:
        return f"{theirs.st_size} bytes instead of {ours.st_size}"
    with one.open("rb") as left, other.open("rb") as right:
        while block := left.read(BLOCK):
            if block != right.read(BLOCK):
                return "other bytes"
    return ""
