"""
What the command line shows: tables for people at a terminal, plain lines for pipes, JSON for programs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

Cell = Callable[[dict[str, Any]], object] | str


class Output:
    """
    as_json: everything that is shown is one JSON document.
    """

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.terminal = sys.stdout.isatty() and not as_json

    def line(self, text: str) -> None:
        """A sentence for the person; not part of what --json shows."""
        if not self.as_json:
            click.echo(text)

    def document(self, value: Any) -> None:
        """Any value as JSON."""
        click.echo(json.dumps(value, indent=2, sort_keys=True, default=str))

    def table(self, rows: Iterable[dict[str, Any]], columns: Sequence[tuple[str, Cell]], title: str = "") -> None:
        """
        Rows with the given columns: (heading, key or function of the row). Missing fields show `?`.
        """
        rows = list(rows)
        if self.as_json:
            self.document(rows)
            return
        cells = [[_cell(row, cell) for _, cell in columns] for row in rows]
        if not self.terminal:
            for line in cells:
                click.echo(" ".join(line))
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(title=title or None, title_justify="left")
        for heading, _ in columns:
            table.add_column(heading, overflow="fold")
        for line in cells:
            table.add_row(*(Text(text) for text in line))
        Console().print(table)

    def fields(self, value: dict[str, Any]) -> None:
        """
        One thing: a line per field.
        """
        if self.as_json:
            self.document(value)
            return
        width = max((len(key) for key in value), default=0) if self.terminal else 0
        for key, field in value.items():
            click.echo(f"{(key + ':').ljust(width + 1)} {_text(field)}")


def _cell(row: dict[str, Any], cell: Cell) -> str:
    if callable(cell):
        return _text(cell(row))
    value: Any = row
    for key in cell.split("."):
        value = value.get(key, "?") if isinstance(value, dict) else "?"
    return _text(value)


def _text(value: object) -> str:
    """One line without control characters: names from other nodes may hold any."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = json.dumps(value, default=str) if isinstance(value, dict | list) else text
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def size_text(size: float) -> str:
    """`1.5 MB`, in powers of 1024."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"
