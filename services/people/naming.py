"""
The nickname of this node, and those of others, in the API.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from bitdust_node.api.registry import method
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError, Invalid
from bitdust_node.identity.me import Me
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from services.people.nicknames import SLOTS, Holder, Nicknames, check_nickname

NEEDS = ("service_private_messages", "service_entangled_dht")
OPTION = "personal/nickname"
#: Seconds after which a nickname that could not be published is tried again.
AGAIN = 120.0


class NicknameService(Service):
    """
    The part of service_private_messages that publishes the nickname of the option, and finds those of others.
    """

    log = Logger()

    def __init__(self, nicknames: Nicknames, config: Config, me: Me, clock: Clock) -> None:
        self._nicknames, self._config, self._me, self._clock = nicknames, config, me, clock
        self._tasks = Tasks("nickname")
        self._undo: list[Callable[[], None]] = []
        #: Nickname and IDURL as they are in the DHT; None: not known.
        self._done: tuple[str, str] | None = None
        self._problem: str | None = None
        self._working = False

    async def start(self) -> None:
        self._tasks = Tasks("nickname")
        self._working, self._done = False, None
        self._undo = [self._config.watch(OPTION, self._changed), self._me.on_change(self._changed)]
        self._tasks.every(AGAIN, "publish the nickname", self.publish, self._clock, at_once=True)

    async def stop(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []
        await self._tasks.stop()

    def ready(self) -> str | None:
        return f"nickname: {self._problem}" if self._problem else None

    async def publish(self) -> None:
        """
        Make the DHT say what the option says, if it does not yet.
        """
        if self._working:
            return
        self._working = True
        try:
            # the option may change meanwhile
            while self._done != (wanted := (self._config.text(OPTION).strip(), self._me.idurl)):
                await self._say(wanted[0])
                self._done = wanted
        except BitDustError as error:
            self._problem = str(error)
            self.log.warn("the nickname is not published: {error}", error=str(error))
        finally:
            self._working = False

    @method(
        "GET", "/user/search/v1", "GET /user/search/{nickname}/v1", "GET /us/s", "GET /us/s/{nickname}", needs=NEEDS
    )
    async def user_search(self, nickname: str, attempts: int = 1) -> dict[str, Any]:
        """
        Find the first user with a nickname. Nicknames are not unique: see `user_observe`.
        """
        found = await self._nicknames.holders(nickname, _bounded(attempts), most=1)
        if found:
            return _shown(found[0])
        return {
            "result": "not exist",
            "nickname": check_nickname(nickname),
            "position": -1,
            "global_id": "",
            "idurl": "",
        }

    @method(
        "GET", "/user/observe/v1", "GET /user/observe/{nickname}/v1", "GET /us/o", "GET /us/o/{nickname}", needs=NEEDS
    )
    async def user_observe(self, nickname: str, attempts: int = 3) -> list[dict[str, Any]]:
        """
        List all users with a nickname; the search ends after so many places of the DHT where there is none.
        """
        return [_shown(holder) for holder in await self._nicknames.holders(nickname, _bounded(attempts))]

    def _changed(self, *_: object) -> None:
        if self._me.has_identity:
            self._tasks.spawn("publish the nickname", self.publish())

    async def _say(self, nickname: str) -> None:
        self._problem = None
        try:
            if nickname:
                await self._nicknames.publish(nickname)
            else:
                await self._nicknames.withdraw()
        except Invalid as error:
            # no use in trying that again
            self._problem = str(error)
            await self._nicknames.withdraw()


def _bounded(attempts: int) -> int:
    return min(max(attempts, 1), SLOTS)


def _shown(holder: Holder) -> dict[str, Any]:
    return {
        "result": "exist",
        "nickname": holder.nickname,
        "position": holder.position,
        "global_id": holder.global_id,
        "idurl": holder.idurl,
    }
