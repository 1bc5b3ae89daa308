"""
Which holders of pieces can be read from now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bitdust_node.identity.names import NodeId
from bitdust_node.router.contacts import Contacts
from services.catalog.schema import Piece
from services.customer import Customer


def reachable(customer: Customer, contacts: Contacts, pieces: Mapping[bytes, Sequence[Piece]]) -> set[str]:
    """
    The suppliers that are connected, and of those that are hired no more but hold one of these pieces, by version, the
    ones that are online: until a version is coded anew for fewer suppliers, it is read from the dismissed ones too.
    """
    hired: set[str] = {link.node_id for link in customer.links.values()}
    others = {NodeId(piece.node_id) for held in pieces.values() for piece in held} - hired
    near: set[str] = {link.node_id for link in customer.connected().values()}
    return near | {node_id for node_id in others if contacts.is_online(node_id)}
