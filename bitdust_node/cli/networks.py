"""
Commands for the network, and for the devices that may use this node.
"""

from __future__ import annotations

import os
from typing import Any

import click

from bitdust_node.cli.context import Context, pass_context
from bitdust_node.cli.groups import Spellings

#: Seconds to leave a network and join one.
JOIN_SECONDS = 120.0


@click.group(cls=Spellings, invoke_without_command=True)
@click.pass_context
def network(ctx: click.Context) -> None:
    """How the node is connected. Without a command: show it."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(status)


@network.named("status", "info", "details")
@pass_context
def status(context: Context) -> None:
    """Show how the node is connected."""
    blocks = dict.fromkeys(("suppliers", "customers", "cache", "tcp", "udp", "dht"), True)
    found = context.ask("network_status", 30, **blocks)
    if context.output.as_json:
        context.output.document(found)
        return
    context.output.fields({key: value for key, value in found.items() if not isinstance(value, dict)})
    for name, block in found.items():
        if isinstance(block, dict):
            plain = {key: value for key, value in block.items() if not isinstance(value, dict | list)}
            told = ", ".join(f"{key} {value}" for key, value in plain.items())
            context.output.line(f"{name}: {told}" if told else f"{name}: {len(block)}")


@network.named("create", "add", "new")
@click.argument("url", metavar="URL|FILE")
@pass_context
def create(context: Context, url: str) -> None:
    """Add another network, described at a URL or in a file."""
    source = os.path.abspath(url) if os.path.exists(url) else url
    context.tell("network_create", JOIN_SECONDS, url=source)


@network.named("select", "use", "switch")
@click.argument("name")
@pass_context
def select(context: Context, name: str) -> None:
    """Leave the present network and join another one."""
    context.tell("network_select", JOIN_SECONDS, name=name)


@click.command()
@pass_context
def reconnect(context: Context) -> None:
    """Connect to the network anew."""
    context.tell("network_reconnect", JOIN_SECONDS)


@click.group(cls=Spellings, invoke_without_command=True)
@click.pass_context
def device(ctx: click.Context) -> None:
    """Devices that may use this node. Without a command: list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_devices)


@device.named("list", "ls")
@pass_context
def list_devices(context: Context) -> None:
    """List the devices."""
    context.output.table(
        context.ask("devices_list", 30),
        [
            ("device", "name"),
            ("state", "instance.state"),
            ("active", "active"),
            ("routed", "meta.routed"),
            ("url", "url"),
        ],
        empty="no devices yet: bitdust device add routed NAME",
    )


@device.named("info", "show")
@click.argument("name")
@pass_context
def info(context: Context, name: str) -> None:
    """Show one device."""
    context.output.fields(context.ask("device_info", 30, name=name))


@device.group("add", cls=Spellings)
def add() -> None:
    """Add a device."""


@add.command("direct")
@click.argument("name")
@click.argument("host")
@click.argument("port", type=click.IntRange(1, 65535))
@click.argument("size", type=click.Choice(["1024", "2048", "4096"]), default="4096")
@pass_context
def direct(context: Context, name: str, host: str, port: int, size: str) -> None:
    """Add a device that connects to this node directly, at HOST and PORT."""
    where = {"web_socket_host": host, "web_socket_port": port, "key_size": int(size)}
    context.tell("device_add", JOIN_SECONDS, name=name, routed=False, **where)


@add.command("routed")
@click.argument("name")
@click.argument("size", type=click.Choice(["1024", "2048", "4096"]), default="4096")
@pass_context
def routed(context: Context, name: str, size: str) -> None:
    """Add a device that connects through routers."""
    context.tell("device_add", JOIN_SECONDS, name=name, routed=True, key_size=int(size))


def _acting(name: str, *others: str, method: str, does: str) -> None:
    """A command that calls a method with the name of a device."""

    @device.named(name, *others, help=does)
    @click.argument("name")
    @pass_context
    def act(context: Context, name: str) -> None:
        result: Any = context.tell(method, JOIN_SECONDS, name=name)
        if isinstance(result, dict) and not context.output.as_json:
            context.output.fields(result)


_acting("start", "enable", method="device_start", does="Let a device in.")
_acting("stop", "disable", method="device_stop", does="Keep a device out.")
_acting("remove", "delete", "del", "rm", method="device_remove", does="Forget a device.")
_acting("authorize", "pair", method="device_authorization_request", does="Begin to pair with a device.")
_acting(
    "access-key",
    "generate-client-code",
    method="device_authorization_generate",
    does="Make an access key for a device.",
)
_acting("reset", method="device_authorization_reset", does="Forget how a device was paired.")
