"""
The command `bitdust`, and the one place where the reactor is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bitdust_node.node import Node
    from bitdust_node.telling import Telling


def run_node(
    base: Path,
    overrides: Mapping[str, object] | None = None,
    then: Callable[[Node], Awaitable[int]] | None = None,
    telling: Telling | None = None,
) -> int:
    """
    Run a node on a data directory until it is told to end by a signal or by a client; answers with an exit code.

    then: what to do once the node runs; the node ends when it is done.
    telling: where the log goes, else to its files alone.
    """
    # before anything else: several libraries install another reactor when they are imported
    import asyncio

    from twisted.internet import asyncioreactor

    loop = asyncio.SelectorEventLoop()
    asyncioreactor.install(loop)
    from twisted.internet import reactor

    from bitdust_node.run import run

    return run(reactor, loop, base, overrides, then, telling)


def main() -> None:
    """
    Run the command line.
    """
    # the reactor stays out of commands that need none
    from bitdust_node.cli.main import main as command

    sys.exit(command())


if __name__ == "__main__":
    main()
