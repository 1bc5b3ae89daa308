"""
The delivery of posts while nodes are killed and links are cut, from a seed.

    python -m tests.services.grouping.delivery [--members 50] [--posts 10000] [--suppliers 4] [--seed N]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import tempfile
import unittest
from collections import Counter
from typing import Any

from bitdust_node.errors import BitDustError
from bitdust_node.membership.roster import Circle
from services.messaging.schema import MessagesDb
from tests.services.grouping.circle import GroupsCase

#: Kinds of accidents and how often each comes.
ACCIDENTS = ("cut", "cut", "cut", "part", "kill member", "kill member", "kill supplier", "pause")
#: Posts between two accidents, on the average.
PEACE = 25
#: Seconds in the end in which everything is well.
REST = 180.0


class Delivery:
    """
    Random members post; accidents happen; in the end everybody has each post once, each author's in order.
    """

    def __init__(self, case: GroupsCase, key_id: str, circle: Circle, seed: int) -> None:
        self.case, self.key_id, self.circle = case, key_id, circle
        self.chance = random.Random(seed)
        self.posted: dict[int, list[str]] = {person.number: [] for person in case.people}
        self.away: dict[int, float] = {}
        self.healing = 0.0
        self.happened: Counter[str] = Counter()

    def run(self, posts: int) -> None:
        """Post so many, with accidents in between."""
        done = 0
        while done < posts:
            self._recover()
            if self.chance.random() < 1 / PEACE:
                self._accident()
            if self._post(done):
                done += 1
                self.told(done)
            if self.chance.random() < 0.3:
                self.case.clock.advance(self.chance.random() * 0.5)

    def told(self, done: int) -> None:
        """For whoever waits."""
        if done % 500 == 0:
            print(f"{done} posts, {dict(self.happened)}", file=sys.stderr)

    def finish(self) -> None:
        """All is well again for a while."""
        self.case.network.heal()
        for number in list(self.away):
            self._restart(number)
        self.case.clock.advance(REST)

    def wrong(self) -> list[str]:
        """What is not as it must be."""
        found = []
        for person in self.case.people:
            texts = self.read(person)
            for number, posted in self.posted.items():
                got = [text for text in texts if text.startswith(f"{number}:")]
                if got != posted:
                    missing = len(set(posted) - set(got))
                    found.append(
                        f"{person.number} has {len(got)} of {len(posted)} posts of {number}, {missing} are missing,"
                        f" {len(got) - len(set(got))} are there twice"
                    )
        return found

    def read(self, person: Any) -> list[str]:
        """The texts in the history of a member, in their order."""
        query = "SELECT data FROM messages ORDER BY position"
        rows = self.case.run_now(person.get(MessagesDb).read(lambda c: c.execute(query).fetchall()))
        return [json.loads(row[0])["text"] for row in rows]

    def _post(self, count: int) -> bool:
        person = self.chance.choice(self.case.people)
        if person.number in self.away:
            return False
        text = f"{person.number}:{count}"
        try:
            self.case.send(person, self.key_id, text)
        except BitDustError:
            self.happened["post refused"] += 1
            self.case.clock.advance(0.2)
            return False
        self.posted[person.number].append(text)
        return True

    def _accident(self) -> None:
        kind = self.chance.choice(ACCIDENTS)
        everybody = [*self.case.people, *self.case.suppliers]
        self.happened[kind] += 1
        if kind == "cut":
            self.case.network.cut(self.chance.choice(everybody).node.name)
        elif kind == "part":
            some = self.chance.sample(everybody, max(1, len(everybody) // 3))
            names = [one.node.name for one in some]
            self.case.network.part(names, [one.node.name for one in everybody if one not in some])
            self.healing = self.case.clock.seconds() + self.chance.random() * 40
        elif kind == "kill member":
            self._kill(self.chance.choice(self.case.people))
        elif kind == "kill supplier":
            alive = [one for one in self.case.suppliers if one.number not in self.away]
            if len(alive) > 1:
                self._kill(self.chance.choice(alive))
        else:
            self.case.clock.advance(self.chance.random() * 20)

    def _kill(self, one: Any) -> None:
        if one.number not in self.away:
            self.case.die(one)
            self.away[one.number] = self.case.clock.seconds() + self.chance.random() * 60

    def _recover(self) -> None:
        now = self.case.clock.seconds()
        if self.healing and self.healing < now:
            self.healing = 0.0
            self.case.network.heal()
        for number, until in list(self.away.items()):
            if until < now:
                self._restart(number)
        alive = [person for person in self.case.people if person.number not in self.away]
        if not alive:
            self.case.clock.advance(10)

    def _restart(self, number: int) -> None:
        del self.away[number]
        one = next(one for one in (*self.case.people, *self.case.suppliers) if one.number == number)
        self.case.again(one)


class Deliveries(GroupsCase):
    """The case that the command runs; the numbers are set on a class made from it."""

    posts = 10_000
    seed = 1

    def test_delivery(self) -> None:
        key_id, circle = self.group(*self.people[1:])
        delivery = Delivery(self, key_id, circle, self.seed)
        delivery.run(self.posts)
        delivery.finish()
        print(dict(delivery.happened), file=sys.stderr)
        self.assertEqual(delivery.wrong(), [])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=50)
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--suppliers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    seed = chosen.seed or random.SystemRandom().randrange(1, 1_000_000)
    print(f"seed {seed}", file=sys.stderr)
    numbers = {"people_number": chosen.members, "suppliers_number": chosen.suppliers}
    case = type("Run", (Deliveries,), {**numbers, "posts": chosen.posts, "seed": seed})
    # what the nodes write does not stay in the checkout
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        result = unittest.TextTestRunner().run(case("test_delivery"))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    raise SystemExit(main())
