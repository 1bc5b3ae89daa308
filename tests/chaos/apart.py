"""
A run in namespaces of its own: nobody else sees what it mounts and whom it starts, and all of that ends with it,
however it ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x00020000, 0x10000000, 0x20000000, 0x40000000
_PDEATHSIG = 1
#: The exit code of a child that did not get what it needs.
_REFUSED = 77


def run_apart(work: Callable[[], int], needs: Callable[[], object]) -> int | None:
    """
    Do the work in a child that is the first process of its own world; the exit code. None, and nothing done, if this
    user on this machine may not have that, or `needs` fails in there with OSError or CalledProcessError.

    When this process ends, also by kill -9, so do the child and all that it started.
    """
    code = _child(lambda: _middle(work, needs))
    return None if code == _REFUSED else code


def _middle(work: Callable[[], int], needs: Callable[[], object]) -> int:
    flags, user, group = _CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWNET, os.geteuid(), os.getegid()
    if _libc().unshare(flags) != 0:
        # who has no such rights may have them among its own
        if _libc().unshare(flags | _CLONE_NEWUSER) != 0:
            return _REFUSED
        try:
            Path("/proc/self/setgroups").write_text("deny", "ascii")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1", "ascii")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1", "ascii")
        except OSError:
            return _REFUSED
        _die_with_parent()  # who has other rights must say so again
    return _child(lambda: _first(work, needs))


def _first(work: Callable[[], int], needs: Callable[[], object]) -> int:
    # the first process of a world is not ended by signals that it does not catch
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    try:
        mount("--make-rprivate", "/")
        mount("-t", "proc", "proc", "/proc")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True, capture_output=True, text=True)
        needs()
    except (OSError, subprocess.CalledProcessError):
        return _REFUSED
    return work()


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True, text=True)


def _child(work: Callable[[], int]) -> int:
    """The exit code of a child that does the work, and dies when its parent does."""
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            _die_with_parent()
            if os.getppid() in (parent, 0):  # 0: out of sight of a new world
                code = work()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:  # noqa: BLE001 - the end of a process: told, and not unwound into the parent's frames
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child was told too, and cleans up
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        with suppress(ValueError):
            signal.signal(signal.SIGINT, before)
    if code < 0:
        print(f"a process of the run was ended: {signal.Signals(-code).name}", file=sys.stderr, flush=True)
        return 1
    return code


def _die_with_parent() -> None:
    _libc().prctl(_PDEATHSIG, signal.SIGKILL)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
