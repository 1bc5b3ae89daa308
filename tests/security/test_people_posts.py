"""
Attacks on the posts of groups: what grows without anybody paying for it, what is dropped for nothing, times and data.
"""

from __future__ import annotations

from typing import Any

from bitdust_node.identity.device import DeviceKey, DeviceRecord
from bitdust_node.membership.post import NO_DIGEST, Pen, SignedPost
from bitdust_node.wire.posts import POST_GET, POST_PUT, Cursor, Head, PostGet, PostPut, Proof
from services.grouping.groups import Groups
from services.joint_postman import JointPostman
from services.messaging.schema import MessagesDb
from services.postman.post_rows import DEVICES_LIMIT
from tests.security.test_group_attacks import LOG, AttackCase


class PostAttacks(AttackCase):
    def chain(self, circle: Any, texts: list[bytes], person: Any = None) -> list[SignedPost]:
        posts: list[SignedPost] = []
        for number, text in enumerate(texts, 1):
            previous = posts[-1].digest if posts else NO_DIGEST
            posts.append(self.post(person or self.carol, circle, number=number, previous=previous, text=text))
        return posts

    def rows(self, person: Any, query: str) -> Any:
        database = person.get(MessagesDb) if person in self.people else person.get(JointPostman)._posts._database
        return self.run_now(database.read(lambda c: c.execute(query).fetchone()))[0]

    def test_devices_without_end(self) -> None:
        """Each post names another device of its author: their records take room that nobody pays for."""
        _, circle = self.group(self.bob, self.carol)
        carol = self.carol.node.me
        roster, secret = self.book(self.alice).current(circle)
        previous, number = NO_DIGEST, 0
        for _ in range(DEVICES_LIMIT // 20 + 2):
            posts, proofs = [], []
            for _ in range(20):
                number += 1
                device = DeviceKey.generate(1.0)
                record = DeviceRecord.make(carol.key, device.spki, f"device {number}", 2.0**33)
                pen = Pen(circle, carol.node_id, device, record)
                post = pen.write(LOG, number, previous, roster.number, roster.epoch, secret, 1, b'{"text":"x"}')
                previous = post.digest
                posts.append(post.packed)
                proofs.append(Proof(record, carol.idurl))
            kept = self.ask(self.carol, self.supplier, POST_PUT, PostPut(circle, posts, proofs))
            self.assertEqual(kept.refused, "")
            self.clock.advance(1)
        self.clock.advance(20)
        self.assertEqual(len(self.bob.texts()), number)
        for one in (self.supplier, self.bob):
            self.assertLessEqual(self.rows(one, "SELECT COUNT(*) FROM post_proofs"), DEVICES_LIMIT + 3)

    def test_a_full_lease_does_not_cost_what_is_there(self) -> None:
        """A post that finds no room drops nothing, if that would not make enough of it."""
        _, circle = self.group(self.bob, self.carol)
        small, big = self.chain(circle, [b'{"text":"old"}', b'{"text":"%s"}' % (b"x" * 40_000)])
        self.assertEqual(self.put(self.carol, circle, small).refused, "")
        space = self.supplier.get(JointPostman)._posts._space
        account = space.account(circle.owner)
        space.reservation(circle.owner).need(account.left - 1000)
        self.put(self.carol, circle, big)
        cursor = Cursor(bytes.fromhex(self.carol.node.node_id), LOG, 0)
        self.assertEqual(self.ask(self.bob, self.supplier, POST_GET, PostGet(circle, [cursor])).posts, [small.packed])

    def test_a_time_far_ahead(self) -> None:
        _, circle = self.group(self.bob, self.carol)
        roster, secret = self.book(self.alice).current(circle)
        pen = self.pen(self.carol, circle)
        for at, time in enumerate((1 << 40, 0)):
            post = pen.write(b"%05d" % at, 1, NO_DIGEST, roster.number, roster.epoch, secret, time, b'{"text":"when"}')
            self.assertEqual(self.put(self.carol, circle, post).refused, "")
        self.clock.advance(15)
        self.assertEqual(sorted(kept.entry.time > 0 for kept in self.bob.told), [False, True])
        self.assertLessEqual(max(kept.entry.time for kept in self.bob.told), self.clock.seconds())

    def test_logs_and_starts_without_end(self) -> None:
        """One author begins logs at any number; there is an end to them, and others go on posting."""
        key_id, circle = self.group(self.bob, self.carol)
        author = bytes.fromhex(self.carol.node.node_id)
        refused = []
        for at in range(25):
            log = b"%05d" % at
            post = self.post(self.carol, circle, number=1 << 39, previous=bytes(31) + b"x", log=log)
            proof = Proof(self.carol.node.me.device_record, self.carol.node.me.idurl)
            start = Head(author, log, 1 << 39, 1 << 39)
            answer = self.ask(self.carol, self.supplier, POST_PUT, PostPut(circle, [post.packed], [proof], [start]))
            refused.append(answer.refused)
        self.assertEqual(sum(bool(one) for one in refused), 5)
        self.send(self.bob, key_id, "hello")
        self.clock.advance(15)
        self.assertIn("hello", self.alice.texts())
        self.assertTrue(self.alice.get(Groups).get(circle).connected)  # type: ignore[union-attr]

    def test_data_that_is_no_data(self) -> None:
        """Each takes its place in the log; what can be shown is shown, and what is behind it too."""
        _, circle = self.group(self.bob, self.carol)
        texts = [
            b"",
            b"\xff\xfe",
            b"null",
            b'{"text":1e999}',
            b'{"a":' * 2000 + b"1" + b"}" * 2000,
            b'{"text":"\\ud800"}',
            b'{"text":' + b"9" * 5000 + b"}",
            b'{"text":"last"}',
        ]
        posts = self.chain(circle, texts)
        self.assertEqual(self.put(self.carol, circle, *posts).refused, "")
        self.clock.advance(15)
        self.assertEqual(self.bob.texts(), ["\ud800", "last"])
        self.assertEqual(self.rows(self.bob, "SELECT MAX(last) FROM post_logs"), len(texts))

    def test_epochs_that_never_were(self) -> None:
        _, circle = self.group(self.bob, self.carol)
        pen = self.pen(self.carol, circle)
        roster, secret = self.book(self.alice).current(circle)
        post = pen.write(LOG, 1, NO_DIGEST, roster.number, (1 << 40) - 1, secret, 1, b'{"text":"no"}')
        good = self.post(self.carol, circle, number=2, previous=post.digest)
        self.put(self.carol, circle, post, good)
        self.clock.advance(15)
        self.assertEqual(self.bob.texts(), ["forged"])
