"""The report: the paper's tables and Figure 4 over given runs, beside the paper's own figures."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolalpaca.dataset import figures
from toolalpaca.evaluation import paper
from toolalpaca.evaluation.comparison import wilson
from toolalpaca.evaluation.results import (
    UNKNOWN,
    by_scenario,
    comparisons,
    judged,
    pass_k,
    percent,
    rate,
    record,
    replies,
    table_3,
    table_4,
)
from toolalpaca.evaluation.review import QUESTIONS, Review, agreement_notes
from toolalpaca.evaluation.scored import Evaluation, read_manifest
from toolalpaca.evaluation.tables import Table, escape, printable
from toolalpaca.files import atomic_write
from toolalpaca.runs.manifest import commit
from toolalpaca.schema import ToolAlpacaError


def table_1(statistics: dict[str, Any] | None) -> Table:
    """The corpus beside the paper's; `statistics` as `figures.corpus_statistics` gives them."""
    table = Table("Table 1", "The corpus", ["", "this corpus", "paper"])
    rows = {**figures.TABLE_1, "no_call": ("No function call", None)}
    of_paper = {key: value for key, (_, value) in rows.items()}
    for key, (label, _) in rows.items():
        cells = []
        for source, known in (("measured", statistics or {}), ("paper", of_paper)):
            cells.append(_corpus_cell(key, known.get(key), known.get("instances")))
            table.records.append({"source": source, "statistic": key, "value": known.get(key)})
        table.rows.append([label, *cells])
    table.notes = [
        f"'paper': {paper.SOURCE}. In brackets the 95% Wilson interval, in per cent.",
    ]
    if statistics is None:
        table.notes.insert(0, "No corpus was given: name its run with --corpus RUN.")
    return table


def _corpus_cell(key: str, value: float | None, instances: int | None) -> str:
    if value is None:
        return UNKNOWN
    if key.endswith("_call") and instances:
        low, high = wilson(int(value), instances)
        return f"{value:,} ({percent(value / instances)}) [{100 * low:.0f}-{100 * high:.0f}]"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def table_2(reviews: Sequence[Review]) -> Table:
    """The quality review beside the paper's, one column per reviewer."""
    table = Table(
        "Table 2", "Instances that people found good", ["", *(r.reviewer for r in reviews), "paper"]
    )
    for question in QUESTIONS:
        cells = []
        for review in reviews:
            answers = review.answered(question.key)
            yes = sum(answers.values())
            cells.append(rate(yes, len(answers)))
            table.records.append(record("measured", review.reviewer, question.key, yes, len(answers)))
        yes = paper.REVIEW[question.key]
        table.records.append(record("paper", "paper", question.key, yes, paper.REVIEW_N))
        table.rows.append([question.title, *cells, rate(yes, paper.REVIEW_N)])
    table.notes = [
        f"In brackets the 95% Wilson interval in per cent. 'paper': {paper.SOURCE}, 100 instances."
    ]
    table.notes += agreement_notes(reviews)
    return table


def write_report(
    out: Path,
    evaluations: Sequence[Evaluation],
    *,
    corpus: str | None = None,
    reviews: Sequence[Review] = (),
    command: str = "",
) -> list[Table]:
    """Write report.md, one CSV per table and, with a corpus, figure4.png into `out`.

    Returns:
        The tables in the order of the report; those of the paper have a number.
    """
    statistics = None
    if corpus is not None:
        if not (Path(corpus) / "instances.jsonl").is_file():
            raise ToolAlpacaError(
                f"{corpus} has no instances.jsonl: --corpus takes a run of simulate_instances.py"
            )
        statistics = figures.corpus_statistics(corpus)
    tables: list[tuple[str, Table | None]] = [
        ("table1", table_1(statistics)),
        ("table2", table_2(reviews) if reviews else None),
        ("table3", table_3(evaluations)),
        ("table4", table_4(evaluations)),
        ("replies", replies(evaluations)),
        ("judged", judged(evaluations)),
        ("scenarios", by_scenario(evaluations)),
        ("comparisons", comparisons(evaluations)),
        ("pass_k", pass_k(evaluations)),
    ]
    parts = ["# ToolAlpaca report\n", _provenance(evaluations, corpus, command)]
    for name, table in tables:
        if table is None:
            (out / f"{name}.csv").unlink(missing_ok=True)  # of an earlier report with other arguments
            continue
        with atomic_write(out / f"{name}.csv") as stream:
            stream.write(table.csv())
        parts.append(table.markdown())
        if name == "table1" and statistics is not None:
            figures.draw_figure4(statistics, out / "figure4.png")
            parts.append("## Figure 4. Lengths in words\n\n![Figure 4](figure4.png)\n")
    with atomic_write(out / "report.md") as stream:
        stream.write("\n".join(parts))
    return [table for _, table in tables if table is not None]


def _provenance(evaluations: Sequence[Evaluation], corpus: str | None, command: str) -> str:
    """How this report came about: its command and commit, and those of the runs it reads."""
    folders = {str(e.folder): e.manifest for e in evaluations}
    if corpus is not None:
        folders[corpus] = read_manifest(Path(corpus))
    lines = ["| run | stage | command | commit |", "| --- | --- | --- | --- |"]
    for folder, manifest in folders.items():
        for stage, entry in (manifest.get("stages") or {"not recorded": {}}).items():
            argv = entry.get("argv")
            command_line = shlex.join(map(str, argv)) if argv else "not recorded"
            lines.append("| " + " | ".join(map(escape, (folder, stage, command_line, _commit(entry)))) + " |")
    return f"Made by `{printable(command)}` at commit {source_commit()}.\n\n" + "\n".join(lines) + "\n"


def source_commit() -> str:
    """The commit of this code, as a report names it."""
    return _commit(commit())


def _commit(entry: dict[str, Any]) -> str:
    sha = str(entry.get("commit") or "not recorded")[:12]
    return f"{sha} with local changes" if entry.get("dirty") else sha
