"""
The API of the process: is it alive, how to end it, what it counts.
"""

from __future__ import annotations

import os
import pdb  # noqa: T100 - `process_debug` is this, for developers at a terminal
import sys
from typing import Any

from bitdust_node.api.registry import method
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.counters import Counters
from bitdust_node.errors import Refused
from bitdust_node.process import Process

#: The option that a developer sets before `process_debug` is allowed.
DEBUG_OPTION = "logs/memdebug-enabled"


class ProcessApi:
    """
    Answers also when nothing else of the node works.
    """

    def __init__(self, process: Process, config: Config, counters: Counters, clock: Clock) -> None:
        self._process, self._config, self._counters, self._clock = process, config, counters, clock

    @method("GET", "/process/stop/v1", "GET /p/st")
    def process_stop(self, instant: bool = True) -> None:
        """
        End the node in order, after this answer was sent.
        """
        self._process.request_stop()

    @method("GET", "/process/restart/v1", "GET /p/rst")
    def process_restart(self) -> dict[str, bool]:
        """
        End the node in order and start it again.
        """
        self._process.request_restart()
        return {"restarted": True}

    @method("GET", "/process/health/v1", "GET /p/h")
    def process_health(self) -> None:
        """
        OK as long as the API works.
        """

    @method("GET", "/process/info/v1")
    async def process_info(self) -> dict[str, Any]:
        """
        What the node counts, by subject, and what its process takes.
        """
        return {
            "process": {
                "pid": self._process.pid,
                "started": int(self._process.started),
                "uptime": int(self._clock.seconds() - self._process.started),
                "worst_lag": round(self._process.worst_lag, 4),
                "cpu_seconds": round(sum(os.times()[:2]), 2),
            },
            **await self._counters.collect(),
        }

    @method("GET", "/process/debug/v1", "GET /p/d")
    def process_debug(self) -> None:
        """
        Stop everything in a debugger on the terminal of the node. Refused unless a developer sits there and has
        allowed it: the whole node stands still meanwhile.
        """
        if not self._config.get(DEBUG_OPTION) or not sys.stdin or not sys.stdin.isatty():
            raise Refused(f"needs a terminal and the option {DEBUG_OPTION}")
        pdb.set_trace()  # noqa: T100
