"""Check authored tools: nothing enters the library that does not follow from its own world and words.

    python generate/check_library.py
    python generate/check_library.py generate/seeds/tools/books/open-library.yaml --play
    python generate/check_library.py --record

Without FILES all of generate/seeds/tools. Every call is made against the tool's specification and world; each
value of a call and each number and name of an answer must stand in the request, an observation or the
documentation; no instruction may repeat another or a published task; wording stays within bounds. `--record`
writes the observations beside the tools (observations.jsonl of each category), and a later check compares
with them. Exits 1 when there is a finding.
"""

import dataclasses
import json
import os
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from itertools import zip_longest
from pathlib import Path

from toolalpaca import cli
from toolalpaca.corpus import authored_checks, authored_wording
from toolalpaca.evaluation import grounding
from toolalpaca.files import dumps, read_jsonl, write_jsonl
from toolalpaca.offline.library.tools import HOME, AuthoredInstruction, AuthoredTool, library_files, load_tool
from toolalpaca.schema import ToolAlpacaError

RECORD = "observations.jsonl"
PUBLISHED = Path(__file__).parents[2] / "shared" / "data" / "toolalpaca"


def check(path: Path) -> tuple[list[str], list[dict], AuthoredTool | None]:
    """Findings of one file, what its instructions see, and the tool."""
    try:
        tool = load_tool(path)
    except ToolAlpacaError as error:
        return [str(error)], [], None
    found = [str(finding) for finding in authored_checks.check_tool(tool, grounding.check)]
    played = []
    for asked in tool.instructions:
        try:
            seen = authored_checks.play(tool, asked).observations
        except Exception as error:  # a finding says what is wrong with it
            seen = [f"not played: {error}"]
        played.append({"tool": path.stem, "say": asked.text, "observations": seen})
    return found, played, tool


def compare(recorded: dict[Path, list[dict]]) -> list[str]:
    """Findings where an instruction sees something else than what was recorded."""
    found = []
    for path, rows in recorded.items():
        before = read_jsonl(path) if path.is_file() else ()
        known = {(row["tool"], row["say"]): row["observations"] for row in before}
        for row in rows:
            was = known.get((row["tool"], row["say"]))
            if was is not None and was != row["observations"]:
                found.append(f"{path}: {row['tool']}: {row['say'][:60]!r} sees something else than recorded")
    return found


def acted(asked: AuthoredInstruction, played: dict) -> str:
    """An instruction with its calls, what each of them sees, and the answer."""
    lines = [f"\n- {asked.scenario}, line {asked.line}: {asked.text}"]
    for step, seen in zip_longest(asked.steps, played["observations"]):
        if step:
            call = f"{step.function}({dumps(step.arguments)})" if step.function else f"asks: {step.question}"
            lines.append(f"  {step.thought}\n  > {call}")
        lines.append(f"    {seen}")
    return "\n".join([*lines, f"  = {asked.answer}"])


def record(recorded: dict[Path, list[dict]], whole: bool) -> None:
    """Write what instructions see; of some files only, the others' rows stay."""
    for path, rows in recorded.items():
        names = {row["tool"] for row in rows}
        before = list(read_jsonl(path)) if path.is_file() and not whole else []
        kept = [row for row in before if row["tool"] not in names]
        write_jsonl(path, sorted(kept + rows, key=lambda row: row["tool"]))


def published() -> list[str]:
    """Instructions of the published evaluation sets, where they lie beside the checkout."""
    files = [PUBLISHED / name for name in ("eval_simulated.json", "eval_real.json")]
    texts = [path.read_text(encoding="utf-8") for path in files if path.is_file()]
    return [text for content in texts for tool in json.loads(content) for text in tool["Instructions"]]


def summary(tools: list[AuthoredTool]) -> str:
    """The paper's Table 1 of the tools, beside the paper's figures."""
    ours, paper = authored_wording.counts(tools), authored_wording.PAPER
    names = [field.name for field in dataclasses.fields(ours) if field.name != "scenarios"]
    lines = [f"{n:<12} {getattr(ours, n):>8.4g}   the paper's {getattr(paper, n):g}" for n in names]
    held = [tool for tool in tools if tool.held_out]
    lines.append(f"held out: {len(held)} tools, {sum(len(tool.instructions) for tool in held)} instructions")
    lines.append("scenarios: " + ", ".join(f"{n} {name}" for name, n in ours.scenarios.items()))
    return "\n".join(lines)


def main() -> int:
    arguments = cli.parser(__doc__)
    add = arguments.add_argument
    add("files", nargs="*", type=Path, metavar="FILE", help="files to check (default: all)")
    add("--play", action="store_true", help="print each instruction with what its calls see")
    add("--record", action="store_true", help="write the observations beside the tools")
    args = arguments.parse_args()
    files = args.files or library_files()
    if missing := [path for path in files if not path.is_file()]:
        raise ToolAlpacaError(f"{missing[0]} does not exist; expected a file of {HOME}")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        results = dict(zip(files, pool.map(check, files, chunksize=4), strict=True))
    findings = [line for found, _, _ in results.values() for line in found]
    tools = [tool for _, _, tool in results.values() if tool]
    recorded: dict[Path, list[dict]] = defaultdict(list)
    for path, (_, played, tool) in results.items():
        recorded[path.parent / RECORD] += played
        if args.play and tool:
            print(f"\n=== {path}", *map(acted, tool.instructions, played), sep="\n")
    if args.record:
        record(recorded, whole=not args.files)
    else:
        findings += compare(recorded)
    findings += map(str, authored_checks.check_library(tools, published()))
    print(summary(tools))
    if not args.files:
        figures = authored_wording.figures(tools)
        print(*figures, sep="\n")
        findings += [f"wording: {figure}" for figure in figures if not figure.holds]
    print(*findings, sep="\n")
    print(f"{len(findings)} findings in {len(files)} files")
    return 1 if findings else 0


if __name__ == "__main__":
    cli.run(main)
