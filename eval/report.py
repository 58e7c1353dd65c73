"""Report evaluation runs as the paper does: Tables 1 to 4 and Figure 4 beside the paper's own figures.

    python eval/report.py runs/demo/eval/* --corpus runs/demo --out runs/demo/report

RUN is the folder of a scored evaluation (eval/run_agent.py, then eval/score.py); NAME=RUN sets the name
that the model has in the report. Written to the output folder: report.md, table*.csv, figure4.png and
index.html, one self-contained page on which the episodes are read, filtered and compared.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from toolalpaca import cli
from toolalpaca.evaluation.page import write_page
from toolalpaca.evaluation.report import source_commit, write_report
from toolalpaca.evaluation.review import load_reviews
from toolalpaca.evaluation.scored import load_evaluations


def main() -> None:
    arguments = cli.parser(__doc__)
    arguments.add_argument("runs", nargs="+", metavar="RUN", help="scored evaluation run, or NAME=RUN")
    arguments.add_argument(
        "--corpus", metavar="RUN", help="generation run that Table 1 and Figure 4 describe"
    )
    arguments.add_argument(
        "--review", nargs="+", default=[], metavar="FILE", help="review files, for Table 2"
    )
    arguments.add_argument("--out", required=True, metavar="DIR", help="folder to write the report to")
    args = arguments.parse_args()

    evaluations = load_evaluations(args.runs)
    reviews = load_reviews(args.review) if args.review else []
    command = shlex.join(["python", *sys.argv])
    out = Path(args.out)
    tables = write_report(out, evaluations, corpus=args.corpus, reviews=reviews, command=command)
    made_by = f"{command}, commit {source_commit()}"
    figure = out / "figure4.png" if args.corpus else None
    write_page(out / "index.html", evaluations, tables, made_by=made_by, figure=figure)

    episodes = sum(len(e.attempts) for e in evaluations)
    print(f"report: {episodes} episodes of {len(evaluations)} models -> {out} (report.md, index.html)\n")
    print("\n".join(table.text() for table in tables if table.number), end="")


if __name__ == "__main__":
    cli.run(main)
