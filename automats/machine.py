"""
State machines as tables: an automat is a frozen table that checks itself, a machine is one running automat.

The machine decides and its owner acts: a row names methods of the owner, results come back as inputs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

#: Steps that a machine remembers.
HISTORY = 32
#: Inputs that one input may cause through its actions, before it is taken for a circle that never ends.
CHAIN = 1000


class NoRow(ValueError):
    """The table has no row for this input in this state: nothing was changed."""


class Call(Protocol):
    """A call that the clock will make later."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """What a machine needs of a clock; times are in seconds."""

    def seconds(self) -> float: ...

    def callLater(self, delay: float, call: Callable[..., object], /, *args: Any) -> Call: ...


@dataclass(frozen=True, init=False)
class Row:
    """
    In `state`, `input` leads to `next` and then calls `actions` of the owner, in this order.

    The actions are functions of the protocol `Actions` of the table's module; they are called by their names.
    """

    state: StrEnum
    input: StrEnum
    next: StrEnum
    actions: tuple[str, ...]

    def __init__(self, state: StrEnum, input: StrEnum, next: StrEnum, *actions: Callable[[Any], None]) -> None:
        object.__setattr__(self, "state", state)
        object.__setattr__(self, "input", input)
        object.__setattr__(self, "next", next)
        object.__setattr__(self, "actions", tuple(action.__name__ for action in actions))

    @property
    def ignores(self) -> bool:
        """True if the input neither moves the machine nor makes it act."""
        return self.next is self.state and not self.actions


def ignore(state: StrEnum, *inputs: StrEnum) -> tuple[Row, ...]:
    """
    Rows for inputs that may come in `state` and mean nothing there.
    """
    return tuple(Row(state, input, state) for input in inputs)


class Timer(NamedTuple):
    """
    A machine that has been in `state` for `seconds` is fed `input`.
    """

    state: StrEnum
    seconds: float
    input: StrEnum


class Step(NamedTuple):
    """
    One move of a machine: when, from which state, by which input, to which state.
    """

    at: float
    state: StrEnum
    input: StrEnum
    next: StrEnum


class Automat:
    """
    A table of rows and timers. A table that is wrong raises `ValueError` when it is made.
    """

    def __init__(self, name: str, initial: StrEnum, rows: Iterable[Row], timers: Iterable[Timer] = ()) -> None:
        self.name = name
        self.initial = initial
        self.rows = tuple(rows)
        self.timers = tuple(timers)
        self.states: tuple[StrEnum, ...] = tuple(type(initial))
        self.inputs: tuple[StrEnum, ...] = tuple(type(self.rows[0].input)) if self.rows else ()
        self.actions = tuple(dict.fromkeys(action for row in self.rows for action in row.actions))
        self._rows: dict[tuple[StrEnum, StrEnum], Row] = {}
        self._check_rows()
        self._check_reach()
        self._timers = {state: tuple(timer for timer in self.timers if timer.state is state) for state in self.states}
        self._check_timers()
        leaving = {row.state for row in self.rows if not row.ignores}
        #: States that nothing leads out of: a machine that enters one is finished.
        self.final = frozenset(self.states) - leaving

    def __repr__(self) -> str:
        return f"<Automat {self.name}>"

    def row(self, state: StrEnum, input: StrEnum) -> Row | None:
        """
        The row for `input` in `state`, or None.
        """
        return self._rows.get((state, input))

    def timers_of(self, state: StrEnum) -> tuple[Timer, ...]:
        """
        The timers that run while a machine is in `state`.
        """
        return self._timers[state]

    def _check_rows(self) -> None:
        if not self.rows:
            raise ValueError(f"automat {self.name} has no rows")
        for row in self.rows:
            if row.state not in self.states or row.next not in self.states or row.input not in self.inputs:
                raise ValueError(f"automat {self.name}: row {row} mixes states or inputs of different tables")
            if (row.state, row.input) in self._rows:
                raise ValueError(f"automat {self.name} has two rows for {row.input} in {row.state}")
            self._rows[row.state, row.input] = row
        unused = set(self.inputs) - {row.input for row in self.rows}
        if unused:
            raise ValueError(f"automat {self.name} has no row for {', '.join(sorted(unused))}")

    def _check_reach(self) -> None:
        reached = {self.initial}
        edge = [self.initial]
        while edge:
            state = edge.pop()
            found = {row.next for row in self.rows if row.state is state} - reached
            reached |= found
            edge.extend(found)
        missed = set(self.states) - reached
        if missed:
            raise ValueError(f"automat {self.name} never reaches {', '.join(sorted(missed))}")

    def _check_timers(self) -> None:
        seen = set()
        for timer in self.timers:
            if timer.state not in self.states or self.row(timer.state, timer.input) is None:
                raise ValueError(f"automat {self.name}: timer {timer.input} has no row in {timer.state}")
            if timer.seconds <= 0 or (timer.state, timer.input) in seen:
                raise ValueError(f"automat {self.name}: timer {timer.input} in {timer.state} is not positive or double")
            seen.add((timer.state, timer.input))


class Listing(Protocol):
    """
    Where running machines are listed, see `automats.registry`.
    """

    def add(self, machine: Machine) -> int:
        """List a machine and give it its index."""

    def remove(self, machine: Machine) -> None:
        """Forget a machine."""

    def moved(self, machine: Machine, step: Step) -> None:
        """A listed machine made a step."""


Observer = Callable[["Machine", Step], None]


class Machine:
    """
    One running automat.

    Each row is run to its end before the next input: inputs that actions feed wait their turn. An input without a
    row raises `NoRow` and changes nothing. A finished machine hears nothing more. A self-loop leaves the timers of
    its state alone, except the timer of its own input, which starts anew. Ignored inputs leave no step.

    timeouts: seconds to use instead of those of the table, by the state or the input of the timer; 0 means never.
    """

    __slots__ = (
        "__weakref__",
        "_calls",
        "_clock",
        "_listing",
        "_observers",
        "_owner",
        "_running",
        "_timeouts",
        "_waiting",
        "automat",
        "closed",
        "history",
        "id",
        "index",
        "state",
    )

    def __init__(
        self,
        automat: Automat,
        owner: object,
        *,
        clock: Clock,
        id: str = "",
        automats: Listing | None = None,
        timeouts: Mapping[StrEnum, float] | None = None,
    ) -> None:
        missing = [action for action in automat.actions if not hasattr(owner, action)]
        if missing:
            raise TypeError(f"{type(owner).__name__} can not own {automat.name}: it lacks {', '.join(missing)}")
        self.automat = automat
        self.id = id or automat.name
        self.state: StrEnum = automat.initial
        self.history: deque[Step] = deque(maxlen=HISTORY)
        self._owner: object | None = owner
        self._clock = clock
        self._timeouts = self._seconds(timeouts) if timeouts else {}
        self._calls: dict[StrEnum, Call] = {}
        self._waiting: deque[StrEnum] = deque()
        self._running = False
        self._observers: list[Observer] = []
        self._listing = automats
        #: True when the machine is finished or was closed by its owner: it hears nothing more.
        self.closed = False
        #: Number in the listing, 0 when it is not listed.
        self.index = automats.add(self) if automats is not None else 0
        self._start_timers()

    def __repr__(self) -> str:
        return f"{self.id}({str(self.state).upper()})"

    @property
    def finished(self) -> bool:
        """True when the machine is in a final state."""
        return self.state in self.automat.final

    @property
    def timers(self) -> tuple[StrEnum, ...]:
        """The inputs that running timers will feed."""
        return tuple(self._calls)

    def accepts(self, input: StrEnum) -> bool:
        """
        True if the table has a row for `input` in the present state.
        """
        return self.automat.row(self.state, input) is not None

    def feed(self, input: StrEnum) -> None:
        """
        Run the row of `input`, or let it wait if a row is being run.

        Errors of actions, and `NoRow` for inputs that waited, are raised when all that waited was run.
        """
        if self._running:
            self._waiting.append(input)
            return
        self._running = True
        errors: list[Exception] = []
        self._waiting.append(input)
        try:
            for _ in range(CHAIN):
                if not self._waiting:
                    break
                self._run(self._waiting.popleft(), errors)
            else:
                raise RuntimeError(f"{self!r}: one {input} caused more than {CHAIN} others")
        finally:
            self._waiting.clear()
            self._running = False
        if errors:
            for other in errors[1:]:
                errors[0].add_note(f"and then {type(other).__name__}: {other}")
            raise errors[0]

    def observe(self, callback: Observer) -> Callable[[], None]:
        """
        Call back after each step; returns the function that ends it.
        """
        self._observers = [*self._observers, callback]

        def undo() -> None:
            self._observers = [other for other in self._observers if other is not callback]

        return undo

    def close(self) -> None:
        """
        Stop the timers, forget the observers and leave the listing, whatever the state; nothing is heard afterwards.
        """
        self.closed = True
        # each holds the other: what an owner that is done with leaves behind would wait for the garbage collector
        self._owner = None
        self._stop_timers()
        self._observers = []
        if self._listing is not None:
            self._listing.remove(self)
            self._listing = None

    def _run(self, input: StrEnum, errors: list[Exception]) -> None:
        if self.closed or self.finished:
            return
        row = self.automat.row(self.state, input)
        if row is None:
            errors.append(NoRow(f"{self!r} has no row for {input}"))
            return
        if row.ignores:
            self._restart_timer(input)
            return
        step = Step(self._clock.seconds(), self.state, input, row.next)
        if row.next is self.state:
            self._restart_timer(input)
        else:
            self._stop_timers()
            self.state = row.next
            self._start_timers()
        self.history.append(step)
        # one of the actions may close the machine
        owner = self._owner
        try:
            for action in row.actions:
                getattr(owner, action)()
        except Exception as error:  # noqa: BLE001 - raised again when all that waits was run
            errors.append(error)
        self._tell(step, errors)
        if self.finished:
            self.close()

    def _tell(self, step: Step, errors: list[Exception]) -> None:
        try:
            if self._listing is not None:
                self._listing.moved(self, step)
            for callback in self._observers:
                callback(self, step)
        except Exception as error:  # noqa: BLE001 - raised again when all that waits was run
            errors.append(error)

    def _seconds(self, timeouts: Mapping[StrEnum, float]) -> dict[Timer, float]:
        chosen = {}
        for key, seconds in timeouts.items():
            # a state and an input may be spelled the same, so the kind of the key counts too
            timers = [timer for timer in self.automat.timers if key is timer.state or key is timer.input]
            if not timers:
                raise ValueError(f"automat {self.automat.name} has no timer for {key}")
            chosen.update(dict.fromkeys(timers, seconds))
        return chosen

    def _start_timers(self) -> None:
        for timer in self.automat.timers_of(self.state):
            self._start_timer(timer)

    def _start_timer(self, timer: Timer) -> None:
        seconds = self._timeouts.get(timer, timer.seconds)
        if seconds > 0:
            self._calls[timer.input] = self._clock.callLater(seconds, self._expire, timer.input)

    def _restart_timer(self, input: StrEnum) -> None:
        for timer in self.automat.timers_of(self.state):
            if timer.input is input:
                self._cancel(input)
                self._start_timer(timer)

    def _expire(self, input: StrEnum) -> None:
        del self._calls[input]
        self.feed(input)

    def _cancel(self, input: StrEnum) -> None:
        call = self._calls.pop(input, None)
        if call is not None:
            call.cancel()

    def _stop_timers(self) -> None:
        for input in tuple(self._calls):
            self._cancel(input)
