"""
The keys of this node: its identity key, its own further keys, and those that others gave it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.errors import Conflict, Corrupt, Full, Invalid, NotFound
from bitdust_node.events import Events
from bitdust_node.identity.names import MASTER, KeyId, check_alias
from bitdust_node.keys.canonical import canonical
from bitdust_node.keys.folder import LABEL_LIMIT, Key, KeyFolder
from bitdust_node.keys.rsa import PrivateKey, PublicKey
from bitdust_node.paths import DataFolder
from bitdust_node.threads import Workers

DOMAIN = "bitdust.key.1"
KEYS_LIMIT = 100_000
#: Keys of one other person, and of all others together: strangers must not crowd out the own ones.
OWNER_LIMIT = 1000
OTHERS_LIMIT = 50_000


class KeyRing:
    """
    All keys in memory, as they are in the key folder. The master key comes first, the others by age.
    """

    log = Logger()

    def __init__(self, folder: DataFolder, events: Events, workers: Workers, clock: Clock) -> None:
        self._folder = KeyFolder(folder.keys)
        self._events, self._workers, self._clock = events, workers, clock
        self._master: Key | None = None
        self._keys: dict[KeyId, Key] = {}
        #: The same by owner's node id and alias, which outlive the names of people.
        self._owned: dict[str, dict[str, Key]] = {}
        self._making: set[KeyId] = set()
        self._observers: tuple[Callable[[Key], object], ...] = ()
        for found in self._folder.read():
            if not isinstance(found, Key):
                self.log.error("key file {name} is left out: {reason}", name=found[0].name, reason=str(found[1]))
            elif found.is_master:
                self._master = found
            else:
                self._keep(found)

    def __iter__(self) -> Iterator[Key]:
        if self._master and self._master.owner:
            yield self._master
        yield from sorted(self._keys.values(), key=lambda key: key.local_id)

    def __len__(self) -> int:
        return len(list(iter(self)))

    @property
    def master(self) -> Key | None:
        """The identity key; it may exist before (and after) the identity."""
        return self._master

    @property
    def global_id(self) -> str:
        """Own global id, "" without an identity."""
        return self._master.owner if self._master else ""

    def parse(self, text: str) -> KeyId:
        """
        A key id as a person writes it: whole, an alias of an own key, `master`, or a global id. Raises `Invalid`.
        """
        return KeyId.parse(text, self.global_id)

    def find(self, key_id: KeyId | str) -> Key | None:
        """
        The key of this id, or None.
        """
        wanted = self.parse(key_id) if isinstance(key_id, str) else key_id
        if self._master and wanted.alias == MASTER and wanted.owner == self._master.owner:
            return self._master
        return self._keys.get(wanted)

    def get(self, key_id: KeyId | str) -> Key:
        """
        The key of this id; raises `NotFound`, or `Invalid` for a text that is no key id.
        """
        key = self.find(key_id)
        if key is None:
            raise NotFound(f"key {key_id} is not registered")
        return key

    def of(self, owner_id: str, alias: str) -> Key | None:
        """
        The key that the node `owner_id` calls by this alias, or None.
        """
        if self._master and alias == MASTER and owner_id == self._master.owner_id:
            return self._master
        return self._owned.get(owner_id, {}).get(alias)

    def by_local_id(self, local_id: int) -> Key | None:
        """
        The key of this number, or None.
        """
        return next((key for key in self._keys.values() if key.local_id == local_id), None)

    async def generate_master(self, bits: int) -> Key:
        """
        The identity key, made and stored now if there is none yet. Its identity is told later by `claim`.
        """
        if self._master is None:
            private = await self._workers.run(PrivateKey.generate, bits)
            await self.set_master(private)
        assert self._master is not None
        return self._master

    async def set_master(self, private: PrivateKey) -> None:
        """
        Store this as the identity key. The file of another one (or a damaged one) is put aside, not overwritten.
        """
        key = Key(MASTER, "", private.public.node_id, "", True, 0, private.public, private)
        await self._workers.run(self._replace_master, key)
        self._master = key

    async def claim(self, global_id: str) -> None:
        """
        The identity of the master key is now known by this global id: so are all own keys.
        """
        old = self.global_id
        for key in self.recall(global_id):
            await self._workers.run(self._folder.write, key)
            if old:
                before = str(KeyId(key.alias, old))
                names = {"old_key_id": before, "new_key_id": key.key_id, "is_private": key.private is not None}
                self._events.publish("key-renamed", names)

    def recall(self, global_id: str) -> list[Key]:
        """
        The same in memory alone; answers with the keys that have a new id.
        """
        master = self._master
        if master is None:
            raise NotFound("there is no identity key")
        if master.owner == global_id:
            return []
        self._master = replace(master, owner=global_id, label=str(KeyId(MASTER, global_id)))
        renamed = [self._master]
        for key in list(self._owned.get(master.owner_id, {}).values()):
            self._forget(key)
            renamed.append(self._keep(replace(key, owner=global_id)))
        return renamed

    async def release(self, erase: bool) -> None:
        """
        The identity was erased. The key stays (and serves the next registration) unless it is to be erased too.
        """
        if self._master is None:
            return
        master = self._master
        if erase:
            await self._workers.run(self._folder.erase, master)
            self._master = None
            erased = {"key_id": master.key_id, "local_key_id": 0, "is_private": True}
            self._events.publish("key-erased", erased)
        else:
            self._master = replace(master, owner="", label="")
            await self._workers.run(self._folder.write, self._master)

    async def create(self, alias: str, bits: int, label: str = "", active: bool = True) -> Key:
        """
        Make, sign and store a new key of this identity. Raises `Conflict` if there is one of that alias.
        """
        master = self._own_master()
        key_id = KeyId(check_alias(alias), master.owner)
        if key_id in self._making or self.find(key_id):
            raise Conflict(f"key {key_id} already exist")
        self._making.add(key_id)
        try:
            private = await self._workers.run(PrivateKey.generate, bits)
            key = await self._store(alias, master, private.public, private, label, active)
        finally:
            self._making.discard(key_id)
        self._events.publish("key-generated", _told(key, False))
        self._events.publish("key-signed", _told(key, False))
        self._events.publish("key-registered", _told(key, True))
        return key

    async def register(
        self,
        key_id: KeyId,
        owner: PublicKey,
        key: PublicKey | PrivateKey,
        signature: str,
        label: str = "",
        active: bool = True,
    ) -> Key:
        """
        Store a key that its creator gave us.

        owner: identity key of the creator. signature: his, over the key, in hex; a wrong one raises `Corrupt`.
        The private half may follow later; another key under a known id raises `Conflict`.
        """
        public, private = (key.public, key) if isinstance(key, PrivateKey) else (key, None)
        try:
            signed = bytes.fromhex(signature)
        except ValueError:
            raise Corrupt(f"key {key_id} has no signature") from None
        owner.verify(DOMAIN, signed_bytes(key_id.alias, owner.node_id, public), signed)
        known, named = self.of(owner.node_id, key_id.alias), self.find(key_id)
        if any(other and (other.public != public or other.owner_id != owner.node_id) for other in (known, named)):
            raise Conflict(f"another key is registered as {key_id}")
        if known and known.owner == key_id.owner and (known.private or not private):
            return known
        if key_id.alias == MASTER:
            raise Invalid("an identity key is registered with its identity")
        if not known and len(self._owned.get(owner.node_id, {})) >= OWNER_LIMIT:
            raise Full(f"{OWNER_LIMIT} keys of {key_id.owner} are registered already")
        if not known and len(self._keys) >= OTHERS_LIMIT:
            raise Full(f"{OTHERS_LIMIT} keys are registered already")
        made = Key(
            key_id.alias,
            key_id.owner,
            owner.node_id,
            _label(label) or (known.label if known else str(key_id)),
            known.active if known else active,
            known.local_id if known else self._next_id(),
            public,
            private or (known.private if known else None),
            signature,
        )
        if known:
            self._forget(known)
        self._keep(made)
        try:
            await self._workers.run(self._folder.write, made)
        except OSError:
            # else it would count as known the next time, and be gone after a restart
            self._forget(made)
            if known:
                self._keep(known)
            raise
        self._events.publish("key-registered", _told(made, True))
        return made

    async def label(self, key_id: KeyId | str, label: str) -> Key:
        """
        Change the label of a key; that of the master key raises `Invalid`.
        """
        key = self.get(key_id)
        if key.is_master:
            raise Invalid("master key label can not be changed")
        return await self._change(replace(key, label=_label(label)))

    def observe(self, callback: Callable[[Key], object]) -> Callable[[], None]:
        """
        Call back with each key whose label or state changed, of which no event tells; returns the function that ends
        it.
        """
        self._observers = (*self._observers, callback)

        def undo() -> None:
            self._observers = tuple(other for other in self._observers if other is not callback)

        return undo

    async def activate(self, key_id: KeyId | str, active: bool) -> Key:
        """
        Mark a key as in use or not; the master key always is, else this raises `Invalid`.
        """
        key = self.get(key_id)
        if key.is_master:
            if not active:
                raise Invalid("master key can not be changed to inactive state")
            return key
        return await self._change(replace(key, active=active))

    async def erase(self, key_id: KeyId | str) -> Key:
        """
        Forget a key and delete its file; the master key raises `Invalid`.
        """
        key = self.get(key_id)
        if key.is_master:
            raise Invalid("master key can not be erased")
        await self._workers.run(self._folder.erase, key)
        self._forget(key)
        erased = {"key_id": key.key_id, "local_key_id": key.local_id, "is_private": key.private is not None}
        self._events.publish("key-erased", erased)
        return key

    async def sign_master(self) -> str:
        """
        The signature of the identity key over itself, as the other keys have one (hex).
        """
        master = self._own_master()
        assert master.private is not None
        message = signed_bytes(MASTER, master.owner_id, master.public)
        return (await self._workers.run(master.private.sign, DOMAIN, message)).hex()

    def announce(self) -> None:
        """
        Publish key-loaded for each key.
        """
        for key in self:
            self._events.publish("key-loaded", _told(key, False))

    async def _store(
        self, alias: str, master: Key, public: PublicKey, private: PrivateKey, label: str, active: bool
    ) -> Key:
        if len(self._keys) >= KEYS_LIMIT:
            raise Full(f"{KEYS_LIMIT} keys are registered already")
        assert master.private is not None
        signature = master.private.sign(DOMAIN, signed_bytes(alias, master.owner_id, public)).hex()
        label = _label(label) or f"{alias} {datetime.fromtimestamp(self._clock.seconds(), UTC):%Y-%m-%d %H:%M:%S}"
        key = Key(alias, master.owner, master.owner_id, label, active, self._next_id(), public, private, signature)
        self._keep(key)
        try:
            await self._workers.run(self._folder.write, key)
        except OSError:
            self._forget(key)
            raise
        return key

    async def _change(self, key: Key) -> Key:
        await self._workers.run(self._folder.write, key)
        self._keep(key)
        for callback in self._observers:
            callback(key)
        return key

    def _keep(self, key: Key) -> Key:
        self._keys[KeyId(key.alias, key.owner)] = key
        self._owned.setdefault(key.owner_id, {})[key.alias] = key
        return key

    def _forget(self, key: Key) -> None:
        self._keys.pop(KeyId(key.alias, key.owner), None)
        owned = self._owned.get(key.owner_id, {})
        owned.pop(key.alias, None)
        if not owned:
            self._owned.pop(key.owner_id, None)

    def _own_master(self) -> Key:
        if self._master is None or not self._master.owner:
            raise NotFound("local identity is not valid or not exist")
        return self._master

    def _next_id(self) -> int:
        return max((key.local_id for key in self._keys.values()), default=0) + 1

    def _replace_master(self, key: Key) -> None:
        path = self._folder.path / "master.json"
        if path.exists() and (self._master is None or self._master.public != key.public):
            self._folder.put_aside(path)
        self._folder.write(key)


def signed_bytes(alias: str, owner_id: str, public: PublicKey) -> bytes:
    """
    What the creator of a key signs.
    """
    return canonical("key", alias, owner_id, public.der)


def _told(key: Key, with_local_id: bool) -> dict[str, object]:
    told: dict[str, object] = {"key_id": key.key_id, "label": key.label, "key_size": str(key.public.bits)}
    return told | {"local_key_id": key.local_id} if with_local_id else told


def _label(label: str) -> str:
    label = label.strip()
    if len(label) > LABEL_LIMIT or not label.isprintable():
        raise Invalid(f"a label is one line of at most {LABEL_LIMIT} characters")
    return label
