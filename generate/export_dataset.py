"""Export a run for other trainers, or in the original project's format.

    python generate/export_dataset.py runs/demo --format sharegpt     # LLaMA-Factory, Axolotl
    python generate/export_dataset.py runs/demo --format openai       # OpenAI fine-tuning
    python generate/export_dataset.py runs/demo --format toolalpaca   # the original ToolAlpaca JSON

`sharegpt` and `openai` take the rows of the built dataset (generate/build_dataset.py), split as it is.
`toolalpaca` takes the whole run; an imported file comes back as it was.
"""

from pathlib import Path

from toolalpaca import cli
from toolalpaca.dataset import exports


def main() -> int:
    arguments = cli.parser(__doc__)
    arguments.add_argument("run", metavar="RUN", help="run folder")
    arguments.add_argument("--format", required=True, choices=exports.FORMATS, help="what to write")
    arguments.add_argument("--out", metavar="DIR", help="folder for the files (default: RUN/exports/FORMAT)")
    args = arguments.parse_args()

    run = Path(args.run)
    out = Path(args.out) if args.out else run / "exports" / args.format
    written = exports.export(run, args.format, out)
    print(f"{args.format}: {', '.join(str(path) for path in written)}")
    return 0


if __name__ == "__main__":
    cli.run(main)
