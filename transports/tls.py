"""
TLS 1.3 between two devices: both show a certificate of their own making, and what it is worth is decided later by
the device record. See docs/wire.md.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from bitdust_node.errors import Corrupt
from bitdust_node.identity.device import DeviceKey, spki_of


def context_of(device: DeviceKey) -> SSL.Context:
    """
    The settings of all connections of a device: TLS 1.3 only, no resumption, a certificate is asked of both sides.
    """
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_max_proto_version(SSL.TLS1_3_VERSION)
    context.set_options(SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
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


@implementer(IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
class Connections:
    """
    Makes the TLS connections of a device for Twisted.
    """

    def __init__(self, device: DeviceKey) -> None:
        self._context = context_of(device)

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return SSL.Connection(self._context, None)

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return SSL.Connection(self._context, None)


def peer_key_of(connection: SSL.Connection) -> bytes:
    """
    The key (DER SubjectPublicKeyInfo) that the other side has proved to hold.
    """
    certificate = connection.get_peer_certificate(as_cryptography=True)
    if certificate is None:
        raise Corrupt("the other side has shown no certificate")
    return spki_of(certificate.public_bytes(serialization.Encoding.DER))
