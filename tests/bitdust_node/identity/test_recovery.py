"""
An identity that comes back from its backup: what is accepted, and what is refused in which words.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from bitdust_node.api.registry import Registry
from bitdust_node.identity.backup import backup_text, write_secret
from bitdust_node.identity.recovered import Recovered
from bitdust_node.identity.recovery import Recovery
from tests.bitdust_node.identity.parts import Parts, RunningServer
from tests.keys import test_key

KNOWN = "services/identity-propagate/known-servers"


class RecoveryTest(TestCase):
    async def setUp(self) -> None:
        self.server = RunningServer(self)
        old = Parts(self, **{KNOWN: str(self.server.server)})
        self.document = await old.registrar.create("alice", bits=1024)
        self.key = old.me.key
        self.text = backup_text(self.key.pem, *self.document.sources)
        self.parts = parts = Parts(self, **{KNOWN: str(self.server.server)})
        self.recovered = Recovered(parts.state_db)
        self.registry = Registry(lambda name: True)
        self.registry.add(Recovery(parts.me, parts.ring, parts.registrar, parts.servers, self.recovered, parts.workers))

    async def call(self, source: str, **arguments: Any) -> dict[str, Any]:
        return await self.registry.call("identity_recover", {"private_key_source": source, **arguments})

    async def refused(self, source: str, **arguments: Any) -> str:
        answer = await self.call(source, **arguments)
        self.assertEqual(answer["status"], "ERROR")
        self.assertFalse(self.parts.me.has_identity)
        return str(answer["errors"][0])

    async def test_back(self) -> None:
        told = (await self.call(self.text))["result"]
        self.assertEqual(told["idurl"], self.document.idurl)
        self.assertGreater(int(told["revision"]), self.document.revision)
        self.assertEqual(self.parts.me.node_id, self.document.node_id)
        self.assertTrue(await self.recovered.pending(self.document.node_id))
        self.assertEqual((await self.call(self.text))["errors"], ["local identity already exist"])

    async def test_from_a_file_under_a_pass_phrase(self) -> None:
        path = Path(self.mktemp())
        write_secret(path, backup_text(self.key.pem_under("hen"), *self.document.sources))
        self.assertIn("pass phrase, which is needed", await self.refused(str(path)))
        self.assertIn("wrong pass phrase", await self.refused(str(path), pass_phrase="cock"))
        told = await self.call(str(path), pass_phrase="hen")
        self.assertEqual(told["result"]["idurl"], self.document.idurl)

    async def test_known_idurl(self) -> None:
        self.assertIn("at least one IDURL is needed", await self.refused(self.key.pem))
        self.assertEqual((await self.call(self.key.pem, known_idurl=self.document.idurl))["status"], "OK")

    async def test_refused(self) -> None:
        other = backup_text(test_key(1).pem, *self.document.sources)
        nobody = backup_text(self.key.pem, self.document.idurl.replace("alice", "nobody"))
        away = backup_text(self.key.pem, "http://127.0.0.1:1/alice.xml")
        pipe = self.mktemp()
        os.mkfifo(pipe)
        for source, reason in (
            (" ", "private key must be provided"),
            ("/no/such/file", "can not be read"),
            (pipe, "it is a pipe"),
            (os.path.dirname(pipe), "Is a directory"),
            ("x" * 20_000 + "-----BEGIN ", "too large"),
            ("no\nkey", "no private key in it"),
            ("not an idurl\n" + self.key.pem, "'not'"),
            (self.document.idurl + "\n-----BEGIN PRIVATE KEY-----\nAAAA\n", "not a PEM private key"),
            (other, "key verification failed"),
            (nobody, "incorrect or non-existing IDURL"),
            (away, "network connection failed"),
        ):
            self.assertIn(reason, await self.refused(source), source[:60])
        self.assertIsNone(self.parts.ring.master)
