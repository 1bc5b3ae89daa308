"""
What a node writes down while it runs: `logs/node.log` and `logs/event.log`, both bounded.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogPublisher,
    textFileLogObserver,
)
from twisted.python.logfile import LogFile

from bitdust_node.events import Event, Events

#: Bytes after which a file is put aside as `.1`, and how many such files are kept.
SIZE_LIMIT = 8 * 1024 * 1024
KEPT = 3
#: Whose common words are left out: they tell of each connection.
CHATTY = ("twisted", "log_legacy", "autobahn", "txaio")
#: From this `logs/debug-level` on the debug messages are written too.
DEBUG_LEVEL = 8


class NodeLog:
    """
    Writes what the program tells by `twisted.logger` into `node.log` until it is closed.
    """

    def __init__(self, folder: Path) -> None:
        self._file = _open(folder / "node.log")
        self._level = LogLevelFilterPredicate(defaultLogLevel=LogLevel.info)
        for name in CHATTY:
            self._level.setLogLevelForNamespace(name, LogLevel.warn)
        file: Any = self._file
        self._observer = FilteringLogObserver(textFileLogObserver(file), [self._level])
        globalLogPublisher.addObserver(self._observer)

    def set_level(self, debug_level: int) -> None:
        """
        Follow the option `logs/debug-level`.
        """
        self._level.defaultLogLevel = LogLevel.debug if debug_level >= DEBUG_LEVEL else LogLevel.info

    def close(self) -> None:
        globalLogPublisher.removeObserver(self._observer)
        self._file.close()


class EventLog:
    """
    Writes each event as one line `<time> <event_id>  <data>` into `event.log`, which begins empty.
    """

    def __init__(self, folder: Path, events: Events) -> None:
        path = folder / "event.log"
        path.write_bytes(b"")
        self._file = _open(path)
        self._undo = events.subscribe(self._write)

    def close(self) -> None:
        self._undo()
        self._file.close()

    def _write(self, event: Event) -> None:
        time = datetime.fromtimestamp(event.created, UTC).strftime("%Y-%m-%d %H:%M:%S")
        # ids come from clients too: one event is one line
        name = json.dumps(event.event_id)[1:-1]
        data = json.dumps(event.data, default=str, sort_keys=True)
        self._file.write(f"{time} {name}  {data}\n")


class _BoundedFile(LogFile):
    """
    Lines that the disk does not take are lost: nobody is to fail because they can not be written.
    """

    _lost = 0

    def write(self, data: str) -> None:
        try:
            if "_file" not in vars(self):
                self._openFile()  # the old one was put aside, and there was no room for the next
            super().write(f"\n({self._lost} lines were lost)\n{data}" if self._lost else data)
            self._lost = 0
        except OSError:
            self._lost += 1


def _open(path: Path) -> LogFile:
    return _BoundedFile(path.name, str(path.parent), rotateLength=SIZE_LIMIT, defaultMode=0o600, maxRotatedFiles=KEPT)
