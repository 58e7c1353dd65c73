"""A small hand-made run for tests: tools with real specifications, instances with every kind of step."""

import json
import random
from pathlib import Path

from toolalpaca.files import write_jsonl
from toolalpaca.openapi import validation
from toolalpaca.schema import Instance, Scenario, Step, Tool, to_row

CATEGORIES = ["Animals", "Weather", "Books", "Music", "Transport", "Food", "Games"]
NOUNS = ["axolotl", "storm", "novel", "song", "tram", "recipe", "puzzle", "comet", "castle", "garden"]
PLACES = ["Oslo", "Lima", "Kyoto", "Accra", "Quito", "Perth", "Turin", "Cork", "Split", "Bergen", "Dakar"]
WORDS = [
    *("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "harbor", "island", "jungle", "kelp"),
    *("lagoon", "meadow", "north", "orchard", "prairie", "quarry", "ridge", "spruce", "tundra", "upland"),
    *("valley", "willow", "yarrow", "zenith", "birch", "canyon", "dune", "estuary", "forest", "heath"),
]


def tool(number: int, *, variant: int = 0) -> Tool:
    """Tool `number`: a search and a lookup by the id that the search returns."""
    noun, category = f"{NOUNS[number % len(NOUNS)]}{number}", CATEGORIES[number % len(CATEGORIES)]
    item = {
        "type": "object",
        "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "size": {"type": "integer"}},
    }
    place = {"name": "place", "in": "query", "required": True, "schema": {"type": "string"}}
    order = {"name": "order", "in": "query", "schema": {"type": "string", "enum": ["name", "size"]}}
    key = {"name": "itemId", "in": "path", "required": True, "schema": {"type": "string"}}

    def answer(schema):
        return {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}}

    listing = {"type": "object", "properties": {"results": {"type": "array", "items": item}}}
    spec = {
        "openapi": "3.0.0",
        "info": {"title": noun.title(), "version": "1.0.0", "description": f"All about {noun}."},
        "servers": [{"url": f"https://api.{noun}.example"}],
        "paths": {
            f"/{noun}": {
                "get": {
                    "operationId": f"search{noun.title()}",
                    "description": f"Search {noun} by place.",
                    "parameters": [place, order],
                    "responses": answer(listing),
                }
            },
            f"/{noun}/{{itemId}}": {
                "get": {
                    "operationId": f"get{noun.title()}",
                    "description": f"Get one {noun}.",
                    "parameters": [key],
                    "responses": answer(item),
                }
            },
        },
    }
    text = json.dumps(spec)
    functions = validation.functions_of(text)
    tool_id = f"{category.lower()}-{noun}" + (f"~{variant}" if variant else "")
    return Tool(
        tool_id=tool_id,
        name=noun.title() + (f" {variant}" if variant else ""),
        category=category,
        link=f"https://{noun}.example/{variant}",
        description=f"All about {noun}.",
        introduction=f"An API about {noun}, found by place.",
        documentation=validation.documentation_of(functions),
        openapi=text,
        functions=functions,
    )


def instances(tool: Tool, count: int = 12) -> list[Instance]:
    """`count` instances of a tool; each tenth shows a mistake, a retry, missing input or no suitable tool."""
    search, get = (f.name for f in tool.functions)
    noun = search.removeprefix("search").lower()
    made = []
    for i in range(count):
        place, key, size = PLACES[i % len(PLACES)], f"{noun}-{i}7", 40 + i
        found = {"results": [{"id": key, "name": f"{place} {noun}", "size": size}]}
        first = Step("Search by place.", search, json.dumps({"place": place}), _ok(found), status=200)
        second = Step("Look it up.", get, json.dumps({"itemId": key}), _ok(found["results"][0]), status=200)
        about = " ".join(random.Random(f"{noun}{i}").sample(WORDS, 9))
        row = Instance(
            instance_id=f"{tool.tool_id}/{i}",
            tool_id=tool.tool_id,
            instruction=f"About {about}: {'how large is' if i % 2 else 'find'} the {noun} in {place}?",
            steps=[first, second] if i % 2 else [first],
            final_thought="That is what was asked for.",
            final_output=f"It is called {place} {noun} and its size is {size}.",
            labels=["multi_call" if i % 2 else "single_call"],
            provenance={"assistant": "offline", "user": "offline", "executor": "offline", "seed": 0},
        )
        made.append(_varied(row, i, place))
    return made


def _varied(row: Instance, i: int, place: str) -> Instance:
    first = row.steps[0]
    if i % 10 == 4:  # an unreadable reply, then the right one
        row.steps.insert(0, Step("", "", "I will search now", "Could not be read.", "parse_error"))
    elif i % 10 == 6:  # a failure of the server, then a retry
        row.steps.insert(
            0, Step("Try.", first.function, first.input, "Status Code: 500. Response: down", status=500)
        )
        row.scenario = Scenario.SERVER_ERROR
    elif i % 10 == 7:  # what is missing is asked for
        question = json.dumps({"Question": "In which place?"})
        row.instruction = row.instruction.replace(f" in {place}", "")
        row.steps.insert(0, Step("Where?", "getDetails", question, f"In {place}, please."))
        row.scenario = Scenario.MISSING_INFORMATION
    elif i % 10 == 8:
        row.steps, row.scenario = [], Scenario.NO_SUITABLE_TOOL
        row.instruction = row.instruction.split(":")[0] + ": book seats on the night train."
        row.final_output = "None of these functions books trains."
    return row


def _ok(body) -> str:
    return f"Status Code: 200. Response: {json.dumps(body)}"


def write_run(folder: Path, tools: int = 12, per_tool: int = 12) -> Path:
    """A run folder with `tools` tools, two of which are variants of one API."""
    made = [tool(i) for i in range(tools - 1)] + [tool(0, variant=2)]
    write_jsonl(folder / "toolset.jsonl", map(to_row, made))
    rows = [to_row(instance) for t in made for instance in instances(t, per_tool)]
    write_jsonl(folder / "instances.jsonl", rows)
    dropped = {**rows[0], "instance_id": f"{made[0].tool_id}/900", "filter": "too_many_steps"}
    write_jsonl(folder / "filtered.jsonl", [dropped])
    return folder
