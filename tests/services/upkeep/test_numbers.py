"""
The larger numbers of suppliers, which no other test hires.
"""

from __future__ import annotations

import os

from bitdust_node.pieces.layout import SCHEMES
from services.customer import Customer
from tests.services.grid import GridCase
from tests.services.upkeep.test_recoding import NUMBER


class NumbersTest(GridCase):
    """From two suppliers to many, and then all that may go are gone."""

    suppliers_number = 2
    spare = 62

    def setUp(self) -> None:
        super().setUp()
        self.data = os.urandom(2_000_000)
        (self.tmp / "x").write_bytes(self.data)
        self.upload(self.tmp / "x", "x")

    def scheme(self) -> tuple[int, int]:
        catalog = self.customer.catalog
        item = self.run_now(catalog.find("master", "x"))
        assert item
        (version,) = self.run_now(catalog.versions([item.id]))[item.id]
        return version.k, version.m

    def follow(self, number: int) -> None:
        customer = self.customer.get(Customer)
        self.customer.config.set(NUMBER, str(number))
        self.until(lambda: len(customer.connected()) == number)
        k, m = SCHEMES[number]
        self.until(lambda: self.scheme() == (k, m), seconds=400, step=0.5)

    def test_all_of_the_larger_numbers(self) -> None:
        for number in (18, 64):
            self.follow(number)
            self.assertEqual(self.download("x", f"by {number}").read_bytes(), self.data)
        k, m = SCHEMES[64]
        for link in list(self.customer.get(Customer).connected().values())[: m - k]:
            self.member_of(link.node_id).node.die()
        self.assertEqual(self.download("x", "what is left").read_bytes(), self.data)
