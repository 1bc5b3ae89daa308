"""
Missing pieces made out of those that are stored: no key is needed, and nothing is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.logger import Logger

from bitdust_node.errors import Conflict, Corrupt
from bitdust_node.pieces.batch import batch_segments
from bitdust_node.pieces.blocks import Blocks, Buffer, joined
from bitdust_node.pieces.erasure import Code
from bitdust_node.pieces.hashtree import check_blocks
from bitdust_node.pieces.isal import library
from bitdust_node.pieces.manifest import Manifest, SignedManifest
from services.catalog.schema import Piece, Version
from services.data_motion import Holder
from services.transfer.gathering import Blame, Gathering
from services.transfer.means import Means
from services.transfer.sending import Senders
from services.transfer.whereabouts import sources

log = Logger()


async def rebuild(means: Means, version: Version, label: str, path: str) -> list[int]:
    """
    Bring the missing pieces of a version to connected suppliers that hold none of it. Answers those that are stored
    now. Every block that is read is checked, as a wrong one would make a wrong piece.
    """
    held = (await means.catalog.pieces([version.id]))[version.id]
    holders = sources(held, version.k)
    receivers = _receivers(means, version, held, await means.catalog.renewals.barred(version.id))
    if version.manifest is None or len(holders) < version.k or not receivers:
        return []
    manifest = SignedManifest.parse(version.manifest).manifest
    version.check(manifest)
    told = [(holder.node_id, holder.idurl) for holder in receivers.values()]
    try:
        await means.catalog.renewals.begin(version.id, told)
    except Conflict:
        return []
    made: list[Piece] = []
    try:
        made = await _renew(means, manifest, version.manifest, holders, receivers, label, path)
    finally:
        await means.catalog.renewals.end(version.id, told, made)
    done = [piece.number for piece in made]
    if done:
        log.info("pieces {done} of {label} were made anew", done=done, label=label)
    return done


async def _renew(
    means: Means,
    manifest: Manifest,
    packed: bytes,
    holders: Sequence[Piece],
    receivers: dict[int, Holder],
    label: str,
    path: str,
) -> list[Piece]:
    """Read, code and send; the pieces that were acknowledged."""
    layout = manifest.layout
    batch, code = batch_segments(layout), Code(layout.k, layout.m, library())
    gathering = Gathering(means, manifest, holders, label, path, checked=True, ahead=2 * batch * layout.block)
    senders = Senders(means.motion, means.clock, manifest.version, receivers, layout.m, label, path)
    reason = "rebuilding was broken off"
    done: list[int] = []
    try:
        size, at = layout.piece_bytes(manifest.length), 0
        senders.total = size
        while at < size and senders.alive:
            length = min(batch * layout.block, size - at)
            parts = await checked_parts(means, gathering, manifest, at, length)
            missing = [sender.number for sender in senders.alive]
            await senders.write(await means.workers.run(_made, code, layout.block, length, parts, missing))
            at += length
        if senders.alive:
            done = await senders.commit(packed)
            reason = ""
    finally:
        senders.close(reason)
        await gathering.close()
        for blame in gathering.blames:
            await note_blame(means, blame)
    return [
        Piece(manifest.version, number, receivers[number].node_id, receivers[number].idurl, size, "stored")
        for number in done
    ]


async def note_blame(means: Means, blame: Blame) -> None:
    """
    Remember that a supplier has not what it should have, so that its piece is made anew.
    """
    piece = blame.piece
    await means.catalog.mark_piece(piece.version, piece.number, piece.node_id, "bad")


async def checked_parts(
    means: Means, gathering: Gathering, manifest: Manifest, at: int, length: int
) -> dict[int, list[Buffer]]:
    """
    The same run of bytes of k pieces, from byte `at` on, of which every block is as it should be; in chunks.
    """
    block = manifest.block
    while True:
        parts = await gathering.parts(at // block, length)
        leaves = {number: gathering.check(number) for number in parts}
        wrong = await means.workers.run(wrong_parts, block, at // block, parts, leaves)
        if not wrong:
            return parts
        for number, reason in wrong.items():
            gathering.blame(number, reason)
        gathering.begin_again()


def wrong_parts(
    block: int, first: int, parts: Mapping[int, Sequence[Buffer]], leaves: Mapping[int, Sequence[bytes]]
) -> dict[int, str]:
    """
    The parts that do not match the hashes of their pieces, and why. Heavy.
    """
    wrong = {}
    for number, part in parts.items():
        try:
            check_blocks(part, block, leaves[number], first)
        except Corrupt as error:
            wrong[number] = str(error)
    return wrong


def _receivers(means: Means, version: Version, held: Sequence[Piece], barred: set[str]) -> dict[int, Holder]:
    """
    Who gets which missing piece: the supplier that had it, else the one at its position if that is free, else any other
    that is. So nobody keeps two pieces of a version, of which only one could be given back.
    """
    stored = [piece for piece in held if piece.state == "stored"]
    before = {piece.node_id: piece.number for piece in held if piece.state != "stored"}
    holders = {piece.node_id for piece in stored} | barred
    free = {
        position: Holder(link.node_id, link.hired.idurl)
        for position, link in means.customer.connected().items()
        if link.node_id not in holders
    }
    missing = sorted(set(range(version.m)) - {piece.number for piece in stored})
    chosen = {
        before[holder.node_id]: free.pop(position)
        for position, holder in list(free.items())
        if holder.node_id in before
    }
    chosen |= {number: free.pop(number) for number in missing if number in free and number not in chosen}
    for number in missing:
        if number not in chosen and free:
            chosen[number] = free.pop(next(iter(free)))
    return chosen


def _made(
    code: Code, block: int, length: int, parts: Mapping[int, Sequence[Buffer]], numbers: list[int]
) -> dict[int, list[Buffer]]:
    """In a worker: the same run of blocks of the missing pieces."""
    made: dict[int, list[Buffer]] = {number: [] for number in numbers}
    rows = {number: Blocks(part) for number, part in parts.items()}
    for at in range(0, length, block):
        size = min(block, length - at)
        places = {number: memoryview(bytearray(size)) for number in numbers}
        code.make({number: joined(row.next(size)) for number, row in rows.items()}, places)
        for number, place in places.items():
            made[number].append(place)
    return made
