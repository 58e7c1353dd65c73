"""Quality review of a corpus by people, the paper's Table 2: a page to answer on, and its score.

    python eval/review.py sample runs/demo --n 100 --seed 0
    python eval/review.py score review-one.json review-two.json

`sample` writes one self-contained HTML page that shows randomly drawn instances and records three
answers for each, by mouse or keyboard; open it in a browser and save the JSON file when done. `score`
prints Table 2 with 95% Wilson intervals and, for two reviewers, their agreement.
"""

from pathlib import Path

from toolalpaca import cli
from toolalpaca.evaluation.report import table_2
from toolalpaca.evaluation.review import draw_sample, load_reviews, review_page
from toolalpaca.files import atomic_write


def main() -> None:
    arguments = cli.parser(__doc__)
    commands = arguments.add_subparsers(dest="command", required=True, metavar="sample|score")
    sample = commands.add_parser("sample", help="write a page on which a random sample is reviewed")
    sample.add_argument(
        "run",
        nargs="?",
        default="runs/demo-apis-0",
        metavar="RUN",
        help="generation run (default: that of make demo)",
    )
    sample.add_argument("--n", type=int, default=100, help="instances to draw (default: 100)")
    sample.add_argument("--seed", type=int, default=0, help="seed of the draw (default: 0)")
    sample.add_argument("--out", metavar="FILE", help="the page (default: RUN/review.html)")
    score = commands.add_parser("score", help="print Table 2 of files that the page saved")
    score.add_argument("files", nargs="+", metavar="FILE", help="saved reviews of one sample")
    args = arguments.parse_args()

    if args.command == "score":
        print(table_2(load_reviews(args.files)).text(), end="")
        return
    rows = draw_sample(args.run, args.n, args.seed)
    out = Path(args.out or Path(args.run) / "review.html")
    with atomic_write(out) as stream:
        stream.write(review_page(rows, Path(args.run).name, args.seed))
    print(f"sample: {len(rows)} instances of {args.run} -> {out}; open it in a browser")


if __name__ == "__main__":
    cli.run(main)
