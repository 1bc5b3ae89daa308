"""
The typed values of all options, in memory and in one small text file each. Knows nothing of a running node, so that
the command line can use it on a stopped one and still start at once.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from bitdust_node.config.option import FLOATS, INTEGERS, TEXT_LIMIT, Kind, Option, Value, disk_space
from bitdust_node.config.options import OPTIONS
from bitdust_node.errors import Invalid, NotFound
from bitdust_node.files import write_file


class OptionValues:
    """
    Reads all options at once and completes the folder with the defaults of those that have no file yet.

    folder: `config` of the data folder; None keeps everything in memory.
    options: the table; another one only in tests.
    synced: false leaves it to the system when changes reach the disk, for networks that are made to be thrown away.
    """

    def __init__(
        self, folder: Path | None = None, options: Mapping[str, Option] = OPTIONS, synced: bool = True
    ) -> None:
        self._synced = synced
        self._folder = folder
        self._options = dict(options)
        #: Paths of options whose files could not be read: they have their defaults.
        self.unreadable: list[str] = []
        self._values: dict[str, Value] = {}
        for option in self._options.values():
            self._values[option.path] = self._load(option)

    def __iter__(self) -> Iterator[Option]:
        """All options, sorted by path."""
        return iter(self._options.values())

    def __contains__(self, path: str) -> bool:
        return path in self._options

    def option(self, path: str) -> Option:
        try:
            return self._options[path]
        except KeyError:
            raise NotFound(f"option {path} does not exist") from None

    def get(self, path: str) -> Value:
        """The typed value; an unknown path raises NotFound."""
        return self._values[self.option(path).path]

    def yes(self, path: str) -> bool:
        """The value of a boolean option."""
        return bool(self._expect(path, frozenset({Kind.BOOLEAN})))

    def number(self, path: str) -> int:
        """The value of an option of a whole number; 0 when it is empty."""
        value = self._expect(path, INTEGERS)
        return value if isinstance(value, int) else 0

    def fraction(self, path: str) -> float:
        """The value of an option of any number."""
        value = self._expect(path, FLOATS | INTEGERS)
        return float(value) if isinstance(value, int | float) else 0.0

    def text(self, path: str) -> str:
        """The value as text, whatever the type."""
        return str(self.get(path))

    def bytes(self, path: str) -> int:
        """Bytes of an option of disk space, `8 GB`."""
        return disk_space(self.text(path))

    def words(self, path: str) -> list[str]:
        """The parts of a text that is separated by commas, semicolons or white space."""
        return [word for word in re.split(r"[\s,;]+", self.text(path)) if word]

    def set(self, path: str, value: object) -> Value:
        """
        Store a new value; answers with the old one. A value that is not of the option's type raises Invalid and
        changes nothing.
        """
        option = self.option(path)
        new = option.convert(value)
        old = self._values[path]
        if new != old:
            self._store(option, new)
            self._values[path] = new
        return old

    def children(self, prefix: str) -> list[str]:
        """Direct children of a branch, full paths, sorted; the switch of a service first."""
        start = prefix + "/" if prefix else ""
        found = {start + path[len(start) :].split("/", 1)[0] for path in self._options if path.startswith(start)}
        return sorted(found, key=lambda path: (path != start + "enabled", path))

    def _expect(self, path: str, kinds: frozenset[Kind]) -> Value:
        option = self.option(path)
        if option.kind not in kinds:
            raise Invalid(f"option {path} is of type {option.kind}")
        return self._values[path]

    def _load(self, option: Option) -> Value:
        if self._folder is None:
            return option.default
        file = self._folder / option.path
        try:
            with file.open("rb") as stream:
                raw = stream.read(TEXT_LIMIT * 2 + 4)
            return option.read(raw.decode("utf-8"))
        except FileNotFoundError:
            return self._first(option, file)
        except (Invalid, UnicodeDecodeError):
            self.unreadable.append(option.path)
            return option.default

    def _first(self, option: Option, file: Path) -> Value:
        """
        Write the default of an option that has no file. Not synced: what a crash loses here is written again.
        """
        value = option.default
        if option.random:
            low, high = option.random
            value = low + secrets.randbelow(high - low + 1)
        _write_unsynced(file, option.write(value))
        return value

    def _store(self, option: Option, value: Value) -> None:
        if self._folder is None:
            return
        file = self._folder / option.path
        if not self._synced:
            _write_unsynced(file, option.write(value))
            return
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_file(file, option.write(value).encode("utf-8"))


def _write_unsynced(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = file.with_name(f".{file.name}.new")
    temporary.write_text(text, "utf-8")
    temporary.chmod(0o600)
    temporary.replace(file)
