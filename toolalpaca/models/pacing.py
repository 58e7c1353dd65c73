"""How calls to an endpoint are paced: slots, limits per minute, backoff and a timeout that adapts."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import datetime
import email.utils
import math
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping

from toolalpaca.models.retrying import BACKOFF_BASE, BACKOFF_CAP, CHANCE, REFUSED_CALLS

FIRST_LIMIT, HIGHEST_LIMIT = 8, 4096  # adaptive concurrency starts and ends here
SHORTEST_LIMIT, UNKNOWN_LIMIT, LONGEST_LIMIT = 15.0, 120.0, 600.0  # seconds for one request
PROBE_AFTER = 200  # successes before more than is known to be good is tried: 429s stay near 1%


def backoff(attempt: int, retry_after: float | None = None, scattered: bool = False) -> float:
    """Seconds to wait after the attempt-th failure (from 0): full jitter, `Retry-After` never undercut.

    A fault is `scattered` while other calls of the endpoint are answered: the first few are then chance, and
    the next try need not wait for anything to be mended. From the sixth on a call waits as ever, so that its
    tries last as long as a fault of its own may (two minutes and a half for twelve).
    """
    if scattered and attempt < CHANCE:
        attempt = 0
    jitter = random.uniform(0, min(BACKOFF_CAP, BACKOFF_BASE * 2 ** min(attempt, 16)))
    return jitter if retry_after is None else retry_after + min(jitter, 1 + retry_after / 10)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a response asks to wait: `retry-after-ms`, or `Retry-After` (RFC 9110).

    A date is measured from the response's own `Date`, where it has one: clocks differ. Of a header that
    comes more than once the largest counts.
    """
    now = time.time()
    with contextlib.suppress(KeyError, ValueError, TypeError, OverflowError):
        now = _timestamp(headers["date"])
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        found = [_seconds(value, unit, now) for value in _values(headers, name)]
        waits = [seconds for seconds in found if seconds is not None]
        if waits:
            return max(waits)
    return None


def _values(headers: Mapping[str, str], name: str) -> list[str]:
    """A header's values: each on a line of its own, or numbers that a proxy joined by commas."""
    lines = headers.get_list(name) if hasattr(headers, "get_list") else [headers.get(name, "")]
    return lines + [number for line in lines for number in line.split(",")]


def _seconds(value: str, unit: float, now: float) -> float | None:
    """What a number or a date says; None when it says nothing."""
    try:
        number = float(value) * unit
    except ValueError:
        try:
            number = _timestamp(value) - now
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, number) if math.isfinite(number) else None


def _timestamp(date: str) -> float:
    moment = email.utils.parsedate_to_datetime(date)
    return moment.replace(tzinfo=moment.tzinfo or datetime.UTC).timestamp()


class Stopped(BaseException):
    """The run is being stopped: the row stays pending. Passes through `except Exception`."""


class Refusals:
    """Tells an endpoint that refuses everything from one that refuses some calls.

    What counts is the order in which calls began: a refusal comes at once, an answer takes its time, so the
    first hundred calls to end can be refusals where one in ten is refused.
    """

    def __init__(self) -> None:
        self._begun = 0
        self._first = 0  # refusals among the first REFUSED_CALLS
        self._unpaid: set[int] = set()

    def begin(self) -> int:
        """The number of a call that begins now."""
        self._begun += 1
        return self._begun - 1

    def add(self, number: int, unpaid: bool) -> bool:
        """Note that a call was refused, and say whether that is enough: the first calls were all refused, or
        so many that began one after another were because of the key or the account."""
        self._first += number < REFUSED_CALLS
        if not unpaid:
            return self._first >= REFUSED_CALLS
        self._unpaid.add(number)
        first = last = number
        while first - 1 in self._unpaid:
            first -= 1
        while last + 1 in self._unpaid:
            last += 1
        return self._first >= REFUSED_CALLS or last - first + 1 >= REFUSED_CALLS


class Health:
    """Whether an endpoint answers most calls, by the last twenty or so; not before some were answered."""

    def __init__(self) -> None:
        self._share = 0.0

    def note(self, answered: bool) -> None:
        """A call was answered, or met a fault."""
        self._share += (answered - self._share) * 0.05

    @property
    def good(self) -> bool:
        return self._share > 0.5


class Gate:
    """Slots for requests in flight: a fixed number, or one that finds what the server allows.

    Adaptive: the limit doubles per round trip until the first 429. Each 429 takes one slot away, so a
    burst of them leaves what the server holds. What went well for PROBE_AFTER successes is known to be
    good and is returned to quickly; more than that is tried in steps that double while they succeed.
    """

    def __init__(self, limit: int | None = 64):
        self.changed: Callable[[], None] = lambda: None
        self.waiting = 0  # calls in backoff, holding no slot
        self.in_flight = 0
        self.closed = False
        self._queue: collections.deque[asyncio.Future[None]] = collections.deque()
        self.set_limit(limit)

    def close(self) -> None:
        """Let no further request begin: whoever waits for a slot, or asks for one, gets Stopped."""
        self.closed = True
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_exception(Stopped())

    def set_limit(self, limit: int | None) -> None:
        """A number of slots, or None to adapt."""
        self.adaptive = limit is None
        self.limit = FIRST_LIMIT if limit is None else limit
        self._starting = limit is None
        self._good, self._step, self._credit = 0.0, 1, 0

    @contextlib.asynccontextmanager
    async def slot(self, again: bool = False) -> AsyncIterator[None]:
        """Hold a slot for the block; a call that comes `again` goes before those that never had one.

        Raises:
            Stopped: the gate is closed.
        """
        if self.closed:
            raise Stopped
        if self.in_flight >= self.limit or self._queue:
            turn = asyncio.get_running_loop().create_future()
            (self._queue.appendleft if again else self._queue.append)(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._release()  # the slot was already ours
                raise
        else:
            self.in_flight += 1
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        self.in_flight -= 1
        self._admit()

    def _admit(self) -> None:
        while self._queue and self.in_flight < self.limit:
            turn = self._queue.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)

    @contextlib.asynccontextmanager
    async def pause(self) -> AsyncIterator[None]:
        """Count the block as a wait, so that another row may use the slot."""
        self.waiting += 1
        self.changed()
        try:
            yield
        finally:
            self.waiting -= 1

    def succeeded(self) -> None:
        """A request that held a slot was answered."""
        if not self.adaptive:
            return
        if self.in_flight < self.limit and not self._queue:
            return  # demand, not the limit, held it back: nothing is learned
        self._credit += 1
        if self._starting:
            needed, step = 1, 1
        elif self.limit < self._good:
            needed, step = max(4, self.limit // 4), 1
        else:
            needed, step = max(PROBE_AFTER, 2 * self.limit), self._step
        if self._credit >= needed and self.limit < HIGHEST_LIMIT:
            if needed >= PROBE_AFTER:
                self._good, self._step = self.limit, 2 * step
            self._credit = 0
            self.limit += step
            self._admit()
            self.changed()

    def rejected(self) -> None:
        """A request was answered 429; called while it still holds its slot."""
        if not self.adaptive:
            return
        self._starting, self._credit, self._step = False, 0, 1
        if self.limit <= self._good:  # one is chance; many say that the server holds less than it did
            self._good -= 0.25
        self.limit = max(1, self.limit - 1)


class PerMinute:
    """A limit per minute, spread evenly: a token bucket that holds up to three seconds' worth.

    What the full bucket lets through at once is taken off the rate: no 60 seconds see more than the limit.
    """

    def __init__(self, per_minute: float):
        self._size = max(1.0, per_minute / 20)
        self._rate = (per_minute - self._size + min(1.0, per_minute)) / 60
        self._level, self._then = self._size, time.monotonic()

    async def take(self, amount: float = 1.0) -> None:
        """Take `amount` now, and wait until the bucket is out of debt."""
        now = time.monotonic()
        self._level = min(self._size, self._level + (now - self._then) * self._rate) - amount
        self._then = now
        if self._level < 0:
            await asyncio.sleep(-self._level / self._rate)

    def correct(self, amount: float) -> None:
        """Add to what was taken, once the true amount is known."""
        self._level -= amount


class Deadline:
    """One request's time limit: fixed, or ten times the slowest answer to its kind of prompt.

    Kinds are apart because a specification takes a hundred times as long to write as a title. While nothing
    of a kind was answered the limit is 120 s; the more answers there are, the less than that it may be, down
    to 15 s. After each time out of one request its limit doubles, up to 600 s: an answer that is slower than
    all before it still arrives, and a model that needs five minutes for its first answer gives it to the
    third try (120, 240, 480 s). Requests already in flight are measured by the limit as it stands now, so
    that a connection that hung at the start does not hold its slot for minutes. Time for which this whole
    process stood still does not count: what arrived meanwhile was paid for, and is only to be read.
    """

    def __init__(self, seconds: float | None = None):
        self.fixed = seconds
        self._seen: dict[str, tuple[int, float]] = {}  # by kind: answers, and seconds of the slowest
        self._running: dict[asyncio.Timeout, tuple[float, str, int]] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._stood_still = 0.0  # seconds

    def seconds(self, kind: str, timeouts: int = 0) -> float:
        """The limit of a request that has timed out so many times."""
        if self.fixed is not None:
            return self.fixed
        answers, slowest = self._seen.get(kind, (0, 0.0))
        least = max(SHORTEST_LIMIT, UNKNOWN_LIMIT / (1 + answers))
        return min(LONGEST_LIMIT, max(least, 10 * slowest) * 2**timeouts)

    @contextlib.asynccontextmanager
    async def limit(self, kind: str, timeouts: int = 0) -> AsyncIterator[None]:
        """Raise TimeoutError when the block takes too long."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        if self._sweeper is None or self._sweeper.done():
            self._sweeper = loop.create_task(self._sweep())
        async with asyncio.timeout(None) as timeout:
            self._running[timeout] = (start - self._stood_still, kind, timeouts)
            try:
                yield
            finally:
                del self._running[timeout]
        answers, slowest = self._seen.get(kind, (0, 0.0))
        self._seen[kind] = (answers + 1, max(slowest, loop.time() - start))

    async def _sweep(self) -> None:
        loop, pause = asyncio.get_running_loop(), min(1.0, (self.fixed or 10.0) / 10)
        while self._running:
            due = loop.time() + pause
            await asyncio.sleep(pause)
            now = loop.time()
            self._stood_still += now - due if now - due > pause else 0.0
            for timeout, (start, kind, timeouts) in self._running.items():
                took = now - self._stood_still - start
                if took > self.seconds(kind, timeouts) and not timeout.expired():
                    timeout.reschedule(now)
