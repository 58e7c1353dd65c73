"""What is wrong with gold labels: checked against the tool they are for."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass

from toolalpaca.evaluation.scoring.gold import GoldCall, Ref, parse_step
from toolalpaca.evaluation.scoring.goldcheck import is_literal
from toolalpaca.evaluation.scoring.kinds import wrong_type
from toolalpaca.original.steps import KNOWN_BUILTINS
from toolalpaca.schema import Function, GoldStep, ReplyError, Task, Tool

PLACEHOLDER = re.compile(r'"\$\{[^{}]*\}"|\$\{[^{}]*\}')


@dataclass(frozen=True)
class Lint:
    """One thing wrong with a gold step. `step` counts from 0; -1 is the task as a whole."""

    task_id: str
    step: int
    kind: str
    message: str

    def __str__(self) -> str:
        where = f"step {self.step}" if self.step >= 0 else "task"
        return f"lint: {self.task_id}, {where}: {self.kind}: {self.message}"


def lint(tools: list[Tool], tasks: list[Task], unread: dict[str, str] | None = None) -> list[Lint]:
    """Everything wrong with the gold of `tasks`, and with gold that made no task (`Imported.unread_gold`).

    Kinds: `unknown_function`, `not_json` (readable only with forgiveness), `unparsable`,
    `unknown_parameter`, `missing_parameter`, `enum_value`, `wrong_type`, `unknown_source` (a
    `${x from f}` whose `f` no earlier gold step calls), `no_gold`, `no_task`.
    """
    functions = {tool.tool_id: {f.name: f for f in tool.functions} for tool in tools}
    found: list[Lint] = []
    for task in tasks:
        if not task.gold:
            found.append(Lint(task.task_id, -1, "no_gold", "the instruction has no gold action"))
        called: set[str] = set()
        for number, step in enumerate(task.gold):
            for kind, message in _step(step, functions.get(task.tool_id, {}), called):
                found.append(Lint(task.task_id, number, kind, message))
            called.add(step.function)
    for task_id, text in (unread or {}).items():
        message = f"no list of actions, or there is no instruction for it: {text[:200]}"
        found.append(Lint(task_id, -1, "no_task", message))
    return found


def _step(step: GoldStep, functions: dict[str, Function], called: set[str]) -> list[tuple[str, str]]:
    found = []
    try:
        json.loads(PLACEHOLDER.sub('"x"', step.input) or "{}")
    except (ValueError, RecursionError) as error:
        found.append(("not_json", f"{error}: {step.input[:200]}"))
    try:
        call = parse_step(step)
    except ReplyError as failure:
        return [("unparsable", f"{failure.detail or failure.reason}: {step.input[:200]}")]
    if call.function not in functions:
        if call.function not in KNOWN_BUILTINS:
            names = ", ".join(functions) or "none"
            found.append(("unknown_function", f"{call.function} is none of the tool's functions ({names})"))
        return found
    return found + _arguments(call, functions[call.function], called)


def _arguments(call: GoldCall, function: Function, called: set[str]) -> list[tuple[str, str]]:
    found = []
    known = {parameter.name: parameter for parameter in function.parameters}
    for name, value in call.arguments.items():
        if name not in known:
            names = ", ".join(known) or "none"
            found.append(("unknown_parameter", f"{call.function} has no parameter {name} ({names})"))
            continue
        if is_literal(value) and (expected := wrong_type(value, known[name])):
            kind = "enum_value" if known[name].schema.get("enum") else "wrong_type"
            found.append((kind, f"{name} is {value!r}, expected {expected}"))
        if isinstance(value, Ref) and value.source not in called:
            found.append(("unknown_source", f"{name} comes from {value.source}, which no earlier step calls"))
    missing = [p.name for p in function.parameters if p.required and p.name not in call.arguments]
    if missing:
        found.append(("missing_parameter", f"{call.function} lacks {', '.join(missing)}"))
    return found


def summary(findings: list[Lint], tasks: list[Task]) -> str:
    """One line: how many, of which kinds, in how many tasks."""
    kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(f.kind for f in findings).most_common()) or "none"
    touched = len({finding.task_id for finding in findings})
    known = {task.task_id for task in tasks} | {finding.task_id for finding in findings}
    return f"lint: {len(findings)} findings in {touched} of {len(known)} tasks ({kinds})"
