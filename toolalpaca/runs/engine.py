"""The loop behind `Run.stage`: work through the rows that are open, with bounded concurrency."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

from toolalpaca.files import dumps
from toolalpaca.models.pacing import Gate, Stopped
from toolalpaca.models.retrying import KEY_REFUSED, UNPAID
from toolalpaca.runs import statements as sql
from toolalpaca.runs.forecast import ROW_USAGE, Forecast
from toolalpaca.runs.ledger import Ledger
from toolalpaca.runs.progress import Progress, Summary
from toolalpaca.runs.recorder import Meter, Recorded
from toolalpaca.runs.rows import Row, StageRows
from toolalpaca.runs.stopping import on_signals
from toolalpaca.schema import ReplyError, RowFailure, ToolAlpacaError

WIDEST = 8  # rows in work, as a multiple of the concurrency, while others wait out a backoff
MAX_DETAIL = 2000  # characters of a failure's detail that are kept
OPEN_WIDTH = 64  # rows in work under "auto" when no model has a gate


class Work:
    """One call of `Run.stage`. `concurrency` None adapts to the endpoint."""

    def __init__(
        self,
        rows: StageRows,
        fn: Callable[[Row], Awaitable[Row | list[Row]]],
        *,
        output: Path,
        concurrency: int | None,
        ledger: Ledger,
        meter: Meter,
        models: list[Recorded],
        retry_failed: bool,
        failed: Callable[[Row, str], Row] | None,
    ):
        self.rows, self.fn, self.name = rows, fn, rows.stage
        self.ledger, self.meter, self.models, self.retry_failed = ledger, meter, models, retry_failed
        self.concurrency, self.failed = concurrency, failed
        self.summary = Summary(self.name, output=output)
        gates = {id(m.gate): m.gate for m in models if m.gate}
        self.gates: list[Gate] = list(gates.values())
        self.tasks: set[asyncio.Task[None]] = set()
        self.error: BaseException | None = None
        self.signal = 0
        self.shown_bug = False

    def run(self) -> Summary:
        """Do it, print the one-line summary, and return it.

        Raises:
            ToolAlpacaError: the endpoint refuses every call, the money is spent, the disk is full, rows are
                pending at the end (--retry_failed leaves those alone that were never done), ...
            KeyboardInterrupt: Ctrl-C.
        """
        start, summary = time.monotonic(), self.summary
        output = summary.output
        summary.total = self.rows.register()
        self.rows.count(summary)
        settled = not summary.pending and not (self.retry_failed and summary.failed)
        if settled and self.rows.is_exported(output):
            summary.nothing_to_do = True
        else:
            if not settled:
                asyncio.run(self._work())
            self.ledger.flush()
            self.rows.count(summary)
            self._raise_if_stopped()
            if summary.pending:  # an export without them would look whole
                raise ToolAlpacaError(
                    f"{summary.pending} of {summary.total} rows of stage {self.name} are pending, and "
                    f"{output} is as it was: run the same command again, without --retry_failed, to go on"
                )
            self.rows.export(output, self.failed)
        print(summary.line(time.monotonic() - start), flush=True)
        return summary

    async def _work(self) -> None:
        self.changed = asyncio.Event()
        for gate in self.gates:
            gate.closed = False
            gate.set_limit(self.concurrency)
            gate.changed = self.changed.set
        before = self.summary.succeeded + (0 if self.retry_failed else self.summary.failed)
        if self.retry_failed:
            self.summary.failed = 0
        self.progress = Progress(self.name, self.summary, self.meter, before)
        self.meter.retrying = self.retry_failed
        paid = [m for m in self.models if m.paid]
        left = self.summary.total - self.summary.succeeded - self.summary.failed
        priced = not any(None in m.prices for m in paid)
        self.forecast = Forecast(self.name, left, priced) if paid else None
        ticker = asyncio.create_task(self._tick())
        try:
            with on_signals(self._on_signal):
                await self._admit()
                while self.tasks and not self._stopping:
                    self.changed.clear()
                    await self.changed.wait()
                await self._drain()
        finally:
            ticker.cancel()
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            for recorded in self.models:
                await recorded.aclose()
            self.progress.show(self._in_flight, last=True)
        if self.error:
            raise self.error

    async def _admit(self) -> None:
        for row in self.rows.open(self._wanted):
            while len(self.tasks) >= self._width() and not self._stopping:
                self.changed.clear()
                await self.changed.wait()
            if self._stopping:
                return
            task = asyncio.create_task(self._one(row))
            self.tasks.add(task)
            task.add_done_callback(self._done)

    @property
    def _wanted(self) -> str:
        return "failed" if self.retry_failed else "pending"

    @property
    def _stopping(self) -> bool:
        return bool(self.meter.stopping or self.error)

    def _width(self) -> int:
        # To learn what an endpoint allows there must be more rows than slots.
        base = self.concurrency or sum(2 * gate.limit + 8 for gate in self.gates) or OPEN_WIDTH
        # A row in a backoff, or whose reply is on its way to the disk, leaves its slot to another.
        return min(base + sum(gate.waiting for gate in self.gates) + self._storing, base * WIDEST)

    async def _drain(self) -> None:
        """Wait for the calls in flight, then give up what only waits (a backoff, a slot)."""
        for gate in self.gates:
            gate.close()
        # On a ledger that cannot be written there is nothing to wait for.
        while self._in_flight and not self.ledger.broken:
            await asyncio.sleep(0.02)
        for _ in range(10):  # rows whose last reply has come finish in a few turns of the loop
            await asyncio.sleep(0)
        for task in self.tasks:
            task.cancel()

    def _on_signal(self, number: int) -> None:
        self.signal = number
        self.meter.stopping = "signal"
        self.changed.set()
        with contextlib.suppress(OSError, ValueError):
            line = f"\nstopping: {self._in_flight} calls in flight are awaited; Ctrl-C again to stop at once"
            print(line, file=sys.stderr, flush=True)

    @property
    def _storing(self) -> int:
        return sum(m.at_work for m in self.models if m.paid)

    @property
    def _in_flight(self) -> int:
        """Calls whose reply would be lost if the process ended now."""
        return sum(gate.in_flight for gate in self.gates) + sum(m.at_work for m in self.models)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            self.progress.show(self._in_flight)
            if self._stopping:
                self.changed.set()

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self.changed.set()
        if not task.cancelled() and (error := task.exception()) is not None and self.error is None:
            self.error = error

    async def _one(self, row: Row) -> None:
        key = self.rows.key(row)
        number = -1
        if self.forecast:
            number, usage = self.forecast.begin()
            ROW_USAGE.set(usage)
        try:
            result = await self.fn(row)
            lines = "".join(dumps(r) + "\n" for r in (result if isinstance(result, list) else [result]))
        except Stopped:
            return
        except RowFailure as failure:
            self._fail(key, failure.reason, failure.detail, failure.attempts)
        except ReplyError as failure:
            self._fail(key, failure.reason, failure.detail, 1)
        except ToolAlpacaError:
            raise
        except Exception as error:
            if not self.shown_bug:  # a bug in the stage's function: one traceback is enough to find it
                self.shown_bug = True
                print(self._scrub(traceback.format_exc()), file=sys.stderr, flush=True)
            self._fail(key, "internal_error", f"{type(error).__name__}: {error}", 1)
        else:
            self.ledger.put(sql.SUCCEED, lines, self.name, key)
            self.summary.succeeded += 1
        if self.forecast and (line := self.forecast.end(number)):
            self.progress.say(line)

    def _fail(self, key: str, reason: str, detail: str, attempts: int) -> None:
        detail = self._scrub(detail)[:MAX_DETAIL]
        self.ledger.put(sql.FAIL, reason, detail, attempts, self.name, key)
        self.summary.failed += 1

    def _scrub(self, text: str) -> str:
        for recorded in self.models:
            text = recorded.scrub(text)
        return text

    def _raise_if_stopped(self) -> None:
        meter, summary = self.meter, self.summary
        if meter.refused and not meter.answered and not meter.served and not summary.succeeded:
            self.rows.reopen_failed()
            raise ToolAlpacaError(f"the endpoint refused every call ({meter.refused}): {meter.last_refusal}")
        if meter.key_refused and meter.key_refused == meter.refused and not meter.answered:
            self.rows.reopen_failed(KEY_REFUSED)
            raise ToolAlpacaError(
                f"the endpoint refused every call of this run ({meter.refused}): {meter.last_refusal} "
                f"({summary.succeeded} of {summary.total} rows are done; run the same command again, with a "
                "key that it takes, to go on)"
            )
        if meter.stopping == "refused":
            self.rows.reopen_failed(UNPAID | {meter.last_reason})
            raise ToolAlpacaError(
                f"the endpoint now refuses every call: {meter.last_refusal} "
                f"({summary.succeeded} of {summary.total} rows are done; run the same command again to go on)"
            )
        if self.signal:
            summary.output = None
            print(summary.line(), flush=True)
            if self.signal == signal.SIGTERM:
                sys.exit(128 + self.signal)
            raise KeyboardInterrupt
        if meter.stopping == "uncounted":
            raise ToolAlpacaError(
                "--max_cost cannot be kept: the endpoint does not say what a reply took in tokens (`usage`); "
                f"{summary.pending} of {summary.total} rows pending, leave --max_cost out to go on"
            )
        if meter.stopping == "max_cost":
            raise ToolAlpacaError(
                f"stopped before passing --max_cost {meter.max_cost:g}: ${meter.cost:.4f} spent, "
                f"the next call might have cost ${meter.too_dear:.4f} (max_tokens limits that), "
                f"{summary.pending} of {summary.total} rows pending; raise it and run the same command again"
            )
