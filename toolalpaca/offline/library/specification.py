"""The OpenAPI document of an authored tool; response schemas follow from what the world gives."""

from __future__ import annotations

import functools
import re
from typing import Any

from toolalpaca.files import dumps
from toolalpaca.offline.library.expressions import ExpressionError
from toolalpaca.offline.library.tools import AuthoredFunction, AuthoredTool
from toolalpaca.offline.library.worlds import World, fault
from toolalpaca.openapi.spec import load_spec

Json = dict[str, Any]
WORLD, HELD_OUT = (
    "x-world",
    "x-held-out",
)  # of `info`: whose world answers, and whether it is never trained on
BODY_METHODS = ("post", "put", "patch")
ERROR = {"type": "object", "properties": {"error": {"type": "string"}}}


@functools.lru_cache(maxsize=512)
def specification_text(tool: AuthoredTool) -> str:
    """The document as JSON text: the same for the same file."""
    return dumps(specification(tool))


def specification(tool: AuthoredTool) -> Json:
    """A valid OpenAPI 3.0.3 document with one operation per function."""
    seen = responses(tool)
    info: Json = {"title": tool.name, "version": "1.0.0", "description": tool.description, WORLD: tool.key}
    if tool.held_out:
        info[HELD_OUT] = True
    paths: Json = {}
    for function in tool.functions:
        paths.setdefault(function.path, {})[function.method] = _operation(function, seen[function.name])
    return {"openapi": "3.0.3", "info": info, "servers": [{"url": tool.server}], "paths": paths}


def world_of(openapi: str) -> str:
    """The key of the world that a specification names; "" for none."""
    info = load_spec(openapi).document.get("info") if f'"{WORLD}"' in openapi else None
    key = info.get(WORLD) if isinstance(info, dict) else ""
    return key if isinstance(key, str) else ""


def is_held_out(openapi: str) -> bool:
    """Whether a specification says that its tool is kept for tasks."""
    info = load_spec(openapi).document.get("info") if f'"{HELD_OUT}"' in openapi else None
    return isinstance(info, dict) and info.get(HELD_OUT) is True


def responses(tool: AuthoredTool) -> dict[str, list[Any]]:
    """Bodies that each function gives in the tool's instructions when it succeeds."""
    found: dict[str, list[Any]] = {function.name: [] for function in tool.functions}
    for asked in tool.instructions:
        world, statuses = World(tool), []
        for step in asked.steps:
            if not step.function or tool.function(step.function) is None:
                continue
            try:
                answer = fault(tool, asked.scenario, step.function, statuses)
                status, body = answer or world.answer(step.function, step.arguments)
            except ExpressionError:  # for the check to say
                continue
            statuses.append(status)
            if 200 <= status < 300:
                found[step.function].append(body)
    for function in tool.functions:
        if not found[function.name]:  # no instruction calls it: the records that it reads stand in
            for rule in function.rules.keys() & {"one", "many"}:
                rows = tool.world.get(function.rules[rule]["from"], [])
                found[function.name] += rows if rule == "one" else [rows]
    return found


def _operation(function: AuthoredFunction, bodies: list[Any]) -> Json:
    operation: Json = {"operationId": function.name, "description": function.description}
    in_path = set(re.findall(r"{([^{}]+)}", function.path))
    parameters, properties, required = [], {}, []
    for name, given in function.parameters.items():
        schema = {key: value for key, value in given.items() if key not in ("required", "in", "description")}
        needed = given.get("required") is True or name in in_path
        place = given.get("in") or ("path" if name in in_path else "")
        if not place and function.method in BODY_METHODS:
            properties[name] = {**schema, "description": given["description"]}
            required += [name] if needed else []
            continue
        parameter = {"name": name, "in": place or "query", "required": needed}
        listed = {"style": "form", "explode": False} if schema.get("type") == "array" and not place else {}
        parameters.append({**parameter, "description": given["description"], "schema": schema, **listed})
    if parameters:
        operation["parameters"] = parameters
    if properties:
        schema = {"type": "object", "properties": properties}
        schema |= {"required": required} if required else {}
        content = {"application/json": {"schema": schema}}
        operation["requestBody"] = {"required": bool(required), "content": content}
    success: Json = {"description": function.returns}
    if function.status != 204:
        success["content"] = {"application/json": {"schema": schema_of(bodies)}}
    error = {"description": "What was wrong", "content": {"application/json": {"schema": ERROR}}}
    operation["responses"] = {str(function.status): success, "default": error}
    return operation


def schema_of(values: list[Any], root: bool = True) -> Json:
    """A JSON Schema (OpenAPI 3.0) that all of the values fit; {} for none, nothing in it required.

    A call that nobody foresaw gets other values of the same kinds: below the root anything may be null, and
    any number may have a fraction.
    """
    kinds = {_kind(value) for value in values} - {"null"}
    if len(kinds) != 1:
        return {}
    kind = kinds.pop()
    schema: Json = {"type": kind} if root else {"type": kind, "nullable": True}
    values = [value for value in values if value is not None]
    if kind == "object":
        names = dict.fromkeys(name for value in values for name in value)
        schema["properties"] = {
            name: schema_of([value[name] for value in values if name in value], False) for name in names
        }
    elif kind == "array":
        schema["items"] = schema_of([item for value in values for item in value], False)
    return schema


def _kind(value: Any) -> str:
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}
    return kinds.get(type(value), "object" if isinstance(value, dict) else "array")
