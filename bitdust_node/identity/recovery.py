"""
An identity comes back from its private key, on a machine that has nothing else of it.
"""

from __future__ import annotations

from errno import EINVAL
from pathlib import Path
from typing import Any

from twisted.logger import Logger

from bitdust_node.api.registry import method
from bitdust_node.errors import BitDustError, Conflict, Corrupt, Invalid, NotFound, Unavailable
from bitdust_node.identity.backup import BACKUP_LIMIT, parse_backup
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import Locator
from bitdust_node.identity.recovered import Recovered
from bitdust_node.identity.registrar import Registrar
from bitdust_node.identity.servers import IdentityServers
from bitdust_node.keys.ring import KeyRing
from bitdust_node.keys.rsa import PrivateKey
from bitdust_node.threads import Workers


class Recovery:
    """
    Takes the document from an identity server, checks that it belongs to the key, and publishes it again with the
    contacts of this machine. Suppliers, catalog and other keys follow when the services start.
    """

    log = Logger()

    def __init__(
        self,
        me: Me,
        ring: KeyRing,
        registrar: Registrar,
        servers: IdentityServers,
        recovered: Recovered,
        workers: Workers,
    ) -> None:
        self._me, self._ring, self._registrar, self._servers = me, ring, registrar, servers
        self._recovered, self._workers = recovered, workers
        self._busy = False

    @method(
        "POST",
        "/identity/recover/v1",
        "POST /i/r",
        accept={"private_key_source": ("private_key_local_file",)},
    )
    async def identity_recover(
        self,
        private_key_source: str,
        known_idurl: str | None = None,
        join_network: bool = False,
        pass_phrase: str | None = None,
    ) -> dict[str, Any]:
        """
        Restore an identity from the text that `identity_backup` wrote, or from the file with it. The node joins the
        network, finds its suppliers and gets keys and catalog back from them.
        """
        if self._me.has_identity:
            raise Conflict("local identity already exist")
        if self._busy:
            raise Conflict("an identity is being recovered already")
        self._busy = True
        try:
            document = await self._recover(private_key_source, known_idurl, pass_phrase)
        finally:
            self._busy = False
        return document.describe() | {"xml": document.xml.decode("utf-8")}

    async def _recover(self, source: str, known_idurl: str | None, pass_phrase: str | None) -> Document:
        text = await self._workers.run(_text, source)
        idurls, pem = parse_backup(text)
        if not idurls and known_idurl:
            idurls = [Locator.of_idurl(known_idurl.strip()).idurl]
        if not idurls:
            raise Invalid("at least one IDURL is needed: in the text, or as known_idurl")
        key = await self._workers.run(PrivateKey.from_pem, pem, False, pass_phrase)
        document = await self._published(idurls, key)
        await self._ring.set_master(key)
        # before the identity is there: whoever starts with it must know
        await self._recovered.note(document.node_id)
        await self._me.adopt(document)
        try:
            document = await self._registrar.republish()
        except BitDustError as error:
            # the services publish it later
            self.log.warn("the recovered identity is not published yet: {error}", error=error)
        return self._me.document

    async def _published(self, idurls: list[str], key: PrivateKey) -> Document:
        """The newest document of this key; servers may have gone since the backup was made."""
        found: list[Document] = []
        reason: BitDustError = NotFound("incorrect or non-existing IDURL")
        for idurl in idurls:
            try:
                document = await self._servers.fetch(idurl)
            except Unavailable as error:
                reason = Unavailable(f"network connection failed: {error}")
                continue
            if document is None:
                continue
            if document.public != key.public:
                reason = Corrupt(f"key verification failed: {idurl} is the identity of another key")
                continue
            found.append(document)
        if not found:
            raise reason
        return max(found, key=lambda document: document.revision)


def _text(source: str) -> str:
    """The text itself, or that of the file which it names."""
    if not source.strip():
        raise Invalid("private key must be provided")
    if "-----BEGIN" not in source and "\n" not in source.strip():
        path = Path(source.strip())
        try:
            if path.expanduser().is_fifo():
                # nobody may ever write into it
                raise OSError(EINVAL, "it is a pipe")
            with path.expanduser().open("rb") as stream:
                data = stream.read(BACKUP_LIMIT + 1)
            source = data.decode("ascii")
        except (OSError, RuntimeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise Invalid(f"private key must be provided: {str(path)[:200]} can not be read: {reason}") from None
    if len(source) > BACKUP_LIMIT:
        raise Invalid(f"private key is too large: more than {BACKUP_LIMIT} bytes")
    return source
