"""
Commands for keys.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click

from bitdust_node.cli.completing import friend_ids, key_ids
from bitdust_node.cli.context import Context, pass_context
from bitdust_node.cli.groups import Spellings
from bitdust_node.cli.output import Cell
from bitdust_node.errors import BitDustError

_COLUMNS: list[tuple[str, Cell]] = [
    ("key", "key_id"),
    ("size", "size"),
    ("kind", lambda key: "public" if key.get("is_public") else "private"),
    ("label", "label"),
]

#: Programs that put what they read into the clipboard.
CLIPBOARDS = (("wl-copy",), ("xclip", "-selection", "clipboard"), ("xsel", "--clipboard", "--input"), ("pbcopy",))


@click.group(cls=Spellings, invoke_without_command=True)
@click.pass_context
def key(ctx: click.Context) -> None:
    """Keys of this node. Without a command: list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_keys)


@key.named("list", "ls")
@pass_context
def list_keys(context: Context) -> None:
    """List the keys."""
    found: list[dict[str, Any]]
    if context.pid is not None:
        found = context.ask("keys_list", 30)
    else:
        from bitdust_node.cli.offline import local_keys

        found = local_keys(context.base)
    context.output.table(found, _COLUMNS, empty="no keys yet: bitdust identity create NAME")


@key.named("create", "new", "gen", "generate", "make")
@click.argument("alias")
@click.argument("size", type=click.Choice(["1024", "2048", "4096"]), default="4096")
@click.option("--label", default="", help="A text to recognise it by.")
@pass_context
def create(context: Context, alias: str, size: str, label: str) -> None:
    """Generate a key of SIZE bits, 4096 if not told."""
    made = context.ask("key_create", key_alias=alias, key_size=int(size), label=label)
    context.output.fields({field: made.get(field, "?") for field in ("key_id", "size", "label")})


@key.named("get", "print", "show")
@click.argument("key_id", default="master", shell_complete=key_ids)
@pass_context
def get(context: Context, key_id: str) -> None:
    """Show a key with its private half, if that is here."""
    found = _key(context, key_id)
    if context.output.as_json:
        context.output.document(found)
        return
    halves = {half: found.pop(half, None) for half in ("public", "private")}
    context.output.fields(found)
    for half, text in halves.items():
        if text:
            click.echo(f"\n{half} half:\n{text.strip()}")


@key.named("copy", "cp")
@click.argument("key_id", default="master", shell_complete=key_ids)
@pass_context
def copy(context: Context, key_id: str) -> None:
    """Copy a key to the clipboard, its private half if that is here."""
    found = _key(context, key_id)
    text = str(found.get("private") or found.get("public") or "")
    for words in CLIPBOARDS:
        if shutil.which(words[0]) and not subprocess.run(words, input=text.encode(), check=False).returncode:
            context.output.line(f"key {found.get('key_id', key_id)} is in the clipboard")
            return
    if not context.output.terminal:
        context.fail("there is no clipboard here (wl-copy, xclip, xsel, pbcopy)")
    # OSC 52: most terminals take what is shown like this into their clipboard, also over ssh
    click.echo(f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07", nl=False)
    context.output.line(f"key {found.get('key_id', key_id)} was given to the terminal for its clipboard")


@key.named("backup", "bk", "save")
@click.argument("key_id", shell_complete=key_ids)
@click.argument("file", type=click.Path(path_type=Path))
@pass_context
def backup(context: Context, key_id: str, file: Path) -> None:
    """Write the identity URL of its creator and the private key into a new FILE."""
    from bitdust_node.identity.backup import backup_text, write_secret

    found = _key(context, key_id)
    path = file.expanduser().absolute()
    if not found.get("private"):
        context.fail(f"only the public half of {found.get('key_id', key_id)} is here")
    try:
        write_secret(path, backup_text(str(found["private"]), str(found.get("creator", ""))))
    except BitDustError as error:
        context.fail(str(error))
    if context.output.as_json:
        context.output.document({"local_path": str(path)})
    context.output.line(f"key {found['key_id']} is saved in {path}, keep it safe and secret")


@key.named("delete", "erase", "remove", "clear", "del", "rm", "kill")
@click.argument("key_id", shell_complete=key_ids)
@pass_context
def delete(context: Context, key_id: str) -> None:
    """Erase a key. What was encrypted by it can not be read any more."""
    context.tell("key_erase", 30, key_id=key_id)


@key.named("share", "send", "transfer", "access")
@click.argument("key_id", shell_complete=key_ids)
@click.argument("user", metavar="USER", shell_complete=friend_ids)
@click.option("--private", is_flag=True, help="The private half too: the user can then read what is encrypted by it.")
@click.option("--timeout", default=10, show_default=True, help="Seconds to wait for the answer.")
@pass_context
def share(context: Context, key_id: str, user: str, private: bool, timeout: int) -> None:
    """Give a key to USER, named by identity URL or global id."""
    context.tell(
        "key_share",
        timeout + 60,
        key_id=key_id,
        trusted_user_id=user,
        include_private=private,
        timeout=timeout,
    )


def _key(context: Context, key_id: str) -> dict[str, Any]:
    found: dict[str, Any]
    if context.pid is not None:
        try:
            return dict(context.client.result("key_get", 30, key_id=key_id, include_private=True))
        except BitDustError as error:
            if "public" not in str(error):  # of keys of others only that half is here
                context.fail(str(error))
        return dict(context.ask("key_get", 30, key_id=key_id))
    from bitdust_node.cli.offline import local_key

    try:
        found = local_key(context.base, key_id)
    except BitDustError as error:
        context.fail(str(error))
    return found
