"""Build a run's dataset: Parquet, card and pictures, ready for the Hub.

    python generate/build_dataset.py runs/demo
    python generate/build_dataset.py runs/demo --style vicuna --detail compact --seed 1
    python generate/build_dataset.py runs/demo --exclude eval_simulated.json
    python generate/build_dataset.py runs/demo --push_to_hub ORG/NAME --private

Reads RUN/toolset.jsonl and RUN/instances.jsonl; writes RUN/dataset/ and RUN/tasks.jsonl (the tasks of
the held-out tools, which evaluation reads). Does nothing when nothing changed.
"""

from pathlib import Path

from toolalpaca import cli
from toolalpaca.dataset import build, push
from toolalpaca.models.react import STYLES
from toolalpaca.schema import ToolAlpacaError


def main() -> int:
    arguments = cli.parser(__doc__)
    add = arguments.add_argument
    add("run", metavar="RUN", help="run folder")
    add("--style", choices=sorted(STYLES), default="react", help="labels of the sft text (default: react)")
    add("--detail", choices=("full", "compact"), default="full", help="documentation in sft prompts")
    add("--builtins", metavar="NAMES", help="built-in tools in prompts, by comma (default: all)")
    add("--test_tools", type=int, metavar="N", help="APIs kept out of training (default: 10, or a fifth)")
    add("--tasks_per_tool", type=int, default=10, metavar="N", help="tasks of each (default: 10)")
    add("--seed", type=int, default=0, help="of the split (default: 0)")
    add("--exclude", default="", metavar="FILE", help="evaluation to keep out: original JSON or tasks JSONL")
    add("--max_overlap", type=float, default=0.5, help="share of 8-grams that may be held out (default: 0.5)")
    add("--max_shard_size", default="200MB", help="of Arrow data per Parquet file (default: 200MB)")
    add("--workers", type=cli.number(1), default=2, help="processes for large runs (default: 2)")
    add = arguments.add_argument_group("push").add_argument
    add("--push_to_hub", metavar="ORG/NAME", help="upload what changed; needs HF_TOKEN or a login")
    add("--private", action="store_true", help="the repository, when it has to be made")
    add("--revision", metavar="BRANCH", help="branch to push to; made when missing")
    args = arguments.parse_args()
    if args.tasks_per_tool < 1 or (args.test_tools is not None and args.test_tools < 0):
        raise ToolAlpacaError("--tasks_per_tool is at least 1 and --test_tools at least 0")
    if not 0 <= args.max_overlap <= 1:
        raise ToolAlpacaError(f"--max_overlap is a share between 0 and 1, not {args.max_overlap}")
    if (args.private or args.revision) and not args.push_to_hub:
        raise ToolAlpacaError("--private and --revision say how to push; give --push_to_hub ORG/NAME too")

    options = build.Options(
        style=args.style,
        detail=args.detail,
        builtins=args.builtins,
        seed=args.seed,
        test_tools=args.test_tools,
        tasks_per_tool=args.tasks_per_tool,
        exclude=args.exclude,
        max_overlap=args.max_overlap,
        max_shard_size=args.max_shard_size,
    )
    folder, record = build.build(Path(args.run), options, workers=args.workers)
    rows = ", ".join(f"{name} {sum(splits.values())}" for name, splits in record["rows"].items())
    state = f"built in {record['seconds']:.1f} s" if record["fresh"] else "nothing changed"
    tasks = f"{record['tasks']} tasks on {record['task_tools']} of {len(record['test_tools'])} held-out tools"
    print(f"dataset: {folder} ({rows}; {tasks}; {state})")
    if args.push_to_hub:
        address = push.push(folder, args.push_to_hub, private=args.private, revision=args.revision)
        print(f"pushed: {address}")
    return 0


if __name__ == "__main__":
    cli.run(main)
