"""
`python -m tests.bench.groups [--members 3,10,50] [--posts 500]`: posts of a group, with all its nodes in one process.

The clock of the network is a virtual one, so that what is measured is work and not waiting: the seconds in which one
core does the work of the authors, of two suppliers and of every reader together. On a real network each node does its
own part at the same time as the others.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import tempfile
import time
import unittest
from typing import Any

from bitdust_node.waiting import started
from services.messaging.schema import MessagesDb
from tests.services.grouping.circle import GroupsCase

#: Bytes of the text of a post.
TEXT = 100


class GroupBench(GroupsCase):
    """One measurement; the numbers are set on a class made from it."""

    posts = 500

    def test_posts(self) -> None:
        key_id, _ = self.group(*self.people[1:])
        self.clock.advance(15)
        before = self.disk()
        chance = random.Random(1)
        began, cpu = time.perf_counter(), time.process_time()
        done = 0
        while done < self.posts:
            # as many at once as come in 50 ms
            for _ in range(min(10, self.posts - done)):
                person = chance.choice(self.people)
                text = {"text": f"{done} " + "x" * TEXT}
                started(person.api.message_send_group(group_key_id=key_id, data=text))
                done += 1
            self.clock.advance(0.05)
        self.until(lambda: all(self.count(person) == self.posts for person in self.people), seconds=120)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        members = len(self.people)
        each = 1e6 * cpu / (self.posts * members)
        print(
            f"| {members} | {self.posts / wall:.0f} | {self.posts / cpu:.0f} | {each:.0f} |"
            f" {(self.disk() - before) / self.posts:.0f} |"
        )

    def count(self, person: Any) -> int:
        return len(person.told)

    def disk(self) -> int:
        """Bytes of posts at one supplier, when all is written back."""
        base = self.suppliers[0].base
        return sum(path.stat().st_size for path in base.glob("posts.db"))

    def total(self, person: Any) -> int:
        query = "SELECT COUNT(*) FROM messages"
        return int(self.run_now(person.get(MessagesDb).read(lambda c: c.execute(query).fetchone()[0])))


def main(numbers: list[int] | None = None, posts: int = 500) -> None:
    """Print a table."""
    print("| members | posts/s | posts/s of one core | CPU us a post and member | bytes on disk of a supplier a post |")
    print("|---|---|---|---|---|")
    for number in numbers or [3, 10, 50]:
        case = type("Run", (GroupBench,), {"people_number": number, "posts": posts})
        result = unittest.TestResult()
        # what the nodes write does not stay in the checkout
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            case("test_posts").run(result)
        for _, failure in result.errors + result.failures:
            print(failure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", default="3,10,50")
    parser.add_argument("--posts", type=int, default=500)
    chosen = parser.parse_args()
    main([int(number) for number in chosen.members.split(",")], chosen.posts)
