"""How the teacher gets things wrong: the ways in which language models do, one per prompt."""

from __future__ import annotations

import json
import random
import re
from typing import Any


def spoil(rng: random.Random, name: str, text: str, variables: dict[str, Any]) -> str:
    """The reply with one mistake of a kind that fits the prompt; unchanged where none does."""
    if name in ("openapi", "openapi_repair"):
        return _specification(rng, text)
    if name == "functions":
        return rng.choice((_prose, _truncated, _unnumbered))(rng, text)
    if name == "instructions":
        return rng.choice((_one_less, _bold, _prose, _truncated))(rng, text)
    if name in ("assistant", "student", "student_vicuna"):
        return _step(rng, text, variables)
    if name == "executor":
        return rng.choice((_truncated, _prose_only, _wrong_type))(rng, text)
    return text


def _truncated(rng: random.Random, text: str) -> str:
    return text[: int(len(text) * rng.uniform(0.4, 0.9))]


def _prose(rng: random.Random, text: str) -> str:
    return f"Sure! Here is what you asked for:\n\n{text}\n\nLet me know if you need anything else."


def _prose_only(rng: random.Random, text: str) -> str:
    return "The server would answer the request with the matching data."


def _unnumbered(rng: random.Random, text: str) -> str:
    return re.sub(r"(?m)^\d+\. ", "", text)


def _one_less(rng: random.Random, text: str) -> str:
    lines = text.splitlines()
    return "\n".join(lines[:-1]) if len(lines) > 1 else text


def _bold(rng: random.Random, text: str) -> str:
    return re.sub(r"(?m)^(\d+)\.", r"**\1.**", text)


def _wrong_type(rng: random.Random, text: str) -> str:
    """A number written out, as a string."""
    return re.sub(r": (\d+)(?=[,}])", r': "about \1"', text, count=1)


def _specification(rng: random.Random, text: str) -> str:
    """A cut, a dangling reference, missing responses, or an undeclared path parameter."""
    kind = rng.choice(("cut", "reference", "responses", "prose", "path"))
    if kind == "cut":
        return _truncated(rng, text)
    if kind == "prose":
        return f"Here is the specification:\n\n{text}\n\nIt covers every function."
    found = re.search(r"\{.*\}", text, re.DOTALL)
    try:
        document = json.loads(found[0]) if found else {}
    except ValueError:
        return text
    operations = [
        o for item in document.get("paths", {}).values() for o in item.values() if isinstance(o, dict)
    ]
    if not operations:
        return text
    operation = rng.choice(operations)
    if kind == "responses":
        operation.pop("responses", None)
    elif kind == "reference":
        for response in operation.get("responses", {}).values():
            response["content"] = {"application/json": {"schema": {"$ref": "#/components/schemas/Result"}}}
    else:
        operation["parameters"] = [p for p in operation.get("parameters", []) if p["in"] != "path"]
        operation.pop("operationId", None)
    return f"```json\n{json.dumps(document, ensure_ascii=False)}\n```"


def _step(rng: random.Random, text: str, variables: dict[str, Any]) -> str:
    """A step without its label, with a broken or a wrong input, or with another function."""
    action = re.search(r"(?m)^((?:ASSISTANT )?Action:) (\S+)\n((?:ASSISTANT )?Action Input:) (.*)$", text)
    if action is None:
        return text
    kind = rng.choice(("label", "json", "type", "function"))
    if kind == "label":
        return text[: action.start(1)] + action[2] + text[action.end(2) :]
    if kind == "json":
        return text[: action.start(4)] + action[4][:-1]
    if kind == "type":
        try:
            arguments = json.loads(action[4])
        except ValueError:
            return text
        if not arguments:
            return text
        key = rng.choice(list(arguments))
        arguments[key] = (
            [arguments[key]] if not isinstance(arguments[key], list) else {"value": arguments[key]}
        )
        return text[: action.start(4)] + json.dumps(arguments, ensure_ascii=False)
    other = f"{action[2]}s" if rng.random() < 0.5 else f"get{action[2][:1].upper()}{action[2][1:]}"
    return text[: action.start(2)] + other + text[action.end(2) :]
