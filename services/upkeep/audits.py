"""
Audits by challenge: a supplier shows random blocks of what it keeps, and they are checked against the manifest.

Only who has the block can show it: the customer knows nothing but the root of the piece, and which block it asks for is
random. Who has thrown a part of its blocks away is caught with that probability by each block that is asked for.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from random import SystemRandom

from twisted.logger import Logger

from bitdust_node.errors import BitDustError, Corrupt, Invalid, NotFound
from bitdust_node.identity.names import NodeId
from bitdust_node.pieces.hashtree import HASH_BYTES, check_path, path_length
from bitdust_node.pieces.manifest import Manifest, SignedManifest
from bitdust_node.pieces.seal import VERSION_BYTES
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import within
from services.data_motion import Holder
from services.hiring.standing import Standing
from services.transfer.means import Means

#: Seconds between audits; each goes to the next supplier in turn.
EVERY = 60.0
#: Blocks of one audit.
BLOCKS = 1
#: Seconds that a supplier has for one audit.
ANSWER_TIME = 60.0
#: Audits of one supplier in a row, when it did not stand one.
SUSPICION = 8


class Audits:
    """
    Goes round among the connected suppliers. What is wrong is marked in the catalog, so that it is made anew.
    """

    log = Logger()

    def __init__(self, means: Means, standing: Standing) -> None:
        self._means, self._standing = means, standing
        self._tasks = Tasks("audits")
        self._random = SystemRandom()
        self._last = -1
        self._found: Callable[[], object] | None = None

    def start(self, found: Callable[[], object]) -> None:
        """
        found: called when something is to be made anew.
        """
        self._tasks = Tasks("audits")
        self._found = found
        self._tasks.every(EVERY, "audit a supplier", self.next, self._means.clock)

    async def stop(self) -> None:
        await self._tasks.stop()

    async def next(self) -> None:
        """
        Audit the supplier whose turn it is; one that does not stand it is asked for more at once.
        """
        connected = self._means.customer.connected()
        if not connected:
            return
        self._last = min((at for at in connected if at > self._last), default=min(connected))
        link = connected[self._last]
        holder = Holder(link.node_id, link.hired.idurl)
        for _ in range(SUSPICION):
            if await self.audit(holder) is not False:
                return

    async def audit(self, holder: Holder) -> bool | None:
        """
        Ask for a random block of a random piece. True if it is as it should be, False if it is not, None if nothing
        came of it: there is no piece, or no answer.
        """
        catalog = self._means.catalog
        chosen = await catalog.departures.one_stored(holder.node_id, secrets.token_bytes(VERSION_BYTES))
        version = await catalog.version(chosen[0]) if chosen else None
        if chosen is None or version is None or version.manifest is None:
            return None
        manifest = SignedManifest.parse(version.manifest).manifest
        try:
            version.check(manifest)
        except Corrupt as error:
            # the fault of who wrote it, not of who keeps it
            self.log.warn("{version} can not be audited: {error}", version=version.id.hex(), error=error)
            return None
        count = manifest.layout.segments(manifest.length)
        blocks = [self._random.randrange(count) for _ in range(BLOCKS)]
        try:
            await within(
                self._means.clock, ANSWER_TIME, self._challenge(holder, manifest, chosen[1], blocks), "an audit"
            )
        except (Corrupt, Invalid) as error:
            return await self._failed(holder, manifest.version, chosen[1], error)
        except NotFound as error:
            try:
                listed = await self._is_listed(holder, manifest.version, chosen[1])
            except BitDustError as other:
                return await self._unanswered(holder, other)
            if listed:
                return await self._unanswered(holder, error)
            return await self._failed(holder, manifest.version, chosen[1], error)
        except BitDustError as error:
            return await self._unanswered(holder, error)
        await self._standing.note_audit(holder.node_id, passed=1)
        return True

    async def suspect(self, version: bytes, number: int, node_id: NodeId) -> bool:
        """
        Somebody says that a piece is not what it should be: it is made anew, if that node is who holds it.
        """
        held = (await self._means.catalog.pieces([version]))[version]
        if not any((one.number, one.node_id, one.state) == (number, node_id, "stored") for one in held):
            return False
        await self._means.catalog.mark_piece(version, number, node_id, "bad")
        if self._found is not None:
            self._found()
        return True

    async def _challenge(self, holder: Holder, manifest: Manifest, number: int, blocks: Sequence[int]) -> None:
        size = manifest.layout.piece_bytes(manifest.length)
        count = manifest.layout.segments(manifest.length)
        lengths = [
            (HASH_BYTES * path_length(at, count), min(manifest.block, size - at * manifest.block)) for at in blocks
        ]
        expected = sum(map(sum, lengths))
        stream = await self._means.motion.audit(holder, manifest.version, number, blocks)
        stream.finish()
        proof = bytearray()
        asked = self._means.clock.seconds()
        try:
            while len(proof) <= expected and (data := await stream.read()):
                if not proof:
                    # so that it is known how long to wait for it, also before anything is ever read back
                    speeds = self._means.ranking.speeds
                    speeds.note(holder.node_id, self._means.clock.seconds() - asked, len(data), 0.0)
                proof += data
        except BaseException:
            stream.reset("the audit was broken off")
            raise
        if len(proof) != expected:
            stream.reset("this is not what was asked for")
            raise Corrupt(f"the proof has {len(proof)} bytes, expected {expected}")
        start = 0
        for at, (hashes, length) in zip(blocks, lengths, strict=True):
            beside = [bytes(proof[at : at + HASH_BYTES]) for at in range(start, start + hashes, HASH_BYTES)]
            start += hashes + length
            check_path(proof[start - length : start], at, count, beside, manifest.roots[number])

    async def _is_listed(self, holder: Holder, version: bytes, number: int) -> bool:
        """Whether a supplier that does not find a piece has it nevertheless: it may know no audits, or be stopping."""
        page = await self._means.motion.listing(holder, version)
        return any((item.version, item.index) == (version, number) for item in page)

    async def _unanswered(self, holder: Holder, error: BitDustError) -> bool | None:
        self.log.debug("{supplier} does not answer an audit: {error}", supplier=holder.idurl, error=error)
        await self._standing.note_audit(holder.node_id, silent=1)
        return None

    async def _failed(self, holder: Holder, version: bytes, number: int, error: BitDustError) -> bool | None:
        if not await self.suspect(version, number, holder.node_id):
            # deleted or made anew for another one meanwhile
            return None
        self.log.warn(
            "{supplier} did not stand an audit of piece {number} of {version}: {error}",
            supplier=holder.idurl,
            number=number,
            version=version.hex(),
            error=error,
        )
        await self._standing.note_audit(holder.node_id, failed=1)
        return False
