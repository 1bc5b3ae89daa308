from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.cli.chat import book as book_module
from bitdust_node.cli.chat.book import GROUP, PRIVATE, Book, Message, Note, SharedFile, Talk, file_of, text_of
from tests.bitdust_node.cli.chat.documents import ALICE, BOB, CAROL, CREW, SHARE, document

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["message", "text", "file", "size"]), inner),
    max_leaves=8,
)


def a_book() -> Book:
    book = Book()
    book.me = ALICE
    book.take_friends([{"global_id": BOB, "alias": "Bobby", "contact_state": "CONNECTED"}])
    book.take_groups(
        [{"group_key_id": CREW, "label": "crew", "state": "CONNECTED", "members": [{"global_id": one} for one in
                                                                                 (ALICE, BOB, CAROL)]}]
    )  # fmt: skip
    return book


def message(message_id: str, state: str = "pending") -> Message:
    return Message(message_id, BOB, PRIVATE, 1, ALICE, True, "text", state)


class BookTests(SynchronousTestCase):
    def test_messages_find_their_conversation(self) -> None:
        book = a_book()
        mine = book.message(document(ALICE, BOB, {"message": "hi"}))
        theirs = book.message(document(BOB, ALICE, {"text": "ho"}))
        posted = book.message(document(ALICE, CREW, {"message": "all"}))
        assert mine is not None
        assert theirs is not None
        assert posted is not None
        self.assertEqual([one.talk for one in (mine, theirs, posted)], [BOB, BOB, CREW])
        self.assertEqual([one.mine for one in (mine, theirs, posted)], [True, False, True])
        self.assertEqual([one.state for one in (mine, theirs, posted)], ["pending", "delivered", "pending"])
        self.assertIsNone(book.message({}))
        self.assertIsNone(book.message(document(BOB, ALICE, {}, payload={"msg_type": "personal_message"})))

    def test_texts(self) -> None:
        self.assertEqual(text_of({"message": "a", "text": "b"}), "a")
        self.assertEqual(text_of({"message": 1, "text": "b"}), "b")
        self.assertEqual(text_of({"x": [1, "ä"]}), '{"x": [1, "ä"]}')
        self.assertEqual(text_of("plain"), "plain")
        self.assertEqual(text_of(None), "null")

    @given(JSON)
    def test_any_data_is_shown(self, data: Any) -> None:
        found = a_book().message(document(BOB, ALICE, data))
        assert found is not None
        self.assertIsInstance(found.text, str)

    def test_files_are_paths_in_shares(self) -> None:
        self.assertEqual(
            file_of({"file": {"remote_path": f"{SHARE}:a/cat.jpg", "size": 5}}), SharedFile(f"{SHARE}:a/cat.jpg", 5)
        )
        self.assertEqual(file_of({"file": {"remote_path": f"{SHARE}:x", "size": "5"}}), SharedFile(f"{SHARE}:x", 0))
        for remote in (
            "master$alice@host:secret", "secret", f"{SHARE}:../x", f"{SHARE}:a//b", f"{SHARE}:/etc/passwd", SHARE, "",
            f"{SHARE}:./x", f"{SHARE}:a/..", f"{SHARE}:a\x00b", 5, None, f"share_{'2' * 31}$bob@host:x",
        ):  # fmt: skip
            self.assertIsNone(file_of({"file": {"remote_path": remote}}), remote)
        for data in (None, "file", {"file": "x"}, {"file": None}, []):
            self.assertIsNone(file_of(data))

    def test_names_can_not_be_taken(self) -> None:
        book = a_book()
        self.assertEqual([book.name(one) for one in (ALICE, BOB, CAROL)], ["you", "Bobby", "carol"])
        self.assertEqual(book.name("bobby@evil"), "bobby@evil")
        self.assertEqual(book.name("you@evil"), "you@evil")
        book.talk_of("carol@evil", PRIVATE)
        self.assertEqual([book.name(CAROL), book.name("carol@evil")], [CAROL, "carol@evil"])

    def test_finding(self) -> None:
        book = a_book()
        book.talk_of("bobette@host", PRIVATE)
        for name, keys in (("bobby", [BOB]), ("crew", [CREW]), (f"master${BOB}", [BOB]), ("bob", [BOB]), ("BOB", [BOB]),
                           ("bobe", ["bobette@host"]), ("ette", ["bobette@host"]), ("zz", [])):  # fmt: skip
            self.assertEqual([one.key for one in book.find(name)], keys, name)
        self.assertEqual({one.key for one in book.find("b")}, {BOB, "bobette@host"})

    def test_the_newest_come_first(self) -> None:
        book = a_book()
        book.take_conversations(
            [
                {"key_id": f"master${CAROL}", "type": PRIVATE, "last_updated": 9, "state": "CONNECTED"},
                {"key_id": CREW, "type": GROUP, "last_updated": 5},
                {"key_id": "x", "type": "personal_message"},
            ]
        )
        self.assertEqual([one.key for one in book.newest()], [CAROL, CREW, BOB])
        self.assertEqual([book.is_online(one) for one in book.newest()], [True, True, True])

    def test_strangers_do_not_fill_the_memory(self) -> None:
        self.patch(book_module, "TALKS_LIMIT", 5)
        book = a_book()
        for number in range(9):
            book.talk_of(f"stranger-{number}@host", PRIVATE)
        self.assertEqual(list(book.talks), [BOB, CREW, *(f"stranger-{number}@host" for number in (6, 7, 8))])

    def test_states_that_come_early_count(self) -> None:
        book = a_book()
        book.moved("1", "delivered")
        found = book.message(document(ALICE, BOB, {"message": "hi"}, state="stored"))
        assert found
        self.assertEqual(found.state, "delivered")
        self.assertTrue(book.heard("1"))
        self.assertFalse(book.heard("2"))


class TalkTests(SynchronousTestCase):
    def test_each_message_once_and_in_order(self) -> None:
        talk = Talk(BOB, PRIVATE, "")
        self.assertTrue(talk.append(message("5")))
        self.assertFalse(talk.append(message("5")))
        self.assertEqual(talk.prepend([message("3"), message("4"), message("5")]), 2)
        talk.append(Note("hint"))
        talk.append(message("6"))
        self.assertEqual([one.id if isinstance(one, Message) else "-" for one in talk.items], ["3", "4", "5", "-", "6"])
        self.assertEqual(talk.count, 4)
        talk.forget()
        self.assertEqual((talk.count, talk.items), (0, []))

    def test_states_go_forward(self) -> None:
        talk = Talk(BOB, PRIVATE, "")
        talk.append(message("1"))
        self.assertTrue(talk.moved("1", "delivered"))
        for state in ("stored", "delivered", "nonsense"):
            self.assertFalse(talk.moved("1", state))
        self.assertFalse(talk.moved("2", "read"))
        self.assertTrue(talk.moved("1", "read"))

    def test_memory_is_bounded(self) -> None:
        self.patch(book_module, "ITEMS_LIMIT", 50)
        self.patch(book_module, "FILES_LIMIT", 5)
        talk = Talk(BOB, PRIVATE, "", whole=True)
        for number in range(120):
            one = message(str(number))
            one.file = SharedFile(f"{SHARE}:{number}", 0)
            talk.append(one)
        self.assertLessEqual(len(talk.items), 50)
        self.assertFalse(talk.whole)
        self.assertEqual(list(talk.files), [116, 117, 118, 119, 120])
        self.assertEqual(talk.files[120].number, 120)
