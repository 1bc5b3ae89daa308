"""
A TCP connection of Twisted, used in few and large turns: what one connection sends and reads before others do.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IPullProducer

#: Bytes that are read at once, so that they stay in the cache of a core.
SLICE = 256 * 1024
#: Slices that are read from a connection before others have their turn.
SLICES = 4
#: Bytes that are sent in one turn, and that the socket is offered at once.
BUFFER = 1024 * 1024
#: What is at least as large goes to the socket at once.
LARGE = 16 * 1024


class Line:
    """
    The connection below a protocol, which hands its inputs on: `drained` when it is asked for more (`resumeProducing`
    of an `IPullProducer`), `read_on` when it has dealt with what came.

    The public interface of Twisted has small calls only, so these parts of `twisted.internet.tcp.Connection` are used,
    which are not private but not documented for this either; tests/transports/test_tls.py fails if one of them changes:

    * `bufferSize`: what one `recv` asks the system for; 64 KiB would be four times as many rounds of the reactor.
    * `SEND_LIMIT`: what one `send` offers the system; 128 KiB would be eight times as many calls.
    * `writeSomeData`: sends at once, without a copy in the buffer and without a round of the reactor between.
    * `startWriting`: asks for a call of `resumeProducing` although nothing is in the buffer: a turn of the others.
    * `doRead`: reads the next slice at once; it ends in the `dataReceived` of the protocol.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        connection.bufferSize, connection.SEND_LIMIT = SLICE, BUFFER
        # sending: bytes of this turn, and those of them that the socket has not taken
        self._sent = self._waiting = 0
        # reading: slices of this turn, and whether the protocol wants another one
        self._slices = 0
        self._reading = True

    def feed_from(self, producer: IPullProducer) -> None:
        """
        Ask this one for more at the end of each turn.
        """
        # not a streaming one: those are only called back when the buffer was full
        self._connection.registerProducer(producer, False)

    # --- sending ---

    @property
    def waiting(self) -> int:
        """Bytes that wait for the socket."""
        return self._waiting

    def send(self, data: memoryview) -> bool:
        """
        Send, and say whether that was enough for this turn: then nothing more should come until `drained`. The memory
        may be used again.

        What is large goes to the socket at once, while it is in the cache of this core; what that does not take, and
        what is small, waits for it.
        """
        self._sent += len(data)
        if len(data) >= LARGE and not self._waiting:
            taken = self._connection.writeSomeData(data)
            # a lost connection is found when the rest is written
            data = data[taken:] if isinstance(taken, int) else data
        if data:
            self._waiting += len(data)
            self._connection.write(bytes(data))
        if self._sent < BUFFER:
            return False
        # also when a fast peer makes that the socket takes all: others are to have their turn
        self._connection.startWriting()
        return True

    def drained(self) -> None:
        """
        The socket has taken all that waited, and others had their turn: a new one begins.
        """
        self._sent = self._waiting = 0

    # --- reading ---

    def pause(self) -> None:
        """Read nothing more from the socket."""
        self._reading = False
        self._connection.pauseProducing()

    def resume(self) -> None:
        """Go on reading."""
        self._reading = True
        self._connection.resumeProducing()

    def read_on(self, size: int) -> None:
        """
        `size` bytes came and were dealt with: read the next ones, if it seems that there are some and the turn is not
        over, so that the reactor does not have to come back for every slice.
        """
        self._slices += 1
        if size == SLICE and self._slices < SLICES and self._reading:
            # calls this again; an end of the connection that it finds is found by the reactor too
            self._connection.doRead()
        self._slices = 0

    # --- the end ---

    def finish(self) -> None:
        """
        Send all, say that this is the end, and go on reading until the other side ends too. If this were closed while
        bytes come or wait to be read, the system would reset the connection: what it has not yet brought to the other
        side would be lost, there too what was not yet read.
        """
        self._connection.unregisterProducer()
        self._connection.loseWriteConnection()
        self.resume()

    def close(self) -> None:
        """
        Send all and close, whatever comes from the other side.
        """
        self._reading = False
        self._connection.unregisterProducer()
        self._connection.loseConnection()

    def cut(self) -> None:
        """
        Close at once. After `finish` what the system has already taken is still sent, if that is all.
        """
        self._reading = False
        self._connection.loseConnection()
        self._connection.abortConnection()
