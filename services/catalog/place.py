"""
Whose catalog it is: the own one, or that of a share.

All that works on a catalog (uploads, downloads, repair, the copies at suppliers, the API) is made once for the own one
and once for each share, out of the same classes. What differs is asked of the place.
"""

from __future__ import annotations

from hashlib import sha256

from bitdust_node.errors import Refused
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.membership.roster import Circle
from bitdust_node.pieces.signet import OwnSignet, Signet
from services.catalog.batches import Batch

NAMES = b"bitdust.object-name.1"


class Place:
    """
    The own catalog: its owner is who this node is, and nobody else writes to it.
    """

    #: The share that it belongs to, if any.
    circle: Circle | None = None

    def __init__(self, me: Me) -> None:
        self._me = me

    @property
    def owner_idurl(self) -> str:
        """IDURL of the owner, whose suppliers keep it."""
        return self._me.idurl

    @property
    def owner_id(self) -> str:
        """Global id of the owner."""
        return self._me.global_id

    @property
    def writes(self) -> bool:
        """Whether this node may change it."""
        return True

    @property
    def signet(self) -> Signet:
        """What its versions are signed with, and who opens them."""
        return OwnSignet(self._me.key)

    def key_id(self, alias: str) -> str:
        """
        The full id of a key of the owner.
        """
        return f"{alias}${self.owner_id}"

    def names_secret(self) -> bytes:
        """
        From which the names of its objects are derived. Heavy.
        """
        return names_secret(self._me)

    async def author(self, node_id: str) -> Document:
        """
        The identity of who says that he has written a batch, if he may; else raises `Refused`.
        """
        if node_id != self._me.node_id:
            raise Refused("it was written by somebody else")
        return self._me.document

    async def take(self, node_id: str, batch: Batch) -> Batch:
        """
        A batch of that author is about to be merged, or the own one is told; what of it counts here. Raises `Refused`
        for what does not belong here.
        """
        return batch


def names_secret(me: Me) -> bytes:
    """
    The secret of the names in the own catalog, which follows from the identity key alone. Heavy.
    """
    return sha256(NAMES + me.key.pem.encode("ascii")).digest()
