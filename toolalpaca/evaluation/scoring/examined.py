"""An episode under examination: what the rules look at, and what they found so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from toolalpaca.evaluation.scoring.alignment import Alignment
from toolalpaca.evaluation.scoring.evidence import Call, Known
from toolalpaca.evaluation.scoring.gold import GoldCall
from toolalpaca.schema import ErrorType, Finding, Function

MAX_REASON, MAX_LINE = 500, 300  # characters of a finding's reason, and of a response in it


@dataclass
class Scored:
    """Findings so far. What is mended later stays a finding and does not break the procedure."""

    findings: list[Finding] = field(default_factory=list)
    broken: bool = False
    breaking: list[str] = field(default_factory=list)

    def add(self, kind: ErrorType, step: int, reason: str, breaks: bool) -> None:
        reason = shortened(reason, MAX_REASON)
        if not any(f.type == kind and f.step == step and f.reason == reason for f in self.findings):
            self.findings.append(Finding(kind, step, reason))
        if breaks:
            self.broken = True
            where = f"step {step + 1}" if step >= 0 else "at the end"
            self.breaking.append(f"{kind.replace('_', ' ')}, {where}: {reason}")


@dataclass
class Examined:
    """What the rules about calls look at."""

    gold: list[GoldCall]
    calls: list[Call]
    found: Alignment
    functions: dict[str, Function]
    known: list[Known]
    scored: Scored


def first_line(text: str) -> str:
    return shortened(text.strip().split("\n")[0], MAX_LINE)


def shortened(text: str, most: int) -> str:
    """A text without its middle where it is longer: a message often begins with what and ends with why."""
    half = (most - 5) // 2
    return text if len(text) <= most else f"{text[:half]} ... {text[-half:]}"
