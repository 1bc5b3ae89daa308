"""
Time as everything here sees it: the reactor, or a virtual clock in tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class DelayedCall(Protocol):
    """A call that will be made later."""

    def cancel(self) -> None:
        """Do not make the call; it must be active."""

    def active(self) -> bool:
        """True until the call was made or cancelled."""


class Clock(Protocol):
    """
    A clock in seconds. Each Twisted reactor is one; the name of the method is Twisted's.
    """

    def seconds(self) -> float:
        """Unix time; it never jumps back while the node runs."""

    def callLater(self, delay: float, call: Callable[..., object], /, *args: Any, **kwargs: Any) -> DelayedCall:
        """Call `call(*args, **kwargs)` after `delay` seconds."""
