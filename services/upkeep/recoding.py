"""
Versions follow the number of suppliers: each is read, sealed anew and stored in full under the new scheme before its
old pieces are deleted.

Sealed segments are as long as k blocks, so that a version of another k can not be made out of ciphertext alone: this
needs the key of the owner. The new version has an id, a key and pieces of its own, and takes over the name and time of
the old one.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from functools import partial

import msgspec
from twisted.logger import Logger
from twisted.python.failure import Failure

from bitdust_node.database import StateDb
from bitdust_node.errors import BitDustError, Full, Unavailable
from bitdust_node.pieces.batch import SegmentEncoder, batch_segments
from bitdust_node.pieces.blocks import Buffer, Buffers
from bitdust_node.pieces.hashtree import HASH_BYTES, root
from bitdust_node.pieces.layout import SCHEMES, Layout
from bitdust_node.pieces.seal import KEY_BYTES, VERSION_BYTES, Sealer
from bitdust_node.pieces.signet import Signet
from bitdust_node.waiting import outcome, sleep
from services.catalog.schema import Item, Piece, Version
from services.data_motion import Holder
from services.transfer.gathering import Gathering
from services.transfer.means import Means
from services.transfer.opened import Opened
from services.transfer.rebuild import checked_parts, note_blame
from services.transfer.room import check_room
from services.transfer.running import Running
from services.transfer.sending import Senders
from services.upkeep.rests import Rests

MIGRATIONS = ("CREATE TABLE recoding (pieces INTEGER NOT NULL);",)

#: Versions that one question to the catalog brings.
PAGE = 100
#: Seconds between looks whether the old pieces are still being read, and how often it is looked.
READERS_EVERY, READERS_TRIES = 5.0, 720


class Resealing:
    """
    Plaintext that comes in any parts, to the pieces of a new version. Heavy: all of it runs in workers.
    """

    def __init__(self, opened: Opened, version: bytes, layout: Layout, signet: Signet, backup_id: str) -> None:
        self.layout = layout
        self._opened, self._version, self._signet, self._backup_id = opened, version, signet, backup_id
        self._key = secrets.token_bytes(KEY_BYTES)
        self._encoder = SegmentEncoder(self._key, version, layout.k, layout.m)
        self._leaves = [bytearray() for _ in range(layout.m)]
        self._buffers, self._waiting = Buffers(), bytearray()
        self._number = 0

    def take(self, first: int, parts: dict[int, list[Buffer]], last: bool) -> list[list[Buffer]]:
        """
        Open the segments of the old version from `first` on; the next blocks of each new piece, if there are any yet.
        """
        self._waiting += self._opened.decoder.decode(first, parts, self._buffers)
        size = self.layout.segment_bytes
        # at least one byte is kept back, as the last batch may not be empty
        length = len(self._waiting) if last else max(0, len(self._waiting) - 1) // size * size
        if not length and not last:
            return []
        plain = bytes(self._waiting[:length])
        del self._waiting[:length]
        batch = self._encoder.encode(self._number, plain, last)
        self._number += batch.segments
        for kept, leaves in zip(self._leaves, batch.leaves, strict=True):
            kept += b"".join(leaves)
        return batch.pieces

    def manifest(self) -> bytes:
        """
        The packed, signed manifest, when all was taken.
        """
        old = self._opened.manifest
        manifest = msgspec.structs.replace(
            old,
            owner=self._signet.owner,
            version=self._version,
            k=self.layout.k,
            m=self.layout.m,
            block=self.layout.block,
            roots=[
                root(kept[at : at + HASH_BYTES] for at in range(0, len(kept), HASH_BYTES))
                for kept in map(bytes, self._leaves)
            ],
            wrapped_key=self._signet.wrap(self._version, self._key),
            sealed_meta=Sealer(self._key, self._version).seal_meta(msgspec.msgpack.encode(self._opened.meta)),
            backup_id=self._backup_id,
        )
        return self._signet.sign(manifest)


class Recoding:
    """
    Looks for versions of another scheme than that of the wanted number of suppliers.
    """

    log = Logger()

    def __init__(self, means: Means, running: Running, state_db: StateDb) -> None:
        self._means, self._running, self._db = means, running, state_db
        #: The number of pieces that all versions are known to have; 0 when that is not known.
        self._done = 0
        #: The revision of the catalog of which this was found.
        self._seen = -1
        self._rests = Rests()
        #: Of the last round: the number of pieces, and the revision of the catalog when it ended; until when all that
        #: it has left over rests.
        self._round, self._until = (0, -1), 0.0

    async def load(self) -> None:
        await self._db.prepare("recoding", MIGRATIONS)
        row = await self._db.read(lambda c: c.execute("SELECT pieces FROM recoding").fetchone())
        self._done = int(row[0]) if row else 0

    def suppliers_changed(self) -> None:
        """
        All may be tried: one that has no room, or was away, may be another one now.
        """
        self._rests.clear()
        self._until = 0.0

    async def run(self) -> bool:
        """
        One round over all versions; true when some are left for later.
        """
        customer = self._means.customer
        suppliers = customer.wanted.suppliers
        layout = Layout(*SCHEMES[suppliers])
        # other devices and members may have begun to store before they heard of the number
        revision = self._means.catalog.revision
        if layout.m == self._done and revision == self._seen:
            return False
        if (layout.m, revision) == self._round and self._means.clock.seconds() < self._until:
            return True
        if layout.m != self._round[0]:
            self._rests.clear()
        self._round = layout.m, -1
        self._rests.begin(self._means.clock.seconds())
        resting: set[bytes] = set()
        # what is being uploaded may have been begun before the number was changed
        left = bool(self._running.uploads)
        after = b""
        while page := await self._means.catalog.coded_otherwise(layout.m, after, PAGE):
            for version in page:
                after = version.id
                if customer.wanted.suppliers != suppliers or len(self._receivers(layout)) < layout.m:
                    return True
                left = not await self._follow(version, layout) or left
                if version.id in self._rests:
                    resting.add(version.id)
        self._rests.keep(resting)
        now = self._means.clock.seconds()
        self._round, self._until = (layout.m, self._means.catalog.revision), now + (self._rests.next(now) or 0.0)
        if not left:
            await self._note_done(layout.m)
            self._seen = revision
        return left

    async def _note_done(self, pieces: int) -> None:
        if pieces == self._done:
            return

        def change(c: sqlite3.Connection) -> None:
            c.execute("DELETE FROM recoding")
            c.execute("INSERT INTO recoding VALUES (?)", (pieces,))

        await self._db.run(change)
        self._done = pieces

    def _receivers(self, layout: Layout) -> dict[int, Holder]:
        return {
            at: Holder(link.node_id, link.hired.idurl)
            for at, link in self._means.customer.connected().items()
            if at < layout.m
        }

    async def _follow(self, version: Version, layout: Layout) -> bool:
        """True when the old version is not there any more."""
        catalog = self._means.catalog
        item = await catalog.item(version.item)
        if item is None:
            return True
        if version.manifest is None or not self._rests.is_over(version.id, self._means.clock.seconds()):
            return False
        error = await outcome(self._recode(version, version.manifest, item, layout))
        if error is None:
            self._rests.forget(version.id)
            self.log.info("{path} is coded for {m} suppliers now", path=item.path, m=layout.m)
            return True
        # also after a defect, which must not hold up the others
        self._rests.failed(version.id, self._means.clock.seconds())
        if isinstance(error, BitDustError):
            self.log.info("{path} is not coded for {m} suppliers: {error}", path=item.path, m=layout.m, error=error)
        else:
            self.log.failure("{path} is not coded for {m} suppliers", Failure(error), path=item.path, m=layout.m)
        if isinstance(error, Full):
            for link in self._means.customer.connected().values():
                link.renew_short()
        return False

    async def _recode(self, old: Version, packed: bytes, item: Item, layout: Layout) -> None:
        means, catalog = self._means, self._means.catalog
        opened = await means.workers.run(Opened, packed, old, means.signet)
        receivers = self._receivers(layout)
        await check_room(means.motion, receivers.values(), layout, opened.manifest.length)
        sources = [piece for piece in (await catalog.pieces([old.id]))[old.id] if piece.state in ("stored", "leaving")]
        name = secrets.token_bytes(VERSION_BYTES)
        pieces = [Piece(name, at, to.node_id, to.idurl, 0, "sent") for at, to in receivers.items()]
        await catalog.add_version(item, name, old.kind, layout.k, layout.m, pieces, created=old.created)
        label = f"{means.key_id(item.alias)}:{item.path_id}/{old.name}"
        resealing = Resealing(opened, name, layout, means.signet, label)
        drop = partial(catalog.drop_version, name)
        manifest = await outcome(self._pump(resealing, opened, sources, receivers, name, label, item))
        if isinstance(manifest, Exception):
            # after a defect too: with each try there would be one more of them
            await catalog.afterwards.surely("remove what was not coded anew", drop)
            raise manifest
        try:
            size = layout.piece_bytes(opened.manifest.length)
            await catalog.note_stored(name, old.size, manifest, size, list(receivers), replaces=old.id)
        except BitDustError:
            await catalog.afterwards.surely("remove what was not coded anew", drop)
            raise

    async def _no_downloads(self, item: Item) -> None:
        """Wait until nobody reads the old pieces any more."""
        for _ in range(READERS_TRIES):
            if not self._running.downloads_of(item.id):
                return
            await sleep(self._means.clock, READERS_EVERY)
        raise Unavailable("it is being downloaded all the time")

    async def _pump(
        self,
        resealing: Resealing,
        opened: Opened,
        sources: Sequence[Piece],
        receivers: dict[int, Holder],
        version: bytes,
        label: str,
        item: Item,
    ) -> bytes:
        """
        Read, open, seal and send; the manifest, when every receiver has stored its piece and nobody reads the old ones.
        """
        means, old, new = self._means, opened.manifest, resealing.layout
        step = batch_segments(old.layout)
        gathering = Gathering(means, old, sources, label, item.path, checked=True, ahead=2 * step * old.layout.block)
        senders = Senders(means.motion, means.clock, version, receivers, new.m, label, item.path)
        senders.total = new.piece_bytes(old.length)
        reason = "coding for another number of suppliers was broken off"
        try:
            number, segments = 0, old.layout.segments(old.length)
            while number < segments:
                parts = await checked_parts(
                    means, gathering, old, number * old.block, opened.decoder.part_bytes(number, step)
                )
                first, number = number, min(number + step, segments)
                pieces = await means.workers.run(resealing.take, first, parts, number == segments)
                if pieces:
                    await senders.write(pieces)
                self._check(senders, new)
            manifest = await means.workers.run(resealing.manifest)
            await senders.commit(manifest)
            self._check(senders, new)
            reason = ""
        finally:
            senders.close(reason)
            await gathering.close()
            for blame in gathering.blames:
                await note_blame(means, blame)
        await self._no_downloads(item)
        return manifest

    def _check(self, senders: Senders, layout: Layout) -> None:
        if len(senders.alive) < layout.m:
            error = next(iter(senders.errors.values()), None)
            raise Unavailable(f"{len(senders.alive)} of {layout.m} suppliers take their pieces: {error}")
