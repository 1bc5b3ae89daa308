"""
What every command works with: the data folder, the output, the client, and how failures end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import click

from bitdust_node.cli.client import ApiClient, running_pid
from bitdust_node.cli.output import Output
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


class Context:
    """
    base: the data folder. as_json: show JSON instead of tables and sentences.
    """

    def __init__(self, base: Path, as_json: bool) -> None:
        self.base = base
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

    def ask(self, name: str, timeout: float | None = None, **arguments: Any) -> Any:
        """
        The result of a method of the running node; an error is shown and ends with code 1.
        """
        self.need_node()
        try:
            return self.client.result(name, timeout, **arguments)
        except BitDustError as error:
            self.fail(str(error))

    def tell(self, name: str, timeout: float | None = None, **arguments: Any) -> Any:
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
        if self.output.as_json:
            self.output.document(told)
        else:
            click.echo(f"{told['status']}: {told.get('execution', '?')} sec. {told.get('message', '')}".rstrip())
        return told.get("result")

    def fail(self, text: str) -> NoReturn:
        """Show an error and end with code 1."""
        if self.output.as_json:
            self.output.document({"status": "ERROR", "errors": [text]})
        else:
            click.echo(text, err=True)
        raise SystemExit(1)


pass_context = click.make_pass_decorator(Context)
