"""
Nodes in one process whose disk fails, or who are killed, at a chosen write to one of their databases.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from bitdust_node.database import Database
from bitdust_node.errors import Full
from bitdust_node.waiting import started
from tests.network import TestNode
from tests.services.grid import GridCase

#: Seconds after which an act is over.
OVER = 20


class Accident:
    """
    Happens at write `number` to a database of a node, and lasts until it is mended. full: from there on the disk has no
    room; else the node is killed, before the write or (after) when it is done but nobody has heard of it.
    """

    def __init__(self, case: GridCase, one: Any, database: Database, number: int, *, after: bool, full: bool) -> None:
        self._case, self._one, self._database = case, one, database
        self._left, self._after, self._full = number, after, full
        self._snapshot = case.tmp / "snapshot"
        self._real = database._transact
        self.happened = False
        database._transact = self._transact  # type: ignore[method-assign]

    def during(self, act: Callable[[], Awaitable[Any]]) -> list[Any]:
        """
        What the act answered before the accident, if it did; the node is as after it.
        """
        answers: list[Any] = []
        work = started(act())
        work.addBoth(answers.append)
        for _ in range(OVER * 20):
            if self.happened and not self._full:
                break
            self._case.clock.advance(0.05)
        told = [] if self.happened and not self._full else list(answers)
        if not answers:
            work.addErrback(lambda _: None)
            work.cancel()
        self._database._transact = self._real  # type: ignore[method-assign]
        # tasks that can not write say so in the log, and try again
        self._case.flushLoggedErrors(Full)
        if self.happened and not self._full:
            self._restart()
        return told

    def _transact(self, calls: list[Any]) -> list[Any]:
        if not calls[0].writes:
            return self._real(calls)
        self._left -= 1
        if self._full and self._left <= 0:
            self.happened = True
            return self._real([replace(call, function=_no_room) for call in calls])
        if self._left == 0 and not self._after:
            self._freeze()
        results = self._real(calls)
        if self._left == 0 and self._after:
            self._freeze()
        return results

    def _freeze(self) -> None:
        """What it does from now on reaches nobody, and not the folder that it finds again."""
        self.happened = True
        shutil.copytree(self._one.base, self._snapshot)
        node: TestNode = self._one.node
        node.network.part([node.name], self._others())

    def _others(self) -> set[str]:
        return set(self._one.node.network._listening) - {self._one.node.name}

    def _restart(self) -> None:
        case, one = self._case, self._one
        one.node.network.cut(one.node.name)
        case.run_now(one.stop())
        case.run_now(one.node.stop())
        shutil.rmtree(one.base)
        self._snapshot.rename(one.base)
        one.node.network.heal()
        one.make()
        if hasattr(case, "share_dht"):
            case.share_dht(one)
        case.run_now(one.node.start())
        case.run_now(one.start())


def _no_room(c: sqlite3.Connection) -> None:
    """SQLite has no page left, as on a full disk."""
    (pages,) = c.execute("PRAGMA page_count").fetchone()
    (most,) = c.execute("PRAGMA max_page_count").fetchone()
    c.execute(f"PRAGMA max_page_count = {pages}")
    try:
        c.execute("CREATE TABLE no_room (data BLOB)")
        c.execute("INSERT INTO no_room VALUES (zeroblob(10000000))")
    finally:
        c.execute(f"PRAGMA max_page_count = {most}")
