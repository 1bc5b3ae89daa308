"""
The machine of a registration with its real owner under a virtual clock: servers that are silent.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from automats.registration import State
from bitdust_node.errors import BitDustError, Failed, TimedOut, Unavailable
from bitdust_node.identity.document import Document
from bitdust_node.identity.registration import Registration
from bitdust_node.identity.servers import Server
from tests.bitdust_node.identity.parts import Parts
from tests.keys import test_key


class Silent:
    """
    A client whose calls end as its table says; what is not there never ends.
    """

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.documents: dict[str, Document] = {}

    async def _answer(self, name: str) -> Any:
        if name not in self.answers:
            await Deferred()
        answer = self.answers[name]
        if isinstance(answer, BitDustError):
            raise answer
        return answer

    async def ping(self, server: Server) -> str | None:
        answer: str | None = await self._answer("ping")
        return answer

    async def fetch(self, idurl: str) -> Document | None:
        await self._answer("read" if self.documents else "fetch")
        return self.documents.get(idurl)

    async def upload(self, idurl: str, document: Document) -> None:
        await self._answer("upload")
        self.documents[idurl] = document


class MachineTests(TestCase):
    async def run_with(
        self, client: Silent, ticks: int = 200, disk: Exception | None = None
    ) -> tuple[Registration, Document | Exception]:
        parts, clock = Parts(self), Clock()
        await parts.ring.set_master(test_key(1))
        if disk is not None:
            parts.workers.run = _raising(disk)  # type: ignore[method-assign]
        registration = Registration(
            "alice",
            [Server("id-a.example", 80)],
            1024,
            1,
            5,
            me=parts.me,
            ring=parts.ring,
            client=client,  # type: ignore[arg-type]
            addresses=parts.addresses,
            contacts=parts.contacts,
            clock=clock,
            automats=parts.automats,
        )
        ended: list[Any] = []
        Deferred.fromCoroutine(registration.run()).addBoth(ended.append)
        clock.pump([1] * ticks)
        self.assertEqual(len(ended), 1)
        self.assertEqual((clock.getDelayedCalls(), len(parts.automats), len(registration._tasks)), ([], 0, 0))
        return registration, getattr(ended[0], "value", ended[0])

    async def test_all_is_well(self) -> None:
        registration, document = await self.run_with(Silent(ping="1.2.3.4", fetch=None, upload=None, read=None), 2)
        self.assertIsInstance(document, Document)
        steps = [str(step.next) for step in registration._machine.history]
        self.assertEqual(steps, [str(state) for state in State][1:-1])

    async def test_silence_at_each_step(self) -> None:
        answers: dict[str, Any] = {}
        for name, answer, step in (
            ("ping", "1.2.3.4", "pinging"),
            ("fetch", None, "checking"),
            ("upload", None, "uploading"),
            ("read", None, "verifying"),
        ):
            _, error = await self.run_with(Silent(**answers))
            self.assertIsInstance(error, TimedOut)
            self.assertIn(step, str(error))
            answers[name] = answer

    async def test_errors_at_each_step(self) -> None:
        answers: dict[str, Any] = {}
        for name, answer in (("ping", "1.2.3.4"), ("fetch", None), ("upload", None), ("read", None)):
            _, error = await self.run_with(Silent(**answers, **{name: Unavailable("it is away")}))
            self.assertIsInstance(error, Unavailable)
            self.assertIn("not responding", str(error))
            answers[name] = answer

    async def test_an_own_address_that_nobody_tells(self) -> None:
        _, error = await self.run_with(Silent(ping=None, fetch=None))
        self.assertEqual(str(error), "network connection error")

    async def test_a_disk_that_does_not_write(self) -> None:
        client = Silent(ping="1.2.3.4", fetch=None, upload=None, read=None)
        _, error = await self.run_with(client, 2, OSError("the disk is full"))
        self.assertIsInstance(error, Failed)
        self.assertIn("the disk is full", str(error))


def _raising(error: Exception) -> Any:
    async def run(*_: Any) -> None:
        raise error

    return run
