"""
SQLite behind the workers: one transaction a call, one call at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import DeferredLock

from bitdust_node.errors import BitDustError, Closed, Conflict, Corrupt, Failed, Full
from bitdust_node.threads import Workers
from bitdust_node.waiting import shielded

T = TypeVar("T")

#: Seconds to wait for another process that holds the file, e.g. a backup program.
BUSY = 5.0


class Database:
    """
    One SQLite file.

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
        self._lock = DeferredLock()
        self._closed = False

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """
        Call `function(connection)` in a worker, as one transaction: committed when it returns, undone if it raises.

        It must only use the connection and its arguments, as it runs beside the reactor. When the caller is
        cancelled, the transaction still runs to its end.
        """
        return await self._queued(function, "BEGIN IMMEDIATE")

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """
        As `run`, for what only reads; an attempt to write raises.
        """
        return await self._queued(function, "BEGIN")

    async def close(self) -> None:
        """
        Wait for what is queued and close the file. The database can not be used afterwards.
        """
        await shielded(self._lock.run(self._close))

    async def _queued(self, function: Callable[[sqlite3.Connection], T], begin: str) -> T:
        if self._closed:
            raise Closed(f"database {self.path} is closed")
        # shielded: a cancelled caller must not free the connection while a worker still uses it
        return await shielded(self._lock.run(self._workers.run, self._transact, function, begin))

    async def _close(self) -> None:
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._workers.run(connection.close)

    def _transact(self, function: Callable[[sqlite3.Connection], T], begin: str) -> T:
        try:
            connection = self._open()
            connection.execute(f"PRAGMA query_only={int(begin == 'BEGIN')}")
            return _transaction(connection, function, begin)
        except sqlite3.DatabaseError as error:
            raise _ours(error, self.path) from error

    def _open(self) -> sqlite3.Connection:
        if self._closed:
            raise Closed(f"database {self.path} is closed")
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
