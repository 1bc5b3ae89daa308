from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.cli.chat import plain, sending
from bitdust_node.cli.chat import session as session_module
from bitdust_node.cli.chat.plain import PlainView
from tests.bitdust_node.cli.chat.documents import ALICE, BOB, CAROL, CREW, SHARE, document
from tests.bitdust_node.cli.chat.scripted import ScriptedNode, Shown, chatting

OWN = f"share_{'3' * 32}$alice@host"


class SessionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.base = Path(self.mktemp()).absolute()
        self.base.mkdir()

    def chat(self, wanted: str, story: Callable[[ScriptedNode, Shown], Awaitable[None]]) -> None:
        async def run() -> None:
            async with chatting(self.base, wanted) as (node, shown):
                await story(node, shown)

        asyncio.run(run())


class SessionTests(SessionCase):
    def test_what_comes_and_goes(self) -> None:
        async def story(node: ScriptedNode, shown: Shown) -> None:
            node.answers["message_send"] = lambda **_: {"state": "pending"}
            shown.clerk.type("hello\n")
            await shown.session.settle()
            self.assertEqual(node.asked("message_send")[0]["data"], {"message": "hello"})
            await node.push("stream_message", document(ALICE, BOB, {"message": "hello"}, "m1"))
            await shown.shows("hello", BOB)
            self.assertEqual([one.state for one in shown.messages()], ["pending"])
            moved = {"event_id": "message-state-changed", "data": {"message_id": "m1", "new_state": "read"}}
            await node.push("event", moved)
            await shown.until(lambda: shown.messages()[0].state == "read")
            for _ in range(2):
                await node.push("stream_message", document(CAROL, ALICE, {"message": "psst\x1b[2J"}, "m2"))
            await shown.shows("carol: psst�[2J", "news")
            self.assertEqual(shown.session.book.talks[CAROL].unread, 1)
            await node.push("model", {"name": "online_status", "data": {"global_id": BOB, "state": "OFFLINE"}})
            await shown.until(lambda: not shown.session.book.is_online(shown.session.book.talks[BOB]))
            shown.clerk.type("/open carol")
            await shown.until(lambda: getattr(shown.session.open, "key", "") == CAROL)
            self.assertEqual(shown.session.book.talks[CAROL].unread, 0)

        self.chat("bob", story)

    def test_history_is_read_by_pages(self) -> None:
        texts = [document(BOB, ALICE, {"message": str(number)}, str(number)) for number in range(120)]

        def page(offset: int, limit: int, **_: Any) -> list[dict[str, Any]]:
            return [{"doc": one} for one in list(reversed(texts))[offset : offset + limit]]

        async def story(node: ScriptedNode, shown: Shown) -> None:
            node.answers["message_history"] = page
            shown.clerk.type("bob")
            await shown.until(lambda: len(shown.messages()) == 50)
            for _ in range(3):
                shown.clerk.type("/more")
                await shown.session.settle()
            self.assertEqual([one.text for one in shown.messages()], [str(number) for number in range(120)])
            asked = len(node.asked("message_history"))
            shown.clerk.type("/more")
            await shown.session.settle()
            self.assertEqual(len(node.asked("message_history")), asked)

        self.chat("", story)

    def test_errors_are_shown_and_the_chat_goes_on(self) -> None:
        async def story(node: ScriptedNode, shown: Shown) -> None:
            node.answers |= {"message_send": refuse("the disk is full"), "user_status_check": refuse("nobody")}
            for typed, text in (
                ("hello", "not sent to bob: hello (the disk is full)"), ("/nope", "there is no /nope"),
                ("/open zz", "nobody is called zz"), ("/open http://host/x.xml", "nobody"),
                ("/join", "this is no group"),
                ("/file", "which?"), ("/file /nowhere", "there is no file /nowhere"), ("/file /", "is a folder"),
                ("/file /\0", ""), ("/get", "no file was sent"), ("/get 7", "no file 7"), ("/open", "whom?"),
                ("x" * 1_100_000, "send it as a file"),
            ):  # fmt: skip
                shown.items.clear()
                shown.clerk.type(typed)
                await shown.shows(text, "error")
            self.assertTrue(shown.session.failed)
            node.answers["message_history"] = lambda **_: [{"doc": None}, {"doc": {"payload": 5}}, 7]
            shown.clerk.type("/open crew")
            await shown.shows("Error", "error")
            shown.clerk.type("/who")
            await shown.shows("bob (bob@host): online")
            shown.clerk.type("/list")
            shown.clerk.type("/help")
            await shown.shows("/open NAME")
            shown.clerk.type("/quit")
            self.assertTrue(shown.ended)

        self.chat("bob", story)

    def test_the_node_goes_and_comes_back(self) -> None:
        self.patch(session_module, "AGAIN_SECONDS", 0.01)

        async def story(node: ScriptedNode, shown: Shown) -> None:
            node.answers["message_send"] = lambda **_: asyncio.sleep(100)
            shown.clerk.type("on its way")
            shown.clerk.type("/nope")
            await shown.shows("/nope")
            await node.stop()
            await shown.shows("the node is away", "error")
            shown.clerk.type("too late")
            await shown.shows("not sent to bob: too late (the node is not there now)", "error")
            first = [True]

            def starting() -> list[Any]:
                if first.pop() if first else False:
                    raise ValueError("service_message_history() is not started")
                return []

            node.answers["message_conversations_list"] = starting
            node.answers["message_history"] = lambda **_: [{"doc": document(BOB, ALICE, {"text": "meanwhile"}, "9")}]
            await node.start()
            await shown.shows("the node is back")
            await shown.until(lambda: [one.text for one in shown.messages()] == ["meanwhile"])

        self.chat("bob", story)


class FileTests(SessionCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(sending, "_AGAIN_SECONDS", 0.01)
        self.local = self.base / "my cat.jpg"
        self.local.write_bytes(b"cat")
        self.members = [ALICE, CAROL]
        self.info: list[str] = ["DISCONNECTED", "CONNECTED"]

    def prepare(self, node: ScriptedNode, label: str) -> None:
        shares = [{"label": "other", "key_id": SHARE}, {"label": label, "key_id": OWN, "state": "CONNECTED"}]
        taken = [f"{OWN}:my cat.jpg"]
        node.answers |= {
            "shares_list": lambda **_: shares,
            "share_create": lambda label: {"key_id": OWN},
            "share_info": lambda key_id: {
                "state": self.info.pop(0) if len(self.info) > 1 else self.info[0],
                "members": [{"global_id": one} for one in self.members],
            },
            "share_revoke": lambda **_: None,
            "share_grant": lambda **_: None,
            "file_exists": lambda remote_path: {"exist": remote_path in taken},
            "file_create": lambda **_: {},
            "file_upload_start": lambda **_: {},
            "message_send": lambda **_: {},
            "message_send_group": lambda **_: {},
        }

    def test_who_may_have_a_file(self) -> None:
        async def story(node: ScriptedNode, shown: Shown) -> None:
            self.prepare(node, f"chat {CREW}")
            shown.clerk.type(f"/file {self.local} crew")
            await shown.shows("was sent to crew")
            self.assertEqual(node.asked("share_create"), [])
            self.assertEqual([one["user_id"] for one in node.asked("share_revoke")], [CAROL])
            granted = [(one["trusted_user_id"], one["role"]) for one in node.asked("share_grant")]
            self.assertEqual(granted, [(BOB, "reader")])
            (sent,) = node.asked("message_send_group")
            self.assertEqual(sent["data"]["file"], {
                "remote_path": f"{OWN}:my cat (2).jpg", "name": "my cat (2).jpg", "size": 3
            })  # fmt: skip

        self.chat("bob", story)

    def test_a_share_is_made_when_there_is_none(self) -> None:
        async def story(node: ScriptedNode, shown: Shown) -> None:
            self.prepare(node, "nothing of this talk")
            shown.clerk.type(f"/file {self.local}")
            await shown.until(lambda: any("sending" in text for _, text in shown.items))
            await shown.session.settle()
            self.assertEqual(node.asked("share_create"), [{"label": f"chat {BOB}"}])
            self.assertEqual(len(node.asked("message_send")), 1)
            node.answers["share_grant"] = refuse("bob is away")
            shown.clerk.type(f"/file {self.local}")
            await shown.shows("my cat.jpg was not sent: bob is away", "error")

        self.chat("bob", story)

    def test_fetching(self) -> None:
        remote = f"{SHARE}:cat.jpg"
        data = {"message": "trust me", "file": {"remote_path": remote, "size": 3, "name": "../../.bashrc"}}
        tries = [1, 1]

        def download(**_: Any) -> dict[str, Any]:
            if tries:
                tries.pop()
                raise ValueError("path 'cat.jpg' was not found in the catalog")
            return {}

        async def story(node: ScriptedNode, shown: Shown) -> None:
            node.answers |= {"config_get": lambda key: [{"value": ""}], "file_download_start": download}
            await node.push("stream_message", document(BOB, ALICE, data, "f"))
            await shown.shows("trust me", BOB)
            shown.clerk.type("/get")
            await shown.shows(f"cat.jpg is here: {self.base}/restore/cat.jpg")
            self.assertEqual(node.asked("file_download_start")[-1], {
                "remote_path": remote, "destination_path": f"{self.base}/restore", "wait_result": True
            })  # fmt: skip
            (self.base / "cat.jpg").symlink_to("/nowhere")
            shown.clerk.type(f"/get 1 {self.base}")
            await shown.shows("exists already", "error")
            node.answers["file_download_start"] = refuse("you may not")
            shown.clerk.type(f"/get 1 {self.base}/else where")
            await shown.shows("cat.jpg was not fetched: you may not", "error")

        self.chat("bob", story)


class PlainTests(SessionCase):
    def run_plain(self, typed: str, as_json: bool = False, wanted: str = "bob", **answers: Any) -> tuple[int, str, str]:
        out, errors = io.StringIO(), io.StringIO()
        self.patch(plain.sys, "stdin", io.StringIO(typed))

        async def run() -> int:
            node = ScriptedNode(self.base)
            node.answers |= answers
            await node.start()
            view = PlainView(self.base, wanted, as_json, out, errors)

            async def say(data: dict[str, Any], **_: Any) -> dict[str, Any]:
                await node.push("stream_message", document(ALICE, BOB, data, f"own {len(node.calls)}"))
                answer = {"message": f"re: {data['message']}\n\x07"}
                await node.push("stream_message", document(BOB, ALICE, answer, f"re {len(node.calls)}"))
                return {"state": "delivered"}

            node.answers.setdefault("message_send", say)
            try:
                return await view.run()
            finally:
                await node.stop()

        code = asyncio.run(run())
        return code, out.getvalue(), errors.getvalue()

    def test_lines(self) -> None:
        code, out, errors = self.run_plain("one\n\n/who\n")
        self.assertEqual((code, errors), (0, "bob (bob@host): online\n"))
        self.assertRegex(out, r"^1971-01-01 \d\d:\d\d:00 bob: re: one ⏎ �\n$")

    def test_json(self) -> None:
        code, out, _ = self.run_plain("one\n/quit\nnever sent\n", as_json=True)
        self.assertEqual(code, 0)
        (told,) = map(json.loads, out.splitlines())
        self.assertEqual((told["sender"], told["conversation"], told["message"]), (BOB, BOB, "re: one\n\x07"))

    def test_failures(self) -> None:
        code, out, errors = self.run_plain("one\n", message_send=refuse("no\x1b[2J"))
        self.assertEqual((code, out, errors), (1, "", "not sent to bob: one (no�[2J)\n"))
        code, _, errors = self.run_plain("one\n", wanted="zz")
        self.assertEqual((code, errors), (1, "nobody is called zz; /list shows all conversations\n"))

    def test_no_node(self) -> None:
        self.patch(plain, "START_SECONDS", 0.05)
        errors = io.StringIO()
        code = asyncio.run(PlainView(self.base, "", False, io.StringIO(), errors).run())
        self.assertEqual(code, 1)
        self.assertIn("the node does not answer: it does not answer", errors.getvalue())


def refuse(text: str) -> Callable[..., Any]:
    def answer(**_: Any) -> Any:
        raise ValueError(text)

    return answer
