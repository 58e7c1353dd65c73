"""Rate and memory of instance simulation with the embedded teacher.

    python benchmarks/simulate.py --sizes 1000 50000

Builds tools and instructions once, repeats them under new ids to the sizes asked for, and runs the real
generate/simulate_instances.py on each. Prints instances per second, per second of processor time (what
a machine without other work comes to, per core; one core is used), peak memory, and both for the largest
run as ratios to the smallest: memory is flat when its ratio is near 1.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from toolalpaca import cli
from toolalpaca.files import read_jsonl, write_jsonl

ROOT = Path(__file__).parents[1]


def timed(*command: object) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak memory in MB of a script; its errors are shown."""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen([sys.executable, *map(str, command)], stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            sys.exit(f"{command} failed:\n{log.read()[-3000:]}")
    return time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def repeated(seed_run: Path, size: int, folder: Path) -> None:
    """A run folder with `size` instructions: the seed run's, repeated under new ids and API titles."""
    tools = {row["tool_id"]: row for row in read_jsonl(seed_run / "toolset.jsonl")}
    instructions = list(read_jsonl(seed_run / "instructions.jsonl"))

    def renamed(row: dict, copy: int) -> dict:
        return {**row, "tool_id": f"{row['tool_id']}~{copy}"}

    def tool_rows():
        for copy in range(-(-size // len(instructions))):
            for tool in tools.values():
                spec = json.loads(tool["openapi"])
                spec["info"]["title"] += f" {copy}"  # else every copy would be read from a cache
                yield {**renamed(tool, copy), "openapi": json.dumps(spec, ensure_ascii=False)}

    def instruction_rows():
        for copy in itertools.count():
            for row in instructions:
                index = row["instruction_id"].rpartition("/")[2]
                new = renamed(row, copy)
                yield {**new, "instruction_id": f"{new['tool_id']}/{index}"}

    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    write_jsonl(folder / "toolset.jsonl", tool_rows())
    write_jsonl(folder / "instructions.jsonl", itertools.islice(instruction_rows(), size))


def main() -> int:
    arguments = cli.parser(__doc__)
    arguments.add_argument(
        "--sizes", type=int, nargs="+", default=[1000, 10000], metavar="N", help="instances"
    )
    arguments.add_argument("--apis", default=ROOT / "generate" / "seeds" / "apis.jsonl", help="API list")
    arguments.add_argument("--executor", default="llm", choices=("llm", "schema"))
    args = arguments.parse_args()
    generate = ROOT / "generate"
    with tempfile.TemporaryDirectory(prefix="toolalpaca-bench-") as scratch:
        seed_run = Path(scratch) / "seed"
        timed(generate / "make_toolset.py", "--apis", args.apis, "--out", seed_run)
        timed(generate / "make_instructions.py", "--out", seed_run)
        results = []
        for size in sorted(args.sizes):
            folder = Path(scratch) / str(size)
            repeated(seed_run, size, folder)
            wall, cpu, memory = timed(
                generate / "simulate_instances.py", "--out", folder, "--executor", args.executor
            )
            results.append((size, size / cpu, memory))
            print(
                f"{size} instances in {wall:.1f} s: {size / wall:.0f}/s on {cpu / wall:.2f} cores, "
                f"{size / cpu:.0f} per processor second, "
                f"peak memory {memory:.0f} MB",
                flush=True,
            )
    small, large = results[0], results[-1]
    print(
        f"{large[0] / small[0]:.0f} x the instances: memory x {large[2] / small[2]:.2f}, "
        f"rate per processor second x {large[1] / small[1]:.2f}"
    )
    return 0


if __name__ == "__main__":
    cli.run(main)
