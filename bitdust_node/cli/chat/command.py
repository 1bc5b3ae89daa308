"""
The command `bitdust chat`. What it needs is imported when it runs: other commands are to stay quick.
"""

from __future__ import annotations

import asyncio
import os
import sys

import click

from bitdust_node.cli.completing import friend_ids
from bitdust_node.cli.context import Context, pass_context
from bitdust_node.cli.groups import Fallback
from bitdust_node.cli.messages import message

#: Terminals that can not move their cursor.
_DUMB = ("", "dumb", "unknown")


class Chat(Fallback):
    """`chat [USER or GROUP]`; `chat send`, `listen` and `history` are those of `message`."""

    default = "with"


@click.group(cls=Chat, invoke_without_command=True, subcommand_metavar="[USER or GROUP]")
@click.option("--plain", is_flag=True, help="Lines without a screen, as for pipes.")
@click.pass_context
def chat(ctx: click.Context, plain: bool) -> None:
    """
    Talk with a person, named as you named him, or by global id or identity URL, or with a group, by its label or key
    id; with none of them, choose one. In a pipe, lines are sent and messages are printed.
    """
    ctx.meta["plain"] = plain
    if ctx.invoked_subcommand is None:
        ctx.invoke(talk)


@chat.named("with")
@click.argument("name", required=False, default="", shell_complete=friend_ids, metavar="[USER or GROUP]")
@click.option("--plain", is_flag=True, help="Lines without a screen, as for pipes.")
@pass_context
@click.pass_context
def talk(ctx: click.Context, context: Context, name: str, plain: bool) -> None:
    """Talk with a person or a group: by the name you gave, global id, identity URL, or key id of the group."""
    context.need_node()
    terminal = context.output.terminal and sys.stdin.isatty() and os.environ.get("TERM", "") not in _DUMB
    work = _plain if plain or ctx.meta.get("plain") or not terminal else _screen
    try:
        code = asyncio.run(work(context, name))
    except KeyboardInterrupt:
        code = 0
    raise SystemExit(code)


async def _screen(context: Context, name: str) -> int:
    from bitdust_node.cli.chat.screen import Screen

    return await Screen(context.base, name, sys.stdout.encoding).run()


async def _plain(context: Context, name: str) -> int:
    from bitdust_node.cli.chat.plain import PlainView

    return await PlainView(context.base, name, context.output.as_json, sys.stdout, sys.stderr).run()


for _command in ("listen", "send", "history"):
    chat.add_command(message.commands[_command], _command)
