"""
Commands about this program itself: completion in shells, a script to call it by, how it is installed.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

import bitdust_node
from bitdust_node.cli.context import Context, default_base, pass_context

SHELLS = {
    "bash": "bitdust completion bash > ~/.local/share/bash-completion/completions/bitdust",
    "zsh": "bitdust completion zsh > ~/.zfunc/_bitdust     (and in ~/.zshrc: fpath=(~/.zfunc $fpath); compinit)",
    "fish": "bitdust completion fish > ~/.config/fish/completions/bitdust.fish",
}


@click.command(epilog="\b\n" + "\n".join(SHELLS.values()))
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that lets a shell complete commands, options, keys and paths."""
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    kinds = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
    made = kinds[shell](ctx.find_root().command, {}, "bitdust", "_BITDUST_COMPLETE")
    # not `source()`: the class for bash looks for a bash first, and the script may be for another machine
    click.echo(made.source_template % made.source_vars())


@click.command()
@pass_context
def alias(context: Context) -> None:
    """Print a small script; as a file `bitdust` in a folder of your PATH it calls this program."""
    words = [sys.executable, "-m", "bitdust_node"]
    if context.base != default_base().absolute():
        words += ["--appdir", str(context.base)]
    root = Path(bitdust_node.__file__).resolve().parent.parent
    click.echo("#!/bin/sh")
    click.echo("# bitdust alias > ~/.local/bin/bitdust; chmod +x ~/.local/bin/bitdust")
    if not (root / "bitdust_node").is_relative_to(sys.prefix):
        click.echo(f"PYTHONPATH={shlex.quote(str(root))}${{PYTHONPATH:+:$PYTHONPATH}}; export PYTHONPATH")
    click.echo(f'exec {shlex.join(words)} "$@"')


@click.command()
@click.argument("crontab", required=False)
@pass_context
def install(context: Context, crontab: str | None) -> None:
    """Tells how to install: this program does not install itself."""
    if crontab == "crontab":
        context.fail(f"add this line by `crontab -e`: @reboot {shlex.quote(sys.executable)} -m bitdust_node daemon")
    context.fail("bitdust is installed already; another copy: python3 -m venv DIR && DIR/bin/pip install SOURCE")


@click.command()
@pass_context
def show(context: Context) -> None:
    """There is no graphical interface any more."""
    context.fail("there is no graphical interface; `bitdust start` runs the node, `bitdust help` tells the rest")
