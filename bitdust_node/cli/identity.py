"""
Commands for the own identity. They work on the files when the node is stopped.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from bitdust_node.cli.context import NO_IDENTITY, Context, pass_context
from bitdust_node.cli.groups import Spellings
from bitdust_node.cli.offline import local_identity
from bitdust_node.errors import BitDustError


@click.group(cls=Spellings, invoke_without_command=True)
@click.pass_context
def identity(ctx: click.Context) -> None:
    """Show or create the identity of this node."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(show)


@identity.named("show", "info", "print", "?")
@pass_context
def show(context: Context) -> None:
    """Show the identity."""
    found = _describe(context)
    if found is None:
        context.fail(NO_IDENTITY)
    context.output.fields(found)


@identity.named("create", "new", "register", "generate")
@click.argument("username")
@click.argument("key_size", type=click.Choice(["1024", "2048", "4096"]), required=False)
@pass_context
def create(context: Context, username: str, key_size: str | None) -> None:
    """Register a new identity on identity servers."""
    if _describe(context) is not None:
        context.fail("local identity already exist")
    if context.pid is not None:
        if key_size:
            context.ask("config_set", 30, key="personal/private-key-size", value=key_size)
        _show_new(context, context.ask("identity_create", username=username))
        return
    raise SystemExit(_register(context, username, key_size))


def _register(context: Context, username: str, key_size: str | None) -> int:
    """A node in this process, only for as long as the registration takes."""
    from bitdust_node.__main__ import run_node

    async def then(node: Any) -> int:
        told = await node.registry.call("identity_create", {"username": username})
        if told["status"] != "OK":
            click.echo("; ".join(told["errors"]), err=True)
            return 1
        _show_new(context, told["result"])
        sys.stdout.flush()
        return 0

    return run_node(context.base, {"personal/private-key-size": key_size} if key_size else None, then)


def _show_new(context: Context, made: dict[str, Any]) -> None:
    if context.output.as_json:
        context.output.document(made)
        return
    context.output.line(f"new identity created: {made['global_id']}")
    context.output.line(made["idurl"])


@click.command()
@pass_context
def global_id(context: Context) -> None:
    """Show the global id."""
    _one(context, "global_id")


@click.command()
@pass_context
def idurl(context: Context) -> None:
    """Show the identity URL."""
    _one(context, "idurl")


def _one(context: Context, field: str) -> None:
    found = _describe(context)
    if context.output.as_json:
        context.output.document({field: found[field] if found else None})
    else:
        context.output.line(found[field] if found else NO_IDENTITY)


def _describe(context: Context) -> dict[str, Any] | None:
    try:
        document = local_identity(context.base)
    except BitDustError as error:
        context.fail(str(error))
    return None if document is None else document.describe()
