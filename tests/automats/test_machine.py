from __future__ import annotations

import gc
import weakref
from enum import StrEnum
from typing import Protocol

from twisted.trial.unittest import SynchronousTestCase

from automats.machine import CHAIN, Automat, Machine, NoRow, Row, Step, Timer, ignore
from automats.registry import Automats
from tests.clock import Clock

State = StrEnum("State", ["NEW", "DIALING", "ONLINE", "CLOSED"])
Input = StrEnum("Input", ["DIAL", "OPENED", "LOST", "PING", "NOISE", "TIMEOUT", "CLOSE", "BREAK", "CHAIN"])


class Actions(Protocol):
    def dial(self) -> None: ...
    def greet(self) -> None: ...
    def ping(self) -> None: ...
    def fail(self) -> None: ...
    def chain(self) -> None: ...
    def report(self) -> None: ...


LINK = Automat(
    name="link",
    initial=State.NEW,
    rows=(
        Row(State.NEW, Input.DIAL, State.DIALING, Actions.dial),
        Row(State.DIALING, Input.OPENED, State.ONLINE, Actions.greet, Actions.ping),
        Row(State.DIALING, Input.TIMEOUT, State.NEW),
        Row(State.DIALING, Input.CLOSE, State.CLOSED),
        Row(State.ONLINE, Input.PING, State.ONLINE, Actions.ping),
        Row(State.ONLINE, Input.TIMEOUT, State.ONLINE, Actions.ping),
        Row(State.ONLINE, Input.BREAK, State.NEW, Actions.fail, Actions.ping),
        Row(State.ONLINE, Input.CHAIN, State.ONLINE, Actions.chain),
        Row(State.ONLINE, Input.LOST, State.NEW),
        Row(State.ONLINE, Input.CLOSE, State.CLOSED, Actions.report),
        *ignore(State.ONLINE, Input.NOISE),
    ),
    timers=(Timer(State.DIALING, 10, Input.TIMEOUT), Timer(State.ONLINE, 30, Input.TIMEOUT)),
)


class Owner:
    def __init__(self) -> None:
        self.done: list[str] = []
        self.at_once: list[Input] = []
        self.machine: Machine

    def dial(self) -> None:
        self.done.append("dial")
        for input in self.at_once:
            self.machine.feed(input)
        self.done.append("dialed")

    def greet(self) -> None:
        self.done.append("greet")

    def ping(self) -> None:
        self.done.append("ping")

    def fail(self) -> None:
        raise ZeroDivisionError("on purpose")

    def chain(self) -> None:
        self.machine.feed(Input.CHAIN)

    def report(self) -> None:
        self.done.append("report")


class MachineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.automats = Automats()
        self.owner = Owner()
        self.machine = self.owner.machine = Machine(
            LINK, self.owner, clock=self.clock, id="link to x", automats=self.automats
        )

    def online(self) -> None:
        self.owner.at_once = [Input.OPENED]
        self.machine.feed(Input.DIAL)
        self.owner.done.clear()

    def test_runs_rows_and_keeps_history(self) -> None:
        self.machine.feed(Input.DIAL)
        self.clock.advance(3)
        self.machine.feed(Input.OPENED)
        self.assertEqual(self.owner.done, ["dial", "dialed", "greet", "ping"])
        self.assertEqual(
            list(self.machine.history),
            [
                Step(1_800_000_000, State.NEW, Input.DIAL, State.DIALING),
                Step(1_800_000_003, State.DIALING, Input.OPENED, State.ONLINE),
            ],
        )
        self.assertEqual(repr(self.machine), "link to x(ONLINE)")

    def test_an_input_without_row_changes_nothing(self) -> None:
        self.assertRaises(NoRow, self.machine.feed, Input.PING)
        self.assertEqual((self.machine.state, list(self.machine.history)), (State.NEW, []))
        self.assertFalse(self.machine.accepts(Input.PING))
        self.assertTrue(self.machine.accepts(Input.DIAL))

    def test_inputs_from_actions_wait(self) -> None:
        self.owner.at_once = [Input.OPENED, Input.PING]
        self.machine.feed(Input.DIAL)
        self.assertEqual(self.owner.done, ["dial", "dialed", "greet", "ping", "ping"])

    def test_a_waiting_input_without_row_is_raised_after_the_others(self) -> None:
        self.owner.at_once = [Input.NOISE, Input.OPENED]
        self.assertRaises(NoRow, self.machine.feed, Input.DIAL)
        self.assertEqual(self.machine.state, State.ONLINE)

    def test_a_failing_action_is_raised_and_the_machine_goes_on(self) -> None:
        self.online()
        self.assertRaises(ZeroDivisionError, self.machine.feed, Input.BREAK)
        self.assertEqual((self.machine.state, self.owner.done), (State.NEW, []))
        self.machine.feed(Input.DIAL)
        self.assertEqual(self.machine.state, State.ONLINE)

    def test_endless_circles_are_broken(self) -> None:
        self.online()
        with self.assertRaises(RuntimeError) as caught:
            self.machine.feed(Input.CHAIN)
        self.assertIn(str(CHAIN), str(caught.exception))
        self.machine.feed(Input.LOST)
        self.assertEqual(self.machine.state, State.NEW)

    def test_timers(self) -> None:
        self.machine.feed(Input.DIAL)
        self.assertEqual(self.machine.timers, (Input.TIMEOUT,))
        self.clock.advance(9)
        self.assertEqual(self.machine.state, State.DIALING)
        self.clock.advance(1)
        self.assertEqual((self.machine.state, self.machine.timers), (State.NEW, ()))

    def test_only_its_own_row_restarts_a_timer(self) -> None:
        self.online()
        self.clock.advance(20)
        self.machine.feed(Input.PING)
        self.machine.feed(Input.NOISE)
        self.clock.advance(10)
        self.assertEqual(self.owner.done, ["ping", "ping"])
        self.clock.advance(20)
        self.machine.feed(Input.TIMEOUT)
        self.clock.advance(29)
        self.assertEqual(len(self.owner.done), 3)
        self.clock.advance(1)
        self.assertEqual(len(self.owner.done), 4)

    def test_ignored_inputs_leave_no_step(self) -> None:
        self.online()
        seen: list[Step] = []
        self.machine.observe(lambda machine, step: seen.append(step))
        self.machine.feed(Input.NOISE)
        self.assertEqual((seen, len(self.machine.history)), ([], 2))

    def test_a_finished_machine_hears_nothing(self) -> None:
        self.online()
        self.machine.feed(Input.CLOSE)
        self.assertTrue(self.machine.finished)
        self.assertEqual(self.owner.done, ["report"])
        self.assertEqual((self.clock.getDelayedCalls(), len(self.automats)), ([], 0))
        self.machine.feed(Input.PING)
        self.assertEqual(len(self.machine.history), 3)

    def test_a_closed_machine_hears_nothing(self) -> None:
        self.online()
        self.machine.close()
        self.machine.close()
        self.machine.feed(Input.PING)
        self.assertEqual((self.owner.done, self.clock.getDelayedCalls(), len(self.automats)), ([], [], 0))

    def test_a_closed_machine_lets_go_of_its_owner(self) -> None:
        owner = weakref.ref(self.owner)
        self.addCleanup(gc.enable)
        gc.disable()
        self.machine.close()
        del self.owner
        self.assertIsNone(owner(), "left to the garbage collector")

    def test_observers_hear_each_step_until_they_end(self) -> None:
        seen: list[tuple[str, str]] = []
        undo = self.machine.observe(lambda machine, step: seen.append((machine.id, step.next)))
        undo_all = self.automats.observe(lambda machine, step: seen.append(("all", step.next)))
        self.online()
        undo()
        undo()
        undo_all()
        self.machine.feed(Input.LOST)
        self.assertEqual(
            seen, [("all", "dialing"), ("link to x", "dialing"), ("all", "online"), ("link to x", "online")]
        )

    def test_an_observer_that_fails_is_heard(self) -> None:
        self.automats.observe(lambda machine, step: self.owner.fail())
        self.assertRaises(ZeroDivisionError, self.machine.feed, Input.DIAL)
        self.assertEqual(self.machine.state, State.DIALING)

    def test_timeouts_of_one_machine(self) -> None:
        quick = Machine(LINK, self.owner, clock=self.clock, timeouts={State.DIALING: 1.0})
        quick.feed(Input.DIAL)
        self.clock.advance(1)
        self.assertEqual(quick.state, State.NEW)
        patient = Machine(LINK, self.owner, clock=self.clock, timeouts={Input.TIMEOUT: 0})
        patient.feed(Input.DIAL)
        self.clock.advance(100)
        self.assertEqual(patient.state, State.DIALING)
        with self.assertRaises(ValueError):
            Machine(LINK, self.owner, clock=self.clock, timeouts={Input.DIAL: 1.0})

    def test_an_owner_must_have_all_actions(self) -> None:
        with self.assertRaises(TypeError) as caught:
            Machine(LINK, object(), clock=self.clock)
        self.assertIn("greet", str(caught.exception))


class AutomatsTests(SynchronousTestCase):
    def test_finds_by_index_and_id(self) -> None:
        automats = Automats()
        machines = [Machine(LINK, Owner(), clock=Clock(), id=name, automats=automats) for name in ("a", "7", "a")]
        self.assertEqual(list(automats), machines)
        self.assertIs(automats.get(2), machines[1])
        self.assertIs(automats.get("2"), machines[1])
        self.assertIs(automats.get("a"), machines[0])
        self.assertIs(automats.get("7"), machines[1])
        self.assertIsNone(automats.get(9))
        self.assertIsNone(automats.get("b"))

    def test_is_bounded(self) -> None:
        automats = Automats(limit=1)
        first, second = (Machine(LINK, Owner(), clock=Clock(), automats=automats) for _ in range(2))
        self.assertEqual((list(automats), second.index), ([first], 0))
        second.close()
        self.assertEqual(len(automats), 1)


class CheckTests(SynchronousTestCase):
    """A table that is wrong can not be made."""

    def check(self, text: str, *rows: Row, timers: tuple[Timer, ...] = ()) -> None:
        with self.assertRaises(ValueError) as caught:
            Automat("wrong", A.ONE, rows, timers)
        self.assertIn(text, str(caught.exception))

    def test_checks(self) -> None:
        go, back = Row(A.ONE, B.GO, A.TWO), Row(A.TWO, B.BACK, A.ONE)
        self.check("no rows")
        self.check("two rows for go in one", go, Row(A.ONE, B.GO, A.ONE), back)
        self.check("never reaches two", Row(A.ONE, B.GO, A.ONE), back)
        self.check("no row for back", go)
        self.check("no row in two", go, back, timers=(Timer(A.TWO, 5, B.GO),))
        self.check("double", go, back, timers=(Timer(A.TWO, 5, B.BACK), Timer(A.TWO, 6, B.BACK)))
        self.check("not positive", go, back, timers=(Timer(A.TWO, 0, B.BACK),))
        self.check("mixes", go, back, Row(State.NEW, B.GO, A.ONE))


A = StrEnum("A", ["ONE", "TWO"])
B = StrEnum("B", ["GO", "BACK"])
