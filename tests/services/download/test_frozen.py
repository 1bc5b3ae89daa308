"""
Suppliers that freeze: their connections live, and nothing comes any more.
"""

from __future__ import annotations

import random
from typing import Any

from bitdust_node.waiting import started
from services.customer import Customer
from services.data_motion import Holder
from services.restores import Restores
from services.transfer.ranking import PATIENCE_LEAST, PATIENCE_NEW
from services.transfer.reading import PATIENCE_MOST
from services.upkeep.audits import Audits
from tests.services.grid import GridCase

SIZE = 6_000_000
#: Seconds between the looks of a test.
STEP = 0.002


class FrozenCase(GridCase):
    """Downloads of one file, while some do not answer."""

    #: Positions of those that freeze.
    frozen: tuple[int, ...] = (0, 1)

    def setUp(self) -> None:
        super().setUp()
        path = self.tmp / "source"
        self.data = random.Random(9).randbytes(SIZE)
        path.write_bytes(self.data)
        self.upload(path, "x")

    def freeze(self) -> None:
        links = self.customer.get(Customer).links
        names = [self.member_of(links[at].node_id).node.name for at in self.frozen]
        others = [member.node.name for member in (self.customer, *self.suppliers)]
        self.network.part([name for name in others if name not in names], names)

    def came(self) -> int:
        router = self.customer.node.router
        return router.traffic.totals(router.sessions())[0].total()

    def fetch(self, to: str, freeze_at: int = -1) -> tuple[float, float, int]:
        """Seconds to the first batch and to the end, bytes that came. freeze_at: so many bytes are done then."""
        before, came = self.clock.seconds(), self.came()
        results: list[Any] = []
        started(self.customer.get(Restores).file_download_start("x", str(self.tmp / to), wait_result=True)).addBoth(
            results.append
        )
        first = 0.0
        while not results:
            self.clock.advance(STEP)
            done = [download.bytes_processed for download in self.customer.running.downloads.values()]
            if done and done[0] > freeze_at >= 0:
                self.freeze()
                freeze_at = -1
            first = first or (self.clock.seconds() - before if done and done[0] else 0.0)
        self.assertEqual((self.tmp / to / "x").read_bytes(), self.data)
        total = self.clock.seconds() - before
        return first or total, total, self.came() - came

    def test_healthy_ones_get_no_rivals(self) -> None:
        for to in ("cold", "warm"):
            self.assertLess(self.fetch(to)[2], 1.05 * SIZE)

    def test_before_a_download(self) -> None:
        healthy = [self.fetch(to) for to in ("cold", "warm")][-1]
        self.freeze()
        first, total, _ = self.fetch("frozen")
        # one wait, however many are frozen
        self.assertLess(first, healthy[0] + PATIENCE_LEAST + 0.02)
        self.assertLess(total, healthy[1] + PATIENCE_LEAST + 0.02)
        # the next download knows it
        first, total, _ = self.fetch("again")
        self.assertLess(first, 1.3 * healthy[0] + STEP)
        self.assertLess(total, 1.3 * healthy[1] + STEP)

    def test_that_nobody_knows(self) -> None:
        self.freeze()
        self.assertLess(self.fetch("frozen")[1], PATIENCE_NEW + 0.2)
        self.assertLess(self.fetch("again")[1], 0.2)

    def test_after_audits(self) -> None:
        for member in self.suppliers:
            holder = Holder(member.node.node_id, member.node.me.idurl)
            self.run_now(self.customer.get(Audits).audit(holder), step=STEP)
        self.freeze()
        self.assertLess(self.fetch("frozen")[1], PATIENCE_LEAST + 0.05)

    def test_in_the_middle(self) -> None:
        self.fetch("warm")
        self.assertLess(self.fetch("frozen", 1)[1], PATIENCE_MOST + 0.3)


class FourTest(FrozenCase):
    pass


class OneOfThemIsSpareTest(FrozenCase):
    frozen = (1, 2)


class TwoTest(FrozenCase):
    """A rival although k is 1."""

    suppliers_number = 2
    frozen = (0,)


class SevenTest(FrozenCase):
    suppliers_number = 7
    frozen = (0, 4, 6)


del FrozenCase
