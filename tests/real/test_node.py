"""
One real process: its life by the command line, its API while it lives.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.cli.client import ApiClient, running_pid
from tests.real.commands import ENVIRONMENT, bitdust, prepare, processes_of


class NodeTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.base = Path(self.mktemp()).absolute() / "node"
        self.config = prepare(self.base)
        self.addCleanup(self.end)

    def end(self) -> None:
        for pid in processes_of(self.base):
            os.kill(pid, signal.SIGKILL)

    def test_a_life(self) -> None:
        self.assertEqual(bitdust(self.base, "stop").stdout, "BitDust is not running at the moment\n")
        done = bitdust(self.base, "daemon")
        self.assertEqual((done.returncode, done.stdout), (0, "new BitDust process will be started in daemon mode\n"))
        pid = running_pid(self.base)
        self.assertEqual(bitdust(self.base, "daemon").stdout, f"main BitDust process already started: [{pid}]\n")
        self.assertIn("another BitDust process was found", bitdust(self.base, "start").stdout)

        done = bitdust(self.base, "set", "logs/debug-level", "2")
        self.assertEqual(done.stdout, "logs/debug-level (positive integer): 2 (was 0)\n")
        self.assertEqual((self.base / "config/logs/debug-level").read_text(), "2")
        self.assertEqual(json.loads(bitdust(self.base, "--json", "api", "process_health").stdout)["status"], "OK")
        self.assertEqual(bitdust(self.base, "api", "no_such").returncode, 1)
        self.assertIn("service_network ON", bitdust(self.base, "service", "list").stdout)

        self.assertEqual(bitdust(self.base, "restart").returncode, 0)
        self.assertIsNotNone(running_pid(self.base))
        pid = running_pid(self.base)
        done = bitdust(self.base, "stop")
        self.assertEqual(done.stdout, f"found main BitDust process: [{pid}] ... finished successfully\n")
        self.assertEqual(processes_of(self.base), [])

    def test_killed_and_started_again(self) -> None:
        bitdust(self.base, "daemon")
        pid = running_pid(self.base)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while running_pid(self.base) is not None:
            time.sleep(0.01)
        self.assertTrue((self.base / "processid").exists())
        self.assertEqual(bitdust(self.base, "daemon").returncode, 0)
        self.assertNotEqual(running_pid(self.base), pid)
        self.assertEqual(bitdust(self.base, "kill").stdout, "BitDust stopped\n")

    def test_two_on_one_folder(self) -> None:
        bitdust(self.base, "daemon")
        code = (
            "from pathlib import Path; from bitdust_node.__main__ import run_node;"
            f"raise SystemExit(run_node(Path({str(self.base)!r})))"
        )
        second = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, env=ENVIRONMENT
        )
        self.assertEqual(second.returncode, 1)
        self.assertIn("already uses the data directory", second.stderr)
        self.assertNotIn("Traceback", second.stderr)
        self.assertTrue(ApiClient(self.base).healthy())

    def test_a_start_that_fails_says_why(self) -> None:
        (self.base / "metadata").write_text("not a folder")
        done = bitdust(self.base, "daemon")
        self.assertEqual(done.returncode, 1)
        self.assertNotEqual(done.stderr.strip(), "")
        self.assertEqual(processes_of(self.base), [])

    def test_the_api_is_closed_to_others(self) -> None:
        bitdust(self.base, "daemon")
        secret = (self.base / "apisecret").read_text()
        self.assertEqual((self.base / "metadata/apisecret").read_text(), secret)
        for headers, status in (
            ({}, "ERROR"),
            ({"api_secret": "A" * 16}, "ERROR"),
            ({"api_secret": secret, "Host": "evil.example"}, "ERROR"),
            ({"api_secret": secret, "Origin": "http://evil.example"}, "ERROR"),
            ({"api_secret": secret}, "OK"),
        ):
            connection = http.client.HTTPConnection("127.0.0.1", self.config.number("interface/api/rest-http-port"))
            connection.request("GET", "/process/health/v1", headers=headers)
            self.assertEqual(json.loads(connection.getresponse().read())["status"], status, headers)
            connection.close()
