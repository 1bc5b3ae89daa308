"""
The node as a process of its own: how it ends, and how it starts again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 60

HEAD = """
import sys
from pathlib import Path
from bitdust_node.__main__ import run_node

base = Path(sys.argv[1])
ports = {"interface/api/rest-http-port": 18980, "interface/api/web-socket-port": 19080}

async def forever():
    from twisted.internet.defer import Deferred
    await Deferred()
"""
WAIT = """
async def then(node):
    print(node.state, flush=True)
    await forever()

sys.exit(run_node(base, ports, then))
"""
ONCE = """
async def then(node):
    return 7

sys.exit(run_node(base, ports, then))
"""
FROZEN = """
async def then(node):
    import gc
    # far more than what has come since
    return 0 if gc.get_freeze_count() > 2 * len(gc.get_objects()) else 1

sys.exit(run_node(base, ports, then))
"""
EARLY = """
late = []

def look(event, args):
    reactor = sys.modules.get("twisted.internet.reactor")
    if event == "import" and args[0].startswith(("services.", "transports.")) and getattr(reactor, "running", False):
        late.append(args[0])

sys.addaudithook(look)

async def then(node):
    print(late, file=sys.stderr, flush=True)
    return len(late) if "services.backups" in sys.modules and "transports.tcp" in sys.modules else 99

sys.exit(run_node(base, ports, then))
"""
AGAIN = """
async def then(node):
    if (base / "again").exists():
        return 5
    (base / "again").touch()
    node.process.request_restart()
    await forever()

sys.exit(run_node(base, ports, then))
"""
FULL = """
import resource

resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
sys.exit(run_node(base, ports, None))
"""
BROKEN = """
async def then(node):
    raise ZeroDivisionError

sys.exit(run_node(base, ports, then))
"""


class RunTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.base = Path(self.mktemp()).absolute()

    def start(self, script: str, errors: int | IO[str] = subprocess.PIPE) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HEAD + script, str(self.base)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

        def end() -> None:
            if process.poll() is None:
                process.kill()
            process.communicate()

        self.addCleanup(end)
        return process

    def ended(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        _, errors = process.communicate(timeout=SECONDS)
        return process.returncode, errors

    def up(self, script: str = WAIT) -> subprocess.Popen[str]:
        process = self.start(script)
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), "running\n")
        return process

    def test_ends_in_order_when_it_is_told_to(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.up()
            self.assertEqual((self.base / "processid").read_text(), str(process.pid))
            process.send_signal(number)
            code, errors = self.ended(process)
            self.assertEqual(code, 0, errors)
            self.assertFalse((self.base / "processid").exists())

    def test_what_was_imported_is_no_work_for_the_collector(self) -> None:
        code, errors = self.ended(self.start(FROZEN))
        self.assertEqual(code, 0, errors)

    def test_services_are_imported_before_there_is_a_reactor_to_be_held(self) -> None:
        code, errors = self.ended(self.start(EARLY))
        self.assertEqual(code, 0, errors)

    def test_one_process_on_a_directory(self) -> None:
        first = self.up()
        code, errors = self.ended(self.start(ONCE))
        self.assertEqual(code, 1)
        self.assertIn(f"another process [{first.pid}] already uses the data directory", errors)
        self.assertNotIn("Traceback", errors)
        self.assertIsNone(first.poll())

    def test_starts_after_a_kill(self) -> None:
        first = self.up()
        first.kill()
        self.ended(first)
        self.assertTrue((self.base / "processid").exists())
        self.assertEqual(self.ended(self.start(ONCE))[0], 7)

    def test_restarts_itself(self) -> None:
        code, errors = self.ended(self.start(AGAIN))
        self.assertEqual(code, 5, errors)

    def test_a_defect_is_shown(self) -> None:
        code, errors = self.ended(self.start(BROKEN))
        self.assertEqual(code, 1)
        self.assertIn("ZeroDivisionError", errors)

    def test_a_full_disk_is_no_defect(self) -> None:
        code, errors = self.ended(self.start(FULL))
        self.assertEqual(code, 1)
        self.assertIn(f"the node can not go on in {self.base}: ", errors)
        self.assertNotIn("Traceback", errors)

    def test_ends_also_if_nobody_can_be_told_why(self) -> None:
        with open("/dev/full", "w") as full:
            process = self.start(BROKEN, errors=full)
        # 120 is what Python ends with when it can not write what was printed
        self.assertIn(self.ended(process)[0], (1, 120))
