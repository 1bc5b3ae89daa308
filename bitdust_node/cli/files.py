"""
Commands for files.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bitdust_node.cli.client import ApiClient
from bitdust_node.cli.completing import remote_paths
from bitdust_node.cli.context import Context, pass_context
from bitdust_node.cli.groups import Spellings
from bitdust_node.cli.output import Cell, size_text
from bitdust_node.cli.progress import Transfer, download_bytes, transfers, upload_bytes, watch_all, watched
from bitdust_node.cli.trees import tree_bytes
from bitdust_node.errors import BitDustError

_COLUMNS: list[tuple[str, Cell]] = [
    ("type", "type"),
    ("size", lambda one: size_text(one["size"]) if isinstance(one.get("size"), int) and one["size"] >= 0 else "-"),
    ("path", "path"),
    ("versions", lambda one: len(one.get("versions") or [])),
    ("id", "global_id"),
]

#: How directions may be written.
DIRECTIONS = {"upload": "upload", "download": "download", "up": "upload", "down": "download"}


@click.group(cls=Spellings, invoke_without_command=True)
@click.pass_context
def file(ctx: click.Context) -> None:
    """Store files and get them back. Without a command: list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_files)


@file.named("list", "ls")
@click.argument("remote_path", shell_complete=remote_paths, required=False)
@pass_context
def list_files(context: Context, remote_path: str | None = None) -> None:
    """List what is in the catalog."""
    arguments = {"remote_path": remote_path} if remote_path else {}
    context.output.table(
        context.ask("files_list", 60, **arguments), _COLUMNS, empty="nothing yet: bitdust file upload LOCAL REMOTE"
    )


@file.named("sync", "update", "upd", "refresh")
@pass_context
def sync(context: Context) -> None:
    """Bring the catalog up to date."""
    context.tell("files_sync", 60)


@file.named("create", "make", "mk", "add", "bind", "map")
@click.argument("remote_path")
@click.option("--folder", is_flag=True, help="A folder.")
@pass_context
def create(context: Context, remote_path: str, folder: bool) -> None:
    """Enter a file into the catalog, without content yet."""
    context.tell("file_create", 60, remote_path=remote_path, as_folder=folder)


@file.named("rename", "mv", "move")
@click.argument("remote_path", shell_complete=remote_paths)
@click.argument("new_path")
@pass_context
def rename(context: Context, remote_path: str, new_path: str) -> None:
    """Give a file or folder another path; nothing is sent anew."""
    context.tell("file_rename", 60, remote_path=remote_path, new_path=new_path)


@file.named("delete", "del", "rm", "remove", "erase")
@click.argument("remote_path", shell_complete=remote_paths)
@pass_context
def delete(context: Context, remote_path: str) -> None:
    """Delete a file or folder with all its versions."""
    context.tell("file_delete", 60, remote_path=remote_path)


@file.named("upload", "up", "store", "start", "send", "write")
@click.argument("local_path", type=click.Path())
@click.argument("remote_path")
@click.option("--wait", is_flag=True, help="Wait until it is stored.")
@pass_context
def upload(context: Context, local_path: str, remote_path: str, wait: bool) -> None:
    """Store a file or folder. Its entry in the catalog is made if needed."""
    source = os.path.abspath(os.path.expanduser(local_path))
    if not os.path.lexists(source):
        context.fail(f"path {local_path} not exists")
    context.need_node()
    as_folder = os.path.isdir(source)
    context.ask("file_create", 60, remote_path=remote_path, as_folder=as_folder, exist_ok=True)

    def act() -> Any:
        return context.client.call("file_upload_start", local_path=source, remote_path=remote_path, wait_result=wait)

    show = wait and context.output.terminal
    total = tree_bytes(Path(source)) if show else 0
    _show_moved(context, f"uploading {Path(source).name}", total, upload_bytes(source), act, show)


@file.named("download", "down", "load", "request", "read", "restore")
@click.argument("remote_path", shell_complete=remote_paths)
@click.argument("local_path", type=click.Path(), required=False)
@click.option("--wait", is_flag=True, help="Wait until it is here.")
@pass_context
def download(context: Context, remote_path: str, local_path: str | None, wait: bool) -> None:
    """Get a file or folder back, into the folder LOCAL_PATH."""
    arguments: dict[str, Any] = {"remote_path": remote_path, "wait_result": wait}
    if local_path is not None:
        arguments["destination_path"] = os.path.abspath(os.path.expanduser(local_path))
    context.need_node()
    show = wait and context.output.terminal
    total = 0
    if show:
        total = int((context.ask("file_info", 30, remote_path=remote_path) or {}).get("size") or 0)

    def act() -> Any:
        return context.client.call("file_download_start", **arguments)

    _show_moved(context, f"downloading {Path(remote_path).name}", max(total, 0), download_bytes, act, show)


def _show_moved(
    context: Context, what: str, total: int, done: Callable[[ApiClient], int], act: Callable[[], Any], show: bool
) -> None:
    try:
        told = watched(context.client, what, total, done, act, show)
    except BitDustError as error:
        context.fail(str(error))
    except KeyboardInterrupt:
        context.fail(f"{what} goes on in the node; `bitdust file progress -w` shows it, `bitdust file cancel` ends it")
    context.show(told)
    if not (told.get("result") or {}).get("uploaded" if what.startswith("up") else "downloaded"):
        context.output.hint("bitdust file progress -w shows how far it is")


@file.named("cancel", "abort")
@click.argument("words", nargs=-1, required=True, metavar="[upload|download] REMOTE_PATH")
@pass_context
def cancel(context: Context, words: tuple[str, ...]) -> None:
    """Stop the running upload or download of a file, both if it is not said which."""
    *directions, remote_path = words
    if len(directions) > 1 or any(one not in DIRECTIONS for one in directions):
        raise click.UsageError("write: file cancel [upload|download] REMOTE_PATH")
    if directions:
        context.tell(f"file_{DIRECTIONS[directions[0]]}_stop", 60, remote_path=remote_path)
        return
    context.need_node()
    told = [_stopped(context, direction, remote_path) for direction in ("upload", "download")]
    # one of the two is enough; the error about the upload says what both would
    context.show(next((one for one in told if _was_stopped(one)), told[0]))


def _stopped(context: Context, direction: str, remote_path: str) -> dict[str, Any]:
    try:
        return context.client.call(f"file_{direction}_stop", 60, remote_path=remote_path)
    except BitDustError as error:
        context.fail(str(error))


def _was_stopped(told: dict[str, Any]) -> bool:
    stopped = told.get("result") if told.get("status") == "OK" else None
    # uploads come as ids, downloads as {backup_id, aborted}
    return any(not isinstance(one, dict) or one.get("aborted") for one in stopped or [])


@file.named("progress", "running", "status")
@click.argument("direction", type=click.Choice(list(DIRECTIONS)), required=False)
@click.option("-w", "--watch", is_flag=True, help="Show bars until all is done (on a terminal).")
@pass_context
def progress(context: Context, direction: str | None, watch: bool) -> None:
    """Show running uploads and downloads."""
    wanted = [DIRECTIONS[direction]] if direction else ["upload", "download"]
    if watch and context.output.terminal:
        watch_all(lambda: _transfers(_running(context, wanted)))
        return
    found = _running(context, wanted)
    if context.output.as_json:
        context.output.document(found)
        return
    rows = [{"what": one.what, "id": one.name, "bytes": one.done, "share": one.share} for one in _transfers(found)]
    columns: list[tuple[str, Cell]] = [
        ("what", "what"), ("version", "id"), ("bytes", lambda row: size_text(row["bytes"])), ("progress", "share")
    ]  # fmt: skip
    context.output.table(rows, columns, empty="nothing is on its way")


def _running(context: Context, wanted: list[str]) -> dict[str, Any]:
    return {f"{one}s": context.ask(f"files_{one}s", 30) for one in wanted}


def _transfers(found: dict[str, Any]) -> list[Transfer]:
    return transfers(found.get("uploads") or {}, found.get("downloads") or [])
