"""
Small files read into one pack. It blocks: it is called in a worker.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bitdust_node.errors import BitDustError, Invalid
from services.catalog.schema import Place
from services.transfer.pack import FILE_LIMIT, Head, PackWriter
from services.transfer.source import open_source


class PackSource:
    """
    A pack as what is uploaded.
    """

    kind: Literal["file", "folder", "pack"] = "pack"
    name = ""
    mode = mtime_ns = 0

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self.skipped: list[str] = []
        self._left = memoryview(data)

    def read(self, size: int) -> tuple[bytes, bool]:
        data, self._left = bytes(self._left[:size]), self._left[size:]
        return data, not self._left

    def close(self) -> None:
        self._left = memoryview(b"")


@dataclass
class Reading:
    """
    What came of reading files. data: the pack. places, sizes: by id, where they are and the bytes of their content.
    errors: of those that can not be read. alone: those that are no small files (any more). The others did not fit.
    """

    data: bytes = b""
    places: dict[bytes, Place] = field(default_factory=dict)
    sizes: dict[bytes, int] = field(default_factory=dict)
    errors: dict[bytes, BitDustError] = field(default_factory=dict)
    alone: set[bytes] = field(default_factory=set)


def read_files(files: Sequence[tuple[bytes, Path]]) -> Reading:
    """
    Read files, by the ids of the versions that they become, as far as they fit one pack.
    """
    writer, done = PackWriter(), Reading()
    for entry, path in files:
        try:
            if not _read_one(writer, done, entry, path):
                break
        except OSError as error:
            done.errors[entry] = Invalid(f"{error.filename or path} can not be read: {error.strerror}")
        except BitDustError as error:
            done.errors[entry] = error
    done.data = writer.finish()
    return done


def is_small(path: Path) -> bool:
    """
    True for a file that can go into a pack.
    """
    try:
        return path.is_file() and path.stat().st_size <= FILE_LIMIT
    except OSError:
        return False


def _read_one(writer: PackWriter, done: Reading, entry: bytes, path: Path) -> bool:
    """False if there is no room for it."""
    source = open_source(path)
    try:
        if source.kind != "file" or source.size > FILE_LIMIT:
            done.alone.add(entry)
            return True
        if not writer.fits(source.size):
            return False
        content, _ = source.read(source.size + 1)
        head = Head(entry, os.fsencode(source.name), source.mode, source.mtime_ns, len(content))
        done.places[entry] = Place(entry, *writer.add(head, content))
        done.sizes[entry] = len(content)
        return True
    finally:
        source.close()
