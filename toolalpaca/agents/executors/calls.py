"""Who answers a checked request: a language model, the specification, a recorded file or the real API.

Every executor has a `name` and `async execute(call) -> Response`. What a call may depend on is in the
call: an executor keeps nothing between calls, so instances that run side by side share nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Protocol

from toolalpaca.models.replies import as_json
from toolalpaca.openapi.request import Request
from toolalpaca.schema import ReplyError, Scenario, Tool

# Models write "200 OK" and bold labels too, nothing after "Response:" where there is no content, and begin
# with the number itself ("404. Response: Pet not found").
REPLY = re.compile(
    r"(?:Status Code[*_` ]*:[*_`\s]*|\A[*_`\s]*(?:Status[*_` ]*:[*_`\s]*|HTTP/[\d.]+\s)?)"
    r"(\d{3})\b[A-Za-z' -]{0,40}[*_`.,;\s]*Response[*_` ]*:[*_\s]*",
    re.IGNORECASE,
)
NO_CONTENT = (204, 205, 304)
MAX_REPLY_CHARS = 200_000
SENTENCE = re.compile(r"[A-Za-z'\u2018\u201c][^\n{}\[\]]{0,300}")


@dataclass(frozen=True)
class Exchange:
    """One earlier request of the same instance and its answer."""

    request: Request
    status: int
    response: Any


@dataclass(frozen=True)
class ToolCall:
    """A checked call on its way to a tool, with what the same instance exchanged before it.

    `instance` is the instance's or task's id: the seeded executors draw from it.
    """

    tool: Tool
    function: str
    arguments: dict[str, Any]
    request: Request
    instance: str = ""
    scenario: str = Scenario.ORDINARY
    exchanges: list[Exchange] = field(default_factory=list)


@dataclass(frozen=True)
class Response:
    """A tool's answer: HTTP status and a JSON value (or text, where the tool answers text)."""

    status: int
    body: Any


class Executor(Protocol):
    """Anything that answers calls. Raises ReplyError or RowFailure when it cannot."""

    name: str

    async def execute(self, call: ToolCall) -> Response: ...


def parse_response(text: str) -> Response:
    """Read the executor agent's reply, `Status Code: 200. Response: {...}`.

    Raises:
        ReplyError: `no_status` or `invalid_json`, with what was expected.
    """
    if len(text) > MAX_REPLY_CHARS:
        raise ReplyError(
            "invalid_json", f"the reply has {len(text)} characters; at most {MAX_REPLY_CHARS} are read"
        )
    found = REPLY.search(text)
    status = int(found.group(1)) if found else 0
    if not 200 <= status <= 599:
        raise ReplyError("no_status", "expected 'Status Code: <200 to 599>. Response: <JSON>'")
    body = text[found.end() :].strip()
    if not body or (status in NO_CONTENT and not body.startswith(("{", "["))):
        return Response(status, "")  # require_fit knows whether there should be content
    try:
        return Response(status, _value(body, status))
    except (ValueError, RecursionError) as error:
        raise ReplyError("invalid_json", f"the response is not JSON: {error}") from None


def _value(text: str, status: int) -> Any:
    """The JSON value that a text begins with; of an error, a sentence will do.

    After an object or a list a remark may stand, and commas, quotes and words may be Python's.

    Raises:
        ValueError: it is no JSON, or more JSON stands behind it.
    """
    text = re.sub(r"\A```\w*\s*", "", text)
    if not text.startswith(("{", "[")):
        text = text.removesuffix("```").strip()
        try:
            return _DECODER.decode(text)
        except ValueError:
            if status >= 400 and SENTENCE.fullmatch(text):
                return text
            raise
    try:
        value, end = _DECODER.raw_decode(text)
    except ValueError as error:
        text = as_json(text)
        try:
            value, end = _DECODER.raw_decode(text)
        except ValueError:
            raise error from None
    rest = text[end:].replace("```", "", 1).strip()
    if rest and (re.search(r"[{}\[\]]|Status Code", rest) or not re.match(r"[(*_\s#>-]*[A-Za-z]", rest)):
        raise ValueError(f"one value was expected, and after it stands {rest[:60]!r}")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
