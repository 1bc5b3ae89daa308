"""
Every row of every automat, whatever its owner does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from automats.drawing import FOLDER, page, stale, write
from automats.machine import Automat, Machine, NoRow
from automats.registry import Automats
from automats.tables import ALL
from tests.clock import Clock


class Recorder:
    """An owner that writes down what it is told to do."""

    def __init__(self, automat: Automat) -> None:
        self.done: list[str] = []
        for action in automat.actions:
            setattr(self, action, self._note(action))

    def _note(self, action: str) -> Callable[[], None]:
        return lambda: self.done.append(action)


def ways(automat: Automat) -> dict[StrEnum, list[StrEnum]]:
    """
    The shortest list of inputs that leads to each state.
    """
    found: dict[StrEnum, list[StrEnum]] = {automat.initial: []}
    edge = deque([automat.initial])
    while edge:
        state = edge.popleft()
        for row in automat.rows:
            if row.state is state and row.next not in found:
                found[row.next] = [*found[state], row.input]
                edge.append(row.next)
    return found


class TableTests(SynchronousTestCase):
    def test_there_are_tables(self) -> None:
        self.assertIn("service", [automat.name for automat in ALL])

    def test_every_input_in_every_state(self) -> None:
        for automat in ALL:
            for state, way in ways(automat).items():
                for input in automat.inputs:
                    self._check(automat, state, way, input)

    def _check(self, automat: Automat, state: StrEnum, way: list[StrEnum], input: StrEnum) -> None:
        clock, automats, owner = Clock(), Automats(), Recorder(automat)
        machine = Machine(automat, owner, clock=clock, automats=automats)
        for step in way:
            machine.feed(step)
        self.assertIs(machine.state, state)
        owner.done.clear()
        row = automat.row(state, input)
        before = (list(machine.history), machine.timers)
        if state in automat.final:
            machine.feed(input)
        elif row is None:
            self.assertRaises(NoRow, machine.feed, input)
        else:
            machine.feed(input)
            self.assertIs(machine.state, row.next)
            self.assertEqual(owner.done, list(row.actions))
            self.assertEqual(len(automats), 0 if machine.finished else 1)
            if machine.finished:
                self.assertEqual(clock.getDelayedCalls(), [])
            return
        self.assertIs(machine.state, state)
        self.assertEqual((list(machine.history), machine.timers), before)
        self.assertEqual(owner.done, [])

    def test_timers_fire(self) -> None:
        for automat in ALL:
            found = ways(automat)
            for timer in automat.timers:
                clock, owner = Clock(), Recorder(automat)
                # only this timer: a shorter one of the same state would come first
                others = {other for other in automat.timers if other.input is not timer.input}
                machine = Machine(automat, owner, clock=clock, timeouts={other.input: 0.0 for other in others})
                for input in found[timer.state]:
                    machine.feed(input)
                before = len(machine.history)
                clock.advance(timer.seconds)
                row = automat.row(timer.state, timer.input)
                assert row is not None
                steps = list(machine.history)[before:]
                if not row.ignores:
                    self.assertEqual((steps[0].state, steps[0].input), (timer.state, timer.input), automat.name)

    @settings(max_examples=30, deadline=None)
    @given(st.data())
    def test_random_walks(self, data: st.DataObject) -> None:
        automat = data.draw(st.sampled_from(ALL))
        clock, automats = Clock(), Automats()
        machine = Machine(automat, Recorder(automat), clock=clock, automats=automats)
        for input in data.draw(st.lists(st.sampled_from((*automat.inputs, None)), max_size=40)):
            state = machine.state
            if input is None:
                clock.advance(data.draw(st.floats(0.1, 100)))
            elif machine.finished or machine.accepts(input):
                machine.feed(input)
            else:
                self.assertRaises(NoRow, machine.feed, input)
                self.assertIs(machine.state, state)
            # timers run only for the state that the machine is in, and nothing is left when it ends
            wanted = {timer.input for timer in automat.timers_of(machine.state)}
            self.assertLessEqual(set(machine.timers), wanted)
            self.assertEqual(machine.finished, len(automats) == 0)
            self.assertEqual(len(clock.getDelayedCalls()), len(machine.timers))


class DrawingTests(SynchronousTestCase):
    def test_drawings_are_up_to_date(self) -> None:
        self.assertEqual(stale(ALL), [], "run `make draw` and commit docs/automats")

    def test_the_page_by_hand_names_them_all(self) -> None:
        drawn, _, listed = (FOLDER / "README.md").read_text("utf-8").partition("| machine |")
        for automat in ALL:
            self.assertRegex(drawn, rf"\b{automat.name}\b")
            self.assertRegex(listed, rf"(?m)^\|.*\b{automat.name}\b.*\|.*\|")

    def test_writes_and_removes(self) -> None:
        folder = Path(self.mktemp())
        write(ALL, folder)
        self.assertEqual(stale(ALL, folder), [])
        self.assertEqual(stale(ALL[1:], folder), [f"{ALL[0].name}.md"])
        write(ALL[1:], folder)
        self.assertFalse((folder / f"{ALL[0].name}.md").exists())

    def test_a_page(self) -> None:
        text = page(next(automat for automat in ALL if automat.name == "node"))
        self.assertIn("new --> opening: start", text)
        self.assertIn("stopped --> [*]", text)
        self.assertIn("- stopping, timeout: report late, report stopped", text)
        self.assertIn("- after 40 s in stopping: timeout", text)
