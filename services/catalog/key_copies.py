"""
The keys of the ring as one object that suppliers keep, sealed for the identity key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta
from twisted.logger import Logger

from bitdust_node.errors import BitDustError, Corrupt, Invalid, Unavailable
from bitdust_node.events import Event, Events
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import KeyId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.keys.folder import Key
from bitdust_node.keys.parcel import Parcel
from bitdust_node.keys.ring import KeyRing
from bitdust_node.threads import Workers


class KeyCopy(msgspec.Struct, frozen=True, array_like=True):
    """One key, and whether it is in use."""

    parcel: Parcel
    active: bool


class KeyState(msgspec.Struct, frozen=True, array_like=True):
    """
    All keys but that of the identity, which opens this.
    """

    format: Annotated[int, Meta(ge=1, le=1)]
    keys: Annotated[list[KeyCopy], Meta(max_length=100_000)]


#: The state of a node that has no key but that of its identity.
NO_KEYS = msgspec.msgpack.encode(KeyState(1, []))


class KeyCopies:
    """
    Tells when the keys have changed, and brings back those that are missing.
    """

    log = Logger()

    def __init__(self, ring: KeyRing, me: Me, resolver: Resolver, events: Events, workers: Workers) -> None:
        self._ring, self._me, self._resolver = ring, me, resolver
        self._events, self._workers = events, workers
        self._callbacks: tuple[Callable[[], object], ...] = ()
        self._awaiting: tuple[Callable[[Key], object], ...] = ()
        self._undo: list[Callable[[], None]] = []

    def start(self) -> None:
        """
        Copies are wanted from now on.
        """
        self._undo = [self._events.subscribe(self._event), self._ring.observe(lambda _key: self._tell())]
        self._tell()

    def stop(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []

    def observe(self, callback: Callable[[], object]) -> Callable[[], None]:
        """
        Call back when keys may have changed; returns the function that ends it.
        """
        self._callbacks = (*self._callbacks, callback)

        def undo() -> None:
            self._callbacks = tuple(other for other in self._callbacks if other is not callback)

        return undo

    def observe_returned(self, callback: Callable[[Key], object]) -> Callable[[], None]:
        """
        Call back with each key that came back from suppliers; returns the function that ends it.
        """
        self._awaiting = (*self._awaiting, callback)

        def undo() -> None:
            self._awaiting = tuple(other for other in self._awaiting if other is not callback)

        return undo

    def state(self) -> bytes | None:
        """
        What is to be kept; None while no copies are wanted.
        """
        if not self._undo:
            return None
        keys = [
            KeyCopy(Parcel.of(key, key.private is not None, True), key.active)
            for key in self._ring
            if not key.is_master
        ]
        return msgspec.msgpack.encode(KeyState(1, keys))

    async def read(self, plain: bytes) -> None:
        """
        Take the keys that this node has not. Raises `Invalid`, and `Unavailable` if the owner of one can not be asked
        for his identity now: then all others are there, and what is missing comes when this is called again.
        """
        try:
            state = msgspec.msgpack.decode(plain, type=KeyState)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Invalid(f"not a copy of keys: {str(error)[:200]}") from None
        known, away = {key.key_id for key in self._ring}, list[str]()
        for copy in state.keys:
            try:
                key = await self._register(copy)
            except BitDustError as error:
                self.log.warn("key {alias} can not be brought back: {error}", alias=copy.parcel.alias, error=error)
                if isinstance(error, Unavailable):
                    away.append(copy.parcel.alias)
                continue
            if key.key_id not in known:
                # at once: if the disk is full at the next key, this one is known the next time
                for callback in self._awaiting:
                    callback(key)
        if away:
            raise Unavailable(f"the owners of {len(away)} keys can not be asked now: {', '.join(away[:5])}")

    async def _register(self, copy: KeyCopy) -> Key:
        parcel = copy.parcel
        public, private = await self._workers.run(parcel.halves)
        key, label, active = private or public, parcel.label, copy.active
        try:
            own = KeyId(parcel.alias, self._me.global_id)
            return await self._ring.register(own, self._me.key.public, key, parcel.signature, label, active)
        except Corrupt:
            theirs = KeyId(parcel.alias, parcel.owner)
        known = self._ring.find(theirs)
        if known is not None and known.public == public and (known.private or not private):
            # nobody is asked for an owner who was known when it came
            return known
        owner = await self._resolver.resolve(parcel.owner)
        return await self._ring.register(theirs, owner.public, key, parcel.signature, label, active)

    def _event(self, event: Event) -> None:
        if event.event_id in ("key-registered", "key-erased", "key-renamed"):
            self._tell()

    def _tell(self) -> None:
        for callback in self._callbacks:
            callback()
