"""
Commands for the options: by the API when the node runs, on the files when it does not.
"""

from __future__ import annotations

from typing import Any

import click

from bitdust_node.api.config import ConfigApi
from bitdust_node.cli.context import Context, pass_context
from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError

CUT = 60
HELP = """examples:
  bitdust set services/customer/suppliers-number 4
  bitdust set logs/debug-level 10
  bitdust get services/supplier
  bitdust set list"""


@click.command()
@click.argument("path")
@click.argument("value", required=False)
@pass_context
def set_option(context: Context, path: str, value: str | None) -> None:
    """Change an option, or show it. `list` shows all, `help` examples."""
    if value is None and path in ("list", "ls", "all", "show", "print"):
        show_all(context)
    elif value is None and path == "help":
        context.output.line(HELP)
    elif value is None:
        show(context, path)
    else:
        change(context, path, value)


@click.command()
@click.argument("path", required=False)
@pass_context
def get_option(context: Context, path: str | None) -> None:
    """Show an option, or those below a branch."""
    if path is None:
        show_all(context)
    else:
        show(context, path)


def show_all(context: Context) -> None:
    items = _ask(context, "configs_list")
    context.output.table(
        items,
        [("option", "key"), ("value", lambda item: _cut(item["value"])), ("type", "type"), ("label", "label")],
    )


def show(context: Context, path: str) -> None:
    items = _ask(context, "config_get", key=path)
    if context.output.as_json:
        context.output.document(items)
        return
    for item in items:
        if "childs" in item:
            context.output.line(f"{item['key']}/ ({item['childs']})")
        else:
            context.output.line(_line(item))


def change(context: Context, path: str, value: str) -> None:
    items = _ask(context, "config_set", key=path, value=value)
    if context.output.as_json:
        context.output.document(items)
        return
    for item in items:
        context.output.line(f"{_line(item)} (was {_shown(item.get('old_value', '?'))})")


def _ask(context: Context, name: str, **arguments: Any) -> list[dict[str, Any]]:
    if context.pid is not None:
        items: list[dict[str, Any]] = context.ask(name, 30, **arguments)
        return items
    try:
        answer: list[dict[str, Any]] = getattr(ConfigApi(Config(context.base / "config")), name)(**arguments)
    except BitDustError as error:
        context.fail(str(error))
    return answer


def _line(item: dict[str, Any]) -> str:
    return f"{item['key']} ({item['type']}): {_shown(item['value'])}"


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cut(value: Any) -> str:
    text = _shown(value)
    return text if len(text) <= CUT else text[:CUT] + "..."
