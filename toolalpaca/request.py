"""A call's arguments as an HTTP request, checked against the specification (OpenAPI 3.0 and 3.1).

Serialisation follows the specification's `style` and `explode` (OpenAPI 3.1.0, section 4.8.12) and
RFC 3986 percent-encoding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

from toolalpaca.arguments import Mismatch, check, complaints, show
from toolalpaca.documentation import body_parameters, describe, parameters_of
from toolalpaca.files import dumps
from toolalpaca.jsonschemas import Json, object_view
from toolalpaca.schema import Parameter, Tool
from toolalpaca.spec import STYLED, Media, Operation, Spec, load_spec

BOUNDARY = "toolalpaca-form-boundary"
# What `allowReserved` leaves as it is: of RFC 3986's reserved characters those that mean nothing to a query.
RESERVED = "!$'()*,/:;=?@"
MAX_MISTAKES = 5


class InvalidCall(Exception):
    """A call that must not be sent. `str()` is what the assistant reads.

    `kind` is unknown_function, not_an_object, missing_parameter, unknown_parameter, wrong_type,
    not_in_enum, bad_format, out_of_range or invalid_value; `parameter` is the argument at fault
    ("" for none).
    """

    def __init__(self, kind: str, parameter: str, message: str):
        super().__init__(message)
        self.kind, self.parameter, self.message = kind, parameter, message


@dataclass(frozen=True)
class Request:
    """An HTTP request as it would be sent. `arguments` are the call's, coerced."""

    method: str  # upper case
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    function: str = ""
    arguments: Json = field(default_factory=dict)

    def to_row(self) -> dict[str, Any]:
        """What an executor is shown of the request."""
        return {"method": self.method, "url": self.url, "headers": self.headers, "body": self.body}


def spec_of(source: Spec | Tool | str) -> Spec:
    """The loaded specification of a tool (cached)."""
    if isinstance(source, Spec):
        return source
    return load_spec(source.openapi if isinstance(source, Tool) else source)


def build_request(source: Spec | Tool | str, name: str, arguments: Any) -> Request:
    """The request that calling function `name` with `arguments` makes.

    A null that the schema allows is written in JSON alone: a path, query, header, cookie or form has no
    null, so there an optional argument that is null is left out, and a required one is a mistake.

    Raises:
        InvalidCall: the call is not what the specification asks for, or cannot be written.
    """
    operation = operation_of(spec_of(source), name)
    arguments = check_arguments(operation, arguments)
    url, headers = serialise_parameters(operation, arguments)
    body = None
    content = _body_value(operation, arguments)
    if operation.body is not None and content is not None:
        headers["Content-Type"], body = encode_body(operation.body, content[0])
    return Request(operation.method.upper(), url, headers, body, operation.name, arguments)


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


def operation_of(spec: Spec, name: str) -> Operation:
    """The operation a function name stands for.

    Raises:
        InvalidCall: `unknown_function`, with the names that exist.
    """
    if name not in spec.operations:
        known = ", ".join(spec.operations)
        message = f"there is no function {name!r}; the functions are: {known}"
        raise InvalidCall("unknown_function", "", message)
    return spec.operations[name]


def check_arguments(operation: Operation, arguments: Any) -> Json:
    """The arguments with lossless coercions applied.

    Raises:
        InvalidCall: kind and parameter of the first mistake, a message with all of them (five at most).
    """
    checked, mistakes = examine_arguments(operation, arguments)
    if mistakes:
        first = mistakes[0]
        raise InvalidCall(first.kind, first.parameter, "; ".join(m.message for m in mistakes[:MAX_MISTAKES]))
    return checked


def examine_arguments(operation: Operation, arguments: Any) -> tuple[Json, list[InvalidCall]]:
    """The coerced arguments and every mistake: unknown parameters, missing ones, then wrong values."""
    if not isinstance(arguments, dict):
        expected = "expected a JSON object with the parameters by name"
        return {}, [InvalidCall("not_an_object", "", f"{expected}, got {show(arguments)}")]
    parameters = {p.name: p for p in parameters_of(operation)}
    body = {p.name: p for p in body_parameters(operation)}
    extra = _additional(operation)
    mistakes = []
    for name in arguments:
        if name not in parameters and extra is None:
            known = f"its parameters: {', '.join(parameters)}" if parameters else "it takes none"
            message = f"{operation.name} has no parameter {name!r}; {known}"
            mistakes.append(InvalidCall("unknown_parameter", name, message))
    for name in _needed(operation, parameters, body, arguments):
        if name not in arguments:
            expected = describe(parameters[name]).removeprefix("Required. ").rstrip(".")
            message = f"the required parameter {name!r} is missing: expected {expected}, got nothing"
            mistakes.append(InvalidCall("missing_parameter", name, message))
    checked: Json = {}
    for name, given in arguments.items():
        schemas = [p["schema"] for p in operation.parameters if p["name"] == name]
        if name in body:
            schemas.append(body[name].schema)
        elif not schemas and isinstance(extra, dict):
            schemas.append(extra)
        checked[name] = given
        try:
            for schema in schemas:
                checked[name] = _checked(name, checked[name], schema)
        except InvalidCall as mistake:
            mistakes.append(mistake)
    mistakes = mistakes or _take_out_nulls(operation, checked, body)
    if not mistakes and (mistake := _body_mistake(operation, checked)):
        mistakes.append(mistake)
    return checked, mistakes


def _take_out_nulls(operation: Operation, checked: Json, body: dict[str, Parameter]) -> list[InvalidCall]:
    """Leave out the optional nulls for which there is no text, and complain of the required ones."""
    mistakes = []
    for name in [name for name, value in checked.items() if value is None]:
        own = [p for p in operation.parameters if p["name"] == name and not p["json"]]
        places = {p["in"]: p["required"] for p in own}
        in_form = name in body and operation.body is not None and is_form(operation.body)
        if in_form:
            places["form"] = body[name].required
        if any(places.values()):
            expected = f"expected a value that a {next(iter(places))} can hold, got null"
            mistakes.append(InvalidCall("wrong_type", name, f"the parameter {name!r} is wrong: {expected}"))
        elif places and (name not in body or in_form):
            del checked[name]
    return mistakes


def _needed(operation: Operation, parameters: dict[str, Parameter], body: Json, arguments: Json) -> list[str]:
    """Names of the parameters the call must give; an optional body's only when it is begun."""
    needed = [p.name for p in parameters.values() if p.required]
    if operation.body is not None and any(name in body for name in arguments):
        view = object_view(operation.body.schema)
        if view and view["properties"]:
            needed += [n for n in view["required"] if n in body and n not in needed]
    return needed


def _additional(operation: Operation) -> Any:
    """The schema of further body properties where the specification states one; None where not."""
    if operation.body is None:
        return None
    view = object_view(operation.body.schema)
    return view["additional"] if view and view["properties"] else None


def _checked(name: str, value: Any, schema: Json) -> Any:
    try:
        return check(value, schema)
    except Mismatch as error:
        inner = error.where
        full = name if not inner else name + (inner if inner.startswith("[") else f".{inner}")
        hint = "; leave the parameter out instead" if value is None else ""
        raise InvalidCall(error.kind, name, f"the parameter {full!r} is wrong: {error}{hint}") from None
    except RecursionError:
        raise InvalidCall("invalid_value", name, f"the parameter {name!r} is nested too deeply") from None


def _body_value(operation: Operation, arguments: Json) -> tuple[Any] | None:
    """The body's value, in a tuple; None for no body."""
    if operation.body is None:
        return None
    names = body_parameters(operation)
    if len(names) == 1 and names[0].name == "body" and names[0].schema is operation.body.schema:
        return (arguments["body"],) if "body" in arguments else None
    known = {p.name for p in names}
    elsewhere = {p["name"] for p in operation.parameters}
    value = {k: v for k, v in arguments.items() if k in known or k not in elsewhere}
    return (value,) if value or operation.body_required else None


def _body_mistake(operation: Operation, arguments: Json) -> InvalidCall | None:
    """What only the whole body can show: alternatives, dependent and counted properties."""
    content = _body_value(operation, arguments)
    if content is None or operation.body is None or not isinstance(content[0], dict):
        return None
    wrong = complaints(operation.body.schema, content[0], 1)
    message = f"the parameters do not fit together: {wrong[0]}" if wrong else ""
    return InvalidCall("invalid_value", "", message) if wrong else None


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
    if not text.isascii() or not (text.isprintable() and text == text.strip()):
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
