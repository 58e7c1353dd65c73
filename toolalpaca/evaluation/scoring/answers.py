"""The final answer without a judge: a task's required facts, present and consistent with what was read."""

from __future__ import annotations

import re

from toolalpaca.evaluation.scoring.evidence import Call
from toolalpaca.evaluation.scoring.sources import Sources
from toolalpaca.evaluation.scoring.values import number
from toolalpaca.schema import Episode, ErrorType, Finding, Outcome, Task

ANSWER = -1
DENIES = re.compile(
    r"\b(?:i(?:'m| am)? (?:was )?(?:unable|not able|sorry)|(?:could|can|did) ?(?:not|n't)|cannot|can't|"
    r"failed to|"
    r"no (?:results|data|information) (?:was|were|is)? ?(?:found|available))",
    re.IGNORECASE,
)
HARD = re.compile(r"[\w.+-]+@[\w-]+\.\w[\w.]*|https?://[^\s\"'<>)\]]+|(?<![\w.])\d+\.\d+(?!\.?\d)|\b\d{4,}\b")


def check(
    task: Task, episode: Episode, calls: list[Call], procedure: bool, findings: list[Finding]
) -> tuple[bool | None, str]:
    """Whether the answer is right, and why it is unscored where that cannot be said.

    Adds a `wrong_answer` finding to `findings` where it is wrong.
    """

    def wrong(reason: str) -> tuple[bool, str]:
        findings.append(Finding(ErrorType.WRONG_ANSWER, ANSWER, reason))
        return False, ""

    missing_answer = episode.outcome != Outcome.ANSWERED or not episode.final_output.strip()
    if missing_answer:
        wrong(f"no final answer ({episode.outcome})")
    if not task.facts:
        # Also without an answer: a rate over failures alone would say nothing.
        return None, "the task has no required facts"
    if missing_answer:
        return False, ""
    said = Sources(episode.final_output)
    read = Sources(task.instruction, *(call.response for call in calls))
    # A fact that this episode's tools never returned (another executor answered) cannot be demanded
    # of an assistant that made every needed call.
    demanded = [fact for fact in task.facts if read.hold(fact)] if procedure else task.facts
    if not demanded:
        return None, "none of the task's facts was returned by this run's executor"
    missing = [fact for fact in demanded if not said.tell(fact)]
    if missing:
        return wrong(f"leaves out {', '.join(map(repr, missing[:3]))}")
    worked = [call for call in calls if 200 <= call.status < 300]
    if (
        worked
        and all(200 <= call.status < 300 for call in calls if call.status)
        and DENIES.match(episode.final_output)
    ):
        return wrong("denies what the tool's responses say")
    invented = [value for value in HARD.findall(episode.final_output) if not _consistent(value, read)]
    if invented:
        return wrong(f"states {invented[0]!r}, which no response holds")
    return True, ""


def _consistent(value: str, read: Sources) -> bool:
    """Whether a value in an answer stands in what was read, or follows by rounding or simple arithmetic."""
    if read.hold(value.rstrip(".,")) or value.rstrip(".,/") in read.text:
        return True
    wanted = number(value)
    if wanted is None:
        return False
    known = sorted(read.numbers)[:200]
    digits = len(value.partition(".")[2])
    # 5900 cents are 59.00 dollars
    if any(abs(round(k, digits) - wanted) < 1e-9 or abs(k / 100 - wanted) < 1e-9 for k in known):
        return True
    return any(
        abs(result - wanted) <= 0.5 * 10**-digits
        for a in known
        for b in known
        for result in (a + b, a - b, a * b, a / b if b else a)
    )
