"""
Who may talk to the API at all: programs on this machine, and pages that were loaded from it.

A page of a foreign site, also one whose name was pointed at 127.0.0.1 (DNS rebinding), shows itself by its Host or
Origin header.
"""

from __future__ import annotations

from urllib.parse import urlsplit

#: The API is never bound to another address.
INTERFACE = "127.0.0.1"

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


def local_host(header: str | None) -> bool:
    """
    Whether a Host header names this machine. A client without one is no browser.
    """
    if header is None:
        return True
    name, _, port = header.rpartition(":")
    if name in _LOCAL_NAMES and port.isascii() and port.isdigit() and len(port) < 6:
        return True  # what nearly all clients send, without taking it to pieces
    return _name("http://" + header.strip()) in _LOCAL


def local_origin(header: str | None) -> bool:
    """
    Whether an Origin header is absent or a page of this machine. `null` (sandboxed pages, files) is foreign.
    """
    if header is None:
        return True
    origin = header.strip()
    return origin.startswith(("http://", "https://")) and _name(origin) in _LOCAL


def _name(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
        if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
            return ""
        return (parts.hostname or "").rstrip(".")
    except ValueError:
        return ""
