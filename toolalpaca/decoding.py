"""Texts of an HTTP request as values, by a specification's styles: the counterpart of `request`'s writing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, unquote

from toolalpaca.arguments import coerce
from toolalpaca.jsonschemas import Json, follow, object_view, types_of
from toolalpaca.spec import Media


@dataclass
class Reading:
    """What a request says outside its body; `used` and `errors` grow while it is read."""

    query: list[tuple[str, str]]
    headers: dict[str, str]
    cookies: dict[str, str]
    path: dict[str, str]
    declared: set[str]
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
        return (values[-1].split(separator),)
    if kind == "array":
        return (values,)
    if len(values) > 1:
        raise ValueError(f"expected one value, got {len(values)}")
    if kind == "object":
        return (_pairs(values[-1].split(","), False),)
    return (_null(values[-1], schema),)


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
        return _form(parse_qsl(body.decode("utf-8"), keep_blank_values=True), media.schema)
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
        return _form(parts, media.schema)
    return body.decode("utf-8", "replace")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _form(pairs: list[tuple[str, str]], schema: Json) -> Json:
    view = object_view(schema) or {"properties": {}}
    result: Json = {}
    for name, text in pairs:
        declared = view["properties"].get(name, {})
        if _kind(declared if isinstance(declared, dict) else {}) == "array" and not text.startswith("["):
            result.setdefault(name, []).append(text)
        elif _kind(declared if isinstance(declared, dict) else {}) in ("array", "object"):
            result[name] = json.loads(text)
        else:
            result[name] = text
    return coerce(result, schema)
