"""
Commands that start and end the node.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

import bitdust_node
from bitdust_node.cli.client import alive, running_pid
from bitdust_node.cli.context import NOT_RUNNING, Context, pass_context
from bitdust_node.cli.observing import observed
from bitdust_node.errors import BitDustError, Unavailable

#: Seconds for a node to come up, and to end in order before it is ended by force.
START_SECONDS = 60.0
STOP_SECONDS = 60.0

CONSOLE = "console.log"


@click.command()
@pass_context
def start(context: Context) -> None:
    """Run the node in the foreground."""
    pid = context.pid
    if pid is not None:
        context.output.line(f"another BitDust process was found: [{pid}]")
        return
    raise SystemExit(run_here(context))


def run_here(context: Context, overrides: Mapping[str, object] | None = None) -> int:
    """
    Run the node of a data folder in this process, as it was asked for before the command; answers with its exit code.
    """
    wishes = context.wishes
    if wishes.log_file:
        try:
            Path(wishes.log_file).open("a", encoding="utf-8").close()
        except OSError as error:
            context.fail(f"the log can not be written to {wishes.log_file}: {error.strerror}")
    with observed(context):
        from bitdust_node.__main__ import run_node
        from bitdust_node.telling import Telling

        telling = Telling(not wishes.no_logs, wishes.verbose, wishes.log_file, wishes.twisted)
        return run_node(context.base, {**wishes.options, **(overrides or {})}, telling=telling)


@click.command()
@pass_context
def daemon(context: Context) -> None:
    """Start the node in the background."""
    pid = context.pid
    if pid is not None:
        context.output.line(f"main BitDust process already started: [{pid}]")
        return
    context.output.line("new BitDust process will be started in daemon mode")
    start_daemon(context)


def start_daemon(context: Context) -> None:
    """
    Start the node as a process of its own and wait until its API answers; else show why not and end with code 1.
    """
    process = spawn(context.base, before=context.wishes.words)
    if not await_start(context.base, process, START_SECONDS):
        context.fail(last_words(context.base) or f"the node did not start, see {context.base / 'logs'}")
    if context.output.as_json:
        context.output.document({"status": "OK", "result": {"pid": process.pid}})


def spawn(base: Path, before: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """
    A node in the background, in a session of its own; what it says at its start is in `logs/console.log`.

    before: options of the command line.
    """
    logs = base / "logs"
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (logs / CONSOLE).open("wb") as console:
        return subprocess.Popen(
            [sys.executable, "-m", "bitdust_node", "--appdir", str(base), *before, "start"],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([*_import_roots(), os.environ.get("PYTHONPATH", "")])},
        )


def _import_roots() -> list[str]:
    """Where this very program was imported from, so that a child started elsewhere is the same."""
    return [str(Path(bitdust_node.__file__).resolve().parent.parent)]


def await_start(base: Path, process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait until the API of a spawned node answers; false when it ended or takes too long."""
    client = Context(base, as_json=False).client
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            return False
        if running_pid(base) == process.pid and client.healthy():
            return True
        time.sleep(0.05)
    return False


def last_words(base: Path) -> str:
    """What a node that did not start has said."""
    try:
        return (base / "logs" / CONSOLE).read_text("utf-8", "replace")[-4000:].strip()
    except OSError:
        return ""


@click.command()
@pass_context
def stop(context: Context) -> None:
    """Stop the node."""
    pid = context.pid
    if pid is None:
        context.output.line(NOT_RUNNING)
        return
    if _end(context, pid):
        context.output.line(f"found main BitDust process: [{pid}] ... finished successfully")
    else:
        os.kill(pid, signal.SIGKILL)
        context.output.line(f"BitDust child processes found: [{pid}]")
        context.output.line("BitDust stopped")


def _end(context: Context, pid: int) -> bool:
    try:
        context.client.request("GET", "/process/stop/v1", timeout=5)
    except Unavailable:
        os.kill(pid, signal.SIGTERM)
    return _gone(context.base, pid)


def _gone(base: Path, pid: int) -> bool:
    end = time.monotonic() + STOP_SECONDS
    while time.monotonic() < end:
        if running_pid(base) != pid and not alive(pid):
            return True
        time.sleep(0.05)
    return False


@click.command()
@pass_context
def restart(context: Context) -> None:
    """Restart the node, or start it if it was not running."""
    pid = context.pid
    if pid is None:
        context.output.line(NOT_RUNNING)
        context.output.line("new BitDust process will be started in daemon mode")
        start_daemon(context)
        return
    started = context.ask("process_info", 5)["process"]["started"]
    context.tell("process_restart", 5)
    end = time.monotonic() + STOP_SECONDS + START_SECONDS
    while time.monotonic() < end:
        time.sleep(0.1)
        try:
            if context.client.result("process_info", 2)["process"]["started"] != started:
                return
        except BitDustError:
            # not there any more, or not yet, or in the middle of ending
            if context.pid is None and not alive(pid):
                context.fail(last_words(context.base) or "the node did not come back")
    context.fail("the node did not come back in time")


@click.command()
@pass_context
def kill(context: Context) -> None:
    """End the node at once."""
    pid = context.pid
    if pid is None:
        context.output.line("BitDust was not started")
        return
    os.kill(pid, signal.SIGKILL)
    context.output.line("BitDust stopped")


@click.command()
@pass_context
def version(context: Context) -> None:
    """Show the version."""
    context.output.fields({"checksum": checksum(), "version": bitdust_node.__version__})


def checksum() -> str:
    """SHA-256 over all source files of the program, first 16 digits."""
    root = Path(bitdust_node.__file__).parent.parent
    total = hashlib.sha256()
    for package in ("automats", "bitdust_node", "services", "transports"):
        for file in sorted((root / package).rglob("*.py")):
            total.update(str(file.relative_to(root)).encode())
            total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:16]
