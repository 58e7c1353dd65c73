"""What `python -m toolalpaca.runs.status RUN` prints. Reads a run that is being worked on, too."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from toolalpaca import cli
from toolalpaca.runs import statements as sql
from toolalpaca.runs.ledger import connect
from toolalpaca.runs.progress import duration
from toolalpaca.schema import ToolAlpacaError

WORST = 5  # failure reasons shown per stage


def main() -> None:
    """Counts per stage, tokens in and out, cost at given prices, rate and what failed most.

    python -m toolalpaca.runs.status RUN [--price_in USD --price_out USD]
    """
    arguments = cli.parser(main.__doc__ or "")
    arguments.prog = "python -m toolalpaca.runs.status"
    arguments.add_argument("run", help="run folder")
    arguments.add_argument(
        "--price_in", type=float, help="US dollars per million tokens; default: the prices of the run"
    )
    arguments.add_argument(
        "--price_out", type=float, help="US dollars per million tokens; default: the prices of the run"
    )
    args = arguments.parse_args()
    path = Path(args.run) / "ledger.sqlite"
    if not path.is_file():
        raise ToolAlpacaError(f"{path} does not exist; give the folder of a run")
    print("\n".join(status(connect(path, readonly=True), args.price_in, args.price_out)))


def status(
    ledger: sqlite3.Connection, price_in: float | None = None, price_out: float | None = None
) -> list[str]:
    """The lines of a ledger's state."""
    lines = []
    stages = [
        (key.partition(":")[2], json.loads(value)["pass"])
        for key, value in ledger.execute(
            "SELECT key, value FROM meta WHERE key LIKE 'stage:%' ORDER BY rowid"
        )
    ]
    for stage, number in stages:
        where = "FROM rows WHERE stage=? AND pass=?"
        counts = dict(ledger.execute(f"SELECT state, count(*) {where} GROUP BY state", (stage, number)))
        states = ", ".join(f"{counts.get(state, 0)} {state}" for state in ("succeeded", "failed", "pending"))
        lines.append(f"{stage}: {sum(counts.values())} rows: {states}")
        lines += _spent(ledger, stage, price_in, price_out)
        worst = ledger.execute(
            f"SELECT reason, count(*), max(detail) {where} AND state='failed' "
            "GROUP BY reason ORDER BY 2 DESC LIMIT ?",
            (stage, number, WORST),
        )
        lines += [f"  failed: {count} {reason}, e.g. {detail[:200]}" for reason, count, detail in worst]
        faults = ledger.execute(
            "SELECT reason, sum(count) FROM faults WHERE stage=? GROUP BY reason ORDER BY 2 DESC LIMIT ?",
            (stage, WORST),
        ).fetchall()
        if faults:
            lines.append(
                "  attempts that failed: " + ", ".join(f"{count} {reason}" for reason, count in faults)
            )
    return lines or ["no stage has been run"]


def _spent(
    ledger: sqlite3.Connection, stage: str, price_in: float | None, price_out: float | None
) -> list[str]:
    lines = []
    rows = ledger.execute(
        """SELECT role, sum(calls), sum(tin), sum(tout), min(first), max(last), sum(bad) FROM (
            SELECT role, count(*) calls, sum(tokens_in) tin, sum(tokens_out) tout, min(created) first,
                max(created) last, sum(rejected != '') bad FROM completions WHERE stage=:stage GROUP BY role
            UNION ALL
            SELECT role, 0, sum(tokens_in), sum(tokens_out), min(created), max(created), 0
                FROM attempts WHERE stage=:stage GROUP BY role)
        GROUP BY role ORDER BY role""",
        {"stage": stage},
    ).fetchall()
    for role, calls, tokens_in, tokens_out, first, last, rejected in rows:
        found = ledger.execute(sql.MODEL, (stage, role)).fetchone()
        name = json.loads(found[0]).get("model") if found else "?"
        stored = found[1:] if found else (None, None)
        prices = [stored[0] if price_in is None else price_in, stored[1] if price_out is None else price_out]
        text = f"  {role} ({name}): {calls} replies"
        if rejected:
            text += f", {rejected} of them unusable"
        text += f", {tokens_in:,} tokens in, {tokens_out:,} out"
        if None not in prices:
            text += f", ${(tokens_in * prices[0] + tokens_out * prices[1]) / 1e6:.4f}"
        seconds = last - first
        if seconds > 0:
            text += f", {calls / seconds:.1f} replies/s over {duration(seconds)}"
        lines.append(text)
    return lines


if __name__ == "__main__":
    cli.run(main)
