"""
Keys under a pass phrase: what a guess costs, and what is not paid for a key of an enemy.
"""

from __future__ import annotations

from unittest.mock import patch

from Crypto.IO import PEM
from Crypto.Util.asn1 import DerSequence
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Invalid
from bitdust_node.keys.pass_phrase import check_cost
from bitdust_node.keys.rsa import PrivateKey
from tests.keys import test_key

PHRASE = "eggs and hens"


def dear(text: str, **numbers: int) -> str:
    """The same key, as if it had been sealed at another cost. n, r, p: of scrypt; rounds: of PBKDF2."""
    sealed, _, _ = PEM.decode(text)
    info = DerSequence().decode(sealed)
    scheme = DerSequence().decode(info[0])
    settings = DerSequence().decode(scheme[1])
    kdf = DerSequence().decode(settings[0])
    cost = DerSequence().decode(kdf[1])
    for name, value in numbers.items():
        cost[{"n": 1, "r": 2, "p": 3, "rounds": 1}[name]] = value
    kdf[1] = cost.encode()
    settings[0] = kdf.encode()
    scheme[1] = settings.encode()
    info[0] = scheme.encode()
    return PEM.encode(info.encode(), "ENCRYPTED PRIVATE KEY")


class PassPhraseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.key = test_key(1)

    def before(self) -> str:
        """As backups were written before there was scrypt."""
        loaded = serialization.load_pem_private_key(self.key.pem.encode(), None)
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        return loaded.private_bytes(encoding, form, serialization.BestAvailableEncryption(PHRASE.encode())).decode()

    def test_costs_whoever_guesses_it(self) -> None:
        text = self.key.pem_under(PHRASE)
        self.assertEqual(PrivateKey.from_pem(text, pass_phrase=PHRASE).pem, self.key.pem)
        for wrong in ("eggs", "\N{EGG}" * 100):
            with self.assertRaisesRegex(Invalid, "wrong pass phrase"):
                PrivateKey.from_pem(text, pass_phrase=wrong)
        with self.assertRaisesRegex(Invalid, "needed too"):
            PrivateKey.from_pem(text)
        # scrypt by its identifier in RFC 7914, with N = 16384, r = 8, p = 8
        sealed, _, _ = PEM.decode(text)
        self.assertIn(bytes.fromhex("0609 2b06010401da47040b"), sealed)
        self.assertIn(bytes.fromhex("02024000 020108 020108"), sealed)
        self.assertNotEqual(self.key.pem_under(PHRASE), text)

    def test_backups_of_before_are_opened(self) -> None:
        for text in (
            self.before(),
            f"\n{self.before()}\nof the machine in the hall\n",
            self.before().replace("\n", "\r\n"),
        ):
            self.assertEqual(PrivateKey.from_pem(text, pass_phrase=PHRASE).pem, self.key.pem)

    def test_what_costs_too_much_is_not_paid(self) -> None:
        text = self.key.pem_under(PHRASE)
        # others may have taken more than we do
        check_cost(dear(text, n=2**17, p=1))
        check_cost(dear(self.before(), rounds=1_000_000))
        refused = (
            dear(text, p=4000),
            dear(text, n=2**40),
            dear(text, n=2**19, r=8, p=1),
            dear(text, n=2**62, r=2**62, p=2**62),
            dear(self.before(), rounds=2**31 - 1),
        )
        with patch.object(serialization, "load_pem_private_key", side_effect=AssertionError("it was paid")):
            for one in refused:
                with self.assertRaisesRegex(Invalid, "too much time or memory"):
                    PrivateKey.from_pem(one, pass_phrase=PHRASE)
            for one in (dear(text, n=-1), dear(text, p=0)):
                with self.assertRaisesRegex(Invalid, "not used any more"):
                    PrivateKey.from_pem(one, pass_phrase=PHRASE)

    @given(st.binary(max_size=200))
    def test_anything_else_is_no_key(self, data: bytes) -> None:
        with self.assertRaises(Invalid):
            check_cost(PEM.encode(data, "ENCRYPTED PRIVATE KEY"))

    @given(st.integers(0, 300), st.binary(min_size=1, max_size=3))
    def test_damaged_ones_raise_nothing_else(self, at: int, junk: bytes) -> None:
        sealed, _, _ = PEM.decode(self.before())
        try:
            check_cost(PEM.encode(sealed[:at] + junk + sealed[at + len(junk) :], "ENCRYPTED PRIVATE KEY"))
        except Invalid:
            return
        check_cost("no key at all")
