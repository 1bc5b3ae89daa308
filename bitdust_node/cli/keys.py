"""
Commands for keys.
"""

from __future__ import annotations

from typing import Any

import click

from bitdust_node.cli.context import Context, pass_context
from bitdust_node.cli.groups import Spellings
from bitdust_node.cli.offline import local_keys
from bitdust_node.cli.output import Cell

_COLUMNS: list[tuple[str, Cell]] = [
    ("key", "key_id"),
    ("size", "size"),
    ("kind", lambda key: "public" if key.get("is_public") else "private"),
    ("label", "label"),
]


@click.group(cls=Spellings, invoke_without_command=True)
@click.pass_context
def key(ctx: click.Context) -> None:
    """Keys of this node."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_keys)


@key.named("list", "ls")
@pass_context
def list_keys(context: Context) -> None:
    """List the keys."""
    found: list[dict[str, Any]]
    found = context.ask("keys_list", 30) if context.pid is not None else local_keys(context.base)
    context.output.table(found, _COLUMNS)


@key.named("create", "new", "gen", "generate", "make")
@click.argument("alias")
@click.argument("size", type=click.Choice(["1024", "2048", "4096"]), default="4096")
@click.option("--label", default="", help="A text to recognise it by.")
@pass_context
def create(context: Context, alias: str, size: str, label: str) -> None:
    """Generate a key."""
    made = context.ask("key_create", key_alias=alias, key_size=int(size), label=label)
    context.output.fields({field: made.get(field, "?") for field in ("key_id", "size", "label")})


@key.named("get", "print", "show")
@click.argument("key_id", default="master")
@pass_context
def get(context: Context, key_id: str) -> None:
    """Show a key with its private half."""
    context.output.fields(context.ask("key_get", 30, key_id=key_id, include_private=True))


@key.named("delete", "erase", "remove", "clear", "del", "rm", "kill")
@click.argument("key_id")
@pass_context
def delete(context: Context, key_id: str) -> None:
    """Erase a key."""
    context.tell("key_erase", 30, key_id=key_id)
