"""
Options: typed, complete on disk, refused when unknown, watched.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.config.config import Config
from bitdust_node.config.items import HIDDEN, all_items, change_item, items_at
from bitdust_node.config.option import Kind, Option, Value, disk_space
from bitdust_node.config.options import OPTIONS
from bitdust_node.errors import Invalid, NotFound


class ConfigFilesTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()) / "config"

    def test_first_start_writes_every_option(self) -> None:
        config = Config(self.folder)
        for option in config:
            self.assertTrue((self.folder / option.path).is_file(), option.path)
        self.assertEqual((self.folder / "services/supplier/donated-space").read_text(), '"8 GB"')
        self.assertEqual((self.folder / "logs/api-enabled").read_text(), "false")
        self.assertEqual((self.folder / "logs/debug-level").read_text(), "0")
        self.assertEqual((self.folder / "logs/debug-level").stat().st_mode & 0o777, 0o600)

    def test_ports_are_drawn_once(self) -> None:
        first = Config(self.folder)
        for path, low, high in (
            ("services/entangled-dht/udp-port", 10000, 11000),
            ("services/tcp-connections/tcp-port", 7000, 8000),
            ("services/udp-datagrams/udp-port", 8000, 9000),
        ):
            self.assertTrue(low <= first.number(path) <= high)
            self.assertEqual(Config(self.folder).get(path), first.get(path))

    def test_set_survives_and_is_typed(self) -> None:
        config = Config(self.folder)
        self.assertEqual(config.set("logs/debug-level", "18"), 0)
        config.set("services/customer/enabled", "off")
        config.set("services/employer/candidates", 'a "quoted" \\ text, b')
        again = Config(self.folder)
        self.assertEqual(again.get("logs/debug-level"), 18)
        self.assertIs(again.get("services/customer/enabled"), False)
        self.assertEqual(again.text("services/employer/candidates"), 'a "quoted" \\ text, b')

    def test_hand_written_files(self) -> None:
        Config(self.folder)
        (self.folder / "logs/debug-level").write_text('"12"\n')
        (self.folder / "logs/api-enabled").write_text("on\n")
        (self.folder / "services/customer/suppliers-number").write_text("many")
        (self.folder / "services/customer/needed-space").write_bytes(b"\xff\xfe")
        config = Config(self.folder)
        self.assertEqual(config.get("logs/debug-level"), 12)
        self.assertIs(config.get("logs/api-enabled"), True)
        self.assertEqual(config.get("services/customer/suppliers-number"), 2)
        self.assertEqual(config.bytes("services/customer/needed-space"), 256 * 2**20)


class ConfigTest(SynchronousTestCase):
    def test_unknown_is_refused(self) -> None:
        config = Config()
        for call in (lambda: config.get("no/such"), lambda: config.set("../../etc/passwd", "1")):
            with self.assertRaises(NotFound) as caught:
                call()
            self.assertIn("does not exist", str(caught.exception))

    def test_wrong_values_change_nothing(self) -> None:
        config = Config()
        for path, value in (
            ("logs/debug-level", "high"),
            ("logs/debug-level", -1),
            ("services/backups/max-copies", 2**53),
            ("interface/api/rest-http-port", 70000),
            ("interface/api/rest-http-port", "9" * 5000),
            ("services/customer/suppliers-number", 3),
            ("services/customer/needed-space", "much"),
            ("services/customer/needed-space", "1 byte"),
            ("services/supplier/store", "ftp"),
            ("personal/private-key-size", 512),
            ("personal/name", "a\0b"),
            ("personal/name", "a" * 70000),
        ):
            before = config.get(path)
            with self.assertRaises(Invalid):
                config.set(path, value)
            self.assertEqual(config.get(path), before)

    def test_words_and_bytes(self) -> None:
        config = Config(overrides={"services/entangled-dht/known-nodes": "a:1, b:2\nc:3"})
        self.assertEqual(config.words("services/entangled-dht/known-nodes"), ["a:1", "b:2", "c:3"])
        self.assertEqual(config.bytes("services/supplier/donated-space"), 8 * 2**30)
        self.assertEqual([disk_space(t) for t in ("10", "2 KB", "1.5mb", "3 bytes")], [10, 2048, 1572864, 3])

    def test_watch(self) -> None:
        config = Config()
        seen: list[tuple[str, Value, Value]] = []
        undo = config.watch("services/supplier", lambda *change: seen.append(change))
        config.set("services/supplier/enabled", False)
        config.set("services/supplier/enabled", False)
        config.set("services/supplier-contracts/enabled", False)
        undo()
        config.set("services/supplier/enabled", True)
        self.assertEqual(seen, [("services/supplier/enabled", True, False)])

    def test_a_broken_watcher_is_logged(self) -> None:
        config = Config()
        config.watch("logs", lambda *change: 1 / 0)  # type: ignore[arg-type,return-value]
        config.set("logs/debug-level", 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_children(self) -> None:
        config = Config()
        self.assertEqual(config.children(""), ["interface", "logs", "paths", "personal", "services"])
        self.assertEqual(config.children("services/customer")[0], "services/customer/enabled")

    def test_table(self) -> None:
        self.assertGreater(len(OPTIONS), 150)
        for option in OPTIONS.values():
            self.assertTrue(option.label and option.info.endswith((".", ";")), option.path)
            self.assertEqual(option.read(option.write(option.default)), option.default, option.path)


class OptionTextTest(SynchronousTestCase):
    @given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=300))
    def test_any_text_comes_back_from_disk(self, text: str) -> None:
        option = Option("x/y", Kind.TEXT, "", "x", "X.")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "f"
            file.write_bytes(option.write(text).encode())
            self.assertEqual(option.read(file.read_bytes().decode()), text)

    @given(st.text(max_size=100))
    def test_reading_is_total(self, text: str) -> None:
        for kind in Kind:
            try:
                Option("x/y", kind, "", "x", "X.").read(text)
            except Invalid:
                continue


class PasswordTests(SynchronousTestCase):
    """Passwords go in and are not shown again."""

    PATH = "services/supplier/s3-secret-key"

    def test_hidden(self) -> None:
        config = Config()
        self.assertEqual(items_at(config, self.PATH)[0]["value"], "")
        self.assertEqual(change_item(config, self.PATH, "first")[0]["value"], HIDDEN)
        (told,) = change_item(config, self.PATH, "second")
        self.assertEqual((told["value"], told["old_value"], config.text(self.PATH)), (HIDDEN, HIDDEN, "second"))
        shown = [item for item in all_items(config, True) if item["key"] == self.PATH]
        self.assertEqual([item["value"] for item in shown], [HIDDEN])
        # a form that gives everything back changes nothing
        change_item(config, self.PATH, HIDDEN)
        self.assertEqual(config.text(self.PATH), "second")
        self.assertEqual(change_item(config, self.PATH, "")[0]["value"], "")
