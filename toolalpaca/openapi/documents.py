"""OpenAPI documents as texts, in JSON or YAML, read into JSON values."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from toolalpaca.schema import ReplyError

MAX_CHARS = 2_000_000
MAX_NODES = 200_000  # YAML aliases can make a small file enormous
MAX_DEPTH = 100

Json = dict[str, Any]


class _YamlLoader(yaml.SafeLoader):
    """YAML 1.2's core types: `no` is a string and a date is a string, as in JSON."""


_YamlLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_YamlLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def one_line(text: Any) -> str:
    """Text with every run of white space as one blank."""
    return " ".join(str(text).split())


def parse_document(text: str) -> Json:
    """The JSON object in an OpenAPI text, JSON or YAML; a mapping's keys as strings.

    Raises:
        ReplyError: `invalid_openapi`, saying what is wrong with the text.
    """
    if len(text) > MAX_CHARS:
        raise ReplyError("invalid_openapi", f"the text has {len(text)} characters; {MAX_CHARS} are allowed")
    try:
        if text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
            document = json.loads(text.lstrip("\ufeff"), parse_constant=_no_constant)
        else:
            document = yaml.load(text, _YamlLoader)
        document = _json_value(document, [0], 0)
    except yaml.YAMLError as error:
        raise ReplyError("invalid_openapi", f"it is neither JSON nor YAML: {one_line(error)[:300]}") from None
    except RecursionError:
        raise ReplyError("invalid_openapi", "it is nested too deeply") from None
    except ValueError as error:
        raise ReplyError("invalid_openapi", f"it is not JSON: {one_line(error)[:300]}") from None
    if not isinstance(document, dict):
        raise ReplyError("invalid_openapi", f"expected an object, got {type(document).__name__}")
    if "openapi" not in document:
        found = "Swagger 2.0; convert it to OpenAPI 3" if "swagger" in document else "no version"
        raise ReplyError("invalid_openapi", f"expected an `openapi` field with a version 3.x, got {found}")
    if not re.match(r"3\.\d", str(document["openapi"])):
        raise ReplyError("invalid_openapi", f"expected OpenAPI 3.x, got {document['openapi']!r}")
    document["openapi"] = str(document["openapi"])
    return document


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _json_value(node: Any, count: list[int], depth: int) -> Any:
    count[0] += 1
    if depth > MAX_DEPTH:
        raise ReplyError("invalid_openapi", f"it is nested more than {MAX_DEPTH} deep")
    if count[0] > MAX_NODES:
        raise ReplyError("invalid_openapi", f"it has more than {MAX_NODES} values")
    if isinstance(node, dict):
        return {str(key): _json_value(value, count, depth + 1) for key, value in node.items()}
    if isinstance(node, list):
        return [_json_value(value, count, depth + 1) for value in node]
    if node is None or isinstance(node, (str, int, float)):
        return node
    raise ReplyError("invalid_openapi", f"{type(node).__name__} is no JSON value")
