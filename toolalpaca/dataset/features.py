"""The dataset's configurations: what each holds, and the types of its columns."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from datasets import Features, Json, List, Value

ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
DECODER = Json()
LONG_NUMBER = re.compile(r"\d{19}")
FRACTION = re.compile(r"\d(?:\.|[eE][-+]?)\d")
MARK = "\ue000number:"  # a private character, so that no text of a corpus looks like it
MARKED = re.compile(f'"{MARK}([^"]*)"')


class PlainFeatures(Features):
    """Features of rows that are already what Arrow stores, so that encoding has nothing to do.

    The general encoder walks every value of every row twice, which is half of a build's time.
    """

    def encode_example(self, example: dict[str, Any]) -> dict[str, Any]:
        """The row itself."""
        return example


TEXT = Value("string")
PARAMETER = {
    "name": TEXT,
    "location": TEXT,
    "required": Value("bool"),
    "schema": Json(),
    "description": TEXT,
}
FUNCTION = {
    "name": TEXT,
    "description": TEXT,
    "method": TEXT,
    "path": TEXT,
    "parameters": List(PARAMETER),
    "documentation": TEXT,
    "signature": TEXT,
}
ACTION = {
    "thought": TEXT,
    "function": TEXT,
    "input": TEXT,
    "response": TEXT,
    "error": TEXT,
    "status": Value("int32"),
}
FEATURES = {
    "toolset": PlainFeatures(
        {
            **dict.fromkeys(("tool_id", "name", "category", "link", "description"), TEXT),
            **dict.fromkeys(("introduction", "documentation", "openapi"), TEXT),
            "functions": List(FUNCTION),
        }
    ),
    "instances": PlainFeatures(
        {
            **dict.fromkeys(("instance_id", "tool_id", "instruction"), TEXT),
            "actions": List(ACTION),
            **dict.fromkeys(("final_thought", "final_output", "outcome", "scenario"), TEXT),
            "labels": List(TEXT),
            **dict.fromkeys(("calls", "failed_calls", "instruction_words", "output_words"), Value("int32")),
            "provenance": Json(),
        }
    ),
    "sft": PlainFeatures(
        {
            **dict.fromkeys(("tool_id", "instance_id", "instruction", "style", "detail"), TEXT),
            "messages": List({"role": TEXT, "content": TEXT}),
            "functions": List({"name": TEXT, "text": TEXT, "used": Value("bool")}),
        }
    ),
    "sft_tools": PlainFeatures(
        {"tool_id": TEXT, "instance_id": TEXT, "messages": List(Json()), "tools": List(Json())}
    ),
    "tasks": PlainFeatures(
        {
            **dict.fromkeys(("task_id", "tool_id", "instruction"), TEXT),
            "gold": List({"function": TEXT, "input": TEXT, "optional": Value("bool")}),
            "facts": List(TEXT),
            "scenario": TEXT,
        }
    ),
}
DESCRIPTIONS = {
    "toolset": "the five parts of each tool, its category and its functions",
    "instances": "instructions, actions (thought, function, input, response) and final outputs",
    "sft": "ReAct conversations as `messages`; train on the assistant's alone",
    "sft_tools": "native function calling: `messages` with `tool_calls`, and `tools` as JSON Schemas",
    "tasks": "held-out tools: instruction, gold actions, facts that a right answer contains",
}


def json_text(value: Any) -> str:
    """`value` as a `Json` feature stores it, so that loading gives it back.

    The feature's own encoder rounds floats to ten decimals, and its decoder refuses integers over 64 bits
    and reads 0.3 as 0.30000000000000004: numbers are written in full here, such integers as floats, and
    such fractions in another spelling ("0.300"). Beyond 15 digits it is off by the last one all the same.
    """
    try:
        text = ENCODER.encode(value)
    except ValueError:  # NaN and infinities are no JSON: their place stays empty
        value = _numbers(value, finite=True)
        text = ENCODER.encode(value)
    if LONG_NUMBER.search(text):
        value = _numbers(value)
        text = ENCODER.encode(value)
    if FRACTION.search(text) and any(spelled(number) != number for number in _fractions(value)):
        marked = ENCODER.encode(_numbers(value, spell=True))
        text = MARKED.sub(r"\1", marked)
    return text


@functools.lru_cache(maxsize=10_000)
def spelled(written: str) -> str:
    """A float's `repr`, or another spelling of it where the decoder of `Json` reads only that as it is."""
    sign, figures, power = Decimal(written).as_tuple()
    digits, minus, power = "".join(map(str, figures)), "-" * sign, int(power)
    longer = [f"{written}{'0' * zeros}" for zeros in range(1, 8) if "e" not in written]
    shifted = [f"{minus}{digits}{'0' * zeros}e{power - zeros}" for zeros in range(8)]
    for text in (written, *longer, *shifted):
        try:
            if DECODER.decode_example(text) == float(written) == float(text):
                return text
        except ValueError:  # too many digits for it
            continue
    return written


def _fractions(value: Any) -> Iterator[str]:
    if isinstance(value, float):
        yield repr(value)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _fractions(item)


def _numbers(value: Any, finite: bool = False, spell: bool = False) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(item, finite, spell) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item, finite, spell) for item in value]
    if isinstance(value, int) and abs(value) >= 2**63:
        return float(value) if abs(value) < 2**1023 else str(value)
    if finite and isinstance(value, float) and not math.isfinite(value):
        return None
    return f"{MARK}{spelled(repr(value))}" if spell and isinstance(value, float) else value
