"""
After a recovery: the suppliers that the identity had before. Its record in the DHT names them; when that has ended,
as it does within a day after the old machine, suppliers are asked whether they keep something for this node.
"""

from __future__ import annotations

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError, Conflict, NotFound
from bitdust_node.identity.me import Me
from bitdust_node.identity.resolver import Resolver
from bitdust_node.pieces.layout import SCHEMES
from bitdust_node.router.router import Router
from bitdust_node.waiting import all_of, sleep
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import LEASE_INFO, PIECE_LIST, LeaseAnswer, PieceListQuestion
from services.catalog.objects import Names
from services.catalog.place import names_secret
from services.customer import Customer
from services.hiring.family import AT_ONCE, Families, Family
from services.nodes_lookup import NodesLookup

#: Seconds between two looks into the DHT, and for how many of them in a row nothing found means that there is nothing.
AGAIN, LOOKS = 5.0, 60
#: After so many looks in vain suppliers themselves are asked, so many at once, and so long is waited for one.
ASK_AFTER, ASKED, ANSWER_TIME = 6, 64, 10.0
#: The layer of the DHT where suppliers are found.
SUPPLIERS_LAYER = 3


class Reunion:
    """
    Puts each supplier of before back into its position.
    """

    log = Logger()

    def __init__(
        self,
        families: Families,
        lookup: NodesLookup,
        customer: Customer,
        router: Router,
        resolver: Resolver,
        me: Me,
        config: Config,
        clock: Clock,
    ) -> None:
        self._families, self._lookup, self._customer = families, lookup, customer
        self._router, self._resolver = router, resolver
        self._me, self._config, self._clock = me, config, clock

    async def run(self) -> bool:
        """
        True if the suppliers of before are hired again, those that nobody knows any more left out; false if nothing
        was found about them for several minutes.
        """
        for look in range(LOOKS):
            try:
                family = await self._families.read(self._me.idurl)
                if look >= ASK_AFTER and not any(family.suppliers):
                    family = await self._ask_all()
            except BitDustError as error:
                self.log.info("the suppliers of before are not found yet: {error}", error=error)
            else:
                if any(family.suppliers):
                    await self._hire(family)
                    return True
            await sleep(self._clock, AGAIN)
        self.log.error("nobody knows the suppliers that this identity had before")
        return False

    async def _hire(self, family: Family) -> None:
        number = len(family.suppliers)
        if number in SCHEMES and number != self._customer.wanted.suppliers:
            self._config.set("services/customer/suppliers-number", str(number))
        places = [(position, idurl) for position, idurl in enumerate(family.suppliers) if idurl]
        results = await all_of([self._hire_one(position, idurl) for position, idurl in places], limit=AT_ONCE)
        for (_position, idurl), result in zip(places, results, strict=True):
            if isinstance(result, BitDustError):
                self.log.warn("{supplier} was a supplier before: {error}", supplier=idurl, error=result)
            elif isinstance(result, Exception):
                raise result

    async def _hire_one(self, position: int, idurl: str) -> None:
        document = await self._resolver.resolve(idurl)
        if document.node_id == self._me.node_id:
            raise Conflict("a node can not be its own supplier")
        answer = LeaseAnswer(self._customer.wanted.needed, 0)
        try:
            lease = await self._router.request(document.node_id, LEASE_INFO, Nothing())
            answer = LeaseAnswer(lease.granted or answer.granted, lease.expires)
        except BitDustError as error:
            self.log.info("{supplier} is not there yet: {error}", supplier=idurl, error=error)
        await self._customer.hire(position, document, answer)

    async def _ask_all(self) -> Family:
        """Those of the suppliers in the DHT that keep something for this node, by the numbers of the pieces."""
        idurls = [idurl for idurl in await self._lookup.random(SUPPLIERS_LAYER, ASKED) if idurl != self._me.idurl]
        names = Names(names_secret(self._me))
        found = await all_of([self._position_at(idurl, names) for idurl in idurls], limit=AT_ONCE)
        places: dict[int, str] = {}
        for idurl, position in zip(idurls, found, strict=True):
            if isinstance(position, int):
                free = next(at for at in range(len(idurls) + 1) if at not in places)
                places[position if 0 <= position not in places else free] = idurl
            elif not isinstance(position, BitDustError):
                raise position
        number = next((one for one in SCHEMES if one > max(places, default=-1)), max(SCHEMES))
        return Family(self._me.idurl, tuple(places.get(at, "") for at in range(number)) if places else ())

    async def _position_at(self, idurl: str, names: Names) -> int:
        """The number of the pieces that a supplier keeps for this node, -1 if it has none but a lease."""
        document = await self._resolver.resolve(idurl)
        lease = await self._router.request(document.node_id, LEASE_INFO, Nothing(), timeout=ANSWER_TIME)
        if not lease.granted and not lease.used:
            raise NotFound(f"{idurl} keeps nothing for this node")
        listed = await self._router.request(document.node_id, PIECE_LIST, PieceListQuestion(b""), timeout=ANSWER_TIME)
        return next((piece.index for piece in listed.pieces if names.read(piece.version) is None), -1)
