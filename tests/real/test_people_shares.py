"""
A share of real processes: two write at the same time, one may only read, a supplier and members are killed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bitdust_node.cli.devnet.devnet import Devnet
from bitdust_node.cli.devnet.nodes import DevnetNode
from tests.real.accidents import AccidentCase


class ShareTest(AccidentCase):
    """Alice has four suppliers; Bob writes, Carol reads."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.addCleanup(self.sweep)
        self.network = Devnet(
            self.folder / "network", 4, 3, 1, needed_space="64 MB", donated_space="256 MB", key_size=1024
        )
        self.network.start()
        self.addCleanup(self.network.stop)
        self.people = [self.network.node(name) for name in ("alice", "bob", "carol")]
        for node in self.people:
            self.network.await_hired(node)
            self.network.await_service(node, "shared_data")

    def of(self, node: DevnetNode, method: str, **arguments: Any) -> Any:
        return node.client.result(method, 60, **arguments)

    def state(self, node: DevnetNode, share: str) -> str:
        return str(self.of(node, "share_info", key_id=share)["state"])

    def put(self, node: DevnetNode, remote: str, data: bytes) -> None:
        """Begin an upload."""
        local = self.folder / f"{node.name}-{remote.rpartition('/')[2].rpartition(':')[2]}"
        local.write_bytes(data)
        self.of(node, "file_create", remote_path=remote, exist_ok=True)
        self.of(node, "file_upload_start", local_path=str(local), remote_path=remote)

    def get(self, node: DevnetNode, remote: str) -> bytes:
        to = str(self.folder / f"to-{node.name}")
        told = self.of(
            node, "file_download_start", remote_path=remote, destination_path=to, wait_result=True, open_share=True
        )
        return Path(told["local_path"]).read_bytes()

    def stored(self, node: DevnetNode, share: str) -> list[str]:
        told = self.of(node, "files_list", key_id=share)
        return sorted(one["path"] for one in told if one["type"] == "file" and one["versions"])

    def family(self, node: DevnetNode) -> int:
        """How many suppliers of Alice the DHT tells of."""
        told = self.of(node, "suppliers_dht_lookup", customer_id=self.people[0].global_id)
        return len([one for one in told["suppliers"] if one])

    def refused(self, node: DevnetNode, method: str, /, **arguments: Any) -> str:  # type: ignore[override]
        told = node.client.call(method, 60, **arguments)
        self.assertEqual(told["status"], "ERROR", f"{method} {arguments} {told}")
        return "; ".join(told["errors"])

    def test_a_share_outlives_kills_of_all(self) -> None:
        alice, bob, carol = self.people
        for node in (bob, carol):
            self.until(lambda node=node: self.family(node) == 4, "the suppliers to be published")
        share = self.of(alice, "share_create", label="common")["key_id"]
        for node, role in ((bob, "writer"), (carol, "reader")):
            self.of(alice, "share_grant", key_id=share, trusted_user_id=node.global_id, role=role)
            self.of(node, "share_open", key_id=share)
        for node in self.people:
            self.until(lambda node=node: self.state(node, share) == "CONNECTED", f"{node.name} to be connected")
        expected = {}
        for number in range(3):
            for node in (alice, bob):
                path = f"{node.name}/{number}"
                expected[path] = f"{path} ".encode() * 10_000
                self.put(node, f"{share}:{path}", expected[path])
        for node in self.people:
            self.until(lambda node=node: self.stored(node, share) == sorted(expected), f"{node.name} to hear of all")
        for path in ("alice/0", "bob/2"):
            self.assertEqual(self.get(carol, f"{share}:{path}"), expected[path])
        self.assertIn("may only read the share", self.refused(carol, "file_create", remote_path=f"{share}:mine"))
        # a supplier and a member are killed, and what happens meanwhile is not lost
        self.network.kill(self.network.of_role("supplier")[0].name)
        self.network.kill("carol")
        expected["while"] = b"while" * 20_000
        self.put(bob, f"{share}:while", expected["while"])
        self.until(lambda: "while" in self.stored(alice, share), "Alice to hear of it")
        self.network.kill("bob")
        self.network.revive("carol")
        self.network.revive("bob")
        for node in self.people:
            self.until(lambda node=node: self.stored(node, share) == sorted(expected), f"{node.name} to hear of all")
            self.assertEqual(self.get(node, f"{share}:while"), expected["while"])
        # who is removed neither reads nor writes what comes
        self.of(alice, "share_revoke", key_id=share, user_id=bob.global_id)
        self.put(alice, f"{share}:after", b"after")
        self.until(lambda: "after" in self.stored(alice, share), "it to be stored")
        self.assertTrue(self.refused(bob, "file_create", remote_path=f"{share}:mine"))
        self.assertNotIn("after", self.stored(bob, share))
