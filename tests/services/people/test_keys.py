"""
Keys change hands, and are proved to be held.
"""

from __future__ import annotations

from services.keys_registry import KeysRegistry
from tests.services.people.people import PeopleCase


class ShareTests(PeopleCase):
    def test_public_then_private(self) -> None:
        alice, bob, _ = self.people
        key = self.call(alice, "key_create", alias="docs", label="our docs")["result"]
        answer = self.call(alice, "key_share", key_id="docs", trusted_user_id=bob.id, include_label="1")
        self.assertEqual(answer["status"], "OK")
        self.assertIn(f"public key {key['key_id']}", answer["result"][0])
        theirs = self.call(bob, "key_get", key_id=key["key_id"], include_signature=True)["result"]
        self.assertEqual(
            (theirs["is_public"], theirs["public"], theirs["label"], theirs["creator"]),
            (True, key["public"], "our docs", key["creator"]),
        )
        self.assertEqual(theirs["signature_pubkey"], alice.node.me.document.public_key)
        self.assertEqual(alice.told("private-key-shared"), [])
        answer = self.call(
            alice, "key_share", key_id=key["key_id"], trusted_global_id=bob.node.me.idurl, include_private=True
        )
        self.assertIn("private key", answer["result"][0])
        theirs = self.call(bob, "key_get", key_id=key["key_id"], include_private=True)["result"]
        self.assertIn("BEGIN PRIVATE KEY", theirs["private"])
        self.assertEqual(theirs["label"], "our docs")
        [event] = alice.told("private-key-shared")
        self.assertEqual(event.data, {"global_id": bob.id, "remote_idurl": bob.node.me.idurl, "key_id": key["key_id"]})
        self.assertEqual(len(bob.told("key-registered")), 2)

    def test_a_member_passes_it_on(self) -> None:
        alice, bob, carol = self.people
        key_id = self.call(alice, "key_create", alias="docs")["result"]["key_id"]
        self.call(alice, "key_share", key_id=key_id, trusted_user_id=bob.id, include_private=True)
        self.call(bob, "key_share", key_id=key_id, trusted_user_id=carol.id, include_private=True)
        theirs = self.call(carol, "key_get", key_id=key_id, include_private=True)["result"]
        self.assertEqual(theirs["creator"], alice.node.me.idurl)

    def test_a_key_of_a_group_has_its_own_events(self) -> None:
        alice, bob, _ = self.people
        key_id = self.call(alice, "key_create", alias="group_" + "a" * 32)["result"]["key_id"]
        self.call(alice, "key_share", key_id=key_id, trusted_user_id=bob.id, include_private=True)
        [event] = alice.told("group-key-shared")
        self.assertEqual(event.data, {"global_id": bob.id, "remote_idurl": bob.node.me.idurl, "group_key_id": key_id})

    def test_refusals(self) -> None:
        alice, bob, _ = self.people
        key_id = self.call(alice, "key_create", alias="docs")["result"]["key_id"]
        for arguments, text in (
            ({"key_id": "master"}, "master key can not be shared"),
            ({"key_id": "a$b$c"}, "incorrect key_id format"),
            ({"key_id": "nothing"}, "is not registered"),
            ({"trusted_user_id": ""}, "id of a user is expected"),
            ({"trusted_user_id": "user-9@id-a.example_8084"}, "there is no identity"),
            ({"trusted_user_id": alice.id}, "this is the own identity"),
        ):
            given = {"key_id": "docs", "trusted_user_id": bob.id} | arguments
            self.assertIn(text, self.error(alice, "key_share", **given))
        self.call(alice, "key_share", key_id=key_id, trusted_user_id=bob.id)
        given = {"key_id": key_id, "trusted_user_id": self.people[2].id, "include_private": True}
        self.assertIn("only public component", self.error(bob, "key_share", **given))
        self.assertIn("nobody hands own keys", self.error(bob, "key_share", key_id=key_id, trusted_user_id=alice.id))

    def test_nobody_takes_it(self) -> None:
        alice, bob, _ = self.people
        self.call(alice, "key_create", alias="docs")
        given = {"key_id": "docs", "trusted_user_id": bob.id, "include_private": True, "timeout": "7"}
        registry = bob.assembly.make(KeysRegistry)
        self.run_it(registry.stop())
        self.assertEqual(self.error(alice, "key_share", **given), "the remote node does not run service_keys_registry")
        bob.node.die()
        text = self.error(alice, "key_share", 30, **given)
        self.assertEqual(
            [event.data["reason"] for event in alice.told("private-key-share-failed") if event.data][-1], text
        )

    def test_gate(self) -> None:
        alice, bob, _ = self.people
        alice.off = {"keys_registry"}
        for name, arguments in (
            ("key_share", {"trusted_user_id": bob.id}),
            ("key_audit", {"untrusted_user_id": bob.id}),
            ("key_state", {"active": True}),
        ):
            text = self.error(alice, name, key_id="docs", **arguments)
            self.assertEqual(text, "service_keys_registry() is not started")


class AuditTests(PeopleCase):
    def audit(self, key_id: str, private: bool) -> list[str]:
        alice, bob, _ = self.people
        answer = self.call(alice, "key_audit", key_id=key_id, untrusted_user_id=bob.id, is_private=private)
        self.assertEqual(answer["status"], "OK", answer)
        result: list[str] = answer["result"]
        return result

    def test_what_is_held(self) -> None:
        alice, bob, _ = self.people
        key_id = self.call(alice, "key_create", alias="docs")["result"]["key_id"]
        self.assertEqual((self.audit(key_id, False), self.audit(key_id, True)), (["False"], ["False"]))
        self.call(alice, "key_share", key_id=key_id, trusted_user_id=bob.id)
        self.assertEqual((self.audit(key_id, False), self.audit(key_id, True)), (["True"], ["False"]))
        self.call(alice, "key_share", key_id=key_id, trusted_user_id=bob.id, include_private=True)
        self.assertEqual((self.audit(key_id, False), self.audit(key_id, True)), (["True"], ["True"]))

    def test_the_identity_key(self) -> None:
        _, bob, carol = self.people
        self.assertEqual(self.audit(f"master${bob.id}", True), ["True"])
        self.assertEqual(self.audit(f"master${carol.id}", True), ["False"])

    def test_refusals(self) -> None:
        alice, bob, _ = self.people
        self.call(alice, "key_create", alias="docs")
        for arguments, text in (
            ({"key_id": "a$b$c"}, "incorrect key_id format"),
            ({"key_id": "nothing"}, "is not registered"),
            ({"untrusted_user_id": "user-9@id-a.example_8084"}, "there is no identity"),
            ({"untrusted_user_id": alice.id}, "this is the own identity"),
        ):
            given = {"key_id": "docs", "untrusted_user_id": bob.id} | arguments
            self.assertIn(text, self.error(alice, "key_audit", **given))
        self.run_it(bob.assembly.make(KeysRegistry).stop())
        given = {"key_id": "docs", "untrusted_user_id": bob.id}
        self.assertIn("does not run service_keys_registry", self.error(alice, "key_audit", **given))


class StateTests(PeopleCase):
    number = 1

    def test_state_and_signatures(self) -> None:
        [alice] = self.people
        key_id = self.call(alice, "key_create", alias="docs")["result"]["key_id"]
        self.assertIn("inactive", self.call(alice, "key_state", key_id="docs", active="false")["message"])
        self.assertFalse(self.call(alice, "key_get", key_id=key_id)["result"]["active"])
        self.assertIn("is active", self.call(alice, "key_state", key_id="docs", active=True)["message"])
        self.assertEqual(self.call(alice, "key_state", key_id="master", active=True)["status"], "OK")
        for given, text in (
            ("master", "master key can not be changed to inactive state"),
            ("!", "is not valid"),
            ("nothing", "does not exist"),
        ):
            self.assertIn(text, self.error(alice, "key_state", key_id=given, active=False))
        self.assertNotIn("signature", self.call(alice, "key_get", key_id="docs")["result"])
        self.assertNotIn("signature", self.call(alice, "key_get", key_id="master", include_signature=1)["result"])
        made = self.call(alice, "key_get", key_id="master", generate_signature=1)["result"]
        self.assertEqual(made["signature_pubkey"], made["public"])
