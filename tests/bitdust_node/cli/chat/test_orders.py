from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.cli.chat.orders import ORDERS, Order, help_lines, parse
from bitdust_node.errors import Invalid


class OrderTests(SynchronousTestCase):
    def test_messages(self) -> None:
        self.assertIsNone(parse("  \n"))
        self.assertEqual(parse(" hi  there \n"), Order("say", (), " hi  there "))
        self.assertEqual(parse("//etc is a folder"), Order("say", (), "/etc is a folder"))

    def test_orders(self) -> None:
        self.assertEqual(parse("/open Bob"), Order("open", ("Bob",), "Bob"))
        self.assertEqual(parse("/O bob"), Order("open", ("bob",), "bob"))
        self.assertEqual(parse('/file "my cat.jpg" bob'), Order("file", ("my cat.jpg", "bob"), '"my cat.jpg" bob'))
        self.assertEqual(parse("/open O'Hara"), Order("open", ("O'Hara",), "O'Hara"))
        self.assertEqual(parse("/quit"), Order("quit", (), ""))

    def test_what_does_not_exist(self) -> None:
        with self.assertRaisesRegex(Invalid, "there is no /hepl, did you mean /help?"):
            parse("/hepl")
        with self.assertRaisesRegex(Invalid, "/help shows"):
            parse("/zzzzzz 1")

    def test_help_names_all(self) -> None:
        told = "\n".join(help_lines())
        for name in ORDERS:
            self.assertIn(f"/{name}", told)
