"""
From a remote path to the parts that work on its catalog: the own ones, or those of a share.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import signature
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from bitdust_node.errors import NotFound, Unavailable
from bitdust_node.identity.names import KeyId
from bitdust_node.keys.ring import KeyRing
from bitdust_node.membership.roster import Circle
from services.catalog.names import parse_remote

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")

SHARE = "share_"


class Sharing(Protocol):
    """Who keeps the shares."""

    def parts(self, circle: Circle) -> Parts | None:
        """What works on a share; None while it is not opened."""

    def all_parts(self) -> list[Parts]:
        """The same of all that are opened."""

    async def connect(self, circle: Circle) -> bool:
        """Open a share and wait until it can be read; False if it can not."""


class Parts(Protocol):
    """What works on one catalog."""

    def part(self, wanted: type[T]) -> T:
        """The part of a class."""


class Places:
    """
    Knows where the parts of shares are, once somebody keeps shares.
    """

    def __init__(self, ring: KeyRing | None) -> None:
        self._ring = ring
        self.sharing: Sharing | None = None

    def of_path(self, remote_path: str, wanted: type[T]) -> T | None:
        """
        The part of the share that a remote path is in; None for the own catalog, or what is no path at all.

        Raises `NotFound` for a share whose key is not known, `Unavailable` for one that is not opened.
        """
        circle = self.circle(remote_path)
        return None if circle is None else self._part(circle, wanted)

    def all(self, wanted: type[T]) -> list[T]:
        """
        The parts of all shares that are opened.
        """
        return [parts.part(wanted) for parts in self.sharing.all_parts()] if self.sharing is not None else []

    def circle(self, remote_path: str) -> Circle | None:
        """
        The share that a remote path is in.
        """
        if self._ring is None or not self._ring.global_id:
            return None
        remote = parse_remote(remote_path, self._ring.global_id)
        if not remote.key_alias.startswith(SHARE):
            return None
        key = self._ring.find(KeyId(remote.key_alias, remote.owner))
        if key is None:
            raise NotFound(f"key {remote.key_alias}${remote.owner} is not registered")
        return Circle.of(key.owner_id, key.alias)

    async def connect(self, remote_path: str) -> None:
        """
        Open the share of a remote path, and wait until it can be read or that has failed: whoever needs it then says
        so. Nothing for the own catalog.
        """
        circle = self.circle(remote_path)
        if circle is not None and self.sharing is not None:
            await self.sharing.connect(circle)

    def _part(self, circle: Circle, wanted: type[T]) -> T:
        if self.sharing is None:
            raise Unavailable("service_shared_data() is not started")
        parts = self.sharing.parts(circle)
        if parts is None:
            raise Unavailable(f"share {circle.alias} is not opened")
        return parts.part(wanted)


class _Placed(Protocol):
    @property
    def places(self) -> Places: ...


S = TypeVar("S", bound=_Placed)


def by_place(
    function: Callable[Concatenate[S, P], Awaitable[R]],
) -> Callable[Concatenate[S, P], Awaitable[R]]:
    """
    For methods that have an argument `remote_path`: let the part of the share answer that the path is in. One that also
    has an argument `open_share` opens the share first if that is true.
    """
    parameters = signature(function).parameters
    position = list(parameters).index("remote_path") - 1
    opening = parameters.get("open_share")
    default = opening is not None and opening.default is True

    @wraps(function)
    async def placed(self: Any, *args: Any, **more: Any) -> R:
        remote_path = more["remote_path"] if "remote_path" in more else args[position]
        if more.get("open_share", default):
            await self.places.connect(remote_path)
        there = self.places.of_path(remote_path, type(self))
        return await function(self if there is None else there, *args, **more)

    return cast(Callable[Concatenate[S, P], Awaitable[R]], placed)
