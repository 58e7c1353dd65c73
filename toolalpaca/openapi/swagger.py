"""Swagger 2.0 documents as OpenAPI 3.0 (the Swagger 2.0 specification; OpenAPI 3.0.3, section 4).

Bodies and form fields become request bodies, `host`, `basePath` and `schemes` servers, `definitions` schemas,
`consumes` and `produces` media types, `collectionFormat` styles. No kept library in Python does this.
"""

from __future__ import annotations

from typing import Any

from toolalpaca.openapi.mending import METHODS, target

Json = dict[str, Any]
FORM, MULTIPART, JSON_TYPE = "application/x-www-form-urlencoded", "multipart/form-data", "application/json"
REFERENCES = {
    "#/definitions/": "#/components/schemas/",
    "#/responses/": "#/components/responses/",
}
FLOWS = {
    "implicit": "implicit",
    "password": "password",
    "application": "clientCredentials",
    "accessCode": "authorizationCode",
}
# Keys of a parameter, a header or an item that describe its value.
VALUE_KEYS = (
    "type", "format", "items", "default", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
    "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "enum", "multipleOf",
)  # fmt: skip
KEPT = ("name", "in", "description", "required", "allowEmptyValue", "deprecated")


def to_openapi(document: Json) -> Json:
    """The same API as an OpenAPI 3.0.3 document; what cannot be said there is left out."""
    converted: Json = {"openapi": "3.0.3"}
    for key in ("info", "tags", "externalDocs", "security"):
        if key in document:
            converted[key] = document[key]
    converted |= {key: value for key, value in document.items() if key.startswith("x-")}
    converted["servers"] = _servers(document)
    paths = _object(document.get("paths"))
    converted["paths"] = {path: _path(document, _object(item)) for path, item in paths.items()}
    responses = _object(document.get("responses"))
    components = {
        "schemas": {name: _schema(schema) for name, schema in _object(document.get("definitions")).items()},
        "responses": {name: _response(document, {}, _object(node)) for name, node in responses.items()},
        "securitySchemes": {
            name: _security(_object(scheme))
            for name, scheme in _object(document.get("securityDefinitions")).items()
        },
    }
    converted["components"] = {kind: group for kind, group in components.items() if group}
    return converted


def _object(node: Any) -> Json:
    return node if isinstance(node, dict) else {}


def _texts(node: Any) -> list[str]:
    return [text for text in node if isinstance(text, str)] if isinstance(node, list) else []


def _servers(document: Json) -> list[Json]:
    base = str(document.get("basePath") or "").rstrip("/")
    host = document.get("host")
    if not host:
        return [{"url": base or "/"}]
    schemes = sorted(_texts(document.get("schemes")), key=lambda scheme: scheme != "https")
    return [{"url": f"{scheme}://{host}{base}"} for scheme in schemes or ["https"]]


def _path(document: Json, item: Json) -> Json:
    if "$ref" in item:
        item = {**target(document, item), **{k: v for k, v in item.items() if k != "$ref"}}
    shared = _parameters(document, item)
    converted = {key: value for key, value in item.items() if key not in (*METHODS, "parameters")}
    for method in METHODS:
        if isinstance(item.get(method), dict):
            converted[method] = _operation(document, item[method], shared)
    return converted


def _parameters(document: Json, holder: Json) -> list[Json]:
    """The parameters of a path or an operation, references followed: a body is no parameter any more."""
    raw = holder.get("parameters")
    return [_object(target(document, node)) for node in raw] if isinstance(raw, list) else []


def _operation(document: Json, node: Json, shared: list[Json]) -> Json:
    own = _parameters(document, node)
    taken = {(p.get("name"), p.get("in")) for p in own}
    parameters = [p for p in shared if (p.get("name"), p.get("in")) not in taken] + own
    left = ("parameters", "consumes", "produces", "schemes", "responses")
    converted = {key: value for key, value in node.items() if key not in left}
    plain = [p for p in parameters if p.get("in") not in ("body", "formData")]
    if plain:
        converted["parameters"] = [_parameter(p) for p in plain]
    consumes = _texts(node.get("consumes")) or _texts(document.get("consumes"))
    body = next((p for p in parameters if p.get("in") == "body"), None)
    fields = [p for p in parameters if p.get("in") == "formData"]
    if body is not None:
        converted["requestBody"] = _body(body, consumes)
    elif fields:
        converted["requestBody"] = _form(fields, consumes)
    if schemes := _texts(node.get("schemes")):
        converted["servers"] = _servers({**document, "schemes": schemes})
    responses = _object(node.get("responses"))
    converted["responses"] = {
        status: response if status.startswith("x-") else _response(document, node, _object(response))
        for status, response in responses.items()
    }
    return converted


def _parameter(node: Json) -> Json:
    converted = {key: node[key] for key in KEPT if key in node}
    converted |= {key: value for key, value in node.items() if key.startswith("x-")}
    return {**converted, "schema": _value(node), **_style(node)}


def _style(node: Json) -> Json:
    """How an array is written: `collectionFormat` (csv where it says nothing) as style and explode."""
    if node.get("type") != "array":
        return {}
    form = node.get("collectionFormat", "csv")
    if node.get("in") in ("path", "header"):
        return {"style": "simple"}
    if form in ("ssv", "pipes"):
        return {"style": "spaceDelimited" if form == "ssv" else "pipeDelimited", "explode": False}
    return {"style": "form", "explode": form == "multi"}  # tab-separated values have no counterpart


def _value(node: Json) -> Json:
    """The schema of a parameter, a header or an item, whose type stands beside its name."""
    return _schema({key: node[key] for key in VALUE_KEYS if key in node})


def _body(node: Json, consumes: list[str]) -> Json:
    schema = _schema(node.get("schema", {}))
    types = [kind for kind in consumes if kind not in (FORM, MULTIPART)] or consumes or [JSON_TYPE]
    described = {"description": node["description"]} if "description" in node else {}
    content = {kind: {"schema": schema} for kind in types}
    return {**described, "content": content, "required": node.get("required") is True}


def _form(fields: list[Json], consumes: list[str]) -> Json:
    files = any(field.get("type") == "file" for field in fields)
    kind = MULTIPART if files or (MULTIPART in consumes and FORM not in consumes) else FORM
    properties = {}
    for field in fields:
        described = {"description": field["description"]} if "description" in field else {}
        properties[str(field.get("name", ""))] = {**_value(field), **described}
    required = [str(field["name"]) for field in fields if field.get("required") is True and "name" in field]
    schema: Json = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    media: Json = {"schema": schema}
    if kind == FORM and (styled := {str(f.get("name", "")): _style(f) for f in fields if _style(f)}):
        media["encoding"] = styled
    return {"content": {kind: media}, "required": bool(required)}


def _response(document: Json, operation: Json, node: Json) -> Json:
    if isinstance(node.get("$ref"), str):
        return {"$ref": _reference(node["$ref"])}
    converted: Json = {"description": str(node.get("description") or "")}
    if isinstance(node.get("headers"), dict):
        converted["headers"] = {
            name: {
                **({"description": header["description"]} if "description" in header else {}),
                "schema": _value(header),
            }
            for name, header in node["headers"].items()
            if isinstance(header, dict)
        }
    if "schema" in node:
        examples = _object(node.get("examples"))
        types = _texts(operation.get("produces")) or _texts(document.get("produces")) or [JSON_TYPE]
        schema = _schema(node["schema"])
        converted["content"] = {
            kind: {"schema": schema, **({"example": examples[kind]} if kind in examples else {})}
            for kind in types
        }
    return converted


def _reference(reference: str) -> str:
    for old, new in REFERENCES.items():
        if reference.startswith(old):
            return new + reference.removeprefix(old)
    return reference


def _schema(node: Any) -> Any:
    """A schema with its references redirected; only keys that hold schemas are entered."""
    if not isinstance(node, dict):
        return node
    converted = dict(node)
    if isinstance(node.get("$ref"), str):
        converted["$ref"] = _reference(node["$ref"])
    if node.get("type") == "file":
        converted |= {"type": "string", "format": "binary"}
    if isinstance(node.get("discriminator"), str):
        converted["discriminator"] = {"propertyName": node["discriminator"]}
    if node.get("x-nullable") is True:
        converted["nullable"] = True
    for key in ("properties", "definitions"):
        if isinstance(node.get(key), dict):
            converted[key] = {name: _schema(value) for name, value in node[key].items()}
    for key in ("items", "additionalProperties", "not"):
        if isinstance(node.get(key), dict):
            converted[key] = _schema(node[key])
    for key in ("allOf", "anyOf", "oneOf"):
        if isinstance(node.get(key), list):
            converted[key] = [_schema(value) for value in node[key]]
    return converted


def _security(scheme: Json) -> Json:
    kind = scheme.get("type")
    described = {"description": scheme["description"]} if "description" in scheme else {}
    if kind == "basic":
        return {"type": "http", "scheme": "basic", **described}
    if kind != "oauth2":
        return dict(scheme)
    flow = {key: scheme[key] for key in ("authorizationUrl", "tokenUrl", "scopes") if key in scheme}
    name = FLOWS.get(str(scheme.get("flow")), "implicit")
    return {"type": "oauth2", "flows": {name: {"scopes": {}, **flow}}, **described}
