"""
The device: the key that a node shows in its TLS sessions, and the record by which its identity vouches for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bitdust_node.errors import Corrupt, Invalid, Refused
from bitdust_node.identity.document import Document
from bitdust_node.identity.names import NodeId
from bitdust_node.keys.canonical import canonical
from bitdust_node.keys.rsa import PrivateKey

DOMAIN = "bitdust.device.1"
RECORD_LIMIT = 2048
NAME_LIMIT = 50
#: A record is made for a year and renewed when less than a month of it is left.
LIFETIME = 365 * 86400
RENEWAL = 30 * 86400
#: Clocks of two nodes may differ by this many seconds.
SKEW = 86400


@dataclass(frozen=True)
class DeviceKey:
    """
    A P-256 key and a self-signed certificate around it, both as PEM. The certificate says nothing by itself: what
    binds it to an identity is the device record.
    """

    key_pem: str
    certificate_pem: str

    @classmethod
    def generate(cls, now: float) -> DeviceKey:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bitdust node")])
        today = datetime.fromtimestamp(now, UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            # Validity is the record's matter; a wrong clock must not keep the certificate from being used.
            .not_valid_before(today - timedelta(days=3650))
            .not_valid_after(today + timedelta(days=36500))
            .sign(key, hashes.SHA256())
        )
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return cls(
            key.private_bytes(serialization.Encoding.PEM, form, plain).decode("ascii"),
            certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"),
        )

    @classmethod
    def from_pem(cls, text: str) -> DeviceKey:
        """
        Read the two PEM blocks written by `pem`; raises `Invalid`.
        """
        key_pem, mark, rest = text.partition("-----BEGIN CERTIFICATE-----")
        device = cls(key_pem, mark + rest)
        try:
            key = serialization.load_pem_private_key(key_pem.encode(), None)
            spki = device.spki
        except (ValueError, TypeError) as error:
            raise Invalid("the device key can not be read") from error
        own = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        if own != spki:
            raise Invalid("the device key does not fit its certificate")
        return device

    @property
    def pem(self) -> str:
        return self.key_pem + self.certificate_pem

    @cached_property
    def certificate_der(self) -> bytes:
        certificate = x509.load_pem_x509_certificate(self.certificate_pem.encode())
        return certificate.public_bytes(serialization.Encoding.DER)

    @cached_property
    def spki(self) -> bytes:
        """DER SubjectPublicKeyInfo of the key, as the other side sees it in the certificate."""
        return spki_of(self.certificate_der)

    def sign(self, domain: str, data: bytes) -> bytes:
        """
        Sign data for one purpose, as this device: ECDSA over SHA-256, about 30 us.
        """
        key = serialization.load_pem_private_key(self.key_pem.encode(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise Invalid("the device key is not of a known kind")
        return key.sign(canonical(domain, data), ec.ECDSA(hashes.SHA256()))

    def __repr__(self) -> str:
        return "<DeviceKey>"


def spki_of(certificate_der: bytes) -> bytes:
    """
    The public key in a certificate, as DER SubjectPublicKeyInfo; raises `Invalid`.
    """
    try:
        key = x509.load_der_x509_certificate(certificate_der).public_key()
        return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Invalid("not an X.509 certificate of a known kind") from error


class DeviceRecord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """
    "The holder of this device key speaks for this identity", signed with the identity key.

    node_id: the identity. device_key: DER SubjectPublicKeyInfo. name: of the device, for people.
    expires: unix seconds. signature: RSA-PSS over the other fields.
    """

    format: int
    node_id: str
    device_key: bytes
    name: str
    expires: int
    signature: bytes

    @classmethod
    def make(cls, key: PrivateKey, device_key: bytes, name: str, expires: float) -> bytes:
        """
        The signed record, packed.
        """
        node_id = key.public.node_id
        signature = key.sign(DOMAIN, _signed_bytes(node_id, device_key, name, int(expires)))
        return msgspec.msgpack.encode(cls(1, node_id, device_key, name, int(expires), signature))

    @classmethod
    def parse_and_verify(cls, data: bytes, document: Document, now: float) -> DeviceRecord:
        """
        The record, when it was signed by the identity of this document and is still valid.

        Raises `Invalid` (not a record), `Corrupt` (not signed by this identity) or `Refused` (expired).
        """
        record = cls.parse(data)
        if record.node_id != document.node_id:
            raise Corrupt("the device record belongs to another identity")
        body = _signed_bytes(record.node_id, record.device_key, record.name, record.expires)
        document.public.verify(DOMAIN, body, record.signature)
        if record.expires + SKEW < now:
            raise Refused("the device record has expired")
        return record

    @classmethod
    def parse(cls, data: bytes) -> DeviceRecord:
        """
        The record without any check of its signature; raises `Invalid`.
        """
        if len(data) > RECORD_LIMIT:
            raise Invalid(f"device record is longer than {RECORD_LIMIT} bytes")
        try:
            record = msgspec.msgpack.decode(data, type=cls)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Invalid("not a device record") from error
        if record.format != 1 or len(record.name) > NAME_LIMIT or not record.name.isprintable():
            raise Invalid("not a device record of a known format")
        return record


def verify_signed(device_key: bytes, domain: str, data: bytes, signature: bytes) -> None:
    """
    Check what `DeviceKey.sign` made. device_key: DER SubjectPublicKeyInfo. Raises `Corrupt`.
    """
    try:
        key = serialization.load_der_public_key(device_key)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise Corrupt(f"the device key of {domain} is not of a known kind")
        key.verify(signature, canonical(domain, data), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        raise Corrupt(f"the signature of {domain} does not match") from None


def _signed_bytes(node_id: NodeId | str, device_key: bytes, name: str, expires: int) -> bytes:
    return canonical("device", node_id, device_key, name, expires)
