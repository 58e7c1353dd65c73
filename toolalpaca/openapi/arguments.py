"""Values against JSON Schemas: lossless coercion, and the first mistake as a typed, readable error."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators

from toolalpaca.files import dumps
from toolalpaca.openapi.formats import checker
from toolalpaca.openapi.jsonschemas import Json, follow, object_view, types_of

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_EXAMPLES = {
    "date": "2024-05-31", "date-time": "2024-05-31T18:30:00Z", "time": "18:30:00Z",
    "email": "ann@example.com",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
    "uri": "https://example.com/page", "hostname": "example.com",
    "ipv4": "203.0.113.7", "ipv6": "2001:db8::1",
    "byte": "aGVsbG8gd29ybGQh (base64)", "duration": "P3DT4H30M", "uri-reference": "/page?x=1",
    "json-pointer": "/items/0", "regex": "^[a-z]+$",
}  # fmt: skip


class WrongValue(Exception):
    """A value does not fit its schema. `kind` is a slug, `where` the place inside the value."""

    def __init__(self, kind: str, where: str, expected: str, got: Any):
        super().__init__(f"expected {expected}, got {show(got)}")
        self.kind, self.where, self.expected, self.got = kind, where, expected, got


def coerce(value: Any, schema: Any, root: Json | None = None) -> Any:
    """The value with every lossless coercion its schema calls for; what cannot be coerced stays.

    "5" -> 5, "5.5" -> 5.5, 5.0 -> 5 for an integer, "true" -> true, 5 -> "5" for a string; inside
    arrays and objects too. A value that already fits one of its schema's types is left alone.
    """
    root = schema if root is None and isinstance(schema, dict) else (root or {})
    schema = follow(schema, root)
    kinds = types_of(schema) or _types_listed(schema)
    if kinds and not _fits(value, kinds):
        value = _scalar(value, kinds)
    elif isinstance(value, float) and "integer" in kinds and "number" not in kinds:
        value = int(value)  # it fits, so it is whole
    if isinstance(value, dict) and (view := object_view(schema, root)):
        more = view["additional"] if isinstance(view["additional"], dict) else {}
        patterns = schema.get("patternProperties", {})
        return {
            k: coerce(v, view["properties"].get(k) or _by_pattern(patterns, k) or more, root)
            for k, v in value.items()
        }
    if isinstance(value, list) and schema.keys() & {"items", "prefixItems"}:
        first, rest = schema.get("prefixItems", []), schema.get("items", {})
        return [coerce(v, first[i] if i < len(first) else rest, root) for i, v in enumerate(value)]
    if not kinds:
        for branch in schema.get("allOf", []):
            value = coerce(value, branch, root)
        branches = [*schema.get("oneOf", []), *schema.get("anyOf", [])]
        whole = [{**follow(b, root), "$defs": root.get("$defs", {})} for b in branches]
        if branches and not any(accepts(branch, value) for branch in whole):
            for branch in whole:
                attempt = coerce(value, branch, root)
                if accepts(branch, attempt):
                    return attempt
    return value


def _by_pattern(patterns: Json, name: str) -> Any:
    return next((schema for pattern, schema in patterns.items() if re.search(pattern, name)), None)


def _types_listed(schema: Json) -> list[str]:
    """The one type that all values of an `enum` or `const` without a type have."""
    listed = [v for v in [*schema.get("enum", []), schema.get("const")] if v is not None]
    for kind in ("string", "integer", "number", "boolean"):
        if listed and all(_VALIDATOR.is_type(value, kind) for value in listed):
            return [kind]
    return []


def _fits(value: Any, kinds: list[str]) -> bool:
    return any(_VALIDATOR.is_type(value, kind) for kind in kinds)


_VALIDATOR = Draft202012Validator({})


def _scalar(value: Any, kinds: list[str]) -> Any:
    if isinstance(value, str):
        text = value.strip()
        if "integer" in kinds and _INTEGER.fullmatch(text) and len(text) < 4000:
            return int(text)
        if ("number" in kinds or "integer" in kinds) and _NUMBER.fullmatch(text) and len(text) < 4000:
            return _number(text, "number" in kinds, value)
        if "boolean" in kinds and text in ("true", "false", "True", "False"):
            return text in ("true", "True")
    elif "string" in kinds and isinstance(value, (int, float)) and not isinstance(value, bool):
        return dumps(value)
    return value


def _number(text: str, fractions: bool, otherwise: Any) -> Any:
    """The number a text says exactly; `otherwise` where a float would change it."""
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text)
    try:
        exact = math.isfinite(number) and Decimal(text) == Decimal(repr(number))
    except InvalidOperation:
        exact = False
    if not exact or not (fractions or number.is_integer()):
        return otherwise
    return number if fractions else int(number)


def check(value: Any, schema: Json) -> Any:
    """The coerced value.

    Raises:
        WrongValue: the first mistake, the outermost first.
    """
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise WrongValue("bad_format", "", "text in Unicode without lone surrogates", value) from None
    except (ValueError, TypeError):
        raise WrongValue("wrong_type", "", "a JSON value, in which every number is finite", value) from None
    value = coerce(value, schema)
    validator = _validator_of(dumps(schema))
    if not validator.is_valid(value):
        raise mismatch(next(validator.iter_errors(value)))
    return value


def accepts(schema: Json, value: Any) -> bool:
    """Whether a value fits a schema as it is."""
    return _validator_of(dumps(schema)).is_valid(value)


def complaints(schema: Json, value: Any, limit: int = 5) -> list[str]:
    """What of a value does not fit its schema, one line each with its place; [] when it fits."""
    lines = []
    for error in _validator_of(dumps(schema)).iter_errors(value):
        found = mismatch(error)
        lines.append(f"{found.where or 'the value'}: {found}")
        if len(lines) >= limit:
            break
    return lines


def _multiple_of(validator: Any, step: float, value: Any, schema: Json) -> Iterator[ValidationError]:
    """`multipleOf` in the decimals as written: in binary 19.99 is no multiple of 0.01."""
    if validator.is_type(value, "number") and not (
        math.isfinite(value) and (_exactly(value) / _exactly(step)).denominator == 1
    ):
        yield ValidationError(f"{value!r} is not a multiple of {step!r}")


def _exactly(number: float) -> Fraction:
    return Fraction(number if isinstance(number, int) else repr(number))


_Validator = validators.extend(Draft202012Validator, {"multipleOf": _multiple_of})


@functools.lru_cache(maxsize=1024)
def _validator_of(schema: str) -> Any:
    return _Validator(json.loads(schema), format_checker=checker)


def mismatch(error: Any) -> WrongValue:
    """A jsonschema error in our words."""
    if error.validator in ("allOf", "$ref") and error.context:
        return mismatch(error.context[0])
    if error.validator in ("oneOf", "anyOf") and error.context:
        # Where the alternatives differ by type alone, the one whose type fits names the real mistake.
        deeper = [e for e in error.context if e.validator != "type" or len(e.relative_path)]
        groups = {e.schema_path[0] for e in error.context}
        if deeper and (len(groups) == 1 or len({e.schema_path[0] for e in deeper}) == 1):
            return mismatch(deeper[0])
    kind, expected = _expected(error)
    return WrongValue(kind, place(error.absolute_path), expected, error.instance)


def _expected(error: Any) -> tuple[str, str]:  # noqa: PLR0912 (one line per keyword)
    keyword, limit = error.validator, error.validator_value
    match keyword:
        case "type":
            kinds = limit if isinstance(limit, list) else [limit]
            return "wrong_type", " or ".join(article(k) for k in kinds)
        case "enum":
            return "not_in_enum", f"one of {', '.join(show(v) for v in limit)}"
        case "const":
            return "not_in_enum", show(limit)
        case "format":
            example = f", such as {_EXAMPLES[limit]}" if limit in _EXAMPLES else ""
            return "bad_format", f"the format {limit}{example}"
        case "pattern":
            return "bad_format", f"text that matches {limit}"
        case "required":
            missing = [n for n in limit if n not in error.instance]
            return "missing_parameter", f"an object with {', '.join(map(repr, missing))}"
        case "additionalProperties" | "unevaluatedProperties":
            known = ", ".join(error.schema.get("properties", {})) or "no property"
            return "unknown_parameter", f"an object with {known} alone"
        case "minimum":
            return "out_of_range", f"at least {show(limit)}"
        case "maximum":
            return "out_of_range", f"at most {show(limit)}"
        case "exclusiveMinimum":
            return "out_of_range", f"more than {show(limit)}"
        case "exclusiveMaximum":
            return "out_of_range", f"less than {show(limit)}"
        case "multipleOf":
            return "out_of_range", f"a multiple of {show(limit)}"
        case "minLength":
            return "out_of_range", f"at least {limit} character{'s' * (limit != 1)}"
        case "maxLength":
            return "out_of_range", f"at most {limit} character{'s' * (limit != 1)}"
        case "minItems":
            return "out_of_range", f"at least {limit} item{'s' * (limit != 1)}"
        case "maxItems":
            return "out_of_range", f"at most {limit} item{'s' * (limit != 1)}"
        case "uniqueItems":
            return "out_of_range", "items that differ from each other"
        case "oneOf" if not error.context:
            return "invalid_value", "a value that fits exactly one of the alternatives, not several"
        case "oneOf" | "anyOf":
            kinds = dict.fromkeys(k for branch in limit if isinstance(branch, dict) for k in types_of(branch))
            return "wrong_type", f"one of the alternatives allowed ({' or '.join(kinds) or keyword})"
    return "invalid_value", f"a value that fits {keyword}: {show(limit)}"


def place(path: Any) -> str:
    """A path inside a value as text: `items[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


def article(kind: str) -> str:
    """A type's name with its article."""
    if kind == "null":
        return "null"
    return f"an {kind}" if kind[0] in "aio" else f"a {kind}"


def show(value: Any) -> str:
    """A value as JSON, cut to what a message can hold; a string that is no number keeps its quotes."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = str(value)
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 120 else text[:117] + "..."
