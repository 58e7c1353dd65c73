"""Texts of an HTTP request as values, by a specification's styles: the counterpart of `request`'s writing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_plus

from toolalpaca.arguments import coerce
from toolalpaca.jsonschemas import Json, follow, object_view, types_of
from toolalpaca.spec import STYLED, Media


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
    """The pairs of a Cookie header."""
    pairs = (piece.strip().partition("=") for piece in text.split(";") if "=" in piece)
    return {unquote(name): unquote(value) for name, _, value in pairs}


def read_parameter(parameter: Json, reading: Reading) -> tuple[Any] | None:
    """A parameter's value as text, list or object of texts, in a tuple; None when it is not given.

    Raises:
        ValueError: the text cannot be read.
    """
    name, location, schema = parameter["name"], parameter["in"], parameter["schema"]
    kind = _kind(schema)
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
    pieces, style = [text], parameter.get("style", "simple")
    if location == "path" and style in ("label", "matrix"):
        text = text.removeprefix(".") if style == "label" else text.removeprefix(";")
        if style == "matrix" and not (explode and kind == "object"):
            text = ",".join(part.removeprefix(f"{name}=") for part in text.split(";"))
        separator = "." if style == "label" and explode else (";" if style == "matrix" and explode else ",")
        pieces = text.split(separator if kind != "array" or style == "label" else ",")
    elif kind in ("array", "object"):
        pieces = text.split(",")
    pieces = [_decoded(piece) if location == "path" else piece.strip() for piece in pieces]
    if kind == "array":
        return (pieces,)
    if kind == "object":
        return (_pairs(pieces, explode),)
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
        return (result,) if result else None
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
        return (_pairs(_split(values[-1], reading.raw.get(name, ""), ","), False),)
    return (_null(values[-1], schema),)


def raw_query(text: str) -> dict[str, str]:
    """The values of a query before percent-decoding, the last of each name."""
    pairs = (pair.partition("=") for pair in text.split("&"))
    return {unquote_plus(name): value for name, _, value in pairs}


def _split(text: str, raw: str, separator: str) -> list[str]:
    """Members of a joined value. A comma that stands as such separates, and then an encoded one does not."""
    if separator == "," and "," in raw:
        return [unquote_plus(piece) for piece in raw.split(",")]
    return text.split(separator)


def _members(texts: list[str], schema: Json) -> list[Any]:
    """The members of an array; those that are arrays or objects stand as JSON."""
    items = follow(schema, schema).get("items")
    items = {**items, "$defs": schema.get("$defs", {})} if isinstance(items, dict) else {}
    kinds = types_of(follow(items, items))
    if texts == [""] and kinds and "string" not in kinds:
        return []
    return list(texts) if _kind(items) == "primitive" else [json.loads(text) for text in texts]


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


def _kind(schema: Json) -> str:
    schema = follow(schema, schema)
    kinds = types_of(schema)
    if "array" in kinds or "object" in kinds:
        return "array" if "array" in kinds else "object"
    return "object" if not kinds and object_view(schema) else "primitive"


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
        if not message.is_multipart():
            raise ValueError("expected parts with the boundary of the Content-Type header")
        parts = []
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True) or b""
            parts.append((str(name), content.decode("utf-8", "replace")))
        return _parts(parts, media.schema)
    return body.decode("utf-8", "replace")


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
        kind, how = _kind(schema), media.encoding.get(name, {})
        if kind == "object" or (kind == "array" and "json" in str(how.get("contentType"))):
            result[name] = json.loads(texts[-1])
        else:
            result[name] = _members(texts, schema) if kind == "array" else texts[-1]
    return coerce(result, media.schema)


def _parts(parts: list[tuple[str, str]], schema: Json) -> Json:
    """The parts of a multipart form: an array is one part of JSON, or one part per item."""
    declared = _properties(schema)
    result: Json = {}
    for name in dict.fromkeys(name for name, _ in parts):
        own, texts = declared.get(name, {}), [text for key, text in parts if key == name]
        kind = _kind(own)
        if kind == "object" or (kind == "array" and len(texts) == 1 and texts[0].startswith("[")):
            result[name] = json.loads(texts[0])
        else:
            result[name] = _members(texts, own) if kind == "array" else texts[-1]
    return coerce(result, schema)
