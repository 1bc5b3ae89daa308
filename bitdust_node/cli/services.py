"""
Commands for the services and state machines of the node.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

from bitdust_node.cli.completing import service_names
from bitdust_node.cli.context import Context, pass_context
from bitdust_node.cli.groups import Fallback, Spellings
from bitdust_node.cli.output import Cell

_COLUMNS: Sequence[tuple[str, Cell]] = (
    ("service", "name"),
    ("state", "state"),
    ("enabled", lambda one: "enabled" if one.get("enabled") else "disabled"),
    ("why", lambda one: one.get("reason") if one.get("state") == "ON" and one.get("reason") else ""),
)


class ServiceGroup(Fallback):
    """`bitdust service NAME` shows one service."""

    default = "info"


@click.group(cls=ServiceGroup, invoke_without_command=True)
@click.pass_context
def service(ctx: click.Context) -> None:
    """Services of the node. Without a command: list them; with NAME: show one."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_services)


@service.named("info")
@click.argument("name", shell_complete=service_names)
@pass_context
def info(context: Context, name: str) -> None:
    """Show one service."""
    context.output.fields(context.ask("service_info", 30, service_name=name))


@service.named("health", "check")
@click.argument("name", shell_complete=service_names)
@pass_context
def health(context: Context, name: str) -> None:
    """Check that a service is of use."""
    context.tell("service_health", 60, service_name=name)


@service.named("list", "ls")
@pass_context
def list_services(context: Context) -> None:
    """List the services and their states."""
    context.output.table(context.ask("services_list", 30), _COLUMNS)


@service.named("tree")
@pass_context
def tree(context: Context) -> None:
    """List the services, those that others stand on first."""
    found = context.ask("services_list", 30, as_tree=True)
    name: tuple[str, Cell] = (
        "service",
        lambda one: "  " * int(one.get("root_distance", 0)) + str(one.get("name", "?")),
    )
    context.output.table(found, (name, *_COLUMNS[1:]))


@service.named("start")
@click.argument("name", shell_complete=service_names)
@pass_context
def start(context: Context, name: str) -> None:
    """Enable and start a service."""
    context.tell("service_start", 60, service_name=name)


@service.named("stop")
@click.argument("name", shell_complete=service_names)
@pass_context
def stop(context: Context, name: str) -> None:
    """Disable and stop a service and what depends on it."""
    context.tell("service_stop", 60, service_name=name)


@service.named("restart")
@click.argument("name", shell_complete=service_names)
@pass_context
def restart(context: Context, name: str) -> None:
    """Stop a service and start it again."""
    context.tell("service_restart", 120, service_name=name)


@click.group(cls=Spellings, invoke_without_command=True)
@click.pass_context
def automat(ctx: click.Context) -> None:
    """State machines of the node. Without a command: list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_automats)


@automat.named("list", "ls", "st", "state", "states", "machines")
@pass_context
def list_automats(context: Context) -> None:
    """List the running state machines."""
    context.output.table(
        context.ask("automats_list", 30),
        [("index", "index"), ("machine", "name"), ("id", "id"), ("state", "state"), ("timers", "timers")],
    )
