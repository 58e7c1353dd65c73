"""Write instructions for every tool of a toolset: half short, half small stories (section 3.2).

    python generate/make_instructions.py --out runs/demo --model offline

Reads RUN/toolset.jsonl. Writes RUN/instructions.jsonl, and RUN/dropped_instructions.jsonl, where each
row says why under `filter`: near_duplicate (ROUGE-L above 0.7 within a tool), duplicate (the same text
for another tool), names_api, names_function, placeholder, odd_length. A function of which nothing
says what it does is not written about, and is named with the reason.

`--scenarios` steers a share of the instructions toward what goes wrong in the real world; the share is
what is asked of the model, and every later file keeps the scenario as a label.
"""

from pathlib import Path

from toolalpaca import cli
from toolalpaca.corpus import instructions
from toolalpaca.models.retrying import INSTRUCTION_TRIES
from toolalpaca.runs.stage import Run
from toolalpaca.schema import ToolAlpacaError


def main() -> int:
    arguments = cli.parser(__doc__)
    arguments.add_argument(
        "--per_tool", type=int, default=10, metavar="N", help="instructions per tool (default: 10)"
    )
    arguments.add_argument(
        "--tries",
        type=int,
        default=INSTRUCTION_TRIES,
        metavar="N",
        help="replies per request (default: %(default)s)",
    )
    arguments.add_argument(
        "--scenarios",
        default=instructions.DEFAULT_SCENARIOS,
        metavar="MIX",
        help="shares by scenario (default: %(default)s)",
    )
    cli.add_run_arguments(arguments)
    args = arguments.parse_args()
    if args.per_tool < 1 or args.tries < 1:
        raise ToolAlpacaError("--per_tool and --tries are counts: 1 or more")
    shares = instructions.parse_scenarios(args.scenarios)

    folder = Path(args.out)
    tools = instructions.first_tools(folder / "toolset.jsonl", args.limit)
    untold = instructions.untold_functions(tools)
    for line in untold:
        print(f"not written about: {line}")
    if untold:
        print(f"functions: {len(untold)} of {sum(len(t['functions']) for t in tools)} are not written about")
    with Run.open(folder, stage="instructions", config=vars(args)) as run:
        write = instructions.Instructor(
            run.model(args.model, "teacher", args.seed),
            shares,
            args.per_tool,
            args.tries,
            args.seed,
            run.prompts,
        )
        summary = run.stage(
            "instructions",
            tools,
            write,
            key=lambda tool: tool["tool_id"],
            output="written_instructions.jsonl",
            concurrency=args.concurrency,
        )
        sifted = instructions.sift(
            summary.output, folder / "instructions.jsonl", folder / "dropped_instructions.jsonl"
        )
    print(sifted.report())
    print(f"instructions: {folder / 'instructions.jsonl'}; dropped: {folder / 'dropped_instructions.jsonl'}")
    return 0 if sifted.kept else 1


if __name__ == "__main__":
    cli.run(main)
