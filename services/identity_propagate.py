"""
service_identity_propagate: keeps the published identity of this node true; the friends, whose identities it follows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from twisted.logger import Logger

from bitdust_node.api.models import Source
from bitdust_node.api.registry import Answer, method
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError, Conflict, Invalid, NotFound, Unavailable
from bitdust_node.identity import contacts
from bitdust_node.identity.addresses import Addresses
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import Locator
from bitdust_node.identity.registrar import OPTIONS, Registrar
from bitdust_node.identity.resolver import Resolver
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from services.models.friends import CorrespondentModel
from services.people.friends import Friends, check_alias
from services.people.nicknames import Nicknames, check_nickname
from services.people.presence import Presence

NEEDS = ("service_identity_propagate",)
USER = ("global_id", "idurl", "id")
#: Seconds that further changes are waited for before they are published together.
SETTLE = 2.0


class IdentityPropagate(Service):
    """
    Compares what the identity servers hold with what is true: at start, from time to time, and when ports, switches
    of transports or the own address change.
    """

    log = Logger()
    name: ClassVar[str] = "identity_propagate"
    depends: ClassVar[tuple[str, ...]] = ("gateway", "tcp_connections")
    needs_identity: ClassVar[bool] = True

    def __init__(
        self,
        me: Me,
        registrar: Registrar,
        resolver: Resolver,
        addresses: Addresses,
        config: Config,
        clock: Clock,
        friends: Friends,
        presence: Presence,
        nicknames: Nicknames,
        model: CorrespondentModel,
    ) -> None:
        self._me, self._registrar, self._resolver = me, registrar, resolver
        self._addresses, self._config, self._clock = addresses, config, clock
        self._friends, self._presence, self._nicknames, self._model = friends, presence, nicknames, model
        self._tasks = Tasks("identity_propagate")
        self._undo: list[Callable[[], None]] = []
        self._pending: Any = None

    async def start(self) -> None:
        await self._resolver.start()
        self._tasks = Tasks("identity_propagate")
        interval = max(1, self._config.number(f"{OPTIONS}/health-check-interval-seconds"))
        # Not waited for: the node works with the document that it has while the servers are away.
        self._tasks.every(interval, "check the published identity", self._check, self._clock, at_once=True)
        self._undo = [self._addresses.on_change(self._changed)]
        watched = (*contacts.OPTIONS, f"{OPTIONS}/known-servers", f"{OPTIONS}/preferred-servers")
        self._undo += [self._config.watch(option, self._changed) for option in watched]
        await self._presence.start()

    async def stop(self) -> None:
        await self._presence.stop()
        for undo in self._undo:
            undo()
        self._undo = []
        if self._pending is not None and self._pending.active():
            self._pending.cancel()
        await self._tasks.stop()

    async def reconnect(self) -> None:
        self._changed()

    async def counters(self) -> Mapping[str, Mapping[str, Any]]:
        await self._friends.load()
        return {"contact": {"correspondents": len(self._friends)}}

    def models(self) -> Sequence[Source]:
        return (self._model,)

    def network_configuration(self) -> dict[str, Any] | None:
        if not self._me.has_identity:
            return None
        document = self._me.document
        return {
            "known_servers": self._config.words(f"{OPTIONS}/known-servers"),
            "preferred_servers": self._config.words(f"{OPTIONS}/preferred-servers"),
            "min_servers": self._config.number(f"{OPTIONS}/min-servers"),
            "max_servers": self._config.number(f"{OPTIONS}/max-servers"),
            "sources": list(document.sources),
            "contacts": list(document.contacts),
            "revision": document.revision,
        }

    @method("GET", "/friend/list/v1", "GET /fr/l")
    async def friends_list(self) -> list[dict[str, Any]]:
        """
        List the friends, the oldest first, and whether they are online.
        """
        await self._friends.load()
        return [self._presence.describe(friend) for friend in self._friends]

    @method("POST", "/friend/add/v1", "POST /fr/a", needs=NEEDS, accept={"trusted_user_id": USER})
    async def friend_add(self, trusted_user_id: str, alias: str = "", share_person_key: bool = True) -> Answer:
        """
        Take a user into the list of friends: by IDURL, global id, or by nickname if one user alone has it.
        """
        document = await self._user(trusted_user_id)
        if document.node_id == self._me.node_id:
            raise Invalid("can not add own identity as a friend")
        new = await self._friends.add(document, check_alias(alias))
        return Answer(message="new friend has been added" if new else "this friend was already added")

    @method(
        "DELETE", "/friend/add/v1", "DELETE /friend/remove/v1", "DELETE /fr/d", needs=NEEDS, accept={"user_id": USER}
    )
    async def friend_remove(self, user_id: str) -> Answer:
        """
        Strike a user out of the list of friends: by IDURL, global id or alias.
        """
        if not user_id.strip():
            raise Invalid("must specify the IDURL or global id of the friend")
        friend = await self._friends.remove(user_id)
        return Answer(message=f"friend {friend.alias or self._friends.idurl(friend)} has been removed")

    async def _user(self, text: str) -> Document:
        try:
            idurl = Locator.parse(text).idurl
        except Invalid:
            idurl = await self._by_nickname(text)
        try:
            return await self._resolver.resolve(idurl)
        except BitDustError as error:
            raise Unavailable(f"failed caching user identity: {error}") from error

    async def _by_nickname(self, text: str) -> str:
        try:
            nickname = check_nickname(text)
        except Invalid:
            raise Invalid("must specify the IDURL, the global id or the nickname of the remote user") from None
        holders = await self._nicknames.holders(nickname, attempts=1)
        if not holders:
            raise NotFound(f"nobody has the nickname {nickname}")
        if len(holders) > 1:
            names = ", ".join(holder.global_id for holder in holders[:10])
            raise Conflict(f"several users have the nickname {nickname}, say which one you mean: {names}")
        return holders[0].idurl

    def _changed(self, *_: object) -> None:
        if self._pending is None or not self._pending.active():
            self._pending = self._clock.callLater(SETTLE, self._publish)

    def _publish(self) -> None:
        self._tasks.spawn("publish the identity", self._check())

    async def _check(self) -> None:
        try:
            await self._registrar.check()
        except BitDustError as error:
            self.log.warn("the own identity could not be published: {reason}", reason=str(error))
