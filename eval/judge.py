"""Let a language model judge the episodes of a run: process and response, as Yes, No or Uncertain.

    python eval/judge.py runs/eval-tiny --judge openai/gpt-4o --votes 3

Writes RUN/judgements.jsonl. Replies are stored in the run's ledger, so that the same command, or one
with more votes, asks for nothing twice. The rubric is toolalpaca/models/prompts/judge.jinja.
Unscored verdicts stand beside the denominators. Where RUN is scored, agreement with the rules of
score.py is printed.
"""

from collections import Counter
from pathlib import Path

from toolalpaca import cli
from toolalpaca.evaluation import judge
from toolalpaca.evaluation.metrics import agreement, rate
from toolalpaca.evaluation.scored import read_episodes
from toolalpaca.files import read_jsonl, read_records
from toolalpaca.models.boundary import configured, load_models_file
from toolalpaca.runs.stage import Run
from toolalpaca.schema import Task, Tool, ToolAlpacaError, to_row


def main() -> int:
    arguments = cli.parser(__doc__)
    arguments.add_argument("run", metavar="RUN", help="folder that run_agent.py wrote")
    arguments.add_argument("--judge", required=True, metavar="MODEL", help="openai/<model> or hf/<path>")
    arguments.add_argument(
        "--votes", type=int, default=1, metavar="K", help="opinions per episode (default: 1)"
    )
    arguments.add_argument(
        "--temperature", type=float, help="default: that of --models, else 0 for one vote, 1 for several"
    )
    arguments.add_argument(
        "--max_tokens", type=cli.number(1), help="of a reply (default: that of --models, else 1024)"
    )
    arguments.add_argument(
        "--name", default="judgements", help="output file, without .jsonl (default: judgements)"
    )
    arguments.add_argument("--concurrency", default="16", help="episodes at once, or 'auto' (default: 16)")
    arguments.add_argument(
        "--prompts", metavar="DIR", help="folder whose *.jinja replace the packaged prompts"
    )
    arguments.add_argument(
        "--models",
        metavar="FILE",
        help="YAML: parameters of the role judge; overrides --judge, and the flags above override it",
    )
    arguments.add_argument(
        "--max_cost",
        type=cli.number(0, kind=float),
        metavar="USD",
        help="stop cleanly before spending more than this",
    )
    arguments.add_argument("--retry_failed", action="store_true", help="ask again where the endpoint failed")
    args = arguments.parse_args()
    if args.votes < 1:
        raise ToolAlpacaError("--votes is at least 1")
    if args.judge == "offline":
        raise ToolAlpacaError("the embedded teacher is no judge: give openai/<model> or hf/<path>")
    judge.check_name(args.name)
    settings = {"temperature": float(args.votes > 1), "max_tokens": 1024}
    models = load_models_file(args.models) if args.models else {}
    asked = {name: getattr(args, name) for name in settings}
    judging = configured(models, "judge", args.judge, asked, settings)
    settings = {name: getattr(judging, name) for name in settings}

    folder = Path(args.run)
    episodes = [episode for episode in read_episodes(folder) if judge.judgeable(episode)]
    tasks = {task.task_id: to_row(task) for task in read_records(folder / "tasks.jsonl", Task)}
    tools = {tool.tool_id: to_row(tool) for tool in read_records(folder / "toolset.jsonl", Tool)}
    rows = [
        {"task": tasks[e.task_id], "episode": to_row(e), "tool": tools[e.tool_id], "votes": args.votes}
        for e in episodes
        if e.task_id in tasks and e.tool_id in tools
    ]
    if len(rows) < len(episodes):
        print(
            f"not judged: {len(episodes) - len(rows)} episodes whose task or tool is not in tasks.jsonl "
            "and toolset.jsonl"
        )
    with Run.open(folder, args.name, {**vars(args), **settings}) as run:
        run.models_file["judge"] = judging
        run.stage(
            args.name,
            rows,
            judge.Judge(run.model(args.judge, role="judge"), run.prompts),
            key=lambda row: f"{row['episode']['task_id']}#{row['episode']['sample']}",
            output=f"{args.name}.jsonl",
            concurrency=args.concurrency,
        )
    judgements = list(read_jsonl(folder / f"{args.name}.jsonl"))
    for part in judge.PARTS:
        grades = Counter(j[part] or "unscored" for j in judgements)
        counts = ", ".join(f"{grades[grade]} {grade}" for grade in judge.GRADES)
        found = rate(j[part] == "Yes" for j in judgements if j[part])
        print(f"{part}: {found} correct, {grades['unscored']} unscored ({counts})")
        if args.votes > 1:
            print(f"  pairs of votes that agree: {judge.self_agreement(judgements, part)}")
    if (folder / "verdicts.jsonl").is_file():
        ours = {(v["task_id"], v["model"], v["sample"]): v for v in read_jsonl(folder / "verdicts.jsonl")}
        pairs = [
            (j["process"] == "Yes", ours.get((j["task_id"], j["model"], j["sample"]), {}).get("procedure"))
            for j in judgements
            if j["process"]
        ]
        found = agreement((str(one), str(other)) for one, other in pairs if other is not None)
        left_out = len(judgements) - found.n
        print(
            f"agreement with score.py: {100 * found.observed:.1f}% of {found.n}, {left_out} unscored "
            f"(kappa {found.kappa:.2f})"
        )
    print(f"judgements: {folder / f'{args.name}.jsonl'}")
    return 0


if __name__ == "__main__":
    cli.run(main)
