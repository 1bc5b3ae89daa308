"""
Progress of uploads and downloads: a bar on a terminal, nothing in a pipe.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from bitdust_node.cli.client import ApiClient
from bitdust_node.errors import BitDustError

POLL_SECONDS = 0.25


def watched(
    client: ApiClient, what: str, total: int, done: Callable[[ApiClient], int], act: Callable[[], Any], show: bool
) -> Any:
    """
    Do something that takes long, and show meanwhile how far it is.

    done: bytes done so far, asked of the node. total: bytes in all, 0 when not known.
    """
    if not show:
        return act()
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeElapsedColumn()
    )  # fmt: skip
    ended = threading.Event()
    with Progress(*columns) as bar:
        task = bar.add_task(what, total=total or None)

        def poll() -> None:
            while not ended.wait(POLL_SECONDS):
                try:
                    bar.update(task, completed=done(client))
                except BitDustError:
                    continue

        thread = threading.Thread(target=poll, daemon=True)
        thread.start()
        try:
            result = act()
            bar.update(task, completed=total or None)
            return result
        finally:
            ended.set()
            thread.join()


def upload_bytes(source: str) -> Callable[[ApiClient], int]:
    """Bytes of a running upload that are processed, by its source path."""

    def done(client: ApiClient) -> int:
        running = (client.result("files_uploads", 5) or {}).get("running", [])
        return max((int(one["bytes_processed"]) for one in running if one.get("source_path") == source), default=0)

    return done


def download_bytes(client: ApiClient) -> int:
    """Bytes of the running downloads that are processed."""
    return sum(int(one["bytes_processed"]) for one in client.result("files_downloads", 5) or [])
