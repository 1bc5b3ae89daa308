"""
`bitdust devnet`: a private network on this machine.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, NoReturn

import click

from bitdust_node.cli.context import Context, pass_context
from bitdust_node.cli.devnet.devnet import Devnet
from bitdust_node.cli.groups import Spellings
from bitdust_node.cli.output import Output
from bitdust_node.errors import BitDustError

_folder = click.option("--dir", "folder", type=click.Path(path_type=Path), required=True, help="Folder of the network.")


@click.group(cls=Spellings)
def devnet() -> None:
    """A private network on this machine."""


@devnet.named("start")
@_folder
@click.option("--suppliers", default=4, show_default=True, type=click.IntRange(0, 64))
@click.option("--customers", default=2, show_default=True, type=click.IntRange(0, 64))
@click.option("--seeds", default=2, show_default=True, type=click.IntRange(1, 16))
@click.option("--register/--no-register", default=True, help="Register identities for the customers.")
@click.option("--needed-space", default="2 GB", show_default=True)
@click.option("--donated-space", default="8 GB", show_default=True)
@pass_context
def start(
    context: Context,
    folder: Path,
    suppliers: int,
    customers: int,
    seeds: int,
    register: bool,
    needed_space: str,
    donated_space: str,
) -> None:
    """Start a network, or the same one again."""
    interrupted_by_signals()
    try:
        network = Devnet(
            folder,
            suppliers,
            customers,
            seeds,
            register_customers=register,
            needed_space=needed_space,
            donated_space=donated_space,
            say=context.output.line,
        )
        network.start()
    except BitDustError as error:
        context.fail(str(error))
    except KeyboardInterrupt:
        context.fail("interrupted, all nodes are stopped")
    show(context.output, network)


@devnet.named("status")
@_folder
@pass_context
def status(context: Context, folder: Path) -> None:
    """Show the nodes of a network."""
    show(context.output, _known(context, folder))


@devnet.named("stop")
@_folder
@pass_context
def stop(context: Context, folder: Path) -> None:
    """Stop all nodes of a network."""
    network = _known(context, folder)
    network.stop()
    context.output.line(f"{len(network.nodes)} nodes are stopped")


def _known(context: Context, folder: Path) -> Devnet:
    try:
        network = Devnet(folder)
    except BitDustError as error:
        context.fail(str(error))
    if not network.nodes:
        context.fail(f"there is no network in {folder}")
    return network


def show(output: Output, network: Devnet) -> None:
    output.table(
        network.status(),
        [
            ("node", "name"),
            ("role", "role"),
            ("pid", "pid"),
            ("state", "state"),
            ("global id", "global_id"),
            ("API", "api_url"),
            ("folder", "base"),
        ],
    )


def interrupted_by_signals() -> None:
    """From now on SIGTERM and SIGHUP end this command as Ctrl-C does: what it started is stopped."""

    def interrupt(number: int, frame: Any) -> NoReturn:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
