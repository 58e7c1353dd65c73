"""Bodies of chat completions as local servers and routers send them."""

from __future__ import annotations

import json

import pytest

from toolalpaca.models.bodies import decode


def body(message: dict, **choice) -> str:
    return json.dumps({"choices": [{"index": 0, "message": message, **choice}]})


def events(*values: dict, end: str = "data: [DONE]\n\n") -> str:
    return "".join(f"data: {json.dumps(value)}\n\n" for value in values) + end


def delta(finish: str | None = None, **said) -> dict:
    return {"choices": [{"index": 0, "delta": said, "finish_reason": finish}]}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ('{"error":"Unexpected endpoint (POST /chat/completions). Returning 200 anyway"}', "Unexpected endp"),
        ('{"error":{"message":"model is loading","code":503}}', "reply: model is loading"),
        ('{"object":"error","message":"no model `x`","type":"NotFoundError","code":404}', "no model `x`"),
        ('{"detail":"Not Found"}', "reply: Not Found"),
        (
            body({"content": ""}, finish_reason="error", error={"code": 502, "message": "upstream"}),
            "upstream",
        ),
        (events({"error": {"message": "out of memory"}}), "out of memory"),
        (events(delta(content="Ye"), end=""), "breaks off"),
        ("", "an empty reply"),
        ("<html><body>Sign in</body></html>", "/v1"),
    ],
)
def test_what_is_no_reply_is_refused_with_what_it_says(said, reason):
    with pytest.raises(ValueError, match=reason):
        decode(said)


@pytest.mark.parametrize(
    "content",
    [
        "Yes<|im_end|>",
        "Yes</s>\n",
        "Yes<|eot_id|><|end_of_text|>",
        "Yes\n<end_of_turn>",
        "I should say so.\n</think>\n\nYes",
        "[THINK]hm[/THINK]Yes",
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Yes<|return|>",
        {"type": "text", "text": "Yes"},
    ],
)
def test_marks_of_the_model_are_no_part_of_its_reply(content):
    assert decode(body({"role": "assistant", "content": content})).text == "Yes"


@pytest.mark.parametrize(
    "content", ["Write </s> after it", "Use `</think>` to end it", "a < b > c", "x <b>y</b>"]
)
def test_marks_inside_a_text_stay(content):
    assert decode(body({"content": content})).text == content


def test_a_message_of_thoughts_alone_is_an_empty_reply():
    for key in ("reasoning", "reasoning_content", "thinking"):
        assert decode(body({"role": "assistant", key: "hm"})).text == ""
    assert decode(body({"content": "<|channel|>analysis<|message|>cut off"})).text == ""
    assert decode(body({"content": None, "refusal": "I can't"})).text == "I can't"


def test_a_stream_that_nobody_asked_for_is_put_together():
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    said = events(delta(role="assistant", content=""), delta(content="Ye"), delta("stop", content="s"), usage)
    for raw in (said, f": waiting\n\n{said}", "\ufeff" + said):
        completion = decode(raw)
        assert (completion.text, completion.tokens_in, completion.tokens_out) == ("Yes", 3, 2)
        assert completion.finish_reason == "stop" and completion.raw == raw
    first = {"index": 0, "id": "c", "function": {"name": "find", "arguments": ""}}
    more = [{"index": 0, "function": {"arguments": part}} for part in ('{"a":', " 1}")]
    called = decode(events(delta(tool_calls=[first]), *(delta(tool_calls=[part]) for part in more)))
    (call,) = called.tool_calls
    assert call["function"] == {"name": "find", "arguments": '{"a": 1}'}


def test_a_call_in_the_old_form_is_a_call():
    called = decode(body({"content": None, "function_call": {"name": "find", "arguments": "{}"}}))
    assert called.tool_calls == ({"type": "function", "function": {"name": "find", "arguments": "{}"}},)
