"""
Which peers are online, as far as this node has tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from automats.contact import CONTACT, Input, State
from automats.machine import Machine, Step
from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.events import Events
from bitdust_node.identity.document import Document
from bitdust_node.identity.names import NodeId

#: Contacts that are kept; the oldest that is not connected gives way.
LIMIT = 50_000

Observer = Callable[[NodeId, str, str], None]
Lookup = Callable[[NodeId], Document | None]


class Contact:
    """
    One peer, owner of a machine of automats/contact.py.
    """

    def __init__(self, node_id: NodeId, document: Document | None, contacts: Contacts, clock: Clock) -> None:
        self.node_id = node_id
        self._contacts = contacts
        name = document.global_id if document else node_id
        self.machine = Machine(CONTACT, self, clock=clock, id=f"contact {name}", automats=contacts.automats)
        self.machine.observe(self._moved)

    @property
    def state(self) -> str:
        return str(self.machine.state)

    def report_connected(self) -> None:
        self._contacts.publish("node-connected", self)

    def report_disconnected(self) -> None:
        self._contacts.publish("node-disconnected", self)

    def note(self) -> None:
        """The observers hear of each step anyway."""

    def _moved(self, machine: Machine, step: Step) -> None:
        self._contacts.moved(self.node_id, str(step.state), str(step.next))


class Contacts:
    """
    All peers that were ever tried since the start.
    """

    def __init__(self, clock: Clock, lookup: Lookup, events: Events, automats: Automats | None = None) -> None:
        self.automats = automats
        self._clock = clock
        self._lookup = lookup
        self._events = events
        self._contacts: dict[NodeId, Contact] = {}
        self._observers: tuple[Observer, ...] = ()

    def __iter__(self) -> Iterator[Contact]:
        return iter(tuple(self._contacts.values()))

    def __len__(self) -> int:
        return len(self._contacts)

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._contacts

    def get(self, node_id: NodeId) -> Contact | None:
        """The contact, or None if this peer was never tried."""
        return self._contacts.get(node_id)

    def state(self, node_id: NodeId) -> str:
        """CONNECTED, PING?, OFFLINE, AT_STARTUP (never tried) or CLOSED."""
        contact = self._contacts.get(node_id)
        return str(State.AT_STARTUP) if contact is None else contact.state

    def is_online(self, node_id: NodeId) -> bool:
        """True if there is a session with this peer."""
        return self.state(node_id) == State.CONNECTED

    def observe(self, callback: Observer) -> Callable[[], None]:
        """
        Call back with node id, old and new state at each change; returns the function that ends it.
        """
        self._observers = (*self._observers, callback)

        def undo() -> None:
            self._observers = tuple(other for other in self._observers if other is not callback)

        return undo

    # --- for the router ---

    def feed(self, node_id: NodeId, input: Input) -> None:
        """Something was learnt about this peer."""
        contact = self._contacts.get(node_id)
        if contact is None:
            self._make_room()
            contact = self._contacts[node_id] = Contact(node_id, self._lookup(node_id), self, self._clock)
        contact.machine.feed(input)

    def forget_all(self) -> None:
        """The router stops."""
        for contact in self:
            contact.machine.feed(Input.FORGET)
        self._contacts.clear()

    def publish(self, event_id: str, contact: Contact) -> None:
        """Tell the node that a peer came or went."""
        document = self._lookup(contact.node_id)
        self._events.publish(
            event_id,
            {
                "global_id": document.global_id if document else "",
                "idurl": document.idurl if document else "",
                "old_state": str(contact.machine.history[-1].state) if contact.machine.history else "",
                "new_state": contact.state,
            },
        )

    def moved(self, node_id: NodeId, old: str, new: str) -> None:
        """A contact made a step."""
        if old != new:
            for callback in self._observers:
                callback(node_id, old, new)

    def _make_room(self) -> None:
        if len(self._contacts) < LIMIT:
            return
        for node_id, contact in self._contacts.items():
            if contact.machine.state is not State.CONNECTED:
                contact.machine.feed(Input.FORGET)
                del self._contacts[node_id]
                return
