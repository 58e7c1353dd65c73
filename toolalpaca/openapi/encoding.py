"""Values as the texts of an HTTP request, by a specification's styles.

Serialisation follows `style` and `explode` (OpenAPI 3.1.0, section 4.8.12) and RFC 3986 percent-encoding.
What no text can carry raises InvalidCall.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, quote_plus

from toolalpaca.files import dumps
from toolalpaca.openapi.arguments import show
from toolalpaca.openapi.jsonschemas import Json
from toolalpaca.openapi.spec import STYLED, Media, Operation

BOUNDARY = "toolalpaca-form-boundary"
# What `allowReserved` leaves as it is: of RFC 3986's reserved characters those that mean nothing to a query.
RESERVED = "!$'()*,/:;=?@"


class InvalidCall(Exception):
    """A call that must not be sent. `str()` is what the assistant reads.

    `kind` is unknown_function, not_an_object, missing_parameter, unknown_parameter, wrong_type,
    not_in_enum, bad_format, out_of_range or invalid_value; `parameter` is the argument at fault
    ("" for none).
    """

    def __init__(self, kind: str, parameter: str, message: str):
        super().__init__(message)
        self.kind, self.parameter, self.message = kind, parameter, message


def serialise_parameters(operation: Operation, arguments: Json) -> tuple[str, dict[str, str]]:
    """URL and headers that carry the (checked) arguments outside the body.

    Raises:
        InvalidCall: `bad_format`, for a value that cannot stand where it belongs.
    """
    path, query = path_template(operation.path)
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for parameter in operation.parameters:
        if parameter["name"] not in arguments:
            continue
        value, location = arguments[parameter["name"]], parameter["in"]
        if value is None and location != "path" and not parameter["json"]:
            continue
        if location == "path":
            path = path.replace("{" + parameter["name"] + "}", _path_text(parameter, value))
        elif location == "query":
            query += _query_pairs(parameter, value)
        elif location == "header":
            headers[parameter["name"]] = _header_text(parameter, value)
        else:
            # Exploded lists have no agreed form in cookies; joined ones do.
            cookies += _query_pairs({**parameter, "style": "form", "explode": False}, value)
    if cookies:
        headers["Cookie"] = "; ".join(cookies)
    return operation.server + path + ("?" + "&".join(query) if query else ""), headers


def path_template(path: str) -> tuple[str, list[str]]:
    """A path as it is written in a URL, its parameters in braces; and the query that some documents add."""
    path, _, query = path.partition("?")
    pieces = re.split(r"({[^{}]*})", path if path.startswith("/") else f"/{path}")
    written = [piece if piece.startswith("{") else quote(piece, safe="/:@!$&'()*+,;=~%") for piece in pieces]
    return "".join(written), [pair for pair in query.split("&") if pair]


def _text(value: Any) -> str:
    """A primitive as parameter text."""
    return value if isinstance(value, str) else dumps(value)


def _escape(value: Any, parameter: Json) -> str:
    return quote(_text(value), safe=RESERVED if parameter.get("allowReserved") is True else "")


def _pieces(parameter: Json, value: Any, escape: Any, equals: str = ",") -> list[str]:
    """An array's or object's members as escaped texts; an object's key and value joined by `equals`."""
    if isinstance(value, dict):
        return [f"{escape(k)}{equals}{escape(v)}" for k, v in value.items()]
    return [escape(v) for v in value] if isinstance(value, list) else [escape(value)]


def _path_text(parameter: Json, value: Any) -> str:
    name, style = parameter["name"], parameter.get("style", "simple")
    explode = parameter.get("explode") is True

    def escape(v: Any) -> str:
        return quote(_text(v), safe="")

    if parameter["json"]:
        return quote(dumps(value), safe="")
    members = _pieces(parameter, value, escape, "=" if explode else ",")
    if style == "label":
        if explode and isinstance(value, (list, dict)):
            members = _separable(name, members, ".", "path")
        text = "." + ("." if explode else ",").join(members)
    elif style == "matrix":
        if explode and isinstance(value, list):
            text = "".join(f";{name}={m}" for m in members)
        elif explode and isinstance(value, dict):
            text = "".join(f";{m}" for m in members)
        else:
            text = f";{name}={','.join(members)}"
    else:
        text = ",".join(members)
    if text in ("", ".", ".."):
        raise _unsendable(name, "text that can stand in a path", value)
    return text


def _separable(name: str, members: list[str], separator: str, place: str) -> list[str]:
    """Members that `separator` can join: none holds it.

    Raises:
        InvalidCall: `bad_format`; a member would be read as two.
    """
    for member in members:
        if separator in member:
            what = {"%20": "blank", "%7C": "|"}.get(separator, separator)
            raise _unsendable(name, f"members without {what!r}, which separates them in this {place}", member)
    return members


def _unsendable(name: str, expected: str, value: Any) -> InvalidCall:
    message = f"the parameter {name!r} is wrong: expected {expected}, got {show(value)}"
    return InvalidCall("bad_format", name, message)


def _query_pairs(parameter: Json, value: Any) -> list[str]:
    name = quote(parameter["name"], safe="[]")
    style = parameter.get("style", "form")
    explode = parameter.get("explode", style in ("form", "deepObject"))

    def escape(v: Any) -> str:
        return _escape(v, parameter)

    if parameter["json"]:
        return [f"{name}={quote(dumps(value), safe='')}"]
    if isinstance(value, dict):
        if style == "deepObject":
            return _deep(name, value, escape)
        if explode:
            return _pieces(parameter, value, escape, "=")
        return [f"{name}={','.join(_pieces(parameter, value, escape))}"]
    if isinstance(value, list):
        if explode:
            return [f"{name}={escape(v)}" for v in value]
        joint = {"spaceDelimited": "%20", "pipeDelimited": "%7C"}.get(style, ",")
        members = _separable(parameter["name"], [escape(v) for v in value], joint, "query")
        return [f"{name}={joint.join(members)}"]
    return [f"{name}={escape(value)}"]


def _deep(name: str, value: Any, escape: Any) -> list[str]:
    if isinstance(value, dict):
        inner = ((f"{name}[{quote(str(k), safe='')}]", v) for k, v in value.items())
        return [pair for key, v in inner for pair in _deep(key, v, escape)]
    if isinstance(value, list):
        return [f"{name}={escape(v)}" for v in value]
    return [f"{name}={escape(value)}"]


def _header_text(parameter: Json, value: Any) -> str:
    explode = parameter.get("explode") is True
    if not parameter["json"] and isinstance(value, (list, dict)):
        texts = [*map(_text, [*value, *value.values()] if isinstance(value, dict) else value)]
        _separable(parameter["name"], texts, ",", "header")
    members = _pieces(parameter, value, _text, "=" if explode else ",")
    text = dumps(value) if parameter["json"] else ",".join(members)
    # RFC 9110, section 5.5: a field's text may hold tabs, but not begin or end with white space
    if not text.isascii() or not (text.replace("\t", " ").isprintable() and text == text.strip()):
        raise _unsendable(parameter["name"], "printable ASCII text for a header", value)
    return text


def is_form(media: Media) -> bool:
    """Whether a body is made of fields of text."""
    return "x-www-form-urlencoded" in media.type or media.type.startswith("multipart/")


def encode_body(media: Media, value: Any) -> tuple[str, str]:
    """Content type and text of a body.

    Raises:
        InvalidCall: `invalid_value`, for an object or array in a type that is neither JSON nor a form.
    """
    kind = media.type if "*" not in media.type else "application/json"
    if "x-www-form-urlencoded" in kind and isinstance(value, dict):
        return kind, "&".join(pair for k, v in value.items() for pair in _form_pairs(media, k, v))
    if kind.startswith("multipart/") and isinstance(value, dict):
        parts = []
        boundary = BOUNDARY
        while any(boundary in _text(v) for v in value.values()):
            boundary += "0"
        for k, v in value.items():
            name = quote(k, safe=" !#$&'()*+,-./:;=?@[]^_`{|}~")
            is_text = not isinstance(v, (dict, list))
            header = "" if is_text else "Content-Type: application/json\r\n"
            parts.append(
                f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n{header}\r\n{_text(v)}\r\n'
            )
        return f"{kind}; boundary={boundary}", "".join(parts) + f"--{boundary}--\r\n"
    if "json" in kind:
        return kind, dumps(value)
    if isinstance(value, (dict, list)):
        told = "only JSON and forms are written from arguments, and a text as it is"
        raise InvalidCall("invalid_value", "", f"the body must be {kind}, which cannot be sent: {told}")
    return kind, _text(value)


def _form_pairs(media: Media, name: str, value: Any) -> list[str]:
    """A form field: by its Encoding Object's style, else a list as one pair per item, an object as JSON."""
    how = media.encoding.get(name, {})
    if how.keys() & STYLED:
        return _query_pairs({**how, "name": name, "json": False}, value)
    items = value if isinstance(value, list) and "json" not in str(how.get("contentType")) else [value]
    return [f"{quote_plus(name)}={quote_plus(_text(item))}" for item in items]
