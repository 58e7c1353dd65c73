"""Native function calling: ReAct turns become tool calls and tool messages, and replies come back as text."""

import asyncio
import json
import re

import pytest

from toolalpaca.dataset import training_rows
from toolalpaca.models import native, react
from toolalpaca.models.boundary import ChatModel, Completion
from toolalpaca.models.hf import with_objects
from toolalpaca.models.react import Action, Answer
from toolalpaca.models.replies import read_reply
from toolalpaca.models.tool_blocks import tool_calls
from toolalpaca.schema import Function, Instance, Parameter, ReplyError, Step, Tool

FUNCTION = Function(
    "getTides", "Tide times.", "get", "/", [Parameter("harbour", "query", True, {"type": "string"})]
)


def call(name, arguments):
    return {"id": "x", "type": "function", "function": {"name": name, "arguments": arguments}}


class Scripted(ChatModel):
    name = "scripted"

    def __init__(self, *replies):
        self.replies, self.prompts = list(replies), []

    async def complete(self, prompt, sample=0, stop=None, on_fault=None):
        self.prompts.append(prompt)
        return self.replies.pop(0)


def take(assistant, steps):
    opening = native.opening([FUNCTION], "High tide?")
    text = asyncio.run(assistant.complete(opening.followed_by(react.turns(steps)))).text
    return react.parse(text)


def test_a_conversation():
    model = Scripted(
        Completion("Look it up.", tool_calls=(call("getTides", '{"harbour": "Dover"}'),)),
        Completion("At 06:42.\nFinal Answer: no label"),
    )
    assistant = native.NativeAssistant(model, [FUNCTION])
    assert take(assistant, []) == Action("Look it up.", "getTides", '{"harbour": "Dover"}')
    steps = [Step("Look it up.", "getTides", '{"harbour": "Dover"}', "Status Code: 200. Response: {}")]
    answer = take(assistant, steps)
    assert isinstance(answer, Answer)
    assert answer.text.startswith("At 06:42.")
    first, second = model.prompts
    assert first.tools[0]["function"]["parameters"]["required"] == ["harbour"]
    assert [m["role"] for m in second.messages] == ["system", "user", "assistant", "tool"]
    asked, seen = second.messages[2:]
    assert asked["content"] == "Look it up."
    assert json.loads(asked["tool_calls"][0]["function"]["arguments"]) == {"harbour": "Dover"}
    assert seen["tool_call_id"] == asked["tool_calls"][0]["id"]
    assert seen["content"] == "Status Code: 200. Response: {}"
    assert with_objects(second.messages)[2]["tool_calls"][0]["function"]["arguments"] == {"harbour": "Dover"}


def test_several_calls_of_one_reply_are_made_one_after_the_other():
    calls = tuple(call("getTides", json.dumps({"harbour": h})) for h in ("Dover", "Deal"))
    assistant = native.NativeAssistant(Scripted(Completion("Both.", tool_calls=calls)), [FUNCTION])
    first, second = take(assistant, []), take(assistant, [])
    assert [first.input, second.input] == ['{"harbour": "Dover"}', '{"harbour": "Deal"}']


def test_markup_of_a_chat_template_is_no_thought():
    text = 'Look.\n<tool_call>\n{"name": "getTides", "arguments": {"harbour": "Dover"}}\n</tool_call>'
    (said,) = native.to_react(Completion(text, tool_calls=tool_calls(text)))
    assert react.parse(said) == Action("Look.", "getTides", '{"harbour": "Dover"}')
    text = '{"name": "getTides", "parameters": {}}'
    (said,) = native.to_react(Completion(text, tool_calls=tool_calls(text)))
    assert react.parse(said) == Action("", "getTides", "{}")


ONE = '{"name": "getTides", "arguments": {"harbour": "Dover"}}'
TWO = ONE.replace("Dover", "Deal")
PYTHON = "{'name': 'getTides', 'arguments': {'harbour': 'Dover',}}"
IN_TEXT = json.dumps({"name": "getTides", "arguments": json.dumps({"harbour": "Dover"})})


@pytest.mark.parametrize(
    ("text", "harbours", "thought"),
    [
        (f"Look.\n<tool_call>\n```json\n{ONE}\n```\n</tool_call>", ["Dover"], "Look."),
        (f"```json\n{ONE}\n```", ["Dover"], ""),
        (f"<tool_call>{ONE}</tool_call> <tool_call>{TWO}</tool_call>", ["Dover", "Deal"], ""),
        (f"<tool_call>{ONE}\n<tool_call>{TWO}", ["Dover", "Deal"], ""),
        (f"First.<tool_call>\n{ONE}", ["Dover"], "First."),  # cut off after the call
        (f"<tool_call>{ONE}</tool_call>\nThat tells.", ["Dover"], "That tells."),
        (f"<tool_call>{ONE}</tool_call><tool_call>{TWO[:30]}", ["Dover"], ""),  # cut off inside the second
        (f"<tool_call>{PYTHON}</tool_call>", ["Dover"], ""),
        (f"<tool_call>{IN_TEXT}</tool_call>", ["Dover"], ""),
    ],
)
def test_calls_in_a_text_are_read(text, harbours, thought):
    """Also from a server that has no parser for them."""
    for completion in (Completion(text), Completion(text, tool_calls=tool_calls(text))):
        steps = [read_reply(said).step for said in native.to_react(completion)]
        assert [(s.function, json.loads(s.input)) for s in steps] == [
            ("getTides", {"harbour": harbour}) for harbour in harbours
        ]
        assert steps[0].thought == thought


def test_arguments_as_json_in_json():
    calls = (call("getTides", json.dumps(json.dumps({"harbour": "Dover"}))),)
    (said,) = native.to_react(Completion("", tool_calls=calls))
    assert react.parse(said).input == '{"harbour": "Dover"}'


@pytest.mark.parametrize(
    "text", [f"<tool_call>{ONE[:40]}", "<tool_call>getTides</tool_call>", '<tool_call>{"a": 1}']
)
def test_a_call_that_cannot_be_read_is_no_answer(text):
    (said,) = native.to_react(Completion(text))
    with pytest.raises(ReplyError):
        read_reply(said)


def test_what_cannot_be_sent_back_as_a_call():
    steps = [
        Step("", "", "gibberish", "Error: expected an action", "parse_error"),
        Step("", "getTides", "Dover", "Error: no JSON", "invalid_json"),
    ]
    messages = native.to_native(react.turns(steps))
    assert [m["role"] for m in messages] == ["assistant", "user", "assistant", "tool"]
    assert messages[2]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert native.to_react(Completion("  ")) == [""]


def test_names_that_endpoints_refuse_travel_under_others_and_come_back():
    odd = ["repos/list", "repos.list", "repos list", "A" * 90, "A" * 91, "getTides", "東京", ""]
    functions = [Function(name, "", "get", "/", []) for name in odd]
    tool = Tool("t", "T", "C", "", "", "", "", "", functions)
    names = [native.function_schema(function)["function"]["name"] for function in functions]
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)
    assert len(set(names)) == len(odd)
    assert names[5] == "getTides"
    for function, name in zip(odd[:-1], names, strict=False):
        assistant = native.NativeAssistant(
            Scripted(Completion("", tool_calls=(call(name, "{}"),))), functions
        )
        assert take(assistant, []).function == function
        steps = [Step("", function, "{}", "Status Code: 200. Response: {}", status=200)]
        asked, seen = native.to_native(react.turns(steps))
        assert asked["tool_calls"][0]["function"]["name"] == seen["name"] == name
        row = training_rows.native_row(tool, Instance("t/0", "t", "Do.", steps, final_output="Done."))
        assert row["messages"][2]["tool_calls"][0]["function"]["name"] == row["messages"][3]["name"] == name
        assert name not in training_rows.unused(row)
