"""
Who of the friends is online.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError
from bitdust_node.identity.names import Locator, NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.router.router import Router
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import all_of
from services.people.friends import Friend, Friends

#: Seconds between two rounds of calling friends who are away, for one call, and how many are called at once.
ROUND = 120.0
PATIENCE = 20.0
AT_ONCE = 8
#: Labels of the 2020 edition for the states of contacts.
LABELS = {"CONNECTED": "online", "PING?": "checking", "OFFLINE": "offline"}


class Presence:
    """
    Keeps a session with every friend who can be reached, and publishes who comes and goes.
    """

    def __init__(self, router: Router, resolver: Resolver, friends: Friends, clock: Clock) -> None:
        self._router, self._resolver, self._friends, self._clock = router, resolver, friends, clock
        self._tasks = Tasks("presence")
        self._undo: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Begin to call friends."""
        await self._friends.load()
        self._tasks = Tasks("presence")
        self._undo = [self._router.contacts.observe(self._friends.moved), self._friends.observe(self._changed)]
        self._tasks.every(ROUND, "call friends", self._call_all, self._clock, at_once=True)

    async def stop(self) -> None:
        """Call nobody any more."""
        for undo in self._undo:
            undo()
        self._undo = []
        await self._tasks.stop()

    def describe(self, friend: Friend) -> dict[str, Any]:
        """
        A friend as the API shows him; OFFLINE while nobody is called.
        """
        idurl = self._friends.idurl(friend)
        place = Locator.of_idurl(idurl)
        shown: dict[str, Any] = {
            "idurl": idurl,
            "global_id": place.global_id,
            "idhost": place.host if place.port == 80 else f"{place.host}:{place.port}",
            "username": place.user,
            "alias": friend.alias,
        }
        contact = self._router.contacts.get(friend.node_id) if self._undo else None
        if contact is not None:
            machine = contact.machine
            shown |= {"index": machine.index, "id": machine.id, "name": machine.automat.name, "state": contact.state}
        state = contact.state if contact else "OFFLINE"
        return shown | {"contact_state": state, "contact_status": LABELS.get(state, "?")}

    def _changed(self, friend: Friend, kept: bool) -> None:
        if kept:
            self._tasks.spawn("call a friend", self._call(friend.node_id))

    async def _call_all(self) -> None:
        away = [friend.node_id for friend in self._friends if not self._router.contacts.is_online(friend.node_id)]
        await all_of([self._call(node_id) for node_id in away], limit=AT_ONCE)

    async def _call(self, node_id: NodeId) -> None:
        try:
            await self._resolver.resolve(node_id)
            await self._router.reach(node_id, PATIENCE)
        except BitDustError:
            return  # the contact says it
