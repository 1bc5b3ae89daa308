from __future__ import annotations

import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bitdust_node.database import Database, StateDb
from bitdust_node.errors import Closed, Conflict, Corrupt
from bitdust_node.threads import InlineWorkers, ThreadWorkers
from bitdust_node.waiting import all_of

T = TypeVar("T")

FIRST = """
CREATE TABLE words (word TEXT PRIMARY KEY); -- a comment; with a semicolon
INSERT INTO words VALUES ('a;b');
"""
SECOND = "ALTER TABLE words ADD COLUMN size INTEGER NOT NULL DEFAULT 0;"
#: What fails when an own error and a word that is there already are among the changes.
WRONG = [ZeroDivisionError, sqlite3.IntegrityError]
BROKEN = "CREATE TABLE more (x); CREATE TABLE nonsense nonsense;"


def words(connection: sqlite3.Connection) -> list[str]:
    return [word for (word,) in connection.execute("SELECT word FROM words ORDER BY word")]


def add(word: str) -> Callable[[sqlite3.Connection], object]:
    return lambda connection: connection.execute("INSERT INTO words (word) VALUES (?)", (word,))


class DatabaseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.database = self.open()

    def open(self, *migrations: str) -> Database:
        database = Database(self.path, migrations or (FIRST,), InlineWorkers())
        self.addCleanup(lambda: self.now(database.close()))
        return database

    def now(self, coroutine: Coroutine[Any, Any, object]) -> object:
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def fails(self, coroutine: Coroutine[Any, Any, object], error: type[Exception]) -> Exception:
        failure = self.failureResultOf(Deferred.fromCoroutine(coroutine), error)
        assert isinstance(failure.value, error)
        return failure.value

    def test_a_call_is_a_transaction(self) -> None:
        def fail(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO words VALUES ('x')")
            raise ZeroDivisionError

        self.now(self.database.run(add("z")))
        self.fails(self.database.run(fail), ZeroDivisionError)
        self.assertEqual(self.now(self.database.read(words)), ["a;b", "z"])

    def test_reading_does_not_write(self) -> None:
        self.fails(self.database.read(add("z")), sqlite3.OperationalError)
        self.now(self.database.run(add("z")))

    def test_migrates_step_by_step(self) -> None:
        self.now(self.database.run(add("z")))
        self.now(self.database.close())
        newer = self.open(FIRST, SECOND)
        self.assertEqual(self.now(newer.read(words)), ["a;b", "z"])
        self.now(newer.run(lambda connection: connection.execute("UPDATE words SET size = 3")))
        self.now(newer.close())
        before = self.path.read_bytes()
        error = self.fails(self.open(FIRST).read(words), Conflict)
        self.assertIn("newer program", str(error))
        self.assertEqual(self.path.read_bytes(), before)

    def test_a_broken_migration_changes_nothing(self) -> None:
        self.now(self.database.read(words))
        self.now(self.database.close())
        self.fails(self.open(FIRST, BROKEN).read(words), sqlite3.OperationalError)
        self.assertEqual(self.now(self.open().read(words)), ["a;b"])

    def test_a_damaged_file_is_named(self) -> None:
        self.path.write_bytes(b"this is no database" * 100)
        self.assertIn(str(self.path), str(self.fails(self.database.read(words), Corrupt)))

    def test_closed(self) -> None:
        self.now(self.database.close())
        self.fails(self.database.read(words), Closed)

    def test_parts_of_the_state(self) -> None:
        state = StateDb(":memory:", InlineWorkers())
        self.now(state.prepare("leases", ("CREATE TABLE a (x);",)))
        self.now(state.prepare("peers", ("CREATE TABLE b (x);",)))
        self.now(state.prepare("leases", ("CREATE TABLE a (x);", "ALTER TABLE a ADD COLUMN y;")))
        self.now(state.run(lambda connection: connection.execute("SELECT x, y FROM a")))
        self.fails(state.prepare("leases", ("CREATE TABLE a (x);",)), Conflict)
        self.now(state.close())


class ThreadedDatabaseTests(TestCase):
    def setUp(self) -> None:
        self.workers = ThreadWorkers(reactor, 3)  # type: ignore[arg-type]
        self.addCleanup(self.workers.stop)
        self.database = Database(Path(self.mktemp()), (FIRST,), self.workers, full_sync=True)

    async def test_many_at_once(self) -> None:
        results = await all_of([self.database.run(add(f"w{number}")) for number in range(50)])
        self.assertEqual([result for result in results if isinstance(result, Exception)], [])
        self.assertEqual(len(await self.database.read(words)), 51)
        await self.database.close()

    async def test_one_that_fails_among_many_is_undone_alone(self) -> None:
        def fail(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO words VALUES ('x')")
            raise ZeroDivisionError

        changes = [add("w1"), fail, add("w2"), add("w2"), add("w3")]
        results = await all_of([self.database.run(change) for change in changes])
        self.assertEqual([type(result) for result in results if isinstance(result, Exception)], WRONG)
        self.assertEqual(await self.database.read(words), ["a;b", "w1", "w2", "w3"])
        await self.database.close()

    async def test_answers_come_in_the_order_of_the_calls(self) -> None:
        calls = [self.database.run(add("w1")), self.database.read(words), self.database.run(add("w2"))]
        results = await all_of([*calls, self.database.read(words)])
        self.assertEqual((results[1], results[3]), (["a;b", "w1"], ["a;b", "w1", "w2"]))
        await self.database.close()

    async def test_closing_waits_for_what_was_asked_before(self) -> None:
        adding = Deferred.fromCoroutine(self.database.run(add("late")))
        await self.database.close()
        await adding
        with self.assertRaises(Closed):
            await self.database.read(words)

    async def test_a_cancelled_caller_leaves_a_whole_transaction(self) -> None:
        first = Deferred.fromCoroutine(self.database.run(add("one")))
        second = Deferred.fromCoroutine(self.database.run(add("two")))
        first.cancel()
        with self.assertRaises(CancelledError):
            await first
        await second
        self.assertEqual(await self.database.read(words), ["a;b", "one", "two"])
        await self.database.close()
