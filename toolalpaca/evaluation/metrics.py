"""Figures over verdicts: rates with intervals, error counts, and how far two annotators agree.

Intervals, paired tests and repeated samples live in comparison.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from toolalpaca.evaluation.comparison import wilson
from toolalpaca.schema import ErrorType, Verdict


@dataclass(frozen=True)
class Rate:
    """`successes` of `n`, with the 95% Wilson interval as fractions."""

    successes: int
    n: int

    @property
    def value(self) -> float:
        return self.successes / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.successes, self.n)

    def __str__(self) -> str:
        if not self.n:
            return "none scored"
        low, high = self.interval
        interval = f"95% interval {100 * low:.1f} to {100 * high:.1f}"
        return f"{self.successes} of {self.n} ({100 * self.value:.1f}%, {interval})"


@dataclass(frozen=True)
class Tally:
    """What a list of verdicts adds up to. Unscored verdicts stand beside the denominators."""

    episodes: int
    machinery: int  # episodes without any verdict: endpoint failures, unreadable gold
    errors: dict[str, int]  # episodes that show each type at least once
    first_function: Rate
    procedure: Rate
    answer: Rate
    overall: Rate


def tally(verdicts: Sequence[Verdict]) -> Tally:
    """Counts over verdicts; None values are in no denominator."""
    shown = Counter(kind for v in verdicts for kind in {str(f.type) for f in v.findings})
    return Tally(
        episodes=len(verdicts),
        machinery=sum(v.procedure is None for v in verdicts),
        errors={str(kind): shown.get(str(kind), 0) for kind in ErrorType},
        first_function=rate(v.first_function for v in verdicts),
        procedure=rate(v.procedure for v in verdicts),
        answer=rate(v.answer for v in verdicts),
        overall=rate(v.overall for v in verdicts),
    )


def rate(values: Iterable[bool | None]) -> Rate:
    """The share of True among the values that are scored (not None)."""
    scored = [value for value in values if value is not None]
    return Rate(sum(scored), len(scored))


@dataclass(frozen=True)
class Agreement:
    """Two annotators on the same items. `table[one, other]` counts items by the pair of labels."""

    table: dict[tuple[str, str], int]

    @property
    def n(self) -> int:
        return sum(self.table.values())

    @property
    def observed(self) -> float:
        """Share of the items on which they agree; 0 when there are none."""
        return sum(c for (one, other), c in self.table.items() if one == other) / self.n if self.n else 0.0

    @property
    def kappa(self) -> float:
        """Cohen's kappa: agreement beyond chance. 1 when both give one and the same label to all.

        Source: Cohen, 1960, "A coefficient of agreement for nominal scales".
        """
        if not self.n:
            return 0.0
        rows, columns = Counter[str](), Counter[str]()
        for (one, other), count in self.table.items():
            rows[one] += count
            columns[other] += count
        chance = sum(rows[label] * columns[label] for label in rows) / self.n**2
        return (self.observed - chance) / (1 - chance) if chance < 1 else 1.0

    def __str__(self) -> str:
        return f"{100 * self.observed:.1f}% (kappa {self.kappa:.2f})"


def kappa_interval(
    pairs: Sequence[tuple[bool, bool]], resamples: int = 5_000, seed: int = 0
) -> tuple[float, float]:
    """95% interval of Cohen's kappa on two-valued labels, items resampled (percentile bootstrap)."""
    import numpy as np
    from scipy.stats import bootstrap

    def kappa(one: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
        p, q = one.mean(axis), other.mean(axis)
        chance = p * q + (1 - p) * (1 - q)
        certain = chance >= 1
        beyond = ((one == other).mean(axis) - chance) / np.where(certain, 1, 1 - chance)
        return np.where(certain, 1.0, beyond)

    if len(pairs) < 2:
        return -1.0, 1.0
    columns = np.array(pairs, dtype=float).T
    found = bootstrap(
        tuple(columns), kappa, paired=True, n_resamples=resamples, method="percentile", rng=seed
    ).confidence_interval
    return float(found.low), float(found.high)


def agreement(pairs: Iterable[tuple[str, str]]) -> Agreement:
    """Agreement of two annotators, given each item's pair of labels."""
    return Agreement(dict(Counter(pairs)))
