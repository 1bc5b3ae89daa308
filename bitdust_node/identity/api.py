"""
The API of the identities: the own one and those that are known.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bitdust_node.api.registry import Answer, method
from bitdust_node.errors import Failed, Invalid, NotFound
from bitdust_node.identity.backup import backup_text, write_secret
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import check_username
from bitdust_node.identity.registrar import Registrar
from bitdust_node.identity.resolver import Resolver
from bitdust_node.services import Services
from bitdust_node.threads import Workers


class IdentityApi:
    """
    Answers for no service: these methods work also while the node has no identity.
    """

    def __init__(self, me: Me, registrar: Registrar, resolver: Resolver, services: Services, workers: Workers) -> None:
        self._me, self._registrar, self._resolver, self._services = me, registrar, resolver, services
        self._workers = workers

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

    @method(
        "POST",
        "/identity/backup/v1",
        "POST /identity/backup",
        "POST /i/b",
        accept={"destination_filepath": ("destination_path",)},
    )
    async def identity_backup(self, destination_filepath: str | None, pass_phrase: str | None = None) -> Answer:
        """
        Write the identity URLs and the private identity key into a new file that nobody else may read. Without a
        file, the text itself is the answer. With a pass phrase, the key can only be used together with it.
        """
        if not self._me.has_identity:
            raise NotFound("local identity is not ready")
        key = self._me.key
        pem = await self._workers.run(key.pem_under, pass_phrase) if pass_phrase else key.pem
        text = backup_text(pem, *self._me.document.sources)
        warning = "whoever has this text is you: keep it safe and secret"
        if not destination_filepath:
            return Answer({"result": text}, message=warning)
        path = _absolute(destination_filepath)
        await self._workers.run(write_secret, path, text)
        return Answer({"local_path": str(path)}, message=warning)

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


def _absolute(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except (RuntimeError, OSError) as error:
        raise Failed(f"error writing to {text[:100]}: {error}") from None
