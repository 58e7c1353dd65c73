"""The authored tools as replies to the pipeline's prompts, from the introduction to the server's answers."""

from __future__ import annotations

import json
import re
from typing import Any

from toolalpaca.files import dumps
from toolalpaca.models.react import (
    Action,
    Style,
    parse,
    read_response,
    render_action,
    render_answer,
    render_response,
)
from toolalpaca.offline.library.expressions import ExpressionError
from toolalpaca.offline.library.specification import specification_text, world_of
from toolalpaca.offline.library.tools import AuthoredInstruction, AuthoredTool, Library
from toolalpaca.offline.library.worlds import World, fault
from toolalpaca.offline.memory import read_arguments
from toolalpaca.offline.reading import read
from toolalpaca.offline.replying import from_request
from toolalpaca.openapi.spec import Spec, load_spec
from toolalpaca.schema import GET_DETAILS, ReplyError

Json = dict[str, Any]
NOTHING_MORE = "I don't have anything more precise than what I wrote, sorry."


def functions_text(tool: AuthoredTool) -> str:
    """The functions as the prompt `functions` asks for them: a numbered list."""
    lines = []
    for number, function in enumerate(tool.functions, 1):
        inputs = {
            name: f"{'Required. ' if schema.get('required') is True else ''}{schema.get('type', 'string')}. "
            f"{schema['description']}"
            for name, schema in function.parameters.items()
        }
        lines += [
            f"{number}. Name: {function.name}",
            f"Description: {function.description}",
            f"Input: {dumps(inputs)}",
            f"Output: {function.returns}",
        ]
    return "\n".join(lines)


def openapi_text(tool: AuthoredTool) -> str:
    """The specification as a model writes it, in a fence."""
    return f"```json\n{specification_text(tool)}\n```"


def requests(tool: AuthoredTool) -> list[tuple[str, str, int]]:
    """(style, scenario, how many) of the authored instructions, as `instructions` prompts ask for them."""
    counts: dict[tuple[str, str], int] = {}
    for asked in tool.instructions:
        kind = (asked.style, str(asked.scenario))
        counts[kind] = counts.get(kind, 0) + 1
    return [(style, scenario, n) for (style, scenario), n in counts.items()]


def instructions_text(tool: AuthoredTool, variables: Json) -> str:
    """The authored instructions of a style and scenario as a numbered list."""
    kind = (variables["style"], variables["scenario"])
    texts = [asked.text for asked in tool.instructions if (asked.style, str(asked.scenario)) == kind]
    return "\n".join(f"{n}. {text}" for n, text in enumerate(texts[: variables["n"]], variables["first"]))


def next_step(asked: AuthoredInstruction, variables: Json, history: list[Json], style: Style) -> str:
    """The assistant's next turn: the authored steps one after the other, then the answer."""
    done = 0
    for said, seen in zip(history[0::2], history[1::2], strict=False):
        if _is_action(said["content"], style):
            done += 1
        unexpected = _failure(asked, done, seen["content"].removeprefix(style.observation).strip())
        if unexpected:
            thought = "This is not the answer that the request needs, and trying on would be guessing."
            return render_answer(thought, f"I could not do this: {unexpected}", style)
    if done >= len(asked.steps):
        return render_answer(asked.conclusion, asked.answer, style)
    step = asked.steps[done]
    if step.function:
        return render_action(step.thought, step.function, dumps(step.arguments), style)
    if not _has(GET_DETAILS, variables):
        return render_answer(step.thought, step.question, style)
    return render_action(step.thought, GET_DETAILS, dumps({"Question": step.question}), style)


def _is_action(text: str, style: Style) -> bool:
    try:
        return isinstance(parse(text, style), Action)
    except ReplyError:
        return False


def _failure(asked: AuthoredInstruction, done: int, observation: str) -> str:
    """The error of the last observation where the authored course does not go on from it."""
    status, body = read_response(observation)
    last = done >= len(asked.steps)
    if status < 400 or not last or status == 404:
        return ""
    try:
        error = json.loads(body)
    except ValueError:
        return body[:200]
    return str(error.get("error", body))[:200] if isinstance(error, dict) else body[:200]


def _has(name: str, variables: Json) -> bool:
    given = {builtin["name"] for builtin in variables.get("builtins", [])}
    documented = f"\n{name}: " in f"\n{variables.get('documentation', '')}"
    return name in given or name in variables.get("functions", []) or documented


def user_reply(asked: AuthoredInstruction, question: str, exchanges: list[Json]) -> str:
    """What the person answers: the authored reply whose question is nearest to what is asked."""
    replies = [step for step in asked.steps if step.question]
    if not replies:
        return from_request(asked.text, question) or NOTHING_MORE
    spoken = set(re.findall(r"\w{3,}", question.casefold()))

    def nearness(number: int) -> tuple[int, int]:
        step = replies[number]
        theirs = set(re.findall(r"\w{3,}", f"{step.question} {step.reply}".casefold()))
        return len(spoken & theirs), -abs(number - len(exchanges))

    return replies[max(range(len(replies)), key=nearness)].reply


def server_reply(tool: AuthoredTool, variables: Json) -> tuple[int, Any]:
    """Status and body of the world's answer to a checked request.

    Args:
        variables: `openapi`, `function`, `request`, `exchanges` and `scenario`, as of the prompt `executor`.
    """
    spec = load_spec(variables["openapi"])
    exchanges = variables["exchanges"]
    statuses = [int(exchange["status"]) for exchange in exchanges]
    if answer := fault(tool, variables["scenario"], variables["function"], statuses):
        return answer
    earlier = [_call(spec, e["request"]) for e in exchanges if 200 <= int(e["status"]) < 300]
    world = World(tool).replay(call for call in earlier if call)
    arguments = read_arguments(spec.operations[variables["function"]], variables["request"])
    try:
        return world.answer(variables["function"], arguments)
    except ExpressionError:
        return 400, {"error": "The request cannot be answered with these values"}


def _call(spec: Spec, request: Json) -> tuple[str, Json] | None:
    """Function and arguments of an earlier request of the instance."""
    for operation in sorted(spec.operations.values(), key=lambda o: (o.path.count("{"), -len(o.path))):
        template = re.escape(operation.server.rstrip("/") + operation.path)
        pattern = re.sub(r"\\{.+?\\}", "[^/]+", template)
        if operation.method == request["method"].lower() and re.fullmatch(
            pattern, request["url"].partition("?")[0]
        ):
            return operation.name, read_arguments(operation, request)
    return None


def authored(library: Library, openapi: str, function: str = "") -> AuthoredTool | None:
    """The authored tool whose world a specification names; None where it does not know the function.

    A toolset may be older than the library, and name what has another name by now.
    """
    tool = library.keyed(world_of(openapi)) if openapi else None
    return None if tool is None or (function and tool.function(function) is None) else tool


def documented(library: Library, name: str, documentation: str) -> AuthoredTool | None:
    """The authored tool of an API's name, where a documentation text is about all of its functions."""
    tool = library.named(name)
    heads = {(doc.name, doc.description) for doc in read(documentation)}
    return tool if tool and heads == {(f.name, f.description) for f in tool.functions} else None


def server_text(tool: AuthoredTool, variables: Json) -> str:
    """The same as an executor agent writes it."""
    status, body = server_reply(tool, variables)
    return render_response(status, body if isinstance(body, (dict, list)) else dumps(body))
