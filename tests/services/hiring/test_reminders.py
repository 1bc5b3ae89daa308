from __future__ import annotations

from bitdust_node.wire.storage import LEASE_NOTICE, LeaseNotice
from services.customer import Customer
from services.hiring.reminders import AGAIN
from services.supplier import Supplier
from tests.services.grid import GridCase, Member


class ReminderTest(GridCase):
    """A customer that is reminded asks for the lease again."""

    suppliers_number = 2

    def remind(self, member: Member) -> None:
        notice = LeaseNotice(1, int(self.clock.seconds()) + 1000)
        self.run_now(member.node.router.request(self.customer.node.node_id, LEASE_NOTICE, notice))

    def test_lease_is_renewed(self) -> None:
        member = self.suppliers[0]
        keeping = member.get(Supplier).keeping
        assert keeping is not None
        (lease,) = keeping.leases
        lease.seen = 5
        self.remind(member)
        self.until(lambda: lease.seen > 5)
        # not for each reminder
        lease.seen = 5
        self.remind(member)
        self.clock.advance(5)
        self.assertEqual(lease.seen, 5)
        self.clock.advance(AGAIN)
        self.remind(member)
        self.until(lambda: lease.seen > 5)
        (first, _) = self.customer.events("supplier-lease-lapsing")
        assert first.data is not None
        self.assertEqual(first.data["supplier_idurl"], member.node.me.idurl)

    def test_who_is_no_supplier_is_not_heeded(self) -> None:
        member = self.suppliers[0]
        self.run_now(self.customer.get(Customer).dismiss(0))
        for one in self.suppliers:
            self.remind(one)
        events = self.customer.events("supplier-lease-lapsing")
        self.assertEqual(len(events), 1, member)
