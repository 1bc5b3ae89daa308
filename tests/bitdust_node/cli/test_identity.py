"""
The identity and the keys of a stopped node: shown, saved, erased from their files.
"""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import Result
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.keys.folder import Key, KeyFolder
from bitdust_node.lock import FolderLock
from bitdust_node.paths import DataFolder
from tests.bitdust_node.cli.runner import run
from tests.keys import test_document, test_key


class IdentityTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.base = Path(self.mktemp()).absolute()
        self.document = test_document(1)
        self.folder = DataFolder(self.base)
        (self.folder.metadata / "localidentity").write_bytes(self.document.xml)
        owner = self.document.global_id
        for number, alias in ((1, "master"), (2, "mine")):
            private = test_key(number)
            key = Key(alias, owner, self.document.node_id, alias, True, number, private.public, private)
            KeyFolder(self.folder.keys).write(key)

    def run_it(self, *arguments: str, typed: str | None = None) -> Result:
        return run(self.base, *arguments, typed=typed, HOME=str(self.base))

    def test_shown(self) -> None:
        for words in ("id", "gid", "globalid"):
            self.assertEqual(self.run_it(words).output, "user-1@id-a.example_8084\n")
        self.assertEqual(self.run_it("idurl").output, "http://id-a.example:8084/user-1.xml\n")
        for words in ("identity", "identity show", "identity print", "id ?", "idurl info"):
            self.assertEqual(self.run_it(*words.split()).output.strip(), self.document.xml.decode().strip())
        self.assertEqual(json.loads(self.run_it("--json", "identity").output)["name"], "user-1")
        self.assertIn("already exist", self.run_it("id", "create", "alice").stderr)

    def test_saved(self) -> None:
        text = f"http://id-a.example:8084/user-1.xml\n{test_key(1).pem.strip()}\n"
        named, default = self.base / "saved", self.base / "master$user-1@id-a.example_8084.key"
        self.assertEqual(self.run_it("identity", "backup", str(named)).exit_code, 0)
        self.assertIn(str(default), self.run_it("id", "save").output)
        for path in (named, default):
            self.assertEqual((path.read_text(), path.stat().st_mode & 0o777), (text, 0o600))
        again = self.run_it("identity", "bk", str(named))
        self.assertEqual((again.exit_code, again.stderr), (1, f"error writing to {named}: it exists already\n"))
        nowhere = self.run_it("identity", "bk", "/no/such/folder/file")
        self.assertEqual((nowhere.exit_code, len(nowhere.stderr.splitlines())), (1, 1))

    def test_keys(self) -> None:
        self.assertEqual(
            self.run_it("key", "ls").output.splitlines(),
            ["master$user-1@id-a.example_8084 1024 private master", "mine$user-1@id-a.example_8084 1024 private mine"],
        )
        self.assertIn(test_key(2).pem.strip(), self.run_it("key", "get", "mine").output)
        self.assertIn(test_key(1).public.openssh, self.run_it("pk", "show").output)
        saved = self.base / "mine.key"
        self.assertEqual(self.run_it("key", "backup", "mine$user-1@id-a.example_8084", str(saved)).exit_code, 0)
        self.assertEqual(saved.read_text(), f"http://id-a.example:8084/user-1.xml\n{test_key(2).pem.strip()}\n")
        self.assertEqual(saved.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.run_it("key", "backup", "other", str(saved)).stderr, "key other is not registered\n")

    def test_a_clipboard(self) -> None:
        # without a clipboard of any kind, and with one
        done = run(self.base, "key", "copy", PATH="")
        self.assertEqual((done.exit_code, "no clipboard" in done.stderr), (1, True))
        program = self.base / "bin/wl-copy"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n/bin/cat > {self.base}/clipboard\n")
        program.chmod(0o755)
        done = run(self.base, "key", "cp", "mine", PATH=str(program.parent))
        self.assertEqual(done.output, "key mine$user-1@id-a.example_8084 is in the clipboard\n")
        self.assertEqual((self.base / "clipboard").read_text(), test_key(2).pem)

    def test_erased(self) -> None:
        self.assertEqual(self.run_it("identity", "erase").output, "identity user-1@id-a.example_8084 is erased\n")
        self.assertEqual(self.run_it("identity", "erase").exit_code, 1)
        # the key stays for another registration
        self.assertIsNotNone(KeyFolder(self.folder.keys).master())
        self.assertFalse(self.folder.processid.exists())

    def test_erased_with_its_key(self) -> None:
        refused = self.run_it("identity", "erase", "--key", typed="n\n")
        self.assertEqual(refused.exit_code, 1)
        self.assertIsNotNone(KeyFolder(self.folder.keys).master())
        self.assertEqual(self.run_it("identity", "rm", "--key", typed="y\n").exit_code, 0)
        self.assertIsNone(KeyFolder(self.folder.keys).master())

    def test_not_while_a_node_has_the_folder(self) -> None:
        lock = FolderLock(self.folder.processid)
        self.addCleanup(lock.release)
        self.assertIn("is running", self.run_it("identity", "erase").stderr)
        self.assertTrue((self.folder.metadata / "localidentity").exists())

    def test_restored_from_what_is_no_backup(self) -> None:
        (self.folder.metadata / "localidentity").unlink()
        for data, text in (
            (b"\xff\xfe", "is not the backup"),
            (b"x" * 20_000, "is larger than 10240 bytes"),
            (b"http://127.0.0.1:9/alice.xml\n", "there is no private key in it"),
            (b"", "there is no private key in it"),
        ):
            (self.base / "file").write_bytes(data)
            done = self.run_it("identity", "restore", str(self.base / "file"))
            self.assertEqual((done.exit_code, text in done.stderr), (1, True))
        self.assertIn("can not be read", self.run_it("id", "load", "/no/such").stderr)

    def test_a_damaged_identity(self) -> None:
        (self.folder.metadata / "localidentity").write_bytes(b"<identity>")
        for words in ("id", "identity", "identity backup", "identity erase"):
            done = self.run_it(*words.split())
            self.assertEqual((done.exit_code, len(done.stderr.splitlines())), (1, 1), words)
