"""
The page at `/docs` that shows the API to people in a browser: packaged files, nothing from the network.

A browser cannot send a secret when it opens a page, so the files are given without one, to pages and programs of this
machine only. They say nothing about the node: the list of methods (`/openapi.json`) and every call need the secret,
which people type into the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_FILES = ("index.html", "page.css", "page.js", "swagger-ui.css", "swagger-ui-bundle.js")

#: What the page may do: run its own files and call the node it came from, in no frame of another page.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class PageFile:
    """One packaged file with its media type."""

    content_type: str
    content: bytes


class DocsPage:
    """
    The files by their paths, read when they are first asked for.
    """

    def __init__(self) -> None:
        self._paths = {f"/docs/{name}": name for name in _FILES} | {"/docs": _FILES[0], "/docs/": _FILES[0]}
        self._read: dict[str, PageFile] = {}

    def find(self, path: str) -> PageFile | None:
        """The file behind a path; None for any other path."""
        name = self._paths.get(path)
        if name is None:
            return None
        if name not in self._read:
            kind = f"{_TYPES[name.rsplit('.', 1)[1]]}; charset=utf-8"
            self._read[name] = PageFile(kind, (files("bitdust_node.api") / "page" / name).read_bytes())
        return self._read[name]
