"""What documentation tells of a value's bounds, and that the embedded teacher reads it back."""

import json

import pytest

from toolalpaca.offline.reading import read
from toolalpaca.openapi.documentation import describe
from toolalpaca.openapi.documents import compact
from toolalpaca.schema import Parameter


@pytest.mark.parametrize(
    ("schema", "told", "bounds"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 20}, "From 1 to 20", {"minimum": 1, "maximum": 20}),
        ({"type": "number", "minimum": -0.5}, "From -0.5", {"minimum": -0.5}),
        ({"type": "number", "exclusiveMinimum": 0}, "Over 0", {"exclusiveMinimum": 0}),
        ({"type": "integer", "multipleOf": 5}, "In steps of 5", {"multipleOf": 5}),
        ({"type": "string", "maxLength": 80}, "Up to 80 characters", {"maxLength": 80}),
        ({"type": "string", "minLength": 1}, "From 1 character", {"minLength": 1}),
        (
            {"type": "string", "minLength": 3, "maxLength": 3, "pattern": "^[A-Z]{3}.$"},
            "Exactly 3 characters. Pattern: ^[A-Z]{3}.$",
            {"minLength": 3, "maxLength": 3, "pattern": "^[A-Z]{3}.$"},
        ),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 4}, "Up to 4 items", {"maxItems": 4}),
        ({"type": "string"}, "", {}),
        ({"type": "integer", "minimum": True}, "", {}),
        ({"type": "string", "minLength": 0, "pattern": "x" * 200}, "", {}),
    ],
)
def test_bounds_are_documented_and_read(schema, told, bounds):
    line = describe(Parameter("value", "query", True, schema, "From 3 boats on"))
    kind = "Array[string]" if schema["type"] == "array" else schema["type"]
    assert line == f"Required. {kind}. {told + '. ' if told else ''}From 3 boats on."
    (doc,) = read(f"f: It does.\nParameters: {json.dumps({'value': line})}\nOutput: Something.")
    assert dict(doc.leaves[0].bounds) == bounds


def test_a_specification_in_a_prompt_holds_no_blanks_but_those_of_its_texts():
    document = {"openapi": "3.0.0", "info": {"title": "Cafés: a, b", "version": "1"}, "paths": {}}
    for indent in (None, 2):
        shown = compact(json.dumps(document, indent=indent))
        assert json.loads(shown) == document
        assert shown.replace("Cafés: a, b", "").count(" ") == 0
    assert compact("{ not JSON") == "{ not JSON"
