"""Authored tools: files read strictly, worlds that answer by their rules, replies made from both."""

from __future__ import annotations

import asyncio
import json
import textwrap
from pathlib import Path

import pytest

from toolalpaca.offline.library import teaching
from toolalpaca.offline.library.specification import is_held_out, specification_text, world_of
from toolalpaca.offline.library.tools import Library, load_tool
from toolalpaca.offline.library.worlds import World, fault
from toolalpaca.openapi.request import build_request
from toolalpaca.openapi.validation import functions_of, validate
from toolalpaca.schema import ToolAlpacaError

FILE = """
name: Berthbook
category: Transportation
link: https://berths.example/
held_out: true
description: Berths of a marina, booked by the night.
introduction: >
  Berthbook keeps the berths of a marina and who lies in them. Harbour masters look berths up by length, book
  them for a number of nights and free them again; prices follow from the length and the nights, in euros.
server: https://api.berths.example/v1
world:
  berths:
    - {code: A1, pier: Öst, length: 9.5, price: 21, power: true}
    - {code: A2, pier: Öst, length: 12, price: 29.5, power: false}
    - {code: B7, pier: West, length: 15, price: 40, power: true}
    - {code: B8, pier: West, length: 7, price: 15}
  bookings:
    - {id: 41, berth: A1, boat: Ida, from: 2025-07-01, nights: 3}
functions:
  - name: berths
    route: GET /berths
    description: Berths that fit, cheapest first.
    parameters:
      min_length: {type: number, description: Metres that are needed at least}
      pier: {type: string, description: Name of the pier}
      only_power: {type: boolean, default: false, description: Only berths with electricity}
      limit: {type: integer, default: 2, minimum: 1, description: The most to return}
    returns: Codes and prices.
    many:
      from: berths
      where: ["row.length >= min_length", "same(row.pier, pier)", "row.power or not only_power"]
      sort: row.price
      limit: limit
    give: [code, price]
  - name: reserve
    route: POST /berths/{code}/bookings
    description: Book a berth.
    parameters:
      code: {type: string, required: true, description: The berth's code}
      boat: {type: string, required: true, description: The boat's name}
      from: {type: string, format: date, required: true, description: First night}
      nights: {type: integer, required: true, minimum: 1, description: How many}
    returns: The booking with its price.
    one: {from: berths, where: ["row.code == code"], missing: "Berth {code} does not exist"}
    then: {price: row.price * nights}
    refuse:
      - {when: "nights > 14", status: 422, error: "At most 14 nights, not {nights}"}
      - {when: "find(bookings, 'boat', boat) != None", status: 409, error: "{boat} is here already"}
    add:
      to: bookings
      row: {id: "new_id(bookings, '', 41)", berth: code, boat: boat, from: "args['from']", nights: nights}
    give:
      id: row.id
      total: round(price, 2)
      until: plus_days(args['from'], nights)
      day: weekday(args['from'])
  - name: booking
    route: GET /bookings/{id}
    description: One booking.
    parameters: {id: {type: integer, required: true, description: Its number}}
    returns: The booking.
    one: {from: bookings, where: ["row.id == id"], missing: "No booking {id}"}
  - name: amend
    route: PATCH /bookings/{id}
    description: Change the nights.
    parameters:
      id: {type: integer, required: true, description: Its number}
      nights: {type: integer, required: true, description: New number of nights}
    returns: The booking.
    one: {from: bookings, where: ["row.id == id"], missing: "No booking {id}"}
    set: {nights: nights}
    give: [id, nights]
  - name: free
    route: DELETE /bookings/{id}
    description: Cancel.
    parameters: {id: {type: integer, required: true, description: Its number}}
    returns: Nothing.
    one: {from: bookings, where: ["row.id == id"], missing: "No booking {id}"}
    remove: true
faults: {503: The harbour office is closed, 429: One call a second}
instructions:
  - say: "Please keep B7 for the Selma, three nights from the fourth of July 2025."
    steps:
      - thought: Everything is said.
        call: reserve
        with: {code: B7, boat: Selma, from: 2025-07-04, nights: 3}
    conclude: Booked.
    answer: B7 is yours, 120 euros until 7 July.
  - say: Who was it that booked number 41?
    scenario: server_error
    steps:
      - {thought: Look it up., call: booking, with: {id: 41}}
      - {thought: Once more., call: booking, with: {id: 41}}
    conclude: Found.
    answer: The Ida.
  - say: "Book me in for two nights from 2 August 2025. My boat is the Frigg, berth A2."
    steps:
      - {thought: Fine., call: reserve, with: {code: A2, boat: Frigg, from: 2025-08-02, nights: 2}}
    conclude: Done.
    answer: A2 is booked, 59 euros.
  - say: I'd like to stay a few days with my boat in A1.
    scenario: missing_information
    steps:
      - {thought: How long?, ask: How many nights and from which day?, reply: "Two, from 9 August 2025."}
    conclude: Asked.
    answer: Thank you.
"""


@pytest.fixture
def tool(tmp_path: Path):
    (tmp_path / "transportation").mkdir()
    path = tmp_path / "transportation" / "berthbook.yaml"
    path.write_text(textwrap.dedent(FILE), encoding="utf-8")
    return load_tool(path)


def test_conditions_filter_and_those_of_absent_parameters_are_skipped(tool):
    assert World(tool).answer("berths", {}) == (
        200,
        [{"code": "B8", "price": 15}, {"code": "A1", "price": 21}],
    )
    assert World(tool).answer("berths", {"min_length": 10, "limit": 5})[1] == [
        {"code": "A2", "price": 29.5},
        {"code": "B7", "price": 40},
    ]
    assert World(tool).answer("berths", {"pier": "ost"})[1][0]["code"] == "A1", (
        "whatever the case and accents"
    )
    assert [b["code"] for b in World(tool).answer("berths", {"only_power": True})[1]] == ["A1", "B7"]


def test_what_is_made_changed_and_removed_is_so_afterwards(tool):
    world = World(tool)
    given = {"code": "B7", "boat": "Selma", "from": "2025-07-04", "nights": 3}
    assert world.answer("reserve", given) == (
        201,
        {"id": 42, "total": 120, "until": "2025-07-07", "day": "Friday"},
    )
    assert world.answer("amend", {"id": 42, "nights": 5}) == (200, {"id": 42, "nights": 5})
    assert world.answer("booking", {"id": 42})[1]["nights"] == 5
    assert world.answer("reserve", {**given, "code": "A2"}) == (409, {"error": "Selma is here already"})
    assert (
        world.answer("reserve", {**given, "boat": "X", "nights": 15})[1]["error"]
        == "At most 14 nights, not 15"
    )
    assert world.answer("reserve", {**given, "code": "Z"}) == (404, {"error": "Berth Z does not exist"})
    assert world.answer("free", {"id": 42}) == (204, "")
    assert world.answer("booking", {"id": 42}) == (404, {"error": "No booking 42"})
    assert World(tool).answer("booking", {"id": 42})[0] == 404, "another world knows nothing of it"


def test_the_specification_is_valid_and_names_its_world(tool):
    text = specification_text(tool)
    validate(text)
    assert {f.name for f in functions_of(text)} == {"berths", "reserve", "booking", "amend", "free"}
    assert world_of(text) == "transportation/berthbook" and is_held_out(text)
    assert not world_of('{"openapi": "3.0.0", "info": {}, "paths": {}}')
    request = build_request(text, "reserve", {"code": "B7", "boat": "S", "from": "2025-07-04", "nights": "3"})
    assert (request.url, json.loads(request.body)) == (
        "https://api.berths.example/v1/berths/B7/bookings",
        {"boat": "S", "from": "2025-07-04", "nights": 3},
    )


def server(tool, function, arguments, exchanges, scenario="ordinary"):
    text = specification_text(tool)
    request = build_request(text, function, arguments).to_row()
    variables = {"openapi": text, "function": function, "request": request, "scenario": scenario}
    status, body = teaching.server_reply(tool, {**variables, "exchanges": exchanges})
    exchanges.append({"request": request, "status": status, "response": body})
    return status, body


def test_a_server_remembers_what_the_instance_did(tool):
    exchanges: list = []
    made = server(tool, "reserve", {"code": "B7", "boat": "S", "from": "2025-07-04", "nights": 3}, exchanges)
    assert made[0] == 201
    assert server(tool, "booking", {"id": 42}, exchanges)[1]["boat"] == "S"
    assert server(tool, "free", {"id": 42}, exchanges)[0] == 204
    assert server(tool, "booking", {"id": 42}, exchanges)[0] == 404


def test_the_first_call_of_an_unreliable_scenario_fails_and_the_next_does_not(tool):
    exchanges: list = []
    assert server(tool, "booking", {"id": 41}, exchanges, "server_error") == (
        503,
        {"error": "The harbour office is closed"},
    )
    assert server(tool, "booking", {"id": 41}, exchanges, "server_error")[0] == 200
    assert fault(tool, "rate_limit", "booking", []) == (429, {"error": "One call a second"})
    assert fault(tool, "ordinary", "booking", []) is None


def test_the_teacher_acts_an_authored_instruction_out(tool, monkeypatch):
    from toolalpaca.agents.assistant import assistant_opening, run_episode
    from toolalpaca.agents.environment import Environment
    from toolalpaca.agents.executors.llm import LlmExecutor
    from toolalpaca.corpus.apis import Api
    from toolalpaca.corpus.instructions import Instructor
    from toolalpaca.corpus.toolset import Toolsmith
    from toolalpaca.offline.teacher import OfflineModel
    from toolalpaca.schema import Tool, from_row

    monkeypatch.setattr("toolalpaca.offline.teacher.load_library", lambda: Library([tool]))
    monkeypatch.setattr("toolalpaca.corpus.instructions.load_library", lambda: Library([tool]))
    model = OfflineModel()
    api = Api("transportation-berthbook", tool.name, tool.category, tool.link, tool.description)
    row = asyncio.run(Toolsmith(model)({"api": vars(api), "variant": 1}))
    made = from_row(Tool, row)
    assert made.introduction == tool.introduction and made.functions[0].name == "berths"
    asked = asyncio.run(Instructor(model, {"ordinary": 1.0})(row))
    kept = {r["instruction"]: r for r in asked if not r["filter"]}
    assert set(kept) == {a.text for a in tool.instructions}, "all that is authored comes through"
    assert kept["Who was it that booked number 41?"]["scenario"] == "server_error"
    for authored in tool.instructions[:3]:
        environment = Environment(
            made, authored.text, LlmExecutor(model), model, key="t/0", scenario=authored.scenario
        )
        opening = assistant_opening(made, authored.text)
        result = asyncio.run(run_episode(model, environment, opening))
        assert result.final_output == authored.answer
        assert [s.function for s in result.steps] == [s.function for s in authored.steps]
        assert result.steps[-1].status in (200, 201)


def test_another_variant_of_a_known_api_is_the_grammars(tool, monkeypatch):
    from toolalpaca.models.prompts import Prompt
    from toolalpaca.offline.teacher import OfflineModel

    monkeypatch.setattr("toolalpaca.offline.teacher.load_library", lambda: Library([tool]))
    v = {"name": tool.name, "category": tool.category, "description": "d", "link": tool.link}
    model = OfflineModel(malformed_rate=0)
    assert model.reply(Prompt("introduction", v)) == tool.introduction
    assert model.reply(Prompt("introduction", v), sample=1000) != tool.introduction
    assert (
        model.reply(Prompt("introduction", {**v, "link": "https://elsewhere.example"})) != tool.introduction
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("link: https://berths.example/", "lnk: x", "has no key 'lnk'|lacks link"),
        ("route: GET /berths\n", "route: FETCH /berths\n", "expected a verb and a path"),
        ("scenario: server_error", "scenario: strange", "no scenario 'strange'"),
        ("    conclude: Booked.\n", "", "lacks conclude"),
        ("from: berths\n      where", "form: berths\n      where", "takes descending, from"),
        ("name: Berthbook", "name: [a", "berthbook.yaml: "),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path, old, new, expected):
    path = tmp_path / "berthbook.yaml"
    path.write_text(FILE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ToolAlpacaError, match=expected) as error:
        load_tool(path)
    assert str(path) in str(error.value)
