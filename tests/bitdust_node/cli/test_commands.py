"""
Commands on the files of a stopped node, and what is told about the commands.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

from click.testing import Result
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.cli.client import running_pid
from bitdust_node.cli.context import NO_IDENTITY, NOT_RUNNING
from bitdust_node.cli.main import COMMANDS, SUBJECTS
from bitdust_node.cli.options import SHORTCUTS
from bitdust_node.config.config import Config
from tests.bitdust_node.cli.runner import run
from tests.real.commands import ENVIRONMENT

#: What a command that wants to be quick must not import.
HEAVY = ("twisted", "cryptography", "rich", "msgspec", "http.client", "asyncio")


class StoppedTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.base = Path(self.mktemp()).absolute()

    def run_it(self, *arguments: str, **more: str) -> Result:
        return run(self.base, *arguments, **more)


class OptionsTest(StoppedTest):
    def test_options_without_a_node(self) -> None:
        done = self.run_it("set", "services/customer/suppliers-number", "4")
        self.assertEqual(
            (done.exit_code, done.output), (0, "services/customer/suppliers-number (selection): 4 (was 2)\n")
        )
        self.assertEqual(Config(self.base / "config").get("services/customer/suppliers-number"), 4)
        self.assertIn("suppliers-number (selection): 4\n", self.run_it("get", "services/customer").output)
        self.assertEqual(json.loads(self.run_it("--json", "get", "logs/debug-level").output)[0]["value"], 0)
        self.assertIn("interface/api/ (7)", self.run_it("get", "interface").output)

    def test_lists(self) -> None:
        self.run_it("set", "services/identity-propagate/known-servers", "a" * 100)
        for words in (("set", "list"), ("set", "ls"), ("get",), ("conf", "all"), ("config", "show"), ("get", "print")):
            lines = self.run_it(*words).output.splitlines()
            self.assertEqual(len(lines), len(list(Config())), words)
            self.assertIn("interface/api/rest-http-port 8180 port number HTTP API port", lines)
            self.assertTrue(any(f" {'a' * 60}... " in line for line in lines))
        self.assertEqual(len(json.loads(self.run_it("--json", "get").output)), len(list(Config())))

    def test_short_names(self) -> None:
        for short, path in SHORTCUTS.items():
            self.assertTrue(self.run_it("get", short).output.startswith(f"{path} ("), short)
        self.assertIn("donated-space (disk space): 20 GB (was 8 GB)", self.run_it("set", "donated", "20", "GB").output)
        self.assertIn("donated-space (disk space): 20 GB", self.run_it("setting", "given").output)
        for words in (("set", "help"), ("get", "help"), ("option", "help")):
            shown = self.run_it(*words).output
            self.assertTrue(all(short in shown for short in SHORTCUTS))

    def test_wrong_options(self) -> None:
        for arguments, text in (
            (("set", "no/such", "1"), "option no/such does not exist"),
            (("get", "no/such"), "option no/such does not exist"),
            (("set", "suppliers", "3"), "must be one of 2, 4, 7"),
            (("set", "debug", "-5"), "must be at least 0"),
            (("set", "donated", "much"), "much"),
        ):
            done = self.run_it(*arguments)
            self.assertEqual((done.exit_code, len(done.stderr.splitlines())), (1, 1), arguments)
            self.assertIn(text, done.stderr)
        self.assertEqual(self.run_it("set").exit_code, 2)

    def test_a_folder_that_can_not_be(self) -> None:
        self.base.parent.mkdir(parents=True, exist_ok=True)
        self.base.write_text("a file")
        done = self.run_it("set", "debug", "1")
        self.assertEqual((done.exit_code, len(done.stderr.splitlines())), (1, 1))

    def test_quick_commands_import_little(self) -> None:
        code = (
            "import sys; from bitdust_node.cli.main import bitdust\n"
            "bitdust(sys.argv[1:], prog_name='bitdust', standalone_mode=False)\n"
            f"print([name for name in {HEAVY!r} if name in sys.modules])"
        )
        for words in (["help"], ["set", "debug", "3"], ["get", "debug"], ["set", "list"], ["file", "list", "--help"]):
            done = subprocess.run(
                [sys.executable, "-c", code, "--appdir", str(self.base), *words],
                capture_output=True,
                text=True,
                check=True,
                env=ENVIRONMENT,
            )
            self.assertEqual(done.stdout.splitlines()[-1], "[]", words)


class NobodyTest(StoppedTest):
    def test_without_a_node(self) -> None:
        for words in (
            "file list", "file upload . x", "file download x", "file cancel x", "file cancel up x", "file progress",
            "file sync", "file create x", "file delete x", "dir create x", "dir delete x", "supplier", "supplier ping",
            "supplier fire 0", "supplier hire 0 x", "customer", "customer ping", "customer reject x", "storage",
            "service", "service tree", "service network", "service start network", "service health network",
            "automat", "ping alice@host", "api", "api process_health", "stop", "friend", "friend add alice",
            "friend rm alice", "friend nick alice", "message", "chat listen x", "msg send x y",
            "chat", "chat x", "talk --plain x", "network",
            "nw select x", "net create x", "reconnect", "device", "device info x", "device add routed x",
            "device pair x", "device add direct x host 1", "identity server stop", "key create x",
            "key share x y", "key delete x", "dhtseed stop",
        ):  # fmt: skip
            done = self.run_it(*words.split())
            self.assertEqual((done.exit_code, done.output), (0, NOT_RUNNING + "\n"), words)
        self.assertEqual(json.loads(self.run_it("--json", "file", "list").output)["errors"], [NOT_RUNNING])
        self.assertEqual(self.run_it("kill").output, "BitDust was not started\n")

    def test_without_an_identity(self) -> None:
        for command in ("id", "gid", "globalid", "idurl"):
            self.assertEqual(self.run_it(command).output, NO_IDENTITY + "\n")
        for words in ("identity", "identity show", "id info", "identity backup", "identity erase"):
            done = self.run_it(*words.split())
            self.assertEqual((done.exit_code, done.output), (1, NO_IDENTITY + "\n"), words)
        self.assertEqual(json.loads(self.run_it("--json", "id").output), {"global_id": None})
        self.assertEqual(self.run_it("key", "list").output, "")
        self.assertEqual(self.run_it("key", "get").output, "key master is not registered\n")

    def test_a_path_that_does_not_exist(self) -> None:
        done = self.run_it("file", "upload", "/no/such/file", "x")
        self.assertEqual((done.exit_code, done.stderr), (1, "path /no/such/file not exists\n"))

    def test_a_number_left_over_is_no_node(self) -> None:
        self.base.mkdir(parents=True)
        lock = self.base / "processid"
        lock.write_text(str(os.getpid()))
        self.assertIsNone(running_pid(self.base))
        with lock.open("r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            self.assertEqual(running_pid(self.base), os.getpid())
            for words, said in (("start", "another BitDust process was found: [{}]"),
                                ("daemon", "main BitDust process already started: [{}]")):  # fmt: skip
                done = self.run_it(words)
                self.assertEqual((done.exit_code, done.output), (0, said.format(os.getpid()) + "\n"))
            for words in ("identity create alice", "identity restore x", "identity erase"):
                done = self.run_it(*words.split())
                self.assertEqual(done.exit_code, 1)
                self.assertIn("is running at the moment", done.stderr)
        for text in ("", "garbage", "9" * 40):
            lock.write_text(text)
            self.assertIsNone(running_pid(self.base))

    def test_the_data_folder(self) -> None:
        home, here, other = (self.base / name for name in ("home", "here", "other"))
        for folder in (home, here):
            folder.mkdir(parents=True)
        before = Path.cwd()
        self.addCleanup(os.chdir, before)
        os.chdir(here)
        run(None, "set", "debug", "1", HOME=str(home))
        self.assertEqual(Config(home / ".bitdust/config").get("logs/debug-level"), 1)
        (here / "appdata").write_text(f"{other}\n")
        run(None, "set", "debug", "2", HOME=str(home))
        self.assertEqual(Config(other / "config").get("logs/debug-level"), 2)
        run(here / "third", "set", "debug", "3", HOME=str(home))
        self.assertEqual(Config(here / "third/config").get("logs/debug-level"), 3)


class HelpTest(StoppedTest):
    def test_every_command_has_help(self) -> None:
        for name, entry in COMMANDS.items():
            for spelling in (name, *entry.others):
                done = self.run_it(spelling, "--help")
                self.assertEqual(done.exit_code, 0, spelling)
                self.assertTrue(done.output.startswith(f"Usage: bitdust {name}"), spelling)
                for other in entry.others:
                    self.assertIn(other, done.output)

    def test_help(self) -> None:
        for word in ("help", "h", "hlp", "?"):
            shown = self.run_it(word).output
            self.assertEqual(shown, self.run_it("--help").output)
        self.assertTrue(all(f"\n{subject}:\n" in shown for subject in SUBJECTS))
        self.assertTrue(all(f"\n  {name} " in shown for name in COMMANDS))
        self.assertIn("Usage: bitdust key create ", self.run_it("help", "pk", "new").output)
        self.assertIn("w.1.3:00.MonWedSat", self.run_it("help", "schedule").output)
        self.assertIn("services/customer/suppliers-number (selection)\n", self.run_it("help", "settings").output)
        self.assertEqual(len(json.loads(self.run_it("--json", "help", "settings").output)), len(list(Config())))
        self.assertEqual(self.run_it("help", "nonsense").exit_code, 2)
        self.assertEqual(self.run_it("help", "key", "nonsense").exit_code, 2)

    def test_no_sense(self) -> None:
        for words in ("nonsense", "key nonsense", "file", "get a b", "file upload x", "file cancel", "file cancel a b",
                      "supplier hire 0", "key create x 77", "--no-such", "-d x get", "network select", "api a b",
                      "device add", "identity create", "completion csh", "ping"):  # fmt: skip
            done = self.run_it(*words.split())
            if words == "file":
                self.assertEqual(done.exit_code, 0)
                continue
            self.assertIn(done.exit_code, (0, 2) if words == "api a b" else (2,), words)
            if done.exit_code == 2:
                self.assertIn("usage: bitdust", done.stderr.lower(), words)
        done = self.run_it("suplier")
        self.assertIn("Did you mean 'supplier'?", done.stderr)
        self.assertIn("Did you mean 'replace'?", self.run_it("supplier", "replce").stderr)
        done = self.run_it("usage")
        self.assertEqual(done.exit_code, 2)
        self.assertTrue(done.output.startswith("usage: bitdust [options] [command] [arguments]"))

    def test_global_options(self) -> None:
        done = self.run_it("-q", "get", "debug")
        self.assertEqual((done.exit_code, done.output), (0, ""))
        self.assertEqual(self.run_it("--quite", "get", "no/such").stderr, "option no/such does not exist\n")
        done = self.run_it("-d", "5", "-v", "-n", "-o", "/tmp/x", "--twisted", "--cpu-profile", "--coverage",
                           "--coverage_config", "c", "--coverage_report", "r", "get", "debug")  # fmt: skip
        # they are for a node that is started by the command, and this one starts none
        self.assertEqual(done.output, "logs/debug-level (positive integer): 0\n")

    def test_this_program(self) -> None:
        lines = self.run_it("version").output.splitlines()
        self.assertRegex(lines[0], r"^checksum: [0-9a-f]{16}$")
        self.assertRegex(lines[1], r"^version: \d+\.\d+\.\d+$")
        for words, text in (("install", "pip install"), ("deploy crontab", "@reboot"), ("show", "bitdust help")):
            done = self.run_it(*words.split())
            self.assertEqual(done.exit_code, 1)
            self.assertIn(text, done.stderr)

    def test_the_script_calls_us(self) -> None:
        script = self.base.with_name("bitdust")
        script.write_text(self.run_it("alias").output)
        script.chmod(0o755)
        done = subprocess.run([script, "get", "debug"], capture_output=True, text=True, check=True, cwd="/")
        self.assertEqual(done.stdout, "logs/debug-level (positive integer): 0\n")
        self.assertTrue((self.base / "config").exists())
