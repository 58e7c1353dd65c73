"""Episodes and gold to verdicts: the six error types, procedure, answer, overall (docs/scoring.md)."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

from toolalpaca.evaluation.scoring import answers
from toolalpaca.evaluation.scoring.alignment import align
from toolalpaca.evaluation.scoring.evidence import HELPERS, Call, knowledge, scalars
from toolalpaca.evaluation.scoring.examined import Examined, Scored, first_line
from toolalpaca.evaluation.scoring.gold import (
    GoldCall,
    NotGiven,
    Open,
    Ref,
    parse_gold_input,
    parse_steps,
    withheld,
)
from toolalpaca.evaluation.scoring.mismatch import unknown, unlisted
from toolalpaca.evaluation.scoring.spare_calls import judge_spare
from toolalpaca.evaluation.scoring.use import judge_use
from toolalpaca.models.react import parse_input, read_response
from toolalpaca.schema import (
    Episode,
    ErrorType,
    Outcome,
    ReplyError,
    Scenario,
    Step,
    Task,
    Tool,
    Verdict,
)

PASSING = (Scenario.SERVER_ERROR, Scenario.RATE_LIMIT)  # the task is to try again what fails at first
ANSWER = -1  # the step of a finding that is about the final answer
STORED = re.compile(r"\s*The output is too long")  # the original tools answer so in a long response's place
UNHELPED = re.compile(r"\s*(?:Invalid JSON format|For `getDetails`|File does not exist)")  # and helpers so


def score(task: Task, episode: Episode, tool: Tool | None) -> Verdict:
    """The verdict on one episode. Needs no model; the same input gives the same verdict.

    Failures of the machinery and tasks whose gold cannot be read are unscored, with the reason.
    """
    verdict = Verdict(task.task_id, episode.model, episode.sample)
    if episode.outcome in (Outcome.MODEL_FAILED, Outcome.EXECUTOR_FAILED):
        verdict.unscored = f"{episode.outcome}: {episode.detail}".rstrip(": ")
        return verdict
    if not task.gold and task.scenario != Scenario.NO_SUITABLE_TOOL:
        verdict.unscored = "the task has no gold steps"
        return verdict
    try:
        gold = parse_steps(task.gold)
    except ReplyError as error:
        verdict.unscored = str(error)
        return verdict
    functions = {f.name: f for f in tool.functions} if tool else {}
    calls = read_calls(episode.steps)
    specification = (tool.openapi or tool.documentation) if tool else ""
    handed = withheld(gold) | _secured(tool.openapi if tool else "")
    known = knowledge(task.instruction, calls, specification, handed)
    scored = Scored()
    _unreadable(episode, scored)
    found = align(gold, calls, functions, known)
    on = Examined(gold, calls, found, functions, known, scored)
    _unmet(on)
    if task.scenario in PASSING:
        _given_up(on)
    judge_spare(on)
    _ignored(on)
    judge_use(episode, on)
    verdict.procedure = not scored.broken
    verdict.reason = _reason(on, scored)
    verdict.answer, verdict.unscored = answers.check(task, episode, calls, not scored.broken, scored.findings)
    verdict.overall = None if verdict.answer is None else verdict.procedure and verdict.answer
    verdict.findings = sorted(scored.findings, key=lambda f: (f.step == ANSWER, f.step))
    verdict.first_function = _first_is_right(gold, calls) if gold else None
    return verdict


@functools.lru_cache(maxsize=16)
def _secured(openapi: str) -> frozenset[str]:
    """Names of the parameters that the specification's security schemes take a key in."""
    try:
        schemes = json.loads(openapi or "{}")["components"]["securitySchemes"].values()
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return frozenset()
    return frozenset(str(s["name"]) for s in schemes if isinstance(s, dict) and s.get("name"))


def read_calls(steps: list[Step]) -> list[Call]:
    """The steps that are calls, with their arguments; unreadable ones are left out."""
    calls = []
    for index, step in enumerate(steps):
        if step.error in ("parse_error", "invalid_json", "not_an_object"):
            continue
        try:
            arguments = _arguments(step)
        except ReplyError:
            continue
        status = read_response(step.response)[0]
        answered = status or step.status or STORED.match(step.response)
        if step.function in HELPERS:
            answered = not UNHELPED.match(step.response)
        # a file that keeps no responses says nothing of a refusal either
        refused = bool(step.error) or not (answered or not step.response.strip())
        code = step.status or status
        calls.append(Call(index, step.function, arguments, step.response, refused, code))
    return calls


def _arguments(step: Step) -> dict[str, Any]:
    """The arguments of a step. An input that is no JSON and that the tool took all the same (a comma missing,
    a name written twice) is read as a gold input is; placeholders in it are none of a model's values.

    Raises:
        ReplyError: it cannot be read.
    """
    try:
        return parse_input(step.input)
    except ReplyError:
        if not 200 <= (step.status or read_response(step.response)[0]) < 300:
            raise
        try:
            arguments = parse_gold_input(step.input)
        except ReplyError:
            arguments = None
        if arguments is None or any(isinstance(v, Open | Ref) for v in scalars(arguments)):
            raise
        return {name: "" if isinstance(value, NotGiven) else value for name, value in arguments.items()}


def _unreadable(episode: Episode, scored: Scored) -> None:
    for index, step in enumerate(episode.steps):
        if step.error in ("parse_error", "invalid_json", "not_an_object"):
            reason = first_line(step.response) or step.error
        else:
            try:
                _arguments(step)
                continue
            except ReplyError as error:
                reason = f"action input of {step.function}: {error}"
        scored.add(ErrorType.PARSE_ERROR, index, reason, False)
    if episode.outcome == Outcome.PARSE_ERROR:
        last = len(episode.steps) - 1
        if not any(f.type == ErrorType.PARSE_ERROR and f.step == last for f in scored.findings):
            scored.add(ErrorType.PARSE_ERROR, last, episode.detail or "unreadable text", True)
        scored.broken = True


def _reason(on: Examined, scored: Scored) -> str:
    """Why the procedure counts as it does: which calls meet which gold steps, or what breaks it."""
    if scored.broken:
        unread = [f for f in scored.findings if f.type == ErrorType.PARSE_ERROR]
        return "; ".join(scored.breaking or [f"parse error, step {f.step + 1}: {f.reason}" for f in unread])
    met = [
        f"gold step {g + 1} ({on.gold[g].function}) by step "
        + " and ".join(str(on.calls[c].index + 1) for c in calls)
        for g, calls in sorted(on.found.met.items())
    ]
    return f"every gold step is met: {', '.join(met)}" if met else "the task needs no call"


def _first_is_right(gold: list[GoldCall], calls: list[Call]) -> bool:
    """Whether the first call is of the function that the gold starts with; optional steps may be skipped."""
    allowed: set[str] = set()
    for step in gold:
        allowed.add(step.function)
        if not step.optional:
            break
    return bool(calls) and calls[0].function in allowed


def _unmet(on: Examined) -> None:
    """Gold steps that nothing meets: a wrong input where the function was called, else a wrong action."""
    for g in on.found.unmet:
        step = on.gold[g]
        on.scored.broken = True
        if g in on.found.nearest:
            position, wrong = on.found.nearest[g]
            for mismatch in wrong:
                reason = f"{step.function}: {mismatch.reason}"
                on.scored.add(mismatch.type, on.calls[position].index, reason, True)
        elif not any(f.type == ErrorType.PARSE_ERROR for f in on.scored.findings):
            again = any(call.function == step.function for call in on.calls)
            reason = f"ends without {'another' if again else 'the'} needed call of {step.function}"
            on.scored.add(ErrorType.WRONG_ACTION, ANSWER, reason, True)


def _ignored(on: Examined) -> None:
    """Parameters that the function does not have, in calls that do what is needed: the tool ignored them."""
    for c in on.found.used:
        call, function = on.calls[c], on.functions.get(on.calls[c].function)
        listed = {p.name for p in function.parameters} if function else set(call.arguments)
        gold = {name for step in on.gold for name in step.arguments if step.function == call.function}
        for name in call.arguments.keys() - listed - gold:
            if not on.known[c].credential(unlisted(name)):
                reason = f"{unknown(name, call.function).reason}; the tool took no notice of it"
                on.scored.add(ErrorType.INPUT_ERROR, call.index, reason, False)


def _given_up(on: Examined) -> None:
    """Gold steps that a passing failure answered, and that were not tried again."""
    for g, met in on.found.met.items():
        tried = [call for call in on.calls if any(call.repeats(on.calls[c]) for c in met)]
        if len(tried) == 1 and (tried[0].status == 429 or tried[0].status >= 500):
            reason = f"ends without trying {on.gold[g].function} again after status {tried[0].status}"
            on.scored.add(ErrorType.WRONG_ACTION, ANSWER, reason, True)
