"""
`bitdust api`: any method of the API.
"""

from __future__ import annotations

from typing import Any

import click

from bitdust_node.cli.completing import method_names
from bitdust_node.cli.context import Context, pass_context
from bitdust_node.errors import BitDustError


@click.command()
@click.argument("name", metavar="[METHOD]", required=False, shell_complete=method_names)
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@pass_context
def api(context: Context, name: str | None, arguments: tuple[str, ...]) -> None:
    """Call a method of the API and show its answer; without METHOD list all."""
    context.need_node()
    try:
        if name is None:
            _list(context)
            return
        told = context.client.call(name, **_arguments(arguments))
    except BitDustError as error:
        if context.output.as_json:
            context.fail(str(error))
        click.echo(str(error))
        raise SystemExit(1) from None
    context.output.document(told)
    raise SystemExit(0 if told.get("status") == "OK" else 1)


def _arguments(given: tuple[str, ...]) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for text in given:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise click.UsageError(f"write arguments as key=value, not {text!r}")
        pairs[key] = True if value in ("true", "True") else value
    return pairs


def _list(context: Context) -> None:
    methods = [described for _, described in sorted(context.client.methods().items())]
    context.output.table(
        methods,
        [
            ("method", lambda one: f"{one['name']}({', '.join(map(_parameter, one['params']))})"),
            ("does", lambda one: (one["info"].splitlines() or [""])[0]),
        ],
    )


def _parameter(described: dict[str, Any]) -> str:
    return str(described["name"]) if described["required"] else f"{described['name']}={described['default']!r}"
