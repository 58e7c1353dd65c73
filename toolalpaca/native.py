"""Native function calling behind the ReAct loop: tool definitions out, tool calls in.

The loop of agents.py speaks ReAct text. This adapter turns the conversation into OpenAI-style messages
with `tool_calls`, hands the tool definitions to the endpoint or the chat template (`Prompt.tools`), and
turns the reply back, so that every style is run and scored by the same code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from toolalpaca import react
from toolalpaca.models import ChatModel, Completion
from toolalpaca.prompts import Message, Prompt, PromptFolder
from toolalpaca.react import Action
from toolalpaca.schema import Function, ReplyError
from toolalpaca.sft import function_schema, native_name

PROMPT = "student_tools"


def opening(functions: list[Function], instruction: str, folder: PromptFolder | None = None) -> Prompt:
    """The conversation's start for a model with native function calling; `tools` carries the definitions."""
    tools = [function_schema(function) for function in functions]
    return Prompt(PROMPT, {"instruction": instruction}, folder=folder, tools=tools)


class NativeAssistant:
    """A model with native function calling as an assistant that speaks ReAct text. One per episode.

    Calls that a reply asks for beyond the first are made in the steps that follow, without asking again.
    """

    def __init__(self, model: ChatModel, functions: list[Function]):
        self.model, self.name = model, model.name
        self.names = {native_name(function.name): function.name for function in functions}
        self._waiting: list[str] = []

    async def complete(self, prompt: Prompt, sample: int = 0, stop: list[str] | None = None) -> Completion:
        """The next step as ReAct text; `stop` is for texts and is not passed on."""
        if self._waiting:
            return Completion(self._waiting.pop(0))
        native = prompt.followed_by(to_native(prompt.history))
        completion = await self.model.complete(native, sample=sample)
        first, *self._waiting = to_react(completion, self.names)
        return replace(completion, text=first, tool_calls=())


def to_native(history: list[Message]) -> list[dict[str, Any]]:
    """ReAct turns (an assistant message, then its observation) as tool calls and tool messages."""
    messages: list[dict[str, Any]] = []
    style = react.STYLES["react"]
    for number, (said, seen) in enumerate(zip(history[::2], history[1::2], strict=True)):
        observation = seen["content"].removeprefix(style.observation).strip()
        try:
            parsed = react.parse(said["content"], style)
        except ReplyError:
            parsed = None
        if not isinstance(parsed, Action):
            messages += [said, {"role": "user", "content": observation}]
            continue
        try:
            arguments = json.dumps(react.parse_input(parsed.input), ensure_ascii=False)
        except ReplyError:
            arguments = "{}"  # chat templates and endpoints accept nothing else than an object
        call_id = f"call_{number}"
        name = native_name(parsed.function)
        function = {"name": name, "arguments": arguments}
        messages += [
            {
                "role": "assistant",
                "content": parsed.thought,
                "tool_calls": [{"id": call_id, "type": "function", "function": function}],
            },
            {"role": "tool", "tool_call_id": call_id, "name": name, "content": observation},
        ]
    return messages


def to_react(completion: Completion, names: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """A reply as ReAct texts: one per call, or the final answer; an empty reply stays empty.

    `names` gives the function of each native name that is not the function's own.
    """
    # In the text of a chat template the call stands as markup, or is all of it.
    said = completion.text.partition("<tool_call>")[0] if completion.tool_calls else completion.text
    thought = react.inline("" if completion.tool_calls and said.lstrip().startswith("{") else said)
    texts = []
    for number, call in enumerate(completion.tool_calls):
        function = call["function"]
        arguments = function.get("arguments")
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments or {}, ensure_ascii=False)
        name = function["name"].replace("\n", " ").strip()
        name = names.get(name, name)
        texts.append(react.render_action("" if number else thought, name, arguments or "{}"))
    if texts:
        return texts
    return [react.render_answer("", thought) if thought else ""]
