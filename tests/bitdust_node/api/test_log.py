"""
`logs/api.log`: one line a call, when the option says so, with nothing secret in it.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.api import log
from bitdust_node.api.log import HIDDEN, ApiLog
from bitdust_node.config.config import Config
from bitdust_node.paths import DataFolder
from tests.clock import Clock


class ApiLogTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = DataFolder(Path(self.mktemp()))
        self.config = Config()
        self.log = ApiLog(self.folder, self.config, Clock(1795278300.5))
        self.path = self.folder.logs / "api.log"

    def on(self) -> None:
        self.config.set("logs/api-enabled", True)

    def test_only_when_it_is_asked_for(self) -> None:
        self.log.write("GET:/process/health/v1  HTTP  process_health", {})
        self.assertFalse(self.path.exists())
        self.on()
        self.log.write("GET:/process/health/v1  HTTP  process_health", {})
        self.log.write("7  WS IN  config_get", {"key": "logs"})
        self.assertEqual(
            self.path.read_text(),
            "2026-11-21 16:25:00.500 *** GET:/process/health/v1  HTTP  process_health({})\n"
            "2026-11-21 16:25:00.500 *** 7  WS IN  config_get({'key': 'logs'})\n",
        )
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.config.set("logs/api-enabled", False)
        self.log.write("8  WS IN  process_health", {})
        self.assertEqual(self.path.read_text().count(" *** "), 2)

    def test_nothing_secret_and_one_line_each(self) -> None:
        self.on()
        self.log.write("1  WS IN  x", dict.fromkeys(list(HIDDEN)[:10], "s3cret"))
        self.log.write("2  WS IN  x", {name.upper(): {"deep": "s3cret"} for name in list(HIDDEN)[10:]})
        self.log.write("3\n2026 *** forged  WS IN  x", {"user_id": "a\nb\r\x1b[31m\u2028ä", "much": "y" * 10_000})
        text = self.path.read_text()
        self.assertNotIn("s3cret", text)
        self.assertEqual(len(text.splitlines()), 3)
        self.assertNotIn("\x1b", text)
        self.assertLess(len(text), 2000)

    def test_it_is_put_aside(self) -> None:
        self.on()
        self.patch(log, "SIZE_LIMIT", 1000)
        for number in range(30):
            self.log.write(f"{number}  WS IN  process_health", {})
        kept = self.path.with_suffix(".log.1").read_text() + self.path.read_text()
        self.assertIn("29  WS IN", kept)
        self.assertLess(len(kept), 3000)
