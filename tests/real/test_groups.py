"""
A group of real processes: a supplier and a member are killed, and everybody has every post.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bitdust_node.cli.devnet.devnet import Devnet
from bitdust_node.cli.devnet.nodes import DevnetNode
from tests.real.accidents import AccidentCase


class GroupTest(AccidentCase):
    """Alice, Bob and Carol, and two suppliers."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.addCleanup(self.sweep)
        self.network = Devnet(
            self.folder / "network", 2, 3, 1, needed_space="64 MB", donated_space="256 MB", key_size=1024
        )
        self.network.start()
        self.addCleanup(self.network.stop)
        self.people = [self.network.node(name) for name in ("alice", "bob", "carol")]
        for node in self.people:
            self.network.await_hired(node)
            self.network.await_service(node, "message_history")

    def of(self, node: DevnetNode, method: str, **arguments: Any) -> Any:
        return node.client.result(method, 60, **arguments)

    def connected(self, node: DevnetNode, group: str) -> bool:
        return bool(self.of(node, "group_info", group_key_id=group)["state"] == "CONNECTED")

    def send(self, node: DevnetNode, group: str, text: str) -> None:
        self.until(lambda: self.connected(node, group), f"{node.name} to be connected")
        self.of(node, "message_send_group", group_key_id=group, data={"text": text})

    def texts(self, node: DevnetNode, group: str) -> list[str]:
        told = self.of(node, "message_history", recipient_id=group, message_type="group_message")
        return [one["doc"]["payload"]["data"]["text"] for one in reversed(told)]

    def test_a_group_outlives_a_supplier_and_its_owner(self) -> None:
        alice, bob, carol = self.people
        self.until(lambda: bool(self.of(alice, "suppliers_dht_lookup")["suppliers"]), "the suppliers to be published")
        group = self.of(alice, "group_create", label="friends")["group_key_id"]
        self.of(alice, "group_join", group_key_id=group)
        for node in (bob, carol):
            name = self.of(node, "identity_get")["global_id"]
            self.of(alice, "group_share", group_key_id=group, trusted_user_id=name)
            self.of(node, "group_join", group_key_id=group)
        for number in range(10):
            self.send(self.people[number % 3], group, f"one {number}")
        active = self.of(bob, "group_info", group_key_id=group)["active_supplier_id"]
        killed = next(
            node for node in self.network.of_role("supplier") if self.of(node, "identity_get")["global_id"] == active
        )
        self.network.kill(killed.name)
        self.network.kill("carol")
        self.send(alice, group, "two")
        self.send(bob, group, "three")
        self.network.kill("alice")
        self.send(bob, group, "four")
        self.network.revive("carol")
        self.until(lambda: len(self.texts(carol, group)) == 13, "Carol to catch up")
        self.send(carol, group, "five")
        self.network.revive(killed.name)
        self.network.revive("alice")
        for node in self.people:
            self.until(lambda node=node: len(self.texts(node, group)) == 14, f"{node.name} to have all")
            texts = self.texts(node, group)
            self.assertEqual(sorted(texts), sorted([*(f"one {n}" for n in range(10)), "two", "three", "four", "five"]))
            for first in range(3):
                own = [text for text in texts if text in {f"one {n}" for n in range(first, 10, 3)}]
                self.assertEqual(own, sorted(own))
