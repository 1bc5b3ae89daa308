"""
TLS 1.3 between two devices: both show a certificate of their own making, and what it is worth is decided later by
the device record. See docs/wire.md.
"""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from bitdust_node.errors import BitDustError, Corrupt
from bitdust_node.identity.device import DeviceKey, spki_of
from transports.door import Door, open_door
from transports.line import SLICE, Line

#: SSL_MODE_ENABLE_PARTIAL_WRITE of <openssl/ssl.h>, which pyOpenSSL sets but does not name.
PARTIAL_WRITE = 1


def context_of(device: DeviceKey) -> SSL.Context:
    """
    The settings of all connections of a device: TLS 1.3 only, no resumption, a certificate is asked of both sides.
    """
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_max_proto_version(SSL.TLS1_3_VERSION)
    # two tickets are sent for all that, as pyOpenSSL can not ask for none: they name a session that nobody keeps
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
#: Plaintext that is handed on at once.
ROOM = SLICE + 2 * RECORD


class Room:
    """
    The memory that all connections of a transport are read into, one after the other: each hands on what it reads
    before the next one is read.

    Records are read by OpenSSL itself, through a door: pyOpenSSL's `recv` makes two copies of each, and twenty lines of
    Python. Without one its public methods do it, more slowly.
    """

    def __init__(self) -> None:
        self._memory = memoryview(bytearray(ROOM))
        # another one, as what is read may be answered before it is handed on
        self._sealed = memoryview(bytearray(ROOM))
        self.use(open_door())

    @property
    def fast(self) -> bool:
        """True if OpenSSL is called directly."""
        return self._door is not None

    def use(self, door: Door | None) -> None:
        """
        Go through this door, or through none.
        """
        self._door = door
        if door is not None:
            self._start, self._sealed_start = door.start_of(self._memory), door.start_of(self._sealed)

    def read(self, tls: SSL.Connection) -> tuple[memoryview, bool]:
        """
        What is there, as far as there is room, and whether there may be more. Raises SSL.Error at the end.
        """
        at = 0
        while self._door is not None and at <= ROOM - RECORD:
            size = self._door.read(tls, self._start + at, RECORD)
            if size <= 0:
                break
            at += size
        try:
            while at <= ROOM - RECORD:
                # with a door: nothing is left, or it has ended, and pyOpenSSL knows which
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
        if self._door is not None:
            return self._sealed[: max(self._door.take(tls, self._sealed_start, ROOM), 0)]
        try:
            return memoryview(tls.bio_read(ROOM))
        except SSL.WantReadError:
            return self._sealed[:0]


@implementer(IPullProducer)
class TlsProtocol(Protocol):
    """
    TLS over one TCP connection, with few and large calls: what Twisted's own layer does record by record is done
    here for all that one read of the socket has brought, and for a whole frame.

    Nothing may be written before `secured`. How much is sent and read in one turn, and the parts of Twisted that this
    takes, are the subject of `Line`.
    """

    transport: Any  # a TCP connection of Twisted; no interface names all that it can

    def __init__(self, context: SSL.Context, client: bool, room: Room) -> None:
        self._tls = SSL.Connection(context, None)
        self._room = room
        self._line: Line
        if client:
            self._tls.set_connect_state()
        else:
            self._tls.set_accept_state()
        self._secured = False
        # nothing is sent or heard any more
        self._over = False

    # --- what the heirs hear ---

    def secured(self, peer_key: bytes) -> None:
        """The handshake is done; the key of the other side, proved."""

    def decrypted(self, data: memoryview) -> None:
        """Bytes came; they are good until this returns."""

    def dropped(self, size: int) -> None:
        """Bytes came after `shut`, and were thrown away."""

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
        self._line.pause()

    def resume_reading(self) -> None:
        """Go on reading."""
        self._line.resume()

    def shut(self) -> None:
        """
        Close when all is sent and the other side has closed too: whoever does not want to wait for that calls `leave`
        or `drop` then.
        """
        if not self._over:
            self._over = True
            self._farewell()
            self._line.finish()

    def leave(self) -> None:
        """Close when all is sent."""
        self._over = True
        self._line.close()

    def drop(self) -> None:
        """Close at once."""
        self._over = True
        self._line.cut()

    # --- for Twisted ---

    def makeConnection(self, transport: Any) -> None:
        self._line = Line(transport)
        super().makeConnection(transport)

    def connectionMade(self) -> None:
        self._line.feed_from(self)
        self._shake()

    def dataReceived(self, data: bytes) -> None:
        if self._over:
            self.dropped(len(data))
            return
        # one slice of the smallest records takes as much time as many of full ones
        if 2 * self._decrypt(data) > len(data):
            self._line.read_on(len(data))

    def resumeProducing(self) -> None:
        """The socket has taken all that waited."""
        self._line.drained()
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
            self.leave()
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

    def _decrypt(self, data: bytes) -> int:
        """Hand on what these bytes say; how much that was."""
        self._tls.bio_write(data)
        if not self._secured and not self._shake():
            return 0
        size, more = 0, True
        while more and not self._over:
            try:
                plain, more = self._room.read(self._tls)
            except SSL.Error:
                # good-bye of TLS, or rubbish: in any case nothing more comes
                self._farewell()
                self.leave()
                break
            if plain:
                size += len(plain)
                self.decrypted(plain)
        return size

    def _flush(self) -> None:
        full = False
        while data := self._room.encrypted(self._tls):
            full = self._line.send(data)
        if full:
            self.filled()

    def _farewell(self) -> None:
        if not self._secured:
            return
        try:
            self._tls.shutdown()
        except SSL.Error:
            return
        self._flush()
