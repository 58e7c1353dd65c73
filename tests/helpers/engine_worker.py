"""A stage over echo prompts, run as a process of its own so that tests can kill it.

    python tests/helpers/engine_worker.py --out RUN --rows 100 --model openai/echo

Ends with one JSON line: seconds of the stage, its counts and the peak of resident memory.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toolalpaca import cli
from toolalpaca.models.boundary import ask
from toolalpaca.models.prompts import Prompt, PromptFolder
from toolalpaca.runs.stage import Run
from toolalpaca.schema import ReplyError

PROMPTS = Path(__file__).parent / "engine_prompts"


class Rows:
    """Rows 0..n-1, made as they are read."""

    def __init__(self, n: int, words: int):
        self.n, self.words = n, words

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return ({"id": f"row-{i}", "text": f"row-{i}\n" + "word " * self.words} for i in range(self.n))


def parse(text: str) -> dict[str, Any]:
    """The echo in a reply."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise ReplyError("not_json", str(error)) from None


def memory(field: str) -> float:
    """MiB of a field of /proc/self/status. Its VmHWM is this program's own peak; the peak of getrusage
    starts at the memory of the process that started this one."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) / 1024


def main() -> None:
    """Run the stage."""
    arguments = cli.parser(__doc__)
    cli.add_run_arguments(arguments)
    arguments.add_argument("--rows", type=int, default=100)
    arguments.add_argument("--words", type=int, default=20)
    arguments.add_argument("--calls", type=int, default=1, help="calls per row, one after the other")
    arguments.add_argument("--max_pages", type=int, default=0, help="SQLite's page limit for the ledger")
    arguments.add_argument("--crash", action="store_true", help="end in an exception that nobody catches")
    args = arguments.parse_args()
    folder = PromptFolder(PROMPTS)
    sockets: list[object] = []
    sys.addaudithook(lambda event, arguments: event.startswith("socket.") and sockets.append(event))
    with Run.open(
        args.out,
        stage="echo",
        config={"model": args.model, "seed": args.seed},
        models=args.models,
        retry_failed=args.retry_failed,
        max_cost=args.max_cost,
    ) as run:
        model = run.model(args.model, role="echo", seed=args.seed)
        if args.max_pages:
            run.ledger._writer.execute(f"PRAGMA max_page_count={args.max_pages}")

        async def echo(row: dict[str, Any]) -> dict[str, Any]:
            replies = []
            for call in range(args.calls):
                text = row["text"] if not call else row["text"] + f"call {call}"
                replies.append(await ask(model, Prompt("echo", {"text": text}, prompts=folder), parse))
            return {"id": row["id"], "echo": replies[-1]["echo"], "model": model.name}

        import aiohttp  # noqa: F401  (so that `before` has the imports)
        import openai
        import openai.resources.chat  # noqa: F401

        before, start, cpu = memory("VmRSS"), time.monotonic(), time.process_time()
        summary = run.stage(
            "echo",
            Rows(args.rows, args.words),
            echo,
            key=lambda row: row["id"],
            output="echo.jsonl",
            concurrency=args.concurrency,
        )
        if args.crash:
            raise RuntimeError(f"crashed: {summary.reasons} {run.ledger.query('SELECT detail FROM rows')}")
        seconds, cpu = time.monotonic() - start, time.process_time() - cpu
        meter = run.meter
    peak = memory("VmHWM")
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu": cpu,
                "succeeded": summary.succeeded,
                "failed": summary.failed,
                "calls": meter.calls,
                "tokens_in": meter.tokens_in,
                "tokens_out": meter.tokens_out,
                "before": before,
                "peak": peak,
                "after": memory("VmRSS"),
                "sockets": len([event for event in sockets if event != "socket.__new__"]),
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    cli.run(main)
