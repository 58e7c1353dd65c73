"""What a paid stage will come to, said before it starts."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from toolalpaca.runs import statements as sql
from toolalpaca.runs.ledger import Ledger
from toolalpaca.runs.recorder import Meter, Probed, Recorded

PROBED_ROWS = 3  # rows whose first prompt is measured


async def forecast(
    rows: Iterable[Any],
    fn: Callable[[Any], Awaitable[Any]],
    *,
    count: int,
    done: int,
    calls_per_row: float,
    meter: Meter,
    ledger: Ledger,
    models: list[Recorded],
    stage: str,
) -> str:
    """One line: calls, tokens and cost of the `count` open rows; empty when nothing is left to ask.

    Tokens in are those of the first prompts of some rows (nothing is sent), until the calls that the
    stage's `models` (those that cost) have answered can be averaged; so are calls per row and tokens
    out. Until then the dearest model's price counts.
    """
    meter.probing = True
    try:
        for row in itertools.islice(rows, PROBED_ROWS):
            with contextlib.suppress(Probed, Exception):
                await fn(row)
    finally:
        meter.probing = False
    if not meter.probes:
        return ""
    measured = [ledger.query(sql.MEASURED, stage, model.role)[0] for model in models]
    if done and (so_far := sum(calls for calls, _, _ in measured)):
        share = count / done
        uses = [(calls * share, (t_in or 0) * share, (t_out or 0) * share) for calls, t_in, t_out in measured]
        cost = sum(m.price(t_in, t_out) for m, (_, t_in, t_out) in zip(models, uses, strict=True))
        calls, tokens_in, tokens_out = (sum(column) for column in zip(*uses, strict=True))
        source = f"as in {so_far:,} calls so far"
    else:
        calls, typical = count * calls_per_row, max(model.typical_out for model in models)
        tokens_in, tokens_out = calls * sum(meter.probes) / len(meter.probes), calls * typical
        cost = max(model.price(tokens_in, tokens_out) for model in models)
        source = f"assuming {calls_per_row:g} calls a row and {typical} tokens a reply"
    text = f"forecast of {stage}: about {calls:,.0f} calls, {tokens_in:,.0f} tokens in, {tokens_out:,.0f} out"
    if not any(None in model.prices for model in models):
        text += f", ${cost:.2f}"
    return f"{text} ({source})"
