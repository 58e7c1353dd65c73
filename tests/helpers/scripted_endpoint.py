"""An OpenAI-compatible endpoint in this process whose replies a test's function makes up."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[dict[str, Any]], str | dict[str, Any] | None]


class Endpoint:
    """`url` is the base URL; `requests` the bodies that came, in order."""

    def __init__(self, reply: Reply):
        self.reply, self.requests, self.url = reply, [], ""


@contextlib.contextmanager
def serve(reply: Reply) -> Iterator[Endpoint]:
    """Serve `reply(body)`: a text, a whole message, or None for a connection that breaks off."""
    endpoint = Endpoint(reply)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            endpoint.requests.append(body)
            said = endpoint.reply(body)
            if said is None:
                self.close_connection = True
                self.connection.close()
                return
            message = said if isinstance(said, dict) else {"content": said}
            choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            shape = {"id": "x", "object": "chat.completion", "created": 0, "model": "scripted"}
            data = json.dumps(shape | {"choices": [choice], "usage": usage}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
