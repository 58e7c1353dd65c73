"""An HTTP request as a server of a specification reads it: which function, with which arguments.

The counterpart of `request.build_request`. A server is stricter than an assistant's environment in one
way (a JSON body is not coerced) and laxer in another (a body may hold properties of which the schema
says nothing).
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from toolalpaca.openapi.arguments import WrongValue, check, complaints
from toolalpaca.openapi.decoding import Reading, raw_query, read_body, read_cookies, read_parameter
from toolalpaca.openapi.documentation import describe, parameters_of
from toolalpaca.openapi.encoding import InvalidCall, encode_body, path_template, serialise_parameters
from toolalpaca.openapi.jsonschemas import Json
from toolalpaca.openapi.request import Request, build_request
from toolalpaca.openapi.spec import Operation, Spec


class Refusal(Exception):
    """A request that gets an error answer: 401, 404, 405 or 422, with the list of what is wrong."""

    def __init__(self, status: int, errors: list[str], operation: Operation | None = None, allow: str = ""):
        super().__init__("; ".join(errors))
        self.status, self.errors, self.operation, self.allow = status, errors, operation, allow


@dataclass(frozen=True)
class Match:
    """A request that was understood. `request` is its normal form, the same for equal requests."""

    operation: Operation
    arguments: Json
    request: Request


def match_request(
    spec: Spec,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes = b"",
    authenticate: bool = True,
) -> Match:
    """The function that a request calls. `target` is the path below the server's base, with its query.

    Raises:
        Refusal: 404 no such path, 405 no such verb, 401 no credentials, 422 anything else wrong.
    """
    path, _, query_text = target.partition("?")
    operation, values = _operation(spec, method.lower(), path, query_text)
    lowered = {name.lower(): value for name, value in headers.items()}
    reading = Reading(
        query=parse_qsl(query_text, keep_blank_values=True, errors="surrogateescape"),
        headers=lowered,
        cookies=read_cookies(lowered.get("cookie", "")),
        path=values,
        declared={p["name"] for p in operation.parameters if p["in"] == "query"},
        raw=raw_query(query_text),
    )
    credentials = _credentials(spec, operation, reading, authenticate)
    arguments = _parameters(operation, reading)
    fixed = {pair.partition("=")[0] for pair in path_template(operation.path)[1]}
    known = reading.declared | credentials | reading.used | fixed
    for name in dict.fromkeys(name for name, _ in reading.query):
        if name not in known:
            reading.errors.append(f"query parameter {name!r} is not known")
    content = _body(operation, lowered.get("content-type", ""), body, reading.errors)
    if reading.errors:
        raise Refusal(422, reading.errors, operation)
    return Match(operation, *_normal_form(spec, operation, arguments, content))


def _operation(spec: Spec, method: str, path: str, query: str) -> tuple[Operation, dict[str, str]]:
    """The operation of a path and verb.

    A path written out wins over one with parameters, and of two with as many the one with more literal text,
    for all verbs: where `/songs/count` is known, DELETE of it is no deletion of the song "count" (OpenAPI
    3.1.0, section 4.8.8.2).
    """
    found: dict[str, tuple[Operation, dict[str, str]]] = {}
    ordered = sorted(spec.operations.values(), key=lambda o: (_openness(o), "?" not in o.path))
    for operation in ordered:
        template, fixed = path_template(operation.path)
        values = _path_values(template, path) if {*fixed} <= {*query.split("&")} else None
        written_out = not any(_openness(known) < _openness(operation) for known, _ in found.values())
        if values is not None and written_out and operation.method not in found:
            found[operation.method] = (operation, values)
    if not found:
        raise Refusal(404, [f"no path matches {path or '/'}"])
    if method not in found:
        allow = ", ".join(name.upper() for name in found)
        raise Refusal(405, [f"{method.upper()} is not allowed on {path}; expected {allow}"], None, allow)
    return found[method]


def _openness(operation: Operation) -> tuple[int, int]:
    """How much a path leaves open: parameters, then the less literal text."""
    path = operation.path.partition("?")[0]
    return path.count("{"), -len(re.sub(r"{[^{}]*}", "", path))


def _path_values(template: str, path: str) -> dict[str, str] | None:
    """The raw texts that stand for a template's parameters in a path; None when it does not match."""
    names = re.findall(r"{([^{}]+)}", template)
    pattern = "([^/]+)".join(re.escape(part) for part in re.split(r"{[^{}]+}", template))
    found = re.fullmatch(pattern, path or "/")
    if found is None:
        return {} if not names and unquote(path) == unquote(template) else None
    return dict(zip(names, found.groups(), strict=True))


def _credentials(spec: Spec, operation: Operation, reading: Reading, demanded: bool) -> set[str]:
    """Names of the query parameters that are credentials; any alternative that is complete will do."""
    names: set[str] = set()
    missing: list[str] = []
    satisfied = not operation.security
    for requirement in operation.security:
        lacking = []
        for name in requirement:
            scheme = spec.security_schemes.get(name, {})
            if scheme.get("type") == "apiKey" and scheme.get("in") == "query":
                names.add(str(scheme.get("name")))
            if (complaint := _lacks(scheme, reading)) and scheme:
                lacking.append(complaint)
        satisfied = satisfied or not lacking
        missing += lacking
    if demanded and not satisfied:
        raise Refusal(401, list(dict.fromkeys(missing)), operation)
    return names


def _lacks(scheme: Json, reading: Reading) -> str:
    """What of a security scheme's credentials a request lacks; "" when they are there."""
    kind, name = scheme.get("type"), str(scheme.get("name", ""))
    if kind == "apiKey":
        places: dict[Any, Mapping[str, str]] = {
            "header": reading.headers, "query": dict(reading.query), "cookie": reading.cookies,
        }  # fmt: skip
        given = places.get(scheme.get("in"), {}).get(name.lower() if scheme.get("in") == "header" else name)
        return "" if given else f"the credentials are missing: expected {scheme.get('in')} {name!r}"
    if kind == "mutualTLS":
        return ""
    wanted = str(scheme.get("scheme", "bearer")).lower() if kind == "http" else "bearer"
    word, _, token = reading.headers.get("authorization", "").partition(" ")
    good = word.lower() == wanted and bool(token.strip())
    if good and wanted == "basic":
        try:
            good = b":" in b64decode(token.strip(), validate=True)
        except (binascii.Error, ValueError):
            good = False
    return (
        ""
        if good
        else f"the credentials are missing: expected the header Authorization: {wanted.title()} ..."
    )


def _parameters(operation: Operation, reading: Reading) -> Json:
    """The arguments outside the body, read by style and checked; mistakes go to `reading.errors`."""
    arguments: Json = {}
    described = {p.name: p for p in parameters_of(operation)}
    for parameter in operation.parameters:
        name, location = parameter["name"], parameter["in"]
        try:
            value = read_parameter(parameter, reading)
            if value is not None:
                arguments.setdefault(name, check(value[0], parameter["schema"]))
                continue
        except WrongValue as error:
            inside = f" at {error.where}" if error.where else ""
            reading.errors.append(f"{location} parameter {name!r}{inside}: {error}")
            continue
        except (ValueError, RecursionError) as error:
            reading.errors.append(f"{location} parameter {name!r}: {error}")
            continue
        if parameter["required"]:
            expected = describe(described[name]).removeprefix("Required. ")
            reading.errors.append(f"{location} parameter {name!r} is missing: expected {expected}")
    return arguments


def _body(operation: Operation, content_type: str, body: bytes, errors: list[str]) -> tuple[Any] | None:
    """The body's value in a tuple; None for no body. Mistakes go to `errors`."""
    media = operation.body
    if media is None:
        return None
    if not body and not content_type.startswith(("text/", "multipart/", "application/x-www-form")):
        if operation.body_required:
            errors.append(f"the body is missing: expected {media.type}")
        return None
    if not body and not operation.body_required:
        return None
    given = content_type.split(";", maxsplit=1)[0].strip().lower()
    accepted = [one for one in operation.bodies if _same_type(given, one.type)]
    if given and not accepted:
        expected = " or ".join(one.type for one in operation.bodies)
        errors.append(f"the body's type: expected {expected}, got {given}")
        return None
    media = accepted[0] if accepted else media
    try:
        value = read_body(media, content_type, body)
    except (ValueError, RecursionError) as error:
        errors.append(f"the body cannot be read as {media.type}: {error}")
        return None
    errors += [f"body, {line}" for line in complaints(media.schema, value)]
    return (value,)


def _same_type(given: str, expected: str) -> bool:
    if "*" in expected:
        return re.fullmatch(re.escape(expected).replace(r"\*", ".*"), given) is not None
    return given == expected or ("json" in given and "json" in expected)


def _normal_form(spec: Spec, operation: Operation, arguments: Json, content: Any) -> tuple[Json, Request]:
    """Arguments and request as `build_request` makes them; the latter written out where it cannot."""
    merged = dict(arguments)
    if content is not None:
        value = content[0]
        merged = {**value, **arguments} if isinstance(value, dict) and "body" not in _names(operation) else {
            **arguments, "body": value,
        }  # fmt: skip
    try:
        return merged, build_request(spec, operation.name, merged)
    except InvalidCall:
        body = None
        try:
            url, headers = serialise_parameters(operation, arguments)
            if content is not None and operation.body is not None:
                headers["Content-Type"], body = encode_body(operation.body, content[0])
        except InvalidCall as error:
            raise Refusal(422, [str(error)], operation) from None
        return merged, Request(operation.method.upper(), url, headers, body, operation.name, merged)


def _names(operation: Operation) -> list[str]:
    return [p.name for p in parameters_of(operation) if p.location == "body"]
