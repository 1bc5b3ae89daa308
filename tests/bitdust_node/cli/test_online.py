"""
Commands against a node that runs: in this process, without identity, with an API on real sockets.
"""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from click.testing import Result
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bitdust_node.api.http import HttpFace
from bitdust_node.api.registry import Answer, Registry, method
from bitdust_node.api.secret import Secret
from bitdust_node.cli.context import Context
from bitdust_node.cli.devnet.ports import free_ports
from bitdust_node.cli.messages import Talk
from bitdust_node.cli.progress import Transfer, transfers
from bitdust_node.errors import NotFound, Unavailable
from bitdust_node.lock import FolderLock
from bitdust_node.network import Network
from bitdust_node.node import Node
from tests.bitdust_node.api.sample import free_config
from tests.bitdust_node.cli.runner import run


def absolute(path: str) -> Path:
    return Path(path).absolute()


class NodeTest(TestCase):
    """One node that is nobody yet, and keeps to this machine."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.base = absolute(self.mktemp())
        http, websocket = free_ports(2)
        overrides = {
            "interface/api/rest-http-port": http,
            "interface/api/web-socket-port": websocket,
            "services/network/interface": "127.0.0.1",
            "services/network/enabled": False,
        }
        self.node = Node(self.base, reactor, overrides)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.node.stop()))
        await self.node.start()

    async def run_it(self, *words: str) -> Result:
        result: Result = await deferToThread(run, self.base, *words)
        return result

    async def test_options_live(self) -> None:
        done = await self.run_it("set", "donated", "3", "GB")
        self.assertEqual(done.output, "services/supplier/donated-space (disk space): 3 GB (was 8 GB)\n")
        self.assertEqual(self.node.config.text("services/supplier/donated-space"), "3 GB")
        self.assertIn("donated-space (disk space): 3 GB", (await self.run_it("get", "services/supplier")).output)
        self.assertEqual((await self.run_it("set", "no/such", "1")).stderr, "option no/such does not exist\n")

    async def test_what_is_not_started_says_so(self) -> None:
        for words, gate in (
            ("file list", "backup_db"), ("file upload . x", "backup_db"), ("supplier", "customer"),
            ("supplier fire 0", "employer"), ("customer", "supplier"), ("customer free x", "supplier"),
            ("customer ping", "supplier"), ("supplier ping", "customer"), ("key", "keys_registry"),
            ("key create abc", "keys_registry"), ("key share a b", "keys_registry"), ("key rm a", "keys_registry"),
            ("message", "private_messages"), ("msg send a@b hello you", "private_messages"),
            ("file sync", "backups"), ("file progress", "backups"), ("device", "web_socket_communicator"),
            ("device add direct abc localhost 1234", "web_socket_communicator"),
            ("device add routed abc 1024", "web_socket_communicator"),
            *((f"device {act} abc", "web_socket_communicator") for act in
              ("start", "disable", "remove", "pair", "generate-client-code", "reset", "info")),
            ("ping a@b", "identity_propagate"), ("friend nick bobby", "private_messages"), ("reconnect", ""),
            ("nw create x", ""), ("nw select x", ""), ("service start nothing", ""),
        ):  # fmt: skip
            done = await self.run_it(*words.split())
            self.assertEqual((done.exit_code, done.stdout, len(done.stderr.splitlines())), (1, "", 1), words)
            self.assertNotIn("invalid api method", done.stderr, words)
            self.assertNotIn("unexpected keyword", done.stderr, words)
            if gate:
                self.assertEqual(done.stderr, f"service_{gate}() is not started\n", words)

    async def test_services(self) -> None:
        lines = (await self.run_it("service")).output.splitlines()
        self.assertIn("service_network OFF disabled ", lines)
        tree = (await self.run_it("svc", "tree")).output.splitlines()
        self.assertEqual(sorted(line.strip() for line in tree), sorted(line.strip() for line in lines))
        self.assertTrue(any(line.startswith("    service_") for line in tree))
        for words in (("service", "network"), ("service", "info", "service_network")):
            self.assertIn("config_path: services/network/enabled\n", (await self.run_it(*words)).output)
        self.assertIn("was not found", (await self.run_it("service", "nothing")).stderr)
        for words in (("automat", "st"), ("st",), ("states", "list"), ("machines",)):
            self.assertIn("node node RUNNING", (await self.run_it(*words)).output, words)
        self.assertIn("service_identity_server", (await self.run_it("identity", "server")).output)

    async def test_any_method(self) -> None:
        done = await self.run_it("api", "config_get", "key=logs/debug-level")
        self.assertEqual((done.exit_code, json.loads(done.output)["result"][0]["value"]), (0, 0))
        for words, text in (
            ("api nothing", "invalid api method name"),
            ("api config_get bad=1", "unexpected keyword argument 'bad'"),
            ("api device_info name=x", "is not started"),
            ("api key_share key_id=a trusted_user_id=b timeout=3", "is not started"),
        ):
            done = await self.run_it(*words.split())
            self.assertEqual((done.exit_code, text in done.output), (1, True), words)
        self.assertEqual((await self.run_it("api", "config_get", "key")).exit_code, 2)
        listed = (await self.run_it("api")).output
        self.assertIn("user_ping(user_id, timeout=15, retries=2) ", listed)
        self.assertEqual(len(listed.splitlines()), len(self.node.registry))


class PeopleApi:
    """Answers of the contract for a feature that is not there yet, to see how it is shown."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.waiting: list[list[dict[str, Any]]] = []

    @method("POST", "/message/send/v1")
    def message_send(self, recipient_id: str, data: dict[str, Any]) -> Answer:
        """Send."""
        if recipient_id == "nobody@x":
            raise NotFound("nobody is not known")
        self.sent.append((recipient_id, data))
        return Answer({"consumed": True}, message="message sent")

    @method("GET", "/message/receive/{consumer_callback_id}/v1")
    def message_receive(self, consumer_callback_id: str, direction: str, polling_timeout: int) -> list[dict[str, Any]]:
        """Receive."""
        if not self.waiting:
            raise Unavailable("service_private_messages() is not started")
        return self.waiting.pop(0)


class TalkTest(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.base = absolute(self.mktemp())
        self.base.mkdir()
        self.people, registry = PeopleApi(), Registry()
        registry.add(self.people)
        secret = Secret((self.base / "apisecret",), enabled=True)
        self.face = HttpFace(registry, free_config(), secret, Network(reactor), reactor)  # type: ignore[arg-type]
        await self.face.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.face.stop()))
        lock = FolderLock(self.base / "processid")
        self.addCleanup(lock.release)
        option = self.base / "config/interface/api/rest-http-port"
        option.parent.mkdir(parents=True)
        option.write_text(str(self.face.port))

    async def test_messages_are_shown(self) -> None:
        self.people.waiting = [
            [{"sender": "master$bob@x", "time": 1, "data": {"message": "hello\x1b[2J"}}],
            [],
            [{"sender": "group_1$bob@x", "time": 1, "data": "text"}, {"data": None}],
        ]
        done = await deferToThread(run, self.base, "chat", "listen", TZ="UTC")
        lines = [line[9:] for line in done.stdout.splitlines()]
        self.assertEqual(lines, ["bob@x: hello�[2J", "group_1$bob@x: text", "?: None"])
        self.assertEqual((done.exit_code, done.stderr), (1, "service_private_messages() is not started\n"))

    async def test_sending(self) -> None:
        done = await deferToThread(run, self.base, "msg", "send", "bob@x", "hello", "bob")
        self.assertRegex(done.output, r"^OK: \d\.\d+ sec\. message sent\nit was read\n$")
        self.assertEqual(self.people.sent, [("bob@x", {"message": "hello bob"})])

    async def test_typing(self) -> None:
        talk, said = Talk(Context(self.base)), io.StringIO()
        with redirect_stderr(said):
            for line in ("nobody chosen", "@bob@x hi", "again", "", "@carol@x", "to carol", "@nobody@x there"):
                await deferToThread(talk.send, line)
        self.assertEqual(
            [(to, data["message"]) for to, data in self.people.sent],
            [("bob@x", "hi"), ("bob@x", "again"), ("carol@x", "to carol")],
        )
        self.assertEqual(said.getvalue(), "to whom? write @USER TEXT\nnot sent to nobody@x: nobody is not known\n")
        with redirect_stdout(io.StringIO()):
            talk.show({"sender": "master$dave@x", "data": {"message": "me?"}})
        self.assertEqual(talk.peer, "dave@x")


class TransfersTest(SynchronousTestCase):
    def test_what_is_told(self) -> None:
        uploads = {
            "running": [
                {"version": "k$a@h:1/F1", "source_path": "/tmp/big", "bytes_processed": 25, "total_size": 100},
                {"version": "k$a@h:2/F1"},
            ],
            "pending": [{"path_id": "k$a@h:3", "source_path": "/tmp/next"}],
        }
        downloads = [{"backup_id": "k$a@h:4/F2", "bytes_processed": 300, "total_size": 200}]
        found = transfers(uploads, downloads)
        self.assertEqual(found[0], Transfer("upload", "k$a@h:1/F1", "big", 25, 100))
        self.assertEqual([one.short for one in found], ["big", "F1", "next", "F2"])
        self.assertEqual([one.what for one in found], ["upload", "upload", "waiting", "download"])
        self.assertEqual([one.share for one in found], ["25%", "", "", "100%"])
        self.assertEqual(transfers({}, []), [])
