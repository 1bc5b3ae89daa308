"""
Commands for folders of the catalog.
"""

from __future__ import annotations

import click

from bitdust_node.cli.completing import remote_paths
from bitdust_node.cli.context import Context, pass_context
from bitdust_node.cli.groups import Spellings


@click.group(cls=Spellings)
def folder() -> None:
    """Folders of the catalog."""


@folder.named("create", "make", "mk", "add", "bind", "map")
@click.argument("remote_path")
@pass_context
def create(context: Context, remote_path: str) -> None:
    """Enter a folder into the catalog."""
    context.tell("file_create", 60, remote_path=remote_path, as_folder=True)


@folder.named("rename", "mv", "move")
@click.argument("remote_path", shell_complete=remote_paths)
@click.argument("new_path")
@pass_context
def rename(context: Context, remote_path: str, new_path: str) -> None:
    """Give a folder another path, with all that is in it; nothing is sent anew."""
    context.tell("file_rename", 60, remote_path=remote_path, new_path=new_path)


@folder.named("delete", "del", "rm", "remove", "erase")
@click.argument("remote_path", shell_complete=remote_paths)
@pass_context
def delete(context: Context, remote_path: str) -> None:
    """Delete a folder with all that is in it."""
    context.tell("file_delete", 60, remote_path=remote_path)
