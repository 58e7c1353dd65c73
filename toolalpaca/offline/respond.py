"""The teacher as server: seeded responses that obey the specification and agree with each other.

What a thing is like depends on nothing but the tool and its id; what the instance has created, changed
or deleted before is read from its earlier exchanges. Works for any OpenAPI 3 document.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from typing import Any

from toolalpaca.offline import fields
from toolalpaca.offline.asking import identifier
from toolalpaca.offline.conforming import conforming
from toolalpaca.offline.failing import error_response, steered_error
from toolalpaca.offline.generation import make
from toolalpaca.offline.inflection import words
from toolalpaca.offline.library.teaching import authored, server_reply
from toolalpaca.offline.library.tools import load_library
from toolalpaca.offline.memory import Memory, is_id, read_arguments
from toolalpaca.openapi.jsonschemas import Json, follow, object_view, types_of
from toolalpaca.openapi.spec import Operation, Spec, load_spec
from toolalpaca.openapi.validation import check_response

LIMITS = ("limit", "count", "size", "pagesize", "perpage", "maxresults", "top", "n", "quantity", "results")
LONG = (40, 60)
REWORKED = {  # what a text that was sent comes back as: it may be the same but for its blanks
    "cleaned", "clean", "filtered", "censored", "sanitized", "sanitised", "corrected", "formatted",
    "processed", "modified", "rewritten", "normalized", "normalised", "stripped", "trimmed",
}  # fmt: skip
RESULTS = ("result", "output", "result text", "output text")
DONE = ("sent", "deleted", "active")  # what a request that succeeds has done


def schema_response(
    openapi: str,
    function: str,
    request: dict[str, Any],
    exchanges: list[dict[str, Any]],
    scenario: str = "ordinary",
    seed: int = 0,
) -> tuple[int, Any]:
    """Status and body of the answer to a checked request.

    Args:
        openapi: the tool's specification, JSON text.
        function: operationId of the operation that the request is for.
        request: {"method", "url", "headers", "body"}.
        exchanges: [{"request", "status", "response"}], what the same instance did before, oldest first.
        scenario: a schema.Scenario value.
        seed: the teacher's seed.

    Raises:
        ReplyError: `invalid_openapi`, when the specification cannot be loaded.
        KeyError: the specification has no such operation.
    """
    if tool := authored(load_library(), openapi, function):
        given = {"openapi": openapi, "function": function, "request": request, "exchanges": exchanges}
        return server_reply(tool, {**given, "scenario": scenario})
    spec = load_spec(openapi)
    operation = spec.operations[function]
    arguments = read_arguments(operation, request)
    memory = Memory(exchanges)
    steered = steered_error(operation, arguments, exchanges, scenario)
    if steered is None and (gone := memory.gone(arguments)):
        steered = (404, f"{gone} does not exist.")
    if steered is not None:
        return error_response(spec, operation, *steered, seed)
    return _success(spec, operation, arguments, memory, scenario, seed)


def _success(spec: Spec, operation: Operation, arguments: Json, memory: Memory, scenario: str, seed: int):
    status, _, media = operation.success()
    info = spec.document.get("info")
    title = str(info.get("title", "")) if isinstance(info, dict) else ""
    rng = fields.rng_of(seed, title, operation.name, json.dumps(arguments, sort_keys=True, default=str))
    schemas = [m.schema for m in media if "json" in m.type]
    if not schemas:
        if not media or status in (204, 205):
            return status, ""
        return status, f"{fields.string(rng, 'title', seed)} ({media[0].type or 'text/plain'})"
    length = rng.choice((2, 2, 3))
    for name, value in arguments.items():
        if name.replace("_", "").lower() in LIMITS and isinstance(value, int):
            length = max(0, min(length, value))
    if scenario == "long_output":
        length = rng.randint(*LONG)
    root = schemas[0]
    for attempt in range(12):
        draw = fields.rng_of(
            seed, title, operation.name, json.dumps(arguments, sort_keys=True, default=str), attempt
        )
        body = make(root, draw, seed, length=length)
        plain = body
        if attempt < 3:
            body = _Entities(title, seed, memory, arguments, operation).settle(body, root)
        for candidate in (body, plain):
            if not check_response(spec, operation.name, status, candidate):
                return status, candidate
    return status, conforming(root, rng, operation.name, seed)


class _Entities:
    """Makes the objects of a response the ones that their ids stand for."""

    def __init__(self, title: str, seed: int, memory: Memory, arguments: Json, operation: Operation):
        self.title, self.seed, self.memory, self.operation = title, seed, memory, operation
        self.arguments = {k: v for k, v in arguments.items() if not isinstance(v, dict)}
        self.used: set[str] = set()
        self.spoken = {words(k): v for k, v in self.arguments.items()}

    def settle(self, value: Any, schema: Json, depth: int = 0, listed: bool = False) -> Any:
        """The value with its objects' properties settled."""
        root = schema if depth == 0 else self.root
        if depth == 0:
            self.root = schema
        schema = follow(schema, root)
        if isinstance(value, list):
            items = schema.get("items", {})
            return (
                _ranked([self.settle(v, items, depth + 1, True) for v in value])
                if isinstance(items, dict)
                else value
            )
        if not isinstance(value, dict):
            return value
        view = object_view(schema, root)
        properties = view["properties"] if view else {}
        key = next((n for n in value if is_id(n) and isinstance(value[n], (str, int))), None)
        result = dict(value)
        if key is not None:
            result[key] = self._identify(key, value[key], listed, depth)
            self._remember(result, key, properties, depth)
        for name, made in list(result.items()):
            part = properties.get(name, {})
            if isinstance(made, (dict, list)):
                sent = self.arguments.get(name)
                fits = sent is not None and allowed(sent, part, root)
                result[name] = sent if fits else self.settle(made, part, depth + 1)
            elif name != key:
                given = self._given(name, made)
                if given is not None and allowed(given, part, root):
                    result[name] = given
        return result

    def _remember(self, result: Json, key: str, properties: Json, depth: int) -> None:
        """Give an object the attributes of its id, then those that the instance has seen or set."""
        for name, made in list(result.items()):
            part = follow(properties.get(name, {}), self.root)
            if name != key and not isinstance(made, (dict, list)) and part:
                rng = fields.rng_of(self.seed, self.title, key, result[key], name)
                result[name] = make(part, rng, self.seed, name, self.root, depth + 1)
        for name, remembered in self.memory.known.get(str(result[key]), {}).items():
            if name in result and name != key and allowed(remembered, properties.get(name), self.root):
                result[name] = remembered

    def _identify(self, key: str, made: Any, listed: bool, depth: int) -> Any:
        """The id: the one that was asked for, else a new one."""
        for name in (key, "id"):
            if name in self.arguments and not listed:
                return self.arguments[name]
        own = [v for n, v in self.arguments.items() if is_id(n)]
        if own and not listed and key == "id" and len(own) == 1 and isinstance(own[0], type(made)):
            return own[0]
        if isinstance(made, int):
            return made
        rng = fields.rng_of(
            self.seed,
            self.title,
            self.operation.name,
            key,
            sorted(self.spoken.items(), key=str),
            len(self.used),
        )
        thing = words(key)[:-3].strip() or words(self.operation.name).split()[-1]
        plain = re.fullmatch(r"[A-Z]{1,4}\d+", str(made)) is not None
        value = identifier(rng, thing) if plain else made
        while value in self.used or value in self.memory.deleted:
            value = identifier(rng, thing)
        self.used.add(value)
        return value

    def _given(self, name: str, made: Any) -> Any:
        """What the call's arguments say of a property: its value, or a bound that it keeps."""
        spoken = words(name)
        if name in self.arguments:
            value = self.arguments[name]
            return value if not isinstance(value, list) else value[0] if value else None
        if name == "status" and self.operation.method == "post":
            return "active"
        if name in DONE and isinstance(made, bool) and self.operation.method in ("post", "delete"):
            return True
        if (worked := self._worked_on(name, spoken, made)) is not None:
            return worked
        if name == "winner":
            options = [v for k, v in self.arguments.items() if k.startswith(("first", "second"))]
            return options[len(str(made)) % len(options)] if options else None
        if name == "result" and {"amount", "sourceCurrency", "targetCurrency"} <= self.arguments.keys():
            pair = (self.arguments["sourceCurrency"], self.arguments["targetCurrency"])
            rate = 1.0 if pair[0] == pair[1] else fields.rng_of("rate", *pair).uniform(0.4, 2.4)
            with contextlib.suppress(OverflowError):  # an integer too large for a float
                result = round(float(self.arguments["amount"]) * rate, 2)
                return result if math.isfinite(result) else None
        for argument, value in self.spoken.items():
            head, _, tail = argument.partition(" ")
            if tail != spoken:
                continue
            if head in ("min", "max") and isinstance(value, (int, float)) and isinstance(made, (int, float)):
                return max(made, value) if head == "min" else min(made, value)
            if head not in ("min", "max", "first", "second", "from", "to") and not isinstance(value, list):
                return value
        return None

    def _worked_on(self, name: str, spoken: str, made: Any) -> Any:
        """What has become of the text that the call sends."""
        text = self.arguments.get("text")
        if isinstance(text, str) and name == "summary":
            return _gist(text)
        if isinstance(text, str) and name == "wordCount":
            return len(_gist(text).split())
        if isinstance(text, str) and name == "translation":
            return f"({self.arguments.get('targetLanguage', 'translated')}) {text}"
        if isinstance(made, str) and (set(spoken.split()) & REWORKED or spoken in RESULTS):
            sent = [v for v in self.arguments.values() if isinstance(v, str) and " " in v]
            return " ".join(max(sent, key=len).split()) if sent else None
        return None


def _gist(text: str) -> str:
    """What the teacher's sentences are about: their last noun phrase."""
    return f"the {text.rpartition(' the ')[2]}"


def _ranked(items: list[Any]) -> list[Any]:
    """The entries of a ranking in the order of their ranks, the best score first."""
    if all(isinstance(i, dict) and {"rank", "score"} <= i.keys() for i in items):
        scores = sorted((i["score"] for i in items), reverse=True)
        return [{**i, "rank": n, "score": s} for n, (i, s) in enumerate(zip(items, scores, strict=True), 1)]
    return items


def allowed(value: Any, schema: Any, root: Json) -> bool:
    """Whether a scalar may stand for a property, as far as type and choices tell."""
    part = follow(schema, root) if isinstance(schema, dict) else {}
    kinds = types_of(part)
    checks = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
    if isinstance(value, bool) and kinds and "boolean" not in kinds:
        return False
    fits = not kinds or any(
        isinstance(value, (int, float)) if k == "number" else isinstance(value, checks.get(k, type(None)))
        for k in kinds
    )
    return fits and ("enum" not in part or value in part["enum"]) and "const" not in part
