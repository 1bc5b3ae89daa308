"""
All groups that this node takes part in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from automats.machine import Step
from bitdust_node.afterwards import Afterwards
from bitdust_node.errors import Invalid, NotFound
from bitdust_node.identity.names import NodeId
from bitdust_node.keys.folder import Key
from bitdust_node.membership.roster import Circle
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import all_of
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.posts import POST_NEW, PostBatch
from services.catalog.key_copies import KeyCopies
from services.grouping.means import Means
from services.grouping.participant import Participant
from services.grouping.shelf import Known

#: Beginning of the alias of a group.
GROUP = "group_"


class Groups:
    """
    Participants by group. `start` takes up those that were joined when the node stopped.
    """

    def __init__(self, means: Means, key_copies: KeyCopies) -> None:
        self._means, self._key_copies = means, key_copies
        self._tasks, self._afterwards = Tasks("groups"), Afterwards(means.clock, "groups")
        self._participants: dict[Circle, Participant] = {}
        self._undo: list[Callable[[], None]] = []
        self._observers: tuple[Callable[[Circle, Step], object], ...] = ()
        #: Groups that were joined once and not forgotten.
        self.known: dict[Circle, Known] = {}

    async def start(self) -> None:
        means = self._means
        self._tasks, self._afterwards = Tasks("groups"), Afterwards(means.clock, "groups")
        await means.shelf.open()
        await means.couriers.start()
        await means.endings.start()
        means.router.serve(POST_NEW, self._new)
        self._undo = [
            means.router.contacts.observe(self._contact_moved),
            means.book.observe(self._roster_changed),
            self._key_copies.observe_returned(self._returned),
        ]
        self.known = await means.shelf.known()
        for circle, known in self.known.items():
            key = means.ring.of(circle.owner, circle.alias)
            if known.joined and key is not None and key.active:
                await self._begin(circle, known.consumed)
        for key in list(means.ring):
            if group_of(key) not in self.known:
                self._returned(key)

    async def stop(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []
        self._means.router.withdraw(POST_NEW)
        participants, self._participants = list(self._participants.values()), {}
        for result in await all_of(participant.leave() for participant in participants):
            if isinstance(result, Exception):
                raise result
        await self._tasks.stop()
        await self._afterwards.close()
        await self._means.endings.stop()
        await self._means.couriers.stop()

    def observe(self, callback: Callable[[Circle, Step], object]) -> Callable[[], None]:
        """
        Call back with each step of each participant; returns the function that ends it.
        """
        self._observers = (*self._observers, callback)

        def undo() -> None:
            self._observers = tuple(other for other in self._observers if other is not callback)

        return undo

    def get(self, circle: Circle) -> Participant | None:
        """
        The participant of a group that is joined.
        """
        return self._participants.get(circle)

    def running(self) -> list[Participant]:
        """
        Those of all groups that are joined.
        """
        return list(self._participants.values())

    async def join(self, circle: Circle) -> Participant:
        """
        Take part in a group from now on, also after a restart.
        """
        participant = self._participants.get(circle)
        if participant is not None:
            participant.join()
            return participant
        await self._means.shelf.note(circle, joined=True)
        self.known = await self._means.shelf.known()
        return await self._begin(circle, self.known[circle].consumed)

    async def leave(self, circle: Circle, erase: bool) -> Participant | None:
        """
        Take part no longer. erase: forget all but the history.
        """
        participant = self._participants.pop(circle, None)
        if participant is not None:
            await participant.leave()
        if erase:
            await self._means.shelf.forget(circle)
            await self._means.book.forget(circle)
        elif circle in self.known:
            await self._means.shelf.note(circle, joined=False)
        self.known = await self._means.shelf.known()
        return participant

    def _returned(self, key: Key) -> None:
        """After a recovery: the key of a group that was joined is active; its posts are with the suppliers."""
        if key.active and key.private is not None and (circle := group_of(key)) is not None:
            what = "join a group that came back"
            self._tasks.spawn(what, self._afterwards.surely(what, partial(self._join_returned, circle)))

    async def _join_returned(self, circle: Circle) -> None:
        if self._means.ring.of(circle.owner, circle.alias) is not None:
            await self.join(circle)

    async def _begin(self, circle: Circle, consumed: int) -> Participant:
        participant = self._participants[circle] = Participant(circle, self._means, self._moved, consumed)
        try:
            await participant.start()
        except BaseException:
            # it does not know what is here: whoever joins once more gets another one
            self._participants.pop(circle, None)
            await participant.leave()
            raise
        return participant

    async def _new(self, peer: NodeId, batch: PostBatch) -> Nothing:
        participant = self._participants.get(batch.circle)
        if participant is None:
            raise NotFound("this node does not listen to you")
        await participant.pushed(peer, batch)
        return Nothing()

    def _contact_moved(self, node_id: NodeId, old: str, new: str) -> None:
        if old == "CONNECTED" and new != "CONNECTED":
            for participant in self.running():
                participant.contact_lost(node_id)

    def _roster_changed(self, circle: Circle) -> None:
        participant = self._participants.get(circle)
        if participant is not None:
            participant.roster_changed()

    def _moved(self, circle: Circle, step: Step) -> None:
        for callback in self._observers:
            callback(circle, step)


def group_of(key: Key) -> Circle | None:
    """
    The group that a key stands for.
    """
    try:
        return Circle.of(key.owner_id, key.alias) if key.alias.startswith(GROUP) else None
    except Invalid:
        return None
