"""
All that keeps pieces for others, made when the service starts and given back when it stops.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, NotFound, TimedOut
from bitdust_node.events import Events
from bitdust_node.identity.document import Document
from bitdust_node.identity.names import NodeId
from bitdust_node.membership.roster import Circle
from bitdust_node.pieces.manifest import SignedManifest
from bitdust_node.router.router import Router
from bitdust_node.tasks import Tasks
from bitdust_node.threads import Workers
from bitdust_node.waiting import shielded, within
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import (
    LEASE_CANCEL,
    LEASE_INFO,
    LEASE_REQUEST,
    MANIFEST_GET,
    MANIFEST_LIST,
    PIECE_AUDIT,
    PIECE_COMMIT,
    PIECE_DELETE,
    PIECE_GET,
    PIECE_LIST,
    PIECE_PUT,
    LeaseAnswer,
    LeaseQuestion,
    LeaseState,
    ManifestAnswer,
    ManifestListAnswer,
    ManifestListQuestion,
    PieceCommit,
    PieceDelete,
    PieceDeleted,
    PieceListAnswer,
    PieceListQuestion,
    PieceStored,
    VersionName,
)
from services.supplying.audits import Proofs
from services.supplying.deposits import Deposit, Deposits, RoleOf
from services.supplying.gets import Gets
from services.supplying.leases import DAY, Lease, Leases
from services.supplying.ledger import Ledger
from services.supplying.news import News
from services.supplying.notices import Notices
from services.supplying.puts import Puts
from services.supplying.removal import Removal
from services.supplying.scrub import Scrub
from services.supplying.space import Space
from services.supplying.store import PieceStore
from services.supplying.transfers import Transfers

#: Seconds after which what could not be removed is tried again.
AGAIN = 300.0

#: Seconds for which pieces are kept at least after their lease has lapsed, even if the space is needed.
SHORTEST_GRACE = 7 * DAY

#: Seconds that the store has at the start, and that pieces which are being stored have at the end. Less than those of
#: the service itself: who asks hears of the store, and all else is ended in order.
START_TIME, STOP_TIME = 20.0, 8.0

#: Names of objects that are looked for in the books at once.
PAGE = 500

COMMANDS = (
    LEASE_REQUEST,
    LEASE_CANCEL,
    LEASE_INFO,
    PIECE_PUT,
    PIECE_COMMIT,
    PIECE_GET,
    PIECE_AUDIT,
    PIECE_DELETE,
    PIECE_LIST,
    MANIFEST_GET,
    MANIFEST_LIST,
)


class Keeping:
    """
    The answers to customers, over a store and a ledger.

    document_of: the identity of a peer. donated: bytes for all customers. idle_days: silence before a lease lapses.
    role_of: what a peer may do in a share of a customer. scrub_rate: bytes a second that are read of what is kept,
    to see whether it is still what it was; 0 is none. store_workers: for what is asked of the store, if that may take
    long. lapsed_days: for which pieces are kept after their lease has lapsed; 0 is until the space is needed.
    """

    log = Logger()

    def __init__(
        self,
        store: PieceStore,
        ledger: Path | str,
        document_of: Callable[[NodeId], Document | None],
        donated: Callable[[], int],
        idle_days: Callable[[], int],
        workers: Workers,
        events: Events,
        clock: Clock,
        automats: Automats,
        role_of: RoleOf | None = None,
        scrub_rate: Callable[[], int] = lambda: 0,
        store_workers: Workers | None = None,
        lapsed_days: Callable[[], int] = lambda: 0,
    ) -> None:
        self.store = store
        self.space = Space(donated)
        self.ledger = Ledger(ledger, workers)
        self.leases = Leases(self.ledger, self.space, events, clock, automats, idle_days, self._idurl_of)
        self.transfers = Transfers()
        self._deposits = Deposits(role_of)
        #: Objects in the store that the books do not know; counted some time after the start.
        self.orphans = 0
        self._document_of = document_of
        self._clock = clock
        self._tasks = Tasks("supplier")
        self._at_store = at_store = store_workers or workers
        self._removal = Removal(self.ledger, store, self.space, at_store)
        self._puts = Puts(
            store,
            self.ledger,
            self.leases,
            self._deposits,
            self.space,
            self._removal,
            self.transfers,
            at_store,
            clock,
            automats,
            self._tasks,
        )
        self._gets = Gets(store, self.ledger, self.leases, self._deposits, self.transfers, at_store, clock)
        self.scrub = Scrub(store, self.ledger, scrub_rate, self._found_bad, at_store, clock, automats)
        self._notices: Notices | None = None
        self._news: News | None = None
        self._lapsed_days = lapsed_days
        # one at a time: else two customers who need the same space would clear twice as much
        self._clearing = DeferredLock()
        self._proofs = Proofs(store, self.ledger, self.leases, self._deposits, self.transfers, at_store, clock)

    async def start(self) -> None:
        """
        Clear away what an earlier run has left unfinished, and take up the leases.
        """
        cleaning = self._at_store.run(self.store.clean)
        unfinished = await within(self._clock, START_TIME, cleaning, "the first answer of the store of pieces")
        if unfinished:
            self.log.info("removed {count} pieces that were not complete", count=unfinished)
        for customer in await self.leases.load():
            # the process was stopped after the lease was ended, and before all that was kept under it was removed
            await self._remove_all(customer)
        await self.scrub.start()
        self._tasks.spawn("count objects without a row", self._count_orphans())
        self._tasks.every(AGAIN, "remove what could not be removed", self._remove_left, self._clock, at_once=True)
        self._tasks.every(AGAIN, "tidy up the store", self._tidy, self._clock)

    async def stop(self) -> None:
        try:
            await within(self._clock, STOP_TIME, self._puts.stop(), "storing what has come")
        except TimedOut as error:
            # whoever sent these was not told that they are stored
            self.log.warn("pieces are given up that the store does not take: {error}", error=error)
        self._removal.stop()
        await self.scrub.stop()
        if self._notices is not None:
            await self._notices.stop()
        if self._news is not None:
            await self._news.stop()
        await self._tasks.stop()
        self.leases.close()
        await self.ledger.close()

    def serve(self, router: Router, welcome: Callable[[NodeId], bool] | None = None) -> None:
        """
        Answer to everybody; what each may do depends on who he is. welcome: who may have a lease, else all.
        """
        router.serve(LEASE_REQUEST, self.request_lease, welcome)
        router.serve(LEASE_CANCEL, self.cancel_lease)
        router.serve(LEASE_INFO, self.lease_info)
        router.serve_stream(PIECE_PUT, self._puts.take)
        router.serve(PIECE_COMMIT, self.commit)
        router.serve_stream(PIECE_GET, self._gets.send)
        router.serve_stream(PIECE_AUDIT, self._proofs.send)
        router.serve(PIECE_DELETE, self.delete)
        router.serve(PIECE_LIST, self.pieces)
        router.serve(MANIFEST_GET, self.manifest)
        router.serve(MANIFEST_LIST, self.manifests)
        self._news = News(router, self._clock)
        self._notices = Notices(router, self.ledger, self.leases, self._clock)
        self._notices.start()
        self.leases.lapsing.append(self._notices.remind_soon)

    def withdraw(self, router: Router) -> None:
        for command in COMMANDS:
            router.withdraw(command)

    async def request_lease(self, customer: NodeId, question: LeaseQuestion) -> LeaseAnswer:
        """
        A lease, for which what is kept under lapsed ones of others may have to go.
        """
        if self.space.missing(customer, question.needed):
            await shielded(self._clearing.run(self._make_room, customer, question.needed))
        return await self.leases.request(customer, question)

    async def clear_lapsed(self) -> None:
        """
        Remove what is kept under leases that have lapsed too long ago.
        """
        days = self._lapsed_days()
        for lease in self.leases.lapsed_since(days * DAY) if days else []:
            await self._expire(lease)

    async def _make_room(self, customer: NodeId, needed: int) -> None:
        """Remove what is kept under leases that lapsed a while ago, oldest first; nothing if that would not do."""
        missing = self.space.missing(customer, needed)
        lapsed = [lease for lease in self.leases.lapsed_since(SHORTEST_GRACE) if lease.customer != customer]
        if missing > sum(self.space.account(lease.customer).used for lease in lapsed):
            return
        for lease in lapsed:
            if not self.space.missing(customer, needed):
                return
            await self._expire(lease)

    async def _expire(self, lease: Lease) -> None:
        freed = await self.leases.expire(lease.customer, lambda: self._remove_all(lease.customer))
        if freed:
            self.log.warn(
                "removed {freed} bytes of {customer}: the lease has lapsed {days} days ago",
                freed=freed,
                customer=lease.idurl,
                days=int(self._clock.seconds() - lease.lapsed_at) // DAY,
            )

    async def cancel_lease(self, customer: NodeId, question: Nothing) -> Nothing:
        await self.end(customer)
        return Nothing()

    async def end(self, customer: NodeId) -> int:
        """
        End a lease and remove what was kept; how many bytes that were.
        """
        await self.leases.cancel(customer)
        return await self._remove_all(customer)

    async def _remove_left(self) -> None:
        """What was to be removed when the store could not be asked, or the books not be written."""
        await self._removal.retry()
        for customer in self.leases.departed():
            await self.leases.clear(customer, self._remove_all)

    async def _tidy(self) -> None:
        """A store that could not be asked may be well for long before anybody needs it."""
        with suppress(BitDustError):
            await self._at_store.run(self.store.tidy)

    async def _remove_all(self, customer: NodeId) -> int:
        """All that is kept at the cost of a customer; how many bytes that were."""
        deposits = [Deposit.own(customer), *(Deposit(key, customer) for key in await self.ledger.paid_by(customer))]
        return sum([await self.remove_deposit(deposit) for deposit in deposits])

    async def remove_deposit(self, deposit: Deposit) -> int:
        """
        Remove all that is kept under one name; how many bytes that were.
        """
        await self._puts.drop_all(deposit)
        return (await self._removal.remove(deposit, None)).freed

    async def lease_info(self, customer: NodeId, question: Nothing) -> LeaseState:
        self.leases.touch(customer)
        return self.leases.info(customer)

    async def commit(self, customer: NodeId, question: PieceCommit) -> PieceStored:
        deposit = await self._deposits.writable(customer, question.circle)
        self.leases.check(deposit.payer)
        stored = await self._puts.commit(deposit, question, self._document_of)
        if self._news is not None and SignedManifest.parse(question.manifest).manifest.m == 1:
            # a batch of the catalog, which tells of all else
            self._news.changed(question.circle, customer)
        return stored

    async def delete(self, customer: NodeId, question: PieceDelete) -> PieceDeleted:
        deposit = await self._deposits.writable(customer, question.circle)
        self.leases.touch(deposit.payer)
        await self._puts.drop(deposit, question.versions)
        removed = await self._removal.remove(deposit, question.versions)
        return PieceDeleted(removed.pieces, removed.freed)

    async def pieces(self, customer: NodeId, question: PieceListQuestion) -> PieceListAnswer:
        deposit = await self._readable(customer, question.circle)
        if self._news is not None:
            self._news.listen(question.circle, customer)
        return PieceListAnswer(await self.ledger.pieces(deposit.key, question.after, question.limit))

    async def manifest(self, customer: NodeId, question: VersionName) -> ManifestAnswer:
        deposit = await self._readable(customer, question.circle)
        packed = await self.ledger.manifest(deposit.key, question.version)
        if packed is None:
            raise NotFound("there is no such version")
        return ManifestAnswer(packed)

    async def manifests(self, customer: NodeId, question: ManifestListQuestion) -> ManifestListAnswer:
        deposit = await self._readable(customer, question.circle)
        return ManifestListAnswer(await self.ledger.manifests(deposit.key, question.after, question.limit))

    async def _readable(self, customer: NodeId, circle: Circle | None) -> Deposit:
        deposit = await self._deposits.readable(customer, circle)
        self.leases.touch(deposit.payer)
        return deposit

    def _idurl_of(self, customer: NodeId) -> str:
        document = self._document_of(customer)
        if document is None:
            raise NotFound("the identity of the customer is not known")
        return document.idurl

    def _found_bad(self) -> None:
        if self._notices is not None:
            self._notices.soon()

    async def _count_orphans(self) -> None:
        names = self.store.names()
        self.orphans = 0
        # a page at a time: there may be millions of them
        while page := await self._at_store.run(lambda: list(islice(names, PAGE))):
            self.orphans += len(await self.ledger.unknown(page))
        if self.orphans:
            self.log.warn("{count} objects are not in the books; they are left alone", count=self.orphans)
