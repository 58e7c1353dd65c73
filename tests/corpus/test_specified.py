"""A specification that a model wrote against the functions it was written for: what differs is repaired."""

import asyncio
import copy
import json

import pytest
from scripted import Scripted

from toolalpaca.corpus.specified import check, listed_functions, with_outputs
from toolalpaca.corpus.toolset import Toolsmith, parse_functions
from toolalpaca.openapi.validation import documentation_of, functions_of, problems_of
from toolalpaca.schema import ReplyError, RowFailure

FUNCTIONS = parse_functions(
    """1. Name: searchWalks
Description: Search walks near a place.
Input: {"place": "Required. string. Where to start.", "kilometres": "Optional. integer. At most this long.", \
"tags": "Optional. array of strings. What it should have."}
Output: An array of objects with walkId (string), title (string).
2. Name: bookGuide
Description: Book a guide for a walk.
Input: {"walkId": "Required. string. The walk.", "people": "Required. integer. How many come."}
Output: An object with bookingId (string)."""
)
INTRODUCTION = "Walks near a place, with guides that can be booked for them by anybody who likes to walk."


def parameter(name, kind, needed, place="query", **more):
    schema = {"type": kind, **more}
    return {"name": name, "in": place, "required": needed, "description": name, "schema": schema}


def answer(description):
    schema = {"type": "object", "properties": {"walkId": {"type": "string"}}}
    return {"200": {"description": description, "content": {"application/json": {"schema": schema}}}}


RIGHT = {
    "openapi": "3.0.0",
    "info": {"title": "Walks", "version": "1", "description": "Walks."},
    "servers": [{"url": "https://walks.example"}],
    "paths": {
        "/walks": {
            "get": {
                "operationId": "searchWalks",
                "description": "Search walks near a place.",
                "parameters": [
                    parameter("place", "string", True),
                    parameter("kilometres", "integer", False),
                    parameter("tags", "array", False, items={"type": "string"}),
                ],
                "responses": answer("Successful response."),
            }
        },
        "/walks/{walkId}/bookings": {
            "post": {
                "operationId": "bookGuide",
                "description": "Book a guide for a walk.",
                "parameters": [parameter("walkId", "string", True, "path")],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["people"],
                                "properties": {"people": {"type": "integer"}},
                            }
                        }
                    },
                },
                "responses": answer("The booking with its number"),
            }
        },
    },
}


def changed(change):
    document = copy.deepcopy(RIGHT)
    search, book = document["paths"]["/walks"]["get"], document["paths"]["/walks/{walkId}/bookings"]["post"]
    change(document, search, book)
    return json.dumps(document)


def drop(document, search, book):
    del search["parameters"][1]


def retype(document, search, book):
    book["requestBody"]["content"]["application/json"]["schema"]["properties"]["people"]["type"] = "string"


def require(document, search, book):
    search["parameters"][1]["required"] = True


def relax(document, search, book):
    del book["requestBody"]["content"]["application/json"]["schema"]["required"]


def add_operation(document, search, book):
    document["paths"]["/guides"] = {
        "get": {"operationId": "listGuides", "responses": answer("All guides there are")}
    }


def add_parameter(document, search, book):
    search["parameters"].append(parameter("page", "integer", False))


def other_items(document, search, book):
    search["parameters"][2]["schema"]["items"] = {"type": "integer"}


def forget(document, search, book):
    del document["paths"]["/walks/{walkId}/bookings"]


def nothing(document, search, book):
    pass


def richer(document, search, book):
    """What a specification may say beyond the list: formats, bounds, null, alternatives."""
    search["parameters"][1]["schema"] |= {"minimum": 1, "maximum": 60, "nullable": True}
    search["parameters"][0]["schema"] = {"oneOf": [{"type": "string", "maxLength": 80}]}


@pytest.mark.parametrize(
    ("change", "reason", "told"),
    [
        (drop, "functions_differ", "searchWalks: the integer parameter 'kilometres' is missing"),
        (retype, "functions_differ", "bookGuide: 'people' must have the type integer, not string"),
        (require, "functions_differ", "searchWalks: 'kilometres' must be optional, not required"),
        (relax, "functions_differ", "bookGuide: 'people' must be required, not optional"),
        (add_operation, "functions_differ", "listGuides is none of the functions: leave the operation out"),
        (add_parameter, "functions_differ", "searchWalks: 'page' is no input of the function: leave it out"),
        (
            other_items,
            "functions_differ",
            "searchWalks: the items of 'tags' must have the type string, not integer",
        ),
        (forget, "functions_missing", "the functions bookGuide are missing in paths"),
        (nothing, "", ""),
        (richer, "", ""),
    ],
)
def test_what_differs_from_the_functions_is_refused_and_what_agrees_is_not(change, reason, told):
    text = changed(change)
    if not reason:
        return check(FUNCTIONS, text)
    with pytest.raises(ReplyError) as error:
        check(FUNCTIONS, text)
    assert (error.value.reason, error.value.detail) == (reason, told)


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("Required. string. Where to start.", (True, "string", "")),
        ("Optional. array of strings. Tags.", (False, "array", "string")),
        ("(integer, optional) How many.", (False, "integer", "")),
        ("required integer: how many", (True, "integer", "")),
        ("Number. The price.", (None, "number", "")),
        ("array[integer], required", (True, "array", "integer")),
        ("Required. Number of guests.", (True, "", "")),
        ("Required. text to translate", (True, "", "")),
        ("The title, which is not required.", (None, "", "")),
        ({"type": "int", "required": True}, (True, "integer", "")),
        ({"type": "array", "items": {"type": "string"}}, (None, "array", "string")),
    ],
)
def test_what_a_line_says_of_an_input_is_read_and_no_more(line, read):
    text = f"1. Name: f\nDescription: It does.\nInput: {json.dumps({'a': line})}\nOutput: Something."
    assert listed_functions(text)[0].inputs == {"a": read}


def test_all_that_is_wrong_is_told_at_once():
    def spoil(document, search, book):
        drop(document, search, book)
        retype(document, search, book)
        del document["info"]["title"]
        search["responses"]["200"]["content"]["application/json"]["schema"] = {"$ref": "#/components/Walk"}
        del book["responses"]["200"]["content"]

    with pytest.raises(ReplyError) as error:
        check(FUNCTIONS, changed(spoil))
    assert error.value.reason == "invalid_openapi"
    for told in ("'title'", "#/components/Walk", "bookGuide: response 200", "'kilometres'", "'people'"):
        assert told in error.value.detail, told
    assert problems_of(changed(nothing)) == []


def test_a_difference_goes_into_the_repair():
    wrong, right = (f"```json\n{changed(change)}\n```" for change in (retype, nothing))
    api = {"tool_id": "t/walks", "name": "Walks", "category": "T", "link": "", "description": "Walks."}
    model = Scripted(INTRODUCTION, FUNCTIONS, wrong, right)
    tool = asyncio.run(Toolsmith(model)({"api": api, "variant": 1}))
    assert [prompt.name for prompt in model.prompts][-2:] == ["openapi", "openapi_repair"]
    assert "'people' must have the type integer, not string" in model.prompts[-1].messages[-1]["content"]
    assert {p["name"] for p in tool["functions"][0]["parameters"]} == {"place", "kilometres", "tags"}
    with pytest.raises(RowFailure, match="functions_differ"):
        asyncio.run(
            Toolsmith(Scripted(INTRODUCTION, FUNCTIONS, wrong, wrong, wrong), tries=3)(
                {"api": api, "variant": 1}
            )
        )


@pytest.mark.parametrize("said", ["Successful response.", "OK", "success", "Successful operation"])
def test_the_output_of_the_design_reaches_the_documentation(said):
    text = changed(lambda document, search, book: search.update(responses=answer(said)))
    shown = documentation_of(functions_of(with_outputs(FUNCTIONS, text)))
    assert "Output: An array of objects with walkId (string), title (string)." in shown
    assert "Output: The booking with its number." in shown  # what says something is left as it is
