"""The embedded teacher, as the pipeline meets it: through prompts, specifications and instances."""

import asyncio
import functools
import json
import os
import random
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from toolalpaca.agents.builtin_tools import BUILTINS
from toolalpaca.agents.executors.calls import Response
from toolalpaca.agents.executors.llm import LlmExecutor
from toolalpaca.corpus.apis import Api, read_apis
from toolalpaca.corpus.authored_wording import composed_names
from toolalpaca.corpus.filters import MOST_STEPS_KEPT
from toolalpaca.corpus.instructions import DEFAULT_SCENARIOS, Instructor, parse_scenarios
from toolalpaca.corpus.simulation import Simulator
from toolalpaca.corpus.toolset import Toolsmith
from toolalpaca.models import react
from toolalpaca.models.prompts import Prompt
from toolalpaca.offline import asking, fields, generation, mistakes, planner
from toolalpaca.offline.inflection import plural, singular
from toolalpaca.offline.patterns import matching
from toolalpaca.offline.reading import read
from toolalpaca.offline.respond import schema_response
from toolalpaca.offline.teacher import OfflineModel
from toolalpaca.offline.vocabulary import things
from toolalpaca.openapi.encoding import InvalidCall
from toolalpaca.openapi.request import build_request
from toolalpaca.openapi.spec import load_spec
from toolalpaca.openapi.validation import check_response, extract_spec, functions_of, validate
from toolalpaca.schema import ReplyError, Scenario, Tool, ToolAlpacaError, from_row

DATA = Path(__file__).parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data folder is not there")


def apis(count):
    categories = list(things())
    return [
        Api(
            f"tool-{i}",
            f"Service {i}",
            categories[i % len(categories)],
            "https://example.com",
            f"Data set number {i}",
        )
        for i in range(count)
    ]


@functools.cache
def toolset(count=50, malformed_rate=0.03):
    smith = Toolsmith(OfflineModel(malformed_rate=malformed_rate))

    async def all_():
        rows = [{"api": vars(api), "variant": 1} for api in apis(count)]
        return [from_row(Tool, await smith(row)) for row in rows]

    return asyncio.run(all_())


class Tools:
    """A toolset in memory, as Simulator takes it."""

    def __init__(self, tools):
        self.tools = {tool.tool_id: tool for tool in tools}

    def __getitem__(self, tool_id):
        return self.tools[tool_id]


@functools.cache
def instances(scenario, count=30, malformed_rate=0.0, per_tool=4):
    model = OfflineModel(malformed_rate=malformed_rate)
    tools = toolset(count)
    write = Instructor(model, parse_scenarios(scenario), per_tool=per_tool)
    act = Simulator(Tools(tools), model, model, LlmExecutor(model), builtins=list(BUILTINS))

    async def all_():
        made = []
        for tool in tools:
            rows = await write(json.loads(json.dumps(vars(tool), default=vars)))
            for row in rows:
                if not row.pop("filter"):
                    made.append(await act(row))
        return made

    return asyncio.run(all_())


def test_every_api_becomes_a_valid_tool_with_varied_functions():
    tools = toolset()
    for tool in tools:
        validate(tool.openapi)
        assert 3 <= len(tool.functions) <= 7
        assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]+", f.name) for f in tool.functions)
    functions = [f for tool in tools for f in tool.functions]
    assert abs(statistics.mean(len(t.functions) for t in tools) - 4.85) < 0.485
    assert len({f.name for f in functions}) > 0.9 * len(functions)
    parameters = [p for f in functions for p in f.parameters]
    assert {p.location for p in parameters} == {"path", "query", "header", "body"}
    assert {p.schema.get("type") for p in parameters} == {
        "string",
        "integer",
        "number",
        "boolean",
        "array",
        "object",
    }
    assert any("enum" in p.schema for p in parameters)
    assert any(p.schema.get("format") == "date" for p in parameters)
    assert {f.method for f in functions} >= {"get", "post", "delete"}


def test_every_id_that_a_function_takes_is_returned_by_another():
    for tool in toolset():
        docs = read(tool.documentation)
        for doc in docs:
            for leaf in doc.required:
                if leaf.identity:
                    assert any(leaf.path[-1] in d.output for d in docs if d is not doc), (
                        tool.tool_id,
                        doc.name,
                    )


def test_an_unknown_category_borrows_its_subject_from_name_and_description():
    api = Api("x", "Axolotl Ferments", "Fermentation", "", "Kombucha brewing logs from home brewers")
    tool = from_row(
        Tool, asyncio.run(Toolsmith(OfflineModel(malformed_rate=0))({"api": vars(api), "variant": 1}))
    )
    names = " ".join(f.name.lower() for f in tool.functions)
    assert re.search("kombucha|brewing|brewer|ferment|axolotl|log", names)


@pytest.mark.parametrize("info", ["hi", {"title": "T", "description": ["x"]}, None])
def test_a_specification_with_an_odd_info_becomes_a_tool_that_answers(info):
    paths = {"/x": {"get": {"operationId": "getX", "responses": {"200": {"description": "ok"}}}}}
    text = json.dumps({"openapi": "3.0.0", "info": info, "paths": paths})
    api = Api("x", "X", "Weather", "", "Weather of places", openapi=text)
    row = asyncio.run(Toolsmith(OfflineModel(malformed_rate=0))({"api": vars(api), "variant": 1}))
    request = build_request(text, "getX", {}).to_row()
    assert row["introduction"]
    assert schema_response(text, "getX", request, [], "ordinary", 0)[0] == 200


def test_variants_of_an_api_are_different_tools():
    smith = Toolsmith(OfflineModel(malformed_rate=0))
    api = vars(apis(1)[0])
    made = [asyncio.run(smith({"api": api, "variant": v})) for v in (1, 2, 3)]
    assert [t["tool_id"] for t in made] == ["tool-0", "tool-0~2", "tool-0~3"]
    assert len({t["openapi"] for t in made}) == 3


@needs_data
@pytest.mark.parametrize("start", [0, 800])
def test_a_part_of_the_real_list_becomes_valid_tools(start):
    listed = read_apis(DATA / "public-apis" / "README.md")[start : start + 40]
    smith = Toolsmith(OfflineModel())

    async def all_():
        return [await smith({"api": vars(api), "variant": 1}) for api in listed]

    for tool in asyncio.run(all_()):
        validate(tool["openapi"])


def test_the_same_seed_gives_the_same_text_in_another_process_and_hash_seed():
    code = (
        "import asyncio, hashlib\n"
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_teacher import instances\n"
        "made = instances('ordinary=1', 3, 0.1)\n"
        "text = repr([(i['instruction'], i['steps'], i['final_output']) for i in made])\n"
        "print(hashlib.sha256(text.encode()).hexdigest())\n"
    )
    digests = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        root = Path(__file__).parents[2]
        run = subprocess.run(
            [sys.executable, "-c", code],
            check=False,
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr[-2000:]
        digests.add(run.stdout.strip())
    assert len(digests) == 1


def test_another_seed_gives_other_tools_and_another_sample_another_draw():
    prompt = Prompt("introduction", {"name": "N", "category": "Music", "description": "d", "link": ""})
    first = OfflineModel(seed=0, malformed_rate=0)
    assert first.reply(prompt) == OfflineModel(seed=0, malformed_rate=0).reply(prompt)
    assert len({OfflineModel(seed=s, malformed_rate=0).reply(prompt) for s in range(20)}) > 5
    assert len({first.reply(prompt, sample) for sample in range(20)}) > 5


def test_the_plan_is_read_back_from_at_least_97_of_100_instructions():
    tools = toolset(100)
    right = total = 0
    for tool in tools:
        docs = read(tool.documentation)
        rng = random.Random(tool.tool_id)
        for _ in range(6):
            asked = asking.People(docs, 0)._draw(
                rng, rng.choice(docs), rng.choice(("short", "story")), Scenario.ORDINARY
            )
            right += asking.agrees(docs, asked)
            total += 1
    assert total >= 500
    assert right / total >= 0.97


def test_compact_documentation_gives_the_same_plan_as_full():
    for tool in toolset()[:20]:
        compact = read("\n".join(f.signature for f in tool.functions))
        for asked in asking.People(read(tool.documentation), 0).instructions(
            random.Random(1), "short", 5, "ordinary"
        ):
            full = [(c.doc.name, c.values) for c in planner.plan(read(tool.documentation), asked.text)]
            assert [(c.doc.name, c.values) for c in planner.plan(compact, asked.text)] == full


def test_every_value_of_a_call_stands_in_the_instruction_or_an_observation():
    checked = 0
    for instance in instances("ordinary=1"):
        seen = instance["instruction"].lower().replace(",", "")
        for step in instance["steps"]:
            for value in json.loads(step["input"]).values():
                for item in value if isinstance(value, list) else [value]:
                    if isinstance(item, str | int | float) and not isinstance(item, bool):
                        text = str(item).lower().replace("_", " ").replace(",", "")
                        date = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text)
                        spoken = date and (date[1] in seen and str(int(date[3])) in seen)
                        checked += 1
                        assert text in seen or spoken, (instance["instruction"], step["input"])
            seen += step["response"].lower()
    assert checked > 100


def test_instructions_never_name_the_tool_and_follow_their_style():
    for instance in instances("ordinary=1"):
        assert "Service" not in instance["instruction"]
    people = asking.People(read(toolset()[0].documentation), 0)
    short = people.instructions(random.Random(0), "short", 30, "ordinary")
    story = people.instructions(random.Random(0), "story", 30, "ordinary")
    mean = [statistics.mean(len(a.text.split()) for a in some) for some in (short, story)]
    assert mean[0] < mean[1]


def statuses(instance):
    return [step["status"] for step in instance["steps"]]


def test_a_searched_id_is_found_with_the_attributes_that_the_search_gave():
    compared = 0
    for instance in instances("ordinary=1", 50):
        known = {}
        for step in instance["steps"]:
            body = step["response"].partition("Response: ")[2]
            for found in generation_objects(json.loads(body)):
                key = next((k for k in found if k.endswith("Id")), None)
                if key is None:
                    continue
                before = known.get(found[key], {})
                sent = json.loads(step["input"])
                for name in before.keys() & found.keys() - sent.keys() - {"updateDate", "rating", "status"}:
                    compared += 1
                    assert before[name] == found[name] or found[name] in sent.values()
                known[found[key]] = found
    assert compared > 10


def generation_objects(value):
    if isinstance(value, dict):
        yield value
    for inner in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        yield from generation_objects(inner)


BOOK = {"$ref": "#/components/schemas/Book"}


def answer(schema, status="200"):
    return {status: {"description": "d", "content": {"application/json": {"schema": schema}}}}


def sent(schema):
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


def by_id(method, **more):
    where = {"name": "bookId", "in": "path", "required": True, "schema": {"type": "string"}}
    return {"operationId": f"{method}Book", "parameters": [where], "responses": answer(BOOK), **more}


SPEC = {
    "openapi": "3.0.0",
    "info": {"title": "Shelf", "version": "1"},
    "servers": [{"url": "https://shelf.example.com/v1"}],
    "paths": {
        "/books": {
            "post": {"operationId": "addBook", **sent(BOOK), "responses": answer(BOOK, "201")},
            "get": {
                "operationId": "findBooks",
                "parameters": [
                    {"name": "genre", "in": "query", "schema": {"type": "string"}},
                    {"name": "minPages", "in": "query", "schema": {"type": "integer"}},
                    {"name": "limit", "in": "query", "schema": {"type": "integer"}},
                ],
                "responses": answer({"type": "array", "items": BOOK}),
            },
        },
        "/books/{bookId}": {
            "get": by_id("get"),
            "delete": by_id("delete"),
            "patch": by_id("patch", **sent({"type": "object", "properties": {"genre": {"type": "string"}}})),
        },
    },
    "components": {
        "schemas": {
            "Book": {
                "type": "object",
                "required": ["title"],
                "properties": {
                    "bookId": {"type": "string"},
                    "title": {"type": "string"},
                    "genre": {"type": "string"},
                    "pages": {"type": "integer", "minimum": 1, "maximum": 900},
                },
            }
        }
    },
}


class Server:
    """One instance's conversation with the schema responses of SPEC."""

    def __init__(self, scenario="ordinary"):
        self.text, self.exchanges, self.scenario = json.dumps(SPEC), [], scenario

    def __call__(self, function, **arguments):
        request = build_request(self.text, function, arguments).to_row()
        status, body = schema_response(self.text, function, request, self.exchanges, self.scenario, 0)
        self.exchanges.append({"request": request, "status": status, "response": body})
        return status, body


def test_responses_honour_filters_limits_and_what_the_instance_did():
    server = Server()
    _, found = server("findBooks", genre="horror", minPages=300, limit=2)
    assert len(found) == 2
    assert all(b["genre"] == "horror" and b["pages"] >= 300 for b in found)
    assert server("getBook", bookId=found[1]["bookId"])[1] == found[1]
    status, made = server("addBook", title="Silent Reef", genre="poetry")
    assert status == 201 and made["title"] == "Silent Reef"
    assert server("getBook", bookId=made["bookId"])[1]["genre"] == "poetry"
    server("patchBook", bookId=made["bookId"], genre="drama")
    assert server("getBook", bookId=made["bookId"])[1] == {**made, "genre": "drama"}
    assert server("deleteBook", bookId=made["bookId"])[0] == 200
    assert server("getBook", bookId=made["bookId"])[0] == 404


def test_an_id_stands_for_the_same_thing_in_every_instance_and_instances_share_no_changes():
    one, other = Server(), Server()
    assert one("getBook", bookId="BOO17") == other("getBook", bookId="BOO17")
    one("patchBook", bookId="BOO17", genre="changed")
    assert other("getBook", bookId="BOO17")[1]["genre"] != "changed"


@pytest.mark.parametrize(
    ("scenario", "status"),
    [("server_error", {500, 503}), ("rate_limit", {429}), ("rejected_parameter", {400})],
)
def test_steered_errors_come_once_and_name_what_to_do(scenario, status):
    server = Server(scenario)
    first, body = server("findBooks", genre="Horror")
    assert first in status
    genre = (
        re.search(r"'genre'.*use '([^']+)'", body["error"])[1]
        if scenario == "rejected_parameter"
        else "Horror"
    )
    assert server("findBooks", genre=genre)[0] == 200


@needs_data
def test_responses_to_the_published_specifications_conform():
    checked = 0
    for name in ("eval_simulated.json", "eval_real.json"):
        for tool in json.loads((DATA / "toolalpaca" / name).read_text()):
            text = tool["Documentation"]
            for function in functions_of(text):
                for draw in range(3):
                    rng = random.Random(draw)
                    given_ = [p for p in function.parameters if p.required or rng.random() < 0.5]
                    arguments = {p.name: generation.make(p.schema, rng, 0, p.name) for p in given_}
                    try:
                        request = build_request(text, function.name, arguments).to_row()
                    except InvalidCall:
                        continue
                    for scenario in ("ordinary", "long_output"):
                        status, body = schema_response(text, function.name, request, [], scenario, 0)
                        assert check_response(load_spec(text), function.name, status, body) == []
                        checked += 1
    assert checked > 500


def between(kind, low, high, span):
    return st.tuples(span, span).map(lambda two: {"type": kind, low: min(two), high: max(two)})


SCALARS = st.one_of(
    between("integer", "minimum", "maximum", st.integers(-99, 99)),
    between("string", "minLength", "maxLength", st.integers(0, 30)),
    st.sampled_from(
        [
            {"type": "boolean"},
            {"type": "string", "format": "date"},
            {"type": "string", "format": "email"},
            {"type": "string", "format": "uuid"},
            {"type": "string", "enum": ["a", "b"]},
            {"type": ["string", "null"]},
            {"const": 3},
            {"type": "string", "pattern": "^[A-Z]{2}-\\d{4}$"},
            {"type": "number", "multipleOf": 0.5, "minimum": 1},
            {"type": "integer", "exclusiveMinimum": 5, "exclusiveMaximum": 7},
        ]
    ),
)
SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(lambda i, n: {"type": "array", "items": i, "minItems": n}, inner, st.integers(0, 4)),
        st.builds(
            lambda p: {"type": "object", "properties": p, "required": sorted(p)[:1]},
            st.dictionaries(
                st.sampled_from(["id", "name", "city", "price", "tags", "owner"]),
                inner,
                min_size=1,
                max_size=4,
            ),
        ),
        st.builds(lambda a, b: {"oneOf": [a, b]} if a.get("type") != b.get("type") else a, inner, inner),
    ),
    max_leaves=8,
)


NESTED = {
    "oneOf": [{"type": "boolean"}, {"oneOf": [{"type": "boolean"}, {"type": "string", "format": "date"}]}]
}


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(SCHEMAS, st.integers(0, 5))
@example({"type": "array", "items": NESTED, "minItems": 2}, 0)
def test_responses_conform_to_any_schema(schema, seed):
    operation = {"operationId": "getIt", "responses": answer(schema)}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {"/x": {"get": operation}},
    }
    text = json.dumps(document)
    request = {"method": "GET", "url": "/x", "headers": {}, "body": None}
    status, body = schema_response(text, "getIt", request, [], "ordinary", seed)
    assert check_response(load_spec(text), "getIt", status, body) == []


@pytest.mark.parametrize("amount", ["12.5", "-1.7976931348623157e308", "1" + "0" * 400])
def test_a_converted_amount_is_a_number_that_json_has(amount):
    names = {"amount": "number", "sourceCurrency": "string", "targetCurrency": "string"}
    schema = {"type": "object", "required": ["result"], "properties": {"result": {"type": "number"}}}
    operation = {
        "operationId": "convertIt",
        "parameters": [{"name": n, "in": "query", "schema": {"type": t}} for n, t in names.items()],
        "responses": answer(schema),
    }
    info = {"title": "T", "version": "1"}
    text = json.dumps({"openapi": "3.0.0", "info": info, "paths": {"/x": {"get": operation}}})
    spec = load_spec(text)
    for target in "abcdefgh":
        url = f"/x?amount={amount}&sourceCurrency=EUR&targetCurrency={target}"
        request = {"method": "GET", "url": url, "headers": {}, "body": None}
        _, body = schema_response(text, "convertIt", request, [], "ordinary", 0)
        json.dumps(body, allow_nan=False)
        assert check_response(spec, "convertIt", 200, body) == []


@pytest.mark.parametrize(
    "pattern", [r"^\d{3}-\w+$", r"[A-F0-9]{8}", r"^(red|green|blue)$", r"^a.{2,5}z$", r"^[^@ ]+@[a-z]+\.com$"]
)
def test_strings_for_patterns_match_them(pattern):
    for seed in range(20):
        assert re.search(pattern, matching(pattern, random.Random(seed)))


def openings(instances):
    return {" ".join(i["final_output"].split()[:3]) for i in instances}


def test_function_names_are_seldom_made_of_the_words_of_the_request():
    """Otherwise composing the name lowers the loss, and reading the list is never learned."""
    made = instances(DEFAULT_SCENARIOS, 50, per_tool=10)  # of 176 calls, one draw holds 10% and another 16%
    calls = [(i["instruction"], s["function"]) for i in made for s in i["steps"] if s["status"]]
    assert composed_names(calls) <= 0.12
    assert not [i for i in made if re.search(r"\(\w[\w ]*: ", i["instruction"])], "values in brackets"


def test_scenarios_show_what_they_are_steered_toward():
    asked = instances("missing_information=1", 15)
    questions = [i for i in asked if i["steps"] and i["steps"][0]["function"] == "getDetails"]
    assert len(questions) > 0.9 * len(asked)
    assert all(i["steps"][-1]["status"] in (200, 201) for i in questions)
    unfit = instances("no_suitable_tool=1", 15)
    assert sum(not i["steps"] for i in unfit) > 0.9 * len(unfit)
    for scenario, codes in (
        ("server_error", (500, 503)),
        ("rate_limit", (429,)),
        ("rejected_parameter", (400,)),
    ):
        some = instances(f"{scenario}=1", 15)
        hit = [i for i in some if statuses(i) and statuses(i)[0] in codes]
        assert len(hit) > 0.6 * len(some), scenario
        assert all(statuses(i)[1] in (200, 201) for i in hit), scenario
    lost = instances("data_not_found=1", 15)
    assert all(len(openings(some)) >= 6 for some in (unfit, lost)), "said in many ways"
    assert not [i for i in lost if 404 in statuses(i) and re.match("I found|Here ", i["final_output"])]
    assert sum(404 in statuses(i) for i in lost) > 0.9 * len(lost)
    long = instances("long_output=1", 15)
    assert statistics.mean(max(len(s["response"]) for s in i["steps"]) for i in long) > 1500
    assert any(s["function"] == "retrieveFromOutput" for i in long for s in i["steps"])


def test_final_answers_quote_values_of_the_last_observation():
    quoting = total = 0
    for instance in instances("ordinary=1"):
        body = instance["steps"][-1]["response"].partition("Response: ")[2]
        values = [
            str(v)
            for o in generation_objects(json.loads(body))
            for v in o.values()
            if not isinstance(v, dict | list | bool)
        ]
        total += 1
        quoting += any(v in instance["final_output"] for v in values)
    assert quoting / total > 0.95


def test_the_user_answers_the_same_question_alike_and_gives_what_the_call_needs():
    tool = toolset()[0]
    variables = {"instruction": "Please do it.", "documentation": tool.documentation, "exchanges": []}
    leaf = next(x for d in read(tool.documentation) for x in d.required if not x.identity)
    question = f"What is the {leaf.words}?"
    model = OfflineModel(malformed_rate=0)
    first = model.reply(Prompt("user", {**variables, "question": question}))
    later = {
        **variables,
        "exchanges": [{"question": "What else?", "answer": "Nothing."}],
        "question": question,
    }
    assert first == model.reply(Prompt("user", later))
    assert leaf.words in first
    identity = next(x for t in toolset() for d in read(t.documentation) for x in d.required if x.identity)
    tool = next(t for t in toolset() if identity.path[0] in t.documentation)
    variables["documentation"] = tool.documentation
    asked = {**variables, "question": f"What is the {identity.words}?"}
    assert "don't know" in model.reply(Prompt("user", asked))


def test_the_teacher_answers_as_student_in_both_details_and_styles():
    model = OfflineModel(malformed_rate=0)
    for style in react.STYLES.values():
        for detail in ("full", "compact"):
            for tool in toolset()[:8]:
                asked = asking.People(read(tool.documentation), 0).instructions(
                    random.Random(3), "short", 1, "server_error"
                )[0]
                text = model.reply(react.opening(tool.functions, asked.text, style, detail))
                action = react.parse(text, style)
                assert isinstance(action, react.Action), text
                assert action.function == asked.calls[0].doc.name
                build_request(tool.openapi, action.function, react.parse_input(action.input))


def test_a_success_without_content_is_a_success():
    model = OfflineModel(malformed_rate=0)
    write = Instructor(model, parse_scenarios("ordinary=1"), per_tool=4)
    tool = toolset()[0]
    row = asyncio.run(write(json.loads(json.dumps(vars(tool), default=vars))))[0]

    class NoContent:
        name = "no content"

        async def execute(self, call):
            return Response(204, "")

    act = Simulator(Tools([tool]), model, model, NoContent(), builtins=list(BUILTINS))
    row.pop("filter")
    made = asyncio.run(act(row))
    calls = [(step["function"], step["input"]) for step in made["steps"] if step["status"]]
    assert calls and len(calls) == len(set(calls)), made["steps"]
    assert "could not" not in made["final_output"] and "not answer" not in made["final_output"]


def test_the_corpus_has_the_shape_of_table_1():
    made = [i for i in instances(DEFAULT_SCENARIOS, 50, per_tool=10) if len(i["steps"]) <= MOST_STEPS_KEPT]
    calls = [len(i["steps"]) for i in made]
    own = [sum(bool(s["status"]) for s in i["steps"]) for i in made]
    assert statistics.mean(calls) == pytest.approx(1.66, rel=0.1)
    # Several calls, those of built-in tools counted in or not; 500 instances are some 2% off the mark.
    assert statistics.mean(c > 1 for c in calls) == pytest.approx(0.362, abs=0.06)
    assert statistics.mean(c > 1 for c in own) == pytest.approx(0.362, abs=0.08)
    for field, words in (("instruction", 23.42), ("final_output", 36.19)):
        assert statistics.mean(len(i[field].split()) for i in made) == pytest.approx(words, rel=0.1)


def test_texts_read_as_people_write():
    wrong = re.compile(
        r"\b[Aa] (?:[aeio]|un(?!i))\w|\b[Aa]n (?!hour)[b-df-hj-np-tv-z]\w|\b([a-z]{3,}) \1\b"
        r"|, (?:Is|It|Our|Can)\b|  | \.|\.\.(?!\.)"
    )
    for instance in instances(DEFAULT_SCENARIOS, 50, per_tool=10):
        for field in ("instruction", "final_output"):
            text = re.sub(r'"[^"]*"', "Q", instance[field])
            assert not (found := wrong.search(text)), text[max(0, found.start() - 40) : found.end() + 20]


def test_answers_do_not_contradict_what_was_done():
    for instance in instances(DEFAULT_SCENARIOS, 50, per_tool=10):
        for step in instance["steps"]:
            body = step["response"].partition("Response: ")[2]
            if step["status"] in (200, 201) and body.startswith("{"):
                given, sent = json.loads(body), json.loads(step["input"])
                assert not any(given.get(k) is False for k in ("sent", "deleted", "active")), instance
                if {"sourceCurrency", "targetCurrency"} <= sent.keys():
                    assert sent["sourceCurrency"] != sent["targetCurrency"]
            if body.startswith('[{"rank"') and body.endswith("]"):
                ranks = [e["rank"] for e in json.loads(body)]
                assert ranks == list(range(1, len(ranks) + 1))


def test_malformed_replies_fail_and_another_sample_is_sound():
    functions = """1. Name: getCat
Description: Get the cat.
Input: {"catId": "Required. string. Id of the cat."}
Output: An object with catId (string)."""
    variables = {"name": "Cats", "description": "", "link": "", "introduction": "", "functions": functions}
    prompt = Prompt("openapi", variables)

    def sound(model, sample):
        try:
            validate(extract_spec(model.reply(prompt, sample)))
        except ReplyError:
            return False
        return True

    assert sum(sound(OfflineModel(malformed_rate=1.0), s) for s in range(20)) < 12  # prose around is no harm
    assert all(sound(OfflineModel(malformed_rate=0.0), s) for s in range(3))
    assert sum(sound(OfflineModel(malformed_rate=0.1), s) for s in range(20)) > 12


def test_repair_mends_every_mistake_the_teacher_makes_and_loses_no_function():
    functions = """1. Name: getCat
Description: Get the cat.
Input: {"catId": "Required. string. Id of the cat."}
Output: An object with catId (string).
2. Name: searchCats
Description: Search cats.
Input: {"name": "Required. string. Name of the cat."}
Output: An array of objects with catId (string)."""
    named = {"name": "Cats", "functions": functions}
    teacher = OfflineModel(malformed_rate=0)
    sound = teacher.reply(Prompt("openapi", {**named, "description": "", "link": "", "introduction": ""}))
    for seed in range(200):
        spoiled = mistakes.spoil(random.Random(seed), "openapi", sound, {})
        reply = teacher.reply(Prompt("openapi_repair", {**named, "spec": spoiled, "error": "it is broken"}))
        text = extract_spec(reply)
        validate(text)
        assert {f.name for f in functions_of(text)} == {"getCat", "searchCats"}


@pytest.mark.parametrize(
    ("name", "description", "asked"),
    [
        ("boards/list", "", "list boards"),
        ("boards.list", "Lists the boards of a team", "list boards"),
        ("boards-list", "List boards", "list boards"),
        ("boards/delete", "", "delete board"),
        ("repos/list-for-org", "", "list repos for org"),
        ("issues/create-comment", "", "create issue comment"),
        ("gmail.users.messages.get", "", "get messages"),
        ("weather_metar_get", "", "get weather metar"),
        ("weatherForecast", "Returns the forecast", "return weather forecast"),
        ("currentWeather", "", "get current weather"),
        ("syncBoard", "", "sync board"),
        ("pingServer", "Pings a server", "ping server"),
        ("findPetsByStatus", "", "find pets by status"),
    ],
)
def test_a_name_that_begins_with_a_noun_is_asked_for_with_a_verb(name, description, asked):
    (doc,) = read(f"{name}: {description}".rstrip() + '\nParameters: {"q": "string."}')
    assert f"{doc.verb} {doc.object}" == asked
    (brief,) = read(f"{name}(q?)")
    assert brief.name == doc.name and brief.verb


def test_instances_of_an_openapi_file_with_slashes_in_its_names_are_acted_out():
    def operation(name, **more):
        card = {
            "name": "card_id",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
        }
        return {
            "operationId": name,
            "parameters": [card],
            "responses": {"200": {"description": "ok"}},
            **more,
        }

    document = {
        "openapi": "3.0.3",
        "info": {"title": "Cards", "version": "1"},
        "paths": {"/cards/{card_id}": {"get": operation("cards/get"), "delete": operation("cards/delete")}},
    }
    text = json.dumps(document)
    docs = read("\n".join(f.documentation for f in functions_of(text)))
    asked = asking.People(docs, 0).instructions(random.Random(0), "plain", 20, Scenario.ORDINARY)
    for one in asked:
        assert re.search(r"\bcard\b|\bcards\b", one.text), one.text
        for call in one.calls:
            build_request(text, call.doc.name, {"card_id": call.values[("card_id",)]})


def test_an_unknown_prompt_is_an_error_that_names_it(tmp_path):
    (tmp_path / "poem.jinja").write_text("=== user\n{{ topic }}\n")
    from toolalpaca.models.prompts import PromptFolder

    with pytest.raises(ToolAlpacaError, match="poem"):
        OfflineModel().reply(Prompt("poem", {"topic": "x"}, prompts=PromptFolder(tmp_path)))


@pytest.mark.parametrize(
    "text", ["", "hello", "[[[", '"', "Find", "\x00", "the the the", "ÄÖ İ " * 50, "x" * 5000, "find " * 2000]
)
def test_any_instruction_gets_a_readable_step(text):
    tool = toolset()[0]
    react.parse(OfflineModel(malformed_rate=0).reply(react.opening(tool.functions, text)))


def test_numbers_and_plurals():
    assert [plural(n) for n in ("city", "box", "day", "news", "bus stop")] == [
        "cities",
        "boxes",
        "days",
        "news",
        "bus stops",
    ]
    assert all(singular(plural(n)) == n for n in ("city", "box", "day", "news", "recipe", "address", "match"))
    rng = fields.rng_of(1)
    assert all(5 <= fields.number(rng, "int", 5, 9) <= 9 for _ in range(50))
