"""Judged files of the original ToolAlpaca project, read as our own records.

A judged file maps each tool's name to entries whose `input` is the prompt that GPT-4 got
(documentation, instruction, standard answer, solution), with its two verdicts. Of what the judge wrote
nothing is read but its verdicts, where the entry does not hold them itself.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolalpaca.files import dumps
from toolalpaca.schema import (
    Episode,
    Function,
    GoldStep,
    Parameter,
    Step,
    Task,
    Tool,
    ToolAlpacaError,
)

SECTIONS = {
    "Documentation": "(?:API )?Documentation",
    "Task Instruction": "(?:Task |User )?Instruction",
    "Standard Answer": "(?:Standard|Gold|Golden|Reference) Answers?",
    "AI Assistant's Solution": "(?:(?:AI )?Assistant(?:['\u2019]s)? )?Solution",
}
HEADINGS = {
    title: re.compile(rf"^#+[ ]*{words}[ ]*:?[ ]*$", re.MULTILINE | re.IGNORECASE)
    for title, words in SECTIONS.items()
}
PROMPT = ("input", "prompt", "messages")  # where an entry may hold what the judge got
NAMES = ("tool", "Name", "name", "API")  # where an entry of a list may say whose it is
ANALYSIS = re.compile(r"\n#+[ ]*Analysis\s*\Z", re.IGNORECASE)
CALL = re.compile(r"^(\d+)\. (Function: ?|Final Response: ?)", re.MULTILINE)
PARAMETERS = re.compile(r"^Parameters: ?", re.MULTILINE)
RETURNS = re.compile(r"^Ret(?:ru|ur)ns: ?", re.MULTILINE)  # the published files misspell it
BRACKETS = re.compile(r"[{\[].*[}\]]", re.DOTALL)
NO_INPUT = ("none", "null", "n/a")  # what models write where a function takes nothing
NOT_READ = "Invalid JSON format"  # how the original tools answered an input that they could not read
ENUM = re.compile(r"One of: \[([^\]]*)\]")
TYPE = re.compile(r"^(?:Required\. )?(string|integer|number|boolean|object|array)\b", re.IGNORECASE)
VERDICTS = ("Yes", "No", "Uncertain")
WORDS = {"true": "Yes", "correct": "Yes", "false": "No", "incorrect": "No", "not": "No"}


@dataclass
class Judged:
    """One judged episode. Verdicts are Yes, No or Uncertain; None where the judge gave none.

    `problem` says why an entry that has a prompt has no task and no episode.
    """

    tool: str
    number: int
    task: Task | None
    episode: Episode | None
    documentation: Tool | None
    process: str | None
    response: str | None
    problem: str = ""

    @property
    def judged(self) -> bool:
        """Whether the judge gave any verdict."""
        return self.process is not None or self.response is not None

    @property
    def without_steps(self) -> bool:
        """Whether there was nothing to judge: the model made no step, so that no judge was asked."""
        return self.task is None and not self.problem and not self.judged


def read_judged(path: str | Path) -> dict[str, list[Judged]]:
    """The entries of a judged file by model, those without a solution included (their task is None).

    A file of one model is named after the file; one of several holds such a file's object per model.

    Raises:
        ToolAlpacaError: the file is missing, is no judged file, or none of its prompts can be read.
    """
    data, stem = load_json(path), Path(path).stem
    if isinstance(data, list) and all(isinstance(item, dict) for item in data):
        data = _by_tool(data, stem)
    expected = f"{path} is no judged file: expected an object of tool name -> list of entries"
    if not isinstance(data, dict):
        raise ToolAlpacaError(f"{expected}, got {type(data).__name__}")
    tools = _parts(data)
    several = bool(tools) and all(
        isinstance(value, dict) and not _is_entries(value) for value in tools.values()
    )
    found = {}
    for model, parts in (tools if several else {stem: tools}).items():
        lists = {
            name: [{"id": key} | entry for key, entry in entries.items()] if _is_entries(entries) else entries
            for name, entries in _parts(parts).items()
        }
        for name, entries in lists.items():
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise ToolAlpacaError(f"{expected}; what {name!r} holds is no list of objects")
        found[model] = [
            _judged(name, position, entry, model)
            for name, entries in lists.items()
            for position, entry in enumerate(entries)
        ]
    entries = [entry for many in found.values() for entry in many]
    problems = [f"entry {e.number} of {e.tool!r}: {e.problem}" for e in entries if e.problem]
    if problems and not any(entry.task for entry in entries):
        raise ToolAlpacaError(f"{path}: {problems[0]}")
    if not entries:
        raise ToolAlpacaError(f"{expected}; it holds no entry")
    return found


def _by_tool(items: list[dict[str, Any]], stem: str) -> dict[str, Any]:
    """A list of entries, or of objects that each hold a tool's, as an object of tool name -> entries."""
    found: dict[str, Any] = {}
    for item in items:
        name = next((item[key] for key in NAMES if isinstance(item.get(key), str)), "")
        lists = {key: value for key, value in item.items() if isinstance(value, list)}
        is_entry = "id" in item or any(key in item for key in PROMPT)
        for key, entries in ({stem: [item]} if is_entry else lists).items():
            found.setdefault(name or key, []).extend(entries)
    return found


def _parts(data: dict[str, Any]) -> dict[str, Any]:
    """What holds entries; totals and remarks about the file stand beside it."""
    return {
        name: value for name, value in data.items() if name != "statistics" and isinstance(value, dict | list)
    }


def _is_entries(value: Any) -> bool:
    """Whether an object holds a tool's entries by their ids."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(entry, dict) and any(key in entry for key in PROMPT) for entry in value.values())
    )


def load_json(path: str | Path) -> Any:
    """The JSON of a file.

    Raises:
        ToolAlpacaError: the file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ToolAlpacaError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ToolAlpacaError(f"{path} is not JSON: {error}") from None


def totals(entries: list[Judged]) -> dict[str, Any]:
    """The totals of a judged file from its single verdicts, in the published file's own words."""
    counts: dict[str, Any] = {
        "num": len(entries),
        "error_num": sum(e.without_steps for e in entries),
    }
    for part in ("process", "response"):
        counts[part] = {v: sum(getattr(e, part) == v for e in entries) for v in VERDICTS}
    counts["both"] = sum(e.process == "Yes" and e.response == "Yes" for e in entries)
    return counts


def _judged(name: str, position: int, entry: dict[str, Any], model: str) -> Judged:
    number = entry.get("id", position)
    process, response = (_verdict(entry, part) for part in ("process", "final_response"))
    text = _prompt_text(next((entry[key] for key in PROMPT if entry.get(key)), ""))
    if not text.strip():
        return Judged(name, number, None, None, None, process, response)
    try:
        documentation, instruction, gold, solution = _sections(text)
    except ValueError as error:
        return Judged(name, number, None, None, None, process, response, str(error))
    tool = Tool(name, name, "", "", "", "", documentation, "", parse_documentation(documentation))
    task_id = f"{name}/{number}"
    task = Task(task_id, name, instruction, [GoldStep(f, i) for f, i, _ in _calls(gold)[0]])
    steps, final = _calls(solution)
    episode = Episode(
        task_id,
        name,
        instruction,
        model=model,
        style="vicuna",
        steps=[
            Step("", function, read_input(given, returned), returned) for function, given, returned in steps
        ],
        final_output=final,
    )
    return Judged(name, number, task, episode, tool, process, response)


def _verdict(entry: dict[str, Any], part: str) -> str | None:
    """A verdict as the entry holds it, else as the judge wrote it."""
    short = part.removeprefix("final_")
    held = [entry.get(f"{name}_correctness") for name in (part, short)]
    # under a bare name may stand the answer itself, which may start with "No"
    held += [
        entry[name] for name in (part, short) if len(str(entry.get(name)).split()) == 1 and name in entry
    ]
    found = next((word for word in map(_word, held) if word), None)
    if found is None and any(entry.get(key) for key in PROMPT):
        label = rf"\b{part.replace('_', ' ')}(?: correctness\W+|\W*:\W*)(\w+)"
        written = re.findall(label, str(entry.get("output", "")), re.IGNORECASE)
        found = next((word for word in map(_word, reversed(written)) if word), None)
    return found


def _word(value: Any) -> str | None:
    first = re.search(r"[^\W_]+", str(value))
    word = first[0].lower() if first else ""
    word = WORDS.get(word, word.capitalize())
    return word if word in VERDICTS else None


def _prompt_text(messages: Any) -> str:
    """What the user says in a text, a message, or a list of messages or of their parts."""
    if isinstance(messages, str):
        return messages
    if isinstance(messages, list):
        return "\n".join(filter(None, map(_prompt_text, messages)))
    if not isinstance(messages, dict) or messages.get("role", "user") not in ("user", "human"):
        return ""
    inside = next((messages[key] for key in ("content", "messages", "text") if messages.get(key)), "")
    return _prompt_text(inside)


def _sections(text: str) -> list[str]:
    """Documentation, instruction, standard answer and solution of a judge's prompt."""
    text = text.replace("\r\n", "\n")
    places, at = [], 0
    for title, heading in HEADINGS.items():
        found = heading.search(text, at)
        if not found:
            raise ValueError(f"the prompt has no section {title!r}")
        places.append(found)
        at = found.end()
    ends = [*(place.start() for place in places[1:]), len(text)]
    parts = [text[place.end() : end].strip() for place, end in zip(places, ends, strict=True)]
    return [*parts[:-1], ANALYSIS.sub("", parts[-1])]


def _calls(text: str) -> tuple[list[tuple[str, str, str]], str]:
    """Numbered calls of a solution or standard answer as (function, parameters, returned), and the answer.

    Numbers have to count up, so that a list inside a response is not taken for a call.
    """
    marks, expected = [], 1
    for mark in CALL.finditer(text):
        if int(mark[1]) == expected:
            marks.append(mark)
            expected += 1
    calls, final = [], ""
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        body = text[mark.end() : following.start() if following else len(text)].strip("\n")
        if mark[2].startswith("Final"):
            final = body.strip()
            continue
        function, *rest = PARAMETERS.split(body, maxsplit=1)
        parameters, *returned = RETURNS.split("".join(rest), maxsplit=1)
        calls.append((function.strip(), parameters.strip(), "".join(returned).strip()))
    return calls, final


def read_input(text: str, response: str = "") -> str:
    """What the original tools took from an action input, as JSON text.

    They read from the first bracket to the last and left what stands around it (code fences, remarks).
    The text itself where nothing can be read, or where the tool's response says that it could not.
    """
    inside = BRACKETS.search(text)
    if response.startswith(NOT_READ):
        return text
    if not inside:
        return "{}" if text.strip().lower() in NO_INPUT else text
    for load in (json.loads, ast.literal_eval):
        try:
            return dumps(load(inside[0]))
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
    return text


def parse_documentation(text: str) -> list[Function]:
    """Functions of the published natural-language documentation: `name: description`, `Parameters: {...}`."""
    functions = []
    for match in re.finditer(r"^([^\s:#]+): ?(.*)\nParameters: (\{.*\})[ ]*$", text, re.MULTILINE):
        name, description, parameters = match.groups()
        functions.append(
            Function(name, description, "", "", [_parameter(k, v) for k, v in _described(parameters)])
        )
    return functions


def _described(text: str) -> Iterator[tuple[str, str]]:
    try:
        yield from json.loads(text).items()
    except ValueError:
        yield from re.findall(r'"([^"]+)": "((?:[^"\\]|\\.)*)"', text)


def _parameter(name: str, described: Any) -> Parameter:
    """`Required. string. One of: [a, b]. What it is.` as a parameter."""
    text = described if isinstance(described, str) else json.dumps(described)
    required = text.startswith("Required.")
    schema: dict[str, Any] = {}
    kind = TYPE.match(text)
    bare = text.removeprefix("Required.").strip()
    if bare.startswith("Array["):
        schema["type"] = "array"
    elif bare.startswith("Object"):
        schema["type"] = "object"
    elif kind:
        schema["type"] = kind[1].lower()
    enum = ENUM.search(text)
    if enum and "type" in schema and schema["type"] != "array":
        schema["enum"] = [option.strip() for option in enum[1].split(",")]
    return Parameter(name, "query", required, schema, text)
