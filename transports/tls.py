"""
TLS 1.3 between two devices: both show a certificate of their own making, and what it is worth is decided later by
the device record. See docs/wire.md.
"""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from OpenSSL._util import ffi, lib
from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from bitdust_node.errors import BitDustError, Corrupt
from bitdust_node.identity.device import DeviceKey, spki_of

#: SSL_MODE_ENABLE_PARTIAL_WRITE of <openssl/ssl.h>, which pyOpenSSL sets but does not name.
PARTIAL_WRITE = 1


def context_of(device: DeviceKey) -> SSL.Context:
    """
    The settings of all connections of a device: TLS 1.3 only, no resumption, a certificate is asked of both sides.
    """
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_max_proto_version(SSL.TLS1_3_VERSION)
    context.set_options(SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    # a write into memory never has to stop half way: one call, however many records that makes
    context.clear_mode(PARTIAL_WRITE)
    key = serialization.load_pem_private_key(device.key_pem.encode("ascii"), None)
    context.use_privatekey(key)  # type: ignore[arg-type]
    context.use_certificate(x509.load_pem_x509_certificate(device.certificate_pem.encode("ascii")))
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _take_any)
    return context


def _take_any(connection: SSL.Connection, certificate: object, error: int, depth: int, ok: int) -> bool:
    """
    TLS proves that the peer holds the key of its certificate; whose key that is, the device record says (docs/wire.md).
    """
    return True


def peer_key_of(connection: SSL.Connection) -> bytes:
    """
    The key (DER SubjectPublicKeyInfo) that the other side has proved to hold.
    """
    try:
        certificate = connection.get_peer_certificate(as_cryptography=True)
    except ValueError as error:
        raise Corrupt("the other side has shown a broken certificate") from error
    if certificate is None:
        raise Corrupt("the other side has shown no certificate")
    return spki_of(certificate.public_bytes(serialization.Encoding.DER))


#: A TLS record carries no more than this.
RECORD = 16 * 1024
#: Bytes that are read and decrypted at once, so that they stay in the cache of a core.
SLICE = 256 * 1024
#: Plaintext that is handed on at once.
ROOM = SLICE + 2 * RECORD
#: Bytes that are sent in one turn before the heirs are asked to pause, and that the socket is offered at once.
BUFFER = 1024 * 1024
#: Slices that are read from a connection before others have their turn.
SLICES = 4


class Room:
    """
    The memory that all connections of a transport are read into, one after the other: each hands on what it reads
    before the next one is read.

    Records are read by OpenSSL itself: pyOpenSSL's `recv` makes two copies of each, and twenty lines of Python.
    """

    def __init__(self) -> None:
        self._memory = memoryview(bytearray(ROOM))
        self._start = ffi.from_buffer(self._memory)
        # another one, as what is read may be answered before it is handed on
        self._sealed = memoryview(bytearray(ROOM))
        self._sealed_start = ffi.from_buffer(self._sealed)

    def read(self, tls: SSL.Connection) -> tuple[memoryview, bool]:
        """
        What is there, as far as there is room, and whether there may be more. Raises SSL.Error at the end.
        """
        at = 0
        while at <= ROOM - RECORD:
            size = lib.SSL_read(tls._ssl, self._start + at, RECORD)
            if size <= 0:
                break
            at += size
        else:
            return self._memory[:at], True
        try:
            # nothing is left, or it has ended: pyOpenSSL knows which
            at += tls.recv_into(self._memory[at:], RECORD)
        except SSL.WantReadError:
            return self._memory[:at], False
        except SSL.Error:
            if not at:
                raise
        return self._memory[:at], True

    def encrypted(self, tls: SSL.Connection) -> memoryview:
        """
        Some of what is to be sent, nothing when that is all. To be sent before this is called again.
        """
        size = lib.BIO_read(tls._from_ssl, self._sealed_start, ROOM)
        return self._sealed[: max(size, 0)]


@implementer(IPullProducer)
class TlsProtocol(Protocol):
    """
    TLS over one TCP connection, with few and large calls: what Twisted's own layer does record by record is done
    here for all that one read of the socket has brought, and for a whole frame.

    Nothing may be written before `secured`. The end of TLS is not waited for: sessions have their own BYE.
    """

    transport: Any  # a TCP connection of Twisted; no interface names all that it can

    def __init__(self, context: SSL.Context, client: bool, room: Room) -> None:
        self._tls = SSL.Connection(context, None)
        self._room = room
        if client:
            self._tls.set_connect_state()
        else:
            self._tls.set_accept_state()
        self._secured = False
        self._over = False
        # bytes that the transport has not yet given to the socket, and all that were sent since it had none
        self._unsent = self._given = 0
        self._paused = False
        # slices that were read in this turn of the reactor
        self._slices = 0

    # --- what the heirs hear ---

    def secured(self, peer_key: bytes) -> None:
        """The handshake is done; the key of the other side, proved."""

    def decrypted(self, data: memoryview) -> None:
        """Bytes came; they are good until this returns."""

    def filled(self) -> None:
        """Enough was sent for now."""

    def drained(self) -> None:
        """Nothing waits for the socket, and others had their turn."""

    def over(self) -> None:
        """The connection is gone."""

    # --- what the heirs do ---

    def encrypt(self, data: bytes) -> None:
        """Send bytes."""
        if self._over:
            return
        try:
            self._tls.sendall(data)
        except SSL.Error:
            # this answers what came before rubbish, which has broken both directions
            self.drop()
            return
        self._flush()

    def pause_reading(self) -> None:
        """Read nothing more from the socket."""
        self._paused = True
        self.transport.pauseProducing()

    def resume_reading(self) -> None:
        """Go on reading."""
        self._paused = False
        self.transport.resumeProducing()

    def shut(self) -> None:
        """Close when all is sent."""
        if not self._over:
            self._over = True
            self._farewell()
            self._leave()

    def drop(self) -> None:
        """Close at once."""
        self._over = True
        self.transport.abortConnection()

    # --- for Twisted ---

    def connectionMade(self) -> None:
        self.transport.bufferSize, self.transport.SEND_LIMIT = SLICE, BUFFER
        # it says when its buffer is empty to those who offer more only then
        self.transport.registerProducer(self, False)
        self._shake()

    def dataReceived(self, data: bytes) -> None:
        if self._over:
            return
        self._decrypt(data)
        # there is more: read on, so that the reactor does not have to come back for every slice
        self._slices += 1
        if len(data) == SLICE and self._slices < SLICES and not (self._paused or self._over):
            self.transport.doRead()
        self._slices = 0

    def resumeProducing(self) -> None:
        """The socket has taken all that waited."""
        self._unsent = self._given = 0
        self.drained()

    def stopProducing(self) -> None:
        """The connection is lost: `connectionLost` follows."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over = True
        self.over()

    # ---

    def _shake(self) -> bool:
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            self._flush()
            return False
        except SSL.Error:
            self._flush()  # the alert says what was wrong
            self._over = True
            self._leave()
            return False
        self._flush()
        try:
            peer_key = peer_key_of(self._tls)
        except BitDustError:
            self.drop()
            return False
        self._secured = True
        self.secured(peer_key)
        return not self._over

    def _decrypt(self, data: bytes) -> None:
        self._tls.bio_write(data)
        if not self._secured and not self._shake():
            return
        more = True
        while more and not self._over:
            try:
                plain, more = self._room.read(self._tls)
            except SSL.Error:
                # good-bye of TLS, or rubbish: in any case nothing more comes
                self.shut()
                return
            if plain:
                self.decrypted(plain)

    def _leave(self) -> None:
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _flush(self) -> None:
        while data := self._room.encrypted(self._tls):
            self._send(data)

    def _send(self, data: memoryview) -> None:
        """
        What is large goes to the socket at once, while it is in the cache of this core; what that does not take, and
        what is small, waits for it.
        """
        self._given += len(data)
        if len(data) >= RECORD and not self._unsent:
            sent = self.transport.writeSomeData(data)
            # a lost connection is found when the rest is written
            data = data[sent:] if isinstance(sent, int) else data
        if data:
            self._unsent += len(data)
            self.transport.write(bytes(data))
        if self._given >= BUFFER:
            # also when a fast peer makes that the socket takes all: others are to have their turn, then it is `drained`
            self.transport.startWriting()
            self.filled()

    def _farewell(self) -> None:
        if not self._secured:
            return
        try:
            self._tls.shutdown()
        except SSL.Error:
            return
        self._flush()
