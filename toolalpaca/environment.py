"""What an assistant's call meets: the tool's functions, the built-in tools, and what the world remembers.

One `Environment` belongs to one instance or episode; nothing in it is shared.
"""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass
from typing import Any

from toolalpaca.documentation import signature_of
from toolalpaca.encoding import InvalidCall
from toolalpaca.executors import Call, Exchange, Executor
from toolalpaca.files import dumps
from toolalpaca.models import ChatModel, reject
from toolalpaca.prompts import Prompt, PromptFolder
from toolalpaca.react import parse_input, render_response
from toolalpaca.request import build_request
from toolalpaca.schema import Function, Parameter, ReplyError, Scenario, Tool, ToolAlpacaError

GET_DETAILS = "getDetails"
CURRENT_TIME = "getCurrentDateTime"
RETRIEVE = "retrieveFromOutput"
MAX_OBSERVATION = 2_000  # characters of a tool's answer that the assistant reads
CUT_NOTE = "... (cut: "
ANSWER_TRIES = 3


def _builtin(name: str, description: str, output: str, **parameters: str) -> Function:
    inputs = {key: f"Required. string. {text}" for key, text in parameters.items()}
    given = [Parameter(key, "builtin", True, {"type": "string"}, text) for key, text in parameters.items()]
    return Function(
        name=name,
        description=description,
        method="",
        path="",
        parameters=given,
        documentation=f"{name}: {description}\nParameters: {dumps(inputs)}\nOutput: {output}",
        signature=signature_of(name, given),
    )


BUILTINS = {
    f.name: f
    for f in (
        _builtin(
            GET_DETAILS,
            "Ask the user for information that a call needs and the user has not given.",
            "the user's reply.",
            Question="What to ask the user.",
        ),
        _builtin(CURRENT_TIME, "Get the current date and time.", "the date, time and weekday in UTC."),
        _builtin(
            RETRIEVE,
            "Look something up in the latest tool response that was cut because it was too long.",
            "the part of that response which answers the question.",
            question="What to look for.",
        ),
    )
}


def builtin_functions(names: str | list[str] | None = None, beside: Tool | None = None) -> list[Function]:
    """The built-in tools that are switched on: all by default, or the comma-separated `names`.

    `beside` a tool that has a function of the same name (getDetails is a common one) the tool's stands.

    Raises:
        ToolAlpacaError: a name is none of the built-in tools.
    """
    names = list(BUILTINS) if names is None else names
    wanted = [n.strip() for n in names.split(",") if n.strip()] if isinstance(names, str) else list(names)
    unknown = [name for name in wanted if name not in BUILTINS]
    if unknown:
        raise ToolAlpacaError(f"no built-in tool {', '.join(unknown)}; there are {', '.join(BUILTINS)}")
    taken = {function.name for function in beside.functions} if beside else set()
    return [function for name, function in BUILTINS.items() if name in wanted and name not in taken]


def now(seed: int, key: str) -> datetime.datetime:
    """The instance's own date and time, drawn from `seed` and its id.

    The wall clock would make two runs differ, and one date for all would teach the date instead of
    the tool. It falls between 2023-01-01 and 2025-12-31, at a whole minute, UTC.
    """
    digest = hashlib.sha256(f"{seed}\0{key}".encode()).digest()
    minutes = int.from_bytes(digest[:8], "big") % (3 * 365 * 24 * 60)
    return datetime.datetime(2023, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(minutes=minutes)


class UserAgent:
    """The simulated user: answers questions in keeping with the instruction and its earlier replies."""

    def __init__(
        self, model: ChatModel, instruction: str, documentation: str, folder: PromptFolder | None = None
    ):
        self.model, self.instruction, self.documentation, self.folder = (
            model,
            instruction,
            documentation,
            folder,
        )
        self.exchanges: list[dict[str, str]] = []

    async def reply(self, question: str) -> str:
        """The user's reply.

        Raises:
            ReplyError: `user_reply`, when every try was empty.
        """
        variables = {
            "instruction": self.instruction,
            "documentation": self.documentation,
            "exchanges": list(self.exchanges),
            "question": question,
        }
        answer = await _ask_text(self.model, Prompt("user", variables, folder=self.folder), "user_reply")
        self.exchanges.append({"question": question, "answer": answer})
        return answer


@dataclass(frozen=True)
class Observation:
    """What came of a call: the text the assistant reads, the error slug and the HTTP status of Step."""

    text: str
    error: str = ""
    status: int = 0


class Environment:
    """The world of one instance.

    Args:
        tool: the tool whose functions can be called.
        instruction: what the user asked.
        executor: answers the checked requests.
        user_model: plays the user, and reads cut responses for retrieveFromOutput.
        key: the instance's or task's id.
        scenario: what the executor is steered toward.
        builtins: names of the built-in tools that are switched on; all by default.
        max_observation: characters after which a response is cut.
        seed: seed of the date that getCurrentDateTime gives.
    """

    def __init__(
        self,
        tool: Tool,
        instruction: str,
        executor: Executor,
        user_model: ChatModel,
        *,
        key: str,
        scenario: str = Scenario.ORDINARY,
        builtins: list[str] | None = None,
        max_observation: int = MAX_OBSERVATION,
        seed: int = 0,
        folder: PromptFolder | None = None,
    ):
        self.tool, self.executor, self.user_model = tool, executor, user_model
        self.key, self.scenario, self.seed, self.folder = key, scenario, seed, folder
        self.builtins = [f.name for f in builtin_functions(builtins, tool)]
        self.max_observation = max_observation
        self.user = UserAgent(user_model, instruction, tool.documentation, folder)
        self.exchanges: list[Exchange] = []
        self.cut: str | None = None  # the latest response that was too long, whole

    @property
    def names(self) -> list[str]:
        """Everything the assistant can call."""
        return [f.name for f in self.tool.functions] + self.builtins

    async def act(self, function: str, input: str) -> Observation:
        """Execute one call and say what the assistant reads.

        A mistake of the assistant is an observation that names it. Raises what the executor's and the
        user's model raise, which is no mistake of the assistant's.
        """
        known = {f.name for f in self.tool.functions}
        if function not in known:
            if function in BUILTINS and function not in self.builtins:
                return self._refuse("disabled_tool", f"{function} is switched off. {self._choices()}")
            if function not in self.builtins:
                return self._refuse(
                    "unknown_function", f"there is no function {function!r}. {self._choices()}"
                )
        try:
            arguments = parse_input(input)
        except ReplyError as error:
            return self._refuse(error.reason, f"the action input cannot be read: {error.detail}")
        if function not in known:
            return await self._builtin(function, arguments)
        try:
            request = build_request(self.tool.openapi, function, arguments)
        except InvalidCall as error:
            return self._refuse("invalid_arguments", str(error))
        call = Call(self.tool, function, arguments, request, self.key, self.scenario, list(self.exchanges))
        response = await self.executor.execute(call)
        self.exchanges.append(Exchange(request, response.status, response.body))
        return Observation(
            self._shorten(render_response(response.status, response.body)), "", response.status
        )

    async def _builtin(self, name: str, arguments: dict[str, Any]) -> Observation:
        try:
            given = _check_builtin(BUILTINS[name], arguments)
        except ReplyError as error:
            return self._refuse("invalid_arguments", error.detail)
        if name == GET_DETAILS:
            return Observation((await self.user.reply(given))[: self.max_observation])
        if name == CURRENT_TIME:
            return Observation(now(self.seed, self.key).strftime("%Y-%m-%dT%H:%M:%SZ, %A"))
        if self.cut is None:
            return self._refuse("invalid_arguments", "no response has been cut; every one was shown in full")
        prompt = Prompt("retrieval", {"question": given, "text": self.cut}, folder=self.folder)
        found = await _ask_text(self.user_model, prompt, "retrieval_reply")
        return Observation(found[: self.max_observation])

    def _refuse(self, slug: str, message: str) -> Observation:
        return Observation(f"Error: {message[0].upper()}{message[1:]}", slug)

    def _choices(self) -> str:
        return f"The functions are: {', '.join(self.names)}."

    def _shorten(self, text: str) -> str:
        if len(text) <= self.max_observation:
            return text
        self.cut = text
        hint = f"; {RETRIEVE} looks things up in the rest" if RETRIEVE in self.builtins else ""
        shown = f"{self.max_observation} of {len(text)} characters{hint})"
        return f"{text[: self.max_observation]}{CUT_NOTE}{shown}"


def _check_builtin(function: Function, arguments: dict[str, Any]) -> str:
    """The one argument of a built-in tool ("" for a tool that takes none)."""
    expected = [p.name for p in function.parameters]
    unknown = [name for name in arguments if name not in expected]
    if unknown:
        raise ReplyError(
            "invalid_arguments",
            f"{function.name} has no parameter {', '.join(map(repr, unknown))}; "
            + (f"it takes {', '.join(expected)}" if expected else "it takes none"),
        )
    for name in expected:
        value = arguments.get(name)
        if not isinstance(value, str) or not value.strip():
            came = "nothing" if name not in arguments else dumps(value)
            raise ReplyError(
                "invalid_arguments", f"parameter {name!r} of {function.name}: expected a text, got {came}"
            )
    return arguments[expected[0]] if expected else ""


async def _ask_text(model: ChatModel, prompt: Prompt, reason: str) -> str:
    for sample in range(ANSWER_TRIES):
        text = (await model.complete(prompt, sample=sample)).text.strip()
        if text:
            return text
        reject(model, prompt, sample, reason)
    raise ReplyError(reason, f"{ANSWER_TRIES} empty replies")
