"""Small operations on JSON Schemas: mending what a validator would choke on, walking, merging, naming."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from toolalpaca.openapi.regexes import compiled

Json = dict[str, Any]

TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
_ALIASES = {
    "int": "integer", "int32": "integer", "int64": "integer", "long": "integer", "float": "number",
    "double": "number", "decimal": "number", "str": "string", "text": "string", "date": "string",
    "date-time": "string", "datetime": "string", "file": "string", "binary": "string", "uuid": "string",
    "bool": "boolean", "list": "array", "dict": "object", "map": "object", "None": "null",
}  # fmt: skip
MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs")
LISTS = ("allOf", "oneOf", "anyOf", "prefixItems")
SINGLE = (
    "items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else",
    "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_NUMBERS = ("minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum")
_DROPPED = (
    "$schema",
    "$id",
    "$anchor",
    "$dynamicRef",
    "$dynamicAnchor",
    "xml",
    "externalDocs",
    "discriminator",
)


def clean(node: Json, version: str) -> Json:  # noqa: PLR0912 (one branch per keyword)
    """One schema object, its children untouched, as JSON Schema 2020-12.

    OpenAPI 3.0's `nullable` and boolean `exclusiveMinimum` are translated; keywords whose value no
    validator could read are dropped, and common misspellings of types mended.
    """
    schema = {k: v for k, v in node.items() if k not in _DROPPED and k not in ("nullable", "type")}
    kinds = node.get("type")
    kinds = [
        _ALIASES.get(k, k) for k in (kinds if isinstance(kinds, list) else [kinds]) if isinstance(k, str)
    ]
    kinds = [k for k in kinds if k in TYPES]
    for key in _COUNTS:
        if key in schema and not (
            _number(schema[key]) and schema[key] >= 0 and schema[key] == int(schema[key])
        ):
            del schema[key]
    for low, strict in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if schema.get(strict) is True and _number(schema.get(low)):
            schema[strict] = schema.pop(low)
    for key in _NUMBERS:
        if key in schema and not (_number(schema[key]) and (key != "multipleOf" or schema[key] > 0)):
            del schema[key]
    if "required" in schema:
        names = schema["required"]
        schema["required"] = [n for n in names if isinstance(n, str)] if isinstance(names, list) else []
        if not schema["required"]:
            del schema["required"]
    if "enum" in schema and not (isinstance(schema["enum"], list) and schema["enum"]):
        del schema["enum"]
    elif "enum" in schema and kinds:
        schema["enum"] = [_as_type(value, kinds) for value in schema["enum"]]
        if kinds == ["array"] and not any(isinstance(value, list | None) for value in schema["enum"]):
            items = schema.get("items")  # the choices are meant of the entries: no list is one of them
            choices = {"enum": schema.pop("enum")}
            schema["items"] = {**choices, **items} if isinstance(items, dict) else choices
    if "pattern" in schema and compiled(schema["pattern"]) is None:
        del schema["pattern"]
    for key in MAPS:
        if key in schema and not isinstance(schema[key], dict):
            del schema[key]
    for key in LISTS:
        if key in schema and not (isinstance(schema[key], list) and schema[key]):
            del schema[key]
    for key in SINGLE:
        if key in schema and not isinstance(schema[key], (dict, bool)):
            del schema[key]
    if isinstance(schema.get("patternProperties"), dict):
        schema["patternProperties"] = {
            k: v for k, v in schema["patternProperties"].items() if compiled(k) is not None
        }
    if version == "3.0" and node.get("nullable") is True:
        if kinds:
            kinds = [*kinds, "null"] if "null" not in kinds else kinds
        elif schema.keys() & {"allOf", "oneOf", "anyOf"}:
            about = {k: schema.pop(k) for k in ("description", "default", "example", "title") if k in schema}
            return {**about, "anyOf": [schema, {"type": "null"}]}
    if kinds:
        schema = {"type": kinds[0] if len(kinds) == 1 else kinds, **schema}
    return schema


def discriminated(node: Json, resolve: Callable[[Any], Json]) -> Json:
    """A schema whose referenced alternatives ask for the discriminating property's value that names them.

    OpenAPI 3.1.0, section 4.8.25: the keys of `mapping`, else the schema's own name. An alternative that
    lists the property's values itself is left as it is. `resolve` gives the schema behind a reference.
    """
    discriminator = node.get("discriminator")
    name = discriminator.get("propertyName") if isinstance(discriminator, dict) else None
    if not isinstance(name, str):
        return node
    mapping = discriminator.get("mapping")
    mapping = mapping if isinstance(mapping, dict) else {}

    def named(branch: Any) -> Any:
        reference = branch.get("$ref") if isinstance(branch, dict) else None
        if not isinstance(reference, str):
            return branch
        schema = resolve(branch)
        parts = [schema, *(resolve(p) for p in schema.get("allOf", []) if isinstance(p, dict))]
        stated = [p["properties"].get(name) for p in parts if isinstance(p.get("properties"), dict)]
        if any(isinstance(s, dict) and s.keys() & {"enum", "const", "$ref"} for s in stated):
            return branch
        own = reference.rsplit("/", 1)[-1]
        names = [key for key, meant in mapping.items() if meant in (reference, own)] or [own]
        return {"allOf": [branch, {"properties": {name: {"type": "string", "enum": names}}}]}

    alternatives = {key: node[key] for key in ("oneOf", "anyOf") if isinstance(node.get(key), list)}
    return {**node, **{key: [named(branch) for branch in value] for key, value in alternatives.items()}}


def rewrite(schema: Json, change: Callable[[Any], Any]) -> Json:
    """A copy of a schema with `change` applied to every schema directly inside it."""
    result = dict(schema)
    for key in MAPS:
        if key in result:
            result[key] = {name: change(value) for name, value in result[key].items()}
    for key in LISTS:
        if key in result:
            result[key] = [change(value) for value in result[key]]
    for key in SINGLE:
        if key in result:
            result[key] = change(result[key])
    return result


def without_required(schema: Any, flag: str) -> Any:
    """A schema whose objects do not require the properties marked `flag` (readOnly or writeOnly)."""
    if not isinstance(schema, dict):
        return schema
    schema = rewrite(schema, lambda child: without_required(child, flag))
    properties = schema.get("properties", {})
    marked = [n for n, v in properties.items() if isinstance(v, dict) and v.get(flag) is True]
    if marked and "required" in schema:
        schema["required"] = [name for name in schema["required"] if name not in marked]
    return schema


def types_of(schema: Json) -> list[str]:
    """The types a schema names, guessed from its keywords where it names none."""
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return [kinds]
    if isinstance(kinds, list):
        return kinds
    if "properties" in schema or "additionalProperties" in schema:
        return ["object"]
    if "items" in schema:
        return ["array"]
    return []


def follow(schema: Any, root: Json) -> Json:
    """A schema with a reference into the root's `$defs` followed."""
    seen = 0
    while isinstance(schema, dict) and "$ref" in schema and seen < 50:
        target = root.get("$defs", {}).get(str(schema["$ref"]).removeprefix("#/$defs/"), {})
        beside = {k: v for k, v in schema.items() if k != "$ref"}
        schema = {**target, **beside} if isinstance(target, dict) else target
        seen += 1
    return schema if isinstance(schema, dict) else {}


def hoisted(schemas: dict[str, Json]) -> tuple[dict[str, Json], Json]:
    """Self-contained schemas as properties of one: without their `$defs`, and those of all together.

    A reference `#/$defs/...` leads from the root of a document, so definitions cannot stay where the
    schemas become parts of one. Definitions that share a name and differ are named apart.
    """
    properties: dict[str, Json] = {}
    together: Json = {}
    seen: list[tuple[Json, dict[str, str]]] = []
    for name, schema in schemas.items():
        own = schema.get("$defs", {})
        names = next((names for before, names in seen if before == own), None)
        if names is None:
            taken = {**own, **together}
            clash = any(together.get(k, v) != v for k, v in own.items())
            names = {k: _free(k, taken) if clash and k in together else k for k in own}
            seen.append((own, names))
            together |= {names[k]: _referring(v, names) for k, v in own.items()}
        properties[name] = _referring({k: v for k, v in schema.items() if k != "$defs"}, names)
    return properties, together


def _free(name: str, taken: Json) -> str:
    return next(f"{name}_{n}" for n in range(2, len(taken) + 3) if f"{name}_{n}" not in taken)


def _referring(schema: Any, names: dict[str, str]) -> Any:
    """A schema whose references lead to definitions by their new names."""
    if not isinstance(schema, dict):
        return schema
    schema = rewrite(schema, lambda child: _referring(child, names))
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    return {**schema, "$ref": f"#/$defs/{names[name]}"} if name in names else schema


def object_view(schema: Json, root: Json | None = None) -> Json | None:
    """The properties an object schema describes, through `allOf`, `oneOf` and `anyOf`; None for no object.

    Returns {"properties", "required", "additional"}: `required` is what every alternative requires;
    `additional` is the schema of further properties where one is stated (True for any), else None.
    """
    root = schema if root is None else root
    schema = follow(schema, root)
    properties: Json = dict(schema.get("properties", {}))
    required = list(schema.get("required", []))
    additional = schema.get("additionalProperties")
    found = types_of(schema) == ["object"] or ("object" in types_of(schema))
    for part in schema.get("allOf", []):
        view = object_view(part, root)
        if view:
            found = True
            for name, value in view["properties"].items():
                properties[name] = (
                    value
                    if name not in properties or not isinstance(properties[name], dict)
                    else {"allOf": [properties[name], value]}
                    if properties[name] != value
                    else value
                )
            required += view["required"]
            additional = view["additional"] if additional is None else additional
    for key in ("oneOf", "anyOf"):
        branches = [follow(branch, root) for branch in schema.get(key, [])]
        branches = [branch for branch in branches if types_of(branch) != ["null"]]
        views = [object_view(branch, root) for branch in branches]
        if not views or any(view is None for view in views):
            if views and not found:
                return None
            continue
        found = True
        for view in views:
            for name, value in view["properties"].items():
                if name not in properties:
                    others = [v["properties"][name] for v in views if name in v["properties"]]
                    distinct = [v for i, v in enumerate(others) if v not in others[:i]]
                    properties[name] = value if len(distinct) == 1 else {"anyOf": distinct}
        required += [n for n in views[0]["required"] if all(n in view["required"] for view in views)]
    if not found:
        return None
    required = list(dict.fromkeys(required))
    if additional is False or additional is None:
        additional = None
    return {"properties": properties, "required": required, "additional": additional}


def _as_type(value: Any, kinds: list[str]) -> Any:
    """A listed value as its schema's type wants it: 1 for "1", and "1" for what YAML made of a bare 1."""
    is_text = isinstance(value, str)
    if not is_text and "string" in kinds and isinstance(value, (bool, int, float)):
        other = "boolean" if isinstance(value, bool) else "number"
        whole = other == "number" and float(value).is_integer() and "integer" in kinds
        return value if other in kinds or whole else json.dumps(value)
    if is_text and "string" not in kinds:
        try:
            read = json.loads(value)
        except (ValueError, RecursionError):
            return value
        fits = (
            "boolean" in kinds
            if isinstance(read, bool)
            else _number(read) and {"integer", "number"} & {*kinds}
        )
        return read if fits else value
    return value


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
