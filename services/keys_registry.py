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
from bitdust_node.identity.names import KeyId, check_alias
from bitdust_node.keys.folder import Key
from bitdust_node.keys.ring import KeyRing
from bitdust_node.keys.rsa import SIZES
from bitdust_node.service import Service
from services.models.keys import KeyModel

NEEDS = ("service_keys_registry",)


class KeysRegistry(Service):
    """
    Shows and changes the key ring.
    """

    name: ClassVar[str] = "keys_registry"
    depends: ClassVar[tuple[str, ...]] = ("p2p_notifications",)
    needs_identity: ClassVar[bool] = True

    def __init__(self, ring: KeyRing, config: Config, model: KeyModel) -> None:
        self._ring, self._config, self._model = ring, config, model

    async def start(self) -> None:
        self._ring.announce()

    def models(self) -> Sequence[Source]:
        return (self._model,)

    @method("GET", "/key/get/v1", "GET /k/g", needs=NEEDS)
    async def key_get(self, key_id: str, include_private: bool = False) -> dict[str, Any]:
        """
        Show one key: its id is whole, an alias of an own key, `master`, or the own global id.
        """
        key = self._known(key_id)
        if include_private and key.private is None:
            raise Invalid(f"only public component of the key {key.key_id} is known")
        return key.describe(include_private)

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
        try:
            wanted = self._ring.parse(key_id)
        except Invalid:
            raise Invalid(f"key {key_id[:100]} is not valid") from None
        if self._ring.find(wanted) is None:
            raise NotFound(f"key {wanted} does not exist")
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

    def _known(self, key_id: str) -> Key:
        wanted = self._parsed(key_id)
        key = self._ring.find(wanted)
        if key is None:
            raise NotFound(f"key {wanted} is not registered")
        return key

    def _parsed(self, key_id: str) -> KeyId:
        try:
            return self._ring.parse(key_id)
        except Invalid:
            raise Invalid("incorrect key_id format") from None
