"""
The API of identities and keys, through the registry, to the letter of the contract.
"""

from __future__ import annotations

import stat
from typing import Any

from twisted.trial.unittest import TestCase

from bitdust_node.api.registry import ArgumentError, Registry
from bitdust_node.identity.api import IdentityApi
from bitdust_node.keys.rsa import PrivateKey
from services.keys_registry import KeysRegistry
from tests.bitdust_node.identity.parts import Parts, RunningServer
from tests.keys import test_document

KNOWN = "services/identity-propagate/known-servers"


class Settled:
    async def settled(self) -> None:
        return


class ApiTests(TestCase):
    def setUp(self) -> None:
        self.server = RunningServer(self)
        self.parts = Parts(self, **{KNOWN: str(self.server.server)})
        self.on = True
        self.registry = Registry(lambda name: self.on)
        parts = self.parts
        settled: Any = Settled()
        self.registry.add(IdentityApi(parts.me, parts.registrar, parts.resolver, settled, parts.workers))
        nobody: Any = None
        self.registry.add(KeysRegistry(parts.ring, parts.config, parts.me, parts.resolver, nobody, nobody, nobody))

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        return await self.registry.call(name, arguments)

    async def error(self, name: str, **arguments: Any) -> str:
        answer = await self.call(name, **arguments)
        self.assertEqual(answer["status"], "ERROR")
        return str(answer["errors"][0])

    async def test_without_an_identity(self) -> None:
        self.assertEqual(await self.error("identity_get"), "local identity is not valid or not exist")
        self.assertEqual(await self.error("identity_erase"), "local identity is not valid or not exist")
        self.assertEqual(await self.call("identity_cache_list"), {"status": "OK", "result": []})

    async def test_create_get_erase(self) -> None:
        created = (await self.call("identity_create", username=" Alice ", preferred_servers=""))["result"]
        self.assertEqual(created["name"], "alice")
        self.assertIn("<identity>", created["xml"])
        shown = (await self.call("identity_get"))["result"]
        self.assertEqual(shown, {name: value for name, value in created.items() if name != "xml"})
        self.assertEqual((await self.call("identity_get", xml_source=True))["result"], created)
        self.assertEqual(await self.error("identity_create", username="bob"), "local identity already exist")
        self.assertEqual((await self.call("identity_erase"))["status"], "OK")
        self.assertEqual(await self.error("identity_get"), "local identity is not valid or not exist")

    async def test_backup(self) -> None:
        self.assertEqual(await self.error("identity_backup", destination_path="/x"), "local identity is not ready")
        await self.call("identity_create", username="alice")
        path = self.parts.base / "alice.key"
        answer = await self.call("identity_backup", destination_filepath=str(path))
        self.assertEqual(answer["result"], {"local_path": str(path)})
        self.assertIn("secret", answer["message"])
        text = path.read_text()
        self.assertEqual(text.splitlines()[0], self.parts.me.idurl)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        private = PrivateKey.from_pem(text.partition("\n")[2])
        self.assertEqual(private.public, self.parts.me.document.public)
        self.assertEqual((await self.call("identity_backup", destination_path=""))["result"], {"result": text})

    async def test_a_backup_overwrites_nothing(self) -> None:
        await self.call("identity_create", username="alice")
        path = self.parts.base / "other.key"
        path.write_text("somebody's only key")
        link = self.parts.base / "link"
        link.symlink_to(self.parts.base / "elsewhere")
        for target in (path, link):
            text = await self.error("identity_backup", destination_path=str(target))
            self.assertEqual(text, f"error writing to {target}: it exists already")
        self.assertEqual(path.read_text(), "somebody's only key")
        self.assertFalse((self.parts.base / "elsewhere").exists())
        for wrong in (str(self.parts.base), str(self.parts.base / "no" / "file"), "a\0b", "~nobody-here/x", "x" * 5000):
            self.assertIn("error writing to", await self.error("identity_backup", destination_path=wrong))

    async def test_texts_of_refusals(self) -> None:
        self.assertEqual(await self.error("identity_create", username="a b"), "invalid user name")
        other = Parts(self)
        await other.registrar.create("alice", [str(self.server.server)])
        self.assertIn("already taken", await self.error("identity_create", username="alice"))
        with self.assertRaises(ArgumentError):
            await self.call("identity_create")

    async def test_cache(self) -> None:
        for number, name in ((1, "zoe"), (2, "bob")):
            self.parts.resolver.remember(test_document(number, name))
        listed = (await self.call("identity_cache_list"))["result"]
        self.assertEqual([one["name"] for one in listed], ["bob", "zoe"])
        self.assertNotIn("xml", listed[0])

    async def test_keys(self) -> None:
        me = (await self.call("identity_create", username="alice"))["result"]["global_id"]
        answer = await self.call("key_create", alias="Docs ", size="1024", label="d")
        self.assertEqual(answer["result"]["key_id"], f"docs${me}")
        self.assertIsNone(answer["result"]["private"])
        self.assertIn("generated", answer["message"])
        listed = (await self.call("keys_list"))["result"]
        self.assertEqual([one["alias"] for one in listed], ["master", "docs"])
        self.assertEqual(listed[0]["label"], f"master${me}")
        await self.call("key_create", key_alias="apes", include_private=True)
        listed = (await self.call("keys_list", sort=True, include_private=True))["result"]
        self.assertEqual([one["alias"] for one in listed], ["master", "apes", "docs"])
        self.assertIn("BEGIN PRIVATE KEY", listed[1]["private"])
        for text in ("master", me, f"master${me}"):
            self.assertEqual((await self.call("key_get", key_id=text))["result"]["alias"], "master")
        self.assertIn("updated", (await self.call("key_label", key_id="docs", label="new"))["message"])
        self.assertEqual((await self.call("key_get", key_id="docs"))["result"]["label"], "new")
        self.assertIn("erased", (await self.call("key_erase", key_id=f"docs${me}"))["message"])
        self.assertIn("not registered", await self.error("key_get", key_id="docs"))

    async def test_key_refusals(self) -> None:
        await self.call("identity_create", username="alice")
        await self.call("key_create", key_alias="docs")
        for name, arguments, text in (
            ("key_get", {"key_id": "a$b$c"}, "incorrect key_id format"),
            ("key_get", {"key_id": "nothing"}, "not registered"),
            ("key_create", {"key_alias": "1"}, "not valid"),
            ("key_create", {"key_alias": "docs"}, "already exist"),
            ("key_create", {"key_alias": "more", "key_size": 7}, "failed to generate"),
            ("key_label", {"key_id": "!", "label": "x"}, "is not valid"),
            ("key_label", {"key_id": "nothing", "label": "x"}, "does not exist"),
            ("key_label", {"key_id": "master", "label": "x"}, "master key label can not be changed"),
            ("key_erase", {"key_id": "master"}, "master key can not be erased"),
            ("key_erase", {"key_id": "!"}, "incorrect key_id format"),
            ("key_erase", {"key_id": "nothing"}, "failed to erase"),
        ):
            self.assertIn(text, await self.error(name, **arguments), name)

    async def test_gate(self) -> None:
        self.on = False
        self.assertEqual(await self.error("keys_list"), "service_keys_registry() is not started")
