"""
service_keys_registry: the API of the keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from bitdust_node.api.models import Source
from bitdust_node.api.registry import Answer, method
from bitdust_node.config.config import Config
from bitdust_node.errors import Conflict, Failed, Invalid, NotFound
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import MASTER, KeyId, check_alias
from bitdust_node.identity.resolver import Resolver
from bitdust_node.keys.folder import Key
from bitdust_node.keys.ring import KeyRing
from bitdust_node.keys.rsa import SIZES
from bitdust_node.service import Service
from services.models.keys import KeyModel
from services.people.audit import KeyAudit
from services.people.hand_over import HandOver

NEEDS = ("service_keys_registry",)
TRUSTED = ("trusted_global_id", "trusted_idurl", "trusted_id", "global_id", "idurl", "id")
UNTRUSTED = ("untrusted_global_id", "untrusted_idurl", "untrusted_id", "global_id", "idurl", "id")
#: Seconds that an answer may be waited for, at most.
PATIENCE = 600


class KeysRegistry(Service):
    """
    Shows and changes the key ring; gives keys to others and takes theirs.
    """

    name: ClassVar[str] = "keys_registry"
    depends: ClassVar[tuple[str, ...]] = ("p2p_notifications",)
    needs_identity: ClassVar[bool] = True

    def __init__(
        self,
        ring: KeyRing,
        config: Config,
        me: Me,
        resolver: Resolver,
        hand_over: HandOver,
        audit: KeyAudit,
        model: KeyModel,
    ) -> None:
        self._ring, self._config, self._me, self._resolver = ring, config, me, resolver
        self._hand_over, self._audit, self._model = hand_over, audit, model

    async def start(self) -> None:
        self._hand_over.start()
        self._audit.start()
        self._ring.announce()

    async def stop(self) -> None:
        self._hand_over.stop()
        self._audit.stop()

    def models(self) -> Sequence[Source]:
        return (self._model,)

    @method("GET", "/key/get/v1", "GET /k/g", needs=NEEDS)
    async def key_get(
        self,
        key_id: str,
        include_private: bool = False,
        include_signature: bool = False,
        generate_signature: bool = False,
    ) -> dict[str, Any]:
        """
        Show one key: its id is whole, an alias of an own key, `master`, or the own global id. Its signature is that
        of its owner; the identity key has none unless one is asked to be generated.
        """
        key = self._known(key_id)
        if include_private and key.private is None:
            raise Invalid(f"only public component of the key {key.key_id} is known")
        shown = key.describe(include_private)
        if include_signature or generate_signature:
            shown |= await self._signature(key, generate_signature)
        return shown

    @method("GET", "/key/list/v1", "GET /k/l", needs=NEEDS)
    async def keys_list(self, sort: bool = False, include_private: bool = False) -> list[dict[str, Any]]:
        """
        List all keys, the identity key first; by alias if `sort` is asked, else by age.
        """
        keys = list(self._ring)
        if sort:
            keys.sort(key=lambda key: (not key.is_master, key.alias, key.owner))
        return [key.describe(include_private, include_local_id=True) for key in keys]

    @method(
        "POST",
        "/key/create/v1",
        "POST /k/c",
        needs=NEEDS,
        accept={"key_alias": ("alias",), "key_size": ("size",)},
    )
    async def key_create(
        self,
        key_alias: str,
        key_size: int | None = None,
        label: str = "",
        include_private: bool = False,
        active: bool = True,
    ) -> Answer:
        """
        Generate a new key of this identity.
        """
        alias = key_alias.strip().lower()
        try:
            check_alias(alias)
        except Invalid as error:
            raise Invalid(f"key id is not valid: {error}") from None
        bits = key_size or self._config.number("personal/private-key-size")
        if bits not in SIZES:
            raise Invalid(f"failed to generate a key of {bits} bits: {', '.join(map(str, SIZES))} are possible")
        try:
            key = await self._ring.create(alias, bits, label, active)
        except OSError as error:
            raise Failed(f"failed to generate the key {alias}: {error}") from error
        return Answer(key.describe(include_private), message=f"new private key {key.key_id} was generated")

    @method("POST", "/key/label/v1", "POST /k/lb", needs=NEEDS)
    async def key_label(self, key_id: str, label: str) -> Answer:
        """
        Change the label of a key.
        """
        wanted = self._named(key_id)
        try:
            key = await self._ring.label(wanted, label)
        except OSError as error:
            raise Failed(f"key store failed: {error}") from error
        return Answer(message=f"label of the key {key.key_id} updated")

    @method("DELETE", "/key/erase/v1", "DELETE /k/d", needs=NEEDS)
    async def key_erase(self, key_id: str) -> Answer:
        """
        Forget a key and delete its file. What is encrypted with it alone can not be read any more.
        """
        wanted = self._parsed(key_id)
        try:
            key = await self._ring.erase(wanted)
        except (NotFound, Conflict, OSError) as error:
            raise Failed(f"failed to erase private key {wanted}: {error}") from error
        return Answer(message=f"key {key.key_id} erased")

    @method("POST", "/key/state/v1", needs=NEEDS)
    async def key_state(self, key_id: str, active: bool) -> Answer:
        """
        Mark a key as in use or not.
        """
        wanted = self._named(key_id)
        try:
            key = await self._ring.activate(wanted, active)
        except OSError as error:
            raise Failed(f"key store failed: {error}") from error
        return Answer(message=f"key {key.key_id} is {'active' if active else 'inactive'}")

    @method("PUT", "/key/share/v1", "PUT /k/s", needs=NEEDS, accept={"trusted_user_id": TRUSTED})
    async def key_share(
        self,
        key_id: str,
        trusted_user_id: str,
        include_private: bool = False,
        timeout: int = 10,  # noqa: ASYNC109 - contract
        include_signature: bool = False,
        include_label: bool = False,
    ) -> list[str]:
        """
        Give a key to another user, sealed for him: the public half, or both. The owner's signature always goes along.
        """
        if self._parsed(key_id).alias == MASTER:
            raise Invalid("master key can not be shared")
        key = self._known(key_id)
        user = await self._user(trusted_user_id)
        taken = await self._hand_over.give(key, user, include_private, include_label, _seconds(timeout))
        return [f"{user.global_id} holds the {'private' if include_private else 'public'} key {taken}"]

    @method("POST", "/key/audit/v1", "POST /k/a", needs=NEEDS, accept={"untrusted_user_id": UNTRUSTED})
    async def key_audit(
        self,
        key_id: str,
        untrusted_user_id: str,
        is_private: bool = False,
        timeout: int = 10,  # noqa: ASYNC109 - contract
    ) -> list[str]:
        """
        Ask another user to prove that he holds a key: its public half, or both. Answers with 'True' or 'False'.
        """
        wanted = self._parsed(key_id)
        key = self._ring.find(wanted)
        if key is None and wanted.alias != MASTER:
            raise NotFound(f"key {wanted} is not registered")
        user = await self._user(untrusted_user_id)
        if key is not None:
            owner_id, public = key.owner_id, key.public
        else:
            document = await self._resolver.resolve(wanted.owner)
            owner_id, public = str(document.node_id), document.public
        return [str(await self._audit.ask(wanted.alias, owner_id, public, user, is_private, _seconds(timeout)))]

    async def _user(self, user_id: str) -> Document:
        if not user_id.strip():
            raise Invalid("the id of a user is expected")
        document = await self._resolver.resolve(user_id)
        if document.node_id == self._me.node_id:
            raise Invalid("this is the own identity")
        return document

    async def _signature(self, key: Key, generate: bool) -> dict[str, str]:
        if key.is_master and not generate:
            return {}
        signature = key.signature or await self._ring.sign_master()
        owner = self._resolver.cached(key.owner_id)
        return {"signature": signature} | ({"signature_pubkey": owner.public_key} if owner else {})

    def _known(self, key_id: str) -> Key:
        wanted = self._parsed(key_id)
        key = self._ring.find(wanted)
        if key is None:
            raise NotFound(f"key {wanted} is not registered")
        return key

    def _named(self, key_id: str) -> KeyId:
        """
        The id of a key that is known; in the words for methods that change a key.
        """
        try:
            wanted = self._ring.parse(key_id)
        except Invalid:
            raise Invalid(f"key {key_id[:100]} is not valid") from None
        if self._ring.find(wanted) is None:
            raise NotFound(f"key {wanted} does not exist")
        return wanted

    def _parsed(self, key_id: str) -> KeyId:
        try:
            return self._ring.parse(key_id)
        except Invalid:
            raise Invalid("incorrect key_id format") from None


def _seconds(timeout: int) -> float:
    return float(min(max(timeout, 1), PATIENCE))
