"""What a request to the teacher as server carries, and what its instance has seen and done before."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from toolalpaca.offline.inflection import words
from toolalpaca.openapi.jsonschemas import Json, types_of
from toolalpaca.openapi.spec import Operation


def read_arguments(operation: Operation, request: dict[str, Any]) -> Json:
    """The arguments that a request carries, typed by the operation's schemas as far as that is simple."""
    url = urlsplit(request["url"])
    found: Json = {}
    template = re.escape(urlsplit(operation.server).path.rstrip("/") + "/" + operation.path.lstrip("/"))
    names = re.findall(r"\\{(.+?)\\}", template)
    match = re.fullmatch(re.sub(r"\\{.+?\\}", "([^/]+)", template), url.path)
    if match:
        found.update(
            {re.sub(r"\\(.)", r"\1", n): unquote(v) for n, v in zip(names, match.groups(), strict=True)}
        )
    for name, value in parse_qsl(url.query, keep_blank_values=True):
        base = name.removesuffix("[]")
        found[base] = value if base not in found else [*_listed(found[base]), value]
    headers = {k.lower(): v for k, v in (request.get("headers") or {}).items()}
    schemas = {}
    for parameter in operation.parameters:
        name = parameter["name"]
        schemas[name] = parameter["schema"]
        if parameter["in"] == "header" and name.lower() in headers:
            found[name] = headers[name.lower()]
    found = {n: _typed(v, schemas.get(n, {})) for n, v in found.items()}
    body = request.get("body")
    if isinstance(body, str) and body:
        try:
            body = json.loads(body)
        except ValueError:
            body = dict(parse_qsl(body))
    if isinstance(body, dict):
        found.update(body)
    return found


def _listed(value: Any) -> list:
    return value if isinstance(value, list) else [value]


def _typed(value: Any, schema: Json) -> Any:
    kinds = types_of(schema)
    try:
        if "array" in kinds:
            items = schema.get("items")
            items = items if isinstance(items, dict) else {}
            parts = value if isinstance(value, list) else value.split(",")
            return [_typed(v, items) for v in parts]
        if "integer" in kinds:
            return int(value)
        if "number" in kinds:
            return int(value) if re.fullmatch(r"-?\d{1,15}", value) else float(value)
    except (ValueError, TypeError):
        return value
    return value == "true" if kinds == ["boolean"] and value in ("true", "false") else value


class Memory:
    """What an instance has seen and done: attributes by id, and ids that were deleted."""

    def __init__(self, exchanges: list[dict[str, Any]]):
        self.known: dict[str, Json] = {}
        self.deleted: set[str] = set()
        for exchange in exchanges:
            if not 200 <= int(exchange["status"]) < 300:
                continue
            request, response = exchange["request"], exchange["response"]
            path = [unquote(p) for p in urlsplit(request["url"]).path.split("/") if p]
            if request["method"].upper() == "DELETE":
                self.deleted |= {p for p in path[-2:] if re.search(r"\d", p)}
                continue
            sent = _json_object(request.get("body"))
            held = list(objects(response))
            for found in held:
                if (key := identity(found)) is not None:
                    entry = self.known.setdefault(str(found[key]), {})
                    entry.update({k: v for k, v in found.items() if not isinstance(v, (dict, list))})
                    if sent and len(held) == 1:
                        entry.update(sent)
            if sent and path and path[-1] in self.known:
                self.known[path[-1]].update(sent)

    def gone(self, arguments: Json) -> str:
        """The first argument that is the id of something deleted; "" for none."""
        return next((v for v in arguments.values() if isinstance(v, str) and v in self.deleted), "")


def _json_object(text: Any) -> Json:
    if isinstance(text, dict):
        return text
    try:
        value = json.loads(text) if isinstance(text, str) and text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> Iterator[Json]:
    """Every object in a JSON value, outermost first."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


def identity(found: Json) -> str | None:
    """The property that tells which thing an object is."""
    for name, value in found.items():
        if isinstance(value, (str, int)) and not isinstance(value, bool) and is_id(name):
            return name
    return None


@functools.lru_cache(maxsize=4096)
def is_id(name: str) -> bool:
    """Whether a name is that of an id."""
    return words(name).split()[-1:] == ["id"]
