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

_GOOD = frozenset({"ON", "OK", "CONNECTED", "ONLINE", "ENABLED", "PRIVATE", "ANSWERS", "LISTENING", "STARTED"})
_BAD = frozenset({"OFFLINE", "DISCONNECTED", "NO_SERVICE", "REFUSE", "ERROR", "FAILED", "STOPPED", "DEPENDS_OFF"})
_ASIDE = frozenset({"OFF", "NOT_INSTALLED", "CLOSED", "DISABLED", "?", "-"})


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

    def hint(self, text: str) -> None:
        """What a person at a terminal may want to do next; nobody else sees it."""
        if self.terminal:
            click.secho(text, dim=True)

    def document(self, value: Any) -> None:
        """Any value as JSON."""
        click.echo(json.dumps(value, indent=2, sort_keys=True, default=str))

    def table(
        self, rows: Iterable[dict[str, Any]], columns: Sequence[tuple[str, Cell]], title: str = "", empty: str = ""
    ) -> None:
        """
        Rows with the given columns: (heading, key or function of the row). Missing fields show `?`.

        empty: what a person is told instead of a table without rows.
        """
        rows = list(rows)
        if self.as_json:
            self.document(rows)
            return
        cells = [[_cell(row, cell) for _, cell in columns] for row in rows]
        if not self.terminal:
            for line in cells:
                click.echo(" ".join(line))
        elif rows:
            _print_table(cells, [heading for heading, _ in columns], title)
        else:
            self.hint(empty or "(nothing)")

    def fields(self, value: dict[str, Any]) -> None:
        """
        One thing: a line per field.
        """
        if self.as_json:
            self.document(value)
            return
        width = max((len(key) for key in value), default=0) if self.terminal else 0
        for key, field in value.items():
            name = click.style(f"{clean(key)}:", bold=True) if self.terminal else f"{clean(key)}:"
            text = _text(field)
            shown = click.style(text, fg=colour(text)) if self.terminal and colour(text) else text
            click.echo(f"{name}{' ' * (width - len(key))} {shown}")


def _print_table(cells: list[list[str]], headings: list[str], title: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        header_style="bold",
    )
    for number, heading in enumerate(headings):
        numbers = bool(heading) and all(line[number].replace("-", "").isdigit() for line in cells)
        table.add_column(heading, overflow="fold", justify="right" if numbers else "left")
    for line in cells:
        table.add_row(*(Text(text, style=colour(text) or "") for text in line))
    Console().print(table)


def colour(text: str) -> str | None:
    """The colour of a word that tells a state, None for any other text."""
    word = text.upper()
    if word in _GOOD:
        return "green"
    if word in _BAD:
        return "red"
    return "bright_black" if word in _ASIDE else None


def _cell(row: dict[str, Any], cell: Cell) -> str:
    if callable(cell):
        return _text(cell(row))
    value: Any = row
    for key in cell.split("."):
        value = value.get(key, "?") if isinstance(value, dict) else "?"
    return _text(value)


def _text(value: object) -> str:
    if value is None:
        return "-"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = json.dumps(value, default=str) if isinstance(value, dict | list) else text
    return clean(text)


def clean(text: str) -> str:
    """One line without control characters: names and texts from other nodes may hold any."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def size_text(size: float) -> str:
    """`1.5 MB`, in powers of 1024."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"
