"""
Attacks on the posts of groups: what grows without anybody paying for it, what is dropped for nothing, times and data.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from bitdust_node.identity.device import DeviceKey, DeviceRecord
from bitdust_node.membership.post import NO_DIGEST, Pen, SignedPost
from bitdust_node.wire.posts import (
    POST_GET,
    POST_HEADS,
    POST_LISTEN,
    POST_PUT,
    Cursor,
    GroupName,
    Head,
    PostBatch,
    PostGet,
    PostHeads,
    PostPut,
    Proof,
)
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

    def brought(self, circle: Any, posts: list[SignedPost], to: Any, starts: int = 0) -> None:
        carol = self.carol.node.me
        heads = [Head(bytes.fromhex(carol.node_id), LOG, starts, starts)] if starts else []
        question = PostPut(circle, [post.packed for post in posts], [Proof(carol.device_record, carol.idurl)], heads)
        self.assertEqual(self.ask(self.carol, to, POST_PUT, question).refused, "")

    def begins_later(self, supplier: Any, first: int) -> None:
        """From now on the supplier says that all logs begin with this number."""
        posts = supplier.get(JointPostman)._posts

        async def lie(peer: Any, question: GroupName) -> PostHeads:
            true = await posts.heads(peer, question)
            heads = [Head(head.author, head.log, max(head.first, first), head.last) for head in true.heads]
            return PostHeads(true.roster, heads)

        async def hide(peer: Any, question: PostGet) -> PostBatch:
            cursors = [Cursor(one.author, one.log, max(one.number, first - 1)) for one in question.cursors]
            return await posts.get(peer, PostGet(question.circle, cursors))

        for command, answer in ((POST_HEADS, lie), (POST_LISTEN, lie), (POST_GET, hide)):
            supplier.node.router.withdraw(command)
            supplier.node.router.serve(command, answer)

    def texts_of(self, count: int) -> list[str]:
        return [f"post {number}" for number in range(1, count + 1)]

    def written(self, circle: Any, count: int) -> list[SignedPost]:
        return self.chain(circle, [b'{"text":"%s"}' % text.encode() for text in self.texts_of(count)])

    def test_a_supplier_that_says_that_a_log_begins_later(self) -> None:
        """The one that members ask first hides the beginning of a log: the other one has it."""
        _, circle = self.group(self.carol)
        posts = self.written(circle, 6)
        self.begins_later(self.supplier, 5)
        for supplier in self.suppliers:
            self.brought(circle, posts, supplier)
        self.invite(self.alice.part(circle).key_id, self.bob)
        self.join(self.alice.part(circle).key_id, self.bob)
        self.clock.advance(90)
        self.assertEqual(self.bob.part(circle).active, self.supplier.node.node_id)
        self.assertEqual(self.bob.texts(), self.texts_of(6))

    def test_a_gap_that_is_claimed_before_its_posts_are_written(self) -> None:
        """The liar is asked for what nobody has yet, and answers when it is there: the others are asked once more."""
        _, circle = self.group(self.carol)
        carol = self.carol.node.me
        written = self.written(circle, 6)
        posts = self.supplier.get(JointPostman)._posts
        asked: list[Deferred[None]] = []

        async def lie(peer: Any, question: GroupName) -> PostHeads:
            true = await posts.heads(peer, question)
            return PostHeads(true.roster, [Head(bytes.fromhex(carol.node_id), LOG, 5, 6)])

        async def late(peer: Any, question: PostGet) -> PostBatch:
            if not asked:
                asked.append(Deferred())
                await asked[0]
            proof = Proof(carol.device_record, carol.idurl)
            return PostBatch(circle, [post.packed for post in written[4:]], [proof])

        for command, answer in ((POST_HEADS, lie), (POST_LISTEN, lie), (POST_GET, late)):
            self.supplier.node.router.withdraw(command)
            self.supplier.node.router.serve(command, answer)
        self.until(lambda: bool(asked))
        self.brought(circle, written, self.suppliers[1])
        asked[0].callback(None)
        self.clock.advance(90)
        self.assertEqual(self.alice.texts(), self.texts_of(6))

    def test_a_log_that_a_member_begins_later_at_one_supplier(self) -> None:
        _, circle = self.group(self.carol)
        posts = self.written(circle, 6)
        self.brought(circle, posts[4:], self.supplier, starts=5)
        self.brought(circle, posts, self.suppliers[1])
        self.invite(self.alice.part(circle).key_id, self.bob)
        self.join(self.alice.part(circle).key_id, self.bob)
        self.clock.advance(90)
        self.assertEqual((self.alice.texts(), self.bob.texts()), (self.texts_of(6), self.texts_of(6)))

    def test_the_other_supplier_is_away_for_half_a_minute(self) -> None:
        _, circle = self.group(self.carol)
        posts = self.written(circle, 6)
        self.brought(circle, posts, self.suppliers[1])
        self.die(self.suppliers[1])
        self.brought(circle, posts[4:], self.supplier, starts=5)
        self.clock.advance(30)
        self.assertEqual(self.alice.texts(), [])
        self.again(self.suppliers[1])
        self.clock.advance(60)
        self.assertEqual(self.alice.texts(), self.texts_of(6))

    def test_what_nobody_has_is_passed_over_and_does_not_come_twice(self) -> None:
        """A log goes on where those suppliers have it that are there; what comes afterwards is not shown."""
        _, circle = self.group(self.carol)
        posts = self.written(circle, 6)
        self.die(self.suppliers[1])
        self.brought(circle, posts[4:], self.supplier, starts=5)
        self.clock.advance(30)
        self.assertEqual(self.alice.texts(), [])
        self.clock.advance(120)
        self.assertEqual(self.alice.texts(), self.texts_of(6)[4:])
        self.again(self.suppliers[1])
        self.brought(circle, posts[:4], self.suppliers[1])
        self.clock.advance(60)
        self.assertEqual(self.alice.texts(), self.texts_of(6)[4:])

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
