"""
RSA keys and the bytes that they sign.
"""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Corrupt, Invalid
from bitdust_node.keys.canonical import Field, canonical
from bitdust_node.keys.rsa import PrivateKey, PublicKey
from tests.keys import test_key

fields: st.SearchStrategy[Field] = st.recursive(
    st.binary(max_size=5) | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=8
)


class RsaTests(SynchronousTestCase):
    def test_texts_there_and_back(self) -> None:
        key = test_key(1)
        self.assertEqual(PrivateKey.from_pem(key.pem).public, key.public)
        self.assertEqual(PublicKey.from_openssh(key.public.openssh + " a comment"), key.public)
        self.assertEqual(PublicKey.from_der(key.public.der).node_id, key.public.node_id)
        self.assertEqual((key.bits, len(key.public.node_id)), (1024, 64))
        self.assertNotIn("PRIVATE", repr(key))

    @settings(max_examples=20, deadline=None)
    @given(st.binary(max_size=300), st.text(max_size=20))
    def test_signatures(self, data: bytes, domain: str) -> None:
        key = test_key(1)
        signature = key.sign(domain, data)
        key.public.verify(domain, data, signature)
        for other in ((domain + "x", data), (domain, data + b"x")):
            with self.assertRaises(Corrupt):
                key.public.verify(*other, signature)
        with self.assertRaises(Corrupt):
            test_key(2).public.verify(domain, data, signature)
        for wrong in (b"", signature[:-1], signature + b"x", bytes(len(signature))):
            with self.assertRaises(Corrupt):
                key.public.verify(domain, data, wrong)

    def test_wrapping(self) -> None:
        key = test_key(1)
        wrapped = key.public.encrypt("file", b"k" * 32)
        self.assertEqual(key.decrypt("file", wrapped), b"k" * 32)
        for label, data in (("other", wrapped), ("file", wrapped[:-1]), ("file", b""), ("file", bytes(128))):
            with self.assertRaises(Corrupt):
                key.decrypt(label, data)
        with self.assertRaises(Corrupt):
            test_key(2).decrypt("file", wrapped)
        self.assertEqual(key.decrypt("", key.public.encrypt("", b"x" * 62)), b"x" * 62)
        with self.assertRaises(Invalid):
            key.public.encrypt("", b"x" * 63)

    def test_only_three_sizes_and_one_exponent(self) -> None:
        with self.assertRaises(Invalid):
            PrivateKey.generate(1536)
        for odd in (rsa.generate_private_key(65537, 1032), rsa.generate_private_key(3, 1024)):
            form = serialization.PublicFormat
            public = odd.public_key()
            with self.assertRaises(Invalid):
                PublicKey.from_der(public.public_bytes(serialization.Encoding.DER, form.SubjectPublicKeyInfo))
            with self.assertRaises(Invalid):
                PublicKey.from_openssh(public.public_bytes(serialization.Encoding.OpenSSH, form.OpenSSH).decode())

    def test_what_is_no_rsa_key(self) -> None:
        other = ec.generate_private_key(ec.SECP256R1())
        pem = other.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        ssh = other.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        der = other.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        for text in ("", "x", pem, "x" * 10000, test_key(1).pem[:-60], "\ud800"):
            with self.assertRaises(Invalid, msg=text[:30]):
                PrivateKey.from_pem(text)
        for text in (
            "",
            "x",
            "ssh-rsa",
            "ssh-rsa !",
            "ssh-rsa AAAA",
            ssh.decode(),
            "ssh-rsa " + "A" * 9000,
            "ssh-rsa \ud800",
        ):
            with self.assertRaises(Invalid, msg=text[:30]):
                PublicKey.from_openssh(text)
        for data in (b"", b"x", der, b"\x30" * 9000):
            with self.assertRaises(Invalid):
                PublicKey.from_der(data)

    def test_an_own_key_with_a_flipped_bit(self) -> None:
        numbers = test_key(1)._key.private_numbers()
        changed = rsa.RSAPrivateNumbers(
            numbers.p, numbers.q, numbers.d + 2, numbers.dmp1 + 2, numbers.dmq1, numbers.iqmp, numbers.public_numbers
        ).private_key(unsafe_skip_rsa_key_validation=True)
        pem = changed.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        with self.assertRaises(Invalid):
            PrivateKey.from_pem(pem, own=True)


class CanonicalTests(SynchronousTestCase):
    def test_layout(self) -> None:
        self.assertEqual(canonical("d", b"ab", ["c"], 7).hex(), "00000001640000000261620000000100000001630000000137")

    @given(st.lists(st.binary(max_size=4), max_size=4), st.lists(st.binary(max_size=4), max_size=4))
    def test_different_fields_never_look_alike(self, one: list[bytes], two: list[bytes]) -> None:
        self.assertEqual(canonical("d", one) == canonical("d", two), one == two)

    @given(fields)
    def test_any_fields(self, field: Field) -> None:
        self.assertIsInstance(canonical("d", field), bytes)
