"""
Downloads of a node that may receive few bytes a second.
"""

from __future__ import annotations

import random
from typing import Any

from bitdust_node.config.config import Config
from bitdust_node.router.bandwidth import RECEIVE, SEND
from bitdust_node.waiting import started
from services.customer import Customer
from services.restores import Restores
from tests.services.grid import GridCase

SIZE, LIMIT = 6_000_000, 2_000_000
STEP = 0.002


class LimitedTest(GridCase):
    suppliers_number = 7

    def setUp(self) -> None:
        self.limits = Config(None, {SEND: 0, RECEIVE: 0})
        super().setUp()
        for name in "abc":
            path = self.tmp / name
            path.write_bytes(random.Random(name).randbytes(SIZE))
            self.upload(path, name)
        self.limits.set(RECEIVE, LIMIT)

    def came(self) -> int:
        router = self.customer.node.router
        return router.traffic.totals(router.sessions())[0].total()

    def fetch(self, names: str) -> tuple[float, int]:
        """Seconds, and bytes that came."""
        before, came = self.clock.seconds(), self.came()
        results: list[Any] = []
        restores = self.customer.get(Restores)
        for name in names:
            asked = restores.file_download_start(name, str(self.tmp / "out"), wait_result=True)
            started(asked).addBoth(results.append)
        while len(results) < len(names):
            self.clock.advance(STEP)
        for name in names:
            self.assertEqual((self.tmp / "out" / name).read_bytes(), (self.tmp / name).read_bytes())
        return self.clock.seconds() - before, self.came() - came

    def test_nobody_is_asked_twice_as_the_own_limit_holds(self) -> None:
        seconds, came = self.fetch("abc")
        self.assertLess(came, 1.05 * 3 * SIZE)
        self.assertLess(abs(seconds - 3 * SIZE / LIMIT), 0.1 * 3 * SIZE / LIMIT)

    def test_who_freezes_is_noticed_all_the_same(self) -> None:
        links = self.customer.get(Customer).links
        frozen = [self.member_of(links[at].node_id).node.name for at in (0, 1)]
        others = [member.node.name for member in (self.customer, *self.suppliers)]
        self.network.part([name for name in others if name not in frozen], frozen)
        seconds, came = self.fetch("abc")
        self.assertLess(came, 1.2 * 3 * SIZE)
        self.assertLess(seconds, 1.2 * 3 * SIZE / LIMIT)
