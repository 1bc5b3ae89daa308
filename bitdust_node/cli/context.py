"""
What every command works with: the data folder, the output, the client, and how failures end.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click

from bitdust_node.cli.client import ApiClient, running_pid
from bitdust_node.cli.output import Output, clean
from bitdust_node.errors import BitDustError

NOT_RUNNING = "BitDust is not running at the moment"
NO_IDENTITY = "local identity is not valid or not exist"


def default_base() -> Path:
    """
    `~/.bitdust`, or what a file `appdata` in the current folder says.
    """
    try:
        named = Path("appdata").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        named = ""
    return Path(named).expanduser() if named else Path.home() / ".bitdust"


@dataclass(frozen=True)
class Wishes:
    """
    What was said before the command about a node that it starts.

    debug: log level, None leaves the option alone. verbose: show the log on the terminal too. no_logs: write none.
    log_file: write the log there too. twisted: with the messages of the libraries.
    profile: count the processor time of each function. coverage: file of its configuration, "" for none, None for
    no coverage at all. report: file for the report.
    """

    debug: int | None = None
    verbose: bool = False
    no_logs: bool = False
    log_file: str = ""
    twisted: bool = False
    profile: bool = False
    coverage: str | None = None
    report: str = ""

    @property
    def options(self) -> dict[str, object]:
        """Options to set at the start of the node."""
        return {} if self.debug is None else {"logs/debug-level": self.debug}

    @property
    def words(self) -> list[str]:
        """The same as words of a command line, for a node in another process."""
        flags = {"--no-logs": self.no_logs, "--twisted": self.twisted, "--cpu-profile": self.profile}
        words = [flag for flag, given in flags.items() if given]
        if self.debug is not None:
            words += ["--debug", str(self.debug)]
        if self.log_file:
            words += ["--output", self.log_file]
        if self.coverage is not None:
            words += ["--coverage", "--coverage_config", self.coverage, "--coverage_report", self.report]
        return words


class Context:
    """
    base: the data folder. as_json: show JSON instead of tables and sentences.
    """

    def __init__(self, base: Path, as_json: bool = False, wishes: Wishes | None = None) -> None:
        self.base = base
        self.wishes = wishes or Wishes()
        self.output = Output(as_json)
        self.client = ApiClient(base)

    @property
    def pid(self) -> int | None:
        """The process of the node that runs on our data folder."""
        return running_pid(self.base)

    def need_node(self) -> None:
        """Without a running node there is nothing more to do: says so and ends with code 0."""
        if self.pid is None:
            if self.output.as_json:
                self.output.document({"status": "ERROR", "errors": [NOT_RUNNING]})
            else:
                click.echo(NOT_RUNNING)
            raise SystemExit(0)

    def need_no_node(self) -> None:
        """What works on the files of the node is refused while it runs."""
        if self.pid is not None:
            self.fail("BitDust is running at the moment, stop it first: bitdust stop")

    def ask(self, name: str, timeout: float | None = None, /, **arguments: Any) -> Any:
        """
        The result of a method of the running node; an error is shown and ends with code 1.
        """
        self.need_node()
        try:
            return self.client.result(name, timeout, **arguments)
        except BitDustError as error:
            self.fail(str(error))

    def tell(self, name: str, timeout: float | None = None, /, **arguments: Any) -> Any:
        """
        The same, and shows the message that comes with the answer.
        """
        self.need_node()
        try:
            told = self.client.call(name, timeout, **arguments)
        except BitDustError as error:
            self.fail(str(error))
        return self.show(told)

    def show(self, told: dict[str, Any]) -> Any:
        """
        Show the status and message of an answer, and give its result; an ERROR answer ends with code 1.
        """
        if told.get("status") != "OK":
            self.fail("; ".join(map(str, told.get("errors", []))))
        result = told.get("result")
        if self.output.as_json:
            self.output.document(told)
            return result
        status = click.style(told["status"], fg="green") if self.output.terminal else told["status"]
        click.echo(f"{status}: {told.get('execution', '?')} sec. {clean(str(told.get('message', '')))}".rstrip())
        for one in result if isinstance(result, list) else ():
            if not isinstance(one, dict | list):
                click.echo(f"  {clean(str(one))}")
        return result

    def fail(self, text: str) -> NoReturn:
        """Show an error and end with code 1."""
        self.complain(text)
        raise SystemExit(1)

    def complain(self, text: str) -> None:
        """Show an error."""
        if self.output.as_json:
            self.output.document({"status": "ERROR", "errors": [text]})
            return
        # what a node said on its way down has lines; other errors are one
        told = "\n".join(clean(line) for line in text.splitlines())
        click.secho(told, err=True, fg="red" if sys.stderr.isatty() else None)


pass_context = click.make_pass_decorator(Context)
