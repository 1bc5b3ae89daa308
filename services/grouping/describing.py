"""
A group as the API shows it.
"""

from __future__ import annotations

from typing import Any

from bitdust_node.identity.me import Me
from bitdust_node.identity.resolver import Resolver
from bitdust_node.keys.folder import Key
from bitdust_node.membership.roster import Circle
from services.grouping.groups import Groups
from services.membership.book import Book


def describe(key: Key, circle: Circle, groups: Groups, book: Book, resolver: Resolver, me: Me) -> dict[str, Any]:
    """
    GROUP of the contract. Fields of suppliers that no edition but one has are there in both spellings.
    """
    participant, known = groups.get(circle), groups.known.get(circle)
    consumed = participant.consumed if participant is not None else known.consumed if known is not None else 0
    active = participant.active if participant is not None else None
    suppliers = participant.circuit.suppliers if participant is not None else []
    document = resolver.cached(active) if active is not None else None
    active_id = document.global_id if document is not None else active
    shown: dict[str, Any] = {
        "group_key_id": key.key_id,
        "alias": key.alias,
        "label": key.label,
        "creator": key.owner,
        "state": participant.state if participant is not None else "CLOSED" if known is not None else "CLEANED",
        "active": participant is not None,
        "participant_id": me.global_id,
        "member_id": me.global_id,
        "last_sequence_id": consumed - 1,
        "sequence_head": consumed - 1 if consumed else None,
        "sequence_tail": 0 if consumed else None,
        "sequence_count": consumed,
        "active_queue_id": participant.queue_id if participant is not None else None,
        "active_supplier_id": active_id,
        "active_supplier_pos": suppliers.index(active) if active in suppliers else -1,
        "active_broker_id": active_id,
        "connected_brokers": {"0": active_id} if active_id else {},
        "latest_known_brokers": [_name(resolver, supplier) for supplier in suppliers],
        "synchronized": participant is not None and participant.connected and participant.synchronized,
        "members": _members(circle, book, resolver),
    }
    if participant is not None:
        machine = participant.machine
        shown |= {"index": machine.index, "id": machine.id, "name": machine.automat.name}
    return shown


def _members(circle: Circle, book: Book, resolver: Resolver) -> list[dict[str, Any]]:
    signed = book.newest(circle)
    if signed is None:
        return []
    return [
        {
            "global_id": _name(resolver, member.node_id),
            "idurl": member.idurl,
            "role": str(member.role),
            "since": member.since,
            "owner": member.node_id == circle.owner,
        }
        for member in signed.roster.members
    ]


def _name(resolver: Resolver, node_id: str) -> str:
    document = resolver.cached(node_id)
    return document.global_id if document is not None else node_id
