"""Point schemathesis at every tool of a toolset and count what it finds.

    python benchmarks/schemathesis_toolset.py --toolset runs/demo/toolset.jsonl --max_examples 15
    python benchmarks/schemathesis_toolset.py --toolset runs/demo/toolset.jsonl --phases fuzzing
    python benchmarks/schemathesis_toolset.py --evaluation eval_real.json eval_simulated.json

`--evaluation` takes files in the format of the published evaluation sets, whose specifications are
served as they are. Any server error, or answer beside its specification, makes the exit status 1.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from toolalpaca import cli
from toolalpaca.agents.executors.schema import SchemaExecutor
from toolalpaca.agents.server import HOST, ToolServer, start
from toolalpaca.corpus.apis import slug
from toolalpaca.files import read_jsonl
from toolalpaca.openapi.validation import functions_of
from toolalpaca.schema import Tool, ToolAlpacaError, from_row


def read_tools(toolset: str | None, evaluation: list[str]) -> list[Tool]:
    """The tools of a toolset.jsonl, of published evaluation files, or of both."""
    tools = [from_row(Tool, row) for row in read_jsonl(toolset)] if toolset else []
    for path in evaluation:
        for row in json.loads(Path(path).read_text(encoding="utf-8")):
            text = row["Documentation"]
            tools.append(Tool(slug(row["Name"]), row["Name"], "", "", "", "", "", text, functions_of(text)))
    if not tools:
        raise ToolAlpacaError("expected --toolset FILE or --evaluation FILE ...")
    return tools


def check_tool(url: str, seed: int, options: list[str]) -> tuple[bool, int, str]:
    """Whether a tool passes, how many requests were made, and the report.

    `options` are schemathesis's own. A run that makes no request passes nothing.
    """
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", url, "--no-color",
        "--seed", str(seed), *options,
        # A simulated API issues no credentials, and keeps nothing: what is deleted can be read again
        "--exclude-checks", "ignored_auth,use_after_free",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = re.search(r"(\d+) generated", done.stdout)
    count = int(found[1]) if found else 0
    return done.returncode == 0 and count > 0, count, done.stdout + done.stderr


async def main_async(tools: list[Tool], seed: int, options: list[str]) -> int:
    runner, port = await start(ToolServer(tools, SchemaExecutor(seed)))
    began, requests, failed = time.perf_counter(), 0, []
    for number, tool in enumerate(tools, 1):
        url = f"http://{HOST}:{port}/{tool.tool_id}/openapi.json"
        good, count, report = await asyncio.to_thread(check_tool, url, seed, options)
        requests += count
        verdict = "passed" if good else "FAILED"
        print(f"{number}/{len(tools)} {tool.tool_id}: {count} requests, {verdict}", flush=True)
        if not good:
            failed.append(tool.tool_id)
            print(report)
    await runner.cleanup()
    seconds = time.perf_counter() - began
    print(f"{len(tools) - len(failed)} of {len(tools)} tools pass; {requests} requests in {seconds:.0f} s")
    return 1 if failed else 0


def main() -> int:
    arguments = cli.parser(__doc__)
    arguments.add_argument("--toolset", metavar="FILE")
    arguments.add_argument("--evaluation", nargs="*", default=[], metavar="FILE")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--max_examples", type=int, default=15, help="per operation (default: 15)")
    arguments.add_argument(
        "--phases", metavar="NAMES", help="examples, coverage, fuzzing or stateful, by comma (default: all)"
    )
    arguments.add_argument("--limit", type=int, metavar="N", help="only the first N tools")
    args = arguments.parse_args()
    tools = read_tools(args.toolset, args.evaluation)[: args.limit]
    options = ["--max-examples", str(args.max_examples)]
    options += ["--phases", args.phases] if args.phases else []
    return asyncio.run(main_async(tools, args.seed, options))


if __name__ == "__main__":
    cli.run(main)
