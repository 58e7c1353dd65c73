"""Seeded values that a JSON Schema accepts, with the content that a property's name suggests."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from typing import Any

from toolalpaca.offline import fields
from toolalpaca.offline.describing import described_kind
from toolalpaca.offline.patterns import matching
from toolalpaca.openapi.jsonschemas import Json, follow, object_view, types_of

BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
DEPTHS = (6, 4, 3, 2, 1)  # of what is optional: the first at which a value is not too large
MOST_ITEMS, MOST_CHARS = 80, 2_000  # of what a schema may ask for in any number
MOST_VALUES = 5_000  # of which a value may consist
TRUE_NAMES = ("valid", "deleted", "sent", "active", "success", "available", "deliverable", "ok", "saved")


class _TooLargeError(Exception):
    """A value of more parts than anyone reads: objects of lists of objects multiply."""


@dataclass
class Room:
    """What a value may still grow to: how many values in all, and to which depth with what is optional."""

    values: int
    depth: int

    def take(self) -> None:
        self.values -= 1
        if self.values < 0:
            raise _TooLargeError


def make(schema: Any, rng: random.Random, seed: int, name: str = "", root: Json | None = None, depth: int = 0,
         length: int | None = None, room: Room | None = None) -> Any:  # fmt: skip
    """A value of the schema; `length` is how many entries its lists have where the bounds allow it."""
    if room is None:
        return _bounded(schema, rng, seed, name, root, depth, length)
    room.take()
    root = root if root is not None else schema if isinstance(schema, dict) else {}
    schema = follow(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        options = [v for v in schema["enum"] if v is not None] or schema["enum"]
        return rng.choice(options)
    view = object_view(schema, root)
    if view is not None:
        return _object(schema, view, rng, seed, root, depth, length, room)
    kinds = [k for k in types_of(schema) if k != "null"]
    for key in ("oneOf", "anyOf", "allOf"):
        if schema.get(key) and not kinds:
            parts = [follow(p, root) for p in schema[key]]
            rest = {k: v for k, v in schema.items() if k != key}
            if key == "allOf":
                merged: Json = dict(rest)
                for part in parts:
                    merged = _merged(merged, part)
                return make(merged, rng, seed, name, root, depth + 1, length, room)
            some = [p for p in parts if types_of(p) != ["null"]] or parts
            return make(_merged(rest, rng.choice(some)), rng, seed, name, root, depth + 1, length, room)
    null = "null" if types_of(schema) else ""
    kind = kinds[0] if kinds else null or ("string" if name or schema else "object")
    if kind == "array":
        return _array(schema, rng, seed, name, root, depth, length, room)
    if kind == "boolean":
        return rng.random() < (0.9 if name in TRUE_NAMES else 0.5)
    if kind in ("integer", "number"):
        return number(schema, rng, name, kind)
    if kind in ("object", "null"):
        return {} if kind == "object" else None
    return text(schema, rng, seed, name)


def _bounded(schema: Any, rng: random.Random, seed: int, name: str, root: Json | None, depth: int,
             length: int | None) -> Any:  # fmt: skip
    """The value as deep as it goes without being too large; None for a schema that requires too much."""
    for deepest in DEPTHS:
        try:
            return make(schema, rng, seed, name, root, depth, length, Room(MOST_VALUES, deepest))
        except _TooLargeError:
            continue
    return None


def _merged(one: Json, other: Json) -> Json:
    """Two schemas that both hold, as far as their keywords can simply be joined."""
    result = {**one, **other}
    for key in ("required",):
        if key in one and key in other:
            result[key] = list(dict.fromkeys([*one[key], *other[key]]))
    if "properties" in one and "properties" in other:
        result["properties"] = {**one["properties"], **other["properties"]}
    for key in (
        one.keys() & other.keys() & {"minimum", "minLength", "minItems", "maximum", "maxLength", "maxItems"}
    ):
        result[key] = (max if key.startswith("min") else min)(one[key], other[key])
    if "enum" in one and "enum" in other:
        result["enum"] = [v for v in one["enum"] if v in other["enum"]] or one["enum"]
    return result


def _object(
    schema: Json, view: Json, rng, seed: int, root: Json, depth: int, length: int | None, room: Room
) -> Json:
    branch = None
    for key in ("oneOf", "anyOf"):
        options = [p for p in schema.get(key, []) if object_view(p, root) is not None]
        if options:
            # Properties of several alternatives together may fit none of them.
            branch = rng.choice(options)
            rest = {k: v for k, v in schema.items() if k != key}
            own = object_view(rest, root) or {"properties": {}, "required": [], "additional": None}
            other = object_view(branch, root)
            view = {
                "properties": {**own["properties"], **other["properties"]},
                "required": [*own["required"], *other["required"]],
                "additional": other["additional"] if own["additional"] is None else own["additional"],
            }
            break
    made: Json = {}
    for name, part in view["properties"].items():
        needed = name in view["required"]
        if part is False or (isinstance(part, dict) and part.get("writeOnly") is True and not needed):
            continue
        if not needed and depth >= room.depth:
            continue
        made[name] = make(part, rng, seed, name, root, depth + 1, length, room)
    for name in view["required"]:
        if name not in made:
            other = view["additional"] if isinstance(view["additional"], dict) else {"type": "string"}
            made[name] = make(other, rng, seed, name, root, depth + 1, length, room)
    least = schema.get("minProperties", 0)
    if not view["properties"] and view["additional"] not in (None, False) and depth < room.depth:
        least = max(least, 2)
    extra = view["additional"] if isinstance(view["additional"], dict) else {"type": "string"}
    for _ in range(8 * int(least)):
        if len(made) >= least:
            break
        key = rng.choice(fields.WORDS)
        made.setdefault(key, make(extra, rng, seed, key, root, depth + 1, length, room))
    return made


def _array(
    schema: Json, rng, seed: int, name: str, root: Json, depth: int, length: int | None, room: Room
) -> list:
    least, most = min(int(schema.get("minItems", 0)), MOST_ITEMS), schema.get("maxItems")
    count = length if length is not None and depth <= 2 else rng.choice((1, 2, 2, 3))
    length = None  # lists within the list have an ordinary length
    if depth >= room.depth:
        count = 0
    count = max(least, count if most is None else min(count, int(most)))
    items = schema.get("items", {"type": "string"})
    if items is True or items == {}:
        items = {"type": "string"}
    fixed = schema.get("prefixItems", [])
    made = [make(p, rng, seed, name, root, depth + 1, length, room) for p in fixed[:count]]
    single = name[:-1] if name.endswith("s") else name
    seen = set()
    for _ in range(count * 5 + 5):
        if len(made) >= count or items is False:
            break
        value = make(items, rng, seed, single, root, depth + 1, length, room)
        key = json.dumps(value, sort_keys=True)
        if key in seen and (schema.get("uniqueItems") or len(seen) < 2):
            continue
        seen.add(key)
        made.append(value)
    return made


def number(schema: Json, rng: random.Random, name: str, kind: str) -> int | float:
    """A number within the schema's bounds, of a size that its name suggests."""
    found, span = fields.natural(name) if name else ("", None)
    low, high = span if found in ("int", "num", "year") else (1, 500)
    step = schema.get("multipleOf")
    tiny = 1 if kind == "integer" else step or 0.01
    bounds = [schema.get("minimum"), schema.get("maximum")]
    if "exclusiveMinimum" in schema:
        bounds[0] = max(schema["exclusiveMinimum"] + tiny, bounds[0] if bounds[0] is not None else -math.inf)
    if "exclusiveMaximum" in schema:
        bounds[1] = min(schema["exclusiveMaximum"] - tiny, bounds[1] if bounds[1] is not None else math.inf)
    width = high - low
    if bounds[0] is not None and (bounds[0] > low):
        low = bounds[0]
        high = max(high, low + width)
    if bounds[1] is not None and bounds[1] < high:
        high = bounds[1]
        low = max(min(low, high - width), bounds[0] if bounds[0] is not None else -math.inf)
    low = min(low, high)
    if step:
        first = math.ceil(low / step)
        value = rng.randint(first, max(first, math.floor(high / step))) * step
        return int(value) if kind == "integer" or float(value).is_integer() else round(value, 10)
    if kind == "integer":
        low = math.ceil(low)
        return rng.randint(low, max(low, math.floor(high)))
    value = round(rng.uniform(low, high), 2 if high - low <= 2 else 1)
    return value if low <= value <= high else low + (high - low) / 2


def text(schema: Json, rng: random.Random, seed: int, name: str) -> str:
    """A string that the schema accepts and that reads like what its name says."""
    least, most = min(int(schema.get("minLength", 0)), MOST_CHARS), schema.get("maxLength")
    form = schema.get("format", "")
    if "pattern" in schema:
        value = fields.string(rng, fields.string_kind(name, form), seed, name)
        if matching_length(value, least, most) and _fits(schema["pattern"], value):
            return value
        found = matching(schema["pattern"], rng, least, None if most is None else int(most))
        if found is not None:
            return found
    if form in ("ipv6",):
        return ":".join(f"{rng.randrange(1, 65535):x}" for _ in range(8))
    kind, values = fields.natural(name)
    if not form and kind == "enum":
        value = rng.choice(values)
    elif not form and kind in ("int", "num", "year"):
        value = str(fields.number(rng, kind, *values))
    elif not form and (name == "id" or name.endswith(("Id", "_id", "ID"))):
        value = f"{''.join(c for c in name.upper() if c.isalpha())[:3]}{rng.randrange(100, 99_999)}"
    else:
        example, wanted = schema.get("example"), fields.string_kind(name, form)
        known = form or kind != "word" or fields.has_pool(name)
        if not known:
            wanted = described_kind(name, str(schema.get("description", ""))) or wanted
        value = example if not known and isinstance(example, str) and example else fields.string(
            rng, wanted, seed, name)  # fmt: skip
    if len(value) < least:
        value += "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(least - len(value)))
    return value if most is None else value[: int(most)]


def matching_length(value: str, least: int, most: Any) -> bool:
    """Whether a string's length is in the bounds."""
    return least <= len(value) and (most is None or len(value) <= most)


def _fits(pattern: str, value: str) -> bool:
    from toolalpaca.openapi.regexes import compiled

    found = compiled(pattern)
    return found is None or found.search(value) is not None
