"""
What all participants of groups share.
"""

from __future__ import annotations

from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.events import Events
from bitdust_node.identity.me import Me
from bitdust_node.identity.resolver import Resolver
from bitdust_node.keys.ring import KeyRing
from bitdust_node.router.router import Router
from bitdust_node.threads import Workers
from services.grouping.shelf import Shelf
from services.membership.book import Book
from services.membership.couriers import Couriers
from services.membership.endings import Endings
from services.postman.authors import Authors


class Means:
    """
    The parts of the node by which a participant works.
    """

    def __init__(
        self,
        shelf: Shelf,
        book: Book,
        couriers: Couriers,
        endings: Endings,
        router: Router,
        resolver: Resolver,
        me: Me,
        ring: KeyRing,
        workers: Workers,
        events: Events,
        automats: Automats,
        clock: Clock,
    ) -> None:
        self.shelf, self.book, self.couriers, self.endings = shelf, book, couriers, endings
        self.router, self.resolver, self.me, self.ring = router, resolver, me, ring
        self.workers, self.events, self.automats, self.clock = workers, events, automats, clock
        self.authors = Authors(resolver, workers)
