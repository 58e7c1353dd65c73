"""Who answers a checked request: a language model, the specification, a recorded file or the real API.

Every executor has a `name` and `async execute(call) -> Response`. What a call may depend on is in the
call: an executor keeps nothing between calls, so instances that run side by side share nothing.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass, field
from typing import Any, Protocol

from toolalpaca.arguments import complaints
from toolalpaca.models import ChatModel, reject
from toolalpaca.prompts import Prompt, PromptFolder
from toolalpaca.request import Request, operation_of, spec_of
from toolalpaca.schema import ReplyError, Scenario, Tool, ToolAlpacaError

# Models write "200 OK" and bold labels too, and nothing after "Response:" where there is no content.
REPLY = re.compile(
    r"Status Code[*_` ]*:[*_`\s]*(\d{3})\b[A-Za-z' -]{0,40}[*_`.,;\s]*Response[*_` ]*:[*_\s]*", re.IGNORECASE
)
NO_CONTENT = (204, 205, 304)
MAX_REPLY_CHARS = 200_000


@dataclass(frozen=True)
class Exchange:
    """One earlier request of the same instance and its answer."""

    request: Request
    status: int
    response: Any


@dataclass(frozen=True)
class Call:
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

    async def execute(self, call: Call) -> Response: ...


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
        return Response(status, "")  # check_response knows whether there should be content
    if body.startswith("```"):
        body = body.partition("\n")[2].removesuffix("```")
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ReplyError("invalid_json", f"the response is not JSON: {error}") from None
    return Response(status, value)


def check_response(call: Call, response: Response) -> None:
    """Hold a response against the specification. An error status that it does not mention is fine, and
    any status where it mentions none.

    Raises:
        ReplyError: `response_schema`, naming the places that do not fit and what was expected there.
    """
    operation = operation_of(spec_of(call.tool), call.function)
    stated = operation.response(response.status)
    if stated is None:
        if response.status < 300 and operation.responses:  # OpenAPI 3.1 lets an operation state none
            right = operation.success()[0]
            raise ReplyError("response_schema", f"{call.function} answers {right}, not {response.status}")
        return
    schemas = [media.schema for media in stated[1] if "json" in media.type and media.schema]
    if not schemas:
        return
    wrong = complaints(schemas[0], response.body, 3)
    if wrong:
        raise ReplyError("response_schema", "; ".join(wrong))


class LlmExecutor:
    """The tool executor agent: a model that plays the API, prompted with its specification.

    A reply that cannot be read or does not fit the specification's response schema is asked for again
    with what was wrong, `tries` times in all. `resample_errors` asks again for that many answers that
    are not 2xx; 0 keeps the first (success must not be favoured silently).
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        resample_errors: int = 0,
        tries: int = 3,
        folder: PromptFolder | None = None,
    ):
        self.name = model.name
        self.model, self.resample_errors, self.tries, self.folder = model, resample_errors, tries, folder

    async def execute(self, call: Call) -> Response:
        """The model's answer to `call`.

        Raises:
            ReplyError: `executor_reply`, when no try gave a usable answer.
        """
        feedback, failed, sample, resampled = "", 0, 0, 0
        exchanges = [
            {"request": e.request.to_row(), "status": e.status, "response": e.response}
            for e in call.exchanges
        ]
        while True:
            prompt = Prompt(
                "executor",
                {
                    "openapi": call.tool.openapi,
                    "function": call.function,
                    "request": call.request.to_row(),
                    "exchanges": exchanges,
                    "scenario": str(call.scenario),
                    "feedback": feedback,
                },
                folder=self.folder,
            )
            completion = await self.model.complete(prompt, sample=sample)
            try:
                response = parse_response(completion.text)
                check_response(call, response)
            except ReplyError as error:
                reject(self.model, prompt, sample, error.reason)
                feedback, failed, sample = error.detail, failed + 1, sample + 1
                if failed >= self.tries:
                    raise ReplyError("executor_reply", f"{failed} replies, the last: {error}") from None
                continue
            if response.status >= 300 and resampled < self.resample_errors:
                resampled, sample = resampled + 1, sample + 1
                continue
            return response


class SchemaExecutor:
    """The specification's own seeded responses, from the embedded teacher; no model is asked."""

    def __init__(self, seed: int = 0):
        self.name, self.seed = "schema", seed

    async def execute(self, call: Call) -> Response:
        """A response that obeys the specification and agrees with the instance's earlier ones."""
        from toolalpaca.offline.respond import schema_response  # the teacher imports Faker

        exchanges = [
            {"request": e.request.to_row(), "status": e.status, "response": e.response}
            for e in call.exchanges
        ]
        status, body = schema_response(
            call.tool.openapi, call.function, call.request.to_row(), exchanges, str(call.scenario), self.seed
        )
        return Response(status, body)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def add_executor_arguments(arguments: argparse.ArgumentParser) -> None:
    """The arguments by which scripts choose an executor; `make_executor` reads them."""
    group = arguments.add_argument_group("tool executor")
    group.add_argument(
        "--executor",
        choices=("llm", "schema", "frozen", "real"),
        default="llm",
        help="who answers calls: a model, the specification, a recorded file, the real API (default: llm)",
    )
    group.add_argument(
        "--resample_errors",
        type=int,
        default=0,
        metavar="N",
        help="ask the llm executor again for up to N answers that are not 2xx (default: 0)",
    )
    group.add_argument("--frozen", metavar="FILE", help="recorded answers of --executor frozen")
    group.add_argument(
        "--on_miss",
        choices=("503", "llm", "schema", "real"),
        default="503",
        help="what answers a request that FILE does not hold; others than 503 add to it (default: 503)",
    )
    group.add_argument(
        "--allow_host",
        action="append",
        default=[],
        metavar="HOST",
        help="a host that --executor real may call; repeat for several",
    )
    group.add_argument(
        "--credential",
        action="append",
        default=[],
        metavar="NAME=VARIABLE",
        help="--executor real takes the security scheme or parameter NAME from the environment VARIABLE",
    )


def make_executor(
    args: argparse.Namespace, model: ChatModel | None, folder: PromptFolder | None = None
) -> Executor:
    """The executor that `add_executor_arguments` describes. `model` plays the llm executor.

    Raises:
        ToolAlpacaError: arguments that contradict each other, or a file that cannot be read.
    """

    def build(kind: str) -> Executor:
        if kind == "llm":
            if model is None:
                raise ToolAlpacaError("the llm executor needs a model")
            return LlmExecutor(model, resample_errors=args.resample_errors, folder=folder)
        if kind == "schema":
            return SchemaExecutor(args.seed)
        from toolalpaca.real import RealExecutor, parse_credentials

        return RealExecutor(args.allow_host, parse_credentials(args.credential))

    if args.resample_errors < 0:
        raise ToolAlpacaError("--resample_errors is a count: 0 or more")
    uses = {args.executor, args.on_miss} if args.executor == "frozen" else {args.executor}
    if args.resample_errors and "llm" not in uses:
        raise ToolAlpacaError("--resample_errors is for the llm executor")
    if ("real" in uses) != bool(args.allow_host):
        raise ToolAlpacaError("--executor real and --allow_host HOST go together")
    if args.credential and "real" not in uses:
        raise ToolAlpacaError("--credential is for --executor real")
    if args.on_miss != "503" and args.executor != "frozen":
        raise ToolAlpacaError("--on_miss is for --executor frozen")
    if (args.executor == "frozen") != bool(args.frozen):
        raise ToolAlpacaError("--executor frozen and --frozen FILE go together")
    if args.executor != "frozen":
        return build(args.executor)
    from toolalpaca.frozen import FrozenExecutor

    if args.on_miss == "503":
        return FrozenExecutor(args.frozen)
    return FrozenExecutor(args.frozen, build(args.on_miss), record=True)
