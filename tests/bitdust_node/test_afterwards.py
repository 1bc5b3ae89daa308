from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.afterwards import AGAIN, LIMIT, Afterwards
from bitdust_node.errors import Closed, Conflict, Corrupt, Failed, Full, Invalid, NotFound


class AfterwardsTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.afterwards = Afterwards(self.clock, "changes")
        self.answers: list[Exception | None] = []
        self.tries = 0

    async def change(self) -> None:
        self.tries += 1
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer

    def ask(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.afterwards.surely("remove it", self.change))

    def test_what_can_be_done_is_done_once(self) -> None:
        self.answers = [None]
        self.successResultOf(self.ask())
        self.clock.advance(10 * AGAIN)
        self.assertEqual(self.tries, 1)

    def test_what_fails_is_tried_until_it_is_done(self) -> None:
        self.answers = [Full("no room"), Failed("the disk does not answer"), None]
        self.successResultOf(self.ask())
        for tries in (1, 2, 3, 3):
            self.assertEqual(self.tries, tries)
            self.clock.advance(AGAIN)
        self.assertEqual(self.answers, [])

    def test_the_end_of_the_catalog_is_the_end_of_it(self) -> None:
        self.answers = [Full("no room"), Closed("closed")]
        self.successResultOf(self.ask())
        self.clock.advance(AGAIN)
        self.clock.advance(AGAIN)
        self.assertEqual(self.tries, 2)
        self.answers = [Closed("closed")]
        self.failureResultOf(self.ask(), Closed)

    def test_nothing_goes_on_when_it_was_closed(self) -> None:
        self.answers = [Full("no room")]
        self.successResultOf(self.ask())
        self.successResultOf(Deferred.fromCoroutine(self.afterwards.close()))
        self.clock.advance(AGAIN)
        self.assertEqual(self.tries, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_can_never_be_done_is_given_up(self) -> None:
        for error in (Invalid("no"), NotFound("no"), Conflict("no"), Corrupt("no")):
            self.tries, self.answers = 0, [error]
            self.successResultOf(self.ask())
            self.assertEqual(self.clock.getDelayedCalls(), [])
            self.answers = [Full("no room"), error]
            self.successResultOf(self.ask())
            self.clock.advance(AGAIN)
            self.assertEqual((self.tries, self.clock.getDelayedCalls()), (3, []))

    def test_a_bug_in_one_change_ends_it_alone(self) -> None:
        self.answers = [Full("no room"), Full("no room"), ValueError("a bug"), None]
        self.successResultOf(self.ask())
        self.successResultOf(self.ask())
        self.clock.advance(AGAIN)
        self.assertEqual((self.tries, self.answers), (4, []))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_only_so_many_wait(self) -> None:
        self.answers = [Full("no room")] * (LIMIT + 1)
        for _ in range(LIMIT + 1):
            self.successResultOf(self.ask())
        self.assertEqual(len(self.clock.getDelayedCalls()), LIMIT)
