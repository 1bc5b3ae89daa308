"""
Finds users by the role that they have in the network.
"""

from __future__ import annotations

from bitdust_node.api.registry import method
from bitdust_node.clock import Clock
from bitdust_node.errors import NotFound
from bitdust_node.service import Service
from bitdust_node.waiting import within
from services.entangled_dht import EntangledDht

#: Seconds that a search may take, and users in one answer.
PATIENCE = 25.0
USERS = 100


class NodesLookup(Service):
    """
    Asks the DHT for random members of a layer: suppliers for a customer, routers for a node behind a wall.
    """

    name = "nodes_lookup"
    depends = ("entangled_dht", "p2p_hookups")
    needs_identity = True

    def __init__(self, clock: Clock, dht: EntangledDht) -> None:
        self._clock = clock
        self._dht = dht

    async def random(self, layer: int, count: int) -> list[str]:
        """
        IDURLs of up to `count` live users of a layer, in no order, never the own one.
        """
        search = self._dht.node.random_users(layer, min(count, USERS))
        return await within(self._clock, PATIENCE, search, "the search for users")

    @method("GET", "/dht/user/random/v1", "GET /d/u/r", needs=("service_nodes_lookup",))
    async def dht_user_random(self, layer_id: int = 0, count: int = 1) -> list[str]:
        """
        Pick random live users who announced themselves in a DHT layer.
        """
        users = await self.random(layer_id, count)
        if not users:
            raise NotFound("no users were found")
        return users
