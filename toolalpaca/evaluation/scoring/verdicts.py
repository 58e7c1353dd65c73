"""Episodes and gold to verdicts: the six error types, procedure, answer, overall (docs/scoring.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from toolalpaca.evaluation.scoring import answers
from toolalpaca.evaluation.scoring.alignment import Alignment, align
from toolalpaca.evaluation.scoring.evidence import ASK, HELPERS, Call, Known, knowledge, scalars
from toolalpaca.evaluation.scoring.gold import GoldCall, parse_steps, withheld
from toolalpaca.evaluation.scoring.kinds import changes_something
from toolalpaca.evaluation.scoring.mismatch import invented, spec_findings
from toolalpaca.evaluation.scoring.sources import Sources
from toolalpaca.evaluation.scoring.values import squash, words
from toolalpaca.models.react import parse_input, read_response
from toolalpaca.schema import (
    Episode,
    ErrorType,
    Finding,
    Function,
    Outcome,
    ReplyError,
    Scenario,
    Step,
    Task,
    Tool,
    Verdict,
)

PASSING = (Scenario.SERVER_ERROR, Scenario.RATE_LIMIT)  # the task is to try again what fails at first
MAX_REASON, MAX_LINE = 500, 300  # characters of a finding's reason, and of a response in it
ANSWER = -1  # the step of a finding that is about the final answer
STORED = re.compile(r"\s*The output is too long")  # the original tools answer so in a long response's place
UNHELPED = re.compile(r"\s*(?:Invalid JSON format|For `getDetails`|File does not exist)")  # and helpers so
NOTHING_FOUND = re.compile(
    r"not found|no (?:results?|match|data|records?|items?)\b|does(?: not|n't) exist|"
    r":\s*\[\s*\]|Response:\s*(?:\[\s*\]|\{\s*\}|null)|total\w*\"\s*:\s*0\b",
    re.IGNORECASE,
)


@dataclass
class _Scored:
    """Findings so far. What is mended later stays a finding and does not break the procedure."""

    findings: list[Finding] = field(default_factory=list)
    broken: bool = False

    def add(self, kind: ErrorType, step: int, reason: str, breaks: bool) -> None:
        reason = _shortened(reason, MAX_REASON)
        if not any(f.type == kind and f.step == step and f.reason == reason for f in self.findings):
            self.findings.append(Finding(kind, step, reason))
        self.broken |= breaks


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
    known = knowledge(task.instruction, calls, specification, withheld(gold))
    scored = _Scored()
    _unreadable(episode, scored)
    found = align(gold, calls, functions, known)
    on = _Episode(gold, calls, found, functions, known, scored)
    _unmet(on)
    if task.scenario in PASSING:
        _given_up(on)
    _spare(on)
    verdict.procedure = not scored.broken
    verdict.answer, verdict.unscored = answers.check(task, episode, calls, not scored.broken, scored.findings)
    verdict.overall = None if verdict.answer is None else verdict.procedure and verdict.answer
    verdict.findings = sorted(scored.findings, key=lambda f: (f.step == ANSWER, f.step))
    verdict.first_function = _first_is_right(gold, calls) if gold else None
    return verdict


def read_calls(steps: list[Step]) -> list[Call]:
    """The steps that are calls, with their arguments; unreadable ones are left out."""
    calls = []
    for index, step in enumerate(steps):
        if step.error in ("parse_error", "invalid_json", "not_an_object"):
            continue
        try:
            arguments = parse_input(step.input)
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


def _unreadable(episode: Episode, scored: _Scored) -> None:
    for index, step in enumerate(episode.steps):
        if step.error in ("parse_error", "invalid_json", "not_an_object"):
            reason = _first_line(step.response) or step.error
        else:
            try:
                parse_input(step.input)
                continue
            except ReplyError as error:
                reason = f"action input of {step.function}: {error}"
        scored.add(ErrorType.PARSE_ERROR, index, reason, False)
    if episode.outcome == Outcome.PARSE_ERROR:
        last = len(episode.steps) - 1
        if not any(f.type == ErrorType.PARSE_ERROR and f.step == last for f in scored.findings):
            scored.add(ErrorType.PARSE_ERROR, last, episode.detail or "unreadable text", True)
        scored.broken = True


def _first_is_right(gold: list[GoldCall], calls: list[Call]) -> bool:
    """Whether the first call is of the function that the gold starts with; optional steps may be skipped."""
    allowed: set[str] = set()
    for step in gold:
        allowed.add(step.function)
        if not step.optional:
            break
    return bool(calls) and calls[0].function in allowed


@dataclass
class _Episode:
    """What the rules about calls look at."""

    gold: list[GoldCall]
    calls: list[Call]
    found: Alignment
    functions: dict[str, Function]
    known: list[Known]
    scored: _Scored


def _unmet(on: _Episode) -> None:
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


def _given_up(on: _Episode) -> None:
    """Gold steps that a passing failure answered, and that were not tried again."""
    for g, met in on.found.met.items():
        tried = [call for call in on.calls if any(call.repeats(on.calls[c]) for c in met)]
        if len(tried) == 1 and (tried[0].status == 429 or tried[0].status >= 500):
            reason = f"ends without trying {on.gold[g].function} again after status {tried[0].status}"
            on.scored.add(ErrorType.WRONG_ACTION, ANSWER, reason, True)


def _spare(on: _Episode) -> None:
    """Calls that meet no gold step: mended tries, lookups, errors, or too much."""
    wanted = {step.function for step in on.gold}
    unmet = {on.gold[g].function for g in on.found.unmet}
    for c, call in enumerate(on.calls):
        if c in on.found.used:
            continue
        function = on.functions.get(call.function)
        if call.function in HELPERS:
            if call.function == ASK and any(call.repeats(other) for other in on.calls[:c]):
                on.scored.add(ErrorType.REDUNDANT_ACTION, call.index, "asks the same question again", False)
        elif on.functions and function is None:
            reason = f"there is no function {call.function!r}"
            on.scored.add(ErrorType.WRONG_ACTION, call.index, reason, False)
        elif call.function not in wanted:
            _foreign(on, c)
        elif call.refused or (call.function in unmet and not _repeats(on, c)):
            _tried(on, c)
        elif not _retry(c, on.calls) and not _lookup(c, on.calls, on.known):
            again = _repeats(on, c)
            what = f"repeats the call of {call.function}"
            reason = what if again else f"one more call of {call.function} than needed"
            on.scored.add(ErrorType.REDUNDANT_ACTION, call.index, reason, again or _harmful(on, c))


def _repeats(on: _Episode, c: int) -> bool:
    """Whether the call is one that meets a gold step, once more."""
    return any(on.calls[c].repeats(on.calls[used]) for used in on.found.used)


def _tried(on: _Episode, c: int) -> None:
    """A call of a needed function that was refused, or that met nothing."""
    call, function = on.calls[c], on.functions.get(on.calls[c].function)
    wrong = spec_findings(call, function) if function and call.refused else []
    wrong += invented(call, function, on.known[c])
    for mismatch in wrong:
        on.scored.add(mismatch.type, call.index, f"{call.function}: {mismatch.reason}", False)
    if not wrong and call.refused:
        reason = f"{call.function}: {_first_line(call.response)}"
        on.scored.add(ErrorType.INPUT_ERROR, call.index, reason, False)


def _foreign(on: _Episode, c: int) -> None:
    """A call of a function that the gold does not use."""
    call = on.calls[c]
    if _lookup(c, on.calls, on.known):
        return
    if on.found.unmet:
        reason = f"calls {call.function}, which the task does not need"
        on.scored.add(ErrorType.WRONG_ACTION, call.index, reason, True)
    else:
        reason = f"calls {call.function} beyond what the task needs"
        on.scored.add(ErrorType.REDUNDANT_ACTION, call.index, reason, _harmful(on, c))


def _harmful(on: _Episode, c: int) -> bool:
    """Whether a superfluous call breaks the procedure: it changes something, or tries to; it names a thing
    that was made up; or it has nothing to do with the task. One that reads a little more about the task's
    own subject is redundant and does no harm."""
    call, known, function = on.calls[c], on.known[c], on.functions.get(on.calls[c].function)
    if call.refused:
        return False
    if changes_something(call.function, function):
        return True
    if call.failed:
        return False
    if invented(call, function, known):
        return True
    given = [v for v in scalars(call.arguments) if len(squash(str(v))) > 2]
    if given:
        return not any(known.read(value) for value in given)
    # listLanguages has to do with a task whose calls take a language.
    subjects = {
        word for step in on.gold for name in (step.function, *step.arguments) for word in words(name)[-2:]
    }
    return not set(words(call.function)[1:]) & (subjects | known.instruction.word_set)


def _retry(c: int, calls: list[Call]) -> bool:
    """Whether the call failed or found nothing and its function was called again, or is such a try.

    The same call again after it had worked is none.
    """
    call, earlier = calls[c], calls[:c]
    if any(call.repeats(other) and not other.failed for other in earlier):
        return False
    again = any(other.function == call.function for other in calls[c + 1 :])
    before = any(other.function == call.function and other.failed for other in earlier)
    return (again and (call.failed or bool(NOTHING_FOUND.search(call.response[:2_000])))) or before


def _lookup(c: int, calls: list[Call], known: list[Known]) -> bool:
    """Whether the call's response holds a value that a later call uses and that was not read before."""
    call = calls[c]
    if call.failed:
        return False
    response = Sources(call.response)
    later = [value for other in calls[c + 1 :] for value in scalars(other.arguments)]
    return any(
        len(squash(str(value))) > 1 and response.hold(value) and not known[c].read(value) for value in later
    )


def _first_line(text: str) -> str:
    return _shortened(text.strip().split("\n")[0], MAX_LINE)


def _shortened(text: str, most: int) -> str:
    """A text without its middle where it is longer: a message often begins with what and ends with why."""
    half = (most - 5) // 2
    return text if len(text) <= most else f"{text[:half]} ... {text[-half:]}"
