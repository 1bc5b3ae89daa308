"""
A node that does one thing and nothing else, on a data folder of its own below the common one.
"""

from __future__ import annotations

from dataclasses import dataclass

import click

from bitdust_node.cli.context import Context, pass_context
from bitdust_node.cli.devnet import roles
from bitdust_node.cli.devnet.ports import free_ports
from bitdust_node.cli.node import run_here, start_daemon
from bitdust_node.config.values import OptionValues


@dataclass(frozen=True)
class Standalone:
    """
    role: what the services of a private network call it. folder: its data folder below the common one.
    copied: options that it takes over from the common folder when it is made.
    port: the option of the port by which others reach it.
    """

    role: str
    folder: str
    copied: tuple[str, ...]
    port: str


DHT_SEED = Standalone(
    roles.SEED,
    "dhtseed",
    ("services/entangled-dht/known-nodes", "services/network/interface"),
    "services/entangled-dht/udp-port",
)
IDENTITY_SERVER = Standalone(
    roles.IDENTITY_SERVER,
    "identityserver",
    (
        "services/identity-server/host",
        "services/identity-server/web-port",
        "services/identity-server/tcp-port",
        "services/network/interface",
    ),
    "services/identity-server/web-port",
)


def run_alone(context: Context, kind: Standalone, background: bool = False) -> int:
    """
    Run such a node; answers with its exit code.
    """
    alone = Context(context.base / kind.folder, context.output.as_json, context.wishes)
    if alone.pid is not None:
        alone.output.line(f"another BitDust process was found: [{alone.pid}]")
        return 0
    options = _options(context, alone, kind)
    alone.output.line(f"{kind.role} on port {options.get(kind.port)}, data in {alone.base}")
    if background:
        start_daemon(alone)
        return 0
    return run_here(alone)


def _options(context: Context, alone: Context, kind: Standalone) -> OptionValues:
    """Its options, made when there are none yet: later they are changed by `bitdust --appdir DIR set`."""
    new = not (alone.base / "config").exists()
    options = OptionValues(alone.base / "config")
    if new:
        common = OptionValues(context.base / "config")
        api, websocket = free_ports(2)
        # so that it and the person's own node do not stand on each other's feet
        options.set("interface/api/rest-http-port", api)
        options.set("interface/api/web-socket-port", websocket)
        for path, on in roles.switches(kind.role).items():
            options.set(path, on)
        for path in kind.copied:
            options.set(path, common.get(path))
    return options


@click.command()
@click.argument("action", type=click.Choice(["daemon", "stop"]), required=False)
@click.pass_context
@pass_context
def dhtseed(context: Context, ctx: click.Context, action: str | None) -> None:
    """Run a DHT node and nothing else, in the foreground or as a daemon; it has its own folder DATA/dhtseed."""
    if action == "stop":
        from bitdust_node.cli.node import stop

        ctx.obj = Context(context.base / DHT_SEED.folder, context.output.as_json)
        ctx.invoke(stop)
        return
    raise SystemExit(run_alone(context, DHT_SEED, background=action == "daemon"))
