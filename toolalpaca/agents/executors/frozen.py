"""Recorded answers: the same request gets the same answer on any day; evaluations can be repeated."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from toolalpaca.agents.executors.calls import Executor, Response, ToolCall
from toolalpaca.files import dumps, read_jsonl
from toolalpaca.schema import ToolAlpacaError

# Headers whose values are secrets or differ from day to day; they are not part of a recorded request.
UNRECORDED_HEADERS = {"authorization", "proxy-authorization", "cookie", "date", "user-agent"}


class FrozenExecutor:
    """Answers from a recorded JSONL file: the same request gets the same answer on any day.

    A line is `{"tool_id", "request": {"method", "url", "headers", "body"}, "status", "response"}`. A
    request that is not in the file gets 503, or the answer of `fallback`; with `record` that answer is
    appended to the file, which is how such a file is made.

    Raises:
        ToolAlpacaError: the file is missing (and not to be recorded) or a line lacks a key.
    """

    def __init__(self, path: str | Path, fallback: Executor | None = None, record: bool = False):
        self.path, self.fallback, self.record = Path(path), fallback, record
        self.name = "frozen" if fallback is None else f"frozen+{fallback.name}"
        self.answers: dict[str, Response] = {}
        if record and fallback is None:
            raise ToolAlpacaError("recording needs an executor that answers what is not in the file yet")
        if record:
            _end_with_a_whole_line(self.path)
        if not (record and not self.path.exists()):
            for number, row in enumerate(read_jsonl(self.path), 1):
                try:
                    key = request_key(row["tool_id"], row["request"])
                    self.answers.setdefault(key, Response(int(row["status"]), row["response"]))
                except KeyError as error:
                    raise ToolAlpacaError(
                        f"{self.path}, record {number} lacks {error}: "
                        "expected tool_id, request (method, url), status and response"
                    ) from None
                except (TypeError, ValueError, AttributeError) as error:
                    raise ToolAlpacaError(
                        f"{self.path}, record {number} is no recorded answer: {error}"
                    ) from None

    async def execute(self, call: ToolCall) -> Response:
        """The recorded answer, the fallback's, or 503."""
        request = call.request.to_row()
        key = request_key(call.tool.tool_id, request)
        if key in self.answers:
            return self.answers[key]
        if self.fallback is None:
            return Response(503, {"error": "this request is not in the recorded file"})
        response = await self.fallback.execute(call)
        if self.record and key not in self.answers:
            self.answers[key] = response
            request["headers"] = _recorded_headers(request)
            row = {
                "tool_id": call.tool.tool_id,
                "request": request,
                "status": response.status,
                "response": response.body,
            }
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(dumps(row) + "\n")
        return self.answers.get(key, response)


def _end_with_a_whole_line(path: Path) -> None:
    """Cut off the line that an interrupted recording left unfinished; make the folder when missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        return
    with path.open("rb+") as stream:
        size = stream.seek(0, os.SEEK_END)
        end = size
        while end and (stream.seek(end - 1), stream.read(1))[1] != b"\n":
            end -= 1
        if end < size:
            stream.truncate(end)


def request_key(tool_id: str, request: dict[str, Any]) -> str:
    """A hash of what makes two requests the same: tool, method, URL, headers without secrets, body."""
    parts = [
        tool_id,
        request["method"].upper(),
        request["url"],
        sorted(_recorded_headers(request).items()),
        request.get("body"),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _recorded_headers(request: dict[str, Any]) -> dict[str, str]:
    headers = {name.lower(): value for name, value in (request.get("headers") or {}).items()}
    return {name: value for name, value in headers.items() if name not in UNRECORDED_HEADERS}
