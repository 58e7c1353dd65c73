"""The tools of the original project's files: ids, documentation, and functions as they are named there."""

from __future__ import annotations

from collections import Counter
from typing import Any

from toolalpaca.corpus.apis import slug
from toolalpaca.files import dumps
from toolalpaca.models.react import storable
from toolalpaca.openapi import validation
from toolalpaca.openapi.documentation import signature_of
from toolalpaca.original.judged import parse_documentation
from toolalpaca.schema import Function, ReplyError, Tool


def tool_of(api: dict[str, Any], taken: set[str], notes: Counter[str]) -> Tool:
    """The tool of an API; its id is none of `taken`, and is added to them."""
    name = text_of(api["Name"] if "Name" in api else api["API"])
    category = text_of(api.get("Category", ""))
    if not name.strip():
        notes["APIs without a name"] += 1
    base = "-".join(slug(part) for part in (category, name) if part.strip()) or "tool"
    tool_id, number = base, 2
    while tool_id in taken:
        tool_id, number = f"{base}-{number}", number + 1
    if tool_id != base:
        notes["duplicated names, given an id with a number"] += 1
    taken.add(tool_id)
    spec = api.get("Documentation", "")
    tool = Tool(
        tool_id=tool_id,
        name=name,
        category=category,
        link=text_of(api.get("Link", "")),
        description=text_of(api.get("Description", "")),
        introduction=text_of(api.get("Introduction", "")),
        documentation="",
        openapi=text_of(spec),
    )
    tool.functions = functions_of(api, tool.openapi, notes)
    described = "\n".join(function.documentation for function in tool.functions)
    tool.documentation = text_of(api.get("NLDocumentation", "")) or described
    return tool


def functions_of(api: dict[str, Any], spec: str, notes: Counter[str]) -> list[Function]:
    """The functions of an API, under the names that its documentation uses.

    Names and texts come from `Function_Description` and `Function_Projection`, parameters from the
    specification, or from the texts where that is unreadable.
    """
    try:
        specified = validation.functions_of(spec)
    except ReplyError:
        specified = []
        notes["specifications that are no OpenAPI; parameters are read from the documentation"] += 1
    texts = api.get("Function_Description")
    texts = {k: text_of(v) for k, v in texts.items() if k != "components"} if isinstance(texts, dict) else {}
    if not texts:
        notes["APIs without Function_Description; documentation is made from the specification"] += 1
    written = "\n".join(f"{name}: {text}" for name, text in texts.items()) or text_of(
        api.get("NLDocumentation", "")
    )
    told = {function.name: function for function in parse_documentation(written)}
    places = api.get("Function_Projection")
    places = places if isinstance(places, dict) else {}
    by_name = {function.name: function for function in specified}
    by_place = {(function.path, function.method): function for function in specified}
    found = []
    for name in dict.fromkeys([*places, *texts] or [*by_name, *told]):
        place = places.get(name)
        place = place if isinstance(place, list) and len(place) == 2 else ("", "")
        path, method = text_of(place[0]), text_of(place[1]).lower()
        known = by_place.get((path, method)) or by_name.get(name) or told.get(name)
        documentation = f"{name}: {texts[name]}" if name in texts else ""
        if known is None:
            about = documentation.partition("\n")[0].partition(": ")[2]
            known = Function(name, about, method, path)
        documentation = documentation or known.documentation or _described(known)
        found.append(
            Function(
                name=name,
                description=known.description,
                method=known.method or method,
                path=known.path or path,
                parameters=known.parameters,
                documentation=documentation,
                signature=signature_of(name, known.parameters, known.description),
            )
        )
    return found


def _described(function: Function) -> str:
    """Documentation of a function that came without one, from what is known of it."""
    inputs = {parameter.name: parameter.description for parameter in function.parameters}
    return f"{function.name}: {function.description}\nParameters: {dumps(inputs)}"


def text_of(value: Any) -> str:
    """A value as text that a file can hold: JSON where it is no text, nothing for null."""
    if value is None:
        return ""
    return storable(value if isinstance(value, str) else dumps(value))
