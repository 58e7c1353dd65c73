"""Score episodes against their gold: six error types, procedure, answer, overall (docs/scoring.md).

    python eval/score.py runs/eval-tiny
    python eval/score.py --original toolalpaca-7b.simulated.json --out runs/original-7b
    python eval/score.py --agreement toolalpaca-7b.gpt4.json --classes disagreements.jsonl
    python eval/score.py --published toolalpaca-7b.gpt4.json

RUN is a folder of run_agent.py; its verdicts.jsonl is written beside the episodes. `--original` reads a
result file of the original project and, with `--out`, makes such a folder of it. `--agreement` compares
our process verdict with a judge's, and where several files are given the judges with each other; with
`--classes` every disagreement gets a row in a file where a person says who is wrong. `--published`
recomputes a judged file's totals.
"""

from pathlib import Path

from toolalpaca import cli
from toolalpaca.evaluation import agreement, disagreements, scored
from toolalpaca.evaluation.metrics import tally
from toolalpaca.evaluation.scoring import goldcheck
from toolalpaca.evaluation.scoring.verdicts import score
from toolalpaca.files import read_records, write_jsonl
from toolalpaca.original import judged, reading
from toolalpaca.runs import manifest
from toolalpaca.schema import Episode, Task, Tool, ToolAlpacaError, Verdict, to_row

NO_GOLD = "no gold: tasks.jsonl holds no such task"


def main() -> int:
    arguments = cli.parser(__doc__)
    arguments.add_argument("run", nargs="?", metavar="RUN", help="folder that run_agent.py wrote")
    arguments.add_argument("--original", metavar="FILE", help="result file of the original project")
    arguments.add_argument("--out", metavar="DIR", help="with --original: evaluation folder to write")
    arguments.add_argument(
        "--agreement", metavar="FILE", nargs="+", help="judged files: how far our verdicts agree"
    )
    arguments.add_argument(
        "--classes", metavar="FILE", help="with --agreement: disagreements, for a person to class"
    )
    arguments.add_argument("--published", metavar="FILE", help="judged file: recompute its totals")
    args = arguments.parse_args()
    given = [name for name in ("run", "original", "agreement", "published") if getattr(args, name)]
    if len(given) != 1:
        raise ToolAlpacaError("give one of RUN, --original FILE, --agreement FILE, --published FILE")
    if args.out and not args.original:
        raise ToolAlpacaError("--out goes with --original; other verdicts lie beside their episodes")
    if args.classes and not args.agreement:
        raise ToolAlpacaError("--classes goes with --agreement, whose disagreements it holds")
    if args.agreement:
        print_agreement(args.agreement, args.classes)
    elif args.published:
        print(agreement.by_model(judged.read_judged(args.published), agreement.published_report))
    elif args.original:
        found = reading.import_apis(reading.read_original(args.original), Path(args.original).stem)
        tasks, tools, episodes = found.tasks, found.tools, found.episodes
        if not tasks or not episodes:
            raise ToolAlpacaError(f"{args.original} holds no episodes with gold answers")
        if args.out:
            for name, rows in (("tasks", tasks), ("toolset", tools), ("episodes", episodes)):
                write_jsonl(Path(args.out) / f"{name}.jsonl", map(to_row, rows))
        print_scores(tasks, tools, episodes, args.out)
    else:
        folder = Path(args.run)
        episodes = scored.read_episodes(folder)
        tasks = list(read_records(folder / "tasks.jsonl", Task))
        tools = list(read_records(folder / "toolset.jsonl", Tool))
        print_scores(tasks, tools, episodes, folder)
    return 0


def print_agreement(files: list[str], classes: str | None) -> None:
    """Our verdicts beside the judges' of each file, and the judges' beside each other's."""
    found = {path: judged.read_judged(path) for path in files}
    for path, models in found.items():
        if len(files) > 1:
            print(f"{path}:")
        print(agreement.by_model(models, agreement.report))
        if classes:
            pairs = agreement.compare([entry for entries in models.values() for entry in entries])
            print(disagreements.summary(pairs, disagreements.update(classes, pairs)))
    both = {path: [e for entries in models.values() for e in entries] for path, models in found.items()}
    for line in disagreements.between_judges(both):
        print(line)
    if classes:
        print(f"disagreements: {classes}; class is one of {', '.join(disagreements.CLASSES)}")


def print_scores(
    tasks: list[Task], tools: list[Tool], episodes: list[Episode], out: str | Path | None
) -> None:
    """Score every episode, write the verdicts to `out`, and print what they add up to."""
    task_by_id, tool_by_id = {t.task_id: t for t in tasks}, {t.tool_id: t for t in tools}
    unsound = [p for task in tasks for p in goldcheck.problems(task, tool_by_id.get(task.tool_id))]
    verdicts: list[Verdict] = []
    for episode in episodes:
        if task := task_by_id.get(episode.task_id):
            verdicts.append(score(task, episode, tool_by_id.get(task.tool_id)))
        else:  # an imported file may hold gold for some of its instructions only
            verdicts.append(Verdict(episode.task_id, episode.model, episode.sample, unscored=NO_GOLD))
    if verdicts and all(verdict.unscored == NO_GOLD for verdict in verdicts):
        raise ToolAlpacaError(
            f"no episode is of a task in tasks.jsonl ({episodes[0].episode_id} is the first)"
        )
    total = tally(verdicts)
    for problem in unsound:
        print(f"gold: {problem}")
    print(f"gold checked: {len(unsound)} problems in {len(tasks)} tasks")
    if part := scored.attempted((e for e in episodes if e.task_id in task_by_id), len(task_by_id)):
        print(f"not all of the run: {part}")
    print(f"episodes: {total.episodes}, of which without a verdict (machinery, gold): {total.machinery}")
    for kind, count in total.errors.items():
        print(f"  {kind:<17} {count}")
    for name in ("first_function", "procedure", "answer", "overall"):
        print(f"{name.replace('_', ' ')} correct: {getattr(total, name)}")
    if out:
        write_jsonl(Path(out) / "verdicts.jsonl", map(to_row, verdicts))
        manifest.update(Path(out) / "manifest.json", "score", manifest.describe({}))
        print(f"verdicts: {Path(out) / 'verdicts.jsonl'}")


if __name__ == "__main__":
    cli.run(main)
