"""
Who this node is: its identity document, identity key and device.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path

from twisted.logger import Logger
from twisted.python.failure import Failure

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Conflict, NotFound
from bitdust_node.events import Events
from bitdust_node.files import read_file, sync_folder, write_file
from bitdust_node.identity.device import LIFETIME, RENEWAL, DeviceKey, DeviceRecord
from bitdust_node.identity.document import DOCUMENT_LIMIT, Document
from bitdust_node.identity.names import NodeId
from bitdust_node.keys.ring import KeyRing
from bitdust_node.keys.rsa import PrivateKey
from bitdust_node.paths import DataFolder
from bitdust_node.threads import Workers

NO_IDENTITY = "local identity is not valid or not exist"
DEVICE_NAME = "main"


class Me:
    """
    The identity of this node, read when this is made. Without one, `has_identity` is false and all that needs it
    raises `NotFound`.
    """

    log = Logger()

    def __init__(self, folder: DataFolder, ring: KeyRing, events: Events, workers: Workers, clock: Clock) -> None:
        self._path = identity_file(folder)
        self._device_path = folder.keys / "device.pem"
        self._ring, self._events, self._workers, self._clock = ring, events, workers, clock
        self._callbacks: tuple[Callable[[], object], ...] = ()
        self._device: DeviceKey | None = None
        self._record = b""
        self._record_expires = 0.0
        self._document = self._read()
        self.has_identity = self._document is not None

    @property
    def document(self) -> Document:
        if self._document is None:
            raise NotFound(NO_IDENTITY)
        return self._document

    @property
    def node_id(self) -> NodeId:
        return self.document.node_id

    @property
    def global_id(self) -> str:
        return self.document.global_id

    @property
    def idurl(self) -> str:
        return self.document.idurl

    @property
    def key(self) -> PrivateKey:
        """The identity key."""
        if self._document is None or self._ring.master is None or self._ring.master.private is None:
            raise NotFound(NO_IDENTITY)
        return self._ring.master.private

    @property
    def device(self) -> DeviceKey:
        """The key and certificate of the TLS sessions of this node."""
        if self._document is None:
            raise NotFound(NO_IDENTITY)
        if self._device is None:
            self._device = self._read_device()
        return self._device

    @property
    def device_record(self) -> bytes:
        """The signed record that binds `device` to this identity; made anew before it expires."""
        key, now = self.key, self._clock.seconds()
        if self._record_expires - now < RENEWAL:
            self._record_expires = now + LIFETIME
            self._record = DeviceRecord.make(key, self.device.spki, DEVICE_NAME, self._record_expires)
        return self._record

    def on_change(self, callback: Callable[[], object]) -> Callable[[], None]:
        """
        Call back when the identity was created, changed or erased; returns the function that ends it.

        An awaitable that it returns is awaited. While an identity is being erased `has_identity` is false already,
        but document and key can still be used, so that services end in order.
        """
        self._callbacks = (*self._callbacks, callback)

        def undo() -> None:
            self._callbacks = tuple(other for other in self._callbacks if other is not callback)

        return undo

    async def adopt(self, document: Document) -> None:
        """
        Take this document, which the identity key of the key ring signed, as the own one from now on.
        """
        master, old = self._ring.master, self._document
        if master is None or master.public != document.public:
            raise Conflict("the identity document belongs to another key")
        if old is not None and (old.node_id != document.node_id or old.revision >= document.revision):
            raise Conflict("the identity document is not newer than the present one")
        await self._workers.run(write_file, self._path, document.xml)
        await self._ring.claim(document.global_id)
        if old is None:
            self._record_expires = 0.0
        self._document = document
        self.has_identity = True
        self._events.publish("local-identity-written", {"idurl": document.idurl, "filename": str(self._path)})
        if old is None:
            self._events.publish("local-identity-set", document.describe())
        else:
            self._events.publish("local-identity-modified", {"old": old.describe(), "new": document.describe()})
        await self._tell()

    async def erase(self, erase_private_key: bool = False, ended: Callable[[], Awaitable[None]] | None = None) -> None:
        """
        Forget the identity on this machine. The identity servers keep the document, and the key stays for a later
        registration unless it is to be erased too.

        ended: waits until nothing uses the identity any more.
        """
        if self._document is None:
            raise NotFound(NO_IDENTITY)
        self.has_identity = False
        await self._tell()
        if ended is not None:
            await ended()
        await self._workers.run(_remove, self._path)
        self._document = None
        self._device, self._record, self._record_expires = None, b"", 0.0
        await self._workers.run(_remove, self._device_path)
        self._events.publish("local-identity-cleaned", {})
        await self._ring.release(erase_private_key)
        self._events.publish("local-identity-erased", {})

    async def _tell(self) -> None:
        for callback in self._callbacks:
            try:
                result = callback()
                if inspect.isawaitable(result):
                    await result
            except Exception:  # noqa: BLE001 - a border: the identity does not know who listens
                self.log.failure("a listener to the change of the identity failed", Failure())

    def _read(self) -> Document | None:
        try:
            document = stored_document(self._path)
        except (BitDustError, OSError) as error:
            self.log.error("the identity file {path} can not be used: {reason}", path=self._path, reason=str(error))
            return None
        master = self._ring.master
        if document is None:
            return None
        if master is None or master.public != document.public:
            self.log.error("the key of the identity in {path} is missing", path=self._path)
            return None
        # A crash may have come between the writing of the document and of the keys.
        self._ring.recall(document.global_id)
        return document

    def _read_device(self) -> DeviceKey:
        try:
            return DeviceKey.from_pem(read_file(self._device_path, 16384).decode("ascii"))
        except FileNotFoundError:
            pass
        except (BitDustError, ValueError, OSError) as error:
            # Nothing is lost with it: a new device key is bound to the identity by a new record.
            self.log.error("the device key is damaged and is made anew: {reason}", reason=str(error))
        device = DeviceKey.generate(self._clock.seconds())
        write_file(self._device_path, device.pem.encode("ascii"))
        return device


def identity_file(folder: DataFolder) -> Path:
    """
    Where the own identity document lies.
    """
    return folder.metadata / "localidentity"


def stored_document(path: Path) -> Document | None:
    """
    The identity document in a file, None if there is no such file; raises `Invalid` or `Corrupt`.
    """
    if not path.exists():
        return None
    return Document.parse(read_file(path, DOCUMENT_LIMIT))


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    sync_folder(path.parent)
