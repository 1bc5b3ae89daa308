"""
Nicknames in the DHT: anybody may take any, several people may have the same, and all of them are found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bitdust_node.dht.node import DhtNode
from bitdust_node.dht.records import Record
from bitdust_node.errors import BitDustError, Conflict, Full, Invalid
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import Locator

KIND = "nickname"
#: Places in a row that holders of one nickname take.
SLOTS = 32
#: Holders that are looked for in one place: nodes of the DHT keep the first that they saw, which need not be the same.
OWNERS = 8

_NICKNAME = re.compile(r"[A-Za-z0-9_.,{}\[\]()@!$^&*=+-]{3,20}")


@dataclass(frozen=True)
class Holder:
    """
    Somebody who has a nickname. position: the place in the DHT where he says so.
    """

    nickname: str
    position: int
    idurl: str

    @property
    def global_id(self) -> str:
        return Locator.of_idurl(self.idurl).global_id


def check_nickname(text: str) -> str:
    """
    The nickname without white space around it; anything else raises `Invalid`.
    """
    text = text.strip()
    if not text:
        raise Invalid("nickname required")
    if not _NICKNAME.fullmatch(text):
        raise Invalid("invalid nickname")
    return text


class Nicknames:
    """
    Finds holders of nicknames, and says which one this node has.
    """

    def __init__(self, dht: DhtNode, me: Me) -> None:
        self._dht, self._me = dht, me

    async def holders(self, nickname: str, attempts: int, most: int = SLOTS * OWNERS) -> list[Holder]:
        """
        The holders of a nickname, by position.

        attempts: empty places after which the search ends; one where somebody lied is not empty. most: as many
        holders end it too. Raises `Invalid` for what is no nickname, `Unavailable` while the DHT is not joined.
        """
        nickname = check_nickname(nickname)
        found: list[Holder] = []
        for position in range(SLOTS):
            here, empty = await self._at(nickname, position)
            attempts -= empty
            found += [holder for holder in here if holder.idurl not in {other.idurl for other in found}]
            if attempts <= 0 or len(found) >= most:
                break
        return found[:most]

    async def publish(self, nickname: str) -> Holder:
        """
        Take a nickname and keep it alive, in place of any that this node had before. Raises `Full` if too many people
        have it, and what else the DHT said.
        """
        nickname = check_nickname(nickname)
        for position in await self._places(nickname):
            value = {"idurl": self._me.idurl, "nickname": nickname, "position": position}
            try:
                await self._dht.put(KIND, _key(nickname, position), value)
            except Conflict:
                continue  # somebody was quicker
            await self._drop(_key(nickname, position))
            return Holder(nickname, position, self._me.idurl)
        raise Full(f"{SLOTS} people have the nickname {nickname} already")

    async def withdraw(self) -> None:
        """
        Have no nickname any more; what others keep of it ends within a day.
        """
        await self._drop("")

    async def _places(self, nickname: str) -> list[int]:
        """
        Where to try, in this order: where it was before, then from the first free place on.
        """
        kept = set(self._dht.published(KIND))
        before = [position for position in range(SLOTS) if _key(nickname, position) in kept]
        if before:
            return before + [position for position in range(SLOTS) if position not in before]
        for position in range(SLOTS):
            here, _ = await self._at(nickname, position)
            if not here or any(holder.idurl == self._me.idurl for holder in here):
                return list(range(position, SLOTS))
        return []

    async def _drop(self, but: str) -> None:
        for key in self._dht.published(KIND):
            if key != but:
                await self._dht.drop(KIND, key)

    async def _at(self, nickname: str, position: int) -> tuple[list[Holder], bool]:
        reading = await self._dht.read(KIND, _key(nickname, position), owners=OWNERS)
        records = [reading.record] if reading.record else []
        found = [holder for record in (*records, *reading.others) if (holder := _holder(record)) is not None]
        return found, not found and not reading.refused


def _key(nickname: str, position: int) -> str:
    return f"{KIND}:{nickname}:{position}"


def _holder(record: Record) -> Holder | None:
    value = record.contents()
    try:
        return Holder(value["nickname"], value["position"], Locator.of_idurl(value["idurl"]).idurl)
    except (BitDustError, KeyError):
        return None
