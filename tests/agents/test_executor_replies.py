"""A model that plays the API: what it writes is read, what no server would answer is refused with words."""

import asyncio
import dataclasses
import json

import pytest
from scripted import Scripted

from toolalpaca.agents.environment import Environment
from toolalpaca.agents.executors.calls import Response, parse_response
from toolalpaca.agents.executors.llm import LlmExecutor
from toolalpaca.openapi.validation import functions_of
from toolalpaca.schema import ReplyError, Scenario, Tool

PET = {"type": "object", "properties": {"petId": {"type": "integer"}, "name": {"type": "string"}}}
PETS = {
    "type": "object",
    "properties": {"pets": {"type": "array", "items": PET}, "total": {"type": "integer"}},
}
ADOPTION = {"type": "object", "properties": {"adoptionId": {"type": "integer"}, "petId": {"type": "integer"}}}

FILM = {"type": "object", "properties": {"id": {"type": "integer"}}}


def operation(name, schema, parameters=(), status="200", body=None):
    found = {
        "operationId": name,
        "description": name,
        "parameters": [
            {"name": n, "in": where, "required": where == "path", "schema": {"type": "integer"}}
            for n, where in parameters
        ],
        "responses": {status: {"description": "d", "content": {"application/json": {"schema": schema}}}},
    }
    if schema is None:
        found["responses"] = {status: {"description": "done"}}
    if body:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return found


PATHS = {
    "/pets": {"get": operation("searchPets", PETS, [("limit", "query"), ("age", "query")])},
    "/pets/{petId}": {
        "get": operation("getPet", PET, [("petId", "path")]),
        "delete": operation("removePet", None, [("petId", "path")], status="204"),
    },
    "/pets/{petId}/mother": {"get": operation("getMother", PET, [("petId", "path")])},
    "/getPetDetails": {"get": operation("petDetails", PET, [("petId", "query")])},
    "/nearest": {"get": operation("nearestPet", PET, [("petId", "query")])},
    "/cities/{cityId}": {"get": operation("getCity", FILM, [("cityId", "path")])},
    "/vets/{cityId}": {"get": operation("getVet", FILM, [("cityId", "path")])},
    "/rates": {"get": operation("getRates", {"type": "object", "additionalProperties": {"type": "number"}})},
    "/films": {"post": operation("film", FILM, status="201", body=FILM)},
    "/adoptions": {"post": operation("adopt", ADOPTION, status="201", body=ADOPTION)},
}
SPEC = json.dumps(
    {
        "openapi": "3.0.0",
        "info": {"title": "Pets", "version": "1"},
        "servers": [{"url": "https://pets.example"}],
        "paths": PATHS,
    }
)
TOOL = Tool("t/pets", "Pets", "Animals", "", "", "", "", SPEC, functions_of(SPEC))


def act(function, arguments, *replies, scenario=Scenario.ORDINARY):
    """The status and text of the first usable reply, and the prompts that it took."""
    model = Scripted(*replies)
    environment = Environment(TOOL, "Ask.", LlmExecutor(model), Scripted(), key="k", scenario=scenario)
    seen = asyncio.run(environment.act(function, json.dumps(arguments)))
    return seen.text, model.prompts


def said(status, body):
    return f"Status Code: {status}. Response: {json.dumps(body)}"


ONE, TWO = {"petId": 7, "name": "Mia"}, {"petId": 8, "name": "Tom"}


@pytest.mark.parametrize(
    ("function", "arguments", "body"),
    [
        ("getPet", {"petId": 7}, ONE),
        ("getPet", {"petId": 7}, {"name": "Mia"}),
        ("getPet", {"petId": 7}, {**ONE, "colour": "black"}),
        ("getMother", {"petId": 7}, TWO),
        ("nearestPet", {"petId": 7}, TWO),
        ("getVet", {"cityId": 7}, {"id": 9}),
        ("searchPets", {"limit": 1}, {"pets": []}),
        ("searchPets", {"limit": 1}, {"pets": [ONE], "total": 12}),
        ("searchPets", {"limit": 2}, {"pets": [ONE, TWO]}),
        ("searchPets", {"age": 1}, {"pets": [ONE, TWO]}),
        ("searchPets", {}, {"pets": [ONE], "errors": []}),
        ("getRates", {}, {}),
        ("getRates", {}, {"error": 0.4}),
    ],
)
def test_what_a_server_may_answer_is_kept(function, arguments, body):
    text, prompts = act(function, arguments, said(200, body))
    assert text == said(200, body) and len(prompts) == 1


@pytest.mark.parametrize(
    ("function", "arguments", "wrong", "right", "told"),
    [
        ("getPet", {"petId": 7}, {}, ONE, "the body is empty; expected values for petId, name"),
        ("searchPets", {}, {}, {"pets": []}, "the body is empty"),
        ("searchPets", {}, {"pets": [{}]}, {"pets": [ONE]}, "pets[0] is empty"),
        ("searchPets", {}, {"pets": [ONE, {}]}, {"pets": [ONE]}, "pets[1] is empty"),
        ("getPet", {"petId": 7}, {"error": "not found"}, ONE, "an error ('error') under a success status"),
        ("getPet", {"petId": 7}, {"name": "", "error": "no"}, ONE, "an error ('error')"),
        ("getPet", {"petId": 7}, {"message": "not found"}, ONE, "none of the properties of its schema"),
        ("getPet", {"petId": 7}, TWO, ONE, "petId is 8 where petId 7 was asked for"),
        ("petDetails", {"petId": 7}, TWO, ONE, "petId is 8 where petId 7 was asked for"),
        ("getCity", {"cityId": 7}, {"id": 9}, {"id": 7}, "id is 9 where cityId 7 was asked for"),
        ("getPet", {"petId": 7}, {"pet_id": 7, "name": "Mia"}, ONE, "'pet_id'; the schema calls it 'petId'"),
        ("searchPets", {"limit": 1}, {"pets": [ONE, TWO]}, {"pets": [ONE]}, "2 entries where limit is 1"),
    ],
)
def test_what_no_server_would_answer_is_asked_for_again(function, arguments, wrong, right, told):
    text, prompts = act(function, arguments, said(200, wrong), said(200, right))
    assert text == said(200, right)
    *_, written, reason = prompts[1].messages
    assert told in reason["content"]
    assert written == {"role": "assistant", "content": said(200, wrong)}, "the model sees what it wrote"


def test_an_id_that_was_sent_is_kept_by_what_was_made():
    made, other = {"adoptionId": 1, "petId": 7}, {"adoptionId": 1, "petId": 9}
    assert act("adopt", {"petId": 7}, said(201, other), said(201, made))[0] == said(201, made)
    assert len(act("film", {"id": 7}, said(201, {"id": 12}))[1]) == 1, "the film's own id"


def test_a_long_answer_may_pass_the_limit():
    many = {"pets": [{"petId": i, "name": f"Pet {i}"} for i in range(50)]}
    assert len(act("searchPets", {"limit": 5}, said(200, many), scenario=Scenario.LONG_OUTPUT)[1]) == 1


def test_the_documented_success_is_meant():
    assert act("adopt", {"petId": 7}, said(200, {"petId": 7}))[0] == said(201, {"petId": 7})
    assert (
        act("removePet", {"petId": 7}, "Status Code: 200. Response: {}")[0] == "Status Code: 204. Response: "
    )
    text, prompts = act("removePet", {"petId": 7}, said(200, {"deleted": True}), "204. Response:")
    assert (text, len(prompts)) == ("Status Code: 204. Response: ", 2)
    assert len(act("searchPets", {}, said(202, {"pets": []}), said(200, {"pets": []}))[1]) == 2


@pytest.mark.parametrize(
    ("text", "status", "body"),
    [
        ('Status Code: 200. Response: {"a": 1}\n\nNote: the pet is made up.', 200, {"a": 1}),
        ("Status Code: 200. Response: [1, 2] (two entries, as asked)", 200, [1, 2]),
        ('Status Code: 200. Response:\n```json\n{"a": 1}\n```\n**Note:** made up.', 200, {"a": 1}),
        ('Status Code: 200. Response: {"a": [1, 2,], "b": "x, }",}', 200, {"a": [1, 2], "b": "x, }"}),
        ("Status Code: 200. Response: {'a': None}", 200, {"a": None}),
        ("404. Response: Pet not found", 404, "Pet not found"),
        ('404. Response: "Pet not found"', 404, "Pet not found"),
        ("Status Code: 503. Response: Try again later.", 503, "Try again later."),
        ('HTTP/1.1 200 OK. Response: {"a": 1}', 200, {"a": 1}),
        ('Status: 404 Not Found\nResponse: {"error": "x"}', 404, {"error": "x"}),
        ("Status Code: 404. Response: null", 404, None),
    ],
)
def test_replies_are_read(text, status, body):
    assert parse_response(text) == Response(status, body)


@pytest.mark.parametrize(
    "text",
    [
        'Status Code: 200. Response: {"a": 1}\nStatus Code: 404. Response: {"error": "x"}',
        'Status Code: 200. Response: {"a": 1} {"a": 2}',
        'Status Code: 200. Response: {"a": 1}}',
        'Status Code: 200. Response: {"a": 1, "b"',
        "Status Code: 200. Response: Here are your pets.",
        'Status Code: 404. Response: Not found {"a":',
        "There are 404. Response: none",
        "Response: {}",
    ],
)
def test_what_could_be_two_things_is_refused(text):
    with pytest.raises(ReplyError):
        parse_response(text)


def test_a_long_reply_is_shown_in_part():
    wrong = "Status Code: 200. Response: {" + "x" * 9_000
    _, prompts = act("getRates", {}, wrong, said(200, {"EUR": 1.1}))
    *_, written, reason = prompts[1].messages
    assert "not JSON" in reason["content"]
    assert written["content"].startswith(wrong[:1_000]) and len(written["content"]) < 7_000


def test_an_operation_without_any_schema_can_still_answer_with_an_error():
    document = json.loads(SPEC)
    document["paths"]["/rates"]["get"]["responses"]["200"] = {"description": "d"}
    tool = dataclasses.replace(TOOL, openapi=json.dumps(document))
    environment = Environment(
        tool,
        "Ask.",
        LlmExecutor(Scripted(said(200, {"error": "none"}), said(200, {"rate": 2}))),
        Scripted(),
        key="k",
    )
    assert asyncio.run(environment.act("getRates", "{}")).text == said(200, {"rate": 2})
