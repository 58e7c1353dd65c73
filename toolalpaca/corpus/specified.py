"""A specification against the functions that it was written for: nothing left out, added or changed.

The functions' list is in the form of the prompt `functions`. What a list does not say (no type, neither
required nor optional) is not compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from toolalpaca.files import dumps
from toolalpaca.openapi.jsonschemas import follow, types_of
from toolalpaca.openapi.validation import functions_of, problems_of, told
from toolalpaca.schema import Function, Parameter, ReplyError

ENTRY = re.compile(
    r"^\d+\. Name: (?P<name>\S+)\nDescription: .*\nInput: (?P<inputs>\{.*\})\nOutput: (?P<output>.*)$", re.M
)
TYPES = {
    "string": "string", "str": "string", "text": "string", "integer": "integer", "int": "integer",
    "number": "number", "float": "number", "double": "number", "decimal": "number", "boolean": "boolean",
    "bool": "boolean", "array": "array", "list": "array", "object": "object", "dict": "object",
}  # fmt: skip
# A type is the first thing said, or stands behind the requiredness; a word of the meaning ("number of
# guests", "text to translate") is none. Items stand behind "of" or in brackets.
KINDS = "|".join(TYPES)
STATED = re.compile(
    r"[\s(]*(?:(?P<before>required|optional)[\s.,;:)-]*)?"
    rf"(?:(?P<type>{KINDS})(?:(?: of |\[|<)(?P<items>{KINDS})s?[\]>]?)?(?=\s*(?:[^\w\s]|$)))?"
    r"(?:[\s.,;:(-]*(?P<after>required|optional)\b)?",
    re.IGNORECASE,
)
VAGUE = re.compile(
    r"(?:(?:a |the )?succe\w*(?: (?:response|operation|request|result)s?)?|ok|okay|response|result)?[\s.!]*",
    re.I,
)


@dataclass(frozen=True)
class Listed:
    """A function of the list: per input whether it is required (None: not said), its type, its items'."""

    name: str
    inputs: dict[str, tuple[bool | None, str, str]]
    output: str


def listed_functions(text: str) -> list[Listed]:
    """The functions of a list in the form of the prompt `functions`."""
    found = []
    for entry in ENTRY.finditer(text):
        inputs = json.loads(entry["inputs"])
        found.append(
            Listed(entry["name"], {n: _stated(v) for n, v in inputs.items()}, entry["output"].strip())
        )
    return found


def _stated(value: Any) -> tuple[bool | None, str, str]:
    """What an input's line, or its schema, says of requiredness, type and items."""
    if isinstance(value, dict):
        needed, kind, items = value.get("required"), value.get("type"), value.get("items")
        within = items.get("type") if isinstance(items, dict) else items
        needed = needed if isinstance(needed, bool) else None
        return needed, TYPES.get(str(kind).lower(), ""), TYPES.get(str(within).lower(), "")
    said = STATED.match(str(value))
    need = (said["before"] or said["after"] or "").lower()
    kind, items = (TYPES.get((said[part] or "").lower(), "") for part in ("type", "items"))
    return (need == "required") if need else None, kind, items if kind == "array" else ""


def check(functions: str, openapi: str) -> None:
    """Refuse a specification that is not valid or does not agree with the functions, with all that is wrong.

    Raises:
        ReplyError: `invalid_openapi`, `functions_missing` or `functions_differ`; the detail is for a repair.
    """
    invalid = problems_of(openapi)
    try:
        written = {function.name: function for function in functions_of(openapi)}
    except ReplyError:
        raise ReplyError("invalid_openapi", told(invalid)) from None
    listed = listed_functions(functions)
    names = [function.name for function in listed]
    lost = [name for name in names if name not in written]
    missing = [f"the functions {', '.join(lost)} are missing in paths"] if lost else []
    extra = [n for n in written if n not in names] if names else []
    differing = [f"{n} is none of the functions: leave the operation out" for n in extra]
    for function in listed:
        if function.name in written:
            differing += _differences(function, written[function.name])
    if found := [*invalid, *missing, *differing]:
        reason = "invalid_openapi" if invalid else "functions_missing" if lost else "functions_differ"
        raise ReplyError(reason, told(found))


def _differences(listed: Listed, written: Function) -> Iterator[str]:
    """What a function's parameters have otherwise than its inputs, one line each."""
    parameters = {parameter.name: parameter for parameter in written.parameters}
    for name, (needed, kind, items) in listed.inputs.items():
        if name not in parameters:
            what = " ".join(filter(None, ["required" if needed else "", kind, "parameter"]))
            yield f"{listed.name}: the {what} {name!r} is missing"
            continue
        given = parameters[name]
        if needed is not None and needed != given.required:
            yield f"{listed.name}: {name!r} must be {_need(needed)}, not {_need(given.required)}" + (
                "; let it stand in the query, for what stands in the path is required"
                if given.location == "path"
                else ""
            )
        came, held = _types(given)
        if kind and came and kind not in came:
            yield f"{listed.name}: {name!r} must have the type {kind}, not {' or '.join(came)}"
        elif items and held and items not in held:
            yield f"{listed.name}: the items of {name!r} must have the type {items}, not {' or '.join(held)}"
    for name in parameters:
        if name not in listed.inputs:
            yield f"{listed.name}: {name!r} is no input of the function: leave it out"


def _need(needed: bool) -> str:
    return "required" if needed else "optional"


def _types(parameter: Parameter) -> tuple[list[str], list[str]]:
    """The types that a parameter may have, and those of its items; [] where the schema does not say."""
    schema = follow(parameter.schema, parameter.schema)
    return _named(schema), _named(follow(schema.get("items"), parameter.schema))


def _named(schema: dict[str, Any]) -> list[str]:
    return [kind for kind in types_of(schema) if kind != "null"]


def with_outputs(functions: str, openapi: str) -> str:
    """The specification with a function's Output where its success response says "OK" and the like.

    The documentation tells with these words what a call gives: "Successful response" would lose the design's.
    """
    outputs = {function.name: function.output for function in listed_functions(functions)}
    document, changed = json.loads(openapi), False
    for item in document["paths"].values():
        for operation in item.values() if isinstance(item, dict) else ():
            if not isinstance(operation, dict) or operation.get("operationId") not in outputs:
                continue
            for status, response in operation["responses"].items():
                if status[:1] != "2" or not isinstance(response, dict) or "$ref" in response:
                    continue
                if VAGUE.fullmatch(response.get("description", "").strip()):
                    response["description"], changed = outputs[operation["operationId"]], True
    return dumps(document) if changed else openapi
