"""What a paid stage will come to, learned from the first rows of the run itself."""

from __future__ import annotations

import math
import statistics
from contextvars import ContextVar
from dataclasses import dataclass, field

LEARNED_FROM = 10  # rows, in the order of the input: those that end first are the short ones
Z_90 = 1.645  # standard deviations on either side of the middle 90% of a normal distribution


@dataclass
class Usage:
    """What one row's calls came to, retries and useless replies included. Money is in US dollars."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0

    def add(self, tokens_in: int, tokens_out: int, cost: float) -> None:
        """Count a reply that was billed."""
        self.calls += 1
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
        self.cost += cost


# The row for which a model is being asked: each row is worked on in a task of its own.
ROW_USAGE: ContextVar[Usage | None] = ContextVar("ROW_USAGE", default=None)


@dataclass
class Forecast:
    """Collects the usage of a stage's first rows, and says once what the rest will come to.

    Args:
        stage: the stage's name.
        open_rows: rows that are to be worked on in this process.
        priced: whether all prices are known, so that money can be told.
    """

    stage: str
    open_rows: int
    priced: bool
    usages: list[Usage] = field(default_factory=list)
    _ended: set[int] = field(default_factory=set)
    _told: bool = False

    def begin(self) -> tuple[int, Usage]:
        """The number of a row that begins now, and its usage."""
        self.usages.append(Usage())
        return len(self.usages) - 1, self.usages[-1]

    def end(self, number: int) -> str:
        """Note that a row ended; the forecast's line when the first ten rows have, else empty.

        Tokens of rows that reach no model (stored replies) say nothing, so a run that is resumed learns from
        the first rows that it pays for.
        """
        self._ended.add(number)
        first = min(LEARNED_FROM, self.open_rows)
        if self._told or first < LEARNED_FROM or not all(n in self._ended for n in range(first)):
            return ""
        self._told = True
        seen = [usage for usage in self.usages[:first] if usage.calls]
        if not seen or self.open_rows == first:
            return ""
        return self._line(seen, first)

    def _line(self, seen: list[Usage], first: int) -> str:
        parts = []
        for name, unit in (("calls", "calls"), ("tokens_in", "tokens in"), ("tokens_out", "out")):
            low, middle, high = self._range([getattr(usage, name) for usage in seen], len(seen) / first)
            parts.append(f"{middle:,.0f} {unit} ({low:,.0f} to {high:,.0f})")
        if self.priced:
            low, middle, high = self._range([usage.cost for usage in seen], len(seen) / first)
            parts.append(f"${middle:.2f} (${low:.2f} to ${high:.2f})")
        return (
            f"forecast of {self.stage}: {', '.join(parts)} for {self.open_rows} rows, "
            f"learned from the first {first}"
        )

    def _range(self, values: list[float], share: float) -> tuple[float, float, float]:
        """Low, expected and high sum over all open rows, if `share` of them spend as `values` did."""
        count, mean = self.open_rows * share, statistics.fmean(values)
        spread = statistics.stdev(values) if len(values) > 1 else mean
        # of the mean that ten rows show, and of the rows still to come around it
        off = Z_90 * spread * math.sqrt(count**2 / len(values) + count)
        return max(sum(values), count * mean - off), count * mean, count * mean + off
