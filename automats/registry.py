"""
The list of all machines that run in one node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from automats.machine import Machine, Observer, Step

#: Machines listed at once; more run as well, but are not listed.
LIMIT = 100_000


class Automats:
    """
    All running machines of a node, oldest first. Finished and closed machines leave it.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._machines: dict[int, Machine] = {}
        self._observers: tuple[Observer, ...] = ()
        self._last = 0
        self._limit = limit

    def __iter__(self) -> Iterator[Machine]:
        return iter(tuple(self._machines.values()))

    def __len__(self) -> int:
        return len(self._machines)

    def add(self, machine: Machine) -> int:
        """
        List a machine and give it its index; 0 when the list is full.
        """
        if len(self._machines) >= self._limit:
            return 0
        self._last += 1
        self._machines[self._last] = machine
        return self._last

    def remove(self, machine: Machine) -> None:
        """
        Forget a machine; one that is not listed is no error.
        """
        self._machines.pop(machine.index, None)

    def get(self, which: int | str) -> Machine | None:
        """
        The machine of that index (also as digits) or, oldest first, of that id.
        """
        if isinstance(which, int) or which.isdecimal():
            found = self._machines.get(int(which))
            if found is not None or isinstance(which, int):
                return found
        return next((machine for machine in self._machines.values() if machine.id == which), None)

    def moved(self, machine: Machine, step: Step) -> None:
        """
        A listed machine made a step: tell the observers.
        """
        for callback in self._observers:
            callback(machine, step)

    def observe(self, callback: Observer) -> Callable[[], None]:
        """
        Call back after each step of each machine; returns the function that ends it.
        """
        self._observers = (*self._observers, callback)

        def undo() -> None:
            self._observers = tuple(other for other in self._observers if other is not callback)

        return undo
