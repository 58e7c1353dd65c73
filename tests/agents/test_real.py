"""Calls to real APIs: what is refused before a byte is sent, and what comes back from what is allowed."""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import json

import pytest
from aiohttp import web

from toolalpaca.agents.executors.addresses import is_public, literal
from toolalpaca.agents.executors.calls import ToolCall
from toolalpaca.agents.executors.real import RealExecutor, parse_credentials
from toolalpaca.files import dumps
from toolalpaca.openapi.request import build_request
from toolalpaca.openapi.validation import functions_of, lint
from toolalpaca.schema import ReplyError, Tool, ToolAlpacaError

PRIVATE = [
    "127.0.0.1", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001",
    "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "2852039166", "0xa9fea9fe", "100.100.100.200",
    "168.63.129.16", "198.18.0.1", "224.0.0.1", "255.255.255.255", "[::1]", "[::]", "[fe80::1]",
    "[fd00:ec2::254]", "192.0.0.192", "3221225664", "192.88.99.1", "[::ffff:192.0.0.192]", "[3fff::1]",
    "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[::127.0.0.1]", "[2002:7f00:1::]", "[64:ff9b::7f00:1]",
    "[fec0::1]", "[ff02::1]", "[0:0:0:0:0:ffff:10.0.0.1]", "127.0.0.1.",
]  # fmt: skip


def tool_for(server: str, **extra) -> Tool:
    document = {
        "openapi": "3.0.3",
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": server}],
        "paths": {
            "/things/{kind}": {
                "get": {
                    "operationId": "getThing",
                    "parameters": [
                        {"name": "kind", "in": "path", "required": True, "schema": {"type": "string"}},
                        {"name": "key", "in": "query", "schema": {"type": "string"}},
                    ],
                    "responses": {"200": {"description": "ok"}},
                }
            }
        },
        **extra,
    }
    text = dumps(document)
    return Tool("t", "t", "c", "", "", "", "", text, functions_of(text))


def call_to(tool: Tool, **arguments) -> ToolCall:
    return ToolCall(tool, "getThing", arguments, build_request(tool.openapi, "getThing", arguments))


class World:
    """A server on loopback, and names that resolve to where a test says."""

    def __init__(self, answers):
        self.answers, self.seen, self.lookups = answers, [], []
        self.names: dict[str, list[list[str]]] = {}

    async def __aenter__(self):
        async def handle(request: web.Request) -> web.StreamResponse:
            self.seen.append((request.host.split(":")[0], request.raw_path, dict(request.headers)))
            return await self.answers(request)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.port = self.runner.addresses[0][1]
        return self

    async def __aexit__(self, *_):
        await self.runner.cleanup()

    async def lookup(self, host: str) -> list[str]:
        self.lookups.append(host)
        given = self.names.get(host, [["127.0.0.1"]])
        return given.pop(0) if len(given) > 1 else given[0]

    def executor(self, *hosts: str, allowed=None, **options) -> RealExecutor:
        loopback = ipaddress.ip_address("127.0.0.1")
        return RealExecutor(
            [f"{host}:{self.port}" for host in hosts],
            allowed=allowed or (lambda address: address == loopback),
            lookup=self.lookup,
            **options,
        )


def run(answers, test):
    async def main():
        async with World(answers) as world:
            return await test(world)

    return asyncio.run(main())


async def ok(request: web.Request) -> web.Response:
    return web.json_response({"kind": request.match_info["path"]})


@pytest.mark.parametrize("host", PRIVATE)
def test_private_addresses_are_refused_in_every_spelling(host):
    # Allow-listing the spelling itself does not help: the address is what counts.
    executor = RealExecutor([host])

    async def never(name: str) -> list[str]:
        raise AssertionError(f"{name} was resolved")

    executor.lookup = never
    with pytest.raises(ReplyError) as error:
        asyncio.run(executor.execute(call_to(tool_for(f"http://{host}/v1"), kind="a")))
    assert error.value.reason == "refused_address"


@pytest.mark.parametrize("text", ["8.8.8.8", "134744072", "2606:4700::1111"])
def test_public_addresses_are_public(text):
    assert is_public(literal(text))


@pytest.mark.parametrize(
    "server",
    ["http://user:pw@api.example.com", "http://api.example.com@127.0.0.1", "http://other.example.com",
     "http://api.example.com:8081", "http://api.example.com.evil.com"],
)  # fmt: skip
def test_other_hosts_ports_and_userinfo_are_refused_before_resolving(server):
    async def never(name: str) -> list[str]:
        raise AssertionError(f"{name} was resolved")

    executor = RealExecutor(["api.example.com"], lookup=never)
    with pytest.raises(ReplyError) as error:
        asyncio.run(executor.execute(call_to(tool_for(server), kind="a")))
    assert error.value.reason == "refused_address"


@pytest.mark.parametrize(
    "found", [["127.0.0.1"], ["169.254.169.254"], ["8.8.8.8", "10.0.0.1"], ["::ffff:10.0.0.1"]]
)
def test_names_that_resolve_to_private_addresses_are_refused(found):
    async def lookup(host: str) -> list[str]:
        return found

    executor = RealExecutor(["api.example.com"], lookup=lookup)
    with pytest.raises(ReplyError) as error:
        asyncio.run(executor.execute(call_to(tool_for("https://api.example.com"), kind="a")))
    assert error.value.reason == "refused_address"


def test_a_rebinding_name_is_resolved_once_and_connected_to_where_it_was_checked():
    async def test(world: World):
        world.names["api.test"] = [["127.0.0.1"], ["127.0.0.2"]]
        executor = world.executor("api.test")
        tool = tool_for(f"http://api.test:{world.port}")
        first = await executor.execute(call_to(tool, kind="a"))
        assert (first.status, first.body) == (200, {"kind": "things/a"})
        assert world.lookups == ["api.test"]
        with pytest.raises(ReplyError, match=r"127\.0\.0\.2"):
            await executor.execute(call_to(tool, kind="b"))
        assert len(world.seen) == 1

    run(ok, test)


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1:{port}/x", "http://2130706433:{port}/x", "http://[::ffff:7f00:1]:{port}/x", "http://b.test:{port}/x",
     "http://metadata.test/x", "file:///etc/passwd", "//evil.test/x", "http://a.test@b.test:{port}/x"],
)  # fmt: skip
def test_redirects_are_checked_like_calls(location):
    async def answers(request: web.Request) -> web.Response:
        port = request.url.port
        return web.Response(status=302, headers={"Location": location.format(port=port)})

    async def test(world: World):
        with pytest.raises(ReplyError) as error:
            await world.executor("a.test").execute(call_to(tool_for(f"http://a.test:{world.port}"), kind="a"))
        assert error.value.reason == "refused_address"
        assert len(world.seen) == 1

    run(answers, test)


def test_an_allowed_redirect_is_followed_without_the_credentials(monkeypatch):
    monkeypatch.setenv("THING_KEY", "s3cret/value")
    scheme = {
        "components": {"securitySchemes": {"auth": {"type": "http", "scheme": "bearer"}}},
        "security": [{"auth": []}],
    }

    async def answers(request: web.Request) -> web.Response:
        if request.host.startswith("a.test"):
            return web.Response(status=302, headers={"Location": f"http://b.test:{request.url.port}/moved"})
        return web.json_response({"moved": True})

    async def test(world: World):
        executor = world.executor("a.test", "b.test", credentials={"auth": "THING_KEY"})
        response = await executor.execute(
            call_to(tool_for(f"http://a.test:{world.port}", **scheme), kind="a")
        )
        assert response.body == {"moved": True}
        (_, _, first), (_, _, second) = world.seen
        assert first["Authorization"] == "Bearer s3cret/value"
        assert "Authorization" not in second

    run(answers, test)


def test_credentials_reach_the_api_and_nothing_else(monkeypatch):
    monkeypatch.setenv("THING_KEY", "s3cret/value")

    async def answers(request: web.Request) -> web.Response:
        return web.json_response({"you sent": request.raw_path, "key": request.query["key"]})

    async def test(world: World):
        executor = world.executor("a.test", credentials={"key": "THING_KEY"})
        call = call_to(tool_for(f"http://a.test:{world.port}"), kind="a", key="unknown")
        response = await executor.execute(call)
        assert "key=s3cret" in world.seen[0][1]
        assert "s3cret" not in json.dumps([response.body, call.request.to_row(), call.arguments])

    run(answers, test)


@pytest.mark.parametrize("schema", [{"maxLength": 64}, {"enum": ["a"]}, {"pattern": "^[a-z]+$"}])
def test_a_credential_that_the_specification_refuses_is_not_shown(monkeypatch, schema):
    secret = "eyJhbGciOi" + "SECRET" * 30  # longer than what a message shows of a value
    monkeypatch.setenv("THING_KEY", secret)
    tool = tool_for("https://api.example.com")
    document = json.loads(tool.openapi)
    document["paths"]["/things/{kind}"]["get"]["parameters"][1]["schema"].update(schema)
    tool = dataclasses.replace(tool, openapi=dumps(document))
    executor = RealExecutor(["api.example.com"], {"key": "THING_KEY"})
    with pytest.raises(ReplyError, match="'key'") as error:
        asyncio.run(executor.execute(call_to(tool, kind="a")))
    assert error.value.reason == "real_request"
    assert "eyJ" not in str(error.value) and "SECRET" not in str(error.value)


def test_no_part_of_a_credential_is_shown_with_a_url_that_cannot_be_called(monkeypatch):
    monkeypatch.setenv("THING_KEY", "SECRET" * 60)
    executor = RealExecutor(["api.example.com"], {"key": "THING_KEY"})
    with pytest.raises(ReplyError, match="http or https URL") as error:
        asyncio.run(executor.execute(call_to(tool_for(""), kind="a")))
    assert "SECRET" not in str(error.value)


def test_a_request_is_sent_as_it_is_written_with_the_credentials_behind(monkeypatch):
    monkeypatch.setenv("THING_KEY", "s3cret/value")
    secured = {
        "components": {"securitySchemes": {"k": {"type": "apiKey", "in": "query", "name": "api key"}}},
        "security": [{"k": []}],
    }

    async def test(world: World):
        executor = world.executor("a.test", credentials={"k": "THING_KEY"})
        call = call_to(tool_for(f"http://a.test:{world.port}/v 1", **secured), kind="a,b;c/d é", key="x,y&z")
        await executor.execute(call)
        sent = world.seen[0][1]
        assert sent == "/v%201/things/a%2Cb%3Bc%2Fd%20%C3%A9?key=x%2Cy%26z&api%20key=s3cret%2Fvalue"

    run(ok, test)


def test_headers_that_belong_to_the_connection_are_neither_parameters_nor_credentials(monkeypatch):
    monkeypatch.setenv("THING_KEY", "169.254.169.254")
    secured = {
        "components": {"securitySchemes": {"k": {"type": "apiKey", "in": "header", "name": "host"}}},
        "security": [{"k": []}],
    }

    async def test(world: World):
        document = json.loads(tool_for(f"http://a.test:{world.port}", **secured).openapi)
        operation = document["paths"]["/things/{kind}"]["get"]
        for name in ("Host", "Content-Length", "Transfer-Encoding", "connection", "X-Mine"):
            operation["parameters"].append({"name": name, "in": "header", "schema": {"type": "string"}})
        text = dumps(document)
        assert [p.name for p in functions_of(text)[0].parameters] == ["kind", "key", "X-Mine"]
        assert any("'Host'" in warning for warning in lint(text))
        tool = Tool("t", "t", "c", "", "", "", "", text, functions_of(text))
        executor = world.executor("a.test", credentials={"k": "THING_KEY"})
        await executor.execute(call_to(tool, kind="a", **{"X-Mine": "mine"}))
        headers = world.seen[0][2]
        assert (headers["Host"], headers["X-Mine"]) == (f"a.test:{world.port}", "mine")
        assert "169.254" not in str(headers)

    run(ok, test)


def test_a_missing_credential_is_named_without_a_value():
    with pytest.raises(ToolAlpacaError, match="has no NOT_SET_ANYWHERE"):
        RealExecutor(["a.test"], {"key": "NOT_SET_ANYWHERE"})
    with pytest.raises(ToolAlpacaError, match="NAME=VARIABLE"):
        parse_credentials(["just-a-value"])


@pytest.mark.parametrize("host", ["", "http://a.test", "a.test/path", "user@a.test", "a.test?x"])
def test_an_allow_list_holds_host_names_alone(host):
    with pytest.raises(ToolAlpacaError, match="allow_host"):
        RealExecutor([host])


def test_binary_becomes_a_note_and_large_answers_are_cut():
    async def answers(request: web.Request) -> web.Response:
        if "image" in request.path:
            return web.Response(body=b"\x89PNG\r\n" + bytes(100), content_type="image/png")
        if "disguised" in request.path:
            return web.Response(body=b"\x00\x01\xff", content_type="text/plain")
        return web.Response(text="x" * 5000)

    async def test(world: World):
        executor, tool = world.executor("a.test", max_bytes=1000), tool_for(f"http://a.test:{world.port}")
        image = await executor.execute(call_to(tool, kind="image"))
        assert image.body == "[image/png content of 106 bytes is not shown]"
        disguised = await executor.execute(call_to(tool, kind="disguised"))
        assert disguised.body == "[text/plain content of 3 bytes is not shown]"
        large = await executor.execute(call_to(tool, kind="large"))
        assert large.body == "x" * 1000 + " [cut after 1000 bytes]"

    run(answers, test)


def test_a_credential_that_is_echoed_where_an_answer_is_cut_is_not_shown_in_part(monkeypatch):
    monkeypatch.setenv("THING_KEY", "s3cret-value-of-some-length")

    async def answers(request: web.Request) -> web.Response:
        return web.Response(text="x" * 980 + request.query["key"] + "y" * 100)

    async def test(world: World):
        executor = world.executor("a.test", max_bytes=1000, credentials={"key": "THING_KEY"})
        answer = await executor.execute(call_to(tool_for(f"http://a.test:{world.port}"), kind="a"))
        assert answer.body == "x" * 980 + " [cut after 1000 bytes]"

    run(answers, test)


def test_a_slow_or_absent_api_is_a_failure_of_the_machinery():
    async def answers(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    async def test(world: World):
        tool = tool_for(f"http://a.test:{world.port}")
        with pytest.raises(ReplyError) as slow:
            await world.executor("a.test", timeout=0.2).execute(call_to(tool, kind="a"))
        assert slow.value.reason == "real_timeout"
        port, world.port = world.port, 1
        with pytest.raises(ReplyError) as absent:
            await world.executor("a.test").execute(call_to(tool_for("http://a.test:1"), kind="a"))
        assert absent.value.reason == "real_request"
        world.port = port

    run(answers, test)
