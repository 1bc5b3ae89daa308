from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.cli.chat.text import SHOWN_LIMIT, clean_lines, fitting, one_line, wrap

HOSTILE = st.text(
    st.characters(codec=None) | st.sampled_from("\x1b[2J\r\n\t\x07\x9b\u202e\u200d\u0301 日👩"), max_size=200
)


class TextTests(SynchronousTestCase):
    def test_nothing_controls_the_terminal(self) -> None:
        text = "\x1b[2J\x1b]0;owned\x07 \u202egnirts\u2066 \x9b31m\x7f\x00 \ud800"
        self.assertEqual(clean_lines(text), ["�[2J�]0;owned� �gnirts� �31m�� �"])

    def test_lines_are_kept(self) -> None:
        self.assertEqual(clean_lines("one\r\ntwo\n\n\tthree\n\n"), ["one", "two", "", "    three"])
        self.assertEqual(one_line("one\ntwo"), "one ⏎ two")
        self.assertEqual(clean_lines("a\rb\u2028c\x0bd"), ["a�b�c�d"])

    def test_signs_do_not_climb(self) -> None:
        self.assertEqual(clean_lines("e" + "\u0301" * 50 + "x"), ["e" + "\u0301" * 3 + "x"])
        self.assertEqual(clean_lines("👩\u200d👧 ☎\ufe0f"), ["👩👧 ☎"])

    def test_what_is_long_is_cut(self) -> None:
        self.assertEqual(clean_lines("x" * (SHOWN_LIMIT + 5)), ["x" * SHOWN_LIMIT, "… 5 characters more"])

    def test_words_are_kept_whole(self) -> None:
        self.assertEqual(wrap("one two three", 8), ["one two", "three"])
        self.assertEqual(wrap("  indented text", 10), ["  indented", "text"])
        self.assertEqual(wrap("日本語 日本語", 7), ["日本語", "日本語"])
        self.assertEqual(wrap("aaaaaaaaaa bb", 4), ["aaaa", "aaaa", "aa", "bb"])
        self.assertEqual(wrap("", 4), [""])

    def test_names_are_cut(self) -> None:
        self.assertEqual(fitting("alice", 5), "alice")
        self.assertEqual(fitting("alice@host", 6), "alice…")
        self.assertEqual(fitting("日本語", 4), "日…")

    @given(HOSTILE, st.integers(-3, 30))
    def test_any_text_fits(self, text: str, width: int) -> None:
        for line in clean_lines(text):
            self.assertTrue(line.isprintable(), repr(line))
            for part in wrap(line, width):
                self.assertLessEqual(get_cwidth(part), max(width, 2))
            self.assertEqual("".join(wrap(line, width)).replace(" ", ""), line.replace(" ", ""))
