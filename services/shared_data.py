"""
service_shared_data: folders that several people read and write.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from bitdust_node.api.models import Source
from bitdust_node.api.registry import Answer, ApiError, method
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError, Failed, Invalid, NotFound, Refused, Unavailable
from bitdust_node.events import Events
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.resolver import Resolver
from bitdust_node.keys.folder import Key
from bitdust_node.keys.ring import KeyRing
from bitdust_node.keys.rsa import SIZES
from bitdust_node.service import Service
from services.catalog.places import SHARE
from services.membership.admission import Admission, role_of
from services.membership.book import Book
from services.models.shares import SharedFileModel, ShareModel
from services.my_data import MyData
from services.sharing.chronicle import Deed
from services.sharing.shares import Shares, circle_of
from services.sharing.showing import describe

NEEDS = ("service_shared_data",)
TRUSTED = ("trusted_global_id", "trusted_idurl", "trusted_id", "global_id", "idurl", "id")
CHOSEN = {"only_active": ("active",), "include_mine": ("mine",), "include_granted": ("granted",)}
#: Seconds that an answer may be waited for, at most, and that the first roster of a share may take.
PATIENCE, FIRST_ROSTER = 600, 15.0
#: Deeds that one answer shows of each share.
HISTORY_LIMIT = 1000


class SharedData(Service):
    """
    Makes shares, lets people in and out, opens and closes them. Files are moved by the methods `file_…`.
    """

    name: ClassVar[str] = "shared_data"
    depends: ClassVar[tuple[str, ...]] = ("my_data",)
    needs_identity: ClassVar[bool] = True

    def __init__(
        self,
        my_data: MyData,
        shares: Shares,
        admission: Admission,
        book: Book,
        ring: KeyRing,
        resolver: Resolver,
        me: Me,
        config: Config,
        events: Events,
        clock: Clock,
        files: SharedFileModel,
        locations: ShareModel,
    ) -> None:
        self._my_data, self._shares, self._admission, self._book, self._ring = my_data, shares, admission, book, ring
        self._resolver, self._me, self._config, self._events, self._clock = resolver, me, config, events, clock
        self._files, self._locations = files, locations

    async def start(self) -> None:
        await self._shares.start()

    async def stop(self) -> None:
        await self._shares.stop()

    def ready(self) -> str | None:
        opened = [share for key in self._shares.known_keys() if (share := self._shares.get(circle_of(key))) is not None]
        missing = sum(not share.connected for share in opened)
        return f"{missing} of {len(opened)} shares are not connected" if missing else None

    def models(self) -> Sequence[Source]:
        return (self._files, self._locations)

    async def counters(self) -> Mapping[str, Mapping[str, Any]]:
        return {"share": {"active": len(self._shares.all_parts())}}

    @method("GET", "/share/list/v1", "GET /sh/l", needs=NEEDS, accept=CHOSEN)
    async def shares_list(
        self, only_active: bool = False, include_mine: bool = True, include_granted: bool = True
    ) -> list[dict[str, Any]]:
        """
        List the known shared locations, own and received.
        """
        shown = []
        for key in self._shares.known_keys():
            circle = circle_of(key)
            share = self._shares.get(circle)
            mine = key.owner_id == self._me.node_id
            if (include_mine if mine else include_granted) and (share is not None or not only_active):
                shown.append(describe(key, share, self._shares.failure(circle)))
        return shown

    @method("GET", "/share/info/v1", needs=NEEDS)
    async def share_info(self, key_id: str) -> dict[str, Any]:
        """
        Show one shared location, and who belongs to it.
        """
        key = self._key(key_id)
        circle = circle_of(key)
        shown = describe(key, self._shares.get(circle), self._shares.failure(circle))
        return shown | {"members": self._members(key)}

    @method("POST", "/share/create/v1", "POST /sh/c", needs=NEEDS)
    async def share_create(
        self, owner_id: str | None = None, key_size: int | None = None, label: str = "", active: bool = True
    ) -> Answer:
        """
        Create a new shared location.

        owner_id: accepted; shares belong to this identity. active: open it at once, and after each start.
        """
        if owner_id and (await self._user(owner_id)).node_id != self._me.node_id:
            raise Invalid("failed to generate private key: only own shares can be created here")
        bits = key_size or self._config.number("personal/private-key-size")
        if bits not in SIZES:
            raise Invalid(f"failed to generate private key: it has {', '.join(map(str, SIZES))} bits")
        label = label or f"share{datetime.fromtimestamp(self._clock.seconds(), UTC):%Y%m%d%H%M%S}"
        try:
            key = await self._ring.create(f"{SHARE}{secrets.token_hex(16)}", bits, label, active)
        except OSError as error:
            raise Failed(f"failed to generate private key: {error}") from error
        try:
            await self._admission.begin(key, True, FIRST_ROSTER)
            if active:
                await self._shares.open(key)
            else:
                await self._shares.take_up(key)
        except (BitDustError, OSError) as error:
            await self._shares.forget(key)
            await self._admission.undo(key)
            await self._ring.erase(key.key_id)
            raise Unavailable(f"the share can not be created now: {error}") from error
        return Answer(key.describe(), message="new share created")

    @method("DELETE", "/share/delete/v1", "DELETE /sh/d", needs=NEEDS)
    async def share_delete(self, key_id: str) -> Answer:
        """
        Close a share and erase its key. The owner's suppliers remove what they keep of it.
        """
        key = self._key(key_id)
        circle = circle_of(key)
        share, failure = self._shares.get(circle), self._shares.failure(circle)
        if share is None and failure is None:
            raise NotFound("share was not opened")
        shown = describe(key, share, failure)
        if key.owner_id == self._me.node_id:
            await self._admission.end(key)
        await self._shares.forget(key)
        await self._ring.erase(key.key_id)
        return Answer(shown, message="share deleted")

    @method("PUT", "/share/grant/v1", "PUT /sh/g", needs=NEEDS, accept={"trusted_user_id": TRUSTED})
    async def share_grant(
        self,
        key_id: str,
        trusted_user_id: str,
        timeout: int = 30,  # noqa: ASYNC109 - contract
        publish_events: bool = True,
        role: str = "writer",
    ) -> Answer:
        """
        Give another user access to a share, or a member another role.

        role: `reader`, `writer`, or `admin`, who may let in and remove others.
        """
        key = self._key(key_id)
        wanted = role_of(role)
        user = await self._user(trusted_user_id)
        try:
            await self._admission.let_in(key, user, wanted, float(min(max(timeout, 1), PATIENCE)))
        except (Invalid, Refused):
            raise
        except BitDustError as error:
            raise type(error)(f"grant access failed: {error}") from error
        return Answer(message="access granted")

    @method("PUT", "/share/revoke/v1", needs=NEEDS, accept={"user_id": TRUSTED})
    async def share_revoke(self, key_id: str, user_id: str) -> Answer:
        """
        Remove a user from a share: he can neither write to it nor read what comes from now on.
        """
        await self._admission.put_out(self._key(key_id), await self._user(user_id))
        return Answer(message="access revoked")

    @method("PUT", "/share/open/v1", "POST /share/open/v1", "POST /sh/o", needs=NEEDS)
    async def share_open(self, key_id: str, publish_events: bool = False) -> Answer:
        """
        Connect a share to its suppliers, now and after each start.
        """
        key = self._key(key_id)
        try:
            await self._resolver.resolve(key.owner)
        except BitDustError as error:
            if self._book.newest(circle_of(key)) is None:
                raise Unavailable(f"failed caching identity of the share creator: {error}") from error
        before = self._shares.get(circle_of(key))
        refreshed = before is not None and before.connected
        share = await self._shares.open(key)
        if not await share.settled():
            raise ApiError("share disconnected: too few of its suppliers are reached", **describe(key, share))
        return Answer(describe(self._key(key_id), share), message="share refreshed" if refreshed else "share opened")

    @method("PUT", "/share/close/v1", "DELETE /share/close/v1", "DELETE /sh/cl", needs=NEEDS)
    async def share_close(self, key_id: str) -> Answer:
        """
        Disconnect a share; its key stays.
        """
        key = self._key(key_id)
        share = await self._shares.close(key)
        failure = self._shares.failure(circle_of(key))
        return Answer(describe(self._key(key_id), share, failure), message="share closed")

    @method("GET", "/share/history/v1", "GET /sh/h", needs=NEEDS)
    async def share_history(self, key_id: str | None = None) -> list[dict[str, Any]]:
        """
        Tell who changed what in the opened shares, and when; the newest first.
        """
        told = []
        for key in [self._key(key_id)] if key_id else self._shares.known_keys():
            share = self._shares.get(circle_of(key))
            if share is not None:
                for deed in await share.place.chronicle.newest(HISTORY_LIMIT):
                    told.append((deed.time, {"key_id": key.key_id, **self._deed(key, deed)}))
        return [deed for _, deed in sorted(told, key=lambda one: -one[0])]

    def _deed(self, key: Key, deed: Deed) -> dict[str, Any]:
        member = self._resolver.cached(deed.node_id)
        detail = deed.detail
        if not deed.path and detail:
            node_id, _, role = detail.partition(" ")
            meant = self._resolver.cached(node_id)
            detail = f"{meant.global_id if meant is not None else node_id} {role}".strip()
        return {
            "time": deed.time // 1000,
            "user_id": member.global_id if member is not None else deed.node_id,
            "action": deed.action,
            "remote_path": f"{key.key_id}:{deed.path}" if deed.path else "",
            "detail": detail,
        }

    def _members(self, key: Key) -> list[dict[str, Any]]:
        signed = self._book.newest(circle_of(key))
        shown = []
        for member in signed.roster.members if signed is not None else []:
            document = self._resolver.cached(member.node_id)
            shown.append(
                {
                    "global_id": document.global_id if document is not None else member.node_id,
                    "idurl": member.idurl,
                    "role": str(member.role),
                    "since": member.since,
                    "owner": member.node_id == key.owner_id,
                }
            )
        return shown

    def _key(self, key_id: str) -> Key:
        if not key_id.strip().startswith(SHARE):
            raise Invalid("invalid share id")
        try:
            key = self._ring.find(self._ring.parse(key_id))
        except Invalid:
            raise Invalid("invalid share id") from None
        if key is None:
            raise NotFound(f"share key was not found: {key_id.strip()[:200]}")
        circle_of(key)
        return key

    async def _user(self, user_id: str) -> Document:
        try:
            return await self._resolver.resolve(user_id.strip())
        except Invalid:
            raise Invalid("wrong user id") from None
