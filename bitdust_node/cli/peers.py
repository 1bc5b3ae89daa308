"""
Commands for the other nodes: suppliers, customers, space, ping.
"""

from __future__ import annotations

import click

from bitdust_node.cli.context import Context, pass_context
from bitdust_node.cli.groups import Spellings
from bitdust_node.cli.output import size_text


@click.group(cls=Spellings, invoke_without_command=True)
@click.pass_context
def supplier(ctx: click.Context) -> None:
    """Those who keep our data."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_suppliers)


@supplier.named("list", "ls")
@pass_context
def list_suppliers(context: Context) -> None:
    """List the suppliers."""
    context.output.table(
        context.ask("suppliers_list", 30),
        [
            ("position", "position"),
            ("supplier", lambda one: one.get("global_id") or "(not hired)"),
            ("state", lambda one: one.get("supplier_state") or "?"),
            ("contact", "contact_state"),
            ("hired", lambda one: one.get("connected") or "?"),
        ],
    )


@supplier.named("ping")
@pass_context
def ping_suppliers(context: Context) -> None:
    """Ping all suppliers."""
    context.tell("suppliers_ping")


@click.group(cls=Spellings, invoke_without_command=True)
@click.pass_context
def customer(ctx: click.Context) -> None:
    """Those whose data we keep."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_customers)


@customer.named("list", "ls")
@pass_context
def list_customers(context: Context) -> None:
    """List the customers."""
    context.output.table(
        context.ask("customers_list", 30),
        [("position", "position"), ("customer", "global_id"), ("contact", "contact_state"), ("idurl", "idurl")],
    )


@customer.named("ping")
@pass_context
def ping_customers(context: Context) -> None:
    """Ping all customers."""
    context.tell("customers_ping")


@click.command()
@pass_context
def storage(context: Context) -> None:
    """Space donated to others, consumed from others, and used here."""
    spaces = {name: context.ask(f"space_{name}", 30) or {} for name in ("donated", "consumed", "local")}
    if context.output.as_json:
        context.output.document(spaces)
        return
    for name, space in spaces.items():
        context.output.line(f"{name}:")
        for field, value in space.items():
            if isinstance(value, int) and (field.endswith("_size") or f"{field}_str" in space):
                context.output.line(f"    {field}: {size_text(value)}")
            elif not isinstance(value, list | dict) and not field.endswith("_str"):
                context.output.line(f"    {field}: {value}")


@click.command()
@click.argument("user")
@click.option("--timeout", default=15, show_default=True, help="Seconds to wait for each answer.")
@click.option("--retries", default=2, show_default=True)
@pass_context
def ping(context: Context, user: str, timeout: int, retries: int) -> None:
    """Ping a node by its global id or identity URL."""
    context.tell("user_ping", user_id=user, timeout=timeout, retries=retries)
