"""How fast a dataset is built, and in how much memory: instances per second and peak at 10,000 and 100,000.

    python benchmarks/build_dataset.py
    python benchmarks/build_dataset.py --instances 10000 --workers 1

Goal: 2,000 instances per second on two cores, within 1 GB over all processes.
"""

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from toolalpaca.files import dumps, write_jsonl
from toolalpaca.openapi import validation
from toolalpaca.schema import Tool, to_row

SCRIPT = Path(__file__).parent.parent / "generate" / "build_dataset.py"
WORDS = [
    "amber",
    "basin",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "harbor",
    "island",
    "jungle",
    "kelp",
    "lagoon",
    "meadow",
    "north",
]


def tool(number: int) -> dict:
    """A tool of five functions with documentation of a usual length."""
    fields = {w: {"type": "string", "description": f"The {w} of it."} for w in WORDS}
    paths = {}
    for verb in ("search", "get", "list", "compare", "count"):
        parameters = [
            {"name": w, "in": "query", "required": w < "c", "schema": fields[w], "description": f"Which {w}."}
            for w in WORDS[:4]
        ]
        content = {"application/json": {"schema": {"type": "object", "properties": fields}}}
        paths[f"/{verb}"] = {
            "get": {
                "operationId": f"{verb}Thing{number}",
                "description": f"{verb.title()} things of collection {number}.",
                "parameters": parameters,
                "responses": {"200": {"description": "OK", "content": content}},
            }
        }
    spec = json.dumps({"openapi": "3.0.0", "info": {"title": "T", "version": "1"}, "paths": paths})
    functions = validation.functions_of(spec)
    documentation = validation.documentation_of(functions)
    name, category = f"Thing {number}", f"Category {number % 50}"
    about = f"Collection {number} of things."
    made = Tool(
        f"c{number % 50}-thing-{number}", name, category, "", about, about, documentation, spec, functions
    )
    return to_row(made)


def instance(tool: dict, number: int) -> dict:
    """An instance of one or two calls."""
    words = [WORDS[(number * k + k) % len(WORDS)] for k in range(1, 9)]
    body = dumps({"results": [{"id": f"{w}-{number}", "value": number % 97, "place": w} for w in words[:5]]})
    step = {
        "thought": "The request names a collection, so this function is the one that answers it.",
        "function": tool["functions"][number % 5]["name"],
        "input": dumps({"amber": words[0], "basin": words[1]}),
        "response": f"Status Code: 200. Response: {body}",
        "error": "",
        "status": 200,
    }
    who = {"assistant": "offline", "user": "offline", "executor": "offline", "seed": 0}
    return {
        "instance_id": f"{tool['tool_id']}/{number}",
        "tool_id": tool["tool_id"],
        "instruction": f"For report {number} of {tool['name']} find {_prose(number)}, and name the largest.",
        "steps": [step] * (1 + number % 3 // 2),
        "final_thought": "The response holds what was asked for.",
        "final_output": f"The largest is {words[0]}-{number}, in {words[0]}, with a value of {number % 97}.",
        "labels": ["single_call"],
        "provenance": who,
    }


def _prose(number: int) -> str:
    """Twelve words that few other numbers share."""
    digits = hashlib.sha256(str(number).encode()).hexdigest()
    return " ".join(digits[i : i + 3] for i in range(0, 36, 3))


def peak_memory(pid: int, peak: list[float], stop: threading.Event) -> None:
    """Follow the resident memory, in MB, of a process and its children until `stop`."""
    while not stop.wait(0.1):
        peak[0] = max(peak[0], sum(_resident(process) for process in _family(pid)))


def _family(pid: int) -> list[int]:
    found = [pid]
    for process in found:
        for task in Path(f"/proc/{process}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue
    return found


def _resident(pid: int) -> float:
    """Proportional set size: pages shared between the processes are counted once."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def measure(count: int, workers: int) -> None:
    """Build a corpus of `count` instances, ten per tool, and print rate and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        tools = [tool(number) for number in range(max(10, count // 10))]
        write_jsonl(run / "toolset.jsonl", tools)
        write_jsonl(run / "instances.jsonl", (instance(tools[i // 10], i) for i in range(count)))
        del tools
        size = sum(path.stat().st_size for path in run.iterdir()) / 1e6
        peak, stop = [0.0], threading.Event()
        started = time.monotonic()
        command = [sys.executable, str(SCRIPT), folder, "--workers", str(workers)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        watcher = threading.Thread(target=peak_memory, args=(process.pid, peak, stop))
        watcher.start()
        output, _ = process.communicate()
        stop.set()
        watcher.join()
        seconds = time.monotonic() - started
        if process.returncode:
            sys.exit(output)
        print(output.rstrip())
    rate = count / seconds
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"build_dataset: {count:,} instances ({size:.0f} MB) in {seconds:.1f} s with {workers} processes "
        f"(all children so far: {spent.ru_utime + spent.ru_stime:.1f} s of CPU): "
        f"{rate:,.0f}/s = {rate / 2000:.2f} x goal; peak {peak[0]:,.0f} MB = {peak[0] / 1024:.2f} x limit"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--instances", type=int, nargs="+", default=[10_000, 100_000])
    arguments.add_argument("--workers", type=int, default=2)
    args = arguments.parse_args()
    for count in args.instances:
        measure(count, args.workers)


if __name__ == "__main__":
    main()
