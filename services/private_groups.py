"""
service_private_groups: groups of people who read what each of them posts.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from automats.machine import Step
from bitdust_node.api.registry import Answer, ApiError, method
from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError, Failed, Invalid, NotFound, Refused, Unavailable
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import global_id_of
from bitdust_node.identity.resolver import Resolver
from bitdust_node.keys.folder import Key
from bitdust_node.keys.ring import KeyRing
from bitdust_node.keys.rsa import SIZES
from bitdust_node.membership.roster import Circle
from bitdust_node.service import Service
from services.grouping.describing import describe
from services.grouping.groups import Groups, group_of
from services.grouping.shelf import talk_of
from services.hiring.family import Families
from services.membership.admission import Admission, circle_of, role_of
from services.membership.book import Book
from services.messaging.entries import GROUP, Conversation
from services.models.conversations import ConversationModel

NEEDS = ("service_private_groups",)
CHOSEN = {"only_active": ("active",), "include_mine": ("mine",), "include_granted": ("granted",)}
TRUSTED = ("trusted_global_id", "trusted_idurl", "trusted_id", "global_id", "idurl", "id")
#: Seconds that an answer may be waited for, at most.
PATIENCE = 600


class PrivateGroups(Service):
    """
    Makes groups, lets people in and out, takes part, and posts.
    """

    name: ClassVar[str] = "private_groups"
    depends: ClassVar[tuple[str, ...]] = ("my_data", "private_messages")
    needs_identity: ClassVar[bool] = True

    def __init__(
        self,
        groups: Groups,
        admission: Admission,
        book: Book,
        ring: KeyRing,
        families: Families,
        conversations: ConversationModel,
        resolver: Resolver,
        me: Me,
        config: Config,
    ) -> None:
        self._groups, self._admission, self._book, self._ring = groups, admission, book, ring
        self._families, self._conversations = families, conversations
        self._resolver, self._me, self._config = resolver, me, config
        self._undo: Callable[[], None] | None = None

    async def start(self) -> None:
        self._conversations.describe_by(GROUP, self._conversation)
        self._undo = self._groups.observe(self._moved)
        await self._groups.start()

    async def stop(self) -> None:
        await self._groups.stop()
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()

    def ready(self) -> str | None:
        running = self._groups.running()
        missing = sum(not participant.connected for participant in running)
        return f"{missing} of {len(running)} groups are not connected" if missing else None

    async def counters(self) -> Mapping[str, Mapping[str, Any]]:
        return {"group": {"active": len(self._groups.running())}}

    @method("GET", "/group/list/v1", "GET /gr/l", needs=NEEDS, accept=CHOSEN)
    async def groups_list(
        self, only_active: bool = False, include_mine: bool = True, include_granted: bool = True
    ) -> list[dict[str, Any]]:
        """
        List the known groups, own and joined.
        """
        shown = []
        for key in self._ring:
            mine = key.owner_id == self._me.node_id
            circle = group_of(key)
            if circle is None or not (include_mine if mine else include_granted):
                continue
            if not only_active or self._groups.get(circle) is not None:
                shown.append(self._describe(key, circle, with_key=not only_active))
        return shown

    @method("POST", "/group/create/v1", "POST /gr/c", needs=NEEDS)
    async def group_create(
        self,
        creator_id: str | None = None,
        key_size: int | None = None,
        label: str = "",
        timeout: int = 30,  # noqa: ASYNC109 - contract
        history: bool = True,
    ) -> Answer:
        """
        Create a new group.

        creator_id: accepted; groups belong to this identity. history: whoever is let in may read what was before him.
        """
        if creator_id and await self._node_of(creator_id) != self._me.node_id:
            raise Invalid("failed to create new group: only own groups can be created here")
        bits = key_size or self._config.number("personal/private-key-size")
        if bits not in SIZES:
            raise Invalid(f"failed to create new group: a key has {', '.join(map(str, SIZES))} bits")
        try:
            key = await self._ring.create(f"group_{secrets.token_hex(16)}", bits, label, active=True)
        except OSError as error:
            raise Failed(f"failed to create new group: {error}") from error
        try:
            await self._admission.begin(key, history, _seconds(timeout))
        except BitDustError as error:
            await self._ring.erase(key.key_id)
            raise Unavailable(f"failed to deliver group public key to my suppliers: {error}") from error
        shown = self._describe(key, circle_of(key), with_key=True) | key.describe()
        shown["group_key_id"] = shown.pop("key_id")
        return Answer(shown, message="new group created")

    @method("GET", "/group/info/v1", "GET /gr/i", needs=NEEDS)
    async def group_info(self, group_key_id: str) -> dict[str, Any]:
        """
        Show one group.
        """
        key, circle = self._group(group_key_id, "group key was not found")
        return self._describe(key, circle, with_key=True)

    @method("GET", "/group/info/dht/v1", needs=NEEDS, accept={"group_creator_id": ("group_creator_idurl", "id")})
    async def group_info_dht(self, group_creator_id: str) -> list[dict[str, Any]]:
        """
        Read from the DHT which suppliers keep the groups of somebody.
        """
        document = await self._user(group_creator_id)
        family = await self._families.read(document.idurl)
        return [
            {
                "customer_id": document.global_id,
                "customer_idurl": document.idurl,
                "supplier_id": global_id_of(idurl),
                "supplier_idurl": idurl,
                "position": position,
                "revision": family.revision,
                "timestamp": family.timestamp,
            }
            for position, idurl in enumerate(family.suppliers)
            if idurl
        ]

    @method("POST", "/group/join/v1", "POST /gr/j", needs=NEEDS)
    async def group_join(
        self, group_key_id: str, publish_events: bool = False, use_dht_cache: bool = True, wait_result: bool = True
    ) -> Answer:
        """
        Take part in a group: from now on its posts come here, also after a restart.

        publish_events, use_dht_cache: accepted; events are always published, suppliers that are known are used.
        """
        key, circle = self._group(group_key_id, "group key is not registered")
        try:
            await self._resolver.resolve(key.owner)
        except BitDustError as error:
            if self._book.newest(circle) is None:
                raise NotFound(f"failed caching group creator identity: {error}") from error
        present = self._groups.get(circle)
        if present is not None and present.connected:
            return Answer(self._describe(key, circle, with_key=True), message="group is already active")
        await self._ring.activate(key.key_id, active=True)
        participant = await self._groups.join(circle)
        if not wait_result:
            return Answer(self._describe(key, circle, with_key=True), message="group connection started")
        if not await participant.settled():
            shown = self._describe(key, circle, with_key=True)
            raise ApiError(f"group is disconnected: {participant.problem}", **shown)
        message = "group is refreshed" if present is not None else "group is connected"
        return Answer(self._describe(key, circle, with_key=True), message=message)

    @method("DELETE", "/group/leave/v1", "DELETE /gr/lv", needs=NEEDS)
    async def group_leave(self, group_key_id: str, erase_key: bool = False) -> Answer:
        """
        Take part in a group no longer.

        erase_key: forget the group; what was read stays in the history.
        """
        key, circle = self._group(group_key_id, "unknown group key")
        participant = await self._groups.leave(circle, erase_key)
        shown = self._describe(key, circle, with_key=True) | {"state": "CLOSED"} if participant is not None else None
        if erase_key:
            await self._ring.erase(key.key_id)
            return Answer(shown, message="group deactivated and deleted")
        await self._ring.activate(key.key_id, active=False)
        return Answer(shown, message="group deactivated")

    @method("PUT", "/group/reconnect/v1", needs=NEEDS)
    async def group_reconnect(self, group_key_id: str, use_dht_cache: bool = False) -> Answer:
        """
        Connect a group anew.
        """
        _, circle = self._group(group_key_id, "unknown group key")
        participant = self._groups.get(circle)
        if participant is None:
            raise Unavailable("group is not active at the moment")
        participant.reconnect()
        if not await participant.settled():
            raise Unavailable(f"group is disconnected: {participant.problem}")
        return Answer(message="group is connected")

    @method(
        "PUT",
        "/group/share/v1",
        "PUT /gr/sh",
        needs=NEEDS,
        accept={"group_key_id": ("key_id",), "trusted_user_id": TRUSTED},
    )
    async def group_share(
        self,
        group_key_id: str,
        trusted_user_id: str,
        timeout: int = 30,  # noqa: ASYNC109 - contract
        publish_events: bool = False,
        role: str = "writer",
    ) -> Answer:
        """
        Let somebody into a group, or give a member another role.

        role: `reader`, `writer`, or `admin`, who may let in and remove others.
        """
        key, _ = self._group(group_key_id, "unknown group key")
        wanted = role_of(role)
        user = await self._user(trusted_user_id)
        try:
            await self._admission.let_in(key, user, wanted, _seconds(timeout))
        except (Invalid, Refused):
            raise
        except BitDustError as error:
            raise type(error)(f"grant access failed: {error}") from error
        return Answer(message="access granted")

    @method("DELETE", "/group/revoke/v1", needs=NEEDS, accept={"group_key_id": ("key_id",), "user_id": TRUSTED})
    async def group_revoke(self, group_key_id: str, user_id: str) -> Answer:
        """
        Remove somebody from a group: he can not read what is posted from now on, nor post.
        """
        key, _ = self._group(group_key_id, "unknown group key")
        await self._admission.put_out(key, await self._user(user_id))
        return Answer(message="access revoked")

    @method("POST", "/message/send/group/v1", "POST /msg/sg", needs=NEEDS)
    async def message_send_group(self, group_key_id: str, data: dict[str, Any]) -> Answer:
        """
        Publish a JSON object to a group. It is safe when this answers; all members get it once, this node too.
        """
        _, circle = self._group(group_key_id, "unknown group key", unreadable="wrong group id")
        participant = self._groups.get(circle)
        if participant is None:
            raise Unavailable("group is not active")
        post = await participant.send(data)
        return Answer({"message_id": post.message_id}, message="group message sent")

    def _group(self, group_key_id: str, unknown: str, unreadable: str = "invalid group id") -> tuple[Key, Circle]:
        if not group_key_id.strip().startswith("group_"):
            raise Invalid("invalid group id")
        try:
            key = self._ring.find(self._ring.parse(group_key_id))
        except Invalid:
            raise Invalid(unreadable) from None
        if key is None:
            raise NotFound(f"{unknown}: {group_key_id.strip()[:200]}")
        circle = group_of(key)
        if circle is None:
            raise Invalid("invalid group id")
        return key, circle

    async def _user(self, user_id: str) -> Document:
        try:
            return await self._resolver.resolve(user_id.strip())
        except Invalid:
            raise Invalid("wrong user id") from None

    async def _node_of(self, user_id: str) -> str:
        return (await self._user(user_id)).node_id

    def _moved(self, circle: Circle, step: Step) -> None:
        if step.state is not step.next:
            self._conversations.changed(talk_of(circle), str(step.state))

    def _conversation(self, one: Conversation) -> dict[str, Any]:
        """The fields of the group, for the list of conversations."""
        key = self._ring.of(one.talk.owner, one.talk.alias)
        circle = group_of(key) if key is not None else None
        if key is None or circle is None:
            return {"state": "CLEANED"}
        return {"key_id": key.key_id} | self._describe(key, circle, with_key=False)

    def _describe(self, key: Key, circle: Circle, with_key: bool) -> dict[str, Any]:
        shown = describe(key, circle, self._groups, self._book, self._resolver, self._me)
        return shown | {"group_key_info": key.describe()} if with_key else shown


def _seconds(timeout: int) -> float:
    return float(min(max(timeout, 1), PATIENCE))
