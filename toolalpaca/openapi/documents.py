"""OpenAPI documents as texts, in JSON or YAML, read into JSON values."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable
from typing import Any

import yaml

from toolalpaca.openapi.swagger import to_openapi
from toolalpaca.schema import ReplyError

MAX_CHARS = 20_000_000
MAX_NODES = 2_000_000  # YAML aliases can make a small file enormous
MAX_DEPTH = 100

Json = dict[str, Any]
VALUES = ("enum", "default", "example", "examples", "const")  # of a schema: texts, where its type is string
VERSIONS = ("openapi", "swagger", "version")  # 1.10 is no number


class _Scalar:
    """A YAML scalar that is no text, with the text it was written as: a schema may want that."""

    def __init__(self, text: str, value: Any):
        self.text, self.value = text, value

    def __str__(self) -> str:
        return self.text


class YamlLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML 1.2's core types (section 10.3.2): `no`, `12:30`, `1_000` and dates are texts, `010` is ten."""


_CORE = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),  # of YAML 1.1, and in use
)
YamlLoader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in _CORE:
    YamlLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), _first)


def _scalar(read: Callable[[str], Any]) -> Callable[[Any, Any], _Scalar]:
    def construct(loader: Any, node: Any) -> _Scalar:
        text = loader.construct_scalar(node)
        return _Scalar(text, read(text))

    return construct


YamlLoader.add_constructor("tag:yaml.org,2002:bool", _scalar(lambda text: text.lower() == "true"))
YamlLoader.add_constructor(
    "tag:yaml.org,2002:int", _scalar(lambda text: int(text, 0 if text[:2] in ("0o", "0x") else 10))
)
YamlLoader.add_constructor(
    "tag:yaml.org,2002:float", _scalar(lambda text: float(text) if math.isfinite(float(text)) else text)
)


def yaml_value(text: str) -> Any:
    """The JSON value of a YAML text, by YAML 1.2's core types.

    Raises:
        yaml.YAMLError: it is no YAML.
        ReplyError: `invalid_openapi`, when it is too large or no JSON value.
    """
    return _json_value(yaml.load(text, YamlLoader), [0], 0)


def one_line(text: Any) -> str:
    """Text with every run of white space as one blank."""
    return " ".join(str(text).split())


@functools.lru_cache(maxsize=256)
def compact(text: str) -> str:
    """A specification's JSON without a blank between its parts, for prompts; other texts as they are."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return text


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
            document = yaml.load(text, YamlLoader)
        document = _json_value(document, [0], 0)
    except yaml.YAMLError as error:
        raise ReplyError("invalid_openapi", f"it is neither JSON nor YAML: {one_line(error)[:300]}") from None
    except RecursionError:
        raise ReplyError("invalid_openapi", "it is nested too deeply") from None
    except ValueError as error:
        raise ReplyError("invalid_openapi", f"it is not JSON: {one_line(error)[:300]}") from None
    if not isinstance(document, dict):
        raise ReplyError("invalid_openapi", f"expected an object, got {type(document).__name__}")
    if "openapi" not in document and str(document.get("swagger", "")).startswith("2"):
        document = to_openapi(document)
    if "openapi" not in document:
        found = ", ".join(list(document)[:5]) or "nothing"
        raise ReplyError(
            "invalid_openapi",
            f"expected an `openapi` field with a version 3.x, or `swagger: 2.0`; got {found}",
        )
    if not re.match(r"3\.\d", str(document["openapi"])):
        raise ReplyError("invalid_openapi", f"expected OpenAPI 3.x, got {document['openapi']!r}")
    document["openapi"] = str(document["openapi"])
    return document


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _json_value(node: Any, count: list[int], depth: int, written: bool = False) -> Any:
    """`written`: scalars as they were written, not as what YAML takes them for."""
    count[0] += 1
    if depth > MAX_DEPTH:
        raise ReplyError("invalid_openapi", f"it is nested more than {MAX_DEPTH} deep")
    if count[0] > MAX_NODES:
        raise ReplyError("invalid_openapi", f"it has more than {MAX_NODES} values")
    if isinstance(node, dict):
        texts = node.get("type") == "string"
        return {
            str(key): _json_value(value, count, depth + 1, key in VERSIONS or (texts and key in VALUES))
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_json_value(value, count, depth + 1, written) for value in node]
    if isinstance(node, _Scalar):
        return node.text if written else node.value
    if node is None or isinstance(node, (str, int, float)):
        return node
    raise ReplyError("invalid_openapi", f"{type(node).__name__} is no JSON value")
