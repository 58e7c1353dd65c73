"""Tool calls in a reply's text: chat templates write them so, servers without a parser leave them."""

from __future__ import annotations

import json
import re
from typing import Any

from toolalpaca.models.replies import object_text

OPEN, CLOSE = "<tool_call>", "</tool_call>"
BLOCK = re.compile(rf"{OPEN}(.*?)(?:{CLOSE}|(?={OPEN})|\Z)", re.DOTALL)
FENCED = re.compile(r"\s*```\w*\s*(\{.*\})\s*```\s*", re.DOTALL)


def tool_calls(text: str) -> tuple[dict[str, Any], ...]:
    """OpenAI-style tool calls in a reply: `<tool_call>{...}</tool_call>` (Qwen) or bare JSON (Llama 3.1).

    Blocks may be fenced, several, and the last one without its end where the JSON is whole; a block that
    cannot be read for sure is none.
    """
    calls = []
    for piece in _pieces(text):
        inside = object_text(piece)
        call = json.loads(inside) if inside else {}
        if not isinstance(call.get("name"), str) or not call["name"].strip():
            continue
        arguments = arguments_text(call.get("arguments", call.get("parameters")))
        function = {"name": call["name"], "arguments": arguments}
        calls.append({"id": f"call_{len(calls)}", "type": "function", "function": function})
    return tuple(calls)


def arguments_text(arguments: Any) -> str:
    """A call's arguments as the text of an action input; an object, JSON, or JSON in JSON."""
    if isinstance(arguments, str):
        try:
            inner = json.loads(arguments)
        except (ValueError, RecursionError):
            inner = None
        return inner if isinstance(inner, str) else arguments.strip() or "{}"
    return json.dumps(arguments or {}, ensure_ascii=False)


def beside(text: str) -> str:
    """What a reply says beside its calls."""
    if OPEN in text:
        return BLOCK.sub("\n", text).strip()
    return "" if _pieces(text) else text


def _pieces(text: str) -> list[str]:
    if OPEN in text:
        return [piece for piece in BLOCK.findall(text) if "{" in piece]
    fenced = FENCED.fullmatch(text)
    return [fenced[1]] if fenced else [text.strip()] if text.strip().startswith("{") else []
