"""
Attacks on keys that change hands and on proofs of possession (rules 1, 9 and 14).
"""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.internet.defer import Deferred

from bitdust_node.errors import BitDustError, Conflict, Corrupt, Full, Invalid, Refused
from bitdust_node.keys.parcel import Parcel, seal, unseal
from bitdust_node.keys.possession import Doubted
from bitdust_node.keys.ring import DOMAIN, signed_bytes
from bitdust_node.wire.keys import KEY_AUDIT, KEY_HAND_OVER, Doubt, HandedKey, Proof
from tests.keys import test_key
from tests.services.people.people import PeopleCase, Person


class HandOverAttacks(PeopleCase):
    """
    Alice owns a key, Bob receives, Carol attacks.
    """

    def signed(self, owner: int, alias: str, key: int) -> str:
        """The signature of a person under a key."""
        public = test_key(key).public
        return test_key(owner).sign(DOMAIN, signed_bytes(alias, test_key(owner).public.node_id, public)).hex()

    def parcel(self, owner: Person, key: int, signature: str, alias: str = "docs", private: bool = False) -> Parcel:
        made = test_key(key)
        return Parcel(alias, owner.id, "", made.public.openssh, made.pem if private else "", signature)

    def hand(self, sender: Person, to: Person, parcel: Parcel, sealed_by: Person | None = None) -> Any:
        wrapped, sealed = seal(parcel, (sealed_by or sender).node.node_id, to.node.me.document.public)
        asking = sender.node.router.request(to.node.node_id, KEY_HAND_OVER, HandedKey(wrapped, sealed))
        return self.run_it(self.outcome(asking))

    async def outcome(self, asking: Any) -> Any:
        try:
            return await asking
        except BitDustError as error:
            return error

    def test_a_key_in_the_name_of_somebody_else(self) -> None:
        alice, bob, carol = self.people
        for signature in (self.signed(3, "docs", 7), "", "00" * 128, "not hex", self.signed(1, "other", 7)):
            outcome = self.hand(carol, bob, self.parcel(alice, 7, signature))
            self.assertIsInstance(outcome, Corrupt, outcome)
        self.assertEqual([key.alias for key in bob.ring], ["master"])

    def test_a_key_does_not_replace_another(self) -> None:
        alice, bob, _ = self.people
        self.hand(alice, bob, self.parcel(alice, 7, self.signed(1, "docs", 7)))
        outcome = self.hand(alice, bob, self.parcel(alice, 8, self.signed(1, "docs", 8)))
        self.assertIsInstance(outcome, Conflict)
        self.assertEqual(bob.ring.get(f"docs${alice.id}").public, test_key(7).public)

    def test_the_halves_must_fit(self) -> None:
        alice, bob, _ = self.people
        parcel = msgspec.structs.replace(self.parcel(alice, 7, self.signed(1, "docs", 7)), private=test_key(8).pem)
        self.assertIsInstance(self.hand(alice, bob, parcel), Invalid)
        parcel = msgspec.structs.replace(parcel, private="-----BEGIN PRIVATE KEY-----\nAAAA")
        self.assertIsInstance(self.hand(alice, bob, parcel), Invalid)

    def test_nobody_gives_identity_keys_or_own_keys(self) -> None:
        alice, bob, _ = self.people
        outcome = self.hand(alice, bob, self.parcel(alice, 7, self.signed(1, "master", 7), alias="master"))
        self.assertIsInstance(outcome, Invalid)
        outcome = self.hand(alice, bob, self.parcel(bob, 7, self.signed(2, "docs", 7)))
        self.assertIsInstance(outcome, Refused)
        outcome = self.hand(alice, bob, self.parcel(alice, 7, self.signed(1, "../x", 7), alias="../x"))
        self.assertIsInstance(outcome, Invalid)
        self.assertEqual([key.alias for key in bob.ring], ["master"])

    def test_a_parcel_is_bound_to_sender_and_receiver(self) -> None:
        alice, bob, carol = self.people
        parcel = self.parcel(alice, 7, self.signed(1, "docs", 7), private=True)
        outcome = self.hand(carol, bob, parcel, sealed_by=alice)
        self.assertIsInstance(outcome, Corrupt)
        wrapped, sealed = seal(parcel, alice.node.node_id, bob.node.me.document.public)
        for changed in (
            (wrapped, sealed[:-1] + bytes([sealed[-1] ^ 1])),
            (wrapped, b""),
            (b"", sealed),
            (wrapped[:-1] + bytes([wrapped[-1] ^ 1]), sealed),
        ):
            with self.assertRaises(Corrupt) as caught:
                unseal(*changed, alice.node.node_id, test_key(2))
            # one text for all: no oracle
            self.assertEqual(str(caught.exception), str(outcome))
        with self.assertRaises(Corrupt):
            unseal(wrapped, sealed, alice.node.node_id, test_key(3))

    def test_an_owner_whom_nobody_knows(self) -> None:
        alice, bob, _ = self.people
        parcel = msgspec.structs.replace(
            self.parcel(alice, 7, self.signed(1, "docs", 7)), owner="nobody@id-a.example_8084"
        )
        self.assertIsInstance(self.hand(alice, bob, parcel), Refused)

    def test_a_flood(self) -> None:
        alice, bob, carol = self.people
        parcel = self.parcel(alice, 7, "")
        outcomes = [self.hand(carol, bob, parcel) for _ in range(52)]
        self.assertIsInstance(outcomes[0], Corrupt)
        self.assertIsInstance(outcomes[-1], Full)
        # others are not the worse for it
        outcome = self.hand(alice, bob, self.parcel(alice, 7, self.signed(1, "docs", 7)))
        self.assertEqual(outcome.key_id, f"docs${alice.id}")


class AuditAttacks(PeopleCase):
    def ask(self, asker: Person, holder: Person, doubt: Doubt) -> bytes:
        proof: Proof = self.run_it(asker.node.router.request(holder.node.node_id, KEY_AUDIT, doubt))
        return proof.proof

    def test_nobody_learns_who_holds_what(self) -> None:
        alice, bob, carol = self.people
        self.call(alice, "key_create", alias="docs")
        owner_id = str(alice.node.node_id)
        nonce, claim = bytes(32), bytes(32)
        unknown = self.ask(carol, alice, Doubt(owner_id, "nothing", False, nonce, claim))
        known = self.ask(carol, alice, Doubt(owner_id, "docs", False, nonce, claim))
        self.assertEqual((unknown, known), (b"", b""))
        # nor with the claim that Bob has made
        key = alice.ring.get("docs").public
        claim = Doubted(key, nonce, bob.node.node_id, alice.node.node_id).claim
        self.assertEqual(self.ask(carol, alice, Doubt(owner_id, "docs", True, nonce, claim)), b"")
        self.assertNotEqual(self.ask(bob, alice, Doubt(owner_id, "docs", True, nonce, claim)), b"")

    def test_a_proof_fits_one_question_only(self) -> None:
        alice, bob, carol = (person.node.node_id for person in self.people)
        key = test_key(7)
        question = Doubted(key.public, bytes(32), alice, bob)
        private, public = question.prove_private(key), question.prove_public()
        self.assertTrue(question.is_proved(private, True) and question.is_proved(public, False))
        for other in (
            Doubted(key.public, b"x" * 32, alice, bob),
            Doubted(key.public, bytes(32), alice, carol),
            Doubted(key.public, bytes(32), carol, bob),
            Doubted(key.public, bytes(32), bob, alice),
            Doubted(test_key(8).public, bytes(32), alice, bob),
        ):
            self.assertFalse(other.is_proved(private, True))
            self.assertFalse(other.is_proved(public, False))
        # the answer about one half is none about the other, and the claim proves nothing
        for proof in (public, question.claim, b"", b"x"):
            self.assertFalse(question.is_proved(proof, True))
        for proof in (private, question.claim, b""):
            self.assertFalse(question.is_proved(proof, False))

    def test_it_signs_and_opens_nothing_else(self) -> None:
        """
        What an audit signs begins with its own domain: it is no signature of a key, a document or a manifest.
        """
        key = test_key(7)
        proof = Doubted(key.public, bytes(32), *(person.node.node_id for person in self.people[:2])).prove_private(key)
        with self.assertRaises(Corrupt):
            key.public.verify(DOMAIN, signed_bytes("docs", key.public.node_id, test_key(8).public), proof)

    def test_a_flood(self) -> None:
        alice, _, carol = self.people
        doubt = Doubt(str(alice.node.node_id), "docs", False, bytes(32), bytes(32))
        for _ in range(100):
            self.ask(carol, alice, doubt)
        asking = Deferred.fromCoroutine(carol.node.router.request(alice.node.node_id, KEY_AUDIT, doubt))
        self.clock.pump(20)
        self.failureResultOf(asking, Full)
