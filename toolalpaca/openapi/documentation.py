"""Functions and their natural-language documentation, derived from a specification alone.

The text follows the form of the paper's Figure 2: a line on the function, its parameters as a JSON
object of one-line descriptions, and the structure of its output.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from toolalpaca.files import dumps
from toolalpaca.openapi.documents import one_line
from toolalpaca.openapi.jsonschemas import Json, follow, object_view, types_of
from toolalpaca.openapi.spec import Operation, Spec
from toolalpaca.schema import Function, Parameter

MAX_DEPTH = 6  # a structure nested deeper than this is cut to its type
SHOWN_CHOICES = 200  # of an enumeration
SHOWN_PATTERN = 60  # characters of a regular expression; a longer one tells nobody anything
MAX_STRUCTURE = 4_000  # characters; a longer structure is shown less deep
SENDING = ("post", "put", "patch")  # methods that are nothing without their body
LOCATIONS = ("path", "query", "header", "cookie")


def parameters_of(operation: Operation) -> list[Parameter]:
    """The arguments of an operation, one per name.

    The properties of a JSON object (or form) body stand as parameters of location `body`; a body of
    any other form is one parameter named `body`. A name declared in several places is one argument
    whose value goes to all of them.
    """
    found: dict[str, Parameter] = {}
    for node in sorted(operation.parameters, key=lambda p: LOCATIONS.index(p["in"])):
        if node["name"] not in found:
            found[node["name"]] = Parameter(
                name=node["name"],
                location=node["in"],
                required=node["required"],
                schema=node["schema"],
                description=one_line(node.get("description") or node["schema"].get("description") or ""),
            )
        elif node["required"]:
            found[node["name"]].required = True
    for parameter in body_parameters(operation):
        if parameter.name not in found:
            found[parameter.name] = parameter
        elif parameter.required:
            found[parameter.name].required = True
    return list(found.values())


def body_parameters(operation: Operation) -> list[Parameter]:
    """The arguments that make up the body; see `parameters_of`."""
    if operation.body is None:
        return []
    root = operation.body.schema
    view = object_view(root)
    if view is None or not view["properties"]:
        required = operation.body_required
        return [Parameter("body", "body", required, root, one_line(root.get("description") or ""))]
    shared = {"$defs": root["$defs"]} if "$defs" in root else {}
    result = []
    for name, schema in view["properties"].items():
        followed = follow(schema, root)
        if followed.get("readOnly") is True:
            continue
        own = {**schema, **shared} if isinstance(schema, dict) else ({} if schema else {"not": {}})
        needed = operation.body_required and name in view["required"]
        result.append(Parameter(name, "body", needed, own, one_line(followed.get("description") or "")))
    return result


def told_required(operation: Operation) -> set[str]:
    """Names that are documented as required though a call without any body is allowed.

    Few specifications say that a body is required, for false is the default. Told as optional, each of its
    properties would be, and a call that gives one without the others be refused.
    """
    if operation.body is None or operation.body_required or operation.method not in SENDING:
        return set()
    view = object_view(operation.body.schema)
    return set(view["required"]) & view["properties"].keys() if view else set()


def function_of(operation: Operation) -> Function:
    """An operation as a function, with both of its documentation texts."""
    parameters = parameters_of(operation)
    needed = told_required(operation)
    told = [replace(p, required=True) if p.name in needed else p for p in parameters]
    head = f"{operation.name}: {operation.description}".rstrip()
    full = f"{head}\nParameters: {dumps({p.name: describe(p) for p in told})}"
    return Function(
        name=operation.name,
        description=operation.description,
        method=operation.method,
        path=operation.path,
        parameters=parameters,
        documentation=f"{full}\n{output_of(operation)}",
        signature=signature_of(operation.name, told, operation.description),
    )


def functions_of_spec(spec: Spec) -> list[Function]:
    """The functions of a loaded specification, in its order."""
    return [function_of(operation) for operation in spec.operations.values()]


def describe(parameter: Parameter) -> str:
    """One parameter in words: `Required. string. One of: [a, b]. Up to 5 characters. Why.`"""
    schema, choices = _followed(parameter)
    parts = ["Required"] if parameter.required else []
    parts.append(type_text(schema, parameter.schema))
    if isinstance(schema.get("format"), str):
        parts.append(f"Format: {schema['format']}")
    if choices:
        more = f", and {len(choices) - SHOWN_CHOICES} more" if len(choices) > SHOWN_CHOICES else ""
        parts.append(f"One of: [{', '.join(_plain(c) for c in choices[:SHOWN_CHOICES])}{more}]")
    parts += bounds_of(schema)
    if "default" in schema:
        parts.append(f"Default: {_plain(schema['default'])}")
    if parameter.description:
        parts.append(parameter.description.rstrip("."))
    return ". ".join(parts) + "."


def bounds_of(schema: Json) -> list[str]:
    """What a schema says of sizes and of the form of codes: `From 1 to 20`, `Up to 80 characters`."""
    found = [_span(schema.get("minimum"), schema.get("maximum"), "")]
    for key, word in (("exclusiveMinimum", "Over"), ("exclusiveMaximum", "Under")):
        if _is_number(schema.get(key)):
            found.append(f"{word} {dumps(schema[key])}")
    if _is_number(schema.get("multipleOf")) and schema["multipleOf"] != 1:
        found.append(f"In steps of {dumps(schema['multipleOf'])}")
    found.append(_span(schema.get("minLength") or None, schema.get("maxLength"), "character"))
    found.append(_span(schema.get("minItems") or None, schema.get("maxItems"), "item"))
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and re.fullmatch(rf"\S{{1,{SHOWN_PATTERN}}}", pattern):
        found.append(f"Pattern: {pattern}")
    return [part for part in found if part]


def _span(least: Any, most: Any, unit: str) -> str:
    low, high = (dumps(value) if _is_number(value) else "" for value in (least, most))
    ending = f" {unit}{'s' * ((high or low) != '1')}" if unit else ""
    if low and high:
        exactly = unit and low == high
        return f"{'Exactly ' if exactly else 'From '}{low}{'' if exactly else f' to {high}'}{ending}"
    return f"From {low}{ending}" if low else f"Up to {high}{ending}" if high else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def signature_of(name: str, parameters: list[Parameter], description: str = "") -> str:
    """A function in one line: `findPets(city, kind?: cat|dog, age?: integer, on?: date) - Find pets by city.`

    For models with little context. A parameter without a type is a string, and its name says what it is; what
    the function does is said, for names of functions often do not tell.
    """
    does = f" - {one_line(description)}" if description.strip() else ""
    return f"{name}({', '.join(map(_brief, parameters))}){does}"


def _brief(parameter: Parameter) -> str:
    schema, choices = _followed(parameter)
    choices = choices[:SHOWN_CHOICES]
    kind = type_text(schema, parameter.schema)
    if choices:
        listed = "|".join(_plain(c) if re.fullmatch(r"[\w .+/-]+", _plain(c)) else dumps(c) for c in choices)
        kind = {"string": listed, "Array[string]": f"Array[{listed}]"}.get(kind, f"{kind} {listed}")
    elif kind == "string":
        kind = schema["format"] if isinstance(schema.get("format"), str) else ""
    return f"{parameter.name}{'' if parameter.required else '?'}{kind and ': '}{kind}"


def _followed(parameter: Parameter) -> tuple[Json, list[Any]]:
    """The schema behind a parameter's reference, and the values it may take where they are listed."""
    schema = follow(parameter.schema, parameter.schema)
    return schema, schema.get("enum") or follow(schema.get("items"), parameter.schema).get("enum") or []


def type_text(schema: Any, root: Json) -> str:
    """The type of an argument, the types of an object's properties included."""
    return _shortened(_type, schema, root)


def _type(schema: Any, root: Json, depth: int, above: tuple[str, ...] = ()) -> str:
    schema, above, name = _entered(schema, root, above)
    if name:
        return name
    view = object_view(schema, root)
    if view is not None:
        if not view["properties"] or depth <= 0:
            return "Object"
        inner = [
            f"{key}: {'Required ' if key in view['required'] else ''}{_type(value, root, depth - 1, above)}"
            for key, value in view["properties"].items()
        ]
        return f"Object{{{', '.join(inner)}}}"
    if types_of(schema)[:1] == ["array"]:
        return f"Array[{_type(schema.get('items'), root, depth - 1, above) if depth > 0 else 'any'}]"
    alternatives = schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf")
    if alternatives and not types_of(schema) and depth > 0:
        return " or ".join(dict.fromkeys(_type(a, root, depth - 1, above) for a in alternatives))
    return " or ".join(types_of(schema)) or "any"


def output_of(operation: Operation) -> str:
    """The answer of a good call: what it is, its format and its structure."""
    _, description, media = operation.success()
    kind = media[0].type if media else ""
    structure = structure_of(media[0].schema, media[0].schema) if media and media[0].schema else ""
    lines = [f"Output: {description.rstrip('.')}.", f" - Format: {kind}", f" - Structure: {structure}"]
    return "\n".join(line.rstrip() for line in lines)


def structure_of(schema: Any, root: Json) -> str:
    """The structure of an output: `Object{a, b: Array[Object{c}]}`, scalar properties by name alone."""
    return _shortened(_structure, schema, root)


def _structure(schema: Any, root: Json, depth: int, above: tuple[str, ...] = ()) -> str:
    schema, above, name = _entered(schema, root, above)
    if name:
        return name
    view = object_view(schema, root)
    if view is not None:
        if not view["properties"] or depth <= 0:
            return "Object"
        inner = []
        for key, value in view["properties"].items():
            text = _structure(value, root, depth - 1, above)
            inner.append(f"{key}: {text}" if text.startswith(("Object", "Array", "#")) else key)
        return f"Object{{{', '.join(inner)}}}"
    if types_of(schema)[:1] == ["array"]:
        return f"Array[{_structure(schema.get('items'), root, depth - 1, above) if depth > 0 else 'any'}]"
    return _type(schema, root, depth, above)


def _entered(schema: Any, root: Json, above: tuple[str, ...]) -> tuple[Json, tuple[str, ...], str]:
    """A schema with its reference followed; the name alone where it stands inside itself."""
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    if not isinstance(reference, str):
        return follow(schema, root), above, ""
    if reference in above:
        return {}, above, f"#{reference.rsplit('/', 1)[-1]}"
    return follow(schema, root), (*above, reference), ""


def _shortened(text_of: Callable[[Any, Json, int], str], schema: Any, root: Json) -> str:
    """The text at the greatest depth at which it is not too long."""
    for depth in range(MAX_DEPTH, 0, -1):
        text = text_of(schema, root, depth)
        if len(text) <= MAX_STRUCTURE:
            return text
    return text_of(schema, root, 0)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value)
