from __future__ import annotations

import os
import time

from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.cli.chat.book import PRIVATE, Item, Message, Note, SharedFile, file_text
from bitdust_node.cli.chat.lines import Drawing, Line, Look, header, list_lines, message_lines, note_lines
from bitdust_node.cli.chat.window import Messages
from tests.bitdust_node.cli.chat.documents import ALICE, BOB, SHARE
from tests.bitdust_node.cli.chat.test_book import a_book
from tests.bitdust_node.cli.chat.test_text import HOSTILE

LOOK = Look.of_encoding("utf-8")


def text(lines: list[Line]) -> list[str]:
    return ["".join(piece[1] for piece in line) for line in lines]


def message(words: str, state: str = "delivered", mine: bool = False, at: int = 0) -> Message:
    return Message(words, BOB, PRIVATE, at, ALICE if mine else BOB, mine, words, state)


class LinesTests(SynchronousTestCase):
    def setUp(self) -> None:
        before = os.environ.get("TZ")
        os.environ["TZ"] = "UTC"
        time.tzset()
        self.addCleanup(time.tzset)
        self.addCleanup(lambda: os.environ.pop("TZ") if before is None else os.environ.update(TZ=before))

    def test_marks_of_own_messages(self) -> None:
        for state, mark in (
            ("pending", "· "),
            ("stored", "✓ "),
            ("delivered", "✓✓"),
            ("read", "✓✓"),
            ("expired", "✗ "),
        ):
            (line,) = message_lines(message("hi", state, mine=True), "you", LOOK, 80)
            self.assertEqual(line[0], (f"class:mark.{state}", mark))
            self.assertEqual(text([line]), [f"{mark} 00:00 you: hi"])
        self.assertEqual(text(message_lines(message("hi", "read"), "bob", LOOK, 80)), ["   00:00 bob: hi"])
        plain = Look.of_encoding("ascii")
        self.assertEqual(text(message_lines(message("hi", "read", True), "you", plain, 80)), ["++ 00:00 you: hi"])

    def test_long_and_many_lines(self) -> None:
        shown = message_lines(message("one two three four\nfive\n  six"), "bob", LOOK, 24)
        self.assertEqual(
            text(shown),
            ["   00:00 bob: one two", "        three four", "        five", "          six"],
        )

    @given(HOSTILE, HOSTILE, st.integers(1, 60))
    def test_whatever_is_said(self, words: str, name: str, width: int) -> None:
        one = message(words)
        one.file = SharedFile(f"{SHARE}:{words}", 5)
        book = a_book()
        book.names[BOB] = name
        lines = [line for _, lines in Drawing(book, LOOK).lines([one, Note(words)], width) for line in lines]
        for line in [*text(lines), *text(list_lines(book, LOOK, width))]:
            self.assertTrue(line.isprintable(), repr(line))
        if width >= 50:
            for line in text(lines):
                self.assertLessEqual(get_cwidth(line), width)

    def test_files(self) -> None:
        one = message(file_text("cat.jpg"))
        one.file, one.number = SharedFile(f"{SHARE}:cat.jpg", 1536), 3
        self.assertEqual(
            text(message_lines(one, "bob", LOOK, 80)), ["   00:00 bob: [cat.jpg, 1.5 KB]  /get 3 fetches it"]
        )
        one.text, one.mine = "it is a dog", True
        self.assertEqual(
            text(message_lines(one, "you", LOOK, 80)), ["✓✓ 00:00 you: it is a dog", "              [cat.jpg, 1.5 KB]"]
        )

    def test_days_are_told_once(self) -> None:
        items: list[Item] = [
            message("a"),
            Note("b"),
            message("c", at=5),
            message("d", at=90_000),
            message("e", at=2**80),
        ]
        shown = [text(lines) for _, lines in Drawing(a_book(), LOOK).lines(items, 40)]
        self.assertEqual([len(lines) for lines in shown], [2, 1, 1, 2, 2])
        self.assertEqual(shown[3][0].strip(), "Fri 02 Jan 1970")

    def test_what_has_not_changed_is_not_drawn_again(self) -> None:
        drawing, one = Drawing(a_book(), LOOK), message("a", "pending", mine=True)
        ((_, first),) = drawing.lines([one], 40)
        self.assertIs(drawing.lines([one], 40)[0][1], first)
        one.state = "read"
        self.assertIn("✓✓", text(drawing.lines([one], 40)[0][1])[1])

    def test_notes(self) -> None:
        self.assertEqual(text(note_lines(Note("one\ntwo words", "error"), 9)), [" - one", "   two", "   words"])

    def test_header_and_list(self) -> None:
        book = a_book()
        bob, crew = book.talks["bob@host"], next(one for one in book.talks.values() if one.is_group)
        self.assertEqual(text([header(book, bob, LOOK)]), [" Bobby  ● online  bob@host"])
        self.assertEqual(text([header(book, crew, LOOK)]), [" crew  ● connected  3 members, here: Bobby"])
        self.assertEqual(text([header(book, None, LOOK)]), [" Conversations  alice@host"])
        bob.unread = 2
        self.assertEqual([line[:12] for line in text(list_lines(book, LOOK, 40))], ["  1 ● Bobby ", "  2 ● crew  "])
        self.assertIn("2 new", text(list_lines(book, LOOK, 80))[0])


class WindowTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.items: list[Item] = [Note(str(number)) for number in range(50)]
        self.asked = 0
        self.window = Messages(Drawing(a_book(), LOOK), lambda: self.items, lambda width: None, self.older)

    def older(self) -> None:
        self.asked += 1

    def shown(self, height: int = 10) -> list[str]:
        content = self.window.create_content(40, height)
        return [text([content.get_line(number)])[0].strip(" -") for number in range(content.line_count)]

    def test_the_newest_is_followed(self) -> None:
        self.assertEqual(self.shown()[-1], "49")
        self.items.append(Note("50"))
        self.assertEqual(self.shown()[-1], "50")

    def test_few_stand_at_the_bottom(self) -> None:
        self.items = self.items[:2]
        self.assertEqual(self.shown(4), ["", "", "0", "1"])
        self.window.page(-1)
        self.assertFalse(self.window.back)

    def test_who_goes_back_stays_there(self) -> None:
        self.shown()
        self.window.page(-1)
        self.assertEqual(self.shown(), [str(number) for number in range(31, 41)])
        self.items = [Note("older"), *self.items, Note("newer")]
        self.assertEqual(self.shown()[-1], "40")
        self.assertTrue(self.window.back)
        self.window.page(1)
        self.window.page(1)
        self.assertEqual((self.shown()[-1], self.window.back), ("newer", False))

    def test_a_long_list_begins_at_its_top(self) -> None:
        lines: list[Line] = [[("", f"{number}")] for number in range(30)]
        self.window = Messages(Drawing(a_book(), LOOK), list, lambda width: lines, self.older)
        self.assertEqual(self.shown()[0], "0")
        for _ in range(9):
            self.window.page(1)
        self.assertEqual((self.shown()[0], self.shown()[-1]), ("20", "29"))
        self.window.page(-1)
        self.assertEqual(self.shown()[0], "11")
        self.window.newest()
        self.assertEqual(self.shown()[0], "0")

    def test_the_first_one_asks_for_more(self) -> None:
        self.shown()
        for _ in range(10):
            self.window.page(-1)
        self.assertEqual(self.shown(), [str(number) for number in range(10)])
        self.assertGreater(self.asked, 0)
        self.items = self.items[20:]
        self.assertEqual(self.shown()[-1], "49")
