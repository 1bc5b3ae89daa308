"""
What a shell may complete an argument to: from tables of this program, and from the running node.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from bitdust_node.cli.client import ApiClient, running_pid
from bitdust_node.cli.context import default_base
from bitdust_node.errors import BitDustError

#: Seconds that somebody who pressed TAB waits for the node.
PATIENCE = 2.0


def option_paths(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Options level by level, as folders are completed."""
    from bitdust_node.config.options import OPTIONS

    found = _level(OPTIONS, incomplete)
    # a shell puts a space after the only one: a branch needs company
    while len(found) == 1 and found[0].endswith("/"):
        found = _level(OPTIONS, found[0])
    return found


def _level(paths: Iterable[str], incomplete: str) -> list[str]:
    start = incomplete[: incomplete.rfind("/") + 1]
    found = [path[len(start) :] for path in paths if path.startswith(incomplete)]
    return sorted({start + rest.split("/", 1)[0] + ("/" if "/" in rest else "") for rest in found})


def service_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from bitdust_node.config.switches import SWITCHES

    names = ("service_" + one.path.split("/")[1].replace("-", "_") for one in SWITCHES)
    return [name for name in names if name.startswith((incomplete, "service_" + incomplete))]


def key_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Own keys by their aliases: a `$` in a whole id would have to be quoted."""
    found = _asked(ctx, "keys_list")
    own = found[0].get("creator") if found else None
    return _matching(incomplete, (one.get("alias" if one.get("creator") == own else "key_id") for one in found))


def remote_paths(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return _matching(incomplete, (one.get("path") for one in _asked(ctx, "files_list")))


def supplier_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return _matching(incomplete, (one.get("global_id") for one in _asked(ctx, "suppliers_list")))


def customer_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return _matching(incomplete, (one.get("global_id") for one in _asked(ctx, "customers_list")))


def friend_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return _matching(incomplete, (one.get("global_id") for one in _asked(ctx, "friends_list")))


def method_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return _matching(incomplete, (one.get("name") for one in _asked(ctx, "api_methods")))


def _matching(incomplete: str, names: Any) -> list[str]:
    return sorted({name for name in names if name and name.startswith(incomplete)})


def _asked(ctx: click.Context, name: str) -> list[dict[str, Any]]:
    """A list of the running node; an empty one when anything is in the way."""
    base = (ctx.find_root().params.get("appdir") or default_base()).expanduser()
    if running_pid(base) is None:
        return []
    try:
        found = ApiClient(base).result(name, PATIENCE)
    except BitDustError:
        return []
    return found if isinstance(found, list) else []
