"""
Services and transports that are installed, found by their entry points.
"""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import entry_points

from twisted.logger import Logger
from twisted.python.failure import Failure

log = Logger()


def plugins(group: str) -> dict[str, type]:
    """
    The classes of an entry point group by name, e.g. `bitdust_node.services`.

    One that can not be imported is logged and left out: it must not keep the others from working.
    """
    found: dict[str, type] = {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        try:
            found[point.name] = point.load()
        except ImportError as error:
            log.error("plugin {name} is missing: {error}", name=point.name, error=str(error))
        except Exception:  # noqa: BLE001 - a border: plugins may be anybody's code
            log.failure("plugin {name} can not be loaded from {value}", Failure(), name=point.name, value=point.value)
    return found


def preload(*groups: str) -> None:
    """
    Import what `plugins` will be asked for, which takes half a second: better before there is a reactor to be held.

    What fails here fails there again, and is logged then, when there is a log.
    """
    for group in groups:
        for point in entry_points(group=group):
            with suppress(Exception):
                point.load()
