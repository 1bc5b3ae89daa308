"""
Attacks on what the node writes down and on whoever asks for its machines and services.
"""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from automats.registry import Automats
from bitdust_node.api.automats import AutomatsApi
from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError
from bitdust_node.events import Events
from bitdust_node.files import make_private_folder
from bitdust_node.lock import FolderLock
from bitdust_node.logs import EventLog
from bitdust_node.paths import DataFolder
from tests.clock import Clock


class EventLogTests(SynchronousTestCase):
    def test_an_event_can_not_forge_lines(self) -> None:
        folder, events = make_private_folder(Path(self.mktemp())), Events(Clock())
        log = EventLog(folder, events)
        events.publish("mine\n2026-01-01 00:00:00 service-stopped  {}", {"text": "a\nb\r\u2028\x1b[31m", "bad": {1, 2}})
        log.close()
        (line,) = (folder / "event.log").read_bytes().split(b"\n")[:-1]
        self.assertNotIn(b"\x1b", line)
        self.assertEqual((folder / "event.log").stat().st_mode & 0o077, 0)

    def test_it_begins_empty(self) -> None:
        folder = make_private_folder(Path(self.mktemp()))
        (folder / "event.log").write_text("old\n")
        EventLog(folder, Events(Clock())).close()
        self.assertEqual((folder / "event.log").read_text(), "")


class AutomatsApiTests(SynchronousTestCase):
    @given(st.one_of(st.none(), st.integers()), st.one_of(st.none(), st.text(max_size=50)))
    def test_unknown_machines_are_refused(self, index: int | None, automat_id: str | None) -> None:
        api = AutomatsApi(Automats(), Events(Clock()), Config())
        for ask in (api.automat_info, api.automat_events_start, api.automat_events_stop):
            self.assertRaises(BitDustError, ask, index, automat_id)


class FolderTests(SynchronousTestCase):
    def test_a_folder_that_was_open_to_others_is_closed_again(self) -> None:
        base = Path(self.mktemp())
        base.mkdir(mode=0o755)
        (base / "keys").mkdir(mode=0o777)
        folder = DataFolder(base)
        for path in (folder.base, folder.keys):
            self.assertEqual(path.stat().st_mode & 0o777, 0o700)

    def test_the_lock_is_not_inherited(self) -> None:
        lock = FolderLock(make_private_folder(Path(self.mktemp())) / "processid")
        self.assertFalse(os.get_inheritable(lock.fileno()))
        lock.release()
