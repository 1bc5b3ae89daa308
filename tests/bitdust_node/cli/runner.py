"""
Runs the command line in this process, on a data folder.
"""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from bitdust_node.cli.main import bitdust


def run(base: Path | None, *arguments: str, typed: str | None = None, **environment: str) -> Result:
    """
    One command to its end. base: data folder, None for the one that the command finds itself. A defect is raised.
    """
    before = [] if base is None else ["--appdir", str(base)]
    done = CliRunner(env=environment).invoke(bitdust, [*before, *arguments], prog_name="bitdust", input=typed)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done
