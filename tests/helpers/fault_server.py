"""An OpenAI-compatible chat completions server that misbehaves on purpose, for tests and benchmarks.

    python tests/helpers/fault_server.py --latency 0.2 --fault_rate 0.2

prints its base URL and serves until it is killed. Replies echo the last message's first line as
`{"echo": ...}`. `GET /stats` says what was asked and delivered, `POST /reset` forgets it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import random
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

from aiohttp import web

FAULTS = ["429", "500", "503", "hang", "reset", "truncated", "short_body", "wrong_shape"]
HANG = 3600.0  # seconds


class FaultServer:
    """State of one server. `options` are the command line's."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.random = random.Random(options.seed)
        self.in_flight = 0
        self.forget()

    def forget(self) -> None:
        """Start counting anew."""
        self.peak = self.calls = self.rejected = 0
        self.delivered: dict[str, int] = {}  # good replies by echo
        self.faults: dict[str, int] = {}
        self.tokens_in = self.tokens_out = 0
        self.busy = 0.0  # sum of in-flight request seconds
        self.asked: list[str] = []

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """One chat completion, or a fault."""
        options = self.options
        body = await request.json()
        echo = body["messages"][-1]["content"].partition("\n")[0]
        self.calls += 1
        if options.log:
            self.asked.append(echo)
        if options.key and request.headers.get("Authorization") != f"Bearer {options.key}":
            message = f"wrong key: {request.headers.get('Authorization')}"
            return web.json_response({"error": {"message": message}}, status=401)
        if options.status:
            message = f"refused: {in_all_shapes(request.headers.get('Authorization', ''))}"
            return web.json_response({"error": {"message": message}}, status=options.status)
        if options.capacity and self.in_flight >= options.capacity:
            self.rejected += 1
            return web.json_response({"error": {"message": "slow down"}}, status=429)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        started = asyncio.get_running_loop().time()
        try:
            if self.random.random() < options.fault_rate:
                return await self.fault(request, self.random.choice(options.faults.split(",")))
            await asyncio.sleep(options.latency)
        finally:
            self.in_flight -= 1
            self.busy += asyncio.get_running_loop().time() - started
        if self.random.random() < options.malformed_rate:
            echo_text = "no JSON at all"
        else:
            echo_text = json.dumps({"echo": echo})
        tokens = (len(body["messages"][-1]["content"].split()), len(echo_text.split()))
        response = web.Response(
            body=json.dumps(reply(echo_text, *tokens)).encode(), content_type="application/json"
        )
        try:
            await response.prepare(request)
            await response.write_eof()
        except ConnectionResetError:  # the client was killed
            return response
        self.delivered[echo] = self.delivered.get(echo, 0) + 1
        self.tokens_in += tokens[0]
        self.tokens_out += tokens[1]
        return response

    async def fault(self, request: web.Request, kind: str) -> web.StreamResponse:
        """Misbehave in the way `kind` says."""
        self.faults[kind] = self.faults.get(kind, 0) + 1
        if kind == "429":
            error = {"error": {"message": "rate limit"}}
            return web.json_response(
                error, status=429, headers={"Retry-After": str(self.options.retry_after)}
            )
        if kind.isdigit():
            return web.Response(text="<html>oops</html>", status=int(kind))
        if kind == "hang":
            await asyncio.sleep(HANG)
        if kind == "reset":
            request.transport.abort()
            return web.Response()
        good = json.dumps(reply('{"echo": "cut off"}', 0, 0)).encode()
        if kind == "truncated":
            return web.Response(body=good[: len(good) // 2], content_type="application/json")
        if kind == "short_body":
            response = web.StreamResponse(headers={"Content-Length": str(len(good))})
            await response.prepare(request)
            await response.write(good[: len(good) // 2])
            request.transport.close()
            return response
        self.tokens_in += 7  # a reply without choices is billed all the same
        self.tokens_out += 3
        usage = {"prompt_tokens": 7, "completion_tokens": 3}
        return web.json_response({"id": "x", "object": "error?", "choices": [], "usage": usage})

    async def stats(self, _: web.Request) -> web.Response:
        """Everything that was counted."""
        return web.json_response({k: v for k, v in vars(self).items() if k not in ("options", "random")})

    async def reset(self, request: web.Request) -> web.Response:
        """Forget the counts; a JSON body changes options (latency, capacity, ...)."""
        self.forget()
        for name, value in (await request.json() if request.can_read_body else {}).items():
            setattr(self.options, name, value)
        return web.json_response({})


def reply(text: str, tokens_in: int, tokens_out: int) -> dict[str, Any]:
    """A chat completions body."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "fault",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": tokens_in,
            "completion_tokens": tokens_out,
            "total_tokens": tokens_in + tokens_out,
        },
    }


def in_all_shapes(header: str) -> str:
    """An Authorization header as servers, proxies and their logs repeat it."""
    key = header.removeprefix("Bearer ")
    encoded = [base64.b64encode(text.encode()).decode() for text in (key, header, f"user:{key}")]
    return " ".join(
        [header, urllib.parse.quote(key), urllib.parse.quote(key, safe=""), key[:8] + "****", *encoded]
    )


class Client:
    """A running server's base URL and counts."""

    def __init__(self, url: str):
        self.url = url

    def stats(self) -> dict[str, Any]:
        """What the server counted since the last reset."""
        with urllib.request.urlopen(self.url.removesuffix("/v1") + "/stats") as response:
            return json.load(response)

    def reset(self, **options: Any) -> None:
        """Forget the counts and change options."""
        url = self.url.removesuffix("/v1") + "/reset"
        headers = {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(url, json.dumps(options).encode(), headers)).close()


@contextlib.contextmanager
def serve(**options: Any) -> Iterator[Client]:
    """A server in a process of its own."""
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    process = subprocess.Popen([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True)
    try:
        yield Client(process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait()


async def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before a good reply")
    parser.add_argument("--fault_rate", type=float, default=0.0)
    parser.add_argument("--faults", default=",".join(FAULTS), help="kinds of faults, each as likely")
    parser.add_argument(
        "--malformed_rate", type=float, default=0.0, help="good replies whose text is no JSON"
    )
    parser.add_argument("--retry_after", type=float, default=1)
    parser.add_argument("--capacity", type=int, default=0, help="requests at once before 429; 0: any number")
    parser.add_argument("--key", default="", help="the only accepted key")
    parser.add_argument("--status", type=int, default=0, help="answer everything with this status")
    parser.add_argument("--log", type=int, default=1, help="keep the order of what was asked")
    parser.add_argument("--seed", type=int, default=0)
    server = FaultServer(parser.parse_args())
    application = web.Application()
    application.router.add_post("/v1/chat/completions", server.chat)
    application.router.add_get("/stats", server.stats)
    application.router.add_post("/reset", server.reset)
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    print(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/v1", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
