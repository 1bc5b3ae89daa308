"""
Commands for the own identity. They work on the files of the node, most of them only while it is stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bitdust_node.cli.context import NO_IDENTITY, Context, pass_context
from bitdust_node.cli.groups import Spellings
from bitdust_node.cli.offline import erase_identity, local_identity, local_key
from bitdust_node.cli.standalone import IDENTITY_SERVER, run_alone
from bitdust_node.errors import BitDustError
from bitdust_node.identity.backup import BACKUP_LIMIT, backup_text, write_secret
from bitdust_node.keys.rsa import PrivateKey


@click.group(cls=Spellings, invoke_without_command=True)
@click.pass_context
def identity(ctx: click.Context) -> None:
    """The identity of this node. Without a command: show it."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(show)


@click.group(cls=Spellings, invoke_without_command=True)
@click.pass_context
def global_id(ctx: click.Context) -> None:
    """Show the global id."""
    if ctx.invoked_subcommand is None:
        _one(ctx.obj, "global_id")


@click.group(cls=Spellings, invoke_without_command=True)
@click.pass_context
def idurl(ctx: click.Context) -> None:
    """Show the identity URL."""
    if ctx.invoked_subcommand is None:
        _one(ctx.obj, "idurl")


def _one(context: Context, field: str) -> None:
    found = _describe(context)
    if context.output.as_json:
        context.output.document({field: found[field] if found else None})
    else:
        context.output.line(found[field] if found else NO_IDENTITY)


def _named(name: str, *others: str) -> Callable[[Callable[..., Any]], click.Command]:
    """A command of `identity`, that is reached by `id` and `idurl` too."""

    def add(function: Callable[..., Any]) -> click.Command:
        command = identity.named(name, *others)(function)
        for group in (global_id, idurl):
            group.add_command(command)
            assert isinstance(group, Spellings)
            group.others.update(dict.fromkeys(others, name))
        return command

    return add


@_named("show", "info", "print", "?")
@pass_context
def show(context: Context) -> None:
    """Print the identity file; with --json its fields."""
    found = _describe(context)
    if found is None:
        context.fail(NO_IDENTITY)
    if context.output.as_json:
        context.output.document(found)
        return
    document = local_identity(context.base)
    assert document is not None
    click.echo(document.xml.decode("utf-8").rstrip("\n"))


@_named("create", "new", "register", "generate")
@click.argument("username")
@click.argument("key_size", type=click.Choice(["1024", "2048", "4096"]), required=False)
@pass_context
def create(context: Context, username: str, key_size: str | None) -> None:
    """Register a new identity on identity servers. The node must be stopped."""
    context.need_no_node()
    if _describe(context) is not None:
        context.fail("local identity already exist")
    overrides: dict[str, object] = {"personal/private-key-size": key_size} if key_size else {}
    raise SystemExit(_ask_once(context, "identity_create", {"username": username}, "new identity created", overrides))


@_named("backup", "bk", "save")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--pass-phrase", help="Without which the file is of no use.")
@pass_context
def backup(context: Context, file: Path | None, pass_phrase: str | None) -> None:
    """Write the identity URL and the private key into a new FILE, ~/<key id>.key if none is named."""
    found = _describe(context)
    if found is None:
        context.fail(NO_IDENTITY)
    path = (file or Path.home() / f"master${found['global_id']}.key").expanduser().absolute()
    try:
        key = local_key(context.base, "master")
        private = (
            PrivateKey.from_pem(key["private"], own=True).pem_under(pass_phrase) if pass_phrase else key["private"]
        )
        write_secret(path, backup_text(private, *found["sources"]))
    except BitDustError as error:
        context.fail(str(error))
    if context.output.as_json:
        context.output.document({"local_path": str(path)})
    context.output.line(f"identity {found['global_id']} is saved in {path}")
    context.output.line("whoever has this file is you: keep it safe and secret")


@_named("restore", "recover", "read", "load")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("idurl", metavar="[IDURL]", required=False)
@click.option("--pass-phrase", help="Under which the key was saved.")
@pass_context
def restore(context: Context, file: Path, idurl: str | None, pass_phrase: str | None) -> None:
    """
    Get an identity back from the file that `backup` wrote. The node must be stopped; when it is started again, it finds
    its suppliers and gets keys and files back from them.
    """
    context.need_no_node()
    if _describe(context) is not None:
        context.fail("local identity already exist")
    try:
        with file.expanduser().open("rb") as stream:
            data = stream.read(BACKUP_LIMIT + 1)
        text = data.decode("ascii")
    except OSError as error:
        context.fail(f"{file} can not be read: {error.strerror}")
    except UnicodeDecodeError:
        context.fail(f"{file} is not the backup of an identity")
    if len(data) > BACKUP_LIMIT:
        context.fail(f"{file} is larger than {BACKUP_LIMIT} bytes: not the backup of an identity")
    if "-----BEGIN" not in text:
        # the node would take it for the name of a file
        context.fail(f"{file} is not the backup of an identity: there is no private key in it")
    arguments = {"private_key_source": text, "known_idurl": idurl, "pass_phrase": pass_phrase}
    raise SystemExit(_ask_once(context, "identity_recover", arguments, "identity restored"))


@_named("erase", "delete", "remove", "del", "rm", "kill")
@click.option("--key", "with_key", is_flag=True, help="Erase the private key too: nobody can be this identity again.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_context
def erase(context: Context, with_key: bool, yes: bool) -> None:
    """
    Forget the identity. The node must be stopped. Its private key stays in the data folder unless --key is given.
    """
    context.need_no_node()
    found = _describe(context)
    if found is None:
        context.fail(NO_IDENTITY)
    if with_key and not yes:
        click.confirm(f"erase the private key of {found['global_id']} for ever?", abort=True, err=True)
    try:
        erase_identity(context.base, with_key)
    except BitDustError as error:
        context.fail(str(error))
    if context.output.as_json:
        context.output.document({"status": "OK"})
    context.output.line(f"identity {found['global_id']} is erased")


@_named("server", "srv")
@click.argument("action", type=click.Choice(["start", "stop"]), required=False)
@pass_context
def server(context: Context, action: str | None) -> None:
    """
    Start or stop the identity server of the running node; without a running node: be an identity server and nothing
    else.
    """
    if context.pid is None:
        if action == "stop":
            context.need_node()
        raise SystemExit(run_alone(context, IDENTITY_SERVER))
    if action is None:
        context.output.fields(context.ask("service_info", 30, service_name="service_identity_server"))
    else:
        context.tell(f"service_{action}", 60, service_name="service_identity_server")


def _ask_once(
    context: Context, name: str, arguments: dict[str, Any], done: str, overrides: dict[str, object] | None = None
) -> int:
    """A node in this process, only for as long as it takes to call one method that gives an identity."""
    from bitdust_node.__main__ import run_node

    async def then(node: Any) -> int:
        told = await node.registry.call(name, arguments)
        if told["status"] != "OK":
            context.complain("; ".join(told["errors"]))
            return 1
        if context.output.as_json:
            context.output.document(told["result"])
        context.output.line(f"{done}: {told['result']['global_id']}")
        context.output.line(told["result"]["idurl"])
        sys.stdout.flush()
        return 0

    return run_node(context.base, {**context.wishes.options, **(overrides or {})}, then)


def _describe(context: Context) -> dict[str, Any] | None:
    try:
        document = local_identity(context.base)
    except BitDustError as error:
        context.fail(str(error))
    return None if document is None else document.describe()
