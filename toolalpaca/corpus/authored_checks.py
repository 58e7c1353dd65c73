"""What is wrong with authored tools: each is played, and nothing in it may stand nowhere.

A finding names file and line, says what is wrong and how to mend it. Whether values and answers follow from
what was said and seen is the caller's to judge: evaluation.grounding does, with what scoring knows of dates,
numbers and codes.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from toolalpaca.corpus.filters import non_textual
from toolalpaca.corpus.instructions import complaint
from toolalpaca.corpus.quality import near_duplicate, tokens
from toolalpaca.models.react import render_response
from toolalpaca.offline.library.expressions import ExpressionError
from toolalpaca.offline.library.specification import specification_text
from toolalpaca.offline.library.tools import AuthoredInstruction, AuthoredStep, AuthoredTool
from toolalpaca.offline.library.worlds import World, fault
from toolalpaca.openapi.encoding import InvalidCall
from toolalpaca.openapi.request import build_request
from toolalpaca.openapi.validation import functions_of, validate
from toolalpaca.schema import ReplyError, Scenario

MAX_OBSERVATION = 2_000
FUNCTIONS, ROWS, INSTRUCTIONS = (3, 8), (5, 40), 10
KINDS = {int: float}
SIFTED = {
    "odd_length": "an instruction has 6 to 70 words",
    "placeholder": "it holds a placeholder",
    "names_api": "the person names the API; say what is wanted, not from whom",
    "names_function": "the person says a function's name",
    "near_duplicate": "it nearly repeats another of the tool",
}
N = 8  # words of a window that may not stand in a published evaluation set


@dataclass(frozen=True)
class Finding:
    """One thing wrong with a file."""

    file: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Played:
    """An instruction acted out: the observation of each step (the user's reply for a question)."""

    tool: AuthoredTool
    asked: AuthoredInstruction
    observations: list[str]
    statuses: list[int]


Grounded = Callable[[Played], Iterable[tuple[int, str]]]


def play(tool: AuthoredTool, asked: AuthoredInstruction) -> Played:
    """Act an instruction out against a fresh world.

    Raises:
        InvalidCall: a call that the specification refuses.
        ExpressionError: a rule that cannot be carried out.
    """
    world, texts, statuses = World(tool), [], []
    openapi = specification_text(tool)
    for step in asked.steps:
        if step.question:
            texts.append(step.reply)
            statuses.append(0)
            continue
        request = build_request(openapi, step.function, step.arguments)
        made = [status for status in statuses if status]
        answer = fault(tool, asked.scenario, step.function, made)
        status, body = answer or world.answer(step.function, request.arguments)
        texts.append(render_response(status, body if isinstance(body, str) else json.loads(json.dumps(body))))
        statuses.append(status)
    return Played(tool, asked, texts, statuses)


def check_tool(tool: AuthoredTool, grounded: Grounded) -> list[Finding]:
    """Everything wrong with one tool by itself.

    Args:
        grounded: (line, message) of what follows from nothing in an instruction that was acted out.
    """

    def at(line: int, message: str) -> Finding:
        return Finding(tool.file, line or 1, message)

    found = [at(line, message) for line, message in _shape(tool)]
    try:
        validate(specification_text(tool))
        derived = {function.name for function in functions_of(specification_text(tool))}
        lost = [function.name for function in tool.functions if function.name not in derived]
        found += [at(1, f"the specification lost {name}: two routes are alike") for name in lost]
    except ReplyError as error:
        return [*found, at(1, f"the specification is not valid: {error.detail}")]
    for asked in tool.instructions:
        calls = [step for step in asked.steps if step.function]
        if unknown := [step for step in calls if tool.function(step.function) is None]:
            found += [at(step.line, f"there is no function {step.function!r}") for step in unknown]
            continue
        try:
            played = play(tool, asked)
        except InvalidCall as error:
            found.append(at(asked.line, f"a call is refused by the specification: {error}"))
            continue
        except ExpressionError as error:
            found.append(at(asked.line, f"a rule cannot be carried out: {error}"))
            continue
        found += [at(line, message) for line, message in _scenario(played)]
        found += [at(line, message) for line, message in grounded(played)]
    return found


def _shape(tool: AuthoredTool) -> Iterator[tuple[int, str]]:
    if not FUNCTIONS[0] <= len(tool.functions) <= FUNCTIONS[1]:
        yield 1, f"{len(tool.functions)} functions; a tool has {FUNCTIONS[0]} to {FUNCTIONS[1]}"
    if len(tool.instructions) < INSTRUCTIONS:
        yield 1, f"{len(tool.instructions)} instructions; a tool has at least {INSTRUCTIONS}"
    if not 40 <= len(tool.introduction.split()) <= 130:
        yield tool.lines.get(("introduction",), 1), "an introduction has 50 to 110 words"
    yield from _world(tool)
    names = [function.name for function in tool.functions]
    for name in {name for name in names if names.count(name) > 1}:
        yield 1, f"the function {name} stands there twice"
    called = {step.function for asked in tool.instructions for step in asked.steps}
    for function in tool.functions:
        if function.name not in called:
            yield function.line, f"no instruction calls {function.name}: write one, or leave it out"
    sifted = {"name": tool.name, "functions": [{"name": name} for name in names]}
    kept: list[str] = []
    for asked in tool.instructions:
        if reason := complaint(asked.text, sifted, kept):
            yield asked.line, f"make_instructions.py drops this: {SIFTED[reason]}"
        kept.append(asked.text)
        if non_textual(asked.answer):
            yield asked.line, "simulate_instances.py drops this: the answer is a link more than it is words"
        if re.search(r"\([\w ]+: [^)]*\)", asked.text):
            yield asked.line, "a value in brackets with its name; people do not write so"


def _world(tool: AuthoredTool) -> Iterator[tuple[int, str]]:
    if len(tool.world) and max(map(len, tool.world.values())) < ROWS[0]:
        yield tool.lines.get(("world",), 1), "the world has no table of some size: 8 to 30 records"
    for table, rows in tool.world.items():
        for field in dict.fromkeys(field for row in rows for field in row):
            kinds = {KINDS.get(type(row.get(field)), type(row.get(field))) for row in rows} - {type(None)}
            if len(kinds) > 1:
                said = " and ".join(sorted(kind.__name__ for kind in kinds))
                yield tool.lines.get(("world", table), 1), f"{table}.{field} is {said}: quote what is a text"


def _scenario(played: Played) -> Iterator[tuple[int, str]]:  # noqa: PLR0912 (one branch per scenario)
    asked, calls = played.asked, [s for s in played.asked.steps if s.function]
    statuses = [status for status in played.statuses if status]
    for text, step in zip(played.observations, asked.steps, strict=True):
        if len(text) > MAX_OBSERVATION:
            yield (
                step.line,
                f"an observation of {len(text)} characters; {MAX_OBSERVATION} are seen: give less",
            )
    match asked.scenario:
        case Scenario.NO_SUITABLE_TOOL:
            if asked.steps:
                yield asked.line, "no_suitable_tool has no steps"
            return
        case Scenario.SERVER_ERROR | Scenario.RATE_LIMIT:
            first = [(s.function, s.arguments) for s in calls[:2]]
            if not statuses or statuses[0] < 429 or len(first) < 2 or first[0] != first[1]:
                yield asked.line, f"{asked.scenario}: the first call fails, the next step makes it again"
            statuses = statuses[1:]
        case Scenario.REJECTED_PARAMETER:
            if not statuses or not any(400 <= s < 429 and s != 404 for s in statuses) or statuses[-1] >= 300:
                yield asked.line, f"rejected_parameter: a 4xx, then a success; got {statuses}"
            return
        case Scenario.DATA_NOT_FOUND:
            last = played.observations[-1] if played.observations else ""
            if 404 not in statuses and not re.search(r"\[\]|\bnull\b|: 0\b", last):
                yield asked.line, "data_not_found: the world should hold nothing (404 or an empty list)"
            return
        case Scenario.MISSING_INFORMATION:
            if not any(step.question for step in asked.steps):
                yield asked.line, "missing_information: a step asks the user"
        case Scenario.ORDINARY:
            if any(step.question for step in asked.steps):
                yield asked.line, "a step asks the user: the scenario is missing_information"
    if not asked.steps:
        yield asked.line, f"{asked.scenario}: there are no steps"
    if bad := [s for s in statuses if s >= 400]:
        yield asked.line, f"{asked.scenario}: a call ends with status {bad[0]}"
    for one, other in itertools.pairwise(calls):
        again = (one.function, one.arguments) == (other.function, other.arguments)
        if again and asked.scenario not in (Scenario.SERVER_ERROR, Scenario.RATE_LIMIT):
            yield other.line, "the same call twice in a row"


def check_library(tools: list[AuthoredTool], published: Iterable[str] = ()) -> list[Finding]:
    """What is wrong between tools: names twice, instructions that repeat each other or published ones."""
    found = []
    for name, count in Counter(tool.name.casefold() for tool in tools).items():
        if count > 1:
            twice = next(tool for tool in reversed(tools) if tool.name.casefold() == name)
            found.append(Finding(twice.file, 1, f"{twice.name} stands in the library twice"))
    windows = {w for text in published for w in _windows(tokens(text))}
    seen: dict[str, list[str]] = {}
    for tool in tools:
        for asked in tool.instructions:
            words = tokens(asked.text)
            if any(window in windows for window in _windows(words)):
                found.append(
                    Finding(tool.file, asked.line, "shares eight words in a row with a published task")
                )
            rare = sorted(set(words), key=lambda w: len(seen.get(w, ())))[:6]
            close = dict.fromkeys(text for word in rare for text in seen.get(word, ()))
            if other := near_duplicate(asked.text, close):
                found.append(Finding(tool.file, asked.line, f"nearly repeats: {other[:80]}"))
            for word in set(words):
                seen.setdefault(word, []).append(asked.text)
    return found


def _windows(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + N]) for i in range(len(words) - N + 1)}


def steps_of(tools: list[AuthoredTool]) -> list[tuple[AuthoredTool, AuthoredInstruction, AuthoredStep]]:
    """Every step of a library."""
    return [(tool, asked, step) for tool in tools for asked in tool.instructions for step in asked.steps]
