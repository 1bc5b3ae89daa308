"""
The options of a running node: their values, and who wants to know of changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from twisted.logger import Logger

from bitdust_node.config.option import Option, Value
from bitdust_node.config.options import OPTIONS
from bitdust_node.config.values import OptionValues

Watcher = Callable[[str, Value, Value], None]


class Config(OptionValues):
    """
    folder, options, synced: see `OptionValues`.
    overrides: values set right after reading, for devnets and tests.
    """

    log = Logger()

    def __init__(
        self,
        folder: Path | None = None,
        overrides: Mapping[str, object] | None = None,
        options: Mapping[str, Option] = OPTIONS,
        synced: bool = True,
    ) -> None:
        super().__init__(folder, options, synced)
        self._watchers: dict[int, tuple[str, Watcher]] = {}
        self._next_watcher = 0
        for path in self.unreadable:
            self.log.warn("option {path} could not be read, its default is used", path=path)
        for path, value in (overrides or {}).items():
            self.set(path, value)

    def set(self, path: str, value: object) -> Value:
        """
        Store a new value and tell the watchers; answers with the old one. A value that is not of the option's type
        raises Invalid and changes nothing.
        """
        old = super().set(path, value)
        new = self.get(path)
        if new == old:
            return old
        for prefix, watcher in list(self._watchers.values()):
            if path == prefix or path.startswith(prefix.rstrip("/") + "/") or not prefix:
                try:
                    watcher(path, old, new)
                except Exception:  # noqa: BLE001 - a border: one watcher must not hide the change from the others
                    self.log.failure("a watcher of option {path} failed", path=path)
        return old

    def watch(self, prefix: str, callback: Watcher) -> Callable[[], None]:
        """
        Call back with path, old and new value whenever an option at or below the prefix changes; answers with the
        call that ends it.
        """
        number = self._next_watcher
        self._next_watcher += 1
        self._watchers[number] = (prefix, callback)

        def undo() -> None:
            self._watchers.pop(number, None)

        return undo
