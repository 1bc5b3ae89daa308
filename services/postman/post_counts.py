"""
What is kept of groups, counted: for the leases that pay for it, and for those who look at the queues.
"""

from __future__ import annotations

import sqlite3

from bitdust_node.identity.names import NodeId
from bitdust_node.membership.roster import Circle


def sizes(c: sqlite3.Connection) -> dict[NodeId, int]:
    """
    The bytes of the posts in the groups of each owner.
    """
    query = "SELECT owner, SUM(bytes) FROM post_circles GROUP BY owner"
    return {NodeId(owner): int(size) for owner, size in c.execute(query)}


def kept(c: sqlite3.Connection) -> list[tuple[Circle, int, dict[str, int]]]:
    """
    Each group, the number of its last post, and how many posts are kept of each author, by node id.
    """
    found = []
    for id, owner, alias in c.execute("SELECT id, owner, alias FROM post_circles").fetchall():
        (last,) = c.execute("SELECT COALESCE(MAX(position), 0) FROM posts WHERE circle = ?", (id,)).fetchone()
        query = (
            "SELECT l.author, COUNT(p.position) FROM post_logs l LEFT JOIN posts p ON p.log = l.id"
            " WHERE l.circle = ? GROUP BY l.author"
        )
        found.append((Circle(owner, alias), int(last), dict(c.execute(query, (id,)).fetchall())))
    return found
