"""
What all shares of a node have in common with its own catalog.
"""

from __future__ import annotations

from collections.abc import Callable

from automats.registry import Automats
from bitdust_node.assembly import Assembly
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.database import StateDb
from bitdust_node.events import Events
from bitdust_node.identity.me import Me
from bitdust_node.identity.resolver import Resolver
from bitdust_node.membership.roster import Circle
from bitdust_node.paths import DataFolder
from bitdust_node.router.router import Router
from bitdust_node.services import Services
from bitdust_node.threads import Workers
from services.catalog.places import Places
from services.customer import Customer
from services.employer import Employer
from services.hiring.family import Families
from services.hiring.suppliers import SupplierTable
from services.membership.book import Book
from services.membership.couriers import Couriers
from services.sharing.introductions import Introductions
from services.sharing.own_suppliers import OwnSuppliers
from services.sharing.suppliers import ShareSuppliers
from services.transfer.speeds import Speeds


class Common:
    """
    The parts of the node that shares use as they are.
    """

    def __init__(
        self,
        folder: DataFolder,
        clock: Clock,
        workers: Workers,
        events: Events,
        automats: Automats,
        config: Config,
        me: Me,
        resolver: Resolver,
        router: Router,
        services: Services,
        customer: Customer,
        employer: Employer,
        families: Families,
        speeds: Speeds,
        book: Book,
        couriers: Couriers,
    ) -> None:
        self.folder, self.clock, self.workers, self.events, self.automats = folder, clock, workers, events, automats
        self.config, self.me, self.resolver, self.router, self.services = config, me, resolver, router, services
        self.customer, self.employer, self.families, self.speeds = customer, employer, families, speeds
        self.book, self.couriers = book, couriers

    def state_db(self, folder: DataFolder) -> StateDb:
        """
        The database of a share for what is not its catalog.
        """
        return StateDb(folder.state_db, self.workers)

    def suppliers(self, circle: Circle, owner_idurl: str, state_db: StateDb) -> OwnSuppliers | ShareSuppliers:
        """
        The suppliers that keep a share.
        """

        def introduce(changed: Callable[[], object]) -> Introductions:
            return Introductions(circle, self.couriers, self.clock, changed)

        if circle.owner == self.me.node_id:
            return OwnSuppliers(self.customer, introduce)
        table = SupplierTable(state_db)
        return ShareSuppliers(owner_idurl, table, self.families, self.resolver, self.router, self.clock, introduce)

    def assembly(self) -> Assembly:
        """
        An assembly that makes what belongs to one share out of what all have.
        """
        parts = Assembly()
        given: tuple[tuple[object, object], ...] = (
            (self.clock, Clock),
            (self.workers, Workers),
            (self.events, Events),
            (self.automats, Automats),
            (self.config, Config),
            (self.me, Me),
            (self.resolver, Resolver),
            (self.router, Router),
            (self.services, Services),
            (self.employer, Employer),
            (self.speeds, Speeds),
            # a share has no shares in it
            (Places(None), Places),
        )
        for part, kind in given:
            parts.provide(part, kind)
        return parts
