"""Seeded values that fit a JSON Schema, whatever its keywords: slower than `generation`, its last resort."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

from toolalpaca.offline import fields
from toolalpaca.offline.patterns import matching
from toolalpaca.openapi.arguments import accepts
from toolalpaca.openapi.formats import checker
from toolalpaca.openapi.jsonschemas import Json, follow, types_of
from toolalpaca.openapi.spec import Operation

MAX_DEPTH = 5  # below it only what is required
TRIES = 25
OTHERS = 10  # values of an alternative that fit several, before a plain value is tried
BUDGET = 4_000  # values that are made, of all depths, before only what is required is
MOST_ITEMS, MOST_CHARS, MOST_CHOICES = 50, 2_000, 50  # of what a schema may ask for in any number
PLAIN = (None, True, 0, -1, 2.5, "", "a", "lantern", "lantern harbor meadow violin copper", [], {})
_FORMATS = {
    "password": "Kestrel-4821", "byte": "a2VzdHJlbA==", "binary": "kestrel", "time": "18:30:00Z",
    "duration": "PT45M", "ipv6": "2001:db8::4821", "idn-hostname": "example.com",
    "idn-email": "ann@example.com", "iri": "https://example.com/items", "iri-reference": "/items",
    "uri-reference": "/items/4821", "uri-template": "/items/{id}", "regex": "[a-z]+",
    "json-pointer": "/items/0", "relative-json-pointer": "1/items",
}  # fmt: skip

_TEXTS = ("message", "detail", "error", "title", "reason", "description", "errorMessage", "msg")
_CODES = ("code", "status", "statusCode", "status_code", "error_code", "errorCode")

Wish = Callable[[str, bool], Iterator[Any]]


def no_wish(name: str, listed: bool) -> Iterator[Any]:
    """No preferred values."""
    return iter(())


def conforming(
    schema: Json,
    rng: random.Random,
    name: str = "",
    seed: int = 0,
    wish: Wish = no_wish,
    lengths: tuple[int, int] = (1, 3),
) -> Any:
    """A value that fits `schema` (JSON Schema 2020-12, references under `$defs` only).

    `wish(property name, inside a list?)` gives values to be preferred where they fit; `lengths` is the
    span that the lengths of arrays without bounds are drawn from. The result fits whenever the schema's
    keywords can be met one by one; a contradictory schema gets the last attempt.
    """
    value, left = None, [BUDGET]
    for attempt in range(TRIES):
        late = attempt > TRIES // 2
        maker = _Maker(schema, rng, seed, no_wish if late else wish, late, lengths, left)
        value = maker.make(schema, name, 0)
        if accepts(schema, value):
            return value
        if left[0] <= 0:
            break
    for key in ("example", "default"):
        if key in schema and accepts(schema, schema[key]):
            return schema[key]
    return value


def error_body(operation: Operation, status: int, errors: list[str], seed: int = 0) -> Any:
    """The body of an error answer: the specification's own form filled with what is wrong, else ours."""
    answer = operation.response(status)
    schemas = [m.schema for m in answer.media if "json" in m.type] if answer else []
    text = "; ".join(errors)
    plain = {"error": text, "errors": errors}
    if not schemas:
        return text if answer is not None and answer.media else plain
    if not schemas[0] or (accepts(schemas[0], plain) and "properties" not in schemas[0]):
        return plain

    def wish(name: str, listed: bool) -> Iterator[Any]:
        if name in _TEXTS:
            yield text
        elif name in _CODES:
            yield from (status, str(status))
        elif name in ("errors", "details", "messages"):
            yield from (errors, text)

    return conforming(schemas[0], fields.rng_of(seed, operation.name, status), "message", seed, wish)


class _Maker:
    def __init__(
        self, root: Json, rng: random.Random, seed: int, wish: Wish, lean: bool, lengths: Any, left: list[int]
    ):
        self.root, self.rng, self.seed, self.wish = root, rng, seed, wish
        self.lean, self.lengths, self.listed, self.left = lean, lengths, 0, left

    def make(self, schema: Any, name: str, depth: int) -> Any:
        self.left[0] -= 1
        if depth > 4 * MAX_DEPTH or self.left[0] < -BUDGET:  # what requires itself has no finite value
            return None
        self.lean = self.lean or self.left[0] <= 0
        value = self._make(schema, name, depth)
        whole = follow(schema, self.root) if isinstance(schema, dict) else {}
        # Deeper than this each level would try all choices of the levels below it again.
        if "oneOf" in whole and depth <= 1 and not self.fits(whole, value):
            # What was made for one alternative fits another too, as strings in overlapping spans do.
            others = itertools.chain((self._make(schema, name, depth) for _ in range(OTHERS)), PLAIN)
            return next((v for v in others if self.fits(whole, v)), value)
        return value

    def _make(self, schema: Any, name: str, depth: int) -> Any:
        schema = self.flat(schema, depth)
        for wished in self.wish(name, self.listed > 0):
            if self.fits(schema, wished):
                return wished
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            listed = schema["enum"]
            some = listed if len(listed) <= MOST_CHOICES else self.rng.sample(listed, MOST_CHOICES)
            allowed = [v for v in some if self.fits({**schema, "enum": some}, v)]
            plain = [v for v in allowed if v is not None]
            return self.rng.choice(plain or allowed or some)
        for shown in (schema.get("example"), *_examples(schema)):
            usable = shown is not None and not isinstance(shown, (dict, list)) and self.fits(schema, shown)
            if usable and self.rng.random() < 0.3:
                return shown
        kinds = [k for k in types_of(schema) if k != "null"] or (["null"] if types_of(schema) else ["string"])
        makers = {"object": self.object, "array": self.array, "string": self.string, "integer": self.number,
                  "number": self.number}  # fmt: skip
        kind = kinds[0] if depth < MAX_DEPTH or "null" not in types_of(schema) else "null"
        if kind == "null":
            return None
        if kind == "boolean":
            return self.rng.random() < 0.7
        return makers[kind]({**schema, "type": kind}, name, depth)

    def fits(self, schema: Json, value: Any) -> bool:
        return accepts({**schema, "$defs": self.root.get("$defs", {})}, value)

    def flat(self, schema: Any, depth: int) -> Json:
        """The schema with references followed, `allOf` merged and one alternative chosen."""
        if not isinstance(schema, dict):
            return {}
        schema = follow(schema, self.root)
        for _ in range(20):
            if key := next((k for k in ("oneOf", "anyOf") if k in schema), None):
                branches = [follow(b, self.root) for b in schema[key]]
                real = [b for b in branches if types_of(b) != ["null"]] or branches
                if depth >= MAX_DEPTH:
                    real = sorted(branches, key=_weight)[:1]
                schema = merged({k: v for k, v in schema.items() if k != key}, self.rng.choice(real))
            elif parts := schema.get("allOf"):
                schema = {k: v for k, v in schema.items() if k != "allOf"}
                for part in parts:
                    schema = merged(schema, follow(part, self.root))
            else:
                break
        return schema

    def object(self, schema: Json, name: str, depth: int) -> Json:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        minimum, maximum = schema.get("minProperties", 0), schema.get("maxProperties", math.inf)
        result = {}
        left = maximum - len(set(required) - properties.keys())
        for key, value in properties.items():
            if isinstance(value, dict) and value.get("writeOnly") is True and key not in required:
                continue
            needed = key in required
            others = sum(1 for k in required if k in properties and k not in result and k != key)
            bare = self.lean or depth >= MAX_DEPTH
            room = len(result) + others < left and (len(result) < minimum or not bare)
            if value is not False and (needed or room):
                result[key] = self.make(value, key, depth + 1)
        for key in required:
            if key not in result:
                result[key] = self.make(self._extra(schema, key), key, depth + 1)
        more = schema.get("additionalProperties")
        wanted = max(minimum, 2 if isinstance(more, dict) and not properties and depth < MAX_DEPTH else 0)
        for _ in range(40):
            if len(result) >= min(wanted, maximum) or (more is False and not schema.get("patternProperties")):
                break
            key = self._key(schema)
            result.setdefault(key, self.make(self._extra(schema, key), key, depth + 1))
        return result

    def _extra(self, schema: Json, key: str) -> Any:
        for pattern, value in schema.get("patternProperties", {}).items():
            if accepts({"pattern": pattern}, key):
                return value
        more = schema.get("additionalProperties")
        return more if isinstance(more, dict) else {"type": "string"}

    def _key(self, schema: Json) -> str:
        if patterns := schema.get("patternProperties"):
            return matching(self.rng.choice(list(patterns)), self.rng) or "item"
        names = schema.get("propertyNames")
        if isinstance(names, dict):
            return str(self.make({"type": "string", **names}, "key", MAX_DEPTH))
        return fields.string(self.rng, "word", self.seed).replace(" ", "_")

    def array(self, schema: Json, name: str, depth: int) -> list[Any]:
        low, high = min(int(schema.get("minItems", 0)), MOST_ITEMS), schema.get("maxItems", math.inf)
        first = schema.get("prefixItems", [])
        length = (
            low
            if depth >= MAX_DEPTH or self.lean
            else int(min(max(low, self.rng.randint(1, 3), len(first)), high))
        )
        if schema.get("items") is False:
            length = min(length, len(first))
        result: list[Any] = []
        item_name = name[:-1] if name.endswith("s") else name
        for _ in range(length * 10):
            if len(result) >= length:
                break
            at = len(result)
            part = first[at] if at < len(first) else schema.get("items", {"type": "string"})
            self.listed += 1
            value = self.make(part, item_name, depth + 1)
            self.listed -= 1
            if not schema.get("uniqueItems") or not any(_same(value, other) for other in result):
                result.append(value)
        if "contains" in schema and not any(self.fits(schema["contains"], v) for v in result):
            result = [*result[: max(0, len(result) - 1)], self.make(schema["contains"], item_name, depth + 1)]
        return result

    def string(self, schema: Json, name: str, depth: int) -> str:
        low, high = min(int(schema.get("minLength", 0)), MOST_CHARS), schema.get("maxLength", math.inf)
        form = schema.get("format", "")
        candidates = []
        if "pattern" in schema:
            drawn = matching(schema["pattern"], self.rng, low, None if high == math.inf else int(high))
            open_ended = drawn is not None and not schema["pattern"].endswith("$")
            candidates = [f"{drawn}{fields.string(self.rng, 'word', self.seed)}"] if open_ended else []
            candidates.append(drawn)
        elif form in _FORMATS:
            candidates = [_FORMATS[form]]
        else:
            if not form and fields.natural(name)[0] == "enum":
                candidates = [self.rng.choice(fields.natural(name)[1])]
            candidates += [
                fields.string(self.rng, fields.string_kind(name, form), self.seed, name) for _ in range(3)
            ]
        text = ""
        for text in (c for c in candidates if c is not None):
            if low <= len(text) <= high and (form not in checker.checkers or checker.conforms(text, form)):
                return text
        if "pattern" in schema or form in checker.checkers:
            return text
        text = text or "a"
        while len(text) < low:
            text += " " + fields.string(self.rng, "word", self.seed)
        return text[: int(high)] if high < math.inf else text

    def number(self, schema: Json, name: str, depth: int) -> int | float:
        whole = schema["type"] == "integer"
        natural, span = fields.natural(name)
        low, high = span if natural in ("int", "num", "year") else (1, 100)
        bottom = max((schema[k] for k in ("minimum", "exclusiveMinimum") if k in schema), default=None)
        top = min((schema[k] for k in ("maximum", "exclusiveMaximum") if k in schema), default=None)
        if bottom is not None and top is not None:
            low, high = bottom, top
        elif bottom is not None:
            low, high = max(low, bottom), max(high, bottom + 100)
        elif top is not None:
            low, high = min(low, top - 100), min(high, top)
        step = schema.get("multipleOf")
        if step and not (whole and step < 1):
            first, last = math.ceil(low / step), math.floor(high / step)
            if "exclusiveMinimum" in schema and first * step <= schema["exclusiveMinimum"]:
                first += 1
            if "exclusiveMaximum" in schema and last * step >= schema["exclusiveMaximum"]:
                last -= 1
            value = self.rng.randint(first, max(first, last)) * step
            return int(value) if whole or float(value).is_integer() else round(value, 10)
        if whole:
            first = math.floor(low) + 1 if schema.get("exclusiveMinimum") == low else math.ceil(low)
            last = math.ceil(high) - 1 if schema.get("exclusiveMaximum") == high else math.floor(high)
            return self.rng.randint(first, max(first, last))
        value = self.rng.uniform(low, high)
        rounded = round(value, 2)
        return rounded if low < rounded < high else value


def merged(one: Json, other: Json) -> Json:
    """A schema that asks for both; what cannot be put into one stays under `allOf`, as a last check."""
    result = dict(one)
    for key, value in other.items():
        if key not in result or result[key] == value:
            result[key] = value
        elif key == "properties":
            both = {k: {"allOf": [result[key][k], v]} if k in result[key] else v for k, v in value.items()}
            result[key] = {**result[key], **both}
        elif key in ("required", "allOf"):
            result[key] = result[key] + [v for v in value if v not in result[key]]
        elif key == "type":
            kinds = [k for k in types_of({"type": result[key]}) if k in types_of({"type": value})]
            if not kinds and {"integer", "number"} <= {*types_of(one), *types_of(other)}:
                kinds = ["integer"]
            result[key] = kinds[0] if len(kinds) == 1 else (kinds or value)
        elif key == "enum":
            result[key] = [v for v in result[key] if v in value] or value
        elif key in ("minimum", "minLength", "minItems", "minProperties", "exclusiveMinimum"):
            result[key] = max(result[key], value)
        elif key in ("maximum", "maxLength", "maxItems", "maxProperties", "exclusiveMaximum"):
            result[key] = min(result[key], value)
        elif (
            key in ("items", "additionalProperties")
            and isinstance(value, dict)
            and isinstance(result[key], dict)
        ):
            result[key] = {"allOf": [result[key], value]}
        elif key in ("oneOf", "anyOf"):
            result["allOf"] = [*result.get("allOf", []), {key: value}]
        elif key not in ("description", "title", "example", "default"):
            result[key] = value
    return result


def _examples(schema: Json) -> list[Any]:
    shown = schema.get("examples")
    return shown[:5] if isinstance(shown, list) else []


def _weight(schema: Json) -> int:
    order = ["null", "boolean", "integer", "number", "string", "array", "object"]
    kinds = types_of(schema)
    return order.index(kinds[0]) if kinds else len(order)


def _same(one: Any, other: Any) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)
