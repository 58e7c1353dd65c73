"""The teacher as specification writer: the functions' text -> OpenAPI, and repairs of bad replies."""

from __future__ import annotations

import json
import random
import re
from typing import Any

from toolalpaca.offline.fields import natural
from toolalpaca.offline.inflection import camel, plural, words
from toolalpaca.offline.verbs import operation as operation_of

ENTRY = re.compile(
    r"^\s*\d+[.)]\s*Name:\s*(?P<name>\S+)\s*\n\s*Description:\s*(?P<description>.*)\n\s*Input:\s*(?P<input>\{.*\})\s*\n"
    r"\s*Output:\s*(?P<output>.*)$",
    re.MULTILINE,
)
TYPES = ("string", "integer", "number", "boolean", "array", "object")
Json = dict[str, Any]


def specification(rng: random.Random, name: str, description: str, link: str, functions: str) -> Json:
    """An OpenAPI 3.0 document with one operation per function of the text."""
    paths: Json = {}
    for entry in ENTRY.finditer(functions):
        try:
            inputs = json.loads(entry["input"])
        except ValueError:
            inputs = {}
        path, method, operation = _operation(rng, entry, inputs)
        base, number = path, 2
        while method in paths.get(path, {}):
            path, number = (
                f"{base}/{camel(entry['name'])}" if number == 2 else f"{base}/v{number}",
                number + 1,
            )
        paths.setdefault(path, {})[method] = operation
    host = re.sub(r"[^a-z0-9]+", "-", words(name)).strip("-") or "service"
    return {
        "openapi": "3.0.0",
        "info": {"title": name, "version": "1.0.0", "description": description},
        "servers": [{"url": f"https://{host}.example.com/v1"}],
        "paths": paths,
    }


def _operation(rng: random.Random, entry: re.Match[str], inputs: dict[str, str]) -> tuple[str, str, Json]:
    """Path, method and operation of one function."""
    name = entry["name"]
    family, _, object_ = operation_of(name, entry["description"].strip())
    shapes = {n: _input_schema(n, str(text)) for n, text in inputs.items()}
    bodily = any(s[1].get("type") == "object" for s in shapes.values())
    method = {"create": "post", "book": "post", "update": rng.choice(("put", "patch")), "delete": "delete",
              "rate": "post", "share": "post", "subscribe": "post", "schedule": "post",
              "translate": "post", "summarize": "post"}.get(family, "get")  # fmt: skip
    if bodily and method in ("get", "delete"):
        method = "post"
    identity = next((n for n, s in shapes.items() if n.endswith("Id") and s[0]), "")
    path = "/" + re.sub(r"\s+", "-", plural(object_) if family == "create" else object_ or "items")
    if identity and family in ("get", "update", "delete", "rate", "share"):
        path = "/" + re.sub(r"\s+", "-", plural(words(identity)[:-3].strip())) + f"/{{{identity}}}"
        path += {"rate": "/ratings", "share": "/shares"}.get(family, "")
    elif len(shapes) == 1 and family in ("track", "validate") and rng.random() < 0.5:
        identity = next(iter(shapes))
        path += f"/{{{identity}}}"
    else:
        identity = ""
    parameters, properties, required = [], {}, []
    for n, (needed, schema, meaning) in shapes.items():
        if method in ("post", "put", "patch") and n != identity:
            properties[n] = {**schema, "description": meaning}
            required += [n] if needed else []
        else:
            place = "path" if n == identity else "query"
            if place == "query" and not needed and schema["type"] == "string" and rng.random() < 0.06:
                place = "header"
            parameters.append({"name": n, "in": place, "required": needed or place == "path",
                               "description": meaning, "schema": schema})  # fmt: skip
    status = "201" if family in ("create", "book") and rng.random() < 0.5 else "200"
    operation: Json = {"operationId": name, "description": entry["description"].strip()}
    if parameters:
        operation["parameters"] = parameters
    if properties:
        body: Json = {"type": "object", "properties": properties}
        if required:
            body["required"] = required
        operation["requestBody"] = {
            "required": bool(required),
            "content": {"application/json": {"schema": body}},
        }
    output = entry["output"].strip()
    operation["responses"] = {
        status: {
            "description": _result(family, object_),
            "content": {"application/json": {"schema": _echoing(_output_schema(output), shapes)}},
        }
    }
    return path, method, operation


def _echoing(schema: Json, shapes: dict[str, tuple[bool, Json, str]]) -> Json:
    """The schema with properties that repeat an input able to hold whatever that input may be."""
    properties = schema.get("items", schema).get("properties", {})
    for name in properties.keys() & shapes.keys():
        given, returned = shapes[name][1], properties[name]
        if given["type"] != returned.get("type") or given.get("enum") != returned.get("enum"):
            properties[name] = dict(given)
    return schema


def _result(family: str, object_: str) -> str:
    return {"search": f"Matching {object_}", "list": object_.capitalize(), "create": f"The new {object_}",
            "delete": "Confirmation of the removal"}.get(family, f"The {object_}".strip())  # fmt: skip


def _input_schema(name: str, text: str) -> tuple[bool, Json, str]:
    """Requiredness, schema and meaning of an input from its one-line description."""
    text = text.strip()
    needed = text.lower().startswith("required")
    rest = re.sub(r"^(required|optional)\.?\s*", "", text, flags=re.IGNORECASE)
    kind, _, meaning = rest.partition(".")
    kind, meaning = kind.strip().lower(), meaning.strip()
    choices: list[str] = []
    if found := re.match(r"One of: \[(.*?)\]\.?\s*", meaning):
        choices, meaning = [c.strip() for c in found[1].split(",") if c.strip()], meaning[found.end() :]
    base = next((t for t in TYPES if kind.startswith(t)), "string")
    schema: Json = {"type": base}
    if base == "array":
        items = re.search(r"of (string|integer|number|boolean|object)", kind)
        schema["items"] = {"type": items[1] if items else "string"}
        if choices:
            schema["items"]["enum"] = choices
    elif base == "object":
        schema["properties"] = _properties(rest)
    elif choices:
        schema["enum"] = choices
    elif base == "string":
        schema.update(_format(name))
    elif base in ("integer", "number"):
        schema.update(_bounds(name))
    return needed, schema, meaning.rstrip(".")


def _properties(text: str) -> Json:
    """`name (type)` pairs of a text as schema properties."""
    found: Json = {}
    for name, kind in re.findall(r"(\w+) \((string|integer|number|boolean)\)", text, re.IGNORECASE):
        schema: Json = {"type": kind.lower()}
        natural_kind, values = natural(name)
        if schema["type"] == "string":
            schema.update({"enum": values} if natural_kind == "enum" else _format(name))
        found[name] = schema
    return found


def _output_schema(text: str) -> Json:
    """The response schema of an output text."""
    properties = _properties(text) or {"message": {"type": "string"}}
    item: Json = {"type": "object", "properties": properties}
    first = next(iter(properties))
    item["required"] = [first]
    if re.match(r"(?i)an? (array|list)", text):
        return {"type": "array", "items": item}
    return item


def _format(name: str) -> Json:
    formats = {"date": "date", "datetime": "date-time", "email": "email", "url": "uri"}
    kind = natural(name)[0]
    return {"format": formats[kind]} if kind in formats else {}


def _bounds(name: str) -> Json:
    kind, span = natural(name)
    if kind in ("int", "year", "num") and name in ("stars", "rating", "limit"):
        return {"minimum": int(span[0]), "maximum": int(span[1])}
    return {}


def repair(spec: str, whole: Json) -> Json:
    """The specification with what spoils it put right: dangling references, missing parts, a cut.

    `whole` is a document of the same functions: what the cut took away comes from there.
    """
    found = re.search(r"\{.*", spec, re.DOTALL)
    document, cut = _complete(found[0]) if found else ({}, False)
    paths = document.setdefault("paths", {}) if isinstance(document, dict) else {}
    if not isinstance(document, dict):
        return whole
    document.setdefault("openapi", "3.0.0")
    document.setdefault("info", {"title": "API", "version": "1.0.0"})
    for path in list(paths):
        if not isinstance(paths[path], dict):
            del paths[path]
            continue
        for method in list(paths[path]):
            operation = paths[path][method]
            if not isinstance(operation, dict):
                del paths[path][method]
                continue
            _mend(operation, path, method)
        if not paths[path]:
            del paths[path]
    if cut and paths:
        paths.popitem()  # what the cut went through is not whole
    kept = {operation["operationId"] for item in paths.values() for operation in item.values()}
    for path, item in whole["paths"].items():
        lost = {method: op for method, op in item.items() if op["operationId"] not in kept}
        if lost:
            paths[path] = paths.get(path, {}) | lost
    return document


def _mend(operation: Json, path: str, method: str) -> None:
    operation.setdefault("operationId", camel(method, re.sub(r"\{\w+\}", "", path)))
    parameters = operation.get("parameters", [])
    parameters = [p for p in parameters if isinstance(p, dict) and "name" in p and "in" in p]
    for parameter in parameters:
        if not isinstance(parameter.get("schema"), dict):
            parameter["schema"] = {"type": "string"}
    declared = {p["name"] for p in parameters if p["in"] == "path"}
    for name in re.findall(r"\{(\w+)\}", path):
        if name not in declared:
            meaning = f"{words(name).capitalize()} that the request is about"
            parameters.append({"name": name, "in": "path", "required": True, "description": meaning,
                               "schema": {"type": "string"}})  # fmt: skip
    if parameters:
        operation["parameters"] = parameters
    default = {"type": "object", "properties": {"message": {"type": "string"}}}
    responses = operation.get("responses")
    if not isinstance(responses, dict) or not any(str(s).startswith("2") for s in responses):
        operation["responses"] = responses = {"200": {"description": "The result"}}
    for status, given in responses.items():
        response = {"description": "The result", **(given if isinstance(given, dict) else {})}
        content = response.get("content", {}).get("application/json", {})
        if str(status).startswith("2") and (not content.get("schema") or "$ref" in json.dumps(content)):
            response["content"] = {"application/json": {"schema": default}}
        responses[status] = response
    body = operation.get("requestBody")
    if isinstance(body, dict) and not body.get("content"):
        del operation["requestBody"]


def _complete(text: str) -> tuple[Any, bool]:
    """The JSON value of a text, and whether it was cut: then open strings, lists and objects are closed."""
    try:
        return json.JSONDecoder().raw_decode(text)[0], False
    except ValueError:
        pass
    for end in range(len(text), 0, -1):
        if text[end - 1] not in '}]",0123456789el':
            continue
        try:
            return json.loads(text[:end].rstrip(",") + _closing(text[:end])), True
        except ValueError:
            continue
    return {}, True


def _closing(text: str) -> str:
    stack, inside, escaped = [], False, False
    for char in text:
        if inside:
            inside = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            inside = True
        elif char in "{[":
            stack.append("}" if char == "{" else "]")
        elif char in "}]" and stack:
            stack.pop()
    return ('"' if inside else "") + "".join(reversed(stack))
