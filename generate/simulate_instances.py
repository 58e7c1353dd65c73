"""Simulate tool use: user, assistant and tool executor agents act out every instruction (section 3.3).

    python generate/simulate_instances.py --out runs/demo --model offline

Reads RUN/toolset.jsonl and RUN/instructions.jsonl. Writes RUN/instances.jsonl (kept) and
RUN/filtered.jsonl (dropped, each with its reason under `filter`; toolalpaca/corpus/filters.py defines them).
Rows whose endpoint failed are in neither, and `--retry_failed` runs them again. The exit status is 1
when nothing was kept.
"""

import itertools
import sys
from pathlib import Path

from toolalpaca import cli
from toolalpaca.agents import assistant, builtin_tools, environment
from toolalpaca.agents.executors import choice
from toolalpaca.corpus import filters
from toolalpaca.corpus.simulation import Simulator, Toolset
from toolalpaca.files import read_jsonl
from toolalpaca.runs.stage import Run
from toolalpaca.schema import ToolAlpacaError


def main() -> int:
    arguments = cli.parser(__doc__)
    cli.add_run_arguments(arguments)
    choice.add_executor_arguments(arguments)
    group = arguments.add_argument_group("simulation")
    group.add_argument(
        "--builtins",
        default=",".join(builtin_tools.BUILTINS),
        metavar="NAMES",
        help="built-in tools that are switched on, by comma; '' for none (default: %(default)s)",
    )
    group.add_argument(
        "--max_steps",
        type=int,
        default=assistant.MAX_STEPS,
        help="steps before giving up (default: %(default)s)",
    )
    group.add_argument(
        "--strict",
        action="store_true",
        help="refuse replies with Markdown or Python around a step; they are read by default",
    )
    group.add_argument(
        "--max_observation",
        type=int,
        default=environment.MAX_OBSERVATION,
        metavar="CHARS",
        help="a response is cut after this many characters (default: %(default)s)",
    )
    args = arguments.parse_args()
    if args.max_steps < 1 or args.max_observation < 100:
        raise ToolAlpacaError("--max_steps is at least 1 and --max_observation at least 100")
    builtins = [function.name for function in builtin_tools.builtin_functions(args.builtins)]

    folder = Path(args.out)
    toolset = Toolset(folder / "toolset.jsonl")
    instructions = itertools.islice(read_jsonl(folder / "instructions.jsonl"), args.limit)
    with Run.open(folder, stage="instances", config={**vars(args), "builtins": builtins}) as run:
        models = {role: run.model(args.model, role, args.seed) for role in ("assistant", "user", "executor")}
        simulate = Simulator(
            toolset,
            models["assistant"],
            models["user"],
            choice.make_executor(args, models["executor"], run.prompts),
            builtins=builtins,
            strict=args.strict,
            max_steps=args.max_steps,
            max_observation=args.max_observation,
            seed=args.seed,
            prompts=run.prompts,
        )
        summary = run.stage(
            "instances",
            toolset.tasks(instructions),
            simulate,
            key=lambda row: row["instruction_id"],
            output="simulated.jsonl",
            concurrency=args.concurrency,
        )
        counts = filters.split(summary.output, folder / "instances.jsonl", folder / "filtered.jsonl")
    print(counts.report())
    print(f"instances: {folder / 'instances.jsonl'}; dropped: {folder / 'filtered.jsonl'}")
    if counts.kept == 0:
        print("no instance was kept: see the reasons above", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    cli.run(main)
