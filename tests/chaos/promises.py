"""
What a customer was told is stored, and what it must therefore get back.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from bitdust_node.cli.trees import differences
from bitdust_node.events import Event
from tests.chaos.books import Kept, Place, Stored, path_ids_of, versions_of

#: Versions that a node keeps of each item.
COPIES = 2


class Promises:
    """
    The memory of somebody who watches one customer.

    reported: the source of each version that was reported stored, by path id and name.
    doubtful: path ids whose deletion was asked for; deleted: for which it was acknowledged.
    blamed: IDURL of who gave a wrong piece, by path id, name and number.
    sources: everything that was ever uploaded to a path.
    """

    def __init__(self, customer: Place) -> None:
        self.customer = customer
        self.reported: dict[tuple[str, str], Path] = {}
        self.sources: defaultdict[str, list[Path]] = defaultdict(list)
        self.blamed: dict[tuple[str, str, int], str] = {}
        self.doubtful: set[str] = set()
        self.deleted: set[str] = set()
        #: Path ids before and after each renaming, in order.
        self._renamed: list[tuple[str, str]] = []

    def hear(self, event: Event) -> None:
        if event.event_id not in ("backup-done", "restore-failed") or event.data is None:
            return
        path_id, _, name = event.data["backup_id"].rpartition(":")[2].rpartition("/")
        if event.event_id == "backup-done":
            self.reported[path_id, name] = Path(event.data["source_path"])
        elif "args" in event.data:
            idurl, number = event.data["args"]
            self.blamed[path_id, name, number] = idurl

    def harmed(self, piece: Kept) -> None:
        """A piece is damaged now: what was found wrong before says nothing of it."""
        for version in versions_of(self.customer):
            if version.id == piece.version:
                self.blamed.pop((version.path_id, version.name, piece.index), None)

    def delete(self, path_id: str) -> None:
        """The customer was told that an item is deleted, with all below it."""
        self.deleted.add(path_id)

    def rename(self, old: str, new: str, old_id: str, new_id: str) -> None:
        """An item has another path and path id, and so has all below it."""
        if old_id != new_id:
            self._renamed.append((old_id, new_id))
        for path in [path for path in self.sources if _is_below(path, old)]:
            self.sources[new + path[len(old) :]].extend(self.sources[path])

    def _follow(self) -> None:
        """What was heard of by a path id that is another one now."""

        def now(path_id: str) -> str:
            for old, new in self._renamed:
                if _is_below(path_id, old):
                    path_id = new + path_id[len(old) :]
            return path_id

        self.reported = {(now(path_id), name): source for (path_id, name), source in self.reported.items()}
        self.blamed = {(now(path_id), *rest): idurl for (path_id, *rest), idurl in self.blamed.items()}  # type: ignore[misc]
        self.doubtful = {now(path_id) for path_id in self.doubtful}

    def settle(self) -> list[Stored]:
        """
        Compare with the catalog and answer its versions; raises `AssertionError` for what is missing or too much.
        """
        self._follow()
        there = path_ids_of(self.customer)
        gone = {path_id for path_id in self.deleted | self.doubtful if path_id not in there}
        came_back = self.deleted & there
        assert not came_back, f"{self.customer.name}: deleted items are there again: {sorted(came_back)}"
        self.doubtful.clear()
        self.reported = {key: source for key, source in self.reported.items() if key[0] not in gone}
        versions = versions_of(self.customer)
        for path_id, name in list(self.reported):
            mine = [one for one in versions if one.path_id == path_id and one.state == "ready"]
            if all(one.name != name for one in mine):
                newer = [one for one in mine if _time(one.name) >= _time(name)]
                assert len(newer) >= COPIES, (
                    f"{self.customer.name}: {path_id}/{name} was reported stored and is not in the catalog"
                    f" ({[one.name for one in mine]} are)"
                )
                del self.reported[path_id, name]
        return versions

    def begin_again(self) -> None:
        """All names may be others."""
        self.reported.clear()
        self.deleted.clear()
        self.doubtful.clear()
        self.blamed.clear()
        self._renamed.clear()

    def check(self, version: Stored, found: Path) -> Path:
        """
        What came back must be what was sent; answers that.
        """
        source = self.reported.get((version.path_id, version.name))
        wanted = [source] if source else self.sources[version.path]
        same = [one for one in wanted if differences(one, found) == []]
        assert same, f"{self.customer.name}: {version.path} {version.name} came back different"
        return same[0]


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _time(name: str) -> tuple[str, str, str, int]:
    """The order of versions by name: day, half of the day, time with 12 as 00, counter."""
    day, clock, half, counter = name[1:9], name[9:15], name[15:17], name[17:]
    hour = f"{int(clock[:2]) % 12:02}{clock[2:]}"
    return day, half, hour, int(counter or 0)
