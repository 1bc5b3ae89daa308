"""
Many small changes of a database in few transactions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from bitdust_node.database import Database
from bitdust_node.tasks import Tasks

T = TypeVar("T")

#: Changes in one transaction.
TOGETHER = 200


class GroupWriter:
    """
    Runs changes in the order they were asked for. Those that come while a transaction is being committed go together
    into the next one, so that the sync of the disk is paid once for all of them. A change that fails is undone alone.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Callable[[sqlite3.Connection], Any], Deferred[Any]]] = []
        self._running = False
        self._tasks = Tasks("catalog writer")

    async def run(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """
        The result of `change(connection)`, once it is committed.
        """
        done: Deferred[T] = Deferred()
        self._waiting.append((change, done))
        if not self._running:
            self._running = True
            self._tasks.spawn("write", self._drain())
        return await done

    async def _drain(self) -> None:
        try:
            while self._waiting:
                now, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
                await self._write(now)
        finally:
            self._running = False

    async def _write(self, now: list[tuple[Callable[[sqlite3.Connection], Any], Deferred[Any]]]) -> None:
        try:
            results = await self._database.run(
                lambda connection: [_attempt(connection, change) for change, _done in now]
            )
        except Exception as error:  # noqa: BLE001 - the failure of the transaction belongs to each who takes part
            for _change, done in now:
                done.errback(error)
            return
        for (_change, done), (worked, result) in zip(now, results, strict=True):
            if worked:
                done.callback(result)
            else:
                done.errback(result)


def _attempt(connection: sqlite3.Connection, change: Callable[[sqlite3.Connection], Any]) -> tuple[bool, Any]:
    connection.execute("SAVEPOINT change")
    try:
        result = change(connection)
    except Exception as error:  # noqa: BLE001 - handed to the one who asked for the change
        connection.execute("ROLLBACK TO change")
        connection.execute("RELEASE change")
        return False, error
    connection.execute("RELEASE change")
    return True, result
