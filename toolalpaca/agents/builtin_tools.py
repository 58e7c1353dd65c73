"""The tools that every assistant has beside its API's functions: asking the user, the time, reading on."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

from toolalpaca.files import dumps
from toolalpaca.openapi.documentation import signature_of
from toolalpaca.schema import (
    CURRENT_TIME,
    GET_DETAILS,
    RETRIEVE,
    Function,
    Parameter,
    ReplyError,
    Tool,
    ToolAlpacaError,
)


def _builtin(name: str, description: str, output: str, **parameters: str) -> Function:
    inputs = {key: f"Required. string. {text}" for key, text in parameters.items()}
    given = [Parameter(key, "builtin", True, {"type": "string"}, text) for key, text in parameters.items()]
    return Function(
        name=name,
        description=description,
        method="",
        path="",
        parameters=given,
        documentation=f"{name}: {description}\nParameters: {dumps(inputs)}\nOutput: {output}",
        signature=signature_of(name, given, description),
    )


# `Question` with its capital is what the published checkpoints were trained to write.
BUILTINS = {
    f.name: f
    for f in (
        _builtin(
            GET_DETAILS,
            "Ask the user for information that a call needs and the user has not given.",
            "the user's reply.",
            Question="What to ask the user.",
        ),
        _builtin(CURRENT_TIME, "Get the current date and time.", "the date, time and weekday in UTC."),
        _builtin(
            RETRIEVE,
            "Look something up in the latest tool response that was cut because it was too long.",
            "the part of that response which answers the question.",
            Question="What to look for.",
        ),
    )
}


def builtin_functions(names: str | list[str] | None = None, beside: Tool | None = None) -> list[Function]:
    """The built-in tools that are switched on: all by default, or the comma-separated `names`.

    `beside` a tool that has a function of the same name (getDetails is a common one) the tool's stands.

    Raises:
        ToolAlpacaError: a name is none of the built-in tools.
    """
    names = list(BUILTINS) if names is None else names
    wanted = [n.strip() for n in names.split(",") if n.strip()] if isinstance(names, str) else list(names)
    unknown = [name for name in wanted if name not in BUILTINS]
    if unknown:
        raise ToolAlpacaError(f"no built-in tool {', '.join(unknown)}; there are {', '.join(BUILTINS)}")
    taken = {function.name for function in beside.functions} if beside else set()
    return [function for name, function in BUILTINS.items() if name in wanted and name not in taken]


def now(seed: int, key: str) -> datetime.datetime:
    """The instance's own date and time, drawn from `seed` and its id.

    The wall clock would make two runs differ, and one date for all would teach the date instead of
    the tool. It falls between 2023-01-01 and 2025-12-31, at a whole minute, UTC.
    """
    digest = hashlib.sha256(f"{seed}\0{key}".encode()).digest()
    minutes = int.from_bytes(digest[:8], "big") % (3 * 365 * 24 * 60)
    return datetime.datetime(2023, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(minutes=minutes)


def check_builtin(function: Function, arguments: dict[str, Any]) -> str:
    """The one argument of a built-in tool ("" for a tool that takes none)."""
    expected = [p.name for p in function.parameters]
    unknown = [name for name in arguments if name not in expected]
    if unknown:
        raise ReplyError(
            "invalid_arguments",
            f"{function.name} has no parameter {', '.join(map(repr, unknown))}; "
            + (f"it takes {', '.join(expected)}" if expected else "it takes none"),
        )
    for name in expected:
        value = arguments.get(name)
        if not isinstance(value, str) or not value.strip():
            came = "nothing" if name not in arguments else dumps(value)
            raise ReplyError(
                "invalid_arguments", f"parameter {name!r} of {function.name}: expected a text, got {came}"
            )
    return arguments[expected[0]] if expected else ""
