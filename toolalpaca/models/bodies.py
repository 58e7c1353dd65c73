"""Bodies of chat completions as servers really send them, read into completions.

Local servers stream though nobody asked, leave out what the standard asks for, say an error under status 200,
and leave a model's own marks in its text: what is meant is read, what is none is refused in one line.
"""

from __future__ import annotations

import json
import re
from typing import Any

from toolalpaca.models.boundary import Completion

# A thought that stands before the reply. What follows an opening alone is all thought: it was cut off. Where
# the prompt ended in the opening mark, only the closing one is written.
THINKING = re.compile(
    r"\A\s*(?:<(?P<tag>think(?:ing)?)>(?:.*?</(?P=tag)>|.*)|\[THINK\](?:.*?\[/THINK\]|.*)|"
    r"(?:(?!<think).)*?</think(?:ing)?>(?=\s))\s*",
    re.DOTALL,
)
CHANNELS = re.compile(r"\A\s*(?:<\|start\|>assistant)?<\|channel\|>")  # of gpt-oss
FINAL = re.compile(r"<\|channel\|>final[^<]*<\|message\|>(.*)", re.DOTALL)
# What ends a turn, which a server should cut off
TURN_END = re.compile(
    r"(?:\s*(?:<\|(?:im_end|eot_id|eom_id|end|return|endoftext|end_of_text|end_of_turn)\|>|<end_of_turn>|</s>))+\s*\Z"
)
REASONING = ("reasoning", "reasoning_content", "thinking")


def decode(raw: str) -> Completion:
    """The completion in a chat completions body.

    Raises:
        ValueError: the body is cut off or an error, has no choice with a message, or a tool call names no
            function.
    """
    try:
        body = _body(raw.lstrip("\ufeff \t\r\n"))
    except RecursionError:
        raise ValueError("JSON nested too deep to be a reply") from None
    if "\\ud" in raw or "\\uD" in raw:  # halves of surrogate pairs are in no file's or database's UTF-8
        body = json.loads(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))
    _refuse_error(body)
    try:
        choice = body["choices"][0]
        _refuse_error(choice)
        message = choice["message"]
        calls = message.get("tool_calls") or []
        if not calls and isinstance(message.get("function_call"), dict):  # of before 2023-11
            calls = [{"type": "function", "function": message["function_call"]}]
        text = _text(message, bool(calls))
        if not isinstance(calls, list):
            raise TypeError
        if not all(map(_names_function, calls)):
            raise ValueError("a tool call that names no function")
        usage = body.get("usage") if isinstance(body.get("usage"), dict) else {}
        return Completion(
            text,
            token_count(usage.get("prompt_tokens")),
            token_count(usage.get("completion_tokens")),
            str(choice.get("finish_reason") or "stop"),
            tuple(calls),
            raw,
        )
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ValueError("a reply without a message in choices[0]") from None


def token_count(value: Any) -> int:
    """A count as an endpoint gives it; 0 for what can be none (null, a text, less than 0, 1e30)."""
    try:
        count = int(value)
    except (TypeError, ValueError, OverflowError):
        return 0
    return count if 0 <= count < 1 << 40 else 0


def _body(raw: str) -> Any:
    if not raw:
        raise ValueError("an empty reply")
    if re.match(r"data:|event:|:", raw):
        return _assembled(raw)
    if raw.startswith("<"):
        raise ValueError("a page of HTML or XML, no reply: does the base URL end in /v1?")
    return json.loads(raw)


def _assembled(raw: str) -> Any:
    """The body that a stream of events (`data: {...}`) amounts to.

    Raises:
        ValueError: an event is no JSON, or the stream ends before the reply does.
    """
    lines = [line[5:].strip() for line in raw.splitlines() if line.startswith("data:")]
    ended = bool(lines) and lines[-1] == "[DONE]"
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    calls: dict[int, dict[str, Any]] = {}
    body: dict[str, Any] = {}
    finish = None
    for line in lines:
        event = {} if line in ("", "[DONE]") else json.loads(line)
        _refuse_error(event)
        body["usage"] = event.get("usage") or body.get("usage")
        for choice in (event.get("choices") or [])[:1]:
            delta = choice.get("delta") or choice.get("message") or {}
            message["content"] += delta.get("content") or ""
            finish = choice.get("finish_reason") or finish
            for part in delta.get("tool_calls") or []:
                call = calls.setdefault(part.get("index", len(calls)), {"type": "function", "function": {}})
                for key, value in (part.get("function") or {}).items():
                    call["function"][key] = call["function"].get(key, "") + (value or "")
    if not ended and not finish:
        raise ValueError("a stream that breaks off")
    message["tool_calls"] = list(calls.values())
    return {**body, "choices": [{"message": message, "finish_reason": finish}]}


def _refuse_error(node: Any) -> None:
    """Raise for an error sent as a reply: `{"error": ...}`, `{"object": "error"}`, `{"detail": ...}`."""
    if not isinstance(node, dict):
        return
    said = node.get("error")
    if node.get("object") == "error":
        said = said or node.get("message") or "no more is said"
    elif not said and not node.keys() & {"choices", "message"}:
        said = node.get("detail")
    if said:
        told = said.get("message", said) if isinstance(said, dict) else said
        raise ValueError(f"an error in place of a reply: {' '.join(str(told).split())[:200]}")


def _text(message: dict[str, Any], called: bool) -> str:
    """The text of a message without its thoughts; "" for one that holds thoughts or calls alone."""
    silent = called or any(message.get(key) for key in (*REASONING, "refusal"))
    text = message.get("content") if silent else message["content"]
    text = [text] if isinstance(text, dict) else text
    if isinstance(text, list):
        text = "".join(_part_text(part) for part in text)
    if not isinstance(text, str | None):
        raise TypeError
    if not text:
        # Models that spend all their tokens on thinking send null: an empty reply, not a broken one.
        return message["refusal"] if isinstance(message.get("refusal"), str) else ""
    if CHANNELS.match(text):
        final = FINAL.search(text)
        text = final[1] if final else ""
    if "think" in text or "[THINK]" in text:
        text = THINKING.sub("", text)
    return TURN_END.sub("", text) if text.rstrip().endswith(">") else text


def _part_text(part: Any) -> str:
    """The text of a part of a reply; thoughts, references and the like are none of it."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or part.get("type", "text") not in ("text", "output_text"):
        return ""
    text = part.get("text")
    if isinstance(text, dict):
        text = text.get("value")
    return text if isinstance(text, str) else ""


def _names_function(call: Any) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    return isinstance(function, dict) and isinstance(function.get("name"), str)
