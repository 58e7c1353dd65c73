"""How a stage shows its work: one live line on a terminal, plain lines every few seconds elsewhere."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LIVE_EVERY, PLAIN_EVERY = 0.5, 5.0  # seconds


def duration(seconds: float) -> str:
    """`75 -> 1m15s`."""
    seconds = int(seconds)
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    return f"{seconds // 3600}h{seconds % 3600 // 60:02d}m"


@dataclass
class Summary:
    """What became of a stage's input rows; the three add up to `total`."""

    stage: str
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    pending: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    output: Path | None = None
    nothing_to_do: bool = False

    def line(self, seconds: float | None = None) -> str:
        """One line for people."""
        text = f"{self.stage}: {self.succeeded} of {self.total} rows"
        if self.nothing_to_do:
            text += ", nothing to do"
        elif seconds is not None:
            text += f" in {duration(seconds)}"
        if self.failed:
            reasons = ", ".join(f"{n} {reason}" for reason, n in self.reasons.items())
            text += f"; {self.failed} failed ({reasons}): --retry_failed runs these again"
        if self.pending:
            text += f"; {self.pending} pending: run the same command again to go on"
        return text + (f" -> {self.output}" if self.output else "")


class Progress:
    """Prints to standard error; a terminal that goes away never ends the work."""

    def __init__(self, stage: str, summary: Any, meter: Any, before: int):
        self.stage, self.summary, self.meter, self.before = stage, summary, meter, before
        self.live = sys.stderr.isatty()
        self._start = self._shown = time.monotonic()
        self._width = 0

    def show(self, in_flight: int, last: bool = False) -> None:
        """Show the state with so many calls in flight, when it is time (or at the end of a live line)."""
        now = time.monotonic()
        if not last and now - self._shown < (LIVE_EVERY if self.live else PLAIN_EVERY):
            return
        self._shown = now
        if last and not self.live:
            return
        line = self._line(now - self._start, in_flight)
        with contextlib.suppress(OSError, ValueError):
            if self.live:
                line = line[: shutil.get_terminal_size().columns - 1]
                sys.stderr.write("\r" + line.ljust(self._width) + ("\n" if last else ""))
                self._width = len(line)
            else:
                sys.stderr.write(line + "\n")
            sys.stderr.flush()

    def say(self, line: str) -> None:
        """Print a line of its own to standard output, below a live line."""
        if self.live:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write("\n")
        print(line, flush=True)

    def _line(self, seconds: float, in_flight: int) -> str:
        s, m = self.summary, self.meter
        done = s.succeeded + s.failed
        parts = [f"{self.stage}: {done}/{s.total} done"]
        if s.failed:
            parts.append(f"{s.failed} failed")
        parts.append(f"{in_flight} in flight")
        if seconds > 0:
            finished = done - self.before
            parts.append(f"{finished / seconds:.1f} rows/s")
            if m.calls:
                parts.append(f"{m.calls / seconds:.1f} calls/s")
            if m.tokens_out:
                parts.append(f"{(m.tokens_in + m.tokens_out) / seconds:,.0f} tokens/s")
            if m.cost:
                parts.append(f"${m.cost:.2f}")
            if finished and done < s.total:
                parts.append(f"{duration((s.total - done) * seconds / finished)} left")
        if m.faults:
            worst = max(m.faults, key=m.faults.__getitem__)
            parts.append(f"retried {sum(m.faults.values())} (most: {worst})")
        return ", ".join(parts)
