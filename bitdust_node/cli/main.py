"""
The command `bitdust`. Each group of commands is imported when it is called, so that the short ones start at once.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from pathlib import Path
from typing import NamedTuple

import click

from bitdust_node.cli.context import Context, Wishes, default_base
from bitdust_node.cli.groups import also, unknown
from bitdust_node.errors import BitDustError


class Entry(NamedTuple):
    """
    One command: where it is (`module:name` below `bitdust_node.cli`), what it does, its other spellings.
    """

    place: str
    info: str
    others: tuple[str, ...] = ()


#: Subject -> commands, in the order in which help shows them.
SUBJECTS: dict[str, dict[str, Entry]] = {
    "The node": {
        "start": Entry("node:start", "Run the node in the foreground.", ("go", "run")),
        "daemon": Entry("node:daemon", "Start the node in the background.", ("detach",)),
        "stop": Entry("node:stop", "Stop the node.", ("shutdown",)),
        "restart": Entry("node:restart", "Restart the node, or start it if it was not running.", ("reboot",)),
        "kill": Entry("node:kill", "End the node at once."),
        "version": Entry("node:version", "Show the version.", ("v", "ver")),
    },
    "Identity and keys": {
        "identity": Entry("identity:identity", "Create, show, back up or erase the identity.", ("ident",)),
        "id": Entry("identity:global_id", "Show the global id.", ("gid", "globalid", "globid", "glid")),
        "idurl": Entry("identity:idurl", "Show the identity URL."),
        "key": Entry("keys:key", "Keys of this node.", ("keys", "pk", "priv", "private_key")),
    },
    "Files": {
        "file": Entry("files:file", "Store files and get them back.", ("files", "fi", "fs", "f")),
        "dir": Entry("folders:folder", "Folders of the catalog.", ("folder",)),
        "storage": Entry("peers:storage", "Space donated, consumed and used.", ("space",)),
    },
    "People": {
        "supplier": Entry("peers:supplier", "Those who keep our data.", ("suppliers", "sup", "sp")),
        "customer": Entry("peers:customer", "Those whose data we keep.", ("customers", "cus", "cu")),
        "friend": Entry(
            "friends:friend", "People you know.", ("friends", "buddy", "correspondent", "contact", "peer")
        ),
        "message": Entry("messages:message", "Send messages, listen, and look at the history.", ("msg", "messages")),
        "chat": Entry("chat.command:chat", "Talk with people and groups.", ("talk",)),
        "ping": Entry("peers:ping", "Ping another node.", ("call", "sendid")),
    },
    "Options and services": {
        "set": Entry("options:set_option", "Change or show options.", ("conf", "config", "option", "setting")),
        "get": Entry("options:get_option", "Show options."),
        "service": Entry("services:service", "Services of the node.", ("services", "svc", "srv")),
        "automat": Entry(
            "services:automat", "State machines of the node.", ("automats", "st", "state", "states", "machines")
        ),
        "api": Entry("api:api", "Call any method of the API."),
    },
    "Network": {
        "network": Entry("networks:network", "How the node is connected.", ("net", "nw")),
        "reconnect": Entry("networks:reconnect", "Connect anew.", ("rejoin", "connect")),
        "device": Entry("networks:device", "Devices that may use this node.", ("devices", "dev")),
        "dhtseed": Entry("standalone:dhtseed", "Run a DHT node and nothing else."),
        "devnet": Entry("devnet.commands:devnet", "A private network on this machine."),
        "demo": Entry("demo:demo", "The main job on a private network."),
    },
    "This program": {
        "help": Entry("guide:guide", "Show this, or how to write schedules, or all settings.", ("h", "hlp", "?")),
        "usage": Entry("guide:usage", "Show the short usage."),
        "completion": Entry("shell:completion", "Let bash, zsh or fish complete commands."),
        "alias": Entry("shell:alias", "Print a script to call this program by.", ("integrate", "shell")),
        "install": Entry("shell:install", "Tells how to install.", ("deploy", "venv", "virtualenv")),
        "show": Entry("shell:show", "There is no graphical interface any more.", ("open",)),
    },
}  # fmt: skip

COMMANDS: dict[str, Entry] = {name: entry for entries in SUBJECTS.values() for name, entry in entries.items()}

_SPELLINGS = {spelling: name for name, entry in COMMANDS.items() for spelling in (name, *entry.others)}

SHORT_USAGE = """\
usage: bitdust [options] [command] [arguments]

  bitdust daemon | stop | restart            the node in the background
  bitdust identity create NAME               be somebody
  bitdust set OPTION [VALUE]                 change an option, running or not
  bitdust file upload LOCAL REMOTE           store a file
  bitdust file download REMOTE [FOLDER]      get it back
  bitdust supplier | customer | storage      who keeps what
  bitdust api METHOD [KEY=VALUE ...]         anything else
  bitdust help                               all commands"""


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
        entry = COMMANDS[name]
        command = load(entry.place)
        if entry.others:
            command.epilog = also(entry.others)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _SPELLINGS and not ctx.resilient_parsing:
            if args[0].startswith("-"):
                ctx.fail(f"No such option {args[0]!r}.")
            click.echo(SHORT_USAGE + "\n", err=True)
            unknown(ctx, args[0], _SPELLINGS)
        name, command, rest = super().resolve_command(ctx, args)
        return _SPELLINGS.get(str(name)), command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        widest = max(map(len, COMMANDS))
        for subject, entries in SUBJECTS.items():
            with formatter.section(subject):
                formatter.write_dl([(name.ljust(widest), entry.info) for name, entry in entries.items()])


def main() -> int:
    """
    Run the command line; most commands end the process themselves, with their exit code.
    """
    try:
        bitdust(prog_name="bitdust")
    except BitDustError as error:
        click.secho(str(error), err=True)
        return 1
    return 0


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-a", "--appdir", type=click.Path(path_type=Path), help="Data folder instead of ~/.bitdust.")
@click.option("--json", "as_json", is_flag=True, help="Show JSON.")
@click.option("-q", "--quite", "--quiet", "quiet", is_flag=True, help="Show nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="A node started now shows its log.")
@click.option("-d", "--debug", type=click.IntRange(0), metavar="N", help="Log level of a node started now.")
@click.option("-n", "--no-logs", is_flag=True, help="A node started now writes no logs.")
@click.option("-o", "--output", "log_file", type=click.Path(dir_okay=False), help="... writes its log here too.")
@click.option("--twisted", is_flag=True, help="... logs the messages of its libraries.")
@click.option("--cpu-profile", "profile", is_flag=True, help="... writes a profile, logs/cpu.profile.")
@click.option("--coverage", is_flag=True, help="... counts the lines that are run.")
@click.option("--coverage_config", "config", type=click.Path(), default="", help="Configuration of it.")
@click.option("--coverage_report", "report", type=click.Path(), default="", help="File for its report.")
@click.pass_context
def bitdust(
    ctx: click.Context,
    appdir: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    debug: int | None,
    no_logs: bool,
    log_file: str | None,
    twisted: bool,
    profile: bool,
    coverage: bool,
    config: str,
    report: str,
) -> None:
    """A node for private storage and messaging. Without a command: run it in the foreground."""
    if quiet:
        silence = ctx.with_resource(open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - the context closes it
        ctx.with_resource(contextlib.redirect_stdout(silence))
    wishes = Wishes(
        debug,
        verbose,
        no_logs,
        os.path.abspath(log_file) if log_file else "",
        twisted,
        profile,
        config if coverage else None,
        report,
    )
    base = Path(os.path.abspath((appdir or default_base()).expanduser()))
    ctx.obj = Context(base, as_json, wishes)
    if ctx.invoked_subcommand is None:
        ctx.invoke(load(COMMANDS["start"].place))


def load(place: str) -> click.Command:
    """The command at `module:name`."""
    module, _, name = place.partition(":")
    command: click.Command = getattr(importlib.import_module(f"bitdust_node.cli.{module}"), name)
    return command
