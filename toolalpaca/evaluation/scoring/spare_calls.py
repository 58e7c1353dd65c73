"""Calls that meet no gold step: mended tries, lookups, errors, or too much."""

from __future__ import annotations

import re

from toolalpaca.evaluation.scoring.evidence import ASK, HELPERS, Call, Known, scalars
from toolalpaca.evaluation.scoring.examined import Examined, first_line
from toolalpaca.evaluation.scoring.kinds import changes_something, names_one_thing
from toolalpaca.evaluation.scoring.mismatch import invented, spec_findings, unlisted
from toolalpaca.evaluation.scoring.sources import Sources
from toolalpaca.evaluation.scoring.values import number, same, squash, words
from toolalpaca.schema import ErrorType

TRIES = 3  # the original's tools ask an assistant to answer when an error occurs more often
NOTHING_FOUND = re.compile(
    r"not found|no (?:results?|match|data|records?|items?)\b|does(?: not|n't) exist|"
    r":\s*\[\s*\]|Response:\s*(?:\[\s*\]|\{\s*\}|null)|total\w*\"\s*:\s*0\b",
    re.IGNORECASE,
)


def judge_spare(on: Examined) -> None:
    """Add what is found in the calls that meet no gold step; a mended one breaks nothing."""
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
        elif sum(other.failed and call.repeats(other) for other in on.calls[:c]) > TRIES:
            reason = f"makes the same call of {call.function} after it had failed more than {TRIES} times"
            on.scored.add(ErrorType.REDUNDANT_ACTION, call.index, reason, True)
        elif not _retry(c, on.calls) and not _lookup(c, on.calls, on.known):
            again = _repeats(on, c)
            what = f"repeats the call of {call.function}"
            reason = what if again else f"one more call of {call.function} than needed"
            on.scored.add(ErrorType.REDUNDANT_ACTION, call.index, reason, again or _harmful(on, c))


def _repeats(on: Examined, c: int) -> bool:
    """Whether the call is one that meets a gold step, once more."""
    return any(on.calls[c].repeats(on.calls[used]) for used in on.found.used)


def _tried(on: Examined, c: int) -> None:
    """A call of a needed function that was refused, or that met nothing."""
    call, function = on.calls[c], on.functions.get(on.calls[c].function)
    wrong = spec_findings(call, function, on.known[c]) if function and call.refused else []
    wrong += invented(call, function, on.known[c])
    told = _told_before(on, c)
    if told:
        reason = f"{call.function}: {told} is again none of the values that the refusal of it listed"
        on.scored.add(ErrorType.INPUT_ERROR, call.index, reason, True)
    for mismatch in wrong:
        on.scored.add(mismatch.type, call.index, f"{call.function}: {mismatch.reason}", False)
    if not wrong and call.refused:
        reason = f"{call.function}: {first_line(call.response)}"
        on.scored.add(ErrorType.INPUT_ERROR, call.index, reason, False)


def _told_before(on: Examined, c: int) -> str:
    """The parameter that a refused call gets wrong although an earlier refusal listed its values."""
    call, function = on.calls[c], on.functions.get(on.calls[c].function)
    for parameter in function.parameters if function and call.refused else ():
        options = [str(option) for option in parameter.schema.get("enum") or []]
        if options and any(
            other.function == call.function
            and other.refused
            and all(text in said.response for text in (parameter.name, *options) for said in (other, call))
            for other in on.calls[:c]
        ):
            return parameter.name
    return ""


def _foreign(on: Examined, c: int) -> None:
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


def _harmful(on: Examined, c: int) -> bool:
    """Whether a superfluous call breaks the procedure: it changes something, or tries to; it names a thing
    that was made up; or it has nothing to do with the task. One look at the task's own subject (the same
    value under the same name as in a needed call, or one that a needed call returned) is redundant and does
    no harm; a look by a second function is one too many."""
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
    if given and call.function in {step.function for step in on.gold}:
        return not any(known.read(value) for value in given)
    if given:
        return not _same_subject(on, c) or _looked_before(on, c)
    # listLanguages has to do with a task whose calls take a language.
    subjects = {
        word for step in on.gold for name in (step.function, *step.arguments) for word in words(name)[-2:]
    }
    return not set(words(call.function)[1:]) & (subjects | known.instruction.word_set)


def _same_subject(on: Examined, c: int) -> bool:
    """Whether a call of another function asks about what a needed call was about."""
    needed = [on.calls[used] for used in on.found.used]
    returned = Sources(*(call.response for call in needed if call.index < on.calls[c].index))
    functions = {call.function: on.functions.get(call.function) for call in needed}
    listed = {(f, p.name): p for f, function in functions.items() if function for p in function.parameters}
    return (
        any(
            same(value, said)
            # an id is of one kind of thing; a name may stand under any name
            and (
                words(name)[-1:] == words(own)[-1:]
                or not (
                    number(value) is not None
                    or names_one_thing(listed.get((call.function, own)) or unlisted(own))
                )
            )
            for call in needed
            for own, said in call.arguments.items()
            for name, value in on.calls[c].arguments.items()
        )
        or any(
            len(squash(str(value))) > 2 and returned.hold(value) for value in scalars(on.calls[c].arguments)
        )
    )


def _looked_before(on: Examined, c: int) -> bool:
    """Whether an earlier call of a further function that the task does not need looked around already."""
    wanted = {step.function for step in on.gold} | HELPERS | {on.calls[c].function}
    return any(
        call.function not in wanted and not call.refused and not _lookup(k, on.calls, on.known)
        for k, call in enumerate(on.calls[:c])
    )


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
