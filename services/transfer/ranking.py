"""
Whom to read from first: the fastest of those that are there and have stood their audits.
"""

from __future__ import annotations

from collections.abc import Sequence

from bitdust_node.clock import Clock
from services.catalog.schema import Piece
from services.customer import Customer
from services.hiring.standing import Standing
from services.transfer.speeds import Speed, Speeds

#: How much faster the holder of a piece must be that has to be decoded, to be asked before one of the data itself.
DECODING = 1.5
#: Bytes a second, and seconds to the first byte, that are good enough: opening, decoding and the disk take longer, so
#: who is better than that is not worth having to decode for.
FAST, CLOSE = 64e6, 0.02
#: The score of a supplier below which it makes no more difference.
LEAST_SCORE = 0.02
#: Seconds after which half of what is known of the speed of a supplier is forgotten: so it is tried again.
HALF_LIFE = 6 * 3600.0
#: Seconds for which a supplier that let wait in vain is asked last. By then either its connection is known to be dead,
#: or it answers again.
SILENT = 120.0
#: So many times as long as usual is waited for the first byte, within these limits in seconds; and how long at most for
#: somebody new, who is thought to be like the others.
PATIENCE, PATIENCE_LEAST, PATIENCE_MOST, PATIENCE_NEW = 4, 0.05, 2.0, 0.5


class Ranking:
    """
    Puts holders of pieces in order, by their speeds, their standing and whether they are connected.
    """

    def __init__(self, customer: Customer, speeds: Speeds, standing: Standing, clock: Clock) -> None:
        self.speeds = speeds
        self._customer, self._standing, self._clock = customer, standing, clock

    def order(self, pieces: Sequence[Piece], k: int, size: int) -> list[Piece]:
        """
        The pieces, those that should be asked first at the front. size: bytes that are wanted of each.
        """
        now = self._clock.seconds()
        known = [speed for piece in pieces if (speed := self.speeds.of(piece.node_id)) is not None]
        measured = [speed for speed in known if speed.latency]
        # who is not known is thought to be as good as the best: only so it becomes known
        best = Speed(
            min((speed.latency for speed in measured), default=0.0),
            max((speed.rate for speed in measured), default=0.0),
        )

        def rank(piece: Piece) -> tuple[bool, bool, float, int]:
            speed = self.speeds.of(piece.node_id)
            silent = speed is not None and now - SILENT < speed.silent <= now
            link = self._customer.link_of(piece.node_id)
            cost = self._cost(piece.node_id, size, best) * (DECODING if piece.number >= k else 1.0)
            return link is None or not link.connected, silent, cost, piece.number

        return sorted(pieces, key=rank)

    def patience(self, node_id: str) -> float:
        """
        Seconds without a byte of an answer after which another supplier is asked too.
        """
        speed = self.speeds.of(node_id)
        if speed is None or not speed.latency:
            usual = self.speeds.usual_latency()
            return min(PATIENCE_NEW, max(2 * PATIENCE_LEAST, PATIENCE * usual)) if usual else PATIENCE_NEW
        return min(PATIENCE_MOST, max(PATIENCE_LEAST, PATIENCE * speed.latency))

    def _cost(self, node_id: str, size: int, best: Speed) -> float:
        least = _good_enough(best).seconds(size)
        speed = self.speeds.of(node_id)
        cost = least
        if speed is not None and speed.latency:
            known = _good_enough(Speed(speed.latency, speed.rate or best.rate))
            age = max(0.0, self._clock.seconds() - speed.seen)
            cost += (known.seconds(size) - least) * 0.5 ** (age / HALF_LIFE)
        return cost / max(LEAST_SCORE, self._standing.of(node_id).score)


def _good_enough(speed: Speed) -> Speed:
    return Speed(max(speed.latency, CLOSE), min(speed.rate, FAST))
