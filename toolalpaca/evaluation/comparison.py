"""Statistics of verdicts: intervals of a rate, two models on the same tasks, repeated samples.

All of it is computed from the verdicts alone, with a fixed seed where sampling is involved, so that
the same verdicts always give the same report.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass


def wilson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of `successes` in `n`, as two fractions of one; (0, 1) when n is 0.

    Source: Wilson, 1927, "Probable inference, the law of succession, and statistical inference".
    """
    from scipy.stats import binomtest

    if n == 0:
        return 0.0, 1.0
    low, high = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    # Exact at the ends, where rounding would otherwise leave 1e-17 instead of 0.
    return (0.0 if successes == 0 else float(low)), (1.0 if successes == n else float(high))


@dataclass(frozen=True)
class Paired:
    """Two models on the same tasks. Rates and their difference (first minus second) are fractions."""

    n: int  # tasks that both models have a scored verdict for
    first: float
    second: float
    difference: float
    low: float  # 95% bootstrap interval of the difference
    high: float
    only_first: int  # tasks that only the first model gets right, first sample of each
    only_second: int
    p_value: float  # exact McNemar test, two-sided


def compare_paired(
    first: Sequence[Sequence[bool]], second: Sequence[Sequence[bool]], resamples: int = 10_000, seed: int = 0
) -> Paired:
    """Compare two models task by task.

    Args:
        first: one entry per task: the verdicts of the first model's samples, at least one.
        second: the same tasks in the same order, the second model's.
        resamples: bootstrap resamples. Whole tasks are resampled, so that several samples of one
            task do not count as independent evidence.
    """
    import numpy as np

    if len(first) != len(second) or not first:
        raise ValueError(f"expected the same, non-zero number of tasks, got {len(first)} and {len(second)}")
    a = np.array([sum(s) / len(s) for s in first])
    b = np.array([sum(s) / len(s) for s in second])
    differences = a - b
    generator = np.random.default_rng(seed)
    # In blocks: 10,000 resamples of 10,000 tasks at once would take 800 MB.
    block = max(1, min(resamples, 2_000_000 // len(differences)))
    means = np.concatenate(
        [
            differences[
                generator.integers(0, len(differences), (min(block, resamples - at), len(differences)))
            ].mean(1)
            for at in range(0, resamples, block)
        ]
    )
    low, high = np.quantile(means, [0.025, 0.975])
    only_first = sum(x[0] and not y[0] for x, y in zip(first, second, strict=True))
    only_second = sum(y[0] and not x[0] for x, y in zip(first, second, strict=True))
    return Paired(
        n=len(first),
        first=float(a.mean()),
        second=float(b.mean()),
        difference=float(differences.mean()),
        low=float(low),
        high=float(high),
        only_first=only_first,
        only_second=only_second,
        p_value=mcnemar(only_first, only_second),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of the exact McNemar test on the two counts of discordant pairs.

    Source: McNemar, 1947; exact form: a binomial test of the discordant pairs at one half.
    """
    from scipy.stats import binomtest

    n = only_first + only_second
    return float(binomtest(only_first, n).pvalue) if n else 1.0


def pass_hat_k(samples: Sequence[Sequence[bool]], k: int) -> float | None:
    """pass^k: the probability that `k` samples of a task are all right, averaged over tasks.

    Each task contributes C(c, k) / C(n, k) for c right ones of its n samples; tasks with fewer than
    k samples are left out, and None is returned when none has enough. Source: Yao et al., 2024,
    tau-bench (arXiv 2406.12045), equation of pass^k.
    """
    rates = [math.comb(sum(s), k) / math.comb(len(s), k) for s in samples if len(s) >= k]
    return sum(rates) / len(rates) if rates else None


def bootstrap_tasks(
    samples: Sequence[Sequence[bool]],
    statistic: Callable[[Sequence[Sequence[bool]]], float | None],
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """95% interval of a statistic, whole tasks resampled."""
    generator = random.Random(seed)
    values = sorted(
        value
        for _ in range(resamples)
        if (value := statistic(generator.choices(samples, k=len(samples)))) is not None
    )
    return values[int(0.025 * (len(values) - 1))], values[int(0.975 * (len(values) - 1))]
