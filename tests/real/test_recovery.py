"""
The machine is gone, the key is left: on real processes.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from bitdust_node.config.config import Config
from tests.real.accidents import MEGABYTE, AccidentCase
from tests.real.commands import bitdust

#: Options that say which ports and which network a machine has; the new one has them too.
MACHINE = ("config", "apisecret")


class RecoveryTest(AccidentCase):
    """Everything in the data folder of alice is lost but the options of her machine."""

    spare = 1

    def test_with_the_key_alone(self) -> None:
        large, small = self.make_file(3 * MEGABYTE), self.make_file(5_000, 2)
        self.upload(large, "docs/large")
        self.upload(small, "docs/small")
        self.call("file_create", remote_path="empty", as_folder=True)
        self.call("key_create", key_alias="letters", key_size=1024, label="my letters")
        suppliers = self.change_a_supplier()
        before = self.call("files_list")
        identity = self.call("identity_get")
        backup, sealed = self.folder / "alice.key", self.folder / "sealed.key"
        self.call("identity_backup", destination_filepath=str(backup))
        self.call("identity_backup", destination_filepath=str(sealed), pass_phrase="hen lays eggs")
        self.until(lambda: self.family() == suppliers, "the suppliers to be published")
        self.until_told()
        self.network.kill("alice")
        self.forget()
        base = Path(self.alice.base)
        self.wrong_ways(base, backup, sealed)
        done = bitdust(base, "identity", "restore", str(sealed), "--pass-phrase", "hen lays eggs")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.network.revive("alice")
        self.network.await_hired(self.alice)
        self.until(lambda: len(self.call("files_list")) == len(before), "the catalog to come back")
        self.until(lambda: self.whole() == 2, "all suppliers to be there")
        after = self.call("files_list")
        self.assertEqual(
            [(one["path"], one["path_id"], one["type"], one["versions"]) for one in after],
            [(one["path"], one["path_id"], one["type"], one["versions"]) for one in before],
        )
        self.assertEqual([one["idurl"] for one in self.call("suppliers_list")], suppliers)
        self.assert_back(large, "docs/large", "after the recovery")
        self.assert_back(small, "docs/small", "after the recovery")
        self.until(lambda: len(self.call("keys_list")) == 2, "the keys to come back")
        self.assertEqual(self.call("key_get", key_id="letters", include_private=True)["label"], "my letters")
        now = self.call("identity_get")
        self.assertEqual(now["publickey"], identity["publickey"])
        self.assertGreater(int(now["revision"]), int(identity["revision"]))
        # what is stored from now on is beside what was there
        self.upload(small, "docs/new")
        self.assert_back(small, "docs/new", "stored after the recovery")
        self.assert_nobody_stumbled()

    def change_a_supplier(self) -> list[str]:
        """One of them is replaced, and the DHT, asked by another node, follows; the suppliers from then on."""
        old = [one["idurl"] for one in self.call("suppliers_list")]
        self.until(lambda: self.family() == old, "the suppliers to be published")
        self.call("supplier_change", position=1)
        self.until(lambda: self.call("suppliers_list")[1]["idurl"] != old[1], "another supplier to be hired")
        new = [one["idurl"] for one in self.call("suppliers_list")]
        self.assertEqual([new[0], *new[2:]], [old[0], *old[2:]])
        self.assertNotIn(new[1], old)
        self.until(lambda: self.family() == new, "the new suppliers to be published")
        self.until(lambda: self.whole() == 2, "the pieces of the old one to be made anew")
        return new

    def whole(self) -> int:
        """Versions of which each supplier has its piece."""
        told = self.call("files_list")
        return sum(version["reliable"] == "100%" for one in told for version in one["versions"])

    def assert_back(self, local: Path, remote: str, to: str) -> None:
        to = str(self.folder / to)
        told = self.call("file_download_start", remote_path=remote, destination_path=to, wait_result=True)
        self.assertEqual(Path(told["local_path"]).read_bytes(), local.read_bytes())

    def family(self) -> list[str]:
        told = self.network.node("supplier-1").client.result("suppliers_dht_lookup", 60, customer_id=self.idurl)
        found: list[str] = told["suppliers"]
        return found

    @property
    def idurl(self) -> str:
        told: str = self.call("identity_get")["idurl"]
        return told

    def until_told(self) -> None:
        """Each supplier has all that there is of the catalog and the keys."""

        def told() -> bool:
            with closing(sqlite3.connect(f"file:{self.alice.base}/catalog.db?mode=ro", uri=True)) as c:
                untold = c.execute("SELECT count(*) FROM operations").fetchone()[0]
                kinds = c.execute("SELECT count(DISTINCT kind) FROM sealed").fetchone()[0]
                sealed = c.execute("SELECT count(*) FROM sealed").fetchone()[0]
                copies = c.execute("SELECT count(*) FROM copies").fetchone()[0]
            return not untold and kinds == 2 and copies >= 4 * sealed

        self.until(told, "the suppliers to have the catalog")

    def forget(self) -> None:
        base = Path(self.alice.base)
        for path in base.iterdir():
            if path.name not in MACHINE:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        # a new machine does not know how many suppliers there were
        Config(base / "config", synced=False).set("services/customer/suppliers-number", "2")

    def wrong_ways(self, base: Path, backup: Path, sealed: Path) -> None:
        for arguments, reason in (
            ((str(sealed),), "pass phrase"),
            ((str(sealed), "--pass-phrase", "cock lays eggs"), "wrong pass phrase"),
            ((str(self.folder / "nothing"),), "can not be read"),
        ):
            done = bitdust(base, "identity", "restore", *arguments)
            self.assertEqual(done.returncode, 1)
            self.assertIn(reason, done.stderr)
        other = bitdust(base, "identity", "show")
        self.assertIn("local identity is not valid", other.stderr + other.stdout)
        text = backup.read_text()
        other_key = (Path(self.network.node("supplier-1").base) / "wrong.key").absolute()
        self.network.node("supplier-1").client.result("identity_backup", 60, destination_filepath=str(other_key))
        wrong = self.folder / "wrong.key"
        wrong.write_text(text.partition("-----BEGIN")[0] + "".join(other_key.read_text().partition("-----BEGIN")[1:]))
        done = bitdust(base, "identity", "restore", str(wrong))
        self.assertEqual(done.returncode, 1)
        self.assertIn("key verification failed", done.stderr)
