"""Steps of the original project's files: what a model called, with what, and what the tool said."""

from __future__ import annotations

import json
import re
from typing import Any

from toolalpaca.models.react import parse_input, read_response
from toolalpaca.original.judged import NOT_READ, read_input
from toolalpaca.original.tools import text_of
from toolalpaca.schema import BUILTIN_NAMES, ReplyError, Step

KNOWN_BUILTINS = {*BUILTIN_NAMES, "retrievalDataFromFile"}  # what the original calls reading a cut response
LOG = re.compile(r"\n?[ \t]*(?:ASSISTANT )?Action:")
# Names under which a step that is an object may hold its parts
FUNCTION = ("tool", "action", "Action", "function", "name")
INPUT = ("tool_input", "action_input", "Action_Input", "input", "arguments")
THOUGHT = ("log", "thought", "Thought")
RESPONSE = ("observation", "Observation", "response", "output", "result")
FLAT = 3  # function, input, response


def step_of(raw: Any, names: set[str]) -> Step:
    """A step, `[[function, input, log], response]`; what is short or of another kind becomes unreadable."""
    call, response = call_of(raw)
    if not isinstance(call, list) or len(call) < 2 or not text_of(call[0]).strip():
        return Step("", "", text_of(call), response, error="parse_error")
    function, given = text_of(call[0]).strip(), text_of(call[1])
    step = Step(thought_of(text_of(call[2])) if len(call) > 2 else "", function, given, response)
    step.status = read_response(response)[0]
    if not step.status and function in names - KNOWN_BUILTINS and _is_json(response):
        step.status = 200  # a body without the status line is an answer too
    if function not in names and not step.status:
        step.error = "parse_error" if function == "_Exception" else "unknown_function"
    elif response.startswith(NOT_READ):
        step.error = "invalid_json"
    elif not step.status and function not in KNOWN_BUILTINS:
        try:
            parse_input(read_input(given))
        except ReplyError as failure:
            step.error = failure.reason
    return step


def call_of(raw: Any) -> tuple[Any, str]:
    """The call of a step as `[function, input, log]`, and the tool's response.

    Other tools write the same as objects with names, flat, or as the JSON text of either; what is none of
    these stays as it is.
    """
    raw = _inside(raw)
    if isinstance(raw, list):
        flat = len(raw) == FLAT and all(isinstance(part, str) for part in raw)
        call, response = (
            (raw[:2], raw[2]) if flat else (raw[0] if raw else [], raw[1] if len(raw) > 1 else "")
        )
    elif isinstance(raw, dict):
        call = raw.get("action") if isinstance(raw.get("action"), dict | list) else raw
        response = _first(raw, RESPONSE)
    else:
        call, response = raw, ""
    if isinstance(call, dict):
        call = [_first(call, FUNCTION), _first(call, INPUT), _first(call, THOUGHT)]
    return call, text_of(response)


def _inside(raw: Any) -> Any:
    """A text that holds a list or an object as what it holds."""
    if not isinstance(raw, str) or not raw.lstrip().startswith(("[", "{")):
        return raw
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw


def _first(found: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((found[name] for name in names if found.get(name) is not None), "")


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def thought_of(log: str) -> str:
    """The thought in the text that a model wrote for an action."""
    return (
        LOG.split(log, maxsplit=1)[0]
        .strip()
        .removeprefix("ASSISTANT Thought:")
        .removeprefix("Thought:")
        .strip()
    )
