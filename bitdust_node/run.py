"""
Runs a node as a whole process: signals, its end, and its restart.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.python.failure import Failure

from bitdust_node.errors import BitDustError, Closed
from bitdust_node.logs import CHATTY
from bitdust_node.node import Node
from bitdust_node.open_files import allow_many_files
from bitdust_node.pages import keep_pages
from bitdust_node.plugins import preload
from bitdust_node.telling import Telling

#: Seconds after which a process that was told to end is gone, whatever hangs.
PATIENCE = 60.0
#: Seconds after which a thread that computes lets the others go on. Python's own 0.005 are lost after each call of the
#: database, the disk or a cipher that a worker makes while the reactor is busy, and the other way round.
SWITCH = 0.0005


def run(
    reactor: Any,
    loop: AbstractEventLoop,
    base: Path,
    overrides: Mapping[str, object] | None,
    then: Callable[[Node], Awaitable[int]] | None,
    telling: Telling | None = None,
) -> int:
    """
    Run one node until the process is told to end. See `bitdust_node.__main__.run_node`.
    """
    keep_pages()
    allow_many_files()
    sys.setswitchinterval(SWITCH)
    reactor.seconds = _steady()
    reactor.callFromThread = _soon(loop)
    telling = telling or Telling()
    _tell(telling)
    outcome = [0]
    node = Node(base, reactor, overrides, quit=reactor.stop, logs=telling.files)
    reactor.addSystemEventTrigger("before", "shutdown", lambda: _end(node))
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(_live(reactor, node, then, outcome)))
    preload("bitdust_node.services", "bitdust_node.transports")
    # what was imported stays: a collector that looks through all of it holds the reactor for 40 ms each time
    gc.collect()
    gc.freeze()
    reactor.run()
    if node.restart_wanted:
        sys.stdout.flush()
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - the very command that runs already
    return outcome[0]


async def _live(reactor: Any, node: Node, then: Callable[[Node], Awaitable[int]] | None, outcome: list[int]) -> None:
    try:
        await node.start()
        if then is None:
            return
        outcome[0] = await then(node)
    except Closed:
        # a signal came while the node was still starting
        return
    except BitDustError as error:
        _say(str(error))
        outcome[0] = 1
    except OSError as error:
        # a full or broken disk is no defect that a traceback would explain
        _say(f"the node can not go on in {node.base}: {error}")
        outcome[0] = 1
    except Exception:  # noqa: BLE001 - the border of the process
        _say(Failure().getTraceback())
        outcome[0] = 1
    if reactor.running:
        reactor.stop()


def _say(text: str) -> None:
    """Why the process ends. Where that goes may be full, which is no reason not to end."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def _end(node: Node) -> Deferred[None]:
    """
    Stop the node, and leave without good-bye if a thread or a disk hangs for ever.
    """
    last_word = threading.Timer(PATIENCE, os._exit, (1,))
    last_word.daemon = True
    last_word.start()
    return Deferred.fromCoroutine(node.stop())


def _steady() -> Callable[[], float]:
    """
    Unix time that never jumps: a clock that is set right (or wrong) while the node runs must not hold up or fire
    thousands of timers.
    """
    # the boot-time clock goes on while the machine sleeps, as leases and expiries do
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    offset = time.time() - time.clock_gettime(clock)
    return lambda: offset + time.clock_gettime(clock)


def _soon(loop: AbstractEventLoop) -> Callable[..., None]:
    """
    `callFromThread` in the next round of the loop. Twisted's own sets a timer there, which is one round more for each
    result of a worker.
    """

    def call_from_thread(function: Callable[..., object], *args: object, **kwargs: object) -> None:
        loop.call_soon_threadsafe(_guarded, function, args, kwargs)

    return call_from_thread


def _guarded(function: Callable[..., object], args: Any, kwargs: Any) -> None:
    try:
        function(*args, **kwargs)
    except Exception:  # noqa: BLE001 - the border of the loop
        Logger().failure("a call from a thread failed")


def _tell(telling: Telling) -> None:
    """
    What is wrong always goes to the terminal; the rest is in `logs/node.log`, and where a person wants to see it.
    """
    level = LogLevelFilterPredicate(defaultLogLevel=LogLevel.info)
    for name in () if telling.libraries else CHATTY:
        level.setLogLevelForNamespace(name, LogLevel.warn)
    errors = LogLevelFilterPredicate(defaultLogLevel=LogLevel.error)
    shown = level if telling.terminal else errors
    observers: list[ILogObserver] = [FilteringLogObserver(textFileLogObserver(sys.stderr), [shown])]
    if telling.copy:
        # line by line, so that it can be followed
        copy = Path(telling.copy).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - open until the end
        observers.append(FilteringLogObserver(textFileLogObserver(copy), [level]))
    globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False)
