"""
What uploads and downloads have in common: a machine, the work that feeds it, and those who wait for its end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Coroutine
from enum import StrEnum
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from automats.machine import Automat, Machine
from bitdust_node.errors import BitDustError, Failed
from bitdust_node.progress import Progress
from bitdust_node.tasks import Tasks
from services.catalog.schema import Item, Task
from services.transfer.means import Means


class Job(ABC):
    """
    One task and its machine, whose table names inputs START, CANCEL and BROKEN.

    inputs: the inputs of the table. The work of a state is a coroutine that answers with an input; when it raises,
    the machine hears BROKEN and `wait` raises the error.
    """

    log = Logger()

    def __init__(self, means: Means, task: Task, item: Item, automat: Automat, inputs: type[StrEnum]) -> None:
        self._means, self.task, self.item, self._inputs = means, task, item, inputs
        self._work = Tasks(f"{automat.name} of {item.path_id}")
        self._ends = Tasks(f"end of the {automat.name} of {item.path_id}")
        self._waiting: list[Deferred[None]] = []
        self._error: BitDustError | None = None
        #: How far it is, and how fast.
        self.moved = Progress(means.clock)
        self.block_number = 0
        name = f"{automat.name}({task.id})"
        self.machine = Machine(automat, self, clock=means.clock, id=name, automats=means.automats)

    @property
    def key_id(self) -> str:
        return self._means.key_id(self.item.alias)

    @property
    def bytes_processed(self) -> int:
        """
        Bytes of the file or folder that are done.
        """
        return self.moved.done

    @bytes_processed.setter
    def bytes_processed(self, done: int) -> None:
        self.moved.reached(done)

    @property
    @abstractmethod
    def backup_id(self) -> str:
        """
        Full id of the version that is moved.
        """

    def start(self) -> None:
        self.machine.feed(self._inputs["START"])

    def cancel(self) -> None:
        """
        End it and leave nothing behind; no effect on one that has ended.
        """
        if not self.machine.finished:
            self.machine.feed(self._inputs["CANCEL"])

    async def wait(self) -> None:
        """
        Come back when all is where it should be; raises what went wrong.
        """
        if not self.machine.finished:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting
        if self._error is not None:
            raise self._error

    async def stop(self) -> None:
        """
        The node stops: end the work, but keep the task for the next start.
        """
        await self._work.stop()
        await self._ends.stop()
        self.machine.close()

    def _begin(self, what: str, work: Coroutine[Any, Any, StrEnum]) -> None:
        self._work.spawn(what, self._outcome(work))

    async def _outcome(self, work: Coroutine[Any, Any, StrEnum]) -> None:
        try:
            outcome = await work
        except BitDustError as error:
            self._error = error
            outcome = self._inputs["BROKEN"]
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the border of the job: the user hears that it failed
            self.log.failure("{job} of {id} failed", job=self.machine.id, id=self.backup_id)
            self._error = Failed(f"{error}")
            outcome = self._inputs["BROKEN"]
        if not self.machine.finished:
            self.machine.feed(outcome)

    def _wake(self) -> None:
        """The end has come: tell those who wait."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)
