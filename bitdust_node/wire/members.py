"""
What nodes say to each other about the rosters of shares and groups. docs/groups.md has the exchanges.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bitdust_node.membership.roster import ROSTER_LIMIT, Circle
from bitdust_node.wire.command import Command, Nothing


class RosterPut(msgspec.Struct, frozen=True, array_like=True):
    """A signed roster, packed: to a supplier of the owner, who keeps it, or to a member."""

    roster: Annotated[bytes, Meta(max_length=ROSTER_LIMIT)]


class RosterKept(msgspec.Struct, frozen=True, array_like=True):
    """number: of the newest roster that the other side has now."""

    number: int


class RosterGet(msgspec.Struct, frozen=True, array_like=True):
    """The first roster with a number above `after`; -1: the newest. Only members get an answer."""

    circle: Circle
    after: Annotated[int, Meta(ge=-1, lt=1 << 40)] = -1


class RosterAnswer(msgspec.Struct, frozen=True, array_like=True):
    """roster: packed; empty if there is none above that number. newest: number of the newest one."""

    roster: Annotated[bytes, Meta(max_length=ROSTER_LIMIT)]
    newest: int


class CircleName(msgspec.Struct, frozen=True, array_like=True):
    """One share."""

    circle: Circle


ROSTER_PUT = Command("roster.put", RosterPut, RosterKept, limit=ROSTER_LIMIT + 1024)
ROSTER_GET = Command("roster.get", RosterGet, RosterAnswer)
#: To another member: there is a newer roster.
ROSTER_NEWS = Command("roster.news", RosterPut, Nothing, limit=ROSTER_LIMIT + 1024)
#: From the owner: nothing of a share is needed any more.
CIRCLE_END = Command("circle.end", CircleName, Nothing)
#: From a supplier to members who have asked for a list: there is something new in a share.
CIRCLE_NEWS = Command("circle.news", CircleName, Nothing)
