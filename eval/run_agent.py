"""Let a model act on tasks: one episode per task and sample, in a run folder that score.py reads.

    python eval/run_agent.py --model hf/checkpoints/tiny --tasks runs/demo/dataset --out runs/eval-tiny
    python eval/run_agent.py --model openai/gpt-4o --tasks eval_simulated.json --style tools --out runs/gpt

--tasks takes a built dataset, a run folder that holds one, an evaluation run, a tasks.jsonl with its
toolset.jsonl beside it, or the original project's evaluation files. Writes RUN/tasks.jsonl,
RUN/toolset.jsonl and RUN/episodes.jsonl. An episode whose endpoint failed is there with the outcome
`model_failed`; `--retry_failed` runs those again.
"""

from pathlib import Path

from toolalpaca import cli
from toolalpaca.agents import assistant, builtin_tools
from toolalpaca.agents.executors import choice
from toolalpaca.evaluation import attempts, benchmark
from toolalpaca.files import read_jsonl, write_jsonl
from toolalpaca.models import react
from toolalpaca.models.boundary import configured, load_models_file
from toolalpaca.models.process import prepare_process
from toolalpaca.runs.stage import Run
from toolalpaca.schema import ToolAlpacaError, to_row


def main() -> int:
    prepare_process()  # before torch is loaded
    arguments = cli.parser(__doc__)
    cli.add_run_arguments(arguments)
    choice.add_executor_arguments(arguments)
    group = arguments.add_argument_group("evaluation")
    group.add_argument("--tasks", required=True, metavar="T", help="where the tasks are")
    group.add_argument(
        "--style",
        choices=(*react.STYLES, attempts.TOOLS_STYLE),
        default="react",
        help="text of the conversation, or tools: native function calling (default: react)",
    )
    group.add_argument(
        "--detail",
        choices=("full", "compact"),
        default="full",
        help="documentation in the prompt (default: full)",
    )
    group.add_argument("--samples", type=int, default=1, metavar="K", help="episodes per task (default: 1)")
    group.add_argument("--max_steps", type=int, default=assistant.MAX_STEPS, help="(default: %(default)s)")
    group.add_argument(
        "--max_tokens",
        type=cli.number(1),
        metavar="N",
        help="of one reply (default: that of --models, else the model's own)",
    )
    group.add_argument(
        "--strict",
        action="store_true",
        help="refuse replies with Markdown or Python around a step; they are read and counted by default",
    )
    group.add_argument("--executor_model", default="offline", help="plays the API (default: offline)")
    group.add_argument("--user_model", default="offline", help="plays the user (default: offline)")
    group.add_argument(
        "--builtins",
        default=",".join(builtin_tools.BUILTINS),
        metavar="NAMES",
        help="built-in tools that are switched on, by comma; '' for none (default: %(default)s)",
    )
    args = arguments.parse_args()
    if args.samples < 1 or args.max_steps < 1:
        raise ToolAlpacaError("--samples and --max_steps are at least 1")
    if args.style == attempts.TOOLS_STYLE and args.model == "offline":
        raise ToolAlpacaError(
            "the embedded teacher speaks ReAct text: --style tools is for openai/ and hf/ models"
        )
    builtins = [function.name for function in builtin_tools.builtin_functions(args.builtins)]
    tasks, tools = benchmark.load_tasks(args.tasks)
    rows = attempts.attempt_rows(tasks[: args.limit], args.samples)

    models = load_models_file(args.models) if args.models else {}
    acting = configured(models, "student", args.model, {"max_tokens": args.max_tokens}, {})
    settings = {"builtins": builtins, "max_tokens": acting.max_tokens}

    with Run.open(args.out, attempts.STAGE, {**vars(args), **settings}) as run:
        run.models_file["student"] = acting
        student = run.model(args.model, role="student", seed=args.seed)
        attempt = attempts.Attempts(
            {tool.tool_id: tool for tool in tools},
            student,
            run.model(args.user_model, role="user", seed=args.seed),
            choice.make_executor(
                args, run.model(args.executor_model, role="executor", seed=args.seed), run.prompts
            ),
            style=args.style,
            detail=args.detail,
            builtins=builtins,
            strict=args.strict,
            max_steps=args.max_steps,
            seed=args.seed,
            prompts=run.prompts,
        )
        run.stage(
            attempts.STAGE,
            rows,
            attempt,
            key=lambda row: row["id"],
            output="episodes.jsonl",
            failed=attempt.failed,
            concurrency=args.concurrency,
        )
        folder = Path(args.out)
        write_jsonl(folder / "tasks.jsonl", map(to_row, tasks))
        write_jsonl(folder / "toolset.jsonl", map(to_row, tools))
    output = folder / "episodes.jsonl"
    counts = ", ".join(
        f"{count} {outcome}" for outcome, count in attempts.outcome_counts(read_jsonl(output)).items()
    )
    print(f"episodes: {output} ({counts})")
    return 0


if __name__ == "__main__":
    cli.run(main)
