"""Texts into JSON values: YAML 1.2's core types, Swagger 2.0, paths that share an item."""

from __future__ import annotations

import json

import pytest

from toolalpaca.openapi.documents import parse_document
from toolalpaca.openapi.request import build_request
from toolalpaca.openapi.selection import select
from toolalpaca.openapi.spec import Spec
from toolalpaca.openapi.validation import validate


def yaml_value(text: str):
    return parse_document(f"openapi: 3.1.0\nx-value: {text}\n")["x-value"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12:30", "12:30"), ("1_000", "1_000"), ("010", 10), ("0o17", 15), ("0x1F", 31), ("1e3", 1000.0),
        (".5", 0.5), ("+1", 1), ("yes", "yes"), ("on", "on"), ("No", "No"), ("TRUE", True), ("false", False),
        ("~", None), ("", None), ("2024-05-01", "2024-05-01"), ("190:20:30", "190:20:30"), ("0b11", "0b11"),
        (".inf", ".inf"), ("1e999", "1e999"), ("1.", 1.0), ("0.0.1", "0.0.1"), ("'010'", "010"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(text, value):
    found = yaml_value(text)
    assert found == value and type(found) is type(value)


def test_a_string_schema_gets_its_values_as_they_were_written():
    schema = yaml_value("{type: string, enum: [007, 1e3, true, x], default: 010, maxLength: 12}")
    assert schema == {
        "type": "string",
        "enum": ["007", "1e3", "true", "x"],
        "default": "010",
        "maxLength": 12,
    }
    assert yaml_value("{type: integer, enum: [007], default: 7}") == {
        "type": "integer",
        "enum": [7],
        "default": 7,
    }
    assert parse_document("openapi: 3.1.0\ninfo: {title: t, version: 1.10}\n")["info"]["version"] == "1.10"


def operation(name: str, **more) -> dict:
    return {"operationId": name, "responses": {"200": {"description": "ok"}}, **more}


def test_paths_that_share_an_item_are_functions_of_their_own():
    paths = {
        "/boats": {"get": operation("listBoats")},
        "/vessels": {"$ref": "#/paths/~1boats", "post": operation("addVessel")},
        "/ships": {"$ref": "#/paths/~1boats"},
    }
    spec = Spec({"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": paths})
    assert [(o.method, o.path, o.name) for o in spec.operations.values()] == [
        ("get", "/boats", "listBoats"),
        ("get", "/vessels", "listBoats_2"),
        ("post", "/vessels", "addVessel"),
        ("get", "/ships", "listBoats_3"),
    ]


SWAGGER = """
swagger: "2.0"
info: {title: Harbour, version: "1"}
host: api.harbour.example
basePath: /v2
schemes: [http, https]
consumes: [application/json]
securityDefinitions:
  key: {type: apiKey, name: X-Key, in: header}
  login:
    {type: oauth2, flow: accessCode, authorizationUrl: https://a/x, tokenUrl: https://a/y, scopes: {read: r}}
parameters:
  berth: {name: berth, in: path, required: true, type: integer}
  boat: {name: boat, in: body, required: true, schema: {$ref: "#/definitions/Boat"}}
definitions:
  Boat:
    type: object
    required: [name]
    discriminator: kind
    properties: {name: {type: string}, kind: {type: string}, owner: {$ref: "#/definitions/Person"}}
  Person: {type: object, properties: {name: {type: string, x-nullable: true}}}
responses:
  missing: {description: No such berth, schema: {$ref: "#/definitions/Person"}}
paths:
  /berths/{berth}:
    parameters: [{$ref: "#/parameters/berth"}]
    get:
      operationId: readBerth
      parameters:
        - {name: fields, in: query, type: array, items: {type: string}}
        - {name: tags, in: query, type: array, items: {type: string}, collectionFormat: multi}
        - {name: sizes, in: query, type: array, items: {type: integer}, collectionFormat: pipes}
      responses:
        200:
          description: A boat
          schema: {$ref: "#/definitions/Boat"}
          examples: {application/json: {name: Ida}}
        404: {$ref: "#/responses/missing"}
    put:
      operationId: fillBerth
      parameters: [{$ref: "#/parameters/boat"}]
      responses: {204: {description: Done}}
  /photos:
    post:
      operationId: addPhoto
      consumes: [multipart/form-data]
      parameters:
        - {name: picture, in: formData, type: file, required: true}
        - {name: title, in: formData, type: string, maxLength: 20}
      responses: {204: {description: ok}}
  /notes:
    post:
      operationId: addNote
      parameters:
        - {name: words, in: formData, type: array, items: {type: string}, required: true}
      responses: {204: {description: ok}}
"""


def test_swagger_2_is_read_as_what_it_says():
    document = parse_document(SWAGGER)
    validate(json.dumps(document))
    spec = Spec(document)
    assert [(o.name, o.server) for o in spec.operations.values()] == [
        (name, "https://api.harbour.example/v2") for name in ("readBerth", "fillBerth", "addPhoto", "addNote")
    ]
    arguments = {"berth": 7, "fields": ["a", "b"], "tags": ["x", "y"], "sizes": [1, 2]}
    request = build_request(spec, "readBerth", arguments)
    assert request.url == ("https://api.harbour.example/v2/berths/7?fields=a,b&tags=x&tags=y&sizes=1%7C2")
    boat = spec.operations["readBerth"].responses["200"].media[0].schema
    assert (
        boat["required"] == ["name"] and "null" in boat["properties"]["owner"]["properties"]["name"]["type"]
    )
    assert spec.operations["readBerth"].responses["404"].description == "No such berth"
    assert spec.operations["fillBerth"].body_required
    assert build_request(spec, "fillBerth", {"berth": 1, "name": "Ida"}).body == '{"name": "Ida"}'
    assert spec.operations["addPhoto"].body.type == "multipart/form-data"
    assert "title" in build_request(spec, "addPhoto", {"picture": "x", "title": "t"}).body
    note = build_request(spec, "addNote", {"words": ["a", "b"]})
    assert note.headers["Content-Type"] == "application/x-www-form-urlencoded" and note.body == "words=a,b"
    assert spec.security_schemes["login"]["flows"]["authorizationCode"]["scopes"] == {"read": "r"}


def test_a_part_of_a_large_specification_keeps_tags_together_and_what_they_refer_to():
    def one(tag: str, n: int) -> dict:
        return operation(f"{tag}{n}", tags=[tag], **{"x-uses": {"$ref": f"#/components/schemas/{tag}"}})

    paths = {f"/{tag}{n}": {"get": one(tag, n)} for tag in "abcde" for n in range(10)}
    common = {"type": "object", "properties": {"of": {"$ref": "#/components/schemas/All"}}}
    schemas = dict.fromkeys("abcde", common)
    document = {
        "openapi": "3.0.3",
        "info": {"title": "t", "version": "1"},
        "paths": paths,
        "components": {"schemas": {**schemas, "All": {"type": "string"}, "Unused": {}}},
    }
    part, count = select(document, 20, seed=1)
    names = list(Spec(part).operations)
    assert count == 50 and len(names) == 20 and len({name[0] for name in names}) == 2
    assert set(part["components"]["schemas"]) == {name[0] for name in names} | {"All"}
    assert select(document, 20, seed=1)[0] == part and select(document, 20, seed=2)[0] != part
    assert select(document, 50)[0] is document
