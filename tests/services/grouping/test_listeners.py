"""
Members that listen at one supplier: no more than it can tell.
"""

from __future__ import annotations

from twisted.trial import unittest

from bitdust_node.errors import Full
from bitdust_node.identity.names import NodeId
from bitdust_node.membership.roster import Circle
from bitdust_node.router.router import Router
from services.postman.listeners import LISTENERS_LIMIT, Listeners
from tests.clock import Clock
from tests.network import make_nodes

PEERS = 100


class ManyListeners(unittest.TestCase):
    async def test_one_more_than_the_limit_hears_it_and_leaves_nothing(self) -> None:
        (node,) = await make_nodes(self, 1)
        router: Router = node.router
        listeners = Listeners(router, Clock())
        circles = [Circle("a" * 64, f"group_{number:032x}") for number in range(LISTENERS_LIMIT // PEERS)]
        peers = [NodeId(f"{number:064x}") for number in range(PEERS)]
        for circle in circles:
            for peer in peers:
                listeners.add(circle, peer)
        more = Circle("a" * 64, f"group_{'f' * 32}")
        with self.assertRaises(Full):
            listeners.add(more, peers[0])
        self.assertNotIn(more, listeners.circles())
        # who listens already is no new one, and who leaves makes room
        listeners.add(circles[0], peers[0])
        listeners.remove(circles[0], peers[0])
        listeners.add(more, peers[0])
        self.assertEqual([one.peer for one in listeners.of(more)], [peers[0]])
