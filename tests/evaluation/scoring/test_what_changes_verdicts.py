"""Gold of the published sets acted out: changes that keep its meaning keep the verdict, others turn it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from toolalpaca.evaluation.scoring.gold import GoldCall, NotGiven, Open, Ref, parse_steps
from toolalpaca.evaluation.scoring.kinds import PROSE, is_kind
from toolalpaca.evaluation.scoring.verdicts import score
from toolalpaca.original.reading import import_apis, read_original
from toolalpaca.schema import Episode, Function, Parameter, Step, Task, Tool

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "toolalpaca"


def value_of(gold, parameter: Parameter, known: dict):
    """A value for a gold value: what it says, or one that fits its placeholder."""
    kind, enum = parameter.schema.get("type"), parameter.schema.get("enum")
    if isinstance(gold, Ref):
        new = 48210 + len(known) if kind in ("integer", "number") else f"x{4821 + len(known)}q"
        return known.setdefault((gold.source, gold.field, len(known)), enum[0] if enum else new)
    if isinstance(gold, Open):
        hint = f"{gold.hint} {parameter.name}".lower()
        day = "2021-04-01" if "start" in hint else "2022-04-01"  # no range is shorter than the one asked for
        return enum[0] if enum else day if "date" in hint else 2024 if "year" in hint else "view"
    if isinstance(gold, list):
        return [value_of(item, Parameter("", "", False, {}), known) for item in gold]
    if isinstance(gold, dict):
        return {k: value_of(v, Parameter(k, "", False, {}), known) for k, v in gold.items()}
    return gold


def acted_out(task: Task, functions: dict[str, Function]) -> list[tuple[GoldCall, Step]]:
    """Each gold step with a call that does it; the responses hold what later steps take from them."""
    known: dict = {}
    calls = []
    for gold in parse_steps(task.gold):
        function = functions.get(gold.function)
        parameters = {p.name: p for p in function.parameters} if function else {}
        arguments = {
            name: value_of(value, parameters.get(name) or Parameter(name, "query", False, {}), known)
            for name, value in gold.arguments.items()
            if not isinstance(value, NotGiven)
        }
        calls.append((gold, arguments))
    steps = []
    for gold, arguments in calls:
        found = {f"{field} {n}": v for (source, field, n), v in known.items() if source == gold.function}
        answer = json.dumps(found or {"ok": True})
        said = answer if gold.function == "getDetails" else f"Status Code: 200. Response: {answer}"
        steps.append((gold, Step("", gold.function, json.dumps(arguments), said)))
    return steps


def other_forms(step: Step) -> Step:
    """The same arguments in reverse order, numbers as text, lists of texts with commas."""
    given = reversed(json.loads(step.input).items())
    texts = {
        k: ", ".join(v)
        if isinstance(v, list) and v and all(isinstance(i, str) for i in v)
        else str(v)
        if isinstance(v, int | float) and not isinstance(v, bool)
        else v
        for k, v in given
    }
    return replace(step, input=json.dumps(texts))


def slips(task: Task, gold: GoldCall, step: Step, functions: dict[str, Function]):
    """The step with one value that the instruction spells out changed by a letter or by one."""
    parameters = {p.name: p for p in functions[gold.function].parameters}
    for name, value in json.loads(step.input).items():
        if isinstance(value, bool) or isinstance(gold.arguments[name], Ref | Open):
            continue
        if (
            not isinstance(value, str | int | float)
            or str(value).casefold() not in task.instruction.casefold()
        ):
            continue
        if name in parameters and not is_kind(parameters[name], PROSE) and str(value).casefold() != "me":
            wrong = (
                value + 1
                if isinstance(value, int | float)
                else f"{value[:-1]}{'q' if value[-1] != 'q' else 'z'}"
            )
            yield replace(step, input=json.dumps(json.loads(step.input) | {name: wrong}))


@pytest.mark.parametrize(("name", "sound", "steps"), [("eval_simulated", 99, 130), ("eval_real", 114, 130)])
def test_changes_of_gold(name, sound, steps):
    path = DATA / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    imported = import_apis(read_original(path))
    tools: dict[str, Tool] = {tool.tool_id: tool for tool in imported.tools}
    seen: Counter[str] = Counter()

    def right(task: Task, done: list[Step]) -> bool:
        episode = Episode(task.task_id, task.tool_id, task.instruction, "m", steps=done, final_output="Done.")
        return bool(score(task, episode, tools[task.tool_id]).procedure)

    for task in imported.tasks:
        functions = {f.name: f for f in tools[task.tool_id].functions}
        pairs = acted_out(task, functions)
        done = [step for _, step in pairs]
        if not right(task, done):
            continue  # the gold itself names ids that nobody gave
        seen["sound"] += 1
        lookup = Step("", "lookUpAll", "{}", "`lookUpAll` is not a valid action.", "unknown_function")
        first = next(n for n, s in enumerate(done) if s.function != "getDetails")
        down = replace(done[first], response="Status Code: 503. Response: busy")
        tried = [*done[:first], down, *done[first:]]
        for kept in ([other_forms(s) for s in done], [lookup, *done], tried):
            assert right(task, kept), (task.task_id, kept)
        for place, (gold, step) in enumerate(pairs):
            without = done[:place] + done[place + 1 :]
            assert gold.optional or not right(task, without), (task.task_id, "without", step)
            seen["steps"] += 1
            if gold.function in functions and not gold.optional:
                for slip in slips(task, gold, step, functions):
                    seen["slips"] += 1
                    assert not right(task, [*done[:place], slip, *done[place + 1 :]]), (task.task_id, slip)
    assert seen["sound"] >= sound and seen["steps"] >= steps and seen["slips"] >= 100, seen
