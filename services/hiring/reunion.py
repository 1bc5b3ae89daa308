"""
After a recovery: the suppliers that the identity had before, from the record that it has published in the DHT.
"""

from __future__ import annotations

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError, Conflict
from bitdust_node.identity.me import Me
from bitdust_node.identity.resolver import Resolver
from bitdust_node.pieces.layout import SCHEMES
from bitdust_node.router.router import Router
from bitdust_node.waiting import all_of, sleep
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import LEASE_INFO, LeaseAnswer
from services.customer import Customer
from services.hiring.family import AT_ONCE, Families, Family

#: Seconds between two looks into the DHT, and for how many of them in a row nothing found means that there is nothing.
AGAIN, LOOKS = 5.0, 60


class Reunion:
    """
    Puts each supplier of before back into its position.
    """

    log = Logger()

    def __init__(
        self,
        families: Families,
        customer: Customer,
        router: Router,
        resolver: Resolver,
        me: Me,
        config: Config,
        clock: Clock,
    ) -> None:
        self._families, self._customer, self._router, self._resolver = families, customer, router, resolver
        self._me, self._config, self._clock = me, config, clock

    async def run(self) -> bool:
        """
        True if the suppliers of before are hired again, those that nobody knows any more left out; false if nothing
        was found about them for several minutes.
        """
        for _ in range(LOOKS):
            try:
                family = await self._families.read(self._me.idurl)
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
