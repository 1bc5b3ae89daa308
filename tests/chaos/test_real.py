"""
A short run of the chaos on real processes, and what it does to them.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.chaos.apart import run_apart
from tests.chaos.machine import SmallDisk, needs
from tests.chaos.wires import Wires
from tests.real.commands import ENVIRONMENT, ROOT, processes_of

#: Seconds for a byte that should come, and for one that should not.
LONG, SHORT = 30.0, 0.3


class RealChaosTest(SynchronousTestCase):
    def test_what_was_reported_stored_comes_back(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.addCleanup(lambda: [os.kill(pid, signal.SIGKILL) for pid in processes_of(folder)])
        sizes = ("--suppliers", "4", "--customers", "1", "--minutes", "0.08", "--every", "1000")
        ended = subprocess.run(
            [sys.executable, "-m", "tests.chaos", "--seed", "296", "--steps", "0", *sizes],
            cwd=ROOT,
            env={**ENVIRONMENT, "TMPDIR": str(folder)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        compared = re.search(r"^result: .* (\d+) downloads compared, 0 lost$", ended.stdout, re.MULTILINE)
        self.assertIsNotNone(compared, ended.stdout)
        self.assertGreater(int(compared[1]), 0, ended.stdout)
        self.assertEqual(list(folder.iterdir()), [])


class MachineTest(SynchronousTestCase):
    """Where this user may have it."""

    def _apart(self, work: object) -> None:
        """The work raises, or the test has passed."""
        code = run_apart(work, needs)  # type: ignore[arg-type]
        if code is None:
            raise SkipTest("this user may not have networks and disks of their own")
        self.assertEqual(code, 0)

    def test_what_is_cut_is_not_heard_until_it_is_mended(self) -> None:
        self._apart(_cut_and_mend)

    def test_a_full_disk_says_so(self) -> None:
        place = Path(self.mktemp()).absolute()
        self._apart(lambda: _fill_and_empty(place))
        self.assertEqual(list(place.iterdir()), [], "it was mounted for others too")


def _cut_and_mend() -> int:
    wires = Wires()
    where = wires.address("other"), 5000
    with wires.space("other").inside():
        listening = socket.create_server(where)
    with wires.space("one").inside():
        here = socket.create_connection(where, LONG)
    there = listening.accept()[0]
    here.sendall(b"a")
    assert there.recv(1) == b"a"
    wires.cut("one", "other")
    wires.cut("other", "one")
    for sender, receiver in ((here, there), (there, here)):
        sender.sendall(b"b")
        receiver.settimeout(SHORT)
        assert _silent(receiver)
    with wires.space("one").inside(), socket.socket() as late:
        late.settimeout(SHORT)
        assert late.connect_ex(where) in (errno.EAGAIN, errno.ETIMEDOUT)
    wires.heal("one", "other")
    wires.heal("other", "one")
    for receiver in (here, there):
        receiver.settimeout(LONG)
        assert receiver.recv(1) == b"b"
    return 0


def _silent(receiver: socket.socket) -> bool:
    try:
        receiver.recv(1)
    except TimeoutError:
        return True
    return False


def _fill_and_empty(place: Path) -> int:
    disk = SmallDisk(place, None)
    (place / "kept").write_bytes(b"kept")
    disk.fill(left=0)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        (place / "more").write_bytes(bytes(100_000))
    disk.empty()
    (place / "more").write_bytes(bytes(100_000))
    assert (place / "kept").read_bytes() == b"kept"
    return 0  # and nobody unmounts it
