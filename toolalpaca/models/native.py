"""Native function calling behind the ReAct loop: tool definitions out, tool calls in.

The loop of agents/assistant.py speaks ReAct text. This adapter turns the conversation into OpenAI-style
messages with `tool_calls`, hands the tool definitions to the endpoint or the chat template
(`Prompt.tools`), and turns the reply back, so that every style is run and scored by the same code.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from toolalpaca.models import react, tool_blocks
from toolalpaca.models.boundary import ChatModel, Completion, Fault
from toolalpaca.models.prompts import Message, Prompt, PromptFolder
from toolalpaca.models.react import Action
from toolalpaca.openapi.jsonschemas import hoisted
from toolalpaca.schema import Function, ReplyError

PROMPT = "student_tools"
NATIVE_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def opening(functions: list[Function], instruction: str, prompts: PromptFolder | None = None) -> Prompt:
    """The conversation's start for a model with native function calling; `tools` carries the definitions."""
    tools = [function_schema(function) for function in functions]
    return Prompt(PROMPT, {"instruction": instruction}, prompts=prompts, tools=tools)


def native_name(name: str) -> str:
    """A function's name as OpenAI and others take it: letters, digits, `_` and `-`, at most 64.

    A name that is right stays; another keeps what is right in it, and a hash of the whole tells apart those
    that would be alike.
    """
    if NATIVE_NAME.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{re.sub(r'[^a-zA-Z0-9_-]+', '_', name)[:55]}_{digest}"


def function_schema(function: Function) -> dict[str, Any]:
    """A function as OpenAI's tool definition, `{"type": "function", "function": {...}}`.

    `parameters` is a JSON Schema of its own: what recursive parameters refer to stands in its `$defs`.
    """
    schemas = {}
    for parameter in function.parameters:
        schema = dict(parameter.schema)
        if parameter.description and not schema.get("description"):
            schema["description"] = parameter.description
        schemas[parameter.name] = schema
    properties, definitions = hoisted(schemas)
    parameters = {
        "type": "object",
        "properties": properties,
        "required": [p.name for p in function.parameters if p.required],
    }
    if definitions:
        parameters["$defs"] = definitions
    return {
        "type": "function",
        "function": {
            "name": native_name(function.name),
            "description": function.description,
            "parameters": parameters,
        },
    }


class NativeAssistant(ChatModel):
    """A model with native function calling as an assistant that speaks ReAct text. One per episode.

    Calls that a reply asks for beyond the first are made in the steps that follow, without asking again.
    """

    def __init__(self, model: ChatModel, functions: list[Function]):
        self.model, self.name = model, model.name
        self.names = {native_name(function.name): function.name for function in functions}
        self._waiting: list[str] = []

    async def complete(
        self,
        prompt: Prompt,
        sample: int = 0,
        stop: list[str] | None = None,
        on_fault: Fault | None = None,
    ) -> Completion:
        """The next step as ReAct text; `stop` is for texts and is not passed on."""
        if self._waiting:
            return Completion(self._waiting.pop(0))
        native = prompt.followed_by(to_native(prompt.history))
        completion = await self.model.complete(native, sample, on_fault=on_fault)
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
    calls = completion.tool_calls or tool_blocks.tool_calls(completion.text)
    if not calls and tool_blocks.OPEN in completion.text:
        return [react.inline(completion.text)]  # a call that cannot be read is no answer
    thought = react.inline(tool_blocks.beside(completion.text) if calls else completion.text)
    texts = []
    for number, call in enumerate(calls):
        function = call["function"]
        arguments = tool_blocks.arguments_text(function.get("arguments"))
        name = function["name"].replace("\n", " ").strip()
        name = names.get(name, name)
        texts.append(react.render_action("" if number else thought, name, arguments))
    if texts:
        return texts
    return [react.render_answer("", thought) if thought else ""]
