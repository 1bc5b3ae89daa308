"""
Does somebody hold a key?
"""

from __future__ import annotations

import secrets

from bitdust_node.clock import Clock
from bitdust_node.errors import Full, NotFound, NotServed, TimedOut
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.keys.folder import Key
from bitdust_node.keys.possession import Doubted
from bitdust_node.keys.ring import KeyRing
from bitdust_node.keys.rsa import PublicKey
from bitdust_node.router.bucket import Buckets
from bitdust_node.router.router import Router
from bitdust_node.threads import Workers
from bitdust_node.wire.keys import KEY_AUDIT, Doubt, Proof

#: Questions a second that one peer may ask, and how many at once.
RATE = 10.0
BURST = 100


class KeyAudit:
    """
    Asks others for proofs that they hold a key, and proves it to them.
    """

    def __init__(self, router: Router, me: Me, ring: KeyRing, workers: Workers, clock: Clock) -> None:
        self._router, self._me, self._ring, self._workers, self._clock = router, me, ring, workers, clock
        self._pace = Buckets(RATE, BURST)

    def start(self) -> None:
        """Answer from now on."""
        self._router.serve(KEY_AUDIT, self._asked)

    def stop(self) -> None:
        """Answer no more."""
        self._router.withdraw(KEY_AUDIT)

    async def ask(
        self, alias: str, owner_id: str, key: PublicKey, holder: Document, private: bool, seconds: float
    ) -> bool:
        """
        True if `holder` has proved that it holds the key. Raises `Unavailable` if it does not answer, `NotFound` if
        it answers no such questions.
        """
        nonce = secrets.token_bytes(32)
        doubted = Doubted(key, nonce, self._me.node_id, holder.node_id)
        question = Doubt(owner_id, alias, private, nonce, doubted.claim)
        try:
            answer = await self._router.request(holder.node_id, KEY_AUDIT, question, seconds)
        except TimedOut:
            raise TimedOut("timeout") from None
        except NotServed:
            raise NotFound("the remote node does not run service_keys_registry") from None
        return doubted.is_proved(answer.proof, private)

    async def _asked(self, peer: NodeId, doubt: Doubt) -> Proof:
        if not self._pace.take(peer, self._clock.seconds()):
            raise Full("too many keys are audited at the same time")
        key: Key | None = self._ring.of(doubt.owner_id, doubt.alias)
        if key is None:
            return Proof(b"")
        doubted = Doubted(key.public, doubt.nonce, peer, self._me.node_id)
        if not doubted.may_ask(doubt.claim):
            return Proof(b"")
        if not doubt.private:
            return Proof(doubted.prove_public())
        if key.private is None:
            return Proof(b"")
        return Proof(await self._workers.run(doubted.prove_private, key.private))
