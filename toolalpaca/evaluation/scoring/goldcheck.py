"""Gold is checked before it is used: known functions, inputs that fit the specification."""

from __future__ import annotations

from typing import Any

from toolalpaca.evaluation.scoring.evidence import HELPERS
from toolalpaca.evaluation.scoring.gold import NotGiven, Open, Ref, parse_step
from toolalpaca.evaluation.scoring.kinds import wrong_type
from toolalpaca.schema import ReplyError, Task, Tool


def problems(task: Task, tool: Tool | None) -> list[str]:
    """What is wrong with a task's gold, each as one line that names the step; empty when it is sound."""
    functions = {f.name: f for f in tool.functions} if tool else {}
    found, earlier = [], set()
    for number, step in enumerate(task.gold, 1):
        where = f"{task.task_id}, gold step {number} ({step.function})"
        try:
            gold = parse_step(step)
        except ReplyError as error:
            found.append(f"{where}: {error.detail}")
            continue
        if gold.function not in functions and gold.function not in HELPERS:
            found.append(f"{where}: the tool has no such function")
        elif gold.function in functions:
            parameters = {p.name: p for p in functions[gold.function].parameters}
            for name in gold.arguments.keys() - parameters.keys():
                found.append(f"{where}: {gold.function} has no parameter {name!r}")
            for name, parameter in parameters.items():
                value = gold.arguments.get(name)
                left_out = isinstance(value, NotGiven) and not value.withheld
                if parameter.required and (name not in gold.arguments or left_out):
                    found.append(f"{where}: required parameter {name!r} is missing")
                elif is_literal(value) and (expected := wrong_type(value, parameter)):
                    found.append(f"{where}: {name} = {value!r}, expected {expected}")
        for source in sources(gold.arguments):
            if source not in earlier:
                found.append(f"{where}: takes a value from {source}, which no earlier step calls")
        earlier.add(gold.function)
    return found


def sources(value: Any) -> set[str]:
    """Functions from whose responses a gold value takes something."""
    if isinstance(value, Ref):
        return {value.source}
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {source for item in items for source in sources(item)}


def is_literal(value: Any) -> bool:
    """Whether a gold value is fixed throughout: no placeholder, nothing left open."""
    if isinstance(value, dict | list):
        return all(map(is_literal, value.values() if isinstance(value, dict) else value))
    return value is not None and not isinstance(value, Ref | Open | NotGiven)
