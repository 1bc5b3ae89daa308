"""
What shells are offered, asked as the scripts of the shells ask.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.cli.main import COMMANDS, bitdust
from tests.bitdust_node.cli.runner import run


class CompletingTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.base = Path(self.mktemp()).absolute()

    def offered(self, words: str, last: str = "") -> list[str]:
        line = f"bitdust --appdir {self.base} {words}".split()
        environment = {
            "_BITDUST_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join([*line, last]),
            "COMP_CWORD": str(len(line)),
        }
        done = CliRunner(env=environment).invoke(bitdust, prog_name="bitdust")
        return [text.partition(",")[2] for text in done.output.splitlines() if text]

    def test_commands(self) -> None:
        self.assertEqual(self.offered("", "da"), ["daemon"])
        self.assertEqual(set(self.offered("")), set(COMMANDS))
        self.assertEqual(self.offered("supplier"), ["change", "list", "ping", "replace"])
        self.assertEqual(self.offered("key delete", "--"), ["--help"])
        self.assertIn("--timeout", self.offered("ping", "--"))

    def test_options(self) -> None:
        self.assertEqual(
            self.offered("set", "services/customer/"),
            ["services/customer/enabled", "services/customer/needed-space", "services/customer/suppliers-number"],
        )
        self.assertEqual(self.offered("set", "int"), ["interface/api/", "interface/ftp/"])
        self.assertEqual(self.offered("get", "no/such"), [])

    def test_services(self) -> None:
        self.assertEqual(self.offered("service", "service_ent"), ["service_entangled_dht"])
        self.assertEqual(self.offered("service start", "ent"), ["service_entangled_dht"])
        self.assertIn("service_network", self.offered("service start", "serv"))
        self.assertEqual(self.offered("service start", "no_such"), [])

    def test_nobody_to_ask(self) -> None:
        for words in ("key get", "file download", "supplier fire", "customer rm", "friend rm", "api"):
            self.assertEqual(self.offered(words), [], words)

    def test_the_scripts(self) -> None:
        for shell in ("bash", "zsh", "fish"):
            script = run(self.base, "completion", shell).output
            self.assertIn(f"_BITDUST_COMPLETE={shell}_complete", script)
            if shutil.which(shell):
                subprocess.run([shell, "-n"], input=script, text=True, check=True)
