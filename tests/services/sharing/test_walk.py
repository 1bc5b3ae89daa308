"""
A share under random accidents: at the quiet point all members have the same tree, and read all that is in it.
"""

from __future__ import annotations

import os
import random
from typing import Any

from bitdust_node.api.registry import ApiError
from bitdust_node.errors import BitDustError
from services.backup_db import BackupDb
from tests.services.sharing.people import SharingCase

#: Steps of one walk. Set BITDUST_SEED to repeat one.
STEPS = 25
SEED = int(os.environ.get("BITDUST_SEED", "5"))


class WalkTest(SharingCase):
    """Three members do what they like; one of four suppliers or a member may be away at any time."""

    def test_all_end_with_the_same(self) -> None:
        key_id = self.create(*self.people[1:])
        walk = random.Random(SEED)
        away: list[Any] = []
        contents = 0
        for _step in range(STEPS):
            deed = walk.choice(("put", "put", "put", "delete", "rename", "kill", "kill", "back", "cut", "wait"))
            person = walk.choice(self.people)
            if deed == "kill" and not away:
                away.append(walk.choice([*self.suppliers, *self.people]))
                self.die(away[0])
            elif deed == "back" and away:
                self.again(away.pop())
            elif deed == "cut":
                one = walk.choice(self.up)
                self.network.part([one.node.name], [other.node.name for other in self.up if other is not one])
                self.clock.advance(walk.choice((1, 30, 100)))
                self.network.heal()
            elif deed == "wait":
                self.clock.advance(walk.choice((1, 10, 70)))
            elif person not in away:
                contents += 1
                self.attempt(walk, person, key_id, deed, contents)
        for one in away:
            self.again(one)
        self.clock.advance(600)
        trees = [self.tree(person, key_id) for person in self.people]
        for tree in trees[1:]:
            self.assertEqual(names(tree), names(trees[0]), f"seed {SEED}")
        self.assertTrue(any(trees[0].values()), f"seed {SEED}")
        for path, versions in trees[0].items():
            for name in versions:
                read = {self.get(person, tree[path][name]) for person, tree in zip(self.people, trees, strict=True)}
                self.assertEqual(len(read), 1, f"seed {SEED} {path} {name}")

    def attempt(self, walk: random.Random, person: Any, key_id: str, deed: str, number: int) -> None:
        """What is refused now, as with too few suppliers, is no matter."""
        path = f"{key_id}:{walk.choice('abc')}/{walk.choice('12')}"
        try:
            if deed == "put":
                self.put(person, path, f"{number} ".encode() * walk.choice((1, 3000, 30_000)))
            elif deed == "delete":
                self.run_now(person.get(BackupDb).file_delete(path))
            elif deed == "rename":
                self.run_now(person.get(BackupDb).file_rename(path, f"{walk.choice('123')}"))
        except (BitDustError, ApiError):
            return

    def tree(self, person: Any, key_id: str) -> dict[str, dict[str, str]]:
        """The backup ids of all versions by path and name; numbers of paths may differ from member to member."""
        listed = self.run_now(person.get(BackupDb).files_list(key_id=key_id)).result
        return {
            one["path"]: {one_id.rpartition("/")[2]: one_id for one_id in (v["backup_id"] for v in one["versions"])}
            for one in listed
        }


def names(tree: dict[str, dict[str, str]]) -> dict[str, set[str]]:
    """What all members are to have alike."""
    return {path: set(versions) for path, versions in tree.items()}
