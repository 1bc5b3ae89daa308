"""
SQLite behind the workers: one call at a time, and one transaction for all calls that come while the disk is busy.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from bitdust_node.errors import BitDustError, Closed, Conflict, Corrupt, Failed, Full
from bitdust_node.tasks import Tasks
from bitdust_node.threads import Workers

T = TypeVar("T")

#: Seconds to wait for another process that holds the file, e.g. a backup program.
BUSY = 5.0
#: Calls in one transaction.
TOGETHER = 200


@dataclass(frozen=True)
class _Call:
    """What waits for its turn."""

    function: Callable[[sqlite3.Connection], Any]
    writes: bool
    done: Deferred[Any]


class Database:
    """
    One SQLite file.

    Calls run in the order they were made. Those that wait for the one before share a transaction, so that many small
    changes cost few syncs of the disk; one that fails is undone alone.

    migrations: scripts of SQL statements; number n brings version n-1 to n. They are only ever appended to.
    full_sync: true if a committed transaction must survive a power cut; else only a kill of the process.
    """

    def __init__(
        self, path: Path | str, migrations: tuple[str, ...], workers: Workers, *, full_sync: bool = False
    ) -> None:
        self.path = path
        self._migrations = migrations
        self._workers = workers
        self._full_sync = full_sync
        self._connection: sqlite3.Connection | None = None
        #: Whether the connection may write now; None before there is one.
        self._writing: bool | None = None
        self._closed = False
        self._waiting: deque[_Call] = deque()
        self._draining = False
        self._drained: list[Deferred[None]] = []
        self._tasks = Tasks("database")

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """
        Call `function(connection)` in a worker, as one transaction: committed when it returns, undone if it raises.

        It must only use the connection and its arguments, as it runs beside the reactor, and may be called twice: when
        another call of the same transaction fails. When the caller is cancelled, the transaction still runs to its end.
        """
        return await self._queued(function, writes=True)

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """
        As `run`, for what only reads; an attempt to write raises.
        """
        return await self._queued(function, writes=False)

    async def close(self) -> None:
        """
        Wait for what is queued and close the file. The database can not be used afterwards.
        """
        self._closed = True
        if self._draining:
            drained: Deferred[None] = Deferred()
            self._drained.append(drained)
            await drained
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._workers.run(connection.close)

    async def _queued(self, function: Callable[[sqlite3.Connection], T], writes: bool) -> T:
        if self._closed:
            raise Closed(f"database {self.path} is closed")
        done: Deferred[T] = Deferred()
        self._waiting.append(_Call(function, writes, done))
        if not self._draining:
            self._draining = True
            self._tasks.spawn("work off what waits", self._drain())
        return await done

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._work_off(self._together())
        finally:
            self._draining = False
            drained, self._drained = self._drained, []
            for each in drained:
                each.callback(None)

    def _together(self) -> list[_Call]:
        """The next calls that share a transaction: all that wait, in their order, as long as they are of one kind."""
        calls = [self._waiting.popleft()]
        while self._waiting and self._waiting[0].writes is calls[0].writes and len(calls) < TOGETHER:
            calls.append(self._waiting.popleft())
        return calls

    async def _work_off(self, calls: list[_Call]) -> None:
        try:
            results = await self._workers.run(self._transact, calls)
        except Exception as error:  # noqa: BLE001 - the failure of the transaction belongs to each who takes part
            for call in calls:
                call.done.errback(error)
            return
        for call, result in zip(calls, results, strict=True):
            call.done.callback(result)

    def _transact(self, calls: list[_Call]) -> list[Any]:
        """In a worker: the results of all calls, a `Failure` for one that was undone."""
        writes = calls[0].writes
        try:
            connection = self._open()
            if self._writing is not writes:
                connection.execute(f"PRAGMA query_only={int(not writes)}")
                self._writing = writes
            begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
            functions = [call.function for call in calls]
            if len(functions) == 1:
                return [_transaction(connection, functions[0], begin)]
            try:
                return _transaction(connection, lambda c: [function(c) for function in functions], begin)
            except Exception:  # noqa: BLE001 - one of them is to blame: the others are done again without it
                return _transaction(connection, lambda c: self._call_each(c, functions), begin)
        except sqlite3.DatabaseError as error:
            raise _ours(error, self.path) from error

    def _call_each(
        self, connection: sqlite3.Connection, functions: list[Callable[[sqlite3.Connection], Any]]
    ) -> list[Any]:
        results: list[Any] = []
        for function in functions:
            connection.execute("SAVEPOINT call")
            results.append(self._attempt(connection, function))
            connection.execute("RELEASE call")
        return results

    def _attempt(self, connection: sqlite3.Connection, function: Callable[[sqlite3.Connection], Any]) -> Any:
        try:
            return function(connection)
        except Exception as error:  # noqa: BLE001 - a border: each caller gets the error of his own call
            failure = error
        if not connection.in_transaction:
            # a disk that is full or broken has undone all of it
            raise failure
        connection.execute("ROLLBACK TO call")
        return Failure(_ours(failure, self.path) if isinstance(failure, sqlite3.DatabaseError) else failure)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        known = len(self._migrations)
        if version > known:
            raise Conflict(f"{self.path} was written by a newer program (version {version}, known is {known})")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={'FULL' if self._full_sync else 'NORMAL'}")
        connection.execute("PRAGMA foreign_keys=ON")
        if version < known:
            _transaction(connection, lambda connection: self._migrate(connection), "BEGIN IMMEDIATE")

    def _migrate(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for migration in self._migrations[version:]:
            run_script(connection, migration)
        connection.execute(f"PRAGMA user_version={len(self._migrations)}")


class StateDb(Database):
    """
    `state.db`, which many parts share: each prepares its own tables before it uses them.
    """

    def __init__(self, path: Path | str, workers: Workers) -> None:
        super().__init__(path, ("CREATE TABLE parts (name TEXT PRIMARY KEY, version INTEGER NOT NULL);",), workers)

    async def prepare(self, part: str, migrations: tuple[str, ...]) -> None:
        """
        Bring the tables of `part` to the newest version. Newer ones than known are left alone and raise `Conflict`.
        """

        def change(connection: sqlite3.Connection) -> None:
            row = connection.execute("SELECT version FROM parts WHERE name = ?", (part,)).fetchone()
            version = row[0] if row else 0
            if version > len(migrations):
                raise Conflict(f"the tables of {part} in {self.path} were written by a newer program")
            for migration in migrations[version:]:
                run_script(connection, migration)
            connection.execute("INSERT OR REPLACE INTO parts VALUES (?, ?)", (part, len(migrations)))

        await self.run(change)


def run_script(connection: sqlite3.Connection, script: str) -> None:
    """
    Run several statements inside the present transaction (`executescript` would commit it).
    """
    for statement in _statements(script):
        connection.execute(statement)


def _transaction(connection: sqlite3.Connection, function: Callable[[sqlite3.Connection], T], begin: str) -> T:
    connection.execute(begin)
    try:
        result = function(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        # a semicolon may also stand in a text, a comment or a trigger
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip(" \n\t;"):
        raise ValueError(f"unfinished SQL statement: {statement}")


def _ours(error: sqlite3.DatabaseError, path: Path | str) -> BitDustError | sqlite3.DatabaseError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return Full(f"no room left on the disk for {path}")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Corrupt(f"database {path} is damaged: {error}")
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY):
        return Failed(f"database {path} can not be used: {error}")
    return error
