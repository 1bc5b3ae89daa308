from __future__ import annotations

from typing import Protocol

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.assembly import Assembly
from bitdust_node.errors import Invalid


class Clocked(Protocol):
    def seconds(self) -> float: ...


class Watch:
    def seconds(self) -> float:
        return 1.0


class Table: ...


class Peers:
    def __init__(self, table: Table, clock: Clocked) -> None:
        self.table, self.clock = table, clock


class Router:
    def __init__(self, peers: Peers, table: Table, size: int = 5, spare: Table | None = None) -> None:
        self.peers, self.table, self.size, self.spare = peers, table, size, spare


class First:
    def __init__(self, second: Second) -> None: ...


class Second:
    def __init__(self, first: First) -> None: ...


class Numbered:
    def __init__(self, number: int) -> None: ...


class Choosy:
    def __init__(self, missing: Numbered | None) -> None:
        self.missing = missing


class AssemblyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.assembly = Assembly()
        self.assembly.provide(Watch(), Clocked)

    def test_makes_each_part_once(self) -> None:
        router = self.assembly.make(Router)
        self.assertIs(router.table, router.peers.table)
        self.assertIs(self.assembly.make(Router), router)
        self.assertEqual(router.peers.clock.seconds(), 1.0)
        self.assertEqual(router.size, 5)
        self.assertIs(router.spare, router.table)
        self.assertEqual(len(list(self.assembly)), 4)

    def test_what_is_provided_is_taken(self) -> None:
        table = Table()
        self.assembly.provide(table)
        self.assertIs(self.assembly.make(Router).table, table)

    def test_optional_parts_are_not_made(self) -> None:
        self.assertIsNone(self.assembly.make(Choosy).missing)

    def test_a_missing_part_is_named(self) -> None:
        with self.assertRaises(Invalid) as caught:
            self.assembly.make(Numbered)
        self.assertEqual(str(caught.exception), "Numbered needs number: int, which nobody provides")
        with self.assertRaises(Invalid) as caught:
            Assembly().make(Router)
        self.assertEqual(str(caught.exception), "Peers needs clock: Clocked, which nobody provides")

    def test_a_circle_is_named(self) -> None:
        with self.assertRaises(Invalid) as caught:
            self.assembly.make(First)
        self.assertIn("First -> Second -> First", str(caught.exception))
