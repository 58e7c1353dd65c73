"""A toolset served over HTTP as real APIs would look; answers come from any executor."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
from collections import OrderedDict
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from toolalpaca.agents.executors.calls import Exchange, Executor, ToolCall
from toolalpaca.files import dumps
from toolalpaca.offline.conforming import conforming, error_body
from toolalpaca.offline.fields import rng_of
from toolalpaca.offline.library.teaching import authored
from toolalpaca.offline.library.tools import load_library
from toolalpaca.openapi.inbound import Match, Refusal, match_request
from toolalpaca.openapi.spec import Operation, Spec, load_spec
from toolalpaca.schema import ReplyError, RowFailure, Tool, ToolAlpacaError

HOST = "127.0.0.1"
INSTANCE_HEADER = "X-ToolAlpaca-Instance"  # requests that share it see one consistent world
MAX_INSTANCES = 1_000
MAX_EXCHANGES = 50
MAX_CHANGES = 1_000  # of a tool with a world of records: so many are carried out again before an answer
MAX_BODY = 4 * 2**20  # bytes of a request
MAX_LINE = 2**20  # bytes of its first line, and of each header; beyond, aiohttp itself answers in plain text
READS = ("GET", "HEAD")  # what our own documents answer to
WRONG = {
    "description": "The request is wrong: no such data, invalid values or missing credentials.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error", "errors"],
                "properties": {
                    "error": {"type": "string"},
                    "errors": {"type": "array", "items": {"type": "string"}},
                },
            }
        }
    },
}
log = logging.getLogger(__name__)


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a log record tells of our server rather than of a client that speaks no HTTP."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


log.addFilter(_is_ours)


class ToolServer:
    """Every path and verb of every tool under `/{tool_id}`, a manifest at `/`, a document per tool."""

    def __init__(self, tools: list[Tool], executor: Executor):
        self.tools: dict[str, Tool] = {}
        for tool in tools:
            if tool.tool_id in self.tools:
                raise ToolAlpacaError(f"the toolset has two tools with the id {tool.tool_id}")
            self.tools[tool.tool_id] = tool
        if not self.tools:
            raise ToolAlpacaError("the toolset has no tool")
        self.executor = executor
        self.instances: OrderedDict[str, list[Exchange]] = OrderedDict()

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", r"/{anything:[\s\S]*}", self.handle)
        return app

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request: the manifest, a tool's document, or a call."""
        path, mark, query = request.raw_path.partition("?")
        if path.startswith(("http://", "https://")):  # the form a proxy is sent
            path = "/" + path.split("/", 3)[3] if path.count("/") > 2 else "/"
        base = f"http://{request.host}"
        tool_id, _, rest = path.lstrip("/").partition("/")
        if path in ("/", "/manifest.json"):
            return _json(200, self.manifest(base)) if request.method in READS else _unwritable(request)
        tool = self.tools.get(tool_id)
        if tool is None:
            return _json(404, _wrong([f"there is no tool {tool_id!r}; the manifest at / lists them"]))
        spec = load_spec(tool.openapi)
        if rest == "openapi.json":
            if request.method not in READS:
                return _unwritable(request)
            return _json(200, served_document(spec, f"{base}/{tool_id}"))
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _json(413, _wrong([f"the body is too large: expected at most {MAX_BODY} bytes"]))
        try:
            headers = {name: ", ".join(request.headers.getall(name)) for name in request.headers}
            match = match_request(spec, request.method, f"/{rest}{mark}{query}", headers, body)
        except Refusal as refusal:
            return _refusal(refusal)
        return await self._call(tool, match, request.headers.get(INSTANCE_HEADER, ""))

    async def _call(self, tool: Tool, match: Match, instance: str) -> web.Response:
        # A world of records is there without an instance too: one for all, as long as the server lives.
        known = authored(load_library(), tool.openapi, match.operation.name)
        exchanges = self._exchanges(f"{tool.tool_id}/{instance}") if instance or known else []
        call = ToolCall(
            tool, match.operation.name, match.arguments, match.request, instance, exchanges=list(exchanges)
        )
        try:
            response = await self.executor.execute(call)
        except (ReplyError, RowFailure) as failure:
            return _json(502, _wrong([f"the executor {self.executor.name} failed: {failure}"]))
        if not known or known.function(match.operation.name).changes:
            exchanges.append(Exchange(match.request, response.status, response.body))
        del exchanges[: -(MAX_CHANGES if known else MAX_EXCHANGES)]
        return _answer(match.operation, response.status, response.body)

    def _exchanges(self, key: str) -> list[Exchange]:
        self.instances.setdefault(key, [])
        self.instances.move_to_end(key)
        while len(self.instances) > MAX_INSTANCES:
            self.instances.popitem(last=False)
        return self.instances[key]

    def manifest(self, base: str) -> dict[str, Any]:
        """What is served: per tool its URLs and functions."""
        return {
            "executor": self.executor.name,
            "tools": [
                {
                    "tool_id": tool.tool_id,
                    "name": tool.name,
                    "category": tool.category,
                    "description": tool.description,
                    "url": f"{base}/{tool.tool_id}",
                    "openapi": f"{base}/{tool.tool_id}/openapi.json",
                    "functions": list(load_spec(tool.openapi).operations),
                }
                for tool in self.tools.values()
            ],
        }


def served_document(spec: Spec, url: str) -> dict[str, Any]:
    """A tool's specification as this server obeys it: its own URL, and what it answers to wrong requests."""
    document = copy.deepcopy(spec.document)
    document["servers"] = [{"url": url}]
    for item in document["paths"].values():
        item.pop("servers", None)
        for node in item.values():
            if isinstance(node, dict) and "responses" in node:
                node.pop("servers", None)
                if not isinstance(node["responses"], dict) or "default" in node["responses"]:
                    continue
                node["responses"].setdefault("4XX", WRONG)
                if not any(status[:1] == "2" for status in node["responses"]):
                    node["responses"]["200"] = {"description": "The call succeeded."}
    return document


def _unwritable(request: web.Request) -> web.Response:
    """The answer to any other verb than those that read one of our own documents."""
    allow = ", ".join(READS)
    return _refusal(Refusal(405, [f"{request.method} is not allowed here; expected {allow}"], None, allow))


def _refusal(refusal: Refusal) -> web.Response:
    if refusal.operation is None:
        response = _json(refusal.status, _wrong(refusal.errors))
        if refusal.allow:
            response.headers["Allow"] = refusal.allow
        return response
    status, declared = refusal.status, refusal.operation.responses
    if status == 422 and "422" not in declared and "400" in declared:
        status = 400
    response = _answer(refusal.operation, status, error_body(refusal.operation, status, refusal.errors))
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _answer(operation: Operation, status: int, body: Any) -> web.Response:
    """A response in the media type that the specification declares for its status."""
    answer = operation.response(status)
    kinds = [media.type for media in answer.media] if answer else []
    kind = next((k for k in kinds if "json" in k), kinds[0] if kinds else "application/json")
    kind = "application/json" if "*" in kind else kind
    if status in (204, 205, 304) or (body is None and not kinds):
        response = web.Response(status=status)
    elif "json" in kind or not isinstance(body, str):
        response = _json(status, body, kind)
    else:
        response = web.Response(status=status, body=body.encode(), headers={"Content-Type": kind})
    for name, schema in (answer.headers if answer else {}).items():
        value = conforming(schema, rng_of(operation.name, name), name)
        response.headers.setdefault(name, value if isinstance(value, str) else json.dumps(value))
    return response


def _json(status: int, value: Any, kind: str = "application/json") -> web.Response:
    return web.Response(status=status, body=dumps(value).encode(), headers={"Content-Type": kind})


def _wrong(errors: list[str]) -> dict[str, Any]:
    return {"error": "; ".join(errors), "errors": errors}


async def start(server: ToolServer, port: int = 0) -> tuple[web.AppRunner, int]:
    """Listen on 127.0.0.1; returns what `cleanup()` is called on, and the port (chosen when 0).

    Raises:
        ToolAlpacaError: the port is taken.
    """
    limits = {"max_line_size": MAX_LINE, "max_field_size": MAX_LINE}
    runner = web.AppRunner(server.app(), access_log=None, logger=log, **limits)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
    except OSError as error:
        await runner.cleanup()
        raise ToolAlpacaError(f"cannot listen on {HOST}:{port}: {error.strerror or error}") from None
    return runner, runner.addresses[0][1]


def serve(server: ToolServer, port: int) -> None:
    """Serve until interrupted."""

    async def forever() -> None:
        runner, actual = await start(server, port)
        print(f"serving {len(server.tools)} tools on http://{HOST}:{actual} (manifest at /)", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    asyncio.run(forever())
