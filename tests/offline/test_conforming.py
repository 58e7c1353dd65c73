"""Values drawn from schemas fit them, whatever the schema asks for."""

from __future__ import annotations

import random

import pytest

from toolalpaca.offline import fields, generation
from toolalpaca.offline.conforming import conforming
from toolalpaca.openapi.arguments import accepts

NODE = {"$ref": "#/$defs/Node"}
SCHEMAS = {
    "alternatives that require": {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"type": "integer"}},
        "anyOf": [{"required": ["b"]}, {"required": ["c"]}],
    },
    "closed alternatives": {
        "oneOf": [
            {
                "type": "object",
                "required": ["k"],
                "properties": {"k": {"const": 1}},
                "additionalProperties": False,
            },
            {
                "type": "object",
                "required": ["k"],
                "properties": {"k": {"const": 2}},
                "additionalProperties": False,
            },
        ]
    },
    "merged bounds": {
        "allOf": [{"type": "integer", "minimum": 3}, {"allOf": [{"maximum": 4}, {"not": {"const": 3}}]}]
    },
    "free names": {"type": "object", "propertyNames": {"pattern": "^x-"}, "minProperties": 2},
    "names by pattern": {
        "type": "object",
        "patternProperties": {"^[0-9]+$": {"type": "boolean"}},
        "additionalProperties": False,
        "minProperties": 1,
    },
    "narrow numbers": {"type": "number", "multipleOf": 0.25, "exclusiveMinimum": 1, "exclusiveMaximum": 2},
    "all of a few": {"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True, "minItems": 3},
    "positions": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
    "one of a kind": {"type": "array", "contains": {"const": 5}, "items": {"type": "integer"}},
    "an enum with a stranger": {"type": "integer", "enum": ["a", 3]},
    "long text": {"type": "string", "minLength": 300, "maxLength": 301},
    "a pattern": {"type": "string", "pattern": "^(?:[A-Z]{2}|\\d{3})-[^a-y]\\w+$", "maxLength": 12},
    "recursion": {
        **NODE,
        "$defs": {
            "Node": {
                "type": "object",
                "required": ["n", "kids"],
                "properties": {
                    "n": {"type": "integer"},
                    "kids": {"type": "array", "items": NODE},
                    "up": {"anyOf": [NODE, {"type": "null"}]},
                },
            }
        },
    },
    "formats": {
        "type": "object",
        "required": ["a", "b", "c", "d", "e", "f", "g"],
        "properties": {
            letter: {"type": "string", "format": form}
            for letter, form in zip(
                "abcdefg", ["date", "date-time", "time", "email", "uuid", "uri", "ipv6"], strict=True
            )
        },
    },
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_values_fit_and_depend_on_the_seed_alone(name):
    schema = SCHEMAS[name]
    values = [conforming(schema, random.Random(seed)) for seed in range(25)]
    for value in values:
        assert accepts(schema, value), value
    assert values == [conforming(schema, random.Random(seed)) for seed in range(25)]


@pytest.mark.parametrize("form", ["byte", "duration", "uri-reference", "json-pointer", "uuid", "date-time"])
def test_the_teacher_writes_and_asks_for_values_of_the_formats_that_are_checked(form):
    schema = {"type": "string", "format": form}
    for seed in range(25):
        rng = random.Random(seed)
        assert accepts(schema, generation.make(schema, rng, 0, "thing"))
        assert accepts(schema, fields.string(rng, fields.string_kind("thing", form), 0, "thing"))


def test_wishes_come_true_where_they_fit():
    schema = {
        "type": "object",
        "required": ["city", "size"],
        "properties": {"city": {"type": "string"}, "size": {"type": "integer", "maximum": 3}},
    }

    def wish(name, listed):
        yield {"city": "Oslo", "size": 9}.get(name)

    value = conforming(schema, random.Random(0), wish=wish)
    assert value["city"] == "Oslo"
    assert value["size"] <= 3
