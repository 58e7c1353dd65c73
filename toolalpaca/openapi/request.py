"""A call's arguments as an HTTP request, checked against the specification (OpenAPI 3.0 and 3.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from toolalpaca.openapi.arguments import WrongValue, check, complaints, show
from toolalpaca.openapi.documentation import body_parameters, describe, parameters_of
from toolalpaca.openapi.encoding import InvalidCall, encode_body, is_form, serialise_parameters
from toolalpaca.openapi.jsonschemas import Json, object_view
from toolalpaca.openapi.spec import Operation, Spec, load_spec
from toolalpaca.schema import Parameter, Tool

MAX_MISTAKES = 5


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
    except WrongValue as error:
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
