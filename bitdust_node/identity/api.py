"""
The API of the identities: the own one and those that are known.
"""

from __future__ import annotations

from typing import Any

from bitdust_node.api.registry import Answer, method
from bitdust_node.errors import Invalid
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import check_username
from bitdust_node.identity.registrar import Registrar
from bitdust_node.identity.resolver import Resolver
from bitdust_node.services import Services


class IdentityApi:
    """
    Answers for no service: these methods work also while the node has no identity.
    """

    def __init__(self, me: Me, registrar: Registrar, resolver: Resolver, services: Services) -> None:
        self._me, self._registrar, self._resolver, self._services = me, registrar, resolver, services

    @method("GET", "/identity/get/v1", "GET /i/g", accept={"include_xml_source": ("xml_source",)})
    async def identity_get(self, include_xml_source: bool = False) -> dict[str, Any]:
        """
        Describe the identity of this node.
        """
        document = self._me.document
        return document.describe() | ({"xml": document.xml.decode("utf-8")} if include_xml_source else {})

    @method("POST", "/identity/create/v1", "POST /i/c")
    async def identity_create(
        self, username: str, preferred_servers: list[str] | None = None, join_network: bool = False
    ) -> dict[str, Any]:
        """
        Generate the identity key, register a new identity on identity servers and keep it.
        """
        name = username.strip().lower()
        try:
            check_username(name)
        except Invalid:
            raise Invalid("invalid user name") from None
        document = await self._registrar.create(name, preferred_servers or ())
        return document.describe() | {"xml": document.xml.decode("utf-8")}

    @method("DELETE", "/identity/erase/v1", "DELETE /i/d")
    async def identity_erase(self, erase_private_key: bool = False) -> Answer:
        """
        Stop what needs the identity and forget it on this machine; the private key too if asked. The identity servers
        keep the document.
        """
        await self._me.erase(erase_private_key, self._services.settled)
        return Answer(message="identity erased")

    @method("GET", "/identity/cache/list/v1", "GET /i/ch/l")
    async def identity_cache_list(self) -> list[dict[str, Any]]:
        """
        List the identities of others that this node knows, by name.
        """
        await self._resolver.start()
        return [document.describe() for document in self._resolver.documents()]
