"""
A network of the kernel for the nodes of a run: each in a namespace of its own, all at one bridge, and any wire between
two of them can be cut.

Nothing of it has a name: when the run and the nodes have ended, however they ended, the kernel has removed all.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_CLONE_NEWNET = 0x40000000
_MINE = "/proc/thread-self/ns/net"
#: A station that does not exist: what is sent there reaches nobody, and nobody says so.
_NOWHERE = "02:00:00:00:00:01"


class Space:
    """
    One network namespace, as long as the process or anybody in it lives.
    """

    def __init__(self) -> None:
        self._file = -1
        maker = threading.Thread(target=self._make)
        maker.start()
        maker.join()
        if self._file < 0:
            raise OSError("no network namespace can be made")

    @property
    def path(self) -> str:
        return f"/proc/{os.getpid()}/fd/{self._file}"

    @contextmanager
    def inside(self) -> Iterator[None]:
        """The calling thread is in the namespace, and so are the sockets and processes that it makes."""
        before = os.open(_MINE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(self._file)
            try:
                yield
            finally:
                _enter(before)
        finally:
            os.close(before)

    def ip(self, *arguments: str) -> None:
        with self.inside():
            subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _make(self) -> None:
        if _libc().unshare(_CLONE_NEWNET) == 0:
            self._file = os.open(_MINE, os.O_RDONLY | os.O_CLOEXEC)


class Wires:
    """
    cuts: who does not reach whom, by name; silently, also over connections that stand.
    """

    def __init__(self) -> None:
        self.cuts: set[tuple[str, str]] = set()
        self._spaces: dict[str, Space] = {}
        self._lock = threading.Lock()
        self._hub = Space()
        self._hub.ip("link", "set", "lo", "up")
        self._hub.ip("link", "add", "hub", "type", "bridge")
        self._hub.ip("link", "set", "hub", "up")

    def space(self, name: str) -> Space:
        """The namespace of a node; made when it is asked for the first time."""
        with self._lock:
            if name not in self._spaces:
                space = Space()
                number = len(self._spaces) + 1
                self._hub.ip(
                    "link", "add", f"wire{number}", "type", "veth", "peer", "name", "eth0", "netns", space.path
                )
                self._hub.ip("link", "set", f"wire{number}", "master", "hub", "up")
                space.ip("link", "set", "lo", "up")
                space.ip("address", "add", f"10.77.{number}.1/16", "dev", "eth0")
                space.ip("link", "set", "eth0", "up")
                self._spaces[name] = space
            return self._spaces[name]

    def address(self, name: str) -> str:
        """Each in another neighbourhood: nodes trust one neighbourhood only so far."""
        self.space(name)
        return f"10.77.{list(self._spaces).index(name) + 1}.1"

    def cut(self, one: str, other: str) -> None:
        """Nothing that one sends reaches the other; the way back is a cut of its own."""
        where = self.address(other)
        self.space(one).ip("neighbour", "replace", where, "lladdr", _NOWHERE, "dev", "eth0", "nud", "permanent")
        self.cuts.add((one, other))

    def heal(self, one: str, other: str) -> None:
        self.cuts.remove((one, other))
        self.space(one).ip("neighbour", "delete", self.address(other), "dev", "eth0")

    def close(self) -> None:
        for space in (*self._spaces.values(), self._hub):
            space.close()
        self._spaces.clear()


def _enter(file: int) -> None:
    if _libc().setns(file, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
