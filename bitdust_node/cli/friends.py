"""
Commands for people you know.
"""

from __future__ import annotations

import click

from bitdust_node.cli.completing import friend_ids
from bitdust_node.cli.context import Context, pass_context
from bitdust_node.cli.groups import Spellings
from bitdust_node.cli.output import clean

#: Seconds that a search of the DHT may take.
SEARCH_SECONDS = 120.0


@click.group(cls=Spellings, invoke_without_command=True)
@click.pass_context
def friend(ctx: click.Context) -> None:
    """People you know. Without a command: list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_friends)


@friend.named("list", "ls")
@pass_context
def list_friends(context: Context) -> None:
    """List them."""
    context.output.table(
        context.ask("friends_list", 30),
        [("user", "global_id"), ("alias", "alias"), ("contact", "contact_state"), ("idurl", "idurl")],
        empty="nobody yet: bitdust friend add USER",
    )


@friend.named("add", "new", "append")
@click.argument("user")
@click.argument("alias", default="")
@pass_context
def add(context: Context, user: str, alias: str) -> None:
    """Add a friend, named by identity URL, global id or nickname."""
    if "@" not in user and "://" not in user:
        user = _search(context, user) or context.fail(f"nobody with the nickname {user!r} was found")
    context.tell("friend_add", SEARCH_SECONDS, trusted_user_id=user, alias=alias)


@friend.named("remove", "delete", "del", "rm", "erase")
@click.argument("user", shell_complete=friend_ids)
@pass_context
def remove(context: Context, user: str) -> None:
    """Remove a friend."""
    context.tell("friend_remove", 30, user_id=user)


@friend.named("check", "nick", "nickname", "search", "find")
@click.argument("nickname")
@pass_context
def check(context: Context, nickname: str) -> None:
    """Find out who has a nickname."""
    found = context.ask("user_search", SEARCH_SECONDS, nickname=nickname)
    if context.output.as_json:
        context.output.document(found)
    elif found.get("result") == "exist":
        context.output.line(clean(f"{found.get('nickname')} is {found.get('global_id')} {found.get('idurl')}"))
    else:
        context.output.line(f"nobody with the nickname {nickname!r} was found")


def _search(context: Context, nickname: str) -> str:
    found = context.ask("user_search", SEARCH_SECONDS, nickname=nickname)
    return str(found.get("idurl") or "")
