"""
Commands for the options: by the API when the node runs, on the files when it does not.
"""

from __future__ import annotations

from typing import Any

import click

from bitdust_node.cli.completing import option_paths
from bitdust_node.cli.context import Context, pass_context
from bitdust_node.cli.output import clean
from bitdust_node.errors import BitDustError

#: Longer values are cut in lists.
CUT = 60

#: Short names of options that are often used.
SHORTCUTS = {
    "donated": "services/supplier/donated-space",
    "shared": "services/supplier/donated-space",
    "given": "services/supplier/donated-space",
    "needed": "services/customer/needed-space",
    "suppliers": "services/customer/suppliers-number",
    "debug": "logs/debug-level",
    "block-size": "services/backups/block-size",
    "max-block-size": "services/backups/max-block-size",
    "max-copies": "services/backups/max-copies",
    "local-backups": "services/backups/keep-local-copies-enabled",
    "tcp": "services/tcp-transport/enabled",
    "tcp-port": "services/tcp-connections/tcp-port",
    "udp": "services/udp-transport/enabled",
    "udp-port": "services/udp-datagrams/udp-port",
    "proxy": "services/proxy-transport/enabled",
    "http": "services/http-transport/enabled",
    "http-port": "services/http-connections/http-port",
    "dht-port": "services/entangled-dht/udp-port",
    "limit-send": "services/network/send-limit",
    "limit-receive": "services/network/receive-limit",
    "weblog": "logs/stream-enabled",
    "weblog-port": "logs/stream-port",
}

EXAMPLES = """\
examples:
  bitdust set services/customer/suppliers-number 4
  bitdust set suppliers 4                           the same
  bitdust set donated 20 GB
  bitdust set logs/debug-level 10
  bitdust get services/supplier                     all options below
  bitdust set list                                  all options

short names:"""

_LISTS = ("list", "ls", "all", "show", "print")


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("path", metavar="OPTION|list|help", shell_complete=option_paths)
@click.argument("words", nargs=-1, metavar="[VALUE]")
@pass_context
def set_option(context: Context, path: str, words: tuple[str, ...]) -> None:
    """Change an option, or show it. `set list` shows all, `set help` examples and short names."""
    if words:
        change(context, path, " ".join(words))
    elif path in _LISTS:
        show_all(context)
    elif path == "help":
        _help()
    else:
        show(context, path)


@click.command()
@click.argument("path", required=False, metavar="[OPTION|list]", shell_complete=option_paths)
@pass_context
def get_option(context: Context, path: str | None) -> None:
    """Show an option, those below a branch, or all."""
    if path is None or path in _LISTS:
        show_all(context)
    elif path == "help":
        _help()
    else:
        show(context, path)


def show_all(context: Context) -> None:
    context.output.table(
        _ask(context, "configs_list"),
        [("option", "key"), ("value", lambda item: _cut(item["value"])), ("type", "type"), ("label", "label")],
    )


def show(context: Context, path: str) -> None:
    items = _ask(context, "config_get", key=SHORTCUTS.get(path, path))
    if context.output.as_json:
        context.output.document(items)
        return
    for item in items:
        if "childs" in item:
            context.output.line(f"{item['key']}/ ({item['childs']})")
        else:
            context.output.line(_line(item))


def change(context: Context, path: str, value: str) -> None:
    items = _ask(context, "config_set", key=SHORTCUTS.get(path, path), value=value)
    if context.output.as_json:
        context.output.document(items)
        return
    for item in items:
        context.output.line(f"{_line(item)} (was {_shown(item.get('old_value', '?'))})")


def _help() -> None:
    click.echo(EXAMPLES)
    for name, path in SHORTCUTS.items():
        click.echo(f"  {name:<16} {path}")


def _ask(context: Context, name: str, **arguments: Any) -> list[dict[str, Any]]:
    if context.pid is not None:
        items: list[dict[str, Any]] = context.ask(name, 30, **arguments)
        return items
    from bitdust_node.config.items import all_items, change_item, items_at
    from bitdust_node.config.values import OptionValues

    try:
        values = OptionValues(context.base / "config")
        if name == "configs_list":
            return all_items(values)
        return change_item(values, **arguments) if name == "config_set" else items_at(values, **arguments)
    except (BitDustError, OSError) as error:
        context.fail(str(error))


def _line(item: dict[str, Any]) -> str:
    return f"{item['key']} ({item['type']}): {_shown(item['value'])}"


def _shown(value: Any) -> str:
    return clean(str(value).lower() if isinstance(value, bool) else str(value))


def _cut(value: Any) -> str:
    text = _shown(value)
    return text if len(text) <= CUT else text[:CUT] + "..."
