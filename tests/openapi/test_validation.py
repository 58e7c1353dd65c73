"""Specifications: out of replies, validated with messages that repair, loaded whatever they get wrong."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolalpaca.openapi.encoding import InvalidCall
from toolalpaca.openapi.request import build_request
from toolalpaca.openapi.spec import load_spec
from toolalpaca.openapi.validation import (
    check_response,
    documentation_of,
    extract_spec,
    functions_of,
    lint,
    validate,
)
from toolalpaca.schema import ReplyError

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "toolalpaca"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} with the 21 specifications is missing")
OK = {"200": {"description": "All well", "content": {"application/json": {"schema": {"type": "object"}}}}}
INVALID = {"AviationAPI", "chucknorris.io", "Random Useless Facts", "Fruityvice", "CurrencyBeacon"}


def document(operation: dict | None = None, path: str = "/things", version: str = "3.0.3", **extra) -> dict:
    operation = {"operationId": "listThings", "responses": OK, **(operation or {})}
    return {
        "openapi": version,
        "info": {"title": "Things", "version": "1"},
        "paths": {path: {"get": operation}},
        **extra,
    }


def text(*args, **kwargs) -> str:
    return json.dumps(document(*args, **kwargs))


def published() -> list[dict]:
    return [
        tool
        for name in ("eval_real", "eval_simulated")
        for tool in json.loads((DATA / f"{name}.json").read_text())
    ]


# --- out of a reply ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    ["@", "```json\n@\n```", "```\n@\n```", "Here it is:\n```json\n@\n```\nEnjoy {it}!", "Sure! @ Done.",
     "A note {a}:\n```json\n@", "```python\nx = {}\n```\n```json\n@\n```", "An object {}, then @"],
)  # fmt: skip
def test_a_specification_is_found_in_a_reply(frame):
    assert json.loads(extract_spec(frame.replace("@", text()))) == document()


def test_a_yaml_reply_is_read_too():
    reply = "```yaml\nopenapi: 3.0.0\ninfo: {title: T, version: '1'}\npaths: {}\n```"
    assert json.loads(extract_spec(reply))["info"] == {"title": "T", "version": "1"}


@pytest.mark.parametrize(
    "reply", ["", "I cannot do that.", '{"openapi": "3.0.0", ', "[]", '{"a": 1}', "{" * 5000]
)
def test_a_reply_without_one_says_so(reply):
    with pytest.raises(ReplyError) as error:
        extract_spec(reply)
    assert error.value.reason == "invalid_openapi"
    assert error.value.detail


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(max_size=300))
def test_any_reply_gives_a_specification_or_a_named_error(reply):
    try:
        assert "openapi" in json.loads(extract_spec(reply))
    except ReplyError as error:
        assert error.reason == "invalid_openapi"


# --- validation -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["3.0.0", "3.0.3", "3.1.0"])
def test_good_specifications_pass(version):
    validate(text(version=version))
    assert lint(text(version=version)) == []


def parameter(**fields) -> dict:
    return {"parameters": [{"name": "q", "in": "query", **fields}]}


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (text({"responses": None}), "responses"),
        (text(parameter(schema={"type": "int"})), "schema/type: 'int' is not one of"),
        (
            text(parameter(schema={"type": "string", "required": True})),
            "required: True is not of type 'array'",
        ),
        (text(parameter(type="string")), "'type' is not expected here"),
        (text(parameter(schema={"type": "integer", "default": "x"})), "'x' is not of type"),
        (text(path="/things/{id}"), "Path parameter 'id'"),
        (text({"operationId": "two words"}), "operationId 'two words' must be"),
        (text({"operationId": ""}), "operationId is missing"),
        (text({"responses": {"200": {"description": "x"}}}), "has no content"),
        (text({"responses": {"404": OK["200"]}}), "expected a success response"),
        (text(parameter(schema={"$ref": "#/components/schemas/Gone"})), "points to nothing"),
        (text(parameter(schema={"$ref": "https://evil.example/s.json"})), "is not allowed"),
        (text(parameter(schema={"$ref": "file:///etc/passwd"})), "is not allowed"),
        (text(parameter(schema={"$ref": "other.json#/a"})), "is not allowed"),
        ('{"openapi": "3.0.0"}', "required property"),
        (
            '{"openapi": "3.0.0", "info": {"title": "t", "version": "1"}, "paths": {}}',
            "at least one function",
        ),
        ('{"raml": "1.0"}', "swagger: 2.0"),
        ('{"openapi": "4.0"}', "OpenAPI 3.x"),
        ("{", "not JSON"),
        ("[1]", "expected an object"),
        ('{"openapi": "3.0.0", "x": ' + "[" * 500 + "]" * 500 + "}", "deep"),
        ('{"openapi": "3.0.0", "x": ' + "[" * 100_000 + "]" * 100_000 + "}", "deep"),
    ],
)
def test_a_bad_specification_is_refused_with_place_and_mistake(bad, expected):
    with pytest.raises(ReplyError) as error:
        validate(bad)
    assert error.value.reason == "invalid_openapi"
    assert expected in error.value.detail
    assert len(error.value.detail) < 2000


def test_two_operations_of_one_name_are_refused_and_loaded_apart():
    twice = document()
    twice["paths"]["/others"] = {"get": document()["paths"]["/things"]["get"]}
    with pytest.raises(ReplyError, match="listThings"):
        validate(json.dumps(twice))
    assert [f.name for f in functions_of(json.dumps(twice))] == ["listThings", "listThings_2"]


def test_nothing_is_ever_fetched(monkeypatch):
    import socket

    def refuse(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    for reference in ("http://127.0.0.1:1/a", "https://example.com/a.json#/b", "//example.com/a"):
        bad = text(parameter(schema={"$ref": reference}))
        with pytest.raises(ReplyError):
            validate(bad)
        assert any("never fetched" in line for line in lint(bad))
        assert functions_of(bad)[0].parameters[0].schema == {}


# --- functions and documentation --------------------------------------------------------------------


def test_documentation_says_what_the_specification_says_and_nothing_else():
    full = document(
        {
            "description": "Find things\n  by colour.",
            "parameters": [
                {
                    "name": "id",
                    "in": "path",
                    "required": True,
                    "schema": {"type": "integer"},
                    "description": "Which one.",
                },
                {"name": "colour", "in": "query", "schema": {"type": "string", "enum": ["red", "blue"]}},
                {
                    "name": "when",
                    "in": "query",
                    "schema": {"type": "string", "format": "date", "default": "2024-01-01"},
                },
                {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
            ],
            "responses": {
                "200": {
                    "description": "The things.",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {
                                    "n": {"type": "integer"},
                                    "items": {
                                        "type": "array",
                                        "items": {"$ref": "#/components/schemas/Thing"},
                                    },
                                },
                            }
                        }
                    },
                }
            },
        },
        path="/things/{id}",
        components={
            "schemas": {
                "Thing": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
                    },
                }
            }
        },
    )
    (function,) = functions_of(json.dumps(full))
    assert function.documentation == (
        "listThings: Find things by colour.\n"
        'Parameters: {"id": "Required. integer. Which one.", "colour": "string. One of: [red, blue].", '
        '"when": "string. Format: date. Default: 2024-01-01."}\n'
        "Output: The things.\n"
        " - Format: application/json\n"
        " - Structure: Object{n, items: Array[Object{name, parts: Array[#Thing]}]}"
    )
    assert (
        function.signature
        == "listThings(id: integer, colour?: red|blue, when?: date) - Find things by colour."
    )
    assert documentation_of([function, function]).count("listThings") == 2


def test_body_properties_are_parameters_through_references_and_combinations():
    schemas = {
        "Base": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "id": {
            "type": "string", "readOnly": True}}},
        "Size": {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer"}}},
    }  # fmt: skip
    body = {"allOf": [{"$ref": "#/components/schemas/Base"}, {"$ref": "#/components/schemas/Size"},
                      {"properties": {"tags": {"type": "array", "items": {"type": "string"}}}}]}  # fmt: skip
    spec = document(components={"schemas": schemas})
    spec["paths"]["/things"]["post"] = {
        "operationId": "createThing",
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": OK,
    }
    create = functions_of(json.dumps(spec))[1]
    assert [(p.name, p.location, p.required) for p in create.parameters] == [
        ("name", "body", True), ("size", "body", True), ("tags", "body", False),
    ]  # fmt: skip


def test_cyclic_references_and_all_kinds_of_null_load():
    spec = document(
        {"parameters": [{"name": "n", "in": "query", "schema": {"$ref": "#/components/schemas/A"}}]},
        components={
            "schemas": {
                "A": {
                    "type": "object",
                    "properties": {
                        "b": {"$ref": "#/components/schemas/B"},
                        "x": {"type": "string", "nullable": True},
                    },
                },
                "B": {"allOf": [{"$ref": "#/components/schemas/A"}], "nullable": True},
                "Self": {"$ref": "#/components/schemas/Self"},
            }
        },
    )
    schema = functions_of(json.dumps(spec))[0].parameters[0].schema
    assert json.dumps(schema), "the schema is finite JSON"
    assert schema["$defs"]
    loaded = load_spec(
        json.dumps(
            document(
                components={"schemas": {}},
                version="3.1.0",
                operation={
                    "responses": {
                        "200": {
                            "description": "x",
                            "content": {"application/json": {"schema": {"type": ["string", "null"]}}},
                        }
                    }
                },
            )
        )
    )
    assert check_response(loaded, "listThings", 200, None) == []
    assert check_response(loaded, "listThings", 200, "a") == []
    assert check_response(loaded, "listThings", 200, 1) == ["the value: expected a string or null, got 1"]


@pytest.mark.parametrize("loop", [
    {"$ref": "#/components/schemas/A"},
    {"allOf": [{"$ref": "#/components/schemas/A"}]},
    {"oneOf": [{"$ref": "#/components/schemas/B"}, {"type": "string"}]},
    {"not": {"$ref": "#/components/schemas/A"}},
    {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/components/schemas/A"}}},
])  # fmt: skip
def test_a_schema_that_is_itself_is_refused_and_cut(loop):
    both = {"A": loop, "B": {"anyOf": [{"$ref": "#/components/schemas/A"}, {"type": "null"}]}}
    raw = text(
        parameter(schema={"$ref": "#/components/schemas/A"}), components={"schemas": both}, version="3.1.0"
    )
    with pytest.raises(ReplyError, match="without an end"):
        validate(raw)
    assert functions_of(raw)[0].documentation
    with contextlib.suppress(InvalidCall):
        build_request(raw, "listThings", {"q": "x"})


def test_long_and_many_references_take_neither_the_stack_nor_minutes():
    def chained(required: bool, count: int, fan: int) -> str:
        schemas = {
            f"S{i}": {
                "type": "object",
                "properties": {f"p{j}": {"$ref": f"#/components/schemas/S{(i * fan + j + 1) % count}"}
                               for j in range(fan)},
                "required": [f"p{j}" for j in range(fan)] if required else ["p0"],
            }
            for i in range(count)
        }  # fmt: skip
        schemas[f"S{count - 1}"] = {"type": "string"}
        schema = {"$ref": "#/components/schemas/S0"}
        answer = {"200": {"description": "ok", "content": {"application/json": {"schema": schema}}}}
        return text({"responses": answer}, components={"schemas": schemas})

    began = time.perf_counter()
    assert load_spec(chained(False, 1500, 1)).warnings == []
    assert functions_of(chained(False, 1500, 1))[0].name == "listThings"
    assert any("without an end" in w for w in load_spec(chained(True, 1500, 6)).warnings)
    assert time.perf_counter() - began < 20


def test_a_response_of_any_media_type_is_checked_like_json():
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}
    loaded = load_spec(
        text({"responses": {"200": {"description": "ok", "content": {"*/*": {"schema": schema}}}}})
    )
    assert check_response(loaded, "listThings", 200, {"a": "x"}) == []
    assert check_response(loaded, "listThings", 200, "x")


def test_words_of_openapi_inside_example_data_mean_nothing():
    shown = {"$ref": "https://example.com/x", "$id": "y"}
    schema = {
        "type": "object",
        "example": shown,
        "properties": {"example": {"type": "string"}, "$ref": {"type": "string"}},
    }
    raw = text(
        {"responses": {"default": {"description": "d", "content": {"application/json": {"schema": schema}}}}}
    )
    validate(raw)
    assert lint(raw) == []
    remote = {"default": {"$ref": "https://example.com/x"}}
    assert lint(text({"responses": remote}))


def test_references_that_fan_out_stay_small():
    schemas = {
        f"S{n}": {
            "type": "object",
            "properties": {k: {"$ref": f"#/components/schemas/S{n + 1}"} for k in "abcd"},
        }
        for n in range(12)
    }
    schemas["S12"] = {"type": "string"}
    spec = document(parameter(schema={"$ref": "#/components/schemas/S0"}), components={"schemas": schemas})
    (function,) = functions_of(json.dumps(spec))
    assert len(json.dumps(function.parameters[0].schema)) < 20_000
    assert len(function.documentation) < 12_000


# --- responses --------------------------------------------------------------------------------------


def test_responses_are_checked_against_the_schema_of_their_status():
    item = {
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "integer"}, "on": {"type": "string", "format": "date"}},
    }
    answers = {
        "200": {
            "description": "x",
            "content": {"application/json": {"schema": {"type": "array", "items": item}}},
        },
        "4XX": {
            "description": "x",
            "content": {"application/json": {"schema": {"type": "object", "required": ["message"]}}},
        },
    }
    spec = load_spec(text({"responses": answers}))
    assert check_response(spec, "listThings", 200, [{"id": 1, "on": "2024-02-29"}]) == []
    assert check_response(spec, "listThings", 200, [{"id": "1", "on": "2023-02-29"}, {}]) == [
        '[0].id: expected an integer, got "1"',
        '[0].on: expected the format date, such as 2024-05-31, got "2023-02-29"',
        "[1]: expected an object with 'id', got {}",
    ]
    assert check_response(spec, "listThings", 404, {}) == [
        "the value: expected an object with 'message', got {}"
    ]
    assert check_response(spec, "listThings", 500, "anything") == []
    assert check_response(spec, "listThings", 201, {}) == ["status 201 is not declared; expected 200, 4XX"]


# --- anything at all --------------------------------------------------------------------------------

names = st.sampled_from(
    ["type", "properties", "items", "$ref", "allOf", "enum", "nullable", "required", "format", "a"]
)
junk = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.sampled_from(["string", "object", "#/paths", "#/x", "("]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    schema=junk,
    fields=st.dictionaries(
        st.sampled_from(["parameters", "requestBody", "responses", "operationId", "security", "servers"]),
        junk,
        max_size=3,
    ),
)
def test_any_document_loads_or_is_named_invalid(schema, fields):
    spec = document({**parameter(schema=schema), **fields})
    raw = json.dumps(spec)
    for function in functions_of(raw):
        json.dumps([p.schema for p in function.parameters])
    assert isinstance(lint(raw), list)
    try:
        validate(raw)
    except ReplyError as error:
        assert error.reason == "invalid_openapi"


# --- the 21 published specifications ----------------------------------------------------------------


@needs_data
def test_every_published_specification_loads_with_every_function():
    tools = published()
    assert len(tools) == 21
    for tool in tools:
        functions = {f.name: f for f in functions_of(tool["Documentation"])}
        for name, (path, method) in tool["Function_Projection"].items():
            assert functions[name].method == method
            assert functions[name].path.lstrip("/") == path.lstrip("/")
        warnings = lint(tool["Documentation"])
        if tool["Name"] in INVALID:
            assert warnings, tool["Name"]
            with pytest.raises(ReplyError):
                validate(tool["Documentation"])


@needs_data
def test_functions_that_slipped_into_another_path_are_found():
    (aviation,) = [t for t in published() if t["Name"] == "AviationAPI"]
    names = {f.name for f in functions_of(aviation["Documentation"])}
    assert {"weather_metar_get", "vatsim_pilots_get", "preferred-routes_search_get"} <= names
