"""What an assistant's call meets: the tool's functions, the built-in tools, and what the world remembers.

One `Environment` belongs to one instance or episode; nothing in it is shared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from toolalpaca.agents.builtin_tools import BUILTINS, builtin_functions, check_builtin, now
from toolalpaca.agents.executors.calls import Exchange, Executor, ToolCall
from toolalpaca.agents.user import UserAgent, ask_text
from toolalpaca.files import dumps
from toolalpaca.models.boundary import ChatModel
from toolalpaca.models.prompts import Prompt, PromptFolder
from toolalpaca.models.react import parse_input, render_response
from toolalpaca.openapi.encoding import InvalidCall
from toolalpaca.openapi.request import build_request
from toolalpaca.schema import CURRENT_TIME, GET_DETAILS, RETRIEVE, ReplyError, Scenario, Tool

MAX_OBSERVATION = 2_000  # characters of a tool's answer that the assistant reads
CUT_NOTE = "... (cut: "


@dataclass(frozen=True)
class Observation:
    """What came of a call: the text the assistant reads, the error slug and the HTTP status of Step.

    `sent` are the arguments that reached the tool, as JSON on one line; "" where none did.
    """

    text: str
    error: str = ""
    status: int = 0
    sent: str = ""


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
        prompts: PromptFolder | None = None,
    ):
        self.tool, self.executor, self.user_model = tool, executor, user_model
        self.key, self.scenario, self.seed, self.prompts = key, scenario, seed, prompts
        self.builtins = [f.name for f in builtin_functions(builtins, tool)]
        self.max_observation = max_observation
        self.user = UserAgent(user_model, instruction, tool.documentation, prompts)
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
            seen = await self._builtin(function, arguments)
            return seen if seen.error else replace(seen, sent=dumps(arguments))
        try:
            request = build_request(self.tool.openapi, function, arguments)
        except InvalidCall as error:
            return self._refuse("invalid_arguments", str(error))
        call = ToolCall(
            self.tool, function, arguments, request, self.key, self.scenario, list(self.exchanges)
        )
        response = await self.executor.execute(call)
        self.exchanges.append(Exchange(request, response.status, response.body))
        return Observation(
            self._shorten(render_response(response.status, response.body)),
            "",
            response.status,
            dumps(request.arguments),
        )

    async def _builtin(self, name: str, arguments: dict[str, Any]) -> Observation:
        try:
            given = check_builtin(BUILTINS[name], arguments)
        except ReplyError as error:
            return self._refuse("invalid_arguments", error.detail)
        if name == GET_DETAILS:
            return Observation((await self.user.reply(given))[: self.max_observation])
        if name == CURRENT_TIME:
            return Observation(now(self.seed, self.key).strftime("%Y-%m-%dT%H:%M:%SZ, %A"))
        if self.cut is None:
            return self._refuse("invalid_arguments", "no response has been cut; every one was shown in full")
        prompt = Prompt("retrieval", {"question": given, "text": self.cut}, prompts=self.prompts)
        found = await ask_text(self.user_model, prompt, "retrieval_reply")
        return Observation(found[: self.max_observation])

    def _refuse(self, slug: str, message: str) -> Observation:
        # No capital after the colon: a message may begin with a name, which a model copies as it reads it.
        return Observation(f"Error: {message}", slug)

    def _choices(self) -> str:
        return f"The functions are: {', '.join(self.names)}."

    def _shorten(self, text: str) -> str:
        if len(text) <= self.max_observation:
            return text
        self.cut = text
        hint = f"; {RETRIEVE} looks things up in the rest" if RETRIEVE in self.builtins else ""
        shown = f"{self.max_observation} of {len(text)} characters{hint})"
        return f"{text[: self.max_observation]}{CUT_NOTE}{shown}"
