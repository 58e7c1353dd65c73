"""Instances as training conversations: ReAct messages, and native function calls.

Only what the teacher did right is imitated. A step whose call never reached a tool (unreadable text, a
function that does not exist, arguments that the specification refuses) is left out together with its
observation, in both forms: a native call cannot even express most of them, and a trainer that reads
nothing but `messages` would learn them. Calls that reached the tool and failed there stay, because
reacting to a tool's error is what the corpus teaches.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from toolalpaca.agents.builtin_tools import builtin_functions
from toolalpaca.models import native, react
from toolalpaca.models.prompts import Message, Prompt
from toolalpaca.models.react import STYLES
from toolalpaca.original.judged import read_input
from toolalpaca.schema import Function, Instance, Outcome, ReplyError, Step, Tool


def student_functions(tool: Tool, builtins: str | list[str] | None = None) -> list[Function]:
    """What a student's prompt documents: the tool's functions, then the built-in tools.

    Training text and evaluation must both use this, or a student meets a prompt it was not trained on.
    """
    return tool.functions + builtin_functions(builtins, tool)


def reason_to_skip(tool: Tool, instance: Instance, builtins: str | list[str] | None = None) -> str:
    """Why an instance makes no training row; empty when it makes one.

    `not_answered`: there is no instruction or no answer, and what was cut short shows how not to end.
    `undocumented_function`: it calls a function that the prompt would not name, such as a built-in tool
    that is switched off.
    """
    said = instance.instruction.strip() and instance.final_output.strip()
    if instance.outcome != Outcome.ANSWERED or not said:
        return "not_answered"
    known = {function.name for function in student_functions(tool, builtins)}
    if any(step.function not in known for step in right_steps(instance)):
        return "undocumented_function"
    return ""


def right_steps(instance: Instance) -> list[Step]:
    """The steps whose call reached a tool, in order.

    A call that was mended takes the thought of its first try: its own speaks of a mistake that is left out.
    """
    kept: list[Step] = []
    first: Step | None = None  # of the tries before this one
    for step in instance.steps:
        if step.error:
            first = first or step
            continue
        mended = first is not None and first.function == step.function and first.thought
        kept.append(replace(step, thought=first.thought) if mended else step)
        first = None
    return kept


def react_row(
    tool: Tool,
    instance: Instance,
    style: str = "react",
    detail: str = "full",
    builtins: str | list[str] | None = None,
) -> dict[str, Any]:
    """A row of the `sft` configuration.

    `messages` are {role, content}: loss belongs on the assistant's alone. `functions` lists what the
    prompt documents as {name, text, used}, so that `trim` can leave out what is not used.
    """
    form, functions, steps = STYLES[style], student_functions(tool, builtins), right_steps(instance)
    called = {step.function for step in steps}
    answer = react.render_answer(instance.final_thought, instance.final_output, form)
    return {
        "tool_id": tool.tool_id,
        "instance_id": instance.instance_id,
        "instruction": instance.instruction,
        "style": style,
        "detail": detail,
        "messages": [
            *react.opening(functions, instance.instruction, form, detail).messages,
            *react.turns(steps, form),
            {"role": "assistant", "content": answer},
        ],
        "functions": [
            {
                "name": f.name,
                "text": f.documentation if detail == "full" else f.signature,
                "used": f.name in called,
            }
            for f in functions
        ],
    }


def unused(row: dict[str, Any]) -> list[str]:
    """Names of the functions that a row of either form documents and does not call, in order."""
    if row.get("tools"):
        calls = [call for message in row["messages"] for call in message.get("tool_calls") or []]
        called = {call["function"]["name"] for call in calls}
        return [tool["function"]["name"] for tool in row["tools"] if tool["function"]["name"] not in called]
    return [f["name"] for f in row.get("functions") or [] if not f["used"]]


def trim(row: dict[str, Any], keep: int = 0) -> dict[str, Any]:
    """A row of either form that documents only the functions it uses, and the first `keep` others.

    The opening is rendered anew from the documentation that stays, so a trimmed row reads exactly like
    one of a tool with fewer functions.
    """
    left_out = set(unused(row)[keep:])
    if row.get("tools"):
        return {**row, "tools": [tool for tool in row["tools"] if tool["function"]["name"] not in left_out]}
    kept = [f for f in row["functions"] if f["name"] not in left_out]
    stand_ins = [Function(f["name"], "", "", "", documentation=f["text"], signature=f["text"]) for f in kept]
    opening = react.opening(stand_ins, row["instruction"], STYLES[row["style"]], row["detail"]).messages
    return {**row, "functions": kept, "messages": opening + list(row["messages"][len(opening) :])}


def native_row(
    tool: Tool, instance: Instance, builtins: str | list[str] | None = None, schemas: list | None = None
) -> dict[str, Any]:
    """A row of the `sft_tools` configuration: OpenAI-style `messages` with `tool_calls`, and `tools`.

    A thought is the content of the message that carries its call; the last message is the final output.
    `arguments` are JSON objects, as the chat templates of Qwen3 and Llama 3.1 want them. `schemas` are
    the tool definitions where the caller has made them already.

    Raises:
        ReplyError: an action input that a tool took is no JSON object, so no native call can express it.
    """
    opening = Prompt(native.PROMPT, {"instruction": instance.instruction})
    messages: list[dict[str, Any]] = list(opening.messages)
    for number, step in enumerate(right_steps(instance)):
        messages += _native_turn(step, f"call_{number}")
    messages.append({"role": "assistant", "content": instance.final_output})
    if schemas is None:
        schemas = [native.function_schema(f) for f in student_functions(tool, builtins)]
    return {
        "tool_id": tool.tool_id,
        "instance_id": instance.instance_id,
        "messages": messages,
        "tools": schemas,
    }


def _native_turn(step: Step, call_id: str) -> list[dict[str, Any]]:
    try:
        arguments = react.parse_input(step.input)
    except ReplyError:  # an imported step's text, of which its own tool took what stands in brackets
        arguments = react.parse_input(read_input(step.input))
    name = native.native_name(step.function)
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return [
        {"role": "assistant", "content": step.thought, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "name": name, "content": step.response},
    ]


def conversation(row: dict[str, Any]) -> list[Message]:
    """The messages of an `sft` row as plain dictionaries (Arrow gives them back with every key)."""
    return [{"role": m["role"], "content": m["content"]} for m in row["messages"]]
