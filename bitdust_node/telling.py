"""
What the process of a node tells about its work.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Telling:
    """
    files: write `logs/node.log` and `logs/event.log`.
    terminal: show the log on stderr; errors are shown there in any case.
    copy: path of a file that gets the log too, "" for none.
    libraries: with what Twisted and others say on the terminal and in the copy.
    """

    files: bool = True
    terminal: bool = False
    copy: str = ""
    libraries: bool = False
