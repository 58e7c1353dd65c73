"""Mends what published OpenAPI documents get wrong, so that one loader can read them all."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

Json = dict[str, Any]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

DATA = ("example", "examples", "default", "enum", "const", "value")  # keys under which anything may stand
NAMED = (  # maps by free names, which may be those of keywords
    "properties", "patternProperties", "dependentSchemas", "$defs", "schemas", "responses", "headers",
    "content", "paths", "callbacks", "parameters", "requestBodies", "links", "pathItems",
)  # fmt: skip


def mend(document: Json) -> tuple[Json, list[str]]:
    """A copy of a document in which every operation can be read, and what had to be changed.

    Paths that slipped into another path and components that slipped under `paths` (a matter of
    indentation) are moved out; references that lead nowhere or elsewhere become empty objects; missing
    or repeated operationIds and undeclared path parameters are filled in.
    """
    document = copy.deepcopy(document)
    warnings: list[str] = []
    if not isinstance(document.get("paths"), dict):
        warnings.append("paths is missing or no object")
        document["paths"] = {}
    if not isinstance(document.get("components", {}), dict):
        warnings.append("components is no object; it is left out")
        del document["components"]
    _move(document, warnings)
    _drop_references(document, warnings)
    _cut_endless(document, warnings)
    _unshare(document)
    names: set[str] = set()
    for path, item in document["paths"].items():
        for method in METHODS:
            if isinstance(item.get(method), dict):
                where = f"{method.upper()} {path}"
                _name(item[method], where, path, method, names, warnings)
                _path_parameters(document, item, item[method], where, path, warnings)
                _swagger_habits(document, item, item[method], where, warnings)
    return document, list(dict.fromkeys(warnings))


def _unshare(document: Json) -> None:
    """Give every path an item of its own: two may share one by reference, or add operations beside it."""
    shared = {path: item for path, item in document["paths"].items() if isinstance(item.get("$ref"), str)}
    for path, item in shared.items():
        beside = {key: value for key, value in item.items() if key != "$ref"}
        document["paths"][path] = copy.deepcopy({**target(document, item), **beside})


def _swagger_habits(document: Json, item: Json, node: Json, where: str, warnings: list[str]) -> None:
    """Put types where OpenAPI 3 wants them: under `schema` in parameters, under `content` in responses."""
    for raw in [*item.get("parameters", []), *node.get("parameters", [])]:
        parameter = target(document, raw)
        if "type" in parameter and "schema" not in parameter and "content" not in parameter:
            keys = [k for k in ("type", "format", "enum", "items", "default") if k in parameter]
            parameter["schema"] = {key: parameter.pop(key) for key in keys}
            warnings.append(f"{where}: the type of parameter {parameter.get('name')!r} is not under schema")
    responses = node.get("responses")
    for status, raw in responses.items() if isinstance(responses, dict) else ():
        response = target(document, raw)
        if "schema" in response and "content" not in response:
            response["content"] = {"application/json": {"schema": response.pop("schema")}}
            warnings.append(f"{where}: the schema of response {status} is not under content")


def target(document: Json, node: Any) -> Json:
    """What stands behind an object's chain of references; {} where it breaks."""
    seen: set[str] = set()
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        if node["$ref"] in seen:
            return {}
        seen.add(node["$ref"])
        _, node = descend(document, node["$ref"])
    return node if isinstance(node, dict) else {}


def descend(node: Any, reference: str) -> tuple[bool, Any]:
    """Whether a local reference leads somewhere below a document, and what stands there."""
    if not reference.startswith("#"):
        return False, None
    for raw in reference[1:].split("/")[1:]:
        part = unquote(raw).replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        elif isinstance(node, dict) and part in node:
            node = node[part]
        else:
            return False, None
    return True, node


def _move(document: Json, warnings: list[str]) -> None:
    paths: Json = {}
    for path, item in document["paths"].items():
        if path == "components" and isinstance(item, dict) and "get" not in item:
            warnings.append("components stands under paths; it is read from there")
            for kind, group in item.items():
                mine = document.setdefault("components", {}).setdefault(kind, {})
                if isinstance(group, dict) and isinstance(mine, dict):
                    document["components"][kind] = {**group, **mine}
            continue
        if path.startswith("x-"):
            continue
        slashed = path if path.startswith("/") else f"/{path}"
        if slashed != path:
            warnings.append(f"path {path!r} does not begin with a slash")
        if not isinstance(item, dict):
            warnings.append(f"path {path!r} is no object; it is left out")
            continue
        inner = {key: value for key, value in item.items() if key.startswith("/")}
        paths[slashed] = {key: value for key, value in item.items() if key not in inner}
        for key, value in inner.items():
            warnings.append(f"path {key!r} stands inside {path!r}; it is read as a path of its own")
            if isinstance(value, dict) and key not in document["paths"]:
                paths[key] = value
    document["paths"] = paths


def objects(document: Json) -> Iterator[tuple[Json, str]]:
    """Every object of a document that means something to OpenAPI, with its place; no example data."""
    stack: list[tuple[Any, str, bool]] = [(document, "", False)]
    while stack:
        node, place, named = stack.pop()
        if isinstance(node, list):
            stack.extend((value, f"{place}/{i}", False) for i, value in enumerate(node))
        elif isinstance(node, dict):
            yield node, place
            for key, value in node.items():
                if named or key not in DATA:
                    stack.append((value, f"{place}/{key.replace('/', '~1')}", not named and key in NAMED))


def _drop_references(document: Json, warnings: list[str]) -> None:
    for node, _ in objects(document):
        reference = node.get("$ref")
        if isinstance(reference, str) and not descend(document, reference)[0]:
            kind = "points to nothing" if reference.startswith("#") else "is remote and never fetched"
            warnings.append(f"$ref {reference!r} {kind}; it is left out")
            del node["$ref"]


def _cut_endless(document: Json, warnings: list[str]) -> None:
    """Take out references by which a schema is or requires itself: no value could be checked or made."""
    references = {node["$ref"] for node, _ in objects(document) if isinstance(node.get("$ref"), str)}
    for edges in (_in_place, _unavoidable):
        _cut(document, sorted(references), edges, warnings)


def _cut(
    document: Json, references: list[str], edges: Callable[[Any], Iterator[Json]], warnings: list[str]
) -> None:
    """Take out the edges that close a circle: those to a reference that is still being walked through."""
    inside = {reference: list(edges(descend(document, reference)[1])) for reference in references}
    done: set[str] = set()
    for start in references:
        walk = {} if start in done else {start: iter(inside[start])}
        while walk:
            here = next(reversed(walk))
            node = next(walk[here], None)
            reference = node.get("$ref") if node is not None else None
            if node is None:
                del walk[here]
                done.add(here)
            elif reference in walk:
                warnings.append(f"$ref {reference!r} leads back to itself without an end; it is left out")
                del node["$ref"]
            elif reference in inside and reference not in done:
                walk[reference] = iter(inside[reference])


def _in_place(node: Any) -> Iterator[Json]:
    """The references of a schema that apply to the very value it applies to."""
    if not isinstance(node, dict):
        return
    if isinstance(node.get("$ref"), str):
        yield node
    for key in ("allOf", "oneOf", "anyOf"):
        for part in node[key] if isinstance(node.get(key), list) else ():
            yield from _in_place(part)
    for key in ("not", "if", "then", "else"):
        yield from _in_place(node.get(key))


def _unavoidable(node: Any) -> Iterator[Json]:
    """The references of a schema that any value of it must hold a value of."""
    if not isinstance(node, dict) or node.get("nullable") is True or "null" in _listed(node.get("type")):
        return
    if isinstance(node.get("$ref"), str):
        yield node
    for part in _listed(node.get("allOf")):
        yield from _unavoidable(part)
    properties = node.get("properties")
    for name in _listed(node.get("required")):
        if isinstance(properties, dict) and isinstance(name, str):
            yield from _unavoidable(properties.get(name))
    if isinstance(node.get("minItems"), int) and node["minItems"] > 0:
        yield from _unavoidable(node.get("items"))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _name(node: Json, where: str, path: str, method: str, names: set[str], warnings: list[str]) -> None:
    name = node.get("operationId")
    if not isinstance(name, str) or not name.strip():
        name = "_".join([part for part in re.split(r"[/{}\s]+", path) if part] + [method])
        warnings.append(f"{where} has no operationId; it is named {name!r}")
    name = re.sub(r"\s+", "_", name.strip())
    if name in names:
        taken = name
        name = next(f"{taken}_{n}" for n in range(2, len(names) + 3) if f"{taken}_{n}" not in names)
        warnings.append(f"{where}: operationId {taken!r} is taken; it is named {name!r}")
    names.add(name)
    node["operationId"] = name


def _path_parameters(
    document: Json, item: Json, node: Json, where: str, path: str, warnings: list[str]
) -> None:
    declared = set()
    for holder in (item, node):
        if not isinstance(holder.get("parameters", []), list):
            warnings.append(f"{where}: parameters is no list; it is left out")
            del holder["parameters"]
        for raw in holder.get("parameters", []):
            parameter = target(document, raw)
            if parameter.get("in") == "path" and isinstance(parameter.get("name"), str):
                declared.add(parameter["name"])
                if parameter.get("required") is not True:
                    warnings.append(f"{where}: path parameter {parameter['name']!r} is not marked required")
                    parameter["required"] = True
    for name in dict.fromkeys(re.findall(r"{([^{}]+)}", path)):
        if name not in declared:
            warnings.append(f"{where}: path parameter {name!r} is not declared; it is taken as a string")
            added = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            node["parameters"] = [*node.get("parameters", []), added]
