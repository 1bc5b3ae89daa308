"""
The log of the calls, `logs/api.log`, written when the option says so. Nothing secret or private is in it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.paths import DataFolder

#: Bytes after which the file is put aside as `api.log.1`.
SIZE_LIMIT = 8 * 1024 * 1024

#: Arguments whose values are never written.
HIDDEN = frozenset(
    {
        "api_secret", "a", "data", "json_data", "key_data", "message", "pass_phrase", "password", "private_key",
        "private_key_source", "secret", "token", "value",
    }
)  # fmt: skip


def redacted(arguments: Mapping[str, Any]) -> str:
    """
    The arguments as text: hidden ones without value, long ones cut.
    """
    shown = []
    for name, value in list(arguments.items())[:20]:
        text = "***" if name.lower() in HIDDEN else repr(value)
        shown.append(f"{name[:60]!r}: {text if len(text) <= 120 else text[:120] + '...'}")
    return "{" + ", ".join(shown) + "}"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class ApiLog:
    """
    One line per call, with ` *** ` in it.
    """

    log = Logger()

    def __init__(self, folder: DataFolder, config: Config, clock: Clock) -> None:
        self._file: Path = folder.logs / "api.log"
        self._config, self._clock = config, clock

    def write(self, text: str, arguments: Mapping[str, Any]) -> None:
        """
        text: what was called and by which way, e.g. `GET:/process/health/v1  HTTP  process_health`.
        """
        if not self._config.get("logs/api-enabled"):
            return
        now = datetime.fromtimestamp(self._clock.seconds(), UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        line = f"{now} *** {text}({redacted(arguments)})\n".encode("ascii", "backslashreplace").decode("ascii")
        line = line.rstrip("\n").replace("\n", " ").replace("\r", " ") + "\n"
        try:
            with open(self._file, "a", encoding="ascii", opener=_private) as stream:
                stream.write(line)
                full = stream.tell() > SIZE_LIMIT
            if full:
                self._file.replace(self._file.with_suffix(".log.1"))
        except OSError:
            self.log.failure("the log of the API can not be written")
