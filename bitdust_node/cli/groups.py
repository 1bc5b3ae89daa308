"""
Groups of commands whose members have several spellings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


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
        if others:
            options.setdefault("epilog", also(others))
        return self.command(name, **options)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, self.others.get(cmd_name, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            unknown(ctx, args[0], (*self.commands, *self.others))
        _, command, rest = super().resolve_command(ctx, args)
        return (command.name if command else None), command, rest


class Fallback(Spellings):
    """
    A group whose command `default` takes all words that name no command: `bitdust service NAME`.
    """

    default = ""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        found = super().shell_complete(ctx, incomplete)
        for parameter in self.commands[self.default].params:
            if isinstance(parameter, click.Argument):
                found += parameter.shell_complete(ctx, incomplete)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None:
            return self.default, self.commands[self.default], args
        return super().resolve_command(ctx, args)


def also(spellings: Iterable[str]) -> str:
    """The line of a help text that tells the other names."""
    return f"Also: {', '.join(spellings)}"


def unknown(ctx: click.Context, name: str, known: Iterable[str]) -> NoReturn:
    """Refuse a command that does not exist, with what may have been meant."""
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise click.UsageError(f"No such command {name!r}.{hint}", ctx)
