"""
Progress of uploads and downloads: bars with speed and time left on a terminal, nothing in a pipe.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bitdust_node.cli.client import ApiClient
from bitdust_node.cli.output import clean
from bitdust_node.errors import BitDustError

if TYPE_CHECKING:
    from rich.progress import Progress

POLL_SECONDS = 0.25


class Transfer(NamedTuple):
    """
    One upload or download. what: `upload`, `download`, or `waiting` for one that has not begun. name: its id; short:
    enough of it for a narrow line. total: bytes, 0 when not known yet. rate: bytes a second. left: seconds, or less
    than 0 when that is not known.
    """

    what: str
    name: str
    short: str
    done: int
    total: int
    rate: int = 0
    left: float = -1.0

    @property
    def share(self) -> str:
        return f"{min(100, 100 * self.done // self.total)}%" if self.total else ""

    @property
    def pace(self) -> str:
        """Speed and time left, as the node measures them."""
        if not self.rate:
            return ""
        seconds = round(self.left)
        return f"{self.rate / 1e6:.1f} MB/s" + (f" {seconds // 60}:{seconds % 60:02}" if seconds >= 0 else "")


def transfers(uploads: dict[str, Any], downloads: list[dict[str, Any]]) -> list[Transfer]:
    """What `files_uploads` and `files_downloads` tell."""
    found = [_transfer("upload", "version", one) for one in uploads.get("running", [])]
    found += [_transfer("waiting", "path_id", one) for one in uploads.get("pending", [])]
    return found + [_transfer("download", "backup_id", one) for one in downloads]


def _transfer(what: str, name_field: str, told: dict[str, Any]) -> Transfer:
    name = str(told.get(name_field, "?"))
    short = Path(str(told.get("source_path") or name.rpartition(":")[2])).name
    left = told.get("seconds_left")
    return Transfer(
        what,
        name,
        short,
        _number(told, "bytes_processed"),
        _number(told, "total_size"),
        _number(told, "bytes_per_second"),
        float(left) if isinstance(left, int | float) else -1.0,
    )


def _number(told: dict[str, Any], field: str) -> int:
    value = told.get(field)
    return value if isinstance(value, int) and value > 0 else 0


def bars(measured: bool = False) -> Progress:
    """
    Bars with percentage, bytes, speed and time left. measured: the last two come from the node, in the field `pace`.
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    left = TimeRemainingColumn(elapsed_when_finished=True, compact=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        DownloadColumn(binary_units=True),
        *([TextColumn("{task.fields[pace]}")] if measured else [TransferSpeedColumn(), left]),
    )


def watched(
    client: ApiClient, what: str, total: int, done: Callable[[ApiClient], int], act: Callable[[], Any], show: bool
) -> Any:
    """
    Do something that takes long, and show meanwhile how far it is.

    done: bytes done so far, asked of the node. total: bytes in all, 0 when not known.
    """
    if not show:
        return act()
    ended = threading.Event()
    with bars() as bar:
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


def watch_all(ask: Callable[[], list[Transfer]]) -> None:
    """
    Show a bar for each transfer, until there is none any more.
    """
    with bars(measured=True) as shown:
        tasks: dict[str, Any] = {}
        while found := ask():
            now = {one.name: one for one in found}
            for name in tasks.keys() - now.keys():
                shown.stop_task(tasks.pop(name))
            for name, one in now.items():
                if name not in tasks:
                    tasks[name] = shown.add_task(clean(f"{one.what} {one.short}"), total=None, pace="")
                shown.update(tasks[name], completed=one.done, total=one.total or None, pace=one.pace)
            time.sleep(POLL_SECONDS)


def upload_bytes(source: str) -> Callable[[ApiClient], int]:
    """Bytes of a running upload that are processed, by its source path."""

    def done(client: ApiClient) -> int:
        running = (client.result("files_uploads", 5) or {}).get("running", [])
        return max((int(one["bytes_processed"]) for one in running if one.get("source_path") == source), default=0)

    return done


def download_bytes(client: ApiClient) -> int:
    """Bytes of the running downloads that are processed."""
    return sum(int(one["bytes_processed"]) for one in client.result("files_downloads", 5) or [])
