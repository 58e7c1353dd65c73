"""How a library is worded, in figures with bounds: shortcuts that lead past the documentation."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from dataclasses import dataclass

from toolalpaca.corpus.authored_checks import steps_of
from toolalpaca.corpus.quality import distinct_n, tokens
from toolalpaca.offline.library.tools import AuthoredTool
from toolalpaca.schema import Scenario


@dataclass(frozen=True)
class Figure:
    """One figure and the bound it stays within."""

    name: str
    value: float
    bound: float
    at_most: bool

    @property
    def holds(self) -> bool:
        return self.value <= self.bound if self.at_most else self.value >= self.bound

    def __str__(self) -> str:
        sign = "at most" if self.at_most else "at least"
        outside = "" if self.holds else "  <-- out of bounds"
        return f"{self.name}: {self.value:.3f} ({sign} {self.bound:g}){outside}"


@dataclass(frozen=True)
class Counts:
    """The paper's Table 1 for a library."""

    categories: int
    tools: int
    instances: int
    single: int
    multiple: int
    functions: float
    steps: float
    words_in: float
    words_out: float
    scenarios: dict[str, int]


PAPER = Counts(50, 426, 3938, 2512, 1426, 4.85, 1.66, 23.42, 36.19, {})


def counts(tools: list[AuthoredTool]) -> Counts:
    """Statistics of what the tools hold."""
    asked = [a for tool in tools for a in tool.instructions]
    steps = [len(a.steps) for a in asked]
    return Counts(
        categories=len({tool.category for tool in tools}),
        tools=len(tools),
        instances=len(asked),
        single=sum(n <= 1 for n in steps),
        multiple=sum(n > 1 for n in steps),
        functions=statistics.fmean(len(tool.functions) for tool in tools) if tools else 0.0,
        steps=statistics.fmean(steps) if steps else 0.0,
        words_in=statistics.fmean(len(a.text.split()) for a in asked) if asked else 0.0,
        words_out=statistics.fmean(len(a.answer.split()) for a in asked) if asked else 0.0,
        scenarios=dict(Counter(str(a.scenario) for a in asked).most_common()),
    )


def figures(tools: list[AuthoredTool]) -> list[Figure]:
    """Shortcuts and monotony, measured over all of a library."""
    asked = [a for tool in tools for a in tool.instructions]
    calls = [(a.text, step.function) for _, a, step in steps_of(tools) if step.function]
    thoughts = [step.thought for _, _, step in steps_of(tools)]
    refusals = [a.answer for a in asked if a.scenario == Scenario.NO_SUITABLE_TOOL]
    texts = [a.text for a in asked]
    return [
        Figure("function names that the request's words compose", composed_names(calls), 0.12, True),
        Figure("the ten commonest openings of three words", _commonest(texts, 3, 10), 0.1, True),
        Figure("commonest opening of three words", _commonest(texts, 3), 0.02, True),
        Figure("distinct-2 of instructions", distinct_n(texts, 2), 0.4, False),
        Figure(
            "thoughts that begin with 'I need'", _share(t.startswith("I need") for t in thoughts), 0.17, True
        ),
        Figure("commonest opening of two words of thoughts", _commonest(thoughts, 2), 0.04, True),
        Figure("distinct-2 of thoughts", distinct_n(thoughts, 2), 0.35, False),
        Figure(
            "commonest opening of two words of answers", _commonest([a.answer for a in asked], 2), 0.04, True
        ),
        Figure("commonest opening of three words of refusals", _commonest(refusals, 3), 0.08, True),
    ]


def _share(found: object) -> float:
    values = list(found)  # type: ignore[call-overload]
    return sum(values) / len(values) if values else 0.0


def composed_names(calls: list[tuple[str, str]]) -> float:
    """Share of calls whose function's name is made of words of the request."""
    made = 0
    for text, name in calls:
        parts = [p.lower() for p in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name) if len(p) > 2]
        spoken = tokens(text)
        made += bool(parts) and all(any(w[:4] == p[:4] for w in spoken) for p in parts)
    return made / len(calls) if calls else 0.0


def _heads(texts: list[str], n: int) -> Counter[str]:
    return Counter(" ".join(tokens(text)[:n]) for text in texts)


def _commonest(texts: list[str], n: int, kinds: int = 1) -> float:
    """Share of texts that begin with one of so many commonest openings of n words; 0 for few texts."""
    counts = [count for _, count in _heads(texts, n).most_common(kinds)]
    return sum(counts) / len(texts) if len(texts) >= 50 else 0.0
