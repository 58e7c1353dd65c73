"""The original project's JSON: training files, evaluation files, result files, read into our records.

A file is a list of APIs. Each holds the five parts under their own names, `Instructions`, and some of
`Golden_Answers` (gold actions) and `Instances` (what a model did). Real files bend that in many ways:
instances that are texts or carry only `error`, steps with fewer than two elements, invalid
specifications, duplicated names, gold that is not JSON. All of it is read; what could not be taken as
it stands is said in `Imported.notes`, and `original_export` gives every file back as it was.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from toolalpaca.corpus.filters import labels_of
from toolalpaca.files import dumps
from toolalpaca.original.judged import load_json, read_input
from toolalpaca.original.steps import KNOWN_BUILTINS, call_of, step_of
from toolalpaca.original.tools import text_of, tool_of
from toolalpaca.runs import manifest
from toolalpaca.schema import (
    Episode,
    GoldStep,
    Instance,
    Instruction,
    Outcome,
    Task,
    Tool,
    ToolAlpacaError,
)

NAMES = {"Name", "API"}  # the original scripts wrote the one, and read either
PARTS = {"Documentation", "NLDocumentation", "Function_Description"}
LISTS = ("Instructions", "Golden_Answers", "Instances")  # absent and null mean none
HOLDS = {*LISTS, *PARTS}
KNOWN = {
    *NAMES,
    *HOLDS,
    "Description",
    "Link",
    "Category",
    "Introduction",
    "Functions",
    "Function_Projection",
}
OPTIONAL = "[Optional]"
SIDECAR = "original.jsonl"  # what our records have no place for
UNREADABLE = "Could not parse LLM output"
ENDPOINT = re.compile(
    r"rate.?limit|timed? ?out|connection|context length|api[ _]?error|overloaded", re.IGNORECASE
)
LIMIT = "Agent stopped due to"  # what LangChain answers when the steps are used up


@dataclass
class Imported:
    """A file as our records. `notes` counts what could not be taken as it stands, by what it was.

    `unread_gold` is gold that makes no task, as JSON text by the id that the task would have.
    """

    tools: list[Tool] = field(default_factory=list)
    instructions: list[Instruction] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)
    unread_gold: dict[str, str] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)


def read_original(path: str | Path) -> list[dict[str, Any]]:
    """The APIs of a file of the original project.

    Raises:
        ToolAlpacaError: it is missing, not JSON, empty, or no such file; says what came.
    """
    data = load_json(path)
    if isinstance(data, dict) and "statistics" in data:
        raise ToolAlpacaError(f"{path} is a judged file; python eval/score.py --agreement reads it")
    apis = [data] if isinstance(data, dict) and NAMES & data.keys() else data
    expected = "expected a list of APIs with 'Name' and 'Instructions', 'Instances' or documentation"
    if not isinstance(apis, list):
        holds = ", ".join(list(apis)[:5]) if isinstance(apis, dict) else ""
        got = f"an object with {holds or 'nothing'}" if isinstance(apis, dict) else type(apis).__name__
        hint = "; generate/make_toolset.py --apis reads lists of APIs" if "entries" in holds else ""
        raise ToolAlpacaError(f"{path}: {expected}; got {got}{hint}")
    if not apis:
        raise ToolAlpacaError(f"{path} lists no API; {expected}")
    for number, api in enumerate(apis, 1):
        if not isinstance(api, dict):
            raise ToolAlpacaError(f"{path}, API {number}: {expected}; got {type(api).__name__}")
        # one that was given up before it got a documentation may stand among others
        if not NAMES & api.keys() or not any(
            HOLDS & other.keys() for other in apis if isinstance(other, dict)
        ):
            raise ToolAlpacaError(
                f"{path}, API {number}: {expected}; it has {', '.join(list(api)[:6]) or 'nothing'}"
            )
    return apis


def listed(api: dict[str, Any], key: str) -> list[Any]:
    """What an API holds under one of LISTS. A text that holds a list is read; any other value gives none."""
    value = api.get(key)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    return value if isinstance(value, list) else []


def import_apis(apis: list[dict[str, Any]], model: str = "") -> Imported:
    """The records of a file. `model` names who made its `Instances`."""
    imported, taken = Imported(), set()
    for api in apis:
        tool = tool_of(api, taken, imported.notes)
        imported.tools.append(tool)
        for key in api.keys() - KNOWN:
            imported.notes[f"APIs with {key}, which only {SIDECAR} keeps"] += 1
        for key in LISTS:
            if not isinstance(api.get(key), list | None):
                kind = type(api[key]).__name__
                imported.notes[f"APIs whose {key} is no list but {kind}, taken as far as it holds one"] += 1
        asked = instructions_of(api)
        for number, text in enumerate(asked):
            identity = f"{tool.tool_id}/{number}"
            imported.instructions.append(Instruction(identity, tool.tool_id, text))
        for number, answers in enumerate(listed(api, "Golden_Answers")):
            text = asked[number] if number < len(asked) else ""
            gold = gold_steps(answers)
            if gold is None or not text:
                imported.notes["gold answers that are no list of actions, or have no instruction"] += 1
                imported.unread_gold[f"{tool.tool_id}/{number}"] = dumps(answers)
                continue
            imported.tasks.append(Task(f"{tool.tool_id}/{number}", tool.tool_id, text, gold))
        for number, raw in enumerate(listed(api, "Instances")):
            instance = read_instance(raw, tool, number, asked, model)
            _note(instance, raw, imported.notes)
            imported.instances.append(instance)
            imported.episodes.append(_episode(instance, raw, model))
    return imported


def instructions_of(api: dict[str, Any]) -> list[str]:
    """The instructions of an API by number; where the list is short, what its instances were asked."""
    asked = [text_of(item) for item in listed(api, "Instructions")]
    for number, raw in enumerate(listed(api, "Instances")):
        said = as_object(raw).get("input")
        if number >= len(asked):
            asked.append(text_of(said) if said else "")
    return asked


def gold_steps(answers: Any) -> list[GoldStep] | None:
    """The gold actions of one instruction, inputs kept as they were written; None when they are none."""
    if isinstance(answers, dict):
        answers = [answers]
    if not isinstance(answers, list) or not all(isinstance(a, dict) and a.get("Action") for a in answers):
        return None
    steps = []
    for answer in answers:
        name = text_of(answer["Action"]).strip()
        bare = name.removeprefix(OPTIONAL).strip()
        steps.append(GoldStep(bare, text_of(answer.get("Action_Input", "")), bare != name))
    return steps


def as_object(raw: Any) -> dict[str, Any]:
    """An instance as an object: texts that hold one are read, any other text is an error."""
    if isinstance(raw, dict):
        return raw
    if isinstance(raw, str):
        try:
            inside = json.loads(raw)
        except (ValueError, RecursionError):
            inside = _as_python(raw)
        return inside if isinstance(inside, dict) else {"error": raw}
    return {"error": f"an instance that is {type(raw).__name__}"}


def _as_python(text: str) -> Any:
    """The value that a text of Python's own writing holds, else None."""
    try:
        return json.loads(json.dumps(ast.literal_eval(text)))  # tuples become lists
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None


def read_instance(raw: Any, tool: Tool, number: int, asked: list[str], model: str) -> Instance:
    """One entry of `Instances`. What it was asked is its own `input`, else the instruction of its number."""
    given = as_object(raw)
    error = given.get("error")
    names = {function.name for function in tool.functions} | KNOWN_BUILTINS
    instance = Instance(
        instance_id=f"{tool.tool_id}/{number}",
        tool_id=tool.tool_id,
        instruction=text_of(given.get("input") or (asked[number] if number < len(asked) else "")),
        steps=[step_of(step, names) for step in _list(given.get("intermediate_steps"))],
        final_thought=text_of(given.get("Final Thought", "")).strip(),
        final_output=text_of(given.get("output", "")).strip(),
        provenance={"assistant": model or "unknown", "source": "imported"},
    )
    if error:
        instance.outcome = _outcome(text_of(error))
        instance.provenance["detail"] = text_of(error)
    elif instance.final_output.startswith(LIMIT) or not instance.final_output:
        instance.outcome = str(Outcome.STEP_LIMIT)
    instance.labels = labels_of(instance)
    return instance


def _outcome(error: str) -> str:
    if UNREADABLE in error:
        return str(Outcome.PARSE_ERROR)
    return str(Outcome.MODEL_FAILED if ENDPOINT.search(error) else Outcome.EXECUTOR_FAILED)


def _episode(instance: Instance, raw: Any, model: str) -> Episode:
    given = as_object(raw)
    texts = []
    for step in _list(given.get("intermediate_steps")):
        call, _ = call_of(step)
        texts.append(text_of(call[2]) if isinstance(call, list) and len(call) > 2 else text_of(call))
    detail = instance.provenance.get("detail", "")
    if UNREADABLE in detail:
        texts.append(detail.split("`", 1)[-1].rstrip("`"))
    return Episode(
        task_id=instance.instance_id,
        tool_id=instance.tool_id,
        instruction=instance.instruction,
        model=model or "unknown",
        style="vicuna",
        steps=[replace(step, input=read_input(step.input, step.response)) for step in instance.steps],
        final_thought=instance.final_thought,
        final_output=instance.final_output,
        outcome=instance.outcome,
        detail=detail,
        texts=texts,
    )


def _note(instance: Instance, raw: Any, notes: Counter[str]) -> None:
    if isinstance(raw, str):
        notes["instances that are texts"] += 1
    elif not isinstance(raw, dict):
        notes["instances that are no object"] += 1
    elif "error" in raw:
        notes["instances that carry an error"] += 1
    if not instance.instruction:
        notes["instances without an instruction"] += 1
    steps = as_object(raw).get("intermediate_steps")
    if not isinstance(steps, list | None):
        notes["instances whose intermediate_steps are no list"] += 1
    short = [s for s in _list(steps) if not isinstance(s, list) or len(s) < 2]
    if short:
        notes["steps with fewer than two elements"] += len(short)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def has_own_tasks(run: Path) -> bool:
    """Whether the run was imported from an evaluation file, whose gold makes the tasks."""
    imported = manifest.stages(run).get("import", {}).get("counts") or {}
    return bool(imported.get("tasks")) and (run / "tasks.jsonl").is_file()
