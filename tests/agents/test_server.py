"""The tool server, run as a user runs it and asked as a client of real APIs asks."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from authored import write_library

from toolalpaca.agents.executors.llm import LlmExecutor
from toolalpaca.agents.executors.schema import SchemaExecutor
from toolalpaca.agents.server import ToolServer, start
from toolalpaca.files import dumps, write_jsonl
from toolalpaca.models.boundary import ChatModel, Completion
from toolalpaca.offline.library import tools
from toolalpaca.offline.library.specification import specification_text
from toolalpaca.openapi.inbound import Refusal, match_request
from toolalpaca.openapi.spec import load_spec
from toolalpaca.openapi.validation import check_response, documentation_of, functions_of, validate
from toolalpaca.schema import Tool, to_row

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "generate" / "serve_tools.py"
DATA = ROOT.parent / "shared" / "data" / "toolalpaca"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} with the 21 specifications is missing")


def answers(schema: dict, **more) -> dict:
    return {"200": {"description": "ok", "content": {"application/json": {"schema": schema}}}, **more}


THING = {"$ref": "#/components/schemas/Thing"}
PROBLEM = {
    "description": "bad",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["message", "code"],
                "properties": {"message": {"type": "string"}, "code": {"type": "integer"}},
                "additionalProperties": False,
            }
        }
    },
}
HARD = {
    "openapi": "3.0.3",
    "info": {"title": "Hard", "version": "1"},
    "servers": [{"url": "https://hard.example/v2"}],
    "components": {
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["thingId", "code", "size", "kind"],
                "additionalProperties": False,
                "properties": {
                    "thingId": {"type": "string", "format": "uuid"},
                    "code": {"type": "string", "pattern": "^[A-Z]{2}-\\d{3,4}(x|y)?$"},
                    "size": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 1},
                    "step": {"type": "integer", "multipleOf": 7, "minimum": 1, "maximum": 15},
                    "kind": {"type": "string", "enum": ["a", "b"]},
                    "short": {"type": "string", "minLength": 2, "maxLength": 3},
                    "when": {"type": "string", "format": "date-time"},
                    "nothing": {"type": "string", "nullable": True, "maxLength": 0},
                    "parts": {"type": "array", "items": THING, "maxItems": 2},
                    "either": {
                        "oneOf": [{"type": "integer", "minimum": 5}, {"type": "string", "maxLength": 4}]
                    },
                    "both": {
                        "allOf": [
                            {"type": "object", "required": ["p"], "properties": {"p": {"type": "integer"}}},
                            {"type": "object", "required": ["q"], "properties": {"q": {"type": "boolean"}}},
                        ]
                    },
                    "map": {"type": "object", "additionalProperties": {"type": "integer", "maximum": 3}},
                    "pair": {
                        "type": "array",
                        "items": {"type": "string"},
                        "minItems": 2,
                        "uniqueItems": True,
                    },
                },
            }
        },
    },
    "paths": {
        "/things/{thingId}": {
            "get": {
                "operationId": "getThing",
                "parameters": [
                    {
                        "name": "thingId",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string", "format": "uuid"},
                    }
                ],
                "responses": answers(THING, **{"404": PROBLEM}),
            },
            "delete": {
                "operationId": "deleteThing",
                "security": [{"key": []}],
                "parameters": [
                    {"name": "thingId", "in": "path", "required": True, "schema": {"type": "string"}}
                ],
                "responses": {"204": {"description": "gone"}, "401": PROBLEM},
            },
        },
        "/things": {
            "get": {
                "operationId": "searchThings",
                "parameters": [
                    {
                        "name": "kind",
                        "in": "query",
                        "required": True,
                        "schema": {"type": "string", "enum": ["a", "b"]},
                    },
                    {"name": "ids", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}}},
                    {
                        "name": "filter",
                        "in": "query",
                        "style": "deepObject",
                        "schema": {"type": "object", "properties": {"min": {"type": "number"}}},
                    },
                ],
                "responses": answers({"type": "array", "items": THING}),
            },
            "post": {
                "operationId": "createThing",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["kind"],
                                "additionalProperties": False,
                                "properties": {
                                    "kind": {"type": "string", "enum": ["a", "b"]},
                                    "size": {"type": "integer"},
                                },
                            }
                        }
                    },
                },
                "responses": {
                    "201": {
                        "description": "made",
                        "content": {"application/json": {"schema": THING}},
                        "headers": {"X-Count": {"required": True, "schema": {"type": "integer"}}},
                    },
                    "400": PROBLEM,
                },
            },
        },
        "/notes/{text}": {
            "get": {
                "operationId": "getNote",
                "parameters": [
                    {"name": "text", "in": "path", "required": True, "schema": {"type": "string"}}
                ],
                "responses": {
                    "200": {"description": "ok", "content": {"text/plain": {"schema": {"type": "string"}}}}
                },
            }
        },
    },
}


def make_tool(tool_id: str, document: dict | str) -> Tool:
    text = document if isinstance(document, str) else dumps(document)
    functions = functions_of(text)
    return Tool(tool_id, tool_id, "c", "", "d", "", documentation_of(functions), text, functions)


class Client:
    def __init__(self, port: int):
        self.port = port

    def ask(self, method: str, path: str, body=None, headers=None):
        """Status, headers and body (JSON where it is)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        data = body if isinstance(body, (str, bytes)) or body is None else json.dumps(body)
        sent = {**({"Content-Type": "application/json"} if body is not None else {}), **(headers or {})}
        connection.request(method, path, data, sent)
        response = connection.getresponse()
        raw = response.read().decode()
        connection.close()
        got = dict(response.getheaders())
        return response.status, got, json.loads(raw) if "json" in got.get("Content-Type", "") else raw


class Served:
    """The script in a process of its own."""

    def __init__(self, *arguments: object):
        command = [sys.executable, str(SCRIPT), "--port", "0", *map(str, arguments)]
        # A job in the background ignores SIGINT, and so would this child of it
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )  # fmt: skip

    def __enter__(self) -> Client:
        line = self.process.stdout.readline()
        assert "serving" in line, self.process.stderr.read()
        return Client(int(line.split("127.0.0.1:")[1].split()[0]))

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 130
        assert "Traceback" not in self.process.stderr.read()


@pytest.fixture(scope="module")
def toolset(tmp_path_factory) -> Path:
    tools = [make_tool("hard", HARD)]
    if DATA.is_dir():
        wanted = {"AviationAPI": "aviation", "Auth0": "auth"}
        for name in ("eval_real", "eval_simulated"):
            for tool in json.loads((DATA / f"{name}.json").read_text()):
                if tool["Name"] in wanted:
                    tools.append(make_tool(wanted[tool["Name"]], tool["Documentation"]))
    path = tmp_path_factory.mktemp("tools") / "toolset.jsonl"
    write_jsonl(path, map(to_row, tools))
    return path


@pytest.fixture(scope="module")
def client(toolset):
    with Served("--toolset", toolset) as client:
        yield client


def test_the_manifest_leads_to_every_tool_and_its_document(client):
    _, _, manifest = client.ask("GET", "/")
    assert manifest["executor"] == "schema"
    (tool,) = [t for t in manifest["tools"] if t["tool_id"] == "hard"]
    assert tool["functions"] == ["getThing", "deleteThing", "searchThings", "createThing", "getNote"]
    assert tool["url"] == f"http://127.0.0.1:{client.port}/hard"
    status, _, document = client.ask("GET", "/" + tool["openapi"].split("/", 3)[3])
    assert status == 200
    assert document["servers"] == [{"url": tool["url"]}]
    assert document["paths"].keys() == HARD["paths"].keys()
    validate(json.dumps(document))


def test_good_requests_get_answers_that_obey_the_specification(client):
    spec = load_spec(dumps(HARD))
    for kind in ("a", "b"):
        status, _, things = client.ask("GET", f"/hard/things?kind={kind}&ids=1&ids=2&filter[min]=0.5")
        assert check_response(spec, "searchThings", status, things) == []
        for thing in things:
            status, _, same = client.ask("GET", f"/hard/things/{thing['thingId']}")
            assert check_response(spec, "getThing", status, same) == []
            assert same["thingId"] == thing["thingId"]
    status, headers, made = client.ask("POST", "/hard/things", {"kind": "b", "size": 3})
    assert check_response(spec, "createThing", status, made) == []
    assert int(headers["X-Count"]) >= 0
    status, headers, text = client.ask("GET", "/hard/notes/a%2Fb%0Ac")
    assert (status, headers["Content-Type"]) == (200, "text/plain")
    assert text
    assert client.ask("DELETE", "/hard/things/7", headers={"X-Key": "k"})[0] == 204


def shelf():
    def operation(name, *parameters, **more):
        listed = [{**p, "required": p["in"] == "path"} for p in parameters]
        return {"operationId": name, "parameters": listed, "responses": answers({"type": "string"}), **more}

    book = {"name": "bookId", "in": "path", "schema": {"type": "string"}}
    language = {"name": "language", "in": "header", "schema": {"type": "string"}}
    mail = {"type": "object", "properties": {"to": {"type": "string", "format": "email"}}}
    share = operation("shareBook", book, requestBody={"content": {"application/json": {"schema": mail}}})
    paths = {
        "/books/{bookId}": {"get": operation("getBook", book), "delete": operation("deleteBook", book)},
        "/books/count": {"get": operation("countBooks", language)},
        "/books/{bookId}/shares": {"post": share},
    }
    return load_spec(dumps({"openapi": "3.0.0", "info": {"title": "Shelf", "version": "1"}, "paths": paths}))


@pytest.mark.parametrize("method", ["DELETE", "OPTIONS"])
def test_a_path_that_is_written_out_has_no_verbs_of_one_with_parameters(method):
    with pytest.raises(Refusal) as refused:
        match_request(shelf(), method, "/books/count", {})
    assert (refused.value.status, refused.value.allow) == (405, "GET")
    assert match_request(shelf(), "DELETE", "/books/7", {}).operation.name == "deleteBook"


def test_a_header_may_hold_a_tab_and_what_cannot_be_written_is_refused():
    match = match_request(shelf(), "GET", "/books/count", {"language": "a\tb"})
    assert match.arguments == {"language": "a\tb"}
    with pytest.raises(Refusal) as refused:
        match_request(shelf(), "GET", "/books/count", {"language": "a\x07b"})
    assert refused.value.status == 422
    assert "'language'" in refused.value.errors[0]


@pytest.mark.parametrize("address", ["§`\x12顟@\x834\x17", "ann@exämple.com", "ann", "a..b@example.com"])
def test_an_address_that_is_none_is_refused(address):
    body, headers = dumps({"to": address}).encode(), {"Content-Type": "application/json"}
    with pytest.raises(Refusal, match="email"):
        match_request(shelf(), "POST", "/books/7/shares", headers, body)
    good = dumps({"to": "ann@example.com"}).encode()
    assert match_request(shelf(), "POST", "/books/7/shares", headers, good).operation.name == "shareBook"


def test_the_same_request_gets_the_same_answer_in_another_process(client, toolset):
    with Served("--toolset", toolset) as other, Served("--toolset", toolset, "--seed", 1) as seeded:
        path = "/hard/things?kind=a"
        assert client.ask("GET", path)[2] == other.ask("GET", path)[2]
        assert client.ask("GET", path)[2] != seeded.ask("GET", path)[2]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/nothing/here", None, 404, "there is no tool 'nothing'"),
        ("GET", "/hard/nowhere", None, 404, "no path matches /nowhere"),
        ("GET", "/hard/things/", None, 404, "no path matches"),
        ("PATCH", "/hard/things", None, 405, "expected GET, POST"),
        ("GET", "/hard/things", None, 422, "query parameter 'kind' is missing"),
        ("GET", "/hard/things?kind=c&ids=x&zz=1", None, 422, "expected one of"),
        ("GET", "/hard/things/not-a-uuid", None, 422, "the format uuid"),
    ],
)
def test_wrong_requests_are_told_what_is_wrong(client, method, path, body, status, words):
    got, headers, answer = client.ask(method, path, body)
    assert got == status
    assert any(words in error for error in answer["errors"])
    if status == 405:
        assert headers["Allow"] == "GET, POST"


@pytest.mark.parametrize("path", ["/", "/manifest.json", "/hard/openapi.json"])
@pytest.mark.parametrize("method", ["DELETE", "PUT", "POST"])
def test_the_documents_of_the_server_can_be_read_alone(client, method, path):
    status, headers, answer = client.ask(method, path)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert "expected GET, HEAD" in answer["errors"][0]


def test_a_body_that_is_too_large_is_told_so(client):
    status, _, answer = client.ask("POST", "/hard/things", b"x" * 5 * 2**20)
    assert status == 413 and "too large" in answer["errors"][0]


def test_a_request_line_and_a_header_may_be_long(client):
    """aiohttp's own limit is 8190 bytes, and its answer beyond is plain text, which no specification has."""
    status, headers, _ = client.ask("GET", "/hard/things?unknown=" + "x" * 100_000)
    assert status == 422 and headers["Content-Type"].startswith("application/json")
    status, headers, _ = client.ask("GET", "/hard/things", headers={"X-Key": "x" * 100_000})
    assert status < 500 and headers["Content-Type"].startswith("application/json")


def test_all_mistakes_are_listed(client):
    _, _, answer = client.ask("GET", "/hard/things?kind=c&ids=x&zz=1")
    assert len(answer["errors"]) == 3


def test_error_answers_take_the_form_that_the_specification_gives_them(client):
    for body in ({"kind": "z"}, {}, "{", {"kind": "a", "more": 1}):
        status, _, answer = client.ask("POST", "/hard/things", body)
        assert (status, answer["code"]) == (400, 400)
        assert answer.keys() == {"message", "code"}
        assert "kind" in answer["message"] or "body" in answer["message"]
    status, headers, answer = client.ask("DELETE", "/hard/things/7")
    assert (status, answer["code"]) == (401, 401)
    assert "X-Key" in answer["message"]
    assert headers["WWW-Authenticate"]


def test_an_instance_sees_one_world_and_others_do_not(client):
    mine, theirs = {"X-ToolAlpaca-Instance": "1"}, {"X-ToolAlpaca-Instance": "2"}
    _, _, made = client.ask("POST", "/hard/things", {"kind": "b"}, mine)
    path = f"/hard/things/{made['thingId']}"
    assert client.ask("GET", path, headers=mine)[2]["kind"] == "b"
    assert client.ask("DELETE", path, headers={**mine, "X-Key": "k"})[0] == 204
    assert client.ask("GET", path, headers=mine)[0] == 404
    assert client.ask("GET", path, headers=theirs)[0] == 200


def test_a_recorded_file_answers_the_same_on_any_day(toolset, tmp_path):
    frozen = tmp_path / "answers.jsonl"
    path, other = "/hard/things?kind=a", "/hard/things?kind=b"
    with Served(
        "--toolset", toolset, "--executor", "frozen", "--frozen", frozen, "--on_miss", "schema", "--seed", 5
    ) as client:
        recorded = client.ask("GET", path)
        assert client.ask("GET", path)[2] == recorded[2]
    assert len(frozen.read_text().splitlines()) == 1
    with Served("--toolset", toolset, "--executor", "frozen", "--frozen", frozen) as client:
        assert client.ask("GET", path)[2] == recorded[2]
        assert client.ask("GET", other)[0] == 503


def test_mistakes_on_the_command_line_are_one_line(tmp_path, toolset, client):
    cases = {
        ("--toolset", tmp_path / "none.jsonl"): "does not exist",
        ("--toolset", toolset, "--port", client.port): "cannot listen on 127.0.0.1",
        ("--toolset", toolset, "--executor", "frozen"): "--frozen",
        ("--toolset", toolset, "--executor", "real"): "--allow_host",
    }
    for arguments, words in cases.items():
        command = [sys.executable, str(SCRIPT), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert words in done.stderr
        assert done.stderr.count("\n") == 1


class Scripted(ChatModel):
    """A model with set replies."""

    name = "scripted"

    def __init__(self, *replies: str):
        self.replies, self.prompts = list(replies), []

    async def complete(self, prompt, sample=0, stop=None, on_fault=None) -> Completion:
        self.prompts.append(prompt)
        return Completion(self.replies.pop(0) if len(self.replies) > 1 else self.replies[0])


def test_an_authored_tool_answers_from_one_world_as_long_as_the_server_lives(tmp_path, monkeypatch):
    home = write_library(tmp_path / "tools")
    monkeypatch.setattr(tools, "HOME", home)
    document = specification_text(tools.load_tool(home / "transportation" / "berthbook.yaml"))

    async def main():
        runner, port = await start(ToolServer([make_tool("berths", document)], SchemaExecutor()))
        client = Client(port)

        def visit():
            booking = {"boat": "Selma", "from": "2025-07-04", "nights": 3}
            yield client.ask("POST", "/berths/berths/B7/bookings", booking)
            yield client.ask("GET", "/berths/bookings/42")
            yield client.ask("GET", "/berths/bookings/42", headers={"X-ToolAlpaca-Instance": "other"})
            yield client.ask("DELETE", "/berths/bookings/42")
            yield client.ask("GET", "/berths/bookings/42")

        try:
            return await asyncio.to_thread(lambda: [(status, body) for status, _, body in visit()])
        finally:
            await runner.cleanup()

    made, read, elsewhere, gone, after = asyncio.run(main())
    assert made[0] == 201 and made[1]["id"] == 42 and made[1]["total"] == 120
    assert read[1]["boat"] == "Selma"
    assert elsewhere == (404, {"error": "No booking 42"})
    assert gone[0] == 204 and after[0] == 404


def test_a_model_answers_and_a_useless_one_is_a_bad_gateway():
    def ask(*replies):
        async def main():
            server = ToolServer([make_tool("hard", HARD)], LlmExecutor(Scripted(*replies)))
            runner, port = await start(server)
            try:
                return await asyncio.to_thread(Client(port).ask, "GET", "/hard/notes/x")
            finally:
                await runner.cleanup()

        return asyncio.run(main())

    status, _, text = ask('Status Code: 200. Response: "a note"')
    assert (status, text) == (200, "a note")
    status, _, answer = ask("I will not.")
    assert status == 502
    assert "scripted" in answer["error"]


@pytest.mark.parametrize("tool", ["hard", *(pytest.param(t, marks=needs_data) for t in ("aviation", "auth"))])
def test_schemathesis_finds_no_server_error_and_no_answer_beside_the_specification(client, tool, tmp_path):
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run",
        f"http://127.0.0.1:{client.port}/{tool}/openapi.json",
        "--seed", "1", "--max-examples", "4", "--phases", "coverage,fuzzing", "--no-color",
        # A simulated API issues no credentials, and keeps nothing: what is deleted can be read again
        "--exclude-checks", "ignored_auth,use_after_free",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout[-4000:]
