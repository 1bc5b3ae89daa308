"""
The errors of the node: one small tree. The text is for the person who can act on it.

A handler that raises one of these answers its peer (or API client) with the class name and the text; the
other side raises the same class again. Anything else that escapes is a defect: it is logged, and the other
side hears `Failed` without details.
"""

from __future__ import annotations


class BitDustError(Exception):
    """Root of all errors that are meant to be read by a person."""


class Invalid(BitDustError):
    """An argument, packet, record or file is not what it must be."""


class NotFound(BitDustError):
    """There is no such thing (or the asker may not know that there is)."""


class Refused(BitDustError):
    """The asker may not do this."""


class Conflict(BitDustError):
    """Something newer, or something else of that name, is already there."""


class Full(BitDustError):
    """A quota, a queue or a disk has no room left."""


class Corrupt(BitDustError):
    """Stored or received data does not match its hash or signature."""


class Unavailable(BitDustError):
    """The peer or part that is needed can not be reached now."""


class TimedOut(Unavailable):
    """No answer within the time allowed."""


class Closed(Unavailable):
    """The session, stream or part was closed meanwhile."""


class NotServed(Unavailable):
    """The other side does not serve this: not at all, or not yet, as it has only just started."""


class Failed(BitDustError):
    """The other side failed without saying why."""


BY_NAME: dict[str, type[BitDustError]] = {
    error.__name__: error
    for error in (Invalid, NotFound, Refused, Conflict, Full, Corrupt, Unavailable, TimedOut, Closed, NotServed, Failed)
}
