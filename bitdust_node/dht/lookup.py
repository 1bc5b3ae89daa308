"""
A lookup: which node to ask next on the way to an id. It sends nothing and has no clock; `walk.py` drives it.

Source: P. Maymounkov and D. Mazieres, "Kademlia: a peer-to-peer information system based on the XOR metric", 2002.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable

import msgspec

from bitdust_node.dht.contact import Contact, has_room
from bitdust_node.dht.ids import ALPHA, K, in_layer, number

#: Candidates remembered at once, and nodes outside the layer that are asked for members.
CANDIDATES = 20 * K
HELPERS = 2 * K


class Candidate(msgspec.Struct):
    """
    distance: to the target.
    hop: how many answers led to it; 0 from the own table.
    state: `new`, `asked`, `slow` (its answer is late), `answered` or `failed`.
    """

    distance: int
    contact: Contact
    hop: int
    state: str = "new"


class Lookup:
    """
    Finds the members of a layer nearest to a target.

    target: id, 20 bytes.
    layer: members have this layer in their mask; others only help to find members.
    me: own id; never asked.
    """

    def __init__(self, target: bytes, layer: int, me: bytes, start: Iterable[Contact] = ()) -> None:
        self.target = target
        self.layer = layer
        self._me = me
        self._goal = number(target)
        self._known: dict[bytes, Candidate] = {}
        self._members: list[tuple[int, bytes]] = []
        self._outside: list[tuple[int, bytes]] = []
        self._asked = 0
        self._helpers = 0
        #: Longest chain of answers to a node that answered.
        self.hops = 0
        for contact in start:
            self._learn(contact, 0)

    def next(self) -> list[Contact]:
        """
        Whom to ask now; may be nobody while answers are awaited.
        """
        chosen: list[Contact] = []
        while self._asked < ALPHA:
            candidate = self._choose()
            if candidate is None:
                break
            candidate.state = "asked"
            self._asked += 1
            chosen.append(candidate.contact)
        return chosen

    @property
    def waiting(self) -> bool:
        """
        Is any answer of use still to come?
        """
        if self._asked > 0 or any(candidate.state == "slow" for candidate in self._front()):
            return True
        return len(self._members) < K and any(self._known[id_].state == "slow" for _, id_ in self._outside)

    def answered(self, contact: Contact, told: Iterable[Contact]) -> None:
        """
        A node answered, with contacts that it knows. Its own mask of layers is believed now.
        """
        candidate = self._known.get(contact.id)
        if candidate is None or candidate.state in ("answered", "failed"):
            return
        if candidate.state == "asked":
            self._asked -= 1
        candidate.state = "answered"
        self.hops = max(self.hops, candidate.hop + 1)
        was, is_ = in_layer(candidate.contact.layers, self.layer), in_layer(contact.layers, self.layer)
        candidate.contact = contact
        if was != is_:
            place = (candidate.distance, contact.id)
            (self._members if was else self._outside).remove(place)
            insort(self._outside if was else self._members, place)
        for one in told:
            self._learn(one, candidate.hop + 1)

    def slow(self, contact: Contact) -> None:
        """
        An answer is late: others may be asked meanwhile.
        """
        candidate = self._known.get(contact.id)
        if candidate is not None and candidate.state == "asked":
            candidate.state = "slow"
            self._asked -= 1

    def failed(self, contact: Contact) -> None:
        """
        No answer will come.
        """
        candidate = self._known.get(contact.id)
        if candidate is None or candidate.state in ("answered", "failed"):
            return
        if candidate.state == "asked":
            self._asked -= 1
        candidate.state = "failed"
        place = (candidate.distance, contact.id)
        members = in_layer(candidate.contact.layers, self.layer)
        (self._members if members else self._outside).remove(place)

    def closest(self) -> list[Contact]:
        """
        The members that answered, the nearest first, at most k.
        """
        answered = [self._known[id_].contact for _, id_ in self._members if self._known[id_].state == "answered"]
        return answered[:K]

    def _front(self) -> list[Candidate]:
        """
        The k nearest members that did not fail.
        """
        return [self._known[id_] for _, id_ in self._members[:K]]

    def _choose(self) -> Candidate | None:
        for candidate in self._front():
            if candidate.state == "new":
                return candidate
        if len(self._members) < K and self._helpers < HELPERS:
            for _, id_ in self._outside:
                if self._known[id_].state == "new":
                    self._helpers += 1
                    return self._known[id_]
        return None

    def _learn(self, contact: Contact, hop: int) -> None:
        if contact.id == self._me:
            return
        if contact.id in self._known:
            self._believe(contact)
            return
        if not has_room((known.contact for known in self._known.values()), contact.host):
            return
        candidate = Candidate(number(contact.id) ^ self._goal, contact, hop)
        line = self._members if in_layer(contact.layers, self.layer) else self._outside
        if len(self._known) >= CANDIDATES:
            # the farthest one that was not asked makes room for a nearer one
            for place in reversed(line):
                if place[0] <= candidate.distance:
                    return
                if self._known[place[1]].state == "new":
                    line.remove(place)
                    del self._known[place[1]]
                    break
            else:
                return
        self._known[contact.id] = candidate
        insort(line, (candidate.distance, contact.id))

    def _believe(self, told: Contact) -> None:
        """
        Somebody says that a node is a member which we knew outside of the layer: it may have come to it since we heard
        of it. It is asked, and its own answer counts.
        """
        candidate = self._known[told.id]
        known = candidate.contact
        if candidate.state != "new" or in_layer(known.layers, self.layer) or not in_layer(told.layers, self.layer):
            return
        candidate.contact = msgspec.structs.replace(known, layers=known.layers | told.layers)
        place = (candidate.distance, told.id)
        self._outside.remove(place)
        insort(self._members, place)
