"""Calls: arguments checked, coerced without loss, and written where the specification wants them."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolalpaca.openapi.arguments import complaints
from toolalpaca.openapi.encoding import InvalidCall
from toolalpaca.openapi.inbound import Refusal, match_request
from toolalpaca.openapi.request import build_request
from toolalpaca.openapi.spec import load_spec
from toolalpaca.openapi.validation import functions_of
from toolalpaca.schema import Tool

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "toolalpaca"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} with the 21 specifications is missing")
INTS = {"type": "array", "items": {"type": "integer"}}
OBJECT = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}


def spec(
    parameters=(), body=None, path="/x", version="3.0.3", media="application/json", required=True, **extra
) -> str:
    operation = {
        "operationId": "f",
        "parameters": list(parameters),
        "responses": {"200": {"description": "ok"}},
    }
    if body is not None:
        operation["requestBody"] = {"required": required, "content": {media: {"schema": body}}}
    server = {"url": "https://{region}.example.com/v1/", "variables": {"region": {"default": "eu"}}}
    return json.dumps({"openapi": version, "info": {"title": "t", "version": "1"}, "servers": [server],
                       "paths": {path: {"post": operation}}, **extra})  # fmt: skip


def param(name, where="query", schema=None, **fields) -> dict:
    return {
        "name": name,
        "in": where,
        "schema": schema or {"type": "string"},
        "required": where == "path",
        **fields,
    }


def wrong(text: str, arguments, name="f") -> InvalidCall:
    with pytest.raises(InvalidCall) as error:
        build_request(text, name, arguments)
    return error.value


# --- where arguments go -----------------------------------------------------------------------------


def test_every_location_at_once_percent_encoded():
    text = spec(
        [param("id", "path"), param("q"), param("X-Trace", "header"), param("session", "cookie")],
        {"type": "object", "properties": {"note": {"type": "string"}}},
        path="/things/{id}/é",
    )
    call = {"id": "a/b c?", "q": "x&y=z é+", "X-Trace": "t 1", "session": "s;1", "note": "é"}
    request = build_request(text, "f", call)
    assert request.method == "POST"
    assert request.url == "https://eu.example.com/v1/things/a%2Fb%20c%3F/%C3%A9?q=x%26y%3Dz%20%C3%A9%2B"
    assert request.headers == {
        "X-Trace": "t 1",
        "Cookie": "session=s%3B1",
        "Content-Type": "application/json",
    }
    assert json.loads(request.body) == {"note": "é"}


@pytest.mark.parametrize(
    ("style", "explode", "schema", "value", "path"),
    [
        ("simple", False, INTS, [3, 4], "3,4"),
        ("simple", True, INTS, [3, 4], "3,4"),
        ("simple", False, OBJECT, {"a": 1, "b": "c/d"}, "a,1,b,c%2Fd"),
        ("simple", True, OBJECT, {"a": 1, "b": "c"}, "a=1,b=c"),
        ("label", False, INTS, [3, 4], ".3,4"),
        ("label", True, INTS, [3, 4], ".3.4"),
        ("matrix", False, INTS, [3, 4], ";p=3,4"),
        ("matrix", True, INTS, [3, 4], ";p=3;p=4"),
        ("matrix", True, OBJECT, {"a": 1, "b": "c"}, ";a=1;b=c"),
        ("matrix", False, {"type": "string"}, "v", ";p=v"),
    ],
)
def test_path_styles(style, explode, schema, value, path):
    text = spec([param("p", "path", schema, style=style, explode=explode)], path="/x/{p}")
    assert urlsplit(build_request(text, "f", {"p": value}).url).path == f"/v1/x/{path}"


@pytest.mark.parametrize(
    ("fields", "schema", "value", "query"),
    [
        ({}, INTS, [3, 4], "p=3&p=4"),
        ({"explode": False}, INTS, [3, 4], "p=3,4"),
        ({"style": "spaceDelimited", "explode": False}, INTS, [3, 4], "p=3%204"),
        ({"style": "pipeDelimited", "explode": False}, INTS, [3, 4], "p=3%7C4"),
        ({}, OBJECT, {"a": 1, "b": "c d"}, "a=1&b=c%20d"),
        ({"explode": False}, OBJECT, {"a": 1, "b": "c"}, "p=a,1,b,c"),
        ({"style": "deepObject"}, OBJECT, {"a": 1, "b": "c"}, "p[a]=1&p[b]=c"),
        ({"allowReserved": True}, {"type": "string"}, "a/b:c", "p=a/b:c"),
        ({"allowReserved": True}, {"type": "string"}, "a&admin=1#x+y", "p=a%26admin=1%23x%2By"),
        ({}, {"type": "boolean"}, True, "p=true"),
        ({}, {"type": "number"}, 1.5, "p=1.5"),
    ],
)
def test_query_styles(fields, schema, value, query):
    assert (
        urlsplit(build_request(spec([param("p", "query", schema, **fields)]), "f", {"p": value}).url).query
        == query
    )


def test_a_parameter_with_content_is_json():
    text = spec([{"name": "p", "in": "query", "content": {"application/json": {"schema": OBJECT}}}])
    (pair,) = parse_qsl(urlsplit(build_request(text, "f", {"p": {"a": "1"}}).url).query)
    assert json.loads(pair[1]) == {"a": 1}


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_bodies_of_every_kind(version):
    schema = {
        "type": "object",
        "required": ["name", "at"],
        "properties": {
            "name": {"type": "string"},
            "at": {"$ref": "#/components/schemas/Place"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    }
    place = {"type": "object", "required": ["lat"], "properties": {"lat": {"type": "number"}}}
    made = {"components": {"schemas": {"Place": place}}, "version": version}
    call = {"name": "A B", "at": {"lat": "5"}, "tags": ["x", "y&z"]}
    request = build_request(spec(body=schema, **made), "f", call)
    assert json.loads(request.body) == {"name": "A B", "at": {"lat": 5}, "tags": ["x", "y&z"]}
    form = build_request(spec(body=schema, media="application/x-www-form-urlencoded", **made), "f", call)
    assert parse_qsl(form.body) == [("name", "A B"), ("at", '{"lat": 5}'), ("tags", "x"), ("tags", "y&z")]
    parts = build_request(spec(body=schema, media="multipart/form-data", **made), "f", call)
    boundary = parts.headers["Content-Type"].split("boundary=")[1]
    assert parts.body.count(f"--{boundary}\r\n") == 3
    assert 'name="name"\r\n\r\nA B\r\n' in parts.body
    assert build_request(spec(body=INTS, **made), "f", {"body": [1, "2"]}).body == "[1, 2]"
    assert (
        build_request(spec(body={"type": "string"}, media="text/plain", **made), "f", {"body": "hi"}).body
        == "hi"
    )
    assert wrong(spec(body=schema, **made), {"name": "x", "at": {}}).parameter == "at"


def test_an_optional_body_is_left_out_or_complete():
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
    }
    text = spec(body=schema, required=False)
    request = build_request(text, "f", {})
    assert request.body is None
    assert "Content-Type" not in request.headers
    assert wrong(text, {"b": "x"}).kind == "missing_parameter"


def test_alternatives_combinations_and_additional_properties():
    cat = {
        "type": "object",
        "required": ["meow"],
        "properties": {"meow": {"type": "boolean"}},
        "additionalProperties": False,
    }
    dog = {
        "type": "object",
        "required": ["bark"],
        "properties": {"bark": {"type": "integer"}},
        "additionalProperties": False,
    }
    either = spec(body={"oneOf": [cat, dog]})
    assert json.loads(build_request(either, "f", {"bark": "3"}).body) == {"bark": 3}
    assert wrong(either, {}).kind == "invalid_value"
    assert wrong(either, {"bark": 1, "meow": True}).kind == "invalid_value"
    both = spec(
        body={"allOf": [{**cat, "additionalProperties": True}, {**dog, "additionalProperties": True}]}
    )
    assert wrong(both, {"bark": 3}).parameter == "meow"
    open_ended = spec(body={"type": "object", "properties": {"a": {"type": "string"}},
                            "additionalProperties": {"type": "integer"}})  # fmt: skip
    assert json.loads(build_request(open_ended, "f", {"a": "x", "more": "4"}).body) == {"a": "x", "more": 4}
    assert wrong(open_ended, {"more": "four"}).parameter == "more"


def test_read_only_properties_are_no_parameters():
    schema = {
        "type": "object",
        "required": ["id", "name"],
        "properties": {"id": {"type": "string", "readOnly": True}, "name": {"type": "string"}},
    }
    assert json.loads(build_request(spec(body=schema), "f", {"name": "x"}).body) == {"name": "x"}
    assert wrong(spec(body=schema), {"name": "x", "id": "1"}).kind == "unknown_parameter"


def test_one_name_in_path_and_body_is_one_argument():
    text = spec(
        [param("id", "path", {"type": "integer"})],
        {"type": "object", "properties": {"id": {"type": "integer"}}},
        path="/x/{id}",
    )
    request = build_request(text, "f", {"id": 7})
    assert urlsplit(request.url).path.endswith("/x/7")
    assert json.loads(request.body) == {"id": 7}


# --- what is refused --------------------------------------------------------------------------------

STRICT = spec(
    [
        param("n", schema={"type": "integer", "minimum": 1, "maximum": 9}),
        param("x", schema={"type": "number", "exclusiveMinimum": True, "minimum": 0}),
        param("on", schema={"type": "boolean"}),
        param("unit", schema={"type": "string", "enum": ["metric", "imperial"]}),
        param("day", schema={"type": "string", "format": "date"}),
        param("mail", schema={"type": "string", "format": "email"}),
        param("code", schema={"type": "string", "pattern": "^[A-Z]{2}$"}),
        param("name", schema={"type": "string", "minLength": 2, "maxLength": 4}),
        param("list", schema={"type": "array", "items": {"type": "integer"}, "maxItems": 2}),
        param(
            "deep",
            schema={"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}},
        ),
        param("maybe", schema={"type": "integer", "nullable": True}),
        param("X-Tag", "header"),
        param("must", required=True),
    ]
)


@pytest.mark.parametrize(
    ("arguments", "kind", "parameter", "words"),
    [
        ({"n": "five"}, "wrong_type", "n", ["an integer", '"five"']),
        ({"n": 1.5}, "wrong_type", "n", ["an integer", "1.5"]),
        ({"n": "05"}, "wrong_type", "n", ["an integer", '"05"']),
        ({"n": "٥"}, "wrong_type", "n", ["an integer"]),
        ({"n": "1_0"}, "wrong_type", "n", ["an integer"]),
        ({"n": True}, "wrong_type", "n", ["an integer", "true"]),
        ({"n": None}, "wrong_type", "n", ["an integer", "null", "leave the parameter out"]),
        ({"n": 10}, "out_of_range", "n", ["at most 9", "10"]),
        ({"x": 0}, "out_of_range", "x", ["more than 0"]),
        ({"x": "NaN"}, "wrong_type", "x", ["a number"]),
        ({"x": "0.12345678901234567890123"}, "wrong_type", "x", ["a number"]),
        ({"on": "yes"}, "wrong_type", "on", ["a boolean", '"yes"']),
        ({"on": 0}, "wrong_type", "on", ["a boolean", "0"]),
        ({"on": ""}, "wrong_type", "on", ["a boolean"]),
        ({"unit": "Metric"}, "not_in_enum", "unit", ['"metric", "imperial"', '"Metric"']),
        ({"day": "2023-02-29"}, "bad_format", "day", ["date", "2024-05-31", "2023-02-29"]),
        ({"mail": "ann@"}, "bad_format", "mail", ["email", "ann@"]),
        ({"code": "de"}, "bad_format", "code", ["^[A-Z]{2}$", '"de"']),
        ({"name": "a"}, "out_of_range", "name", ["at least 2 characters"]),
        ({"list": "1,2"}, "wrong_type", "list", ["an array"]),
        ({"list": [1, "b"]}, "wrong_type", "list", ["'list[1]'", "an integer", '"b"']),
        ({"list": [1, 2, 3]}, "out_of_range", "list", ["at most 2 items"]),
        ({"deep": {"a": [1, {}]}}, "wrong_type", "deep", ["'deep.a[1]'", "an integer"]),
        ({"X-Tag": "a\r\nb: c"}, "bad_format", "X-Tag", ["header"]),
        ({"colour": "red"}, "unknown_parameter", "colour", ["n, x, on"]),
        ({"must": {}}, "wrong_type", "must", ["a string"]),
        ({"x": float("nan")}, "wrong_type", "x", ["finite"]),
        ({"list": [1, float("inf")]}, "wrong_type", "list", ["finite"]),
        ({"must": "\ud800"}, "bad_format", "must", ["surrogates", "\\ud800"]),
    ],
)
def test_a_mistake_names_the_parameter_what_was_expected_and_what_came(arguments, kind, parameter, words):
    error = wrong(STRICT, {"must": "m", **arguments})
    assert (error.kind, error.parameter) == (kind, parameter)
    assert f"'{parameter}" in str(error)
    for word in words:
        assert word in str(error)


def test_a_missing_parameter_and_further_mistakes_are_named_together():
    error = wrong(STRICT, {"n": "x", "colour": 1})
    assert error.kind == "unknown_parameter"
    for words in ("no parameter 'colour'", "required parameter 'must' is missing", "'n' is wrong"):
        assert words in str(error)


def test_other_calls_that_cannot_be_sent():
    assert wrong(STRICT, {}, "g").kind == "unknown_function"
    assert "f" in str(wrong(STRICT, {}, "g"))
    for arguments in ([], "text", None, 3, True):
        assert wrong(STRICT, arguments).kind == "not_an_object"
    assert wrong(STRICT, {"must": "m", "\ud800": 1}).kind == "unknown_parameter"
    deep: list = []
    for _ in range(50_000):
        deep = [deep]
    assert wrong(STRICT, {"must": "m", "list": deep}).parameter == "list"
    for value in ("", ".", ".."):
        assert wrong(spec([param("p", "path")], path="/x/{p}"), {"p": value}).kind == "bad_format"


@pytest.mark.parametrize(
    ("schema", "given", "sent"),
    [
        ({"type": "integer"}, "5", 5),
        ({"type": "integer"}, 5.0, 5),
        ({"type": "integer"}, "-12", -12),
        ({"type": "integer"}, "5.0", 5),
        ({"type": "number"}, "5.5", 5.5),
        ({"type": "number"}, 5, 5.0),
        ({"type": "number"}, "1e3", 1000.0),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "false", False),
        ({"type": "string"}, 90210, "90210"),
        ({"type": "string"}, "5", "5"),
        ({"type": "array", "items": {"type": "integer"}}, ["1", 2], [1, 2]),
        ({"anyOf": [{"type": "integer"}, {"type": "boolean"}]}, "7", 7),
        ({"type": "integer", "nullable": True}, None, None),
        ({"type": "integer", "enum": [1, 2]}, "2", 2),
        ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, "4", 4),
        ({"const": 5}, "5", 5),
        ({"const": "5"}, 5, "5"),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, ["1", 2], [1, "2"]),
        (
            {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "integer"}},
            [1, "2"],
            ["1", 2],
        ),
        (
            {"type": "object", "patternProperties": {"^n": {"type": "integer"}}},
            {"n1": "1", "s": "1"},
            {"n1": 1, "s": "1"},
        ),
    ],
)
def test_coercions_lose_nothing(schema, given, sent):
    request = build_request(spec(body={"type": "object", "properties": {"p": schema}}), "f", {"p": given})
    got = json.loads(request.body)["p"]
    assert got == sent
    assert isinstance(got, bool) == isinstance(sent, bool)
    assert isinstance(got, str) == isinstance(sent, str)
    if schema.get("type") == "integer" and sent is not None:
        assert "." not in request.body, "5.0 is no integer to every server"


@pytest.mark.parametrize(
    ("value", "step", "fits"),
    [(19.99, 0.01, True), (0.07, 0.01, True), (0.3, 0.1, True), (1e300, 0.01, True), (9, 3, True),
     (19.995, 0.01, False), (0.1 + 0.2, 0.1, False), (0.25, 0.1, False), (10, 3, False)],
)  # fmt: skip
def test_multiples_are_those_of_the_decimals_as_written(value, step, fits):
    schema = {"type": "number", "multipleOf": step}
    if fits:
        assert "p=" in build_request(spec([param("p", schema=schema)]), "f", {"p": value}).url
    else:
        assert wrong(spec([param("p", schema=schema)]), {"p": value}).kind == "out_of_range"
    assert bool(complaints({"properties": {"p": schema}}, {"p": value})) is not fits


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("byte", ["", "aGVsbG8=", "aGVsbG8gd29ybGQh"], ["!!!", "aGVsbG8", "aGVs bG8="]),
        ("duration", ["P3D", "PT36S", "P1Y2M10DT2H30M", "P2W", "PT0.5S"], ["xx", "P", "PT", "3D", "P1DT"]),
        ("uri-reference", ["/page?x=1#y", "../a", "https://a.example/b", ""], ["a b", "a\\b", "http://[x"]),
        ("json-pointer", ["", "/items/0", "/a~1b/~0"], ["items", "/a~2"]),
        ("regex", ["^[a-z]+$", r"\p{L}+", "(?<name>a)", "(?<=a)b"], ["((", "[a-"]),
    ],
)
def test_formats_are_checked(form, good, bad):
    text = spec(body={"type": "object", "properties": {"p": {"type": "string", "format": form}}})
    for value in good:
        assert json.loads(build_request(text, "f", {"p": value}).body) == {"p": value}
    for value in bad:
        mistake = wrong(text, {"p": value})
        assert (mistake.kind, mistake.parameter) == ("bad_format", "p")
        assert f"the format {form}, such as" in str(mistake)


def test_types_of_openapi_3_1():
    text = spec(
        body={"type": "object", "properties": {"p": {"type": ["integer", "null"], "exclusiveMinimum": 3}}},
        version="3.1.0",
    )
    assert json.loads(build_request(text, "f", {"p": None}).body) == {"p": None}
    assert wrong(text, {"p": 3}).kind == "out_of_range"
    assert "an integer or null" in str(wrong(text, {"p": "x"}))


def test_a_tool_is_as_good_as_its_specification():
    text = spec([param("q")])
    tool = Tool("t", "t", "c", "", "", "", "", text)
    assert build_request(tool, "f", {"q": "x"}) == build_request(load_spec(text), "f", {"q": "x"})


def read_back(text: str, arguments: dict):
    """The arguments as a server of the specification reads them, and the request."""
    request = build_request(text, "f", arguments)
    target = request.url.removeprefix(load_spec(text).operations["f"].server)
    return match_request(
        load_spec(text), "POST", target, request.headers, (request.body or "").encode()
    ), request


FORM = {
    "type": "object",
    "properties": {
        "list": {"type": "array", "items": {"type": "integer"}},
        "rows": {"type": "array", "items": OBJECT},
        "deep": OBJECT,
        "words": {"type": "array", "items": {"type": "string"}},
    },
}


@pytest.mark.parametrize(
    ("encoding", "arguments", "body"),
    [
        ({}, {"list": [1, 2]}, "list=1&list=2"),
        ({"list": {"style": "form", "explode": False}}, {"list": [1, 2]}, "list=1,2"),
        ({"list": {"style": "pipeDelimited", "explode": False}}, {"list": [1, 2]}, "list=1%7C2"),
        ({"list": {"contentType": "application/json"}}, {"list": [1, 2]}, "list=%5B1%2C+2%5D"),
        (
            {"deep": {"style": "deepObject", "explode": True}},
            {"deep": {"a": 1, "b": "x"}},
            "deep[a]=1&deep[b]=x",
        ),
        ({}, {"rows": [{"a": 1}, {"a": 2}]}, "rows=%7B%22a%22%3A+1%7D&rows=%7B%22a%22%3A+2%7D"),
        ({}, {"words": ["[x]", "[1]"]}, "words=%5Bx%5D&words=%5B1%5D"),
    ],
)
def test_a_form_is_written_as_its_encoding_says_and_read_back(encoding, arguments, body):
    document = json.loads(spec(body=FORM, media="application/x-www-form-urlencoded"))
    content = document["paths"]["/x"]["post"]["requestBody"]["content"]
    content["application/x-www-form-urlencoded"]["encoding"] = encoding
    match, request = read_back(json.dumps(document), arguments)
    assert request.body == body
    assert match.arguments == arguments


def test_a_value_cannot_end_its_part_of_a_multipart_body():
    text = spec(body={"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "boolean"}}},
                media="multipart/form-data")  # fmt: skip
    part = build_request(text, "f", {"b": True}).body
    match, _ = read_back(text, {"a": f"x\r\n{part}"})
    assert match.arguments == {"a": f"x\r\n{part}"}


def test_lists_in_a_query_are_read_back_whatever_their_members_hold():
    text = spec([param("few", schema={"type": "array", "items": {"type": "string"}}, explode=False),
                 param("rows", schema={"type": "array", "items": OBJECT}),
                 param("none", schema=INTS, explode=False)])  # fmt: skip
    arguments = {"few": ["a,b", "c"], "rows": [{"a": 1}, {"b": "x"}], "none": []}
    match, request = read_back(text, arguments)
    assert "few=a%2Cb,c" in request.url
    assert match.arguments == arguments
    # Most clients encode the commas that separate, too.
    assert match_request(load_spec(text), "POST", "/x?few=a%2Cb", {}).arguments == {"few": ["a", "b"]}


TEXTS = {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize(
    ("fields", "schema", "value"),
    [
        ({}, {"oneOf": [{"type": "string"}, TEXTS]}, ["a", "b"]),
        ({}, {"oneOf": [{"type": "string"}, TEXTS]}, "a"),
        ({"explode": False}, {"anyOf": [{"type": "integer"}, TEXTS]}, ["a", "b"]),
        ({}, {"anyOf": [{"type": "integer"}, TEXTS]}, ["a"]),
        ({}, {"anyOf": [{"type": "integer"}, TEXTS]}, 5),
        ({"where": "header"}, {"anyOf": [{"type": "integer"}, TEXTS]}, ["a", "b"]),
        ({"where": "cookie"}, TEXTS, ["a", "b,c"]),
        ({"style": "deepObject"}, {"type": "object", "properties": {"tags": TEXTS}}, {"tags": ["a"]}),
        ({"explode": False}, {"type": "object", "properties": {"tags": TEXTS}}, {"tags": ["a", "b"]}),
    ],
)
def test_alternatives_and_inner_lists_are_read_back(fields, schema, value):
    text = spec([param("p", schema=schema, **fields)])
    match, _ = read_back(text, {"p": value})
    assert match.arguments == {"p": value}


@pytest.mark.parametrize("media", ["application/x-www-form-urlencoded", "multipart/form-data"])
@pytest.mark.parametrize("value", [5, ["a"], ["a", "b"]])
def test_alternatives_in_a_form_are_read_back(media, value):
    schema = {"anyOf": [{"type": "integer"}, TEXTS]}
    text = spec(body={"type": "object", "properties": {"p": schema}}, media=media)
    assert read_back(text, {"p": value})[0].arguments == {"p": value}


@pytest.mark.parametrize(
    ("fields", "value", "separator"),
    [
        ({"style": "spaceDelimited", "explode": False}, ["x y", "z"], "'blank'"),
        ({"style": "pipeDelimited", "explode": False}, ["x|y", "z"], "'|'"),
        ({"where": "header"}, ["x,y", "z"], "','"),
        ({"where": "path", "style": "label", "explode": True}, ["x.y", "z"], "'.'"),
    ],
)
def test_a_member_that_holds_what_separates_members_cannot_be_sent(fields, value, separator):
    mistake = wrong(
        spec([param("p", schema=TEXTS, **fields)], path="/x/{p}" if fields.get("where") == "path" else "/x"),
        {"p": value},
    )
    assert (mistake.kind, mistake.parameter) == ("bad_format", "p")
    assert separator in str(mistake)


def test_a_body_of_neither_json_nor_a_form_is_refused():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    mistake = wrong(spec(body=schema, media="application/xml"), {"a": "x"})
    assert "application/xml" in str(mistake) and "cannot be sent" in str(mistake)
    text = build_request(spec(body={"type": "string"}, media="application/xml"), "f", {"body": "<a/>"})
    assert (text.body, text.headers) == ("<a/>", {"Content-Type": "application/xml"})


@pytest.mark.parametrize("where", ["query", "header", "cookie", "path"])
def test_null_is_written_in_json_alone(where):
    nullable = {"type": "string", "nullable": True}
    text = spec([param("p", where, nullable)], path="/x/{p}" if where == "path" else "/x")
    if where == "path":
        mistake = wrong(text, {"p": None})
        assert (mistake.kind, mistake.parameter) == ("wrong_type", "p")
    else:
        request = build_request(text, "f", {"p": None})
        assert "null" not in request.url + str(request.headers) and request.arguments == {}
    required = spec([param("q", schema=nullable) | {"required": True}])
    assert "expected a value that a query can hold, got null" in str(wrong(required, {"q": None}))
    form = spec(
        body={"type": "object", "properties": {"p": nullable}}, media="application/x-www-form-urlencoded"
    )
    assert build_request(form, "f", {"p": None}).body == ""
    body = spec(body={"type": "object", "properties": {"p": nullable}})
    assert json.loads(build_request(body, "f", {"p": None}).body) == {"p": None}


def test_listed_values_of_another_type_than_the_schema_says_can_be_used():
    text = spec([param("s", schema={"type": "string", "enum": ["auto", 1, True, 1.5]}),
                 param("i", schema={"type": "integer", "enum": ["1", "2"]}),
                 param("b", schema={"type": "boolean", "enum": ["true"]}),
                 param("any", schema={"enum": [1, 2]})])  # fmt: skip
    assert build_request(text, "f", {"s": 1, "i": "2", "b": True, "any": "2"}).url.endswith(
        "?s=1&i=2&b=true&any=2"
    )
    assert build_request(text, "f", {"s": "true"}).url.endswith("?s=true")
    assert wrong(text, {"i": 3}).kind == "not_in_enum"


@pytest.mark.parametrize(
    ("mapping", "kind", "good"),
    [(None, "Cat", True), (None, "cat", False), ({"cat": "#/components/schemas/Cat"}, "cat", True)],
)
def test_a_discriminator_says_which_alternative_is_meant(mapping, kind, good):
    animal = {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}}}
    body = {"oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
            "discriminator": {"propertyName": "kind", "mapping": mapping}}  # fmt: skip
    text = spec(body=body, components={"schemas": {"Cat": animal, "Dog": animal}})
    if good:
        assert build_request(text, "f", {"kind": kind}).body == json.dumps({"kind": kind})
    else:
        assert "kind" in str(wrong(text, {"kind": kind}))


def test_paths_with_blanks_and_with_a_query_of_their_own():
    text = spec([param("id", "path"), param("q")], path="/all things/{id}?view=full")
    match, request = read_back(text, {"id": "é", "q": "x"})
    assert request.url.endswith("/all%20things/%C3%A9?view=full&q=x")
    assert match.arguments == {"id": "é", "q": "x"}
    with pytest.raises(Refusal) as refusal:
        match_request(load_spec(text), "POST", "/all%20things/1?q=x", {})
    assert refusal.value.status == 404


def test_a_body_may_come_in_any_of_its_media_types():
    document = json.loads(spec(body=OBJECT))
    content = document["paths"]["/x"]["post"]["requestBody"]["content"]
    content["application/x-www-form-urlencoded"] = content["application/json"]
    served = load_spec(json.dumps(document))
    for kind, sent in (("application/json", b'{"a": 1}'), ("application/x-www-form-urlencoded", b"a=1")):
        match = match_request(served, "POST", "/x", {"Content-Type": kind}, sent)
        assert match.arguments == {"a": 1}
        assert match.request.body == '{"a": 1}'
    with pytest.raises(Refusal, match="expected application/json or application/x-www-form-urlencoded"):
        match_request(served, "POST", "/x", {"Content-Type": "text/plain"}, b"a")


# --- properties -------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
any_texts = st.text(st.characters(), max_size=12)
header_texts = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
path_texts = texts.filter(lambda t: t not in ("", ".", ".."))
bodies = st.fixed_dictionaries(
    {},
    optional={
        "s": texts,
        "i": st.integers(),
        "f": st.floats(allow_nan=False, allow_infinity=False),
        "b": st.booleans(),
        "l": st.lists(texts, max_size=3),
        "o": st.fixed_dictionaries({}, optional={"x": st.integers(), "y": texts}),
        "m": st.one_of(st.none(), st.integers()),
    },
)
BODY = {
    "type": "object",
    "properties": {
        "s": {"type": "string"},
        "i": {"type": "integer"},
        "f": {"type": "number"},
        "b": {"type": "boolean"},
        "l": {"type": "array", "items": {"type": "string"}},
        "m": {"type": "integer", "nullable": True},
        "o": {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "string"}}},
    },
}
EVERYWHERE = spec(
    [
        param("p", "path"), param("n", "path", {"type": "integer"}), param("q"), param("many", schema=INTS),
        param("few", schema={"type": "array", "items": {"type": "string"}}, explode=False),
        param("deep", schema=OBJECT, style="deepObject"), param("X-H", "header"), param("c", "cookie"),
    ],
    BODY, path="/x/{p}/y/{n}",
)  # fmt: skip
plain = {
    "q": texts, "many": st.lists(st.integers(), min_size=1, max_size=3), "X-H": header_texts, "c": texts,
    "few": st.lists(st.text("abc é&=/", min_size=1, max_size=4), min_size=1, max_size=3),
    "deep": st.fixed_dictionaries({"a": st.integers()}, optional={"b": texts}),
}  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.fixed_dictionaries({"p": path_texts, "n": st.integers()}, optional=plain), bodies)
def test_a_server_reads_back_the_arguments_that_were_sent(outside, body):
    arguments = {**outside, **body}
    request = build_request(EVERYWHERE, "f", arguments)
    assert request.url.isascii()
    assert unquote(urlsplit(request.url).path.split("/")[3], errors="strict") == outside["p"]
    target = request.url.removeprefix("https://eu.example.com/v1")
    match = match_request(load_spec(EVERYWHERE), "POST", target, request.headers, request.body.encode())
    assert match.arguments == arguments
    assert match.request == request


anything = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        any_texts,
        st.sampled_from(["5", "true", "2024-01-01"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(any_texts, inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.one_of(
        anything,
        st.fixed_dictionaries(
            {"must": texts},
            optional={
                n: anything
                for n in ("n", "x", "on", "unit", "day", "code", "name", "list", "deep", "maybe", "X-Tag")
            },
        ),
    )
)
def test_any_arguments_give_a_request_or_a_typed_mistake(arguments):
    try:
        request = build_request(STRICT, "f", arguments)
    except InvalidCall as error:
        assert error.kind and str(error).encode()
        return
    assert request.url.startswith("https://eu.example.com/v1/x?")
    json.dumps(request.arguments, allow_nan=False).encode()
    assert request.url.isascii()
    assert request.arguments.get("n", 1) in range(1, 10)


# --- a request as a server reads it -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "words"),
    [
        ("GET", "/nowhere", b"", 404, "no path matches /nowhere"),
        ("GET", "/x/a/y/1", b"", 405, "expected POST"),
        ("POST", "/x/a/y/one", b"{}", 422, "path parameter 'n'"),
        ("POST", "/x/a/y/1?many=1&many=b", b"{}", 422, "query parameter 'many' at [1]"),
        ("POST", "/x/a/y/1?zzz=1", b"{}", 422, "query parameter 'zzz' is not known"),
        ("POST", "/x/a/y/1?q=1&q=2", b"{}", 422, "expected one value, got 2"),
        ("POST", "/x/a/y/1?deep[a]=x", b"{}", 422, "query parameter 'deep' at a"),
        ("POST", "/x/a/y/1", b"", 422, "the body is missing"),
        ("POST", "/x/a/y/1", b"{", 422, "cannot be read"),
        ("POST", "/x/a/y/1", b'{"i": "5"}', 422, "body, i: expected an integer"),
        ("POST", "/x/%ff/y/1", b"{}", 422, "UTF-8"),
    ],
)
def test_refusals_have_a_status_and_say_why(method, target, body, status, words):
    with pytest.raises(Refusal) as error:
        match_request(load_spec(EVERYWHERE), method, target, {"Content-Type": "application/json"}, body)
    assert error.value.status == status
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("scheme", "headers", "query"),
    [
        ({"type": "apiKey", "in": "header", "name": "X-Key"}, {"x-key": "k"}, ""),
        ({"type": "apiKey", "in": "query", "name": "key"}, {}, "?key=k"),
        ({"type": "apiKey", "in": "cookie", "name": "sid"}, {"Cookie": "a=b; sid=k"}, ""),
        ({"type": "http", "scheme": "bearer"}, {"Authorization": "Bearer k"}, ""),
        ({"type": "http", "scheme": "basic"}, {"Authorization": "Basic dTpw"}, ""),
        ({"type": "oauth2", "flows": {}}, {"authorization": "bearer k"}, ""),
    ],
)
def test_credentials_are_demanded_where_the_specification_demands_them(scheme, headers, query):
    loaded = load_spec(spec(components={"securitySchemes": {"s": scheme}}, security=[{"s": []}]))
    with pytest.raises(Refusal) as error:
        match_request(loaded, "POST", "/x", {})
    assert error.value.status == 401
    assert match_request(loaded, "POST", f"/x{query}", headers).operation.name == "f"
    optional = load_spec(spec(components={"securitySchemes": {"s": scheme}}, security=[{"s": []}, {}]))
    assert match_request(optional, "POST", "/x", {}).arguments == {}


@needs_data
def test_gold_calls_of_the_published_tasks_can_be_sent():
    sent = 0
    for name in ("eval_real", "eval_simulated"):
        for tool in json.loads((DATA / f"{name}.json").read_text()):
            for answer in tool["Golden_Answers"]:
                for step in answer:
                    try:
                        arguments = json.loads(step["Action_Input"])
                    except ValueError:
                        continue
                    given = {k: v for k, v in arguments.items() if v != ""}  # "" is their "not given"
                    known = step["Action"] in load_spec(tool["Documentation"]).operations
                    if known and "filter" not in given:  # one gold step names a parameter that does not exist
                        request = build_request(tool["Documentation"], step["Action"], given)
                        assert request.url.startswith("http")
                        sent += 1
    assert sent > 240


def test_what_an_optional_body_wants_is_documented_as_required():
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {}}}
    content = {"content": {"application/json": {"schema": schema}}}
    item = {"operationId": "f", "requestBody": content, "responses": {"200": {"description": "ok"}}}
    document = {"openapi": "3.0.3", "info": {"title": "t", "version": "1"}}
    for method, told in (("post", True), ("delete", False)):
        text = json.dumps({**document, "paths": {"/x": {method: item}}})
        (function,) = functions_of(text)
        assert ('"a": "Required. string."' in function.documentation) is told
        assert function.signature == ("f(a, b?: any)" if told else "f(a?, b?: any)")
        assert not any(parameter.required for parameter in function.parameters)


def test_choices_of_a_list_are_those_of_its_entries():
    query = {"name": "flags", "in": "query", "schema": {"type": "array", "enum": ["red", "blue"]}}
    item = {"operationId": "f", "parameters": [query], "responses": {"200": {"description": "ok"}}}
    document = {"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": {"/x": {"get": item}}}
    spec = load_spec(json.dumps(document))
    assert build_request(spec, "f", {"flags": ["red", "blue"]}).url.endswith("flags=red&flags=blue")
    with pytest.raises(InvalidCall, match="one of"):
        build_request(spec, "f", {"flags": ["green"]})
    schema = spec.schema({"type": "array", "enum": [["red"], ["blue"]]})
    assert schema["enum"] == [["red"], ["blue"]]


def test_a_property_that_a_parameter_of_its_name_excludes_is_left_out():
    flags = {"type": "array", "items": {"type": "string"}}
    parameters = [{"name": n, "in": "query", "required": True, "schema": flags} for n in ("flags", "sails")]
    parameters.append({"name": "size", "in": "query", "schema": {"type": "integer"}})
    body = {
        "flags": {"type": "string"},
        "sails": flags,
        "size": {"type": "number"},
        "hull": {"type": "string"},
    }
    content = {"content": {"application/json": {"schema": {"type": "object", "properties": body}}}}
    item = {"operationId": "f", "parameters": parameters, "requestBody": content}
    item["responses"] = {"200": {"description": "ok"}}
    document = {"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": {"/x": {"post": item}}}
    spec = load_spec(json.dumps(document))
    request = build_request(spec, "f", {"flags": ["a"], "sails": ["b"], "size": 2, "hull": "oak"})
    assert json.loads(request.body) == {"sails": ["b"], "size": 2, "hull": "oak"}
    assert "flags=a" in request.url and "size=2" in request.url
    assert any("'flags' of the body is another type" in warning for warning in spec.warnings)
