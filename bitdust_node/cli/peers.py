"""
Commands for the other nodes: suppliers, customers, space, ping.
"""

from __future__ import annotations

import shutil
from typing import Any

import click

from bitdust_node.cli.completing import customer_ids, friend_ids, supplier_ids
from bitdust_node.cli.context import Context, pass_context
from bitdust_node.cli.groups import Spellings
from bitdust_node.cli.output import size_text

#: Seconds that another node may take to agree.
CHANGE_SECONDS = 120.0
#: Cells of a bar that shows how full a space is, on a terminal that is wide enough.
BAR = 24


@click.group(cls=Spellings, invoke_without_command=True)
@click.pass_context
def supplier(ctx: click.Context) -> None:
    """Those who keep our data. Without a command: list them."""
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
        empty="no suppliers yet",
    )


@supplier.named("ping")
@pass_context
def ping_suppliers(context: Context) -> None:
    """Ping all suppliers."""
    context.tell("suppliers_ping")


@supplier.named("replace", "fire")
@click.argument("which", metavar="POSITION|USER", shell_complete=supplier_ids)
@pass_context
def replace_supplier(context: Context, which: str) -> None:
    """Replace a supplier, named by position, identity URL or global id, by somebody else."""
    context.tell("supplier_change", CHANGE_SECONDS, **_which(which))


@supplier.named("change", "hire")
@click.argument("which", metavar="POSITION|USER", shell_complete=supplier_ids)
@click.argument("new", metavar="NEW_USER")
@pass_context
def change_supplier(context: Context, which: str, new: str) -> None:
    """Replace a supplier, named by position, identity URL or global id, by NEW_USER."""
    context.tell("supplier_change", CHANGE_SECONDS, **_which(which), new_supplier_id=new)


def _which(text: str) -> dict[str, str]:
    return {"position" if text.isdigit() else "supplier_id": text}


@click.group(cls=Spellings, invoke_without_command=True)
@click.pass_context
def customer(ctx: click.Context) -> None:
    """Those whose data we keep. Without a command: list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_customers)


@customer.named("list", "ls")
@pass_context
def list_customers(context: Context) -> None:
    """List the customers."""
    context.output.table(
        context.ask("customers_list", 30),
        [("position", "position"), ("customer", "global_id"), ("contact", "contact_state"), ("idurl", "idurl")],
        empty="no customers yet",
    )


@customer.named("ping")
@pass_context
def ping_customers(context: Context) -> None:
    """Ping all customers."""
    context.tell("customers_ping")


@customer.named("remove", "reject", "refuse", "free", "delete", "del", "rm")
@click.argument("user", metavar="USER", shell_complete=customer_ids)
@pass_context
def remove_customer(context: Context, user: str) -> None:
    """Keep nothing more for a customer, named by identity URL or global id."""
    context.tell("customer_reject", CHANGE_SECONDS, customer_id=user)


@click.command()
@pass_context
def storage(context: Context) -> None:
    """Space donated to others, consumed from others, and used here."""
    spaces = {name: context.ask(f"space_{name}", 30) or {} for name in ("donated", "consumed", "local")}
    if context.output.as_json:
        context.output.document(spaces)
    elif context.output.terminal:
        _show_spaces(context, spaces)
    else:
        _print_spaces(context, spaces)


def _show_spaces(context: Context, spaces: dict[str, dict[str, Any]]) -> None:
    """One line for each, with a bar: for people."""
    meaning = {
        "donated": ("for others", "donated", "consumed", "free"),
        "consumed": ("from others", "needed", "used", "available"),
        "local": ("this disk", "disktotal", "total", "diskfree"),
    }
    cells = max(4, min(BAR, shutil.get_terminal_size().columns - 56))
    rows = []
    for name, (what, total, used, free) in meaning.items():
        told = {field: value if isinstance(value, int) else 0 for field, value in spaces[name].items()}
        share = told.get(used, 0) / max(told.get(total, 0), 1)
        full = round(min(share, 1) * cells)
        row = {"space": what, "bar": "█" * full + "░" * (cells - full), "share": f"{100 * share:.1f}%"}
        rows.append(
            row | {to: size_text(told.get(of, 0)) for to, of in (("total", total), ("used", used), ("free", free))}
        )
    context.output.table(
        rows,
        [
            ("space", "space"),
            ("", "bar"),
            ("taken", "share"),
            ("by us", "used"),
            ("of", "total"),
            ("free", "free"),
        ],
    )


def _print_spaces(context: Context, spaces: dict[str, dict[str, Any]]) -> None:
    """All that is known: for pipes."""
    for name, space in spaces.items():
        context.output.line(f"{name}:")
        for field, value in space.items():
            if isinstance(value, int) and (field.endswith("_size") or f"{field}_str" in space):
                context.output.line(f"    {field}: {size_text(value)}")
            elif not isinstance(value, list | dict) and not field.endswith("_str"):
                context.output.line(f"    {field}: {value}")


@click.command()
@click.argument("user", shell_complete=friend_ids)
@click.option("--timeout", default=15, show_default=True, type=click.IntRange(1, 600), help="Seconds for an answer.")
@click.option("--retries", default=2, show_default=True, type=click.IntRange(0, 100))
@pass_context
def ping(context: Context, user: str, timeout: int, retries: int) -> None:
    """Ping a node by its global id or identity URL."""
    patience = timeout * (retries + 1) + 30
    context.tell("user_ping", patience, user_id=user, timeout=timeout, retries=retries)
