"""A run as the original project's JSON; an imported file comes back as it was.

`original.jsonl` in an imported run keeps what our records have no place for: the keys that a file had
and each value that would be written otherwise, beside a hash of what would be written. A value whose
hash no longer fits was changed in the run since, and the run wins.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from toolalpaca import files
from toolalpaca.files import dumps, read_jsonl
from toolalpaca.models.react import STYLES
from toolalpaca.original.reading import LISTS, OPTIONAL, SIDECAR, UNREADABLE, has_own_tasks
from toolalpaca.schema import Instance, Instruction, Step, Task, Tool, ToolAlpacaError

VICUNA = STYLES["vicuna"]


def to_original(
    tool: Tool, instructions: list[str], tasks: dict[int, Task], instances: list[Instance]
) -> dict[str, Any]:
    """An API of the original format from our records alone. `tasks` are by their instruction's number."""
    described = {
        f.name: f.documentation.removeprefix(f"{f.name}: ").removeprefix(f"{f.name}:") for f in tool.functions
    }
    api: dict[str, Any] = {
        "Name": tool.name,
        "Description": tool.description,
        "Link": tool.link,
        "Category": tool.category,
        "Introduction": tool.introduction,
        "Functions": _numbered(tool),
        "Documentation": tool.openapi,
        "NLDocumentation": tool.documentation,
        "Function_Description": {**described, "components": ""},
        "Function_Projection": {f.name: [f.path, f.method] for f in tool.functions},
        "Instructions": instructions,
    }
    if tasks:
        api["Golden_Answers"] = [
            [
                {"Action": (OPTIONAL if s.optional else "") + s.function, "Action_Input": s.input}
                for s in (tasks[number].gold if number in tasks else [])
            ]
            for number in range(len(instructions))
        ]
    if instances:
        api["Instances"] = [instance_to_original(instance) for instance in instances]
    return api


def instance_to_original(instance: Instance) -> dict[str, Any]:
    """An entry of `Instances`: what was asked, the steps and the answer, or the error that ended it."""
    detail = instance.provenance.get("detail", "")
    if detail and not instance.steps and not instance.final_output:
        return {"error": detail}
    entry: dict[str, Any] = {
        "input": instance.instruction,
        "output": instance.final_output,
        "Final Thought": instance.final_thought,
        "intermediate_steps": [_step(step) for step in instance.steps],
    }
    if detail:
        entry["error"] = detail
    return entry


def _step(step: Step) -> list[Any]:
    if step.error == "parse_error":
        said = step.input
        return [["_Exception", said, f"{UNREADABLE}: `{said}`"], step.response]
    log = f" {step.thought}\n{VICUNA.action} {step.function}\n{VICUNA.action_input} {step.input}"
    return [[step.function, step.input, log], step.response]


def _numbered(tool: Tool) -> str:
    """The numbered list of functions, as section 3.2 has it written before the specification."""
    lines = []
    for number, function in enumerate(tool.functions, 1):
        inputs = {p.name: p.description for p in function.parameters}
        lines.append(f"{number}. Name: {function.name}\n   Description: {function.description}")
        lines.append(f"   Input: {dumps(inputs)}")
    return "\n".join(lines)


def remember(api: dict[str, Any], tool_id: str, written: dict[str, Any]) -> dict[str, Any]:
    """The row of original.jsonl: what `written`, the export of our records, does not give back."""
    kept: dict[str, Any] = {}
    for key, value in api.items():
        ours = written.get(key)
        if key in LISTS and isinstance(ours, list) and isinstance(value, list) and len(ours) == len(value):
            for number, (mine, theirs) in enumerate(zip(ours, value, strict=True)):
                if not _same(mine, theirs):
                    kept[f"{key}/{number}"] = {"was": _hash(mine), "value": theirs}
        elif not _same(ours, value) or key not in written:
            kept[key] = {"was": _hash(ours) if key in written else "", "value": value}
    return {"tool_id": tool_id, "keys": list(api), "kept": kept}


def restore(written: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """`written` with what an imported file said otherwise put back, in that file's order of keys."""
    kept = row["kept"]
    api: dict[str, Any] = {}
    for key in row["keys"]:
        entry = kept.get(key)
        if key in written and not (entry and entry["was"] == _hash(written[key])):
            api[key] = written[key]
        elif entry:
            api[key] = entry["value"]
    for place, entry in kept.items():
        key, _, number = place.rpartition("/")
        if key in LISTS and key in api:
            items = api[key] = list(api[key])
            if int(number) < len(items) and entry["was"] == _hash(items[int(number)]):
                items[int(number)] = entry["value"]
    # what was made after the import: instances of a file that had none
    return api | {
        key: written[key] for key in ("Golden_Answers", "Instances") if key in written and key not in api
    }


def read_records(run: Path) -> list[tuple[Tool, list[str], dict[int, Task], list[Instance]]]:
    """Per tool of a run: instructions, tasks by number and instances, in the order of their numbers.

    The original project pairs `Instances` with `Instructions` by position, so one that a filter dropped
    leaves its reason as an error in its place. Tasks that a build drew from imported instances are no gold
    of the file's, and are left out.

    Raises:
        ToolAlpacaError: the run has no toolset.jsonl.
    """
    if not (run / "toolset.jsonl").is_file():
        raise ToolAlpacaError(f"{run / 'toolset.jsonl'} does not exist; a run folder is expected")
    asked: dict[str, list[str]] = defaultdict(list)
    for instruction in _records(run / "instructions.jsonl", Instruction):
        asked[instruction.tool_id].append(instruction.instruction)
    tasks: dict[str, dict[int, Task]] = defaultdict(dict)
    built = (run / SIDECAR).is_file() and not has_own_tasks(run)
    for task in _records(run / "tasks.jsonl", Task) if not built else ():
        tasks[task.tool_id][_number(task.task_id)] = task
    instances: dict[str, dict[int, Instance]] = defaultdict(dict)
    for instance in _records(run / "instances.jsonl", Instance):
        instances[instance.tool_id][_number(instance.instance_id)] = instance
    dropped = {row["instance_id"]: row["filter"] for row in _rows(run / "filtered.jsonl")}
    records = []
    for tool in files.read_records(run / "toolset.jsonl", Tool):
        made = instances[tool.tool_id]
        filled = [
            made.get(number) or _missing(tool, number, dropped) for number in range(max(made, default=-1) + 1)
        ]
        records.append((tool, asked[tool.tool_id], tasks[tool.tool_id], filled))
    return records


def _number(identity: str) -> int:
    return int(identity.rpartition("/")[2])


def _missing(tool: Tool, number: int, dropped: dict[str, str]) -> Instance:
    identity = f"{tool.tool_id}/{number}"
    reason = f"dropped by the filter {dropped[identity]}" if identity in dropped else "no instance in the run"
    return Instance(identity, tool.tool_id, "", outcome="executor_failed", provenance={"detail": reason})


def export_original(run: str | Path) -> list[dict[str, Any]]:
    """The APIs of a run in the original format.

    Raises:
        ToolAlpacaError: the run has no toolset.jsonl.
    """
    run = Path(run)
    remembered = {row["tool_id"]: row for row in _rows(run / SIDECAR)}
    apis = []
    for tool, instructions, tasks, instances in read_records(run):
        asked = instructions or [instance.instruction for instance in instances]
        api = to_original(tool, asked, tasks, instances)
        row = remembered.get(tool.tool_id)
        apis.append(restore(api, row) if row else api)
    return apis


def _records(path: Path, cls: type) -> Any:
    return files.read_records(path, cls) if path.is_file() else ()


def _rows(path: Path) -> Any:
    return read_jsonl(path) if path.is_file() else ()


def _same(a: Any, b: Any) -> bool:
    return json.dumps(a) == json.dumps(b)


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
