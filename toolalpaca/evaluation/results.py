"""What evaluation runs show: Table 3, Table 4, models compared two by two, repeated samples."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

from toolalpaca.evaluation import paper
from toolalpaca.evaluation.comparison import bootstrap_tasks, compare_paired, pass_hat_k, wilson
from toolalpaca.evaluation.scored import JUDGED, MACHINERY, MEASURES, Evaluation
from toolalpaca.evaluation.tables import Table
from toolalpaca.models.react import STYLES
from toolalpaca.models.replies import read_reply
from toolalpaca.schema import Episode, ErrorType, ReplyError

UNKNOWN = "–"


def percent(value: float) -> str:
    """A fraction as a percentage with one decimal, without it when it is whole: 0.83 -> 83%."""
    return f"{100 * value:.1f}".removesuffix(".0") + "%"


def rate(successes: int, n: int) -> str:
    """`83/100 [74-89]`: how many of how many, and the 95% Wilson interval in per cent."""
    if n == 0:
        return UNKNOWN
    low, high = wilson(successes, n)
    return f"{successes}/{n} [{100 * low:.0f}-{100 * high:.0f}]"


def record(source: str, model: str, measure: str, successes: int | None, n: int) -> dict[str, Any]:
    known = successes is not None and n > 0
    low, high = wilson(successes, n) if known else (None, None)
    return {
        "source": source,
        "model": model,
        "measure": measure,
        "count": successes,
        "n": n,
        "rate": round(successes / n, 6) if known else None,
        "low": round(low, 6) if known else None,
        "high": round(high, 6) if known else None,
    }


def table_3(evaluations: Sequence[Evaluation]) -> Table:
    """How many episodes show each of the six error types at least once, model by model."""
    table = Table(
        "Table 3",
        "Episodes that show each error type at least once",
        ["model", "episodes", *(t.value.replace("_", "\n") for t in ErrorType), "failed,\nnot counted"],
    )
    for e in evaluations:
        counted = [a for a in e.attempts if a.counted]
        cells, detailed = [], []
        for error in ErrorType:
            count = sum(error in a.error_types for a in counted)
            # Without a verdict on every answer, the wrong ones are counted as far as they show.
            partial = error is ErrorType.WRONG_ANSWER and any(a.verdict.answer is None for a in counted)
            n = 0 if partial else len(counted)
            low, high = wilson(count, n)
            cells.append(f"{count}+" if partial else f"{count}")
            detailed.append(f"{count}+" if partial else f"{count} [{100 * low:.0f}-{100 * high:.0f}]")
            table.records.append(record("measured", e.label, error.value, count, n))
        failed = str(len(e.attempts) - len(counted))
        table.narrow.append([e.label, str(len(counted)), *cells, failed])
        table.rows.append([e.label, str(len(counted)), *detailed, failed])
    # A type of error that is ours alone has no figure there
    for model, counts in paper.ERRORS.items():
        row = [f"paper: {model}", str(paper.ERRORS_N), *map(str, counts)]
        for rows in (table.rows, table.narrow):
            rows.append([*row, *[UNKNOWN] * (len(table.header) - len(row))])
        table.records += [
            record("paper, judged by people", model, error.value, count, paper.ERRORS_N)
            for error, count in zip(ErrorType, counts, strict=False)
        ]
    table.notes = [
        "An episode may show several types. Failures of the machinery (an endpoint, an executor, an "
        "unscored episode) are no error of the model and stay outside the count. The paper "
        "counted its Table 3 by hand on 100 tasks. report.md gives "
        "the 95% Wilson interval of each count, in per cent, in brackets.",
    ]
    if any(cell.endswith("+") for row in table.narrow for cell in row):
        table.notes.append("+: at least; the answer of some of these episodes could not be scored.")
    return table


def table_4(evaluations: Sequence[Evaluation]) -> Table:
    """Procedure and overall correctness on unseen tools, beside the paper's."""
    table = Table("Table 4", "Correct on tools that were kept out of training", ["model", *MEASURES])
    table.header[1] = "first\nfunction"
    for e in evaluations:
        cells = []
        for measure in MEASURES:
            values = e.scored(measure)
            cells.append(rate(sum(values), len(values)))
            table.records.append(record("measured", e.label, measure, sum(values), len(values)))
        table.rows.append([e.label, *cells])
    for result in paper.RESULTS:
        known = (None, result.procedure, result.answer, result.overall)
        table.rows.append(
            [f"paper: {result.model}", *(UNKNOWN if f is None else rate(f, result.n) for f in known)]
        )
        table.records += [
            record(f"paper, judged by {result.judged_by}", result.model, measure, f, result.n)
            for measure, f in zip(MEASURES, known, strict=True)
            if f is not None
        ]
    table.notes = [
        "In brackets the 95% Wilson interval in per cent. Rows marked 'paper' are the figures of "
        f"{paper.SOURCE}, for its own models on its own 100 tasks, judged by people (the published file: "
        "by GPT-4); their intervals are computed here from its counts. All other rows were measured.",
        *_unscored_notes(evaluations),
    ]
    return table


def _unscored_notes(evaluations: Sequence[Evaluation]) -> list[str]:
    notes = [f"{e.label}: not all of the run, {e.attempted}." for e in evaluations if e.attempted]
    for e in evaluations:
        reasons: Counter[str] = Counter()
        for a in e.attempts:
            if a.episode.outcome in MACHINERY:
                reasons[str(a.episode.outcome)] += 1
            elif a.verdict is None:
                reasons["no verdict"] += 1
            elif a.verdict.unscored:
                reasons[a.verdict.unscored.split("\n")[0][:80]] += 1
            elif a.verdict.overall is None:
                reasons["no overall verdict"] += 1
        if reasons:
            listed = "; ".join(f"{reason} {count}" for reason, count in reasons.most_common(6))
            notes.append(f"{e.label}: beside the denominators, not or not fully scored: {listed}.")
    return notes


def replies(evaluations: Sequence[Evaluation]) -> Table | None:
    """How the models' replies were written; None where no run holds any reply."""
    kinds = ("as asked", "decorated", "refusal without\na label", "unreadable")
    table = Table("", "How replies were written", ["model", "replies", *kinds])
    for e in evaluations:
        counts = Counter(kind for a in e.attempts for kind in reply_kinds(a.episode))
        n = sum(counts.values())
        if n:
            table.rows.append([e.label, str(n), *(str(counts[kind]) for kind in kinds)])
            table.records += [
                record("measured", e.label, f"replies {kind}".replace("\n", " "), counts[kind], n)
                for kind in kinds
            ]
    table.notes = [
        "Decorated replies have Markdown, quotes or Python's literals around a step that can be told for "
        "sure; they are read and cost a model nothing (`--strict` refuses them). A refusal without its label "
        "declines the task in words: a parse error of the protocol, told apart from what nobody can read.",
    ]
    return table if table.rows else None


def reply_kinds(episode: Episode) -> list[str]:
    """For each reply of an episode how it was written, one of the kinds of the table `replies`."""
    style, kinds = STYLES.get(episode.style, STYLES["react"]), []
    for text in episode.texts:
        try:
            kinds.append("decorated" if read_reply(text, style).decorated else "as asked")
        except ReplyError as error:
            refusal = error.reason == "refusal_without_label"
            kinds.append("refusal without\na label" if refusal else "unreadable")
    return kinds


def judged(evaluations: Sequence[Evaluation]) -> Table | None:
    """What language models said as judges (eval/judge.py); None where none was asked."""
    table = Table(
        "",
        "Judged by a language model",
        ["model", "judge", "process", "response", "both", "uncertain", "unscored"],
    )
    for e in evaluations:
        for judge in sorted({j["judge"] for a in e.attempts for j in a.judgements}):
            all_grades = [
                [j.get(part) for part in JUDGED]
                for a in e.attempts
                for j in a.judgements
                if j["judge"] == judge
            ]
            grades = [g for g in all_grades if all(g)]
            yes = [[grade == "Yes" for grade in g] for g in grades]
            counts = [
                sum(process for process, _ in yes),
                sum(response for _, response in yes),
                sum(map(all, yes)),
            ]
            uncertain, unscored = sum("Uncertain" in g for g in grades), len(all_grades) - len(grades)
            cells = [rate(count, len(grades)) for count in counts]
            table.rows.append([e.label, judge, *cells, str(uncertain), str(unscored)])
            for measure, count in zip((*JUDGED, "both"), counts, strict=True):
                table.records.append(record(f"judge {judge}", e.label, measure, count, len(grades)))
    table.notes = [
        "How many episodes the judge answered Yes on; an uncertain grade is no Yes. Judgements that could "
        "not be read are unscored and stand beside the denominator. In brackets the 95% Wilson interval."
    ]
    return table if table.rows else None


def by_scenario(evaluations: Sequence[Evaluation]) -> Table | None:
    """Overall correctness per scenario of the tasks; None when all tasks are of one."""
    scenarios = sorted({a.task.scenario for e in evaluations for a in e.attempts if a.task})
    if len(scenarios) < 2:
        return None
    table = Table("", "Overall by scenario", ["model", *(s.replace("_", "\n") for s in scenarios)])
    for e in evaluations:
        cells = []
        for scenario in scenarios:
            values = e.scored("overall", (a for a in e.attempts if a.task and a.task.scenario == scenario))
            cells.append(rate(sum(values), len(values)))
            table.records.append(record("measured", e.label, scenario, sum(values), len(values)))
        table.rows.append([e.label, *cells])
    table.notes = ["In brackets the 95% Wilson interval in per cent."]
    return table


def comparisons(evaluations: Sequence[Evaluation]) -> Table | None:
    """Models two by two on the tasks they share; None when there are not two to compare."""
    table = Table(
        "",
        "Two models on the same tasks",
        [
            "first against second",
            "measure",
            "tasks",
            "first",
            "second",
            "difference",
            "only 1st",
            "only 2nd",
            "p",
        ],
    )
    # Beyond four models the pairs outnumber what anyone reads: each is then compared with the first.
    few = len(evaluations) <= 4
    pairs = itertools.combinations(evaluations, 2) if few else ((evaluations[0], e) for e in evaluations[1:])
    for (a, b), measure in itertools.product(pairs, ("procedure", "overall")):
        first, second = a.samples(measure), b.samples(measure)
        shared = [task for task in first if task in second]
        if not shared:
            continue
        p = compare_paired([first[t] for t in shared], [second[t] for t in shared])
        table.rows.append(
            [
                f"{a.label} vs {b.label}",
                measure,
                str(p.n),
                percent(p.first),
                percent(p.second),
                f"{100 * p.difference:+.1f} [{100 * p.low:+.1f}, {100 * p.high:+.1f}]",
                str(p.only_first),
                str(p.only_second),
                "<0.0001" if p.p_value < 1e-4 else f"{p.p_value:.4f}",
            ]
        )
        table.records.append({"first_model": a.label, "second_model": b.label, "measure": measure, **vars(p)})
    table.notes = [
        "Difference in percentage points with the 95% interval of a paired bootstrap over tasks (10,000 "
        "resamples); p: exact two-sided McNemar test on the tasks that only one of the two gets right "
        "(first sample of each task)."
    ]
    return table if table.rows else None


def pass_k(evaluations: Sequence[Evaluation]) -> Table | None:
    """pass^k of procedure and overall for every k the samples allow; None without repeated samples."""
    rows = [(e, m, list(e.samples(m).values())) for e in evaluations for m in ("procedure", "overall")]
    largest = max((len(s) for _, _, samples in rows for s in samples), default=0)
    if largest < 2:
        return None
    ks = sorted({k for k in range(1, largest + 1) if k <= 4 or k == largest or k.bit_count() == 1})
    table = Table("", "Repeated samples: pass^k", ["model", "measure", "tasks", *(f"k={k}" for k in ks)])
    for e, measure, samples in rows:
        if not samples:
            continue
        cells = []
        for k in ks:
            value = pass_hat_k(samples, k)
            if value is None:
                cells.append(UNKNOWN)
                continue
            low, high = bootstrap_tasks(samples, lambda s, k=k: pass_hat_k(s, k))
            cells.append(f"{percent(value)} [{100 * low:.0f}-{100 * high:.0f}]")
            table.records.append(
                {"model": e.label, "measure": measure, "k": k, "pass_hat_k": value, "low": low, "high": high}
            )
        table.rows.append([e.label, measure, str(len(samples)), *cells])
    table.notes = [
        "The chance that k samples of one task are all right, averaged over tasks; in brackets the 95% "
        "interval of a bootstrap over tasks. With repeated samples the Wilson intervals of the other "
        "tables count every sample as independent, and are too narrow."
    ]
    return table
