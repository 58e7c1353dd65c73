"""The ReAct text: one renderer and one parser for generation, training and evaluation.

A style is data: the labels of the text and how a conversation is laid out around them. `react` is the
form of Yao et al. (2022); `vicuna` is what the published ToolAlpaca checkpoints were trained on.
"""

from __future__ import annotations

import functools
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from toolalpaca.files import dumps
from toolalpaca.models.prompts import Message, Prompt, PromptFolder
from toolalpaca.schema import Function, ReplyError, Step

MAX_INPUT_CHARS = 20_000
RESPONSE = re.compile(r"\s*Status Code:\s*(\d{3})\b(?:\.\s*Response:\s*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Style:
    """Labels of a ReAct text.

    `cue` is what the assistant's turn starts with in a plain-text rendering, `prompt` the template
    that opens the conversation.
    """

    name: str
    thought: str
    action: str
    action_input: str
    observation: str
    final: str
    prompt: str

    @functools.cached_property
    def labels(self) -> tuple[str, ...]:
        """Every label, as `str.startswith` takes them."""
        return (self.thought, self.action, self.action_input, self.observation, self.final)

    @property
    def stop(self) -> list[str]:
        """Texts at which generation of one step ends."""
        return ["\n" + self.observation]


STYLES = {
    "react": Style(
        "react", "Thought:", "Action:", "Action Input:", "Observation:", "Final Answer:", "student"
    ),
    "vicuna": Style(
        "vicuna",
        "ASSISTANT Thought:",
        "ASSISTANT Action:",
        "ASSISTANT Action Input:",
        "ASSISTANT Observation:",
        "ASSISTANT Response:",
        "student_vicuna",
    ),
}


@dataclass(frozen=True)
class Action:
    """A parsed step: what the assistant thought and the call it asked for. `input` is raw text."""

    thought: str
    function: str
    input: str


@dataclass(frozen=True)
class Answer:
    """A parsed final answer."""

    thought: str
    text: str


def render_action(thought: str, function: str, input: str, style: Style = STYLES["react"]) -> str:
    """The assistant's text of one action. `parse` gives back `inline` of each part."""
    return (
        f"{style.thought} {inline(thought, style)}\n{style.action} {' '.join(storable(function).split())}"
        f"\n{style.action_input} {inline(input, style)}"
    )


def render_answer(thought: str, text: str, style: Style = STYLES["react"]) -> str:
    """The assistant's text of the final answer. `parse` gives back `inline` of both parts."""
    return f"{style.thought} {inline(thought, style)}\n{style.final} {inline(text, style)}"


def render_observation(response: str, style: Style = STYLES["react"]) -> str:
    """What the assistant reads after an action."""
    return f"{style.observation} {response}"


def render_response(status: int, body: Any) -> str:
    """A tool's HTTP answer as observation text."""
    text = body if isinstance(body, str) else dumps(body)
    return f"Status Code: {status}. Response: {text}"


def read_response(text: str) -> tuple[int, str]:
    """HTTP status and body of what `render_response` wrote; 0 and all of the text where no tool answered."""
    found = RESPONSE.match(text)
    return (int(found[1]), text[found.end() :]) if found else (0, text)


def inline(text: str, style: Style = STYLES["react"]) -> str:
    """`text` as it can stand in a step: stripped, and a line that begins like a label joins the one before.

    A label counts only at the start of a line, so after this no part can be taken for another one.
    """
    lines: list[str] = []
    for line in storable(text).strip().split("\n"):
        if lines and line.lstrip(" \t").startswith(style.labels):
            while len(lines) > 1 and not lines[-1].strip(" \t"):
                lines.pop()
            lines[-1] = f"{lines[-1]} {line.lstrip()}"
        else:
            lines.append(line)
    return "\n".join(lines).strip()


def storable(text: str) -> str:
    """`text` without lone surrogates, which no UTF-8 file can hold (they become U+FFFD)."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def expected(style: Style = STYLES["react"]) -> str:
    """What a step must look like, said to an assistant whose reply was none."""
    return (
        f"the reply could not be read. Expected '{style.thought} <text>', then either "
        f"'{style.action} <function name>' and '{style.action_input} <JSON object>' on lines of their own, "
        f"or '{style.final} <text>'"
    )


def parse(text: str, style: Style = STYLES["react"]) -> Action | Answer:
    """Read one assistant turn; time grows linearly with its length.

    The first action wins: what a model writes after it (a made-up observation, further steps) is
    cut. A final answer that stands before any action wins over it and reaches to the text's end, or
    to an observation. A reasoning model's block before the step (`<think>...</think>`, whose opening may
    stand in the chat template) is no part of it.

    Raises:
        ReplyError: `empty`, `no_action_or_answer`, `no_action_input`, `no_function_name`.
    """
    text = storable(text)
    reasoning, closed, rest = text.partition("</think>")
    if not reasoning.lstrip().startswith(style.labels):
        text = rest if closed else text.partition("<think>")[0] if "<think>" in text[:100] else text
    observation = _label(style.observation).search(text)
    if observation:
        text = text[: observation.start()]
    if not text.strip():
        raise ReplyError("empty", "the reply is empty")
    action = _label(style.action).search(text)
    final = _label(style.final).search(text)
    if final and (not action or final.start() < action.start()):
        return Answer(_thought(text[: final.start()], style), text[final.end() :].strip())
    if not action:
        raise ReplyError("no_action_or_answer", f"neither '{style.action}' nor '{style.final}' begins a line")
    thought = _thought(text[: action.start()], style)
    given = _label(style.action_input).search(text, action.end())
    if not given:
        raise ReplyError("no_action_input", f"no '{style.action_input}' line follows '{style.action}'")
    function = text[action.end() : given.start()].strip()
    if not function or len(function.splitlines()) > 1:
        raise ReplyError("no_function_name", f"expected one function name after '{style.action}'")
    return Action(thought, function, _first_value(text, given.end(), style))


def parse_input(text: str) -> dict[str, Any]:
    """The arguments in an action input; an empty one means no arguments.

    JSON as RFC 8259 has it: no NaN or Infinity, no key twice, nothing that cannot be sent as UTF-8.

    Raises:
        ReplyError: `invalid_json` or `not_an_object`, each with what was found.
    """
    if len(text) > MAX_INPUT_CHARS:
        raise ReplyError(
            "invalid_json", f"the input has {len(text)} characters; {MAX_INPUT_CHARS} are allowed"
        )
    try:
        value = _DECODER.decode(text) if text.strip() else {}
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ReplyError(
            "invalid_json", "a \\ud800 to \\udfff escape stands alone; it is half a character"
        ) from None
    except ValueError as error:
        raise ReplyError("invalid_json", f"{error}") from None
    except RecursionError:
        raise ReplyError("invalid_json", "nested too deeply") from None
    if not isinstance(value, dict):
        kinds = {list: "list", str: "string", bool: "boolean", int: "number", float: "number"}
        kind = kinds.get(type(value), "null")
        raise ReplyError("not_an_object", f"expected a JSON object with the parameters by name, got a {kind}")
    return value


def opening(
    functions: list[Function],
    instruction: str,
    style: Style = STYLES["react"],
    detail: str = "full",
    prompts: PromptFolder | None = None,
) -> Prompt:
    """The conversation's first messages: what the student is told, and what the user asks.

    `detail` is `full` (guidance, and documentation with output structures) or `compact` (one line a
    function, for small models).
    """
    documentation = "\n".join(f.documentation if detail == "full" else f.signature for f in functions)
    return Prompt(
        style.prompt,
        {
            "documentation": documentation,
            "functions": [f.name for f in functions],
            "instruction": instruction,
            "detail": detail,
        },
        prompts=prompts,
    )


def turns(steps: list[Step], style: Style = STYLES["react"]) -> list[Message]:
    """Messages of the actions so far: each an assistant turn and the observation as a user turn."""
    messages = []
    for step in steps:
        if step.error == "parse_error":
            said = step.input
        else:
            said = render_action(step.thought, step.function, step.input, style)
        messages.append({"role": "assistant", "content": said})
        messages.append({"role": "user", "content": render_observation(step.response, style)})
    return messages


@functools.cache
def _label(label: str) -> re.Pattern[str]:
    return re.compile(r"(?:^|\n)[ \t]*" + re.escape(label))


def _thought(text: str, style: Style) -> str:
    found = _label(style.thought).search(text)
    return (text[found.end() :] if found else text).strip()


def _first_value(text: str, start: int, style: Style) -> str:
    """The action input alone: a JSON object or list where one starts, else the text up to the next label.

    Chat models like to put JSON into a code fence; the fence is no part of it.
    """
    rest = text[start:].strip()
    value = rest.partition("\n")[2].lstrip() if rest.startswith("```") else rest
    if value.startswith(("{", "[")):
        try:
            return value[: json.JSONDecoder().raw_decode(value)[1]]
        except (ValueError, RecursionError):
            pass
    # The search starts inside the text, so that a label right after the input's own is no line start.
    nexts = [found.start() for label in style.labels if (found := _label(label).search(text, start))]
    return text[start : min(nexts)].strip() if nexts else rest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} is given twice")
    return value


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"the number {text[:40]} is too large")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
