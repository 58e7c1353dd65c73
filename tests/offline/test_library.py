"""Authored tools: files read strictly, worlds that answer by their rules, replies made from both."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from authored import BERTHS, write_library

from toolalpaca.offline.library import teaching, tools
from toolalpaca.offline.library.specification import is_held_out, schema_of, specification_text, world_of
from toolalpaca.offline.library.tools import load_tool
from toolalpaca.offline.library.worlds import World, fault
from toolalpaca.openapi.request import build_request
from toolalpaca.openapi.validation import functions_of, validate
from toolalpaca.schema import ToolAlpacaError


@pytest.fixture
def tool(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(tools, "HOME", write_library(tmp_path / "tools"))
    return load_tool(tmp_path / "tools" / "transportation" / "berthbook.yaml")


def test_conditions_filter_and_those_of_absent_parameters_are_skipped(tool):
    assert World(tool).answer("vacancies", {}) == (
        200,
        [{"code": "B8", "price": 15}, {"code": "B9", "price": 17.5}],
    )
    assert World(tool).answer("vacancies", {"min_length": 10, "limit": 5})[1] == [
        {"code": "A2", "price": 29.5},
        {"code": "B7", "price": 40},
    ]
    assert World(tool).answer("vacancies", {"pier": "ost"})[1][0]["code"] == "A1", (
        "whatever the case and accents"
    )
    assert [b["code"] for b in World(tool).answer("vacancies", {"only_power": True})[1]] == ["A1", "B7"]


def test_what_is_made_changed_and_removed_is_so_afterwards(tool):
    world = World(tool)
    given = {"code": "B7", "boat": "Selma", "from": "2025-07-04", "nights": 3}
    assert world.answer("reserve", given) == (
        201,
        {"id": 42, "total": 120, "until": "2025-07-07", "day": "Friday"},
    )
    assert world.answer("amend", {"id": 42, "nights": 5}) == (200, {"id": 42, "nights": 5})
    assert world.answer("record", {"id": 42})[1]["nights"] == 5
    assert world.answer("reserve", {**given, "code": "A2"}) == (409, {"error": "Selma is here already"})
    assert (
        world.answer("reserve", {**given, "boat": "X", "nights": 15})[1]["error"]
        == "At most 14 nights, not 15"
    )
    assert world.answer("reserve", {**given, "code": "Z"}) == (404, {"error": "Berth Z does not exist"})
    assert world.answer("release", {"id": 42}) == (204, "")
    assert world.answer("record", {"id": 42}) == (404, {"error": "No booking 42"})
    assert World(tool).answer("record", {"id": 42})[0] == 404, "another world knows nothing of it"


def test_the_specification_is_valid_and_names_its_world(tool):
    text = specification_text(tool)
    validate(text)
    assert {f.name for f in functions_of(text)} == {"vacancies", "reserve", "record", "amend", "release"}
    assert world_of(text) == "transportation/berthbook" and is_held_out(text)
    assert not world_of('{"openapi": "3.0.0", "info": {}, "paths": {}}')
    request = build_request(text, "reserve", {"code": "B7", "boat": "S", "from": "2025-07-04", "nights": "3"})
    assert (request.url, json.loads(request.body)) == (
        "https://api.berths.example/v1/berths/B7/bookings",
        {"boat": "S", "from": "2025-07-04", "nights": 3},
    )


def test_a_response_schema_holds_what_the_instructions_did_not_show(tool):
    schema = schema_of([{"price": 15, "code": "A1", "power": True}, {"price": 21, "code": "A2"}])
    price, code = schema["properties"]["price"], schema["properties"]["code"]
    assert (price["type"], code["type"]) == ("number", "string")
    assert price["nullable"] and code["nullable"] and "required" not in schema
    assert schema_of([[]]) == {"type": "array", "items": {}} and schema_of([1, "a"]) == {}


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
    assert server(tool, "record", {"id": 42}, exchanges)[1]["boat"] == "S"
    assert server(tool, "release", {"id": 42}, exchanges)[0] == 204
    assert server(tool, "record", {"id": 42}, exchanges)[0] == 404


def test_the_first_call_of_an_unreliable_scenario_fails_and_the_next_does_not(tool):
    exchanges: list = []
    assert server(tool, "record", {"id": 41}, exchanges, "server_error") == (
        503,
        {"error": "The harbour office is closed"},
    )
    assert server(tool, "record", {"id": 41}, exchanges, "server_error")[0] == 200
    assert fault(tool, "rate_limit", "record", []) == (429, {"error": "One call a second"})
    assert fault(tool, "ordinary", "record", []) is None


def test_the_teacher_acts_an_authored_instruction_out(tool):
    from toolalpaca.agents.assistant import assistant_opening, run_episode
    from toolalpaca.agents.environment import Environment
    from toolalpaca.agents.executors.llm import LlmExecutor
    from toolalpaca.corpus.apis import Api
    from toolalpaca.corpus.instructions import Instructor
    from toolalpaca.corpus.toolset import Toolsmith
    from toolalpaca.offline.teacher import OfflineModel
    from toolalpaca.schema import Tool, from_row

    model = OfflineModel()
    api = Api("transportation-berthbook", tool.name, tool.category, tool.link, tool.description)
    row = asyncio.run(Toolsmith(model)({"api": vars(api), "variant": 1}))
    made = from_row(Tool, row)
    assert made.introduction == tool.introduction and made.functions[0].name == "vacancies"
    asked = asyncio.run(Instructor(model, {"ordinary": 1.0})(row))
    kept = {r["instruction"]: r for r in asked if not r["filter"]}
    assert set(kept) == {a.text for a in tool.instructions}, "all that is authored comes through"
    assert kept["Who was it that lies under number 41?"]["scenario"] == "server_error"
    for authored in tool.instructions[:3]:
        environment = Environment(
            made, authored.text, LlmExecutor(model), model, key="t/0", scenario=authored.scenario
        )
        opening = assistant_opening(made, authored.text)
        result = asyncio.run(run_episode(model, environment, opening))
        assert result.final_output == authored.answer
        assert [s.function for s in result.steps] == [s.function for s in authored.steps]
        assert result.steps[-1].status in (200, 201)


def test_another_variant_of_a_known_api_is_the_grammars(tool):
    from toolalpaca.models.prompts import Prompt
    from toolalpaca.offline.teacher import OfflineModel

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
    path.write_text(BERTHS.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ToolAlpacaError, match=expected) as error:
        load_tool(path)
    assert str(path) in str(error.value)
