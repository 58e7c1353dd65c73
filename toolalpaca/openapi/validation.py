"""OpenAPI specifications: out of a model's reply, validated, linted, and turned into functions."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from toolalpaca.openapi.arguments import accepts, complaints
from toolalpaca.openapi.documentation import functions_of_spec
from toolalpaca.openapi.documents import one_line, parse_document
from toolalpaca.openapi.mending import METHODS, descend, mend, objects, target
from toolalpaca.openapi.regexes import never_ends
from toolalpaca.openapi.spec import Spec, load_spec
from toolalpaca.schema import Function, ReplyError

__all__ = [
    "Spec",
    "check_response",
    "documentation_of",
    "extract_spec",
    "functions_of",
    "lint",
    "load_spec",
    "problems_of",
    "told",
    "validate",
]

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
MAX_TRIES = 50  # places in a reply at which an object may begin
MAX_MESSAGES = 20  # in one complaint: a mistake that is not told costs a repair of its own


def extract_spec(reply: str) -> str:
    """The specification in a model's reply, which may stand in a code fence or among prose.

    Raises:
        ReplyError: `invalid_openapi`, when the reply holds no object with an `openapi` field.
    """
    fences = re.findall(r"```[ \t]*\w*[ \t]*\r?\n(.*?)(?:```|\Z)", reply, re.DOTALL)
    candidates = [*fences, reply]
    complaint: ReplyError | None = None
    for text in candidates:
        stripped = text.strip()
        start, tries = stripped.find("{"), 0
        while start >= 0 and tries < MAX_TRIES:
            tries += 1
            try:
                value, end = json.JSONDecoder().raw_decode(stripped, start)
            except (ValueError, RecursionError) as error:
                complaint = complaint or ReplyError(
                    "invalid_openapi", f"it is not JSON: {one_line(error)[:300]}"
                )
                end = start + 1
            else:
                if "openapi" in value:
                    return json.dumps(value, ensure_ascii=False)
            start = stripped.find("{", end)
        if re.match(r"(?s)(?:#[^\n]*\n|---[^\n]*\n|\s)*['\"]?(openapi|info|paths)['\"]?\s*:", stripped):
            try:
                return json.dumps(parse_document(stripped), ensure_ascii=False)
            except ReplyError as error:
                complaint = complaint or error
    raise complaint or ReplyError(
        "invalid_openapi", "expected one JSON object with `openapi`, `info` and `paths`"
    )


def functions_of(text: str) -> list[Function]:
    """The functions of a specification, documentation filled in; invalid ones are read leniently.

    Raises:
        ReplyError: `invalid_openapi`, when the text is no OpenAPI 3 document at all.
    """
    return functions_of_spec(load_spec(text))


def documentation_of(functions: list[Function]) -> str:
    """The natural-language documentation of a tool: that of its functions."""
    return "\n".join(function.documentation for function in functions)


def validate(text: str) -> None:
    """Check a specification with openapi-spec-validator, then for what simulation needs of it.

    Raises:
        ReplyError: `invalid_openapi`; the detail names place and mistake for the model to repair.
    """
    if found := problems_of(text):
        raise ReplyError("invalid_openapi", told(found))


def problems_of(text: str) -> list[str]:
    """Everything for which `validate` refuses a specification, all at once; [] for a valid one.

    Raises:
        ReplyError: `invalid_openapi`, when the text is no OpenAPI document at all.
    """
    document = parse_document(text)
    found = _problems(document)
    try:
        found += _needs(document)
    except Exception:  # a document that is found to be broken need not be one that can be read
        if not found:
            raise
    return list(dict.fromkeys(found))


def told(problems: list[str]) -> str:
    """Problems as one complaint, `MAX_MESSAGES` of them."""
    more = f"; and {len(problems) - MAX_MESSAGES} more" if len(problems) > MAX_MESSAGES else ""
    return "; ".join(problems[:MAX_MESSAGES]) + more


def check_response(spec: Spec, name: str, status: int, body: Any) -> list[str]:
    """What of a response does not fit the specification, one line each; [] when it fits.

    An error status of which the specification says nothing fits; a success status must be declared, unless
    the operation declares no success at all (some declare only what can go wrong, and OpenAPI 3.1 lets them
    declare nothing): then any does.
    """
    operation = spec.operations[name]
    answer = operation.response(status)
    if answer is None:
        if status >= 400 or not any(code[:1] == "2" for code in operation.responses):
            return []
        return [f"status {status} is not declared; expected {', '.join(operation.responses)}"]
    schemas = [media.schema for media in answer.media if "json" in media.type]
    if not schemas or any(accepts(schema, body) for schema in schemas):
        return []
    return complaints(schemas[0], body)


def lint(text: str) -> list[str]:
    """Everything that is wrong with a specification that can still be loaded; [] for a good one.

    Raises:
        ReplyError: `invalid_openapi`, when it cannot be loaded at all.
    """
    document = parse_document(text)
    found = [*_problems(document), *load_spec(text).warnings, *_needs(document)]
    return [message for message in dict.fromkeys(found) if "operationId is missing" not in message]


def _problems(document: dict[str, Any]) -> list[str]:
    """What makes the document invalid OpenAPI, local references that lead nowhere included."""
    broken = [*_bad_references(document), *(w for w in mend(document)[1] if "without an end" in w)]
    version = str(document["openapi"])
    document = _without_endless_patterns(document)
    if broken:  # its references cannot be followed, but all else can be checked
        return [*broken, *_explained(document, version)]
    messages: list[str] = []
    try:
        for error in _validator(version)(document).iter_errors():
            messages.append(
                f"at /{_pointer(error)}: {one_line(error.message).split(' Failed validating ')[0][:300]}"
            )
            if len(messages) > 20:
                break
    except RecursionError:
        messages.append("a reference leads back to itself without an end")
    except Exception as error:  # the validator fails on documents whose schema errors it has just reported
        if not messages:
            messages.append(f"{type(error).__name__}: {one_line(error)[:200]}")
    return (_explained(document, version) or messages) if messages else []


def _without_endless_patterns(document: dict[str, Any]) -> dict[str, Any]:
    """The document without patterns that must not be run: the validator tries them on default values."""
    document = copy.deepcopy(document)
    for node, _ in objects(document):
        if isinstance(node.get("pattern"), str) and never_ends(node["pattern"]):
            del node["pattern"]
        if isinstance(node.get("patternProperties"), dict):
            node["patternProperties"] = {
                key: value for key, value in node["patternProperties"].items() if not never_ends(key)
            }
    return document


def _explained(document: dict[str, Any], version: str) -> list[str]:
    """The document's schema errors again, by the slower validator that can tell why an alternative failed."""
    from jsonschema.validators import validator_for
    from openapi_spec_validator import schemas

    schema = {"3.0": schemas.schema_v30, "3.1": schemas.schema_v31}.get(version[:3], schemas.schema_v32)
    schema = dict(schema)
    errors = validator_for(schema)(schema).iter_errors(document)
    return [_message(error) for error in itertools.islice(errors, 20)]


@functools.cache
def _validator(version: str) -> Any:
    import openapi_spec_validator as library

    base = {"3.0": library.OpenAPIV30SpecValidator, "3.1": library.OpenAPIV31SpecValidator}.get(
        version[:3], library.OpenAPIV32SpecValidator
    )
    # Without handlers nothing is ever fetched, whatever a reference says.
    return type("LocalSpecValidator", (base,), {"resolver_handlers": {}})


def _message(error: Any) -> str:
    """A schema error as place and mistake, the deepest cause of failed alternatives chosen."""
    while error.context:
        # A failed alternative that wanted a $ref says nothing about an object that was written out.
        causes = [e for e in error.context if "'$ref' is a required" not in e.message] or error.context
        error = max(causes, key=lambda e: (len(e.absolute_path), e.validator in ("enum", "required")))
    text = re.sub(r"^('.*') does not match any of the regexes: .*", r"\1 is not expected here", error.message)
    return f"at /{_pointer(error)}: {one_line(text)[:300]}"


def _pointer(error: Any) -> str:
    return "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in error.absolute_path)


def _bad_references(document: dict[str, Any]) -> Iterator[str]:
    for node, place in objects(document):
        for key in ("$ref", "$dynamicRef"):
            reference = node.get(key)
            if not isinstance(reference, str):
                continue
            if not reference.startswith("#"):
                yield f"at {place}: {key} {reference!r} is not allowed; put the schema under components"
            elif not descend(document, reference)[0]:
                yield f"at {place}: {key} {reference!r} points to nothing; define it or write it out"
        if isinstance(node.get("$id"), str):
            yield f"at {place}: $id is not allowed; leave it out"


def _needs(document: dict[str, Any]) -> list[str]:
    """What simulation needs beyond valid OpenAPI: named functions with responses that have a schema."""
    spec = Spec(document)
    found = [] if spec.operations else ["paths has no operation; expected at least one function"]
    seen: dict[str, str] = {}
    paths = document.get("paths")
    for path, item in (paths if isinstance(paths, dict) else {}).items():
        for method in METHODS:
            node = target(document, item).get(method)
            if not isinstance(node, dict):
                continue
            where = f"{method.upper()} {path}"
            name = node.get("operationId")
            if not isinstance(name, str) or not name.strip():
                found.append(f"{where}: operationId is missing; give each operation a unique camelCase name")
            elif not NAME.fullmatch(name):
                found.append(
                    f"{where}: operationId {name!r} must be 1 to 64 letters, digits, '_', '-' or '.'"
                )
            elif name in seen:
                found.append(f"{where}: operationId {name!r} is already used by {seen[name]}")
            else:
                seen[name] = where
    for operation in spec.operations.values():
        if not any(status[:1] == "2" or status == "default" for status in operation.responses):
            found.append(f"{operation.name}: expected a success response (such as '200') with a schema")
        _, _, media = operation.success()
        status = next((s for s in operation.responses if s[:1] == "2"), "")
        if not media and status not in ("204", "205"):
            found.append(
                f"{operation.name}: response {status or 'default'} has no content; expected application/json"
            )
        elif media and not any(m.schema for m in media):
            found.append(
                f"{operation.name}: response {status or 'default'} has no schema; describe its properties"
            )
    return found + [w for w in spec.warnings if "is declared" not in w and "operationId" not in w]
