"""OpenAPI documents (3.0 and later) as operations: local references, parameters, JSON Schemas.

Loading is lenient, because published specifications are often invalid: what cannot be used is left
out and named in `Spec.warnings`. Whether a specification is valid is for `openapi.validate` to say.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from toolalpaca.openapi.documents import one_line, parse_document
from toolalpaca.openapi.jsonschemas import clean, discriminated, rewrite, types_of, without_required
from toolalpaca.openapi.mending import METHODS, descend, mend, target
from toolalpaca.openapi.telling import mechanical, tagged

INLINE_NODES = 5_000  # a schema larger than this keeps its references as $defs
MAX_INLINED = 30  # so does one in which more references than this lead into each other
STYLED = {"style", "explode", "allowReserved"}  # keys by which a form's field is written like a parameter
IGNORED_HEADERS = ("accept", "content-type", "authorization")  # OpenAPI: such parameters shall be ignored
# These are the connection's own (RFC 9110, sections 7.2, 7.6.1 and 8.6): a value of the assistant's would
# send the request to another host, or frame it so that a second one stands in it.
TRANSPORT_HEADERS = (
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade",
    "expect", "proxy-connection", "proxy-authorization",
)  # fmt: skip

Json = dict[str, Any]


@dataclass(frozen=True)
class Media:
    """A body's media type and JSON Schema ({} where the specification gives none).

    `encoding` holds the Encoding Objects of a form's fields.
    """

    type: str
    schema: Json
    encoding: Json = field(default_factory=dict)


class Answer(NamedTuple):
    """What a specification says of one status: text, media types, and schemas of required headers."""

    description: str
    media: tuple[Media, ...]
    headers: dict[str, Json] = {}  # noqa: RUF012 (never written to)


@dataclass(frozen=True)
class Operation:
    """One function of a specification, references resolved.

    `parameters` holds Parameter Objects whose `schema` is JSON Schema 2020-12; `responses` maps a
    status ("200", "4XX", "default") to what is said of it.
    """

    name: str
    method: str  # lower case
    path: str  # as written in the document
    description: str
    server: str
    parameters: tuple[Json, ...]
    body: Media | None
    body_required: bool
    responses: dict[str, Answer]
    security: tuple[dict[str, list[str]], ...]
    bodies: tuple[Media, ...] = ()  # every media type that the body may have; `body` is the one to send

    def response(self, status: int) -> Answer | None:
        """What the specification says of a status: exact, else its class (4XX), else default."""
        for key in (str(status), f"{status // 100}XX", f"{status // 100}xx", "default"):
            if key in self.responses:
                return self.responses[key]
        return None

    def success(self) -> tuple[int, str, tuple[Media, ...]]:
        """Status, description and media types of the answer to a good call."""
        for key, answer in self.responses.items():
            if key[:1] == "2":
                return (int(key) if key.isdigit() else 200), answer.description, answer.media
        answer = self.responses.get("default", Answer("", ()))
        return 200, answer.description, answer.media


class Spec:
    """A loaded specification. `warnings` names what was left out or mended while loading."""

    def __init__(self, document: Json):
        self.document, self.warnings = mend(document)
        self.version = "3.0" if str(document.get("openapi", "")).startswith("3.0") else "3.1"
        self.flags = {flag for flag in ("readOnly", "writeOnly") if _mentions(document, flag)}
        schemes = _mapping(_mapping(document.get("components")).get("securitySchemes"))
        self.security_schemes = {name: self.resolve(scheme) for name, scheme in schemes.items()}
        self.operations: dict[str, Operation] = {}
        for path, raw in self.document["paths"].items():
            item = self.resolve(raw)
            for method in METHODS:
                if isinstance(item.get(method), dict):
                    operation = self._operation(path, method, item, item[method])
                    self.operations[operation.name] = operation

    def warn(self, message: str) -> None:
        if message not in self.warnings:
            self.warnings.append(message)

    def resolve(self, node: Any) -> Json:
        """An object that is no schema, with its chain of references followed; {} where it breaks."""
        return target(self.document, node)

    def schema(self, node: Any) -> Json:
        """A schema as self-contained JSON Schema 2020-12: references inlined, recursive ones in `$defs`."""
        for inline in (True, False):
            try:
                return self._schema(node, inline)
            except _TooLargeError:
                continue
        raise AssertionError("unreachable")

    def _schema(self, node: Any, inline: bool) -> Json:
        definitions: Json = {}
        names: dict[str, str] = {}
        waiting: list[str] = []
        size = 0

        def name_of(reference: str) -> str:
            if reference not in names:
                base = re.sub(r"\W+", "_", reference.rsplit("/", 1)[-1]) or "schema"
                names[reference] = base if base not in names.values() else f"{base}_{len(names) + 1}"
            return names[reference]

        def walk(node: Any, above: tuple[str, ...]) -> Any:
            nonlocal size
            size += 1
            if inline and size > INLINE_NODES:
                raise _TooLargeError
            if not isinstance(node, dict):
                return node if isinstance(node, bool) else {}
            reference = node.get("$ref")
            if isinstance(reference, str):
                if inline and len(above) >= MAX_INLINED:
                    raise _TooLargeError
                if not inline and reference not in names:
                    name_of(reference)
                    waiting.append(reference)
                if not inline or reference in above:
                    meant: Any = {"$ref": f"#/$defs/{name_of(reference)}"}
                else:
                    meant = walk(descend(self.document, reference)[1], (*above, reference))
                    if reference in names:
                        definitions[names[reference]] = meant
                        meant = {"$ref": f"#/$defs/{names[reference]}"}
                beside = {k: v for k, v in node.items() if k != "$ref"}
                if self.version == "3.0":
                    beside = {
                        k: v for k, v in beside.items() if k in ("description", "default", "example", "title")
                    }
                if not beside or not isinstance(meant, dict):
                    return meant
                beside = walk(beside, above)
                if beside.keys() <= {"description", "default", "example", "examples", "title", "deprecated"}:
                    return {**meant, **beside}
                return {**beside, "allOf": [meant, *beside.get("allOf", [])]}
            node = discriminated(node, self.resolve)
            return rewrite(clean(node, self.version), lambda child: walk(child, above))

        result = walk(node, ())
        while waiting:  # one after the other: a chain of references may be longer than a stack is deep
            reference = waiting.pop()
            definitions[names[reference]] = walk(descend(self.document, reference)[1], ())
        if not isinstance(result, dict):
            result = {} if result is True else {"not": {}}
        return {**result, "$defs": definitions} if definitions else result

    def _operation(self, path: str, method: str, item: Json, node: Json) -> Operation:
        where = f"{method.upper()} {path}"
        body = self.resolve(node.get("requestBody")) if "requestBody" in node else {}
        parameters = self._parameters(where, path, item, node)
        media = [self._distinct(where, one, parameters) for one in self._media(body.get("content"))]
        security = node.get("security", self.document.get("security"))
        said = [node.get("description"), node.get("summary"), item.get("description"), item.get("summary")]
        told = next((one_line(text) for text in said if isinstance(text, str) and text.strip()), "")
        if not told and mechanical(node["operationId"], method, path):
            told = tagged(node, method)
        return Operation(
            name=node["operationId"],
            method=method,
            path=path,
            description=told,
            server=self._server(node, item),
            parameters=tuple(parameters),
            body=_preferred(media),
            bodies=tuple(media),
            body_required=bool(media) and body.get("required") is True,
            responses=self._responses(where, node.get("responses")),
            security=tuple(s for s in security if isinstance(s, dict)) if isinstance(security, list) else (),
        )

    def _distinct(self, where: str, media: Media, parameters: list[Json]) -> Media:
        """A body without optional properties that no argument could fill: one name is one argument, and a
        parameter of that name takes values of other types."""
        properties = media.schema.get("properties")
        if not isinstance(properties, dict):
            return media
        kinds = {p["name"]: _widened(p["schema"]) for p in parameters}
        lost = [
            name
            for name, schema in properties.items()
            if kinds.get(name)
            and _widened(schema)
            and not kinds[name] & _widened(schema)
            and name not in media.schema.get("required", ())
        ]
        for name in lost:
            self.warn(f"{where}: property {name!r} of the body is another type than the parameter {name!r}")
        kept = {name: schema for name, schema in properties.items() if name not in lost}
        return replace(media, schema={**media.schema, "properties": kept}) if lost else media

    def _parameters(self, where: str, path: str, item: Json, node: Json) -> list[Json]:
        found: dict[tuple[str, str], Json] = {}
        for group in (item.get("parameters"), node.get("parameters")):
            for raw in group if isinstance(group, list) else []:
                parameter = self.resolve(raw)
                name, location = parameter.get("name"), parameter.get("in")
                if not isinstance(name, str) or location not in ("path", "query", "header", "cookie"):
                    self.warn(f"{where}: a parameter without a usable name and place: {str(raw)[:80]}")
                elif location == "header" and name.lower() in IGNORED_HEADERS:
                    continue
                elif location == "header" and name.lower() in TRANSPORT_HEADERS:
                    self.warn(f"{where}: header {name!r} is the connection's own; it is left out")
                elif location == "path" and "{" + name + "}" not in path:
                    self.warn(f"{where}: path parameter {name!r} does not occur in the path")
                else:
                    content = self._media(parameter.get("content"))
                    schema = content[0].schema if content else self.schema(parameter.get("schema", {}))
                    kept = {k: v for k, v in parameter.items() if k != "content"}
                    found[name, location] = {**kept, "schema": schema, "json": bool(content)}
        for parameter in found.values():
            parameter["required"] = parameter.get("required") is True
        return list(found.values())

    def _responses(self, where: str, node: Any) -> dict[str, Answer]:
        if not isinstance(node, dict) or not node:
            self.warn(f"{where} declares no responses")
            return {}
        responses = {}
        for status, raw in node.items():
            if status.startswith("x-"):
                continue
            response = self.resolve(raw)
            headers = {}
            for name, value in _mapping(response.get("headers")).items():
                header = self.resolve(value)
                if header.get("required") is True:
                    headers[name] = self.schema(header.get("schema", {}))
            media = self._media(response.get("content"), "writeOnly")
            description = one_line(response.get("description") or "")
            responses[status] = Answer(description, tuple(media), headers)
        return responses

    def _media(self, content: Any, unneeded: str = "readOnly") -> list[Media]:
        """Media types with schemas that do not require the properties marked `unneeded`."""
        result = []
        for kind, value in _mapping(content).items():
            schema = self.schema(self.resolve(value).get("schema", {}))
            if unneeded in self.flags:
                schema = without_required(schema, unneeded)
                if "$defs" in schema:
                    kept = {n: without_required(d, unneeded) for n, d in schema["$defs"].items()}
                    schema = {**schema, "$defs": kept}
            encoding = _mapping(self.resolve(value).get("encoding"))
            encoding = {name: how for name, how in encoding.items() if isinstance(how, dict)}
            name = kind.split(";")[0].strip().lower()
            if "*" in name and unneeded == "writeOnly":
                name = "application/json"  # of a response: any type will do, and this one can be checked
            result.append(Media(name, schema, encoding))
        return result

    def _server(self, node: Json, item: Json) -> str:
        for holder in (node, item, self.document):
            servers = holder.get("servers")
            if isinstance(servers, list) and servers and isinstance(servers[0], dict):
                url = servers[0].get("url")
                variables = servers[0].get("variables")
                for name, variable in variables.items() if isinstance(variables, dict) else ():
                    default = variable.get("default", "") if isinstance(variable, dict) else ""
                    url = str(url).replace("{" + name + "}", str(default))
                if isinstance(url, str) and _is_url(url):
                    return url.rstrip("/")
                self.warn(f"the server's url {url!r} cannot be used")
        return ""


def _widened(schema: Any) -> set[str]:
    """The types of a schema, integers among the numbers."""
    kinds = set(types_of(schema)) if isinstance(schema, dict) else set()
    return kinds | {"number"} if "integer" in kinds else kinds


class _TooLargeError(Exception):
    """Inlining the references of a schema would make it too large."""


def _mapping(node: Any) -> Json:
    return node if isinstance(node, dict) else {}


def _mentions(node: Any, key: str) -> bool:
    if isinstance(node, dict):
        return key in node or any(_mentions(value, key) for value in node.values())
    return isinstance(node, list) and any(_mentions(value, key) for value in node)


def _is_url(text: str) -> bool:
    try:
        return urlsplit(text).scheme in ("", "http", "https")
    except ValueError:
        return False


def _preferred(media: list[Media]) -> Media | None:
    """The body's media type to send: JSON, then a form, then what comes first."""
    for wanted in ("json", "x-www-form-urlencoded", "multipart/form-data"):
        for one in media:
            if wanted in one.type:
                return one
    return media[0] if media else None


@functools.lru_cache(maxsize=128)
def load_spec(text: str) -> Spec:
    """The specification in a text, leniently; see `Spec.warnings`.

    Raises:
        ReplyError: `invalid_openapi`, when the text is no OpenAPI 3 document at all.
    """
    return Spec(parse_document(text))
