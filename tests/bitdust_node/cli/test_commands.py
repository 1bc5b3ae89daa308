"""
Commands on the files of a stopped node, and against an API.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.cli.client import ApiClient, running_pid
from bitdust_node.cli.context import NO_IDENTITY, NOT_RUNNING
from bitdust_node.cli.main import COMMANDS, bitdust
from bitdust_node.config.config import Config
from bitdust_node.errors import Failed, Invalid, NotFound, Unavailable
from tests.bitdust_node.api.test_http import HttpFaceTest


class OfflineTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.base = Path(self.mktemp()).absolute()

    def run_it(self, *arguments: str) -> Result:
        return CliRunner().invoke(bitdust, ["--appdir", str(self.base), *arguments])

    def test_options_without_a_node(self) -> None:
        done = self.run_it("set", "services/customer/suppliers-number", "4")
        self.assertEqual(
            (done.exit_code, done.output), (0, "services/customer/suppliers-number (selection): 4 (was 2)\n")
        )
        self.assertEqual(Config(self.base / "config").get("services/customer/suppliers-number"), 4)
        self.assertIn("suppliers-number (selection): 4\n", self.run_it("get", "services/customer").output)
        self.assertEqual(json.loads(self.run_it("--json", "get", "logs/debug-level").output)[0]["value"], 0)
        self.assertIn("interface/api/rest-http-port 8180", self.run_it("set", "list").output)
        self.assertIn("interface/api/ (7)", self.run_it("get", "interface").output)

    def test_wrong_options(self) -> None:
        for arguments, text in (
            (("set", "no/such", "1"), "option no/such does not exist"),
            (("get", "no/such"), "option no/such does not exist"),
            (("set", "services/customer/suppliers-number", "3"), "must be one of 2, 4, 7"),
        ):
            done = self.run_it(*arguments)
            self.assertEqual(done.exit_code, 1)
            self.assertIn(text, done.stderr)
        self.assertEqual(self.run_it("set").exit_code, 2)
        self.assertEqual(self.run_it("no-such-command").exit_code, 2)

    def test_without_a_node(self) -> None:
        for arguments in (
            ("file", "list"), ("supplier", "list"), ("customer", "list"), ("storage",), ("service", "list"),
            ("automat", "list"), ("ping", "alice@host"), ("api",), ("file", "download", "x"), ("stop",),
        ):  # fmt: skip
            done = self.run_it(*arguments)
            self.assertEqual((done.exit_code, done.output), (0, NOT_RUNNING + "\n"), arguments)
        self.assertEqual(json.loads(self.run_it("--json", "file", "list").output)["errors"], [NOT_RUNNING])
        self.assertEqual(self.run_it("kill").output, "BitDust was not started\n")

    def test_without_an_identity(self) -> None:
        for command in ("id", "gid", "idurl"):
            self.assertEqual(self.run_it(command).output, NO_IDENTITY + "\n")
        self.assertEqual(self.run_it("identity").exit_code, 1)
        self.assertEqual(self.run_it("key", "list").output, "")

    def test_a_path_that_does_not_exist(self) -> None:
        done = self.run_it("file", "upload", "/no/such/file", "x")
        self.assertEqual((done.exit_code, done.stderr), (1, "path /no/such/file not exists\n"))

    def test_version(self) -> None:
        lines = self.run_it("version").output.splitlines()
        self.assertRegex(lines[0], r"^checksum: [0-9a-f]{16}$")
        self.assertRegex(lines[1], r"^version: \d+\.\d+\.\d+$")

    def test_every_command_has_help(self) -> None:
        for name, (_, _, spellings) in COMMANDS.items():
            for spelling in (name, *spellings):
                self.assertEqual(self.run_it(spelling, "--help").exit_code, 0, spelling)

    def test_a_number_left_over_is_no_node(self) -> None:
        self.base.mkdir()
        lock = self.base / "processid"
        lock.write_text(str(os.getpid()))
        self.assertIsNone(running_pid(self.base))
        with lock.open("r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            self.assertEqual(running_pid(self.base), os.getpid())
        for text in ("", "garbage", "9" * 40):
            lock.write_text(text)
            self.assertIsNone(running_pid(self.base))


class ClientTest(HttpFaceTest):
    secret = True

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        base = self.data_folder()
        self.client = ApiClient(base)

    def data_folder(self) -> Path:
        base = Path(self.mktemp())
        option = base / "config/interface/api/rest-http-port"
        option.parent.mkdir(parents=True)
        option.write_text(str(self.face.port))
        (base / "apisecret").write_text(self.face.secret.token)
        return base

    async def call(self, name: str, **arguments: Any) -> Any:
        return await deferToThread(self.client.call, name, 20, **arguments)

    async def test_calls_by_name(self) -> None:
        self.assertTrue(await deferToThread(self.client.healthy))
        self.assertEqual((await self.call("config_get", key="a/b c"))["result"], [{"key": "a/b c"}])
        self.assertEqual((await self.call("thing_set", key="k", value=[1]))["result"]["value"], [1])
        told = await self.call("event_send", event_id="my event/x", data={"a": 1})
        self.assertEqual(told["result"], {"event_id": "my event/x", "data": {"a": 1}})

    async def test_refusals(self) -> None:
        for name, arguments, error in (
            ("no_such", {}, NotFound),
            ("config_get", {"bad": 1}, Invalid),
        ):
            with self.assertRaises(error):
                await self.call(name, **arguments)
        with self.assertRaises(Failed) as caught:
            await deferToThread(self.client.result, "config_get", 20)
        self.assertEqual(str(caught.exception), "mandatory url query argument missed: key")

    async def test_nobody_there(self) -> None:
        await self.face.stop()
        with self.assertRaises(Unavailable):
            await self.call("config_get", key="a")
        self.assertFalse(await deferToThread(self.client.healthy))
