"""
Methods whose feature is not there yet: never OK, never unknown, to the letter of the contract.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from bitdust_node.api.later import LaterApi
from bitdust_node.api.registry import ArgumentError, Registry

SAMPLES = {"str": "share_x", "int": 1, "float": 1.5, "dict": {"a": 1}, "bool": True}


class FakeMe:
    has_identity = True


class LaterTests(TestCase):
    def setUp(self) -> None:
        self.me: Any = FakeMe()
        self.on = True
        self.registry = Registry(lambda name: self.on)
        self.registry.add(LaterApi(self.me))

    async def error(self, name: str, **arguments: Any) -> str:
        found = self.registry.get(name)
        given = {one.name: SAMPLES[one.type.__name__] for one in found.parameters if one.required}
        answer = await self.registry.call(name, given | arguments)
        self.assertEqual((answer["status"], answer.get("result"), len(answer["errors"])), ("ERROR", None, 1))
        return str(answer["errors"][0])

    async def test_none_is_ok(self) -> None:
        for found in self.registry:
            if found.name == "api_methods":
                continue
            self.assertTrue(found.info, found.name)
            for self.on in (True, False):
                text = await self.error(found.name)
                if found.needs:
                    self.assertEqual(text, f"{found.needs[0]}() is not started")

    async def test_which_service(self) -> None:
        for name, service in (
            ("devices_list", "service_web_socket_communicator"),
            ("network_stun", "service_udp_transport"),
        ):
            self.assertEqual(await self.error(name), f"{service}() is not started")

    async def test_identity(self) -> None:
        self.assertIn("can not be moved", await self.error("identity_rotate"))
        self.me.has_identity = False
        self.assertEqual(await self.error("identity_rotate"), "local identity is not ready")

    async def test_arguments_are_checked(self) -> None:
        for wrong in ({}, {"name": "phone", "unheard": 1}):
            with self.assertRaises(ArgumentError):
                await self.registry.call("device_start", wrong)
