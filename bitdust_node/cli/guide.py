"""
`bitdust help`: all commands by subject, one command, how schedules are written, all settings.
"""

from __future__ import annotations

import click

from bitdust_node.cli.context import Context, pass_context
from bitdust_node.cli.output import clean

SCHEDULE = """\
A schedule is written as four parts joined by dots; what is left out has its default:

  mode.interval.time.details

  mode      n none, h hourly, d daily, w weekly, m monthly, c continuously (interval in seconds)
            or the whole word
  interval  every how many hours, days, weeks or months; 1 if left out
  time      HH:MM of the day; for hourly only the minutes count
  details   weekly: days, as Mon Tue Wed Thu Fri Sat Sun written together
            monthly: months, as Jan Feb ... Dec written together

  n                     never
  hourly.3              every three hours
  daily.4.10:15         every fourth day at 10:15
  w.1.3:00.MonWedSat    every Monday, Wednesday and Saturday at 3:00
  m.1.12:30.JanJul      on the first of January and July at 12:30
  c.300                 every five minutes

This version of the node has no task that follows a schedule: transfers and repairs run as soon as they can."""


@click.command()
@click.argument("words", nargs=-1, metavar="[schedule|settings|COMMAND ...]")
@pass_context
@click.pass_context
def guide(ctx: click.Context, context: Context, words: tuple[str, ...]) -> None:
    """Show all commands; `help schedule`, `help settings` or `help COMMAND` tell more."""
    root = ctx.find_root()
    if words == ("schedule",):
        click.echo(SCHEDULE)
    elif words in (("settings",), ("options",)):
        _settings(context)
    else:
        click.echo(_help_of(root, words))


def _help_of(ctx: click.Context, words: tuple[str, ...]) -> str:
    for word in words:
        if not isinstance(ctx.command, click.Group):
            break
        name, command, _ = ctx.command.resolve_command(ctx, [word])
        assert command is not None
        ctx = click.Context(command, info_name=name, parent=ctx)
    return ctx.get_help()


def _settings(context: Context) -> None:
    from bitdust_node.config.options import OPTIONS

    found = [
        {"option": one.path, "type": str(one.kind), "label": one.label, "info": one.info} for one in OPTIONS.values()
    ]
    if context.output.as_json:
        context.output.document(found)
        return
    for one in found:
        name = click.style(one["option"], bold=True) if context.output.terminal else one["option"]
        click.echo(f"{name} ({one['type']})\n    {clean(one['label'])}: {clean(one['info'])}")


@click.command()
def usage() -> None:
    """Show the short usage; ends with code 2, as every command line that makes no sense does."""
    from bitdust_node.cli.main import SHORT_USAGE

    click.echo(SHORT_USAGE)
    raise SystemExit(2)
