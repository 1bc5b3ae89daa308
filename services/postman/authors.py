"""
Which device may sign for which author: device records that were checked against identities.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from bitdust_node.errors import BitDustError, Corrupt, Refused
from bitdust_node.identity.device import DeviceRecord
from bitdust_node.identity.document import Document
from bitdust_node.identity.resolver import Resolver
from bitdust_node.membership.post import SignedPost, device_name
from bitdust_node.threads import Workers
from bitdust_node.wire.posts import Proof

#: Records that are remembered.
REMEMBERED = 5000
#: Records were good when the post was written; how long ago that was nobody can prove.
_ANY_TIME = 0.0


class Authors:
    """
    Checks signatures of posts. A record is checked once: its RSA signature costs as much as all the rest.
    """

    def __init__(self, resolver: Resolver, workers: Workers) -> None:
        self._resolver, self._workers = resolver, workers
        self._keys: OrderedDict[tuple[str, bytes], bytes] = OrderedDict()

    def knows(self, post: SignedPost) -> bool:
        """
        True if the device of a post was checked already.
        """
        return (post.post.author, post.device) in self._keys

    async def learn(self, author: str, device: bytes, proof: Proof, idurl: str = "") -> None:
        """
        Take a device record. idurl: where the author's identity is, if that is known better than the proof says.
        Raises `Corrupt` for what does not belong together, and whatever keeps the identity from being found.
        """
        if (author, device) in self._keys:
            return
        document = await self._document(author, idurl or proof.idurl)
        record = await self._workers.run(DeviceRecord.parse_and_verify, proof.record, document, _ANY_TIME)
        self._keys[author, device] = record.device_key
        if len(self._keys) > REMEMBERED:
            self._keys.popitem(last=False)

    async def verify(self, posts: Sequence[SignedPost]) -> list[BitDustError | None]:
        """
        What is wrong with the signature of each post. Their devices were learnt before.
        """
        keys = [self._keys.get((post.post.author, post.device)) for post in posts]
        return await self._workers.run(_verify, posts, keys)

    async def _document(self, author: str, idurl: str) -> Document:
        cached = self._resolver.cached(author)
        if cached is not None:
            return cached
        found = await self._resolver.resolve(idurl)
        if found.node_id != author:
            raise Refused("the author of a post has another identity")
        return found


def named(proofs: Sequence[Proof]) -> dict[bytes, Proof]:
    """
    Device records by the names that posts give them.
    """
    return {device_name(proof.record): proof for proof in proofs}


def _verify(posts: Sequence[SignedPost], keys: Sequence[bytes | None]) -> list[BitDustError | None]:
    results: list[BitDustError | None] = []
    for post, key in zip(posts, keys, strict=True):
        try:
            if key is None:
                raise Corrupt("the device of the author is not known")
            post.verify(key)
            results.append(None)
        except BitDustError as error:
            results.append(error)
    return results
