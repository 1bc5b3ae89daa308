"""
Waiting: for a time, for an answer but not too long, for many things at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Coroutine, Generator, Iterable
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from bitdust_node.clock import Clock
from bitdust_node.errors import TimedOut

T = TypeVar("T")


def started(awaitable: Awaitable[T]) -> Deferred[T]:
    """
    The Deferred of an awaitable; a coroutine begins to run here.
    """
    if isinstance(awaitable, Deferred):
        return awaitable
    if isinstance(awaitable, Coroutine | Generator):
        return Deferred.fromCoroutine(awaitable)
    return Deferred.fromCoroutine(_awaiting(awaitable))


async def sleep(clock: Clock, seconds: float) -> None:
    """
    Come back after `seconds`.
    """
    call = clock.callLater(seconds, lambda: woken.callback(None))
    woken: Deferred[None] = Deferred(lambda _: call.cancel())
    await woken


async def within(clock: Clock, seconds: float, awaitable: Awaitable[T], what: str) -> T:
    """
    The result of `awaitable`, or `TimedOut` with a text that begins with `what`.

    What takes too long is cancelled; if it goes on nevertheless, nobody hears of it any more.
    """
    work = started(awaitable)

    def give_up(waiting: Deferred[T]) -> None:
        # first, as the work may end with any other error: whoever is cancelled must hear that he is
        waiting.errback(CancelledError())
        work.cancel()

    done: Deferred[T] = Deferred(give_up)

    def settle(result: T | Failure) -> None:
        if done.called:
            return
        if not isinstance(result, Failure):
            done.callback(result)
        elif call.active():
            done.errback(result)
        else:
            done.errback(_too_long(what, seconds))

    def expire() -> None:
        work.cancel()
        if not done.called:
            done.errback(_too_long(what, seconds))

    call = clock.callLater(seconds, expire)
    work.addBoth(settle)
    try:
        return await done
    finally:
        if call.active():
            call.cancel()


async def shielded(awaitable: Awaitable[T]) -> T:
    """
    The result of `awaitable`, which goes on to its end even if the one who waits here is cancelled.
    """
    done: Deferred[T] = Deferred()

    def settle(result: T | Failure) -> None:
        # a Deferred that was cancelled takes one late result and drops it
        if isinstance(result, Failure):
            done.errback(result)
        else:
            done.callback(result)

    started(awaitable).addBoth(settle)
    return await done


async def ended(work: Deferred[Any]) -> None:
    """
    Come back when `work` has ended, however it does; it is not cancelled, and a failure of it is nobody's then.

    Also for those whom the end of `work` has just woken: a Deferred that tells its failure can not be waited for again
    until it is through with telling.
    """
    work.addErrback(lambda _: None)
    await shielded(work)


async def outcome(awaitable: Awaitable[T]) -> T | Exception:
    """
    The result, or whatever was raised: for who does one thing after the other and must not be held up by a defect that
    strikes at one of them. Whoever is cancelled hears it.
    """
    try:
        return await awaitable
    except CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - the exception is the result
        return error


async def all_of(awaitables: Iterable[Awaitable[T]], limit: int | None = None) -> list[T | Exception]:
    """
    Wait for all; each gives its result or its exception, in order. No more than `limit` run at once.
    """
    waiting = deque(enumerate(awaitables))
    results: dict[int, T | Exception] = {}
    left = 0

    async def lane() -> None:
        while waiting:
            index, awaitable = waiting.popleft()
            try:
                results[index] = await awaitable
            except Exception as error:  # noqa: BLE001 - the exception is the result
                results[index] = error

    def give_up(_: Deferred[None]) -> None:
        nonlocal left
        left = -1
        for _index, awaitable in waiting:
            _drop(awaitable)
        waiting.clear()
        for running in lanes:
            running.cancel()

    done: Deferred[None] = Deferred(give_up)
    count = len(waiting)
    lanes = [Deferred.fromCoroutine(lane()) for _ in range(count if limit is None else min(limit, count))]
    left = len(lanes)

    def ended(result: None) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            done.callback(None)

    for running in lanes:
        running.addCallback(ended)
    if lanes:
        await done
    return [results[index] for index in range(count)]


def _too_long(what: str, seconds: float) -> TimedOut:
    return TimedOut(f"{what} took longer than {seconds:g} s")


def _drop(awaitable: Awaitable[Any]) -> None:
    if isinstance(awaitable, Deferred):
        awaitable.addErrback(lambda _: None)
        awaitable.cancel()
    elif isinstance(awaitable, Coroutine):
        awaitable.close()


async def _awaiting(awaitable: Awaitable[T]) -> T:
    return await awaitable
