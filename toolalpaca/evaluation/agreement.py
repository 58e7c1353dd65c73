"""How far our process verdicts agree with a judge's, and a judged file's totals, as text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from toolalpaca.evaluation import metrics
from toolalpaca.evaluation.scoring.evidence import ASK
from toolalpaca.evaluation.scoring.gold import NotGiven, Open, Ref, parse_steps
from toolalpaca.evaluation.scoring.verdicts import score
from toolalpaca.models.react import parse_input
from toolalpaca.original.judged import Judged, totals
from toolalpaca.schema import ErrorType, ReplyError, Verdict

LABELS = ("Yes", "No", "Uncertain", "unscored")


def compare(entries: list[Judged]) -> list[tuple[Judged, Verdict]]:
    """Our verdict beside each entry that the judge gave a verdict on and that has a solution."""
    return [
        (entry, score(entry.task, entry.episode, entry.documentation))
        for entry in entries
        if entry.process is not None and entry.task is not None
    ]


def matches(entry: Judged) -> bool:
    """The plain rule that ours are measured against: for each gold step a call of the same function with
    literally the same arguments, placeholders matching anything."""
    calls = [(step.function, step.input) for step in entry.episode.steps]
    try:
        gold = parse_steps(entry.task.gold)
        given = [(function, parse_input(text)) for function, text in calls]
    except ReplyError:
        return False
    return all(
        any(
            step.function == function and _literally(step.arguments, arguments)
            for function, arguments in given
        )
        for step in gold
        if step.function != ASK or not any(function == ASK for function, _ in given)
    )


def _literally(gold: Any, given: Any) -> bool:
    if isinstance(gold, Ref | Open):
        return True
    if isinstance(gold, NotGiven):
        return given in (None, "")
    if isinstance(gold, dict) and isinstance(given, dict):
        return given.keys() <= gold.keys() and all(_literally(v, given.get(k)) for k, v in gold.items())
    if isinstance(gold, list) and isinstance(given, list):
        return len(gold) == len(given) and all(map(_literally, gold, given))
    return gold == given


def label(verdict: Verdict) -> str:
    """Our process verdict in the judge's words."""
    return {True: "Yes", False: "No", None: "unscored"}[verdict.procedure]


def by_model(judged: dict[str, list[Judged]], text: Callable[[list[Judged]], str]) -> str:
    """One of the texts below for each model of a judged file, under its name where there are several."""
    if len(judged) == 1:
        return text(*judged.values())
    return "\n\n".join(f"model: {model}\n{text(entries)}" for model, entries in judged.items())


def report(entries: list[Judged]) -> str:
    """Agreement, kappa, confusion table and every disagreement with its reason.

    The figure counts Uncertain with No, as the published totals do ("correct" is Yes alone); the line
    below it leaves uncertain verdicts out. A spread over tools shows how much hangs on single ones.
    """
    pairs = compare(entries)
    if not pairs:
        return f"episodes: {len(entries)}, none with a solution and a verdict of the judge"
    ours = [(correct(e.process), correct(label(v))) for e, v in pairs]
    literal = [(correct(e.process), "correct" if matches(e) else "not correct") for e, _ in pairs]
    binary, exact = metrics.agreement(ours), metrics.agreement(literal)
    certain = metrics.agreement((e.process, label(v)) for e, v in pairs if e.process in ("Yes", "No"))
    lines = [
        f"episodes: {len(entries)}, with a solution and a verdict: {len(pairs)}",
        *(f"left out: {e.tool} {e.number}: {e.problem}" for e in entries if e.problem),
        f"agreement: {binary}, the judge's Uncertain counted as not correct",
        f"agreement: {certain} on the {certain.n} certain verdicts",
        f"for comparison, exact matching of names and arguments: {exact}",
        f"95% bootstrap interval of kappa: {_interval(ours)}; of exact matching's: {_interval(literal)}",
        "",
        f"{'judge / ours':<14}" + "".join(f"{name:>10}" for name in LABELS),
    ]
    table = metrics.agreement((e.process or "", label(v)) for e, v in pairs).table
    lines += [
        f"{judge:<14}" + "".join(f"{table.get((judge, ours), 0):>10}" for ours in LABELS)
        for judge in ("Yes", "No", "Uncertain")
    ]
    lines += ["", *_by_tool(pairs)]
    different = [(e, v) for e, v in pairs if correct(e.process) != correct(label(v))]
    lines += ["", f"disagreements: {len(different)}"]
    lines += [f"  {e.tool} {e.number}: judge {e.process}, ours {label(v)}: {reason(v)}" for e, v in different]
    return "\n".join(lines)


def _interval(pairs: list[tuple[str, str]]) -> str:
    low, high = metrics.kappa_interval([(a == "correct", b == "correct") for a, b in pairs])
    return f"{low:.2f} to {high:.2f}"


def reason(verdict: Verdict) -> str:
    """Why a procedure counts as it does."""
    found = [
        f"{f.type} in step {f.step + 1}: {f.reason}"
        for f in verdict.findings
        if f.type != ErrorType.WRONG_ANSWER
    ]
    return (
        "; ".join(found).replace(" in step 0:", " at the end:")
        or (verdict.unscored if verdict.procedure is None else "")
        or verdict.reason
    )


def published_report(entries: list[Judged]) -> str:
    """The totals of a judged file, recomputed from its single verdicts."""
    found = totals(entries)
    lines = [f"tasks: {found['num']}", f"without steps: {found['error_num']}"]
    unread = sum(not e.judged and not e.without_steps for e in entries)
    if unread:
        lines.append(f"without a verdict of the judge that can be read: {unread}")
    for part in ("process", "response"):
        counts = ", ".join(f"{name} {found[part][name]}" for name in found[part])
        lines.append(f"{part}: {found[part]['Yes']} correct ({counts})")
    lines.append(f"both: {found['both']} correct")
    return "\n".join(lines)


def correct(name: str | None) -> str:
    """A verdict as one of two; Uncertain counts as not correct, as in the published totals."""
    return "correct" if name == "Yes" else "not correct"


def _by_tool(pairs: list[tuple[Judged, Verdict]]) -> list[str]:
    """Agreement with each tool left out, so that one tool's share in the figure is seen."""
    labels: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for entry, verdict in pairs:
        labels[entry.tool].append((correct(entry.process), correct(label(verdict))))
    if len(labels) < 2:
        return []
    lines = [f"{'tool':<26}{'agree':>8}{'of':>5}{'kappa without it':>19}"]
    for tool, own in labels.items():
        rest = metrics.agreement(pair for name, many in labels.items() if name != tool for pair in many)
        agreed = sum(one == other for one, other in own)
        lines.append(f"{tool[:25]:<26}{agreed:>8}{len(own):>5}{rest.kappa:>19.2f}")
    return lines
