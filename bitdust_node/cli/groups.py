"""
Groups of commands whose members have several spellings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


class Spellings(click.Group):
    """
    A group that knows further names of its commands: `@named("list", "ls")`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.others: dict[str, str] = {}

    def named(self, name: str, *others: str, **options: Any) -> Callable[[Callable[..., Any]], click.Command]:
        for other in others:
            self.others[other] = name
        return self.command(name, **options)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, self.others.get(cmd_name, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        _, command, rest = super().resolve_command(ctx, args)
        return (command.name if command else None), command, rest
