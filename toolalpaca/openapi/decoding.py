"""Texts of an HTTP request as values, by a specification's styles: the counterpart of encoding.py."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_plus

from toolalpaca.openapi.arguments import accepts, coerce
from toolalpaca.openapi.jsonschemas import Json, follow, object_view, types_of
from toolalpaca.openapi.spec import STYLED, Media


@dataclass
class Reading:
    """What a request says outside its body; `used` and `errors` grow while it is read."""

    query: list[tuple[str, str]]
    headers: dict[str, str]
    cookies: dict[str, str]
    path: dict[str, str]
    declared: set[str]
    raw: dict[str, str] = field(default_factory=dict)  # query values as they came, the last of each name
    used: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)


def read_cookies(text: str) -> dict[str, str]:
    """The pairs of a Cookie header, the values as they are written."""
    pairs = (piece.strip().partition("=") for piece in text.split(";") if "=" in piece)
    return {unquote(name): value for name, _, value in pairs}


def read_parameter(parameter: Json, reading: Reading) -> tuple[Any] | None:
    """A parameter's value as text, list or object of texts, in a tuple; None when it is not given.

    Raises:
        ValueError: the text cannot be read.
    """
    return _fitting(parameter["schema"], lambda kind: _read_as(parameter, kind, reading))


def _fitting(schema: Json, read: Callable[[str], tuple[Any] | None]) -> tuple[Any] | None:
    """What is read as the first kind of the schema's whose value it takes; else as the first of all.

    A text alone does not say which of several alternatives it was: `p=a` is "a" and ["a"].
    """
    kinds = _kinds(schema)
    found: list[tuple[Any]] = []
    problems: list[ValueError] = []
    for kind in kinds:
        try:
            value = read(kind)
        except ValueError as error:
            problems.append(error)
            continue
        if value is not None:
            if len(kinds) == 1 or accepts(schema, coerce(value[0], schema)):
                return value
            found.append(value)
    if problems and not found:
        raise problems[0]
    return found[0] if found else None


def _read_as(parameter: Json, kind: str, reading: Reading) -> tuple[Any] | None:
    name, location, schema = parameter["name"], parameter["in"], parameter["schema"]
    if location == "query":
        values = [value for key, value in reading.query if key == name]
        if any("\udc80" <= c <= "\udcff" for value in values for c in value):
            raise ValueError("expected text in UTF-8")
        if parameter["json"]:
            return (json.loads(values[-1]),) if values else None
        return _read_query(parameter, kind, values, reading)
    source: Mapping[str, str] = {
        "path": reading.path, "cookie": reading.cookies, "header": reading.headers,
    }[location]  # fmt: skip
    text = source.get(name.lower() if location == "header" else name)
    if text is None:
        return None
    if parameter["json"]:
        return (json.loads(unquote(text)),)
    explode = parameter.get("explode") is True and location != "cookie"
    pieces, style = text.split(","), parameter.get("style", "simple")
    if location == "cookie":
        text, pieces = unquote(text), _split(unquote(text), text, ",", unquote)
    elif location == "path" and style in ("label", "matrix"):
        text = text.removeprefix(".") if style == "label" else text.removeprefix(";")
        if style == "matrix" and not (explode and kind == "object"):
            text = ",".join(part.removeprefix(f"{name}=") for part in text.split(";"))
        separator = "." if style == "label" and explode else (";" if style == "matrix" and explode else ",")
        pieces = text.split(separator if kind != "array" or style == "label" else ",")
    pieces = [_decoded(piece) if location == "path" else piece.strip() for piece in pieces]
    if kind == "array":
        return (pieces,)
    if kind == "object":
        return (_entries(_pairs(pieces, explode), schema),)
    return (_null(_decoded(text) if location == "path" else text, schema),)


def _read_query(parameter: Json, kind: str, values: list[str], reading: Reading) -> tuple[Any] | None:
    name, schema = parameter["name"], parameter["schema"]
    style = parameter.get("style", "form")
    explode = parameter.get("explode", style in ("form", "deepObject"))
    if kind == "object" and (style == "deepObject" or explode):
        view = object_view(schema) or {"properties": {}, "additional": None}
        free = not view["properties"] or view["additional"] is not None
        result: Json = {}
        for key, value in reading.query:
            if style == "deepObject" and key.startswith(name + "["):
                reading.used.add(key)
                _set_deep(result, re.findall(r"\[([^\]]*)\]", key[len(name) :]), value)
            elif style != "deepObject" and (
                key in view["properties"] or (free and key not in reading.declared)
            ):
                reading.used.add(key)
                result[key] = value
        return (_entries(result, schema),) if result else None
    if not values:
        return None
    if kind == "array" and not explode:
        separator = {"spaceDelimited": " ", "pipeDelimited": "|"}.get(style, ",")
        return (_members(_split(values[-1], reading.raw.get(name, ""), separator), schema),)
    if kind == "array":
        return (_members(values, schema),)
    if len(values) > 1:
        raise ValueError(f"expected one value, got {len(values)}")
    if kind == "object":
        pairs = _pairs(_split(values[-1], reading.raw.get(name, ""), ","), False)
        return (_entries(pairs, schema),)
    return (_null(values[-1], schema),)


def raw_query(text: str) -> dict[str, str]:
    """The values of a query before percent-decoding, the last of each name."""
    pairs = (pair.partition("=") for pair in text.split("&"))
    return {unquote_plus(name): value for name, _, value in pairs}


def _split(text: str, raw: str, separator: str, decode: Callable[[str], str] = unquote_plus) -> list[str]:
    """Members of a joined value. A comma that stands as such separates, and then an encoded one does not."""
    if separator == "," and "," in raw:
        return [decode(piece) for piece in raw.split(",")]
    return text.split(separator)


def _members(texts: list[str], schema: Json) -> list[Any]:
    """The members of an array; those that are arrays or objects stand as JSON."""
    items = _items(schema, schema)
    items = {**items, "$defs": schema.get("$defs", {})} if isinstance(items, dict) else {}
    kinds = types_of(follow(items, items))
    if texts == [""] and kinds and "string" not in kinds:
        return []
    return [_member(text, items) for text in texts]


def _items(schema: Json, root: Json) -> Any:
    """The schema of an array's members, that of an alternative where there are several."""
    schema = follow(schema, root)
    branches = [*schema.get("oneOf", []), *schema.get("anyOf", []), *schema.get("allOf", [])]
    return schema.get("items") or next((i for branch in branches if (i := _items(branch, root))), None)


def _member(text: str, schema: Json) -> Any:
    kinds = _kinds(schema)
    if kinds == ["primitive"] or ("primitive" in kinds and text[:1] not in ("[", "{")):
        return text
    return json.loads(text)


def _entries(value: Json, schema: Json) -> Json:
    """An object of texts with its inner arrays and objects; one text of an array is its member, or JSON."""
    declared = _properties(schema)
    result: Json = {}
    for name, text in value.items():
        own = declared.get(name, {})
        kinds = _kinds(own)
        if isinstance(text, dict):
            result[name] = _entries(text, own)
        elif isinstance(text, list):
            result[name] = _members(text, own)
        elif "array" in kinds and "primitive" not in kinds and text[:1] != "[":
            result[name] = _members([text], own)
        else:
            result[name] = _member(text, own)
    return result


def _set_deep(target: Json, keys: list[str], value: str) -> None:
    for key in keys[:-1]:
        target = target.setdefault(key, {})
        if not isinstance(target, dict):
            return
    if keys:
        last = keys[-1]
        if last not in target:
            target[last] = value
        else:
            before = target[last]
            target[last] = [*(before if isinstance(before, list) else [before]), value]


def _pairs(pieces: list[str], explode: bool) -> Json:
    if explode:
        return {key: value for key, _, value in (piece.partition("=") for piece in pieces)}
    if len(pieces) % 2:
        raise ValueError("expected name and value in turn, separated by commas")
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("expected percent-encoded UTF-8") from None


def _kinds(schema: Json, root: Json | None = None) -> list[str]:
    """What values of a schema may be: primitive, array, object, in this order."""
    root = schema if root is None else root
    schema = follow(schema, root)
    found = {k if k in ("array", "object") else "primitive" for k in types_of(schema) if k != "null"}
    if not types_of(schema):
        for branch in [*schema.get("oneOf", []), *schema.get("anyOf", [])]:
            found |= {*_kinds(branch, root)} if types_of(follow(branch, root)) != ["null"] else set()
        if not found and object_view(schema, root):
            found = {"object"}
    return [kind for kind in ("primitive", "array", "object") if kind in found] or ["primitive"]


def _null(text: str, schema: Json) -> str | None:
    kinds = types_of(schema)
    return None if text in ("null", "") and "null" in kinds and "string" not in kinds else text


def read_body(media: Media, content_type: str, body: bytes) -> Any:
    """A body's value.

    Raises:
        ValueError: it is not of the media type.
    """
    if "json" in media.type or "*" in media.type:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    if "x-www-form-urlencoded" in media.type:
        return _form_fields(body.decode("utf-8"), media)
    if media.type.startswith("multipart/"):
        head = f"Content-Type: {content_type}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + body)
        boundary = message.get_boundary()
        if boundary and body.strip() == f"--{boundary}--".encode():  # a form without a field
            return _parts([], media.schema)
        if not message.is_multipart():
            raise ValueError("expected parts with the boundary of the Content-Type header")
        parts = []
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True) or b""
            parts.append((str(name), content.decode("utf-8", "replace")))
        return _parts(parts, media.schema)
    return coerce(body.decode("utf-8", "replace"), media.schema)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _properties(schema: Json) -> dict[str, Json]:
    """The schemas of a form's fields, each with the definitions that it may refer to."""
    view = object_view(schema) or {"properties": {}}
    shared = {"$defs": schema.get("$defs", {})}
    return {k: {**v, **shared} if isinstance(v, dict) else {} for k, v in view["properties"].items()}


def _form_fields(text: str, media: Media) -> Json:
    """The fields of a URL-encoded form, the counterpart of `request.encode_body`."""
    pairs = parse_qsl(text, keep_blank_values=True)
    declared = _properties(media.schema)
    styled = {name: how for name, how in media.encoding.items() if how.keys() & STYLED}
    reading = Reading(pairs, {}, {}, {}, declared.keys() - styled.keys(), raw_query(text))
    result: Json = {}
    for name, how in styled.items():
        schema = declared.get(name, {})
        value = read_parameter({**how, "name": name, "in": "query", "json": False, "schema": schema}, reading)
        if value is not None:
            result[name] = value[0]
    for name in dict.fromkeys(name for name, _ in pairs if name not in reading.used | result.keys()):
        schema, texts = declared.get(name, {}), [value for key, value in pairs if key == name]
        as_json = "json" in str(media.encoding.get(name, {}).get("contentType"))
        read = functools.partial(_read_field, texts, schema, as_json)
        result[name] = _fitting(schema, read)[0]
    return coerce(result, media.schema)


def _parts(parts: list[tuple[str, str]], schema: Json) -> Json:
    """The parts of a multipart form: an array is one part of JSON, or one part per item."""
    declared = _properties(schema)
    result: Json = {}
    for name in dict.fromkeys(name for name, _ in parts):
        own, texts = declared.get(name, {}), [text for key, text in parts if key == name]
        as_json = len(texts) == 1 and texts[0].startswith("[")
        result[name] = _fitting(own, functools.partial(_read_field, texts, own, as_json))[0]
    return coerce(result, schema)


def _read_field(texts: list[str], schema: Json, as_json: bool, kind: str) -> tuple[Any]:
    """The value of a form's field. `as_json`: its array is one text."""
    if kind == "object" or (kind == "array" and as_json):
        return (json.loads(texts[-1]),)
    if kind == "array":
        return (_members(texts, schema),)
    if len(texts) > 1 and "array" in _kinds(schema):
        raise ValueError(f"expected one value, got {len(texts)}")
    return (texts[-1],)
