"""Tasks from instances of held-out tools: what the teacher did right becomes the gold.

Gold actions are the calls that succeeded, retries and failures left out. A value that the instruction does
not hold and an earlier response does is written `${field from function}`, so that gold stays valid when
the world answers with other values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from toolalpaca.agents.builtin_tools import BUILTINS
from toolalpaca.files import dumps
from toolalpaca.models.react import parse_input, read_response
from toolalpaca.schema import (
    CURRENT_TIME,
    GET_DETAILS,
    GoldStep,
    Instance,
    Outcome,
    ReplyError,
    Scenario,
    Step,
    Task,
)

MAX_FACTS = 5
REPEATABLE = ("offline", "schema")  # executors that answer a call the same way whenever it is made

Found = list[tuple[str, str, str]]  # value as text, field, function: what earlier responses held


def to_task(instance: Instance) -> Task | str:
    """The task that an instance makes, or the reason why it makes none.

    Reasons: `not_answered`, `teacher_erred` (a call that never reached the tool), `no_successful_call`.
    """
    if instance.outcome != Outcome.ANSWERED or not instance.final_output.strip():
        return "not_answered"
    if any(step.error for step in instance.steps):
        return "teacher_erred"
    none_fits = instance.scenario == Scenario.NO_SUITABLE_TOOL
    if none_fits and any(not _built_in(step) for step in instance.steps):
        return "teacher_erred"
    gold, steps = ([], []) if none_fits else _gold(instance)
    if not none_fits and all(_built_in(step) for step in steps):
        return "no_successful_call"
    return Task(
        task_id=instance.instance_id,
        tool_id=instance.tool_id,
        instruction=instance.instruction,
        gold=gold,
        facts=_facts(instance, steps),
        scenario=instance.scenario,
    )


def _gold(instance: Instance) -> tuple[list[GoldStep], list[Step]]:
    kept = [step for step in instance.steps if _succeeded(step, instance.scenario)]
    gold: list[GoldStep] = []
    steps: list[Step] = []
    found: Found = []
    for step in kept:
        arguments = parse_input(step.input)
        if not any(step.function == s.function and arguments == parse_input(s.input) for s in steps):
            given = {
                name: _reference(name, value, instance.instruction, found)
                for name, value in arguments.items()
            }
            # the words of a question to the user are free
            text = step.input if _built_in(step) else dumps(given)
            gold.append(
                GoldStep(step.function, text, optional=_built_in(step) and step.function == CURRENT_TIME)
            )
            steps.append(step)
        found += [(value, field, step.function) for value, field in _values(step)]
    return gold, steps


def _built_in(step: Step) -> bool:
    """Whether the step called a built-in tool; a tool may have a function of the same name."""
    return step.function in BUILTINS and not step.status


def _succeeded(step: Step, scenario: str) -> bool:
    try:
        parse_input(step.input)
    except ReplyError:
        return False
    if _built_in(step):
        return step.function in (GET_DETAILS, CURRENT_TIME)
    # "there is no such thing" is the right answer of a right call where that is the scenario
    return 200 <= step.status < 300 or (scenario == Scenario.DATA_NOT_FOUND and step.status == 404)


def _reference(name: str, value: Any, instruction: str, found: Found) -> Any:
    """`value` as gold text: itself where the instruction fixes it, else where it came from."""
    if isinstance(value, list):
        return [_reference(name, item, instruction, found) for item in value]
    if isinstance(value, dict):
        return {key: _reference(key, item, instruction, found) for key, item in value.items()}
    text = "" if value is None or isinstance(value, bool) else _text(value)
    fixed = not text or _mentions(instruction, text)
    return value if fixed else _source(name, value, found)


def _source(name: str, value: Any, found: Found) -> Any:
    """Where a value that the instruction does not hold came from; itself where that is not clear."""
    text = _text(value)
    replies = [reply for reply, _, function in found if function == GET_DETAILS and _mentions(reply, text)]
    if replies and not any(held == text for held, _, function in found if function != GET_DETAILS):
        return f"${{{name} from {GET_DETAILS}}}"
    # a later response often repeats an earlier one's value: the earliest is where it came from
    sources = [(field, function) for held, field, function in found if held == text]
    alike = [(field, function) for field, function in sources if _alike(field, name)]
    told = alike or ([] if _common(value) else sources)
    return f"${{{told[0][0]} from {told[0][1]}}}" if told else value


def _common(value: Any) -> bool:
    """Whether a value may stand in a response by chance: short numbers and texts."""
    return len(_text(value)) < 4


def _alike(field: str, parameter: str) -> bool:
    field, parameter = (re.sub(r"[^a-z0-9]", "", word.lower()) for word in (field, parameter))
    return bool(field) and (parameter.endswith(field) or field.endswith(parameter))


def _facts(instance: Instance, steps: list[Step]) -> list[str]:
    """Values of successful responses that the final output quotes, where another run gives the same.

    A language model as executor answers differently every time, and a reply of the user, the time or a
    value left open changes what comes back: then there are no facts, and the answer is judged instead.
    """
    if instance.provenance.get("executor") not in REPEATABLE or any(map(_built_in, steps)):
        return []
    facts: list[str] = []
    for step in steps:
        for value, _ in _values(step) if 200 <= step.status < 300 else ():
            if (
                len(value) > 1
                and value not in ("true", "false")
                and value not in facts
                and _mentions(instance.final_output, value)
                and not _mentions(instance.instruction, value)
            ):
                facts.append(value)
    return facts[:MAX_FACTS]


def _values(step: Step) -> list[tuple[str, str]]:
    """Scalars of a step's observation with the name each has there; a text observation as a whole."""
    text = read_response(step.response)[1]
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return [(text, "")]
    return [(_text(value), field) for field, value in _scalars(body) if value is not None]


def _scalars(value: Any, field: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _scalars(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _scalars(item, field)
    else:
        yield field, value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value)


def _mentions(text: str, value: str) -> bool:
    """Whether `value` stands in `text` as a whole, whatever the case."""
    start, text, value = 0, text.lower(), value.lower()
    while (at := text.find(value, start)) >= 0:
        before, after = text[at - 1 : at], text[at + len(value) : at + len(value) + 2]
        inside = (before.isalnum() and value[0].isalnum()) or (after[:1].isalnum() and value[-1].isalnum())
        # "12" is no part of "12.5"
        inside = inside or (value[-1].isdigit() and re.fullmatch(r"[.,]\d", after) is not None)
        if not inside:
            return True
        start = at + 1
    return False
