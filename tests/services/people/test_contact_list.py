"""
Who is on the list of contacts, and what clients hear of it.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.events import Event, Events
from services.customer import Customer
from services.people.contact_list import ContactList
from services.supplier import Supplier
from tests.services.grid import GridCase


class ContactListTest(SynchronousTestCase):
    def test_only_changes_are_told(self) -> None:
        events, told = Events(Clock()), list[Event]()
        events.subscribe(told.append)
        contacts = ContactList(events)
        contacts.put("suppliers", ["b", "a"])
        contacts.put("friends", ["a"])
        contacts.put("suppliers", ["b"])
        contacts.put("friends", [])
        contacts.put("friends", [])
        self.assertEqual(
            [event.data for event in told],
            [
                {"old_contacts": [], "new_contacts": ["a", "b"]},
                {"old_contacts": ["a", "b"], "new_contacts": ["b"]},
            ],
        )


class HiredTest(GridCase):
    def test_suppliers_and_customers_are_contacts(self) -> None:
        customer = self.customer.node.me.idurl
        hired = sorted(link.hired.idurl for link in self.customer.get(Customer).links.values())
        self.assertEqual(self.customer.get(ContactList).idurls, hired)
        self.assertEqual(self.customer.events("contacts-changed")[-1].data["new_contacts"], hired)
        member = self.suppliers[0]
        self.assertEqual(member.get(ContactList).idurls, [customer])
        self.run_now(member.get(Supplier).customer_reject(customer))
        self.assertEqual(member.get(ContactList).idurls, [])
