"""Three instances for a dataset's page, as a reader wants to see them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# One of each kind, in the order they are printed; a row goes to the first that it fits.
KINDS = (
    ("something went wrong and was put right", {"recovered", "rejected_parameter", "switched_function"}),
    ("a detail was missing, or nothing was there", {"asked_user", "data_not_found", "refused"}),
    ("several calls", {"multi_call"}),
)
MOST_WORDS = 60  # of an instruction
MOST_CHARACTERS = 160  # of an input or a response


def choose(rows: Iterable[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """The first row of each kind, of different tools, whose texts are short enough to print: (kind, row)."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if len(found) == len(KINDS):
            break
        if len(row["instruction"].split()) > MOST_WORDS or not row["actions"]:
            continue
        for kind, labels in KINDS:
            if labels & set(row["labels"]):
                if kind not in found and all(row["tool_id"] != other["tool_id"] for other in found.values()):
                    found[kind] = row
                break
    return [(kind, found[kind]) for kind, _ in KINDS if kind in found]


def shown(kind: str, row: dict[str, Any], tool: str) -> str:
    """One instance as Markdown: instruction, each thought with its call and response, and the answer."""
    lines = [f"**{_line(row['instruction'])}** ({_line(tool)}; {kind})"]
    for action in row["actions"]:
        lines.append(f"*{_line(action['thought'])}*")
        lines.append(f"{_code(action['function'], action['input'])} → {_code(action['response'])}")
    lines.append(_line(row["final_output"]))
    return "\n".join(f"> {line}{'' if line is lines[-1] else chr(92)}" for line in lines)


def _line(text: str) -> str:
    text = " ".join(text.split())
    for mark in "\\*_`<>[]|":
        text = text.replace(mark, "\\" + mark)
    return text


def _code(*texts: str) -> str:
    text = " ".join(" ".join(texts).split())
    text = text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + " ..."
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"
