"""Import a file of the original ToolAlpaca project: training data, evaluation data or a model's results.

    python generate/import_toolalpaca.py train_data.json --out runs/original
    python generate/import_toolalpaca.py eval_simulated.json --out runs/simulated --lint
    python generate/import_toolalpaca.py results.json --out runs/results --model toolalpaca-7b

Writes a run: toolset.jsonl, instructions.jsonl; tasks.jsonl where there is gold; instances.jsonl and
episodes.jsonl where a model acted; original.jsonl, from which an export gives the file back. With
`--lint` it lists what is wrong with gold labels.
"""

from pathlib import Path

from toolalpaca import cli
from toolalpaca.evaluation import gold_lint
from toolalpaca.original import importing


def main() -> int:
    arguments = cli.parser(__doc__)
    arguments.add_argument("file", metavar="FILE.json", help="list of APIs in the original format")
    arguments.add_argument("--out", required=True, metavar="RUN", help="run folder; made when missing")
    arguments.add_argument(
        "--model", metavar="NAME", help="who made the file's Instances (default: its name)"
    )
    arguments.add_argument("--lint", action="store_true", help="list what is wrong with gold labels")
    args = arguments.parse_args()

    path, out = Path(args.file), Path(args.out)
    imported = importing.import_file(path, out, args.model or path.stem)
    for what, count in sorted(imported.notes.items()):
        print(f"note: {count} {what}")
    if args.lint:
        findings = gold_lint.lint(imported.tools, imported.tasks, imported.unread_gold)
        for finding in findings:
            print(finding)
        print(gold_lint.summary(findings, imported.tasks))
    counts = {
        "tools": imported.tools,
        "instructions": imported.instructions,
        "tasks": imported.tasks,
        "instances": imported.instances,
    }
    print(f"imported: {out} ({', '.join(f'{len(rows)} {name}' for name, rows in counts.items())})")
    return 0


if __name__ == "__main__":
    cli.run(main)
