"""
Keys that change hands.
"""

from __future__ import annotations

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Full, NotFound, NotServed, Refused, TimedOut
from bitdust_node.events import Events
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import KeyId, NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.keys.folder import Key
from bitdust_node.keys.parcel import Parcel, seal, unseal
from bitdust_node.keys.ring import KeyRing
from bitdust_node.router.bucket import Buckets
from bitdust_node.router.router import Router
from bitdust_node.threads import Workers
from bitdust_node.wire.keys import KEY_HAND_OVER, HandedKey, TakenKey

#: Keys a second that one peer may hand over, and how many at once.
RATE = 2.0
BURST = 50
#: Keys that wait to be tested, one after the other: the primes of a large one take 0.3 s.
WAITING = 100
#: Beginnings of the aliases of shares and groups.
CIRCLES = ("share_", "group_")


class HandOver:
    """
    Gives keys to others, and takes theirs: any authenticated peer may bring a key, but only its owner's signature
    gives it its name.
    """

    log = Logger()

    def __init__(
        self,
        router: Router,
        me: Me,
        resolver: Resolver,
        ring: KeyRing,
        workers: Workers,
        events: Events,
        clock: Clock,
    ) -> None:
        self._router, self._me, self._resolver, self._ring = router, me, resolver, ring
        self._workers, self._events, self._clock = workers, events, clock
        self._pace = Buckets(RATE, BURST)
        self._lock = DeferredLock()
        self._waiting = 0

    def start(self) -> None:
        """Take keys from now on."""
        self._router.serve(KEY_HAND_OVER, self._offered)

    def stop(self) -> None:
        """Take no keys any more."""
        self._router.withdraw(KEY_HAND_OVER)

    async def give(self, key: Key, to: Document, private: bool, label: bool, seconds: float) -> str:
        """
        Hand a key over; answers with the id under which the receiver keeps it.

        Raises `Invalid` if the private half is wanted and not there, and what kept the receiver from taking it.
        """
        parcel = Parcel.of(key, private, label)
        try:
            sealed = await self._workers.run(seal, parcel, self._me.node_id, to.public)
            taken = await self._router.request(to.node_id, KEY_HAND_OVER, HandedKey(*sealed), seconds)
        except BitDustError as error:
            reason = _reason(error)
            if private:
                self._publish(key, to, {"reason": str(reason)})
            raise reason from error
        if private:
            self._publish(key, to)
        return taken.key_id

    def _publish(self, key: Key, to: Document, failure: dict[str, str] | None = None) -> None:
        group = key.alias.startswith("group_")
        kind = "group-key" if group else "private-key"
        told = {"global_id": to.global_id, "remote_idurl": to.idurl, "group_key_id" if group else "key_id": key.key_id}
        self._events.publish(f"{kind}-{'share-failed' if failure else 'shared'}", told | (failure or {}))

    async def _offered(self, peer: NodeId, handed: HandedKey) -> TakenKey:
        if not self._pace.take(peer, self._clock.seconds()) or self._waiting >= WAITING:
            raise Full("too many keys are handed over at the same time")
        self._waiting += 1
        try:
            key: Key = await self._lock.run(self._take, peer, handed)
        finally:
            self._waiting -= 1
        self.log.info("key {key_id} came from {peer}", key_id=key.key_id, peer=peer[:12])
        return TakenKey(key.key_id)

    async def _take(self, peer: NodeId, handed: HandedKey) -> Key:
        parcel = await self._workers.run(unseal, handed.wrapped, handed.sealed, peer, self._me.key)
        try:
            owner = await self._resolver.resolve(parcel.owner)
        except BitDustError as error:
            raise Refused(f"the owner of the key can not be found: {error}") from error
        if owner.node_id == self._me.node_id:
            # also one that was erased here on purpose
            raise Refused("nobody hands own keys to their owner")
        public, private = await self._workers.run(parcel.halves)
        key_id = KeyId.parse(f"{parcel.alias}${owner.global_id}")
        # a share is opened and a group joined by who wants that; their keys are active from then on
        active = not parcel.alias.startswith(CIRCLES)
        key, signature = private or public, parcel.signature
        return await self._ring.register(key_id, owner.public, key, signature, parcel.label, active)


def _reason(error: BitDustError) -> BitDustError:
    if isinstance(error, TimedOut):
        return TimedOut("timeout")
    if isinstance(error, NotServed):
        return NotFound("the remote node does not run service_keys_registry")
    return error
