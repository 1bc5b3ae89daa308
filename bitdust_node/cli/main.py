"""
The command `bitdust`. Each group of commands is imported when it is called, so that the short ones start at once.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import click

from bitdust_node.cli.context import Context, default_base

#: Command -> module and name of it, help, further spellings.
COMMANDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "start": ("node:start", "Run the node in the foreground.", ("go", "run")),
    "daemon": ("node:daemon", "Start the node in the background.", ("detach",)),
    "stop": ("node:stop", "Stop the node.", ("shutdown",)),
    "restart": ("node:restart", "Restart the node, or start it if it was not running.", ("reboot",)),
    "kill": ("node:kill", "End the node at once.", ()),
    "version": ("node:version", "Show the version.", ("v", "ver")),
    "set": ("options:set_option", "Show or change options.", ("conf", "config", "option", "setting")),
    "get": ("options:get_option", "Show options.", ()),
    "identity": ("identity:identity", "Show or create the identity of this node.", ()),
    "id": ("identity:global_id", "Show the global id.", ("gid", "globalid")),
    "idurl": ("identity:idurl", "Show the identity URL.", ()),
    "key": ("keys:key", "Keys of this node.", ("keys", "pk", "priv", "private_key")),
    "file": ("files:file", "Store files and get them back.", ("files", "fi", "fs", "f")),
    "dir": ("files:folder", "Create folders in the catalog.", ("folder",)),
    "supplier": ("peers:supplier", "Those who keep our data.", ("suppliers", "sup", "sp")),
    "customer": ("peers:customer", "Those whose data we keep.", ("customers", "cus", "cu")),
    "storage": ("peers:storage", "Space donated, consumed and used.", ("space",)),
    "ping": ("peers:ping", "Ping another node.", ("call", "sendid")),
    "service": ("services:service", "Services of the node.", ("services", "svc", "srv")),
    "automat": ("services:automat", "State machines of the node.", ("automats",)),
    "api": ("api:api", "Call any method of the API.", ()),
    "devnet": ("devnet.commands:devnet", "A private network on this machine.", ()),
    "demo": ("demo:demo", "The main job on a private network.", ()),
}  # fmt: skip

_SPELLINGS = {spelling: name for name, (_, _, others) in COMMANDS.items() for spelling in (name, *others)}


class Commands(click.Group):
    """
    Imports a command when it is needed.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = _SPELLINGS.get(cmd_name)
        if name is None:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        return _load(module, attribute)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        _, command, rest = super().resolve_command(ctx, args)
        return (command.name if command else None), command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, info) for name, (_, info, _) in COMMANDS.items()])


def main() -> int:
    """
    Run the command line; most commands end the process themselves, with their exit code.
    """
    bitdust(prog_name="bitdust")
    return 0


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-a", "--appdir", type=click.Path(path_type=Path), help="Data folder instead of ~/.bitdust.")
@click.option("--json", "as_json", is_flag=True, help="Show JSON.")
@click.option("-d", "--debug", type=int, help="Level of the log.")
@click.pass_context
def bitdust(ctx: click.Context, appdir: Path | None, as_json: bool, debug: int | None) -> None:
    """A node for private storage and messaging."""
    base = Path(os.path.abspath((appdir or default_base()).expanduser()))
    ctx.obj = Context(base, as_json)
    if debug is not None:
        ctx.invoke(_load("options", "set_option"), path="logs/debug-level", value=str(debug))
    if ctx.invoked_subcommand is None:
        ctx.invoke(_load("node", "start"))


def _load(module: str, name: str) -> click.Command:
    command: click.Command = getattr(importlib.import_module(f"bitdust_node.cli.{module}"), name)
    return command
