"""Which tools are kept out of training, and which of their instances become tasks.

The split is by API, not by tool: variants of one API (`animals-axolotl~2`) and APIs that are listed
twice under one name or one link stay on the same side. The same input and seed give the same split on
any machine.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolalpaca.corpus.quality import tokens
from toolalpaca.dataset.decontaminate import Decontaminator, near_duplicate
from toolalpaca.dataset.tasks import to_task
from toolalpaca.files import read_records
from toolalpaca.offline.library.specification import is_held_out
from toolalpaca.original.reading import has_own_tasks
from toolalpaca.schema import Instance, Outcome, Scenario, Task, Tool, ToolAlpacaError

TEST_TOOLS = 10
TOOL_TEXTS = ("tool_id", "name", "category", "link", "openapi")


@dataclass
class Plan:
    """What the build decided before it wrote a row.

    `reasons` counts the instances of held-out tools that make no task, by reason, and `removed` what
    decontamination took out of training.
    """

    test_tools: frozenset[str] = frozenset()
    tasks: list[Task] = field(default_factory=list)
    excluded_tools: frozenset[str] = frozenset()
    excluded_instances: frozenset[str] = frozenset()
    reasons: dict[str, int] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    tools: int = 0
    instances: int = 0
    has_training: bool = True
    imported: bool = False  # the tasks are those of an imported evaluation file
    held_out: int = 0  # instructions that training was compared with
    excluded: int = 0  # those of them that --exclude gave

    def split(self, tool_id: str) -> str:
        """`train` or `test`; empty for a tool that `--exclude` takes out."""
        if tool_id in self.excluded_tools:
            return ""
        return "test" if tool_id in self.test_tools else "train"


def rank(seed: int, text: str) -> str:
    """A place in an order that looks random and is the same everywhere."""
    return hashlib.sha256(f"{seed}:{text}".encode()).hexdigest()


def groups(tools: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Tool id -> name of its group: tools of one API, one name or one link of the list share it.

    An address that a specification itself gives (its server, its documentation) is no link of the list: many
    services stand behind one gateway.
    """
    tools = list(tools)
    shared = Counter(_link(tool) for tool in tools)
    group: dict[str, str] = {}
    owner: dict[tuple[str, str], str] = {}

    def find(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    for tool in tools:
        tool_id = tool["tool_id"]
        group[tool_id] = tool_id
        keys = [("api", tool_id.split("~")[0]), ("name", tool["name"].strip().lower())]
        if _link(tool) and shared[_link(tool)] > 1 and not _is_gateway(tool):
            keys.append(("link", _link(tool)))
        for key in keys:
            group[find(tool_id)] = find(owner.setdefault(key, tool_id))
    return {tool_id: find(tool_id) for tool_id in group}


def _link(tool: dict[str, Any]) -> str:
    return tool.get("link", "").strip("/ ").lower()


def _is_gateway(tool: dict[str, Any]) -> bool:
    try:
        document = json.loads(tool.get("openapi") or "{}")
    except ValueError:
        return False
    servers = document.get("servers")
    stated = [server.get("url") for server in servers if isinstance(server, dict)] if servers else []
    outside = document.get("externalDocs")
    stated.append(outside.get("url") if isinstance(outside, dict) else None)
    return _link(tool) in {url.strip("/ ").lower() for url in stated if isinstance(url, str)}


def choose(
    groups: dict[str, str],
    categories: dict[str, str],
    clean: dict[str, int],
    *,
    n: int | None,
    per_tool: int,
    seed: int,
) -> list[str]:
    """The `n` tools whose instances become tasks, one per group, spread over categories.

    A tool with `per_tool` clean instances goes before one with fewer. Without `n` it is ten, or a fifth of
    the groups where that is less; one group at least stays for training.
    """
    best: dict[str, str] = {}
    for tool_id in sorted(groups, key=lambda t: (-min(clean.get(t, 0), per_tool), rank(seed, t))):
        best.setdefault(groups[tool_id], tool_id)
    order = [tool_id for tool_id in best.values() if clean.get(tool_id)]
    n = min(n if n is not None else min(TEST_TOOLS, max(1, len(best) // 5)), len(best) - 1)
    enough = [t for t in order if clean[t] >= per_tool]
    if len(enough) >= n:
        order = enough
    chosen: list[str] = []
    seen: set[str] = set()
    while order and len(chosen) < n:
        fresh = next((t for t in order if categories[t] not in seen), None)
        if fresh is None:
            seen.clear()
            continue
        seen.add(categories[fresh])
        chosen.append(fresh)
        order.remove(fresh)
    return chosen


def read_instances(run: Path) -> Iterator[Instance]:
    """The instances of instances.jsonl; none for an imported evaluation file, where no model has acted yet.

    Raises:
        ToolAlpacaError: the file is missing, or a row is no instance.
    """
    path = run / "instances.jsonl"
    if path.is_file() or not has_own_tasks(run):
        yield from read_records(path, Instance)


def make_plan(
    run: Path,
    *,
    seed: int = 0,
    test_tools: int | None = None,
    tasks_per_tool: int = 10,
    exclude: Decontaminator | None = None,
    max_overlap: float = 0.5,
) -> Plan:
    """Choose test tools and tasks of a run folder, and find training instances too close to them.

    Raises:
        ToolAlpacaError: a row of the run lacks something, or no tool is left.
    """
    tools = [
        {key: getattr(tool, key) for key in TOOL_TEXTS} for tool in read_records(run / "toolset.jsonl", Tool)
    ]
    plan = Plan()
    plan.tools = len(tools)
    held = exclude or Decontaminator(max_overlap)
    plan.excluded_tools = frozenset(t["tool_id"] for t in tools if held.holds_tool(t["tool_id"], t["name"]))
    tools = [tool for tool in tools if tool["tool_id"] not in plan.excluded_tools]
    if not tools:
        why = ": --exclude names them all" if plan.excluded_tools else ""
        raise ToolAlpacaError(f"{run / 'toolset.jsonl'} has no tool to build from{why}")
    group_of = groups(tools)
    plan.excluded = held.instructions
    plan.imported = has_own_tasks(run)
    clean: dict[str, int] = defaultdict(int)
    instructions: list[tuple[str, str, str]] = []
    for instance in read_instances(run):
        plan.instances += 1
        if instance.tool_id in group_of:
            instructions.append((instance.instance_id, instance.tool_id, instance.instruction))
            clean[instance.tool_id] += _looks_clean(instance)
    if plan.imported:
        given = read_records(run / "tasks.jsonl", Task)
        plan.tasks = [task for task in given if task.tool_id in group_of]
        chosen = sorted({task.tool_id for task in plan.tasks})
    else:
        categories = {tool["tool_id"]: tool["category"] for tool in tools}
        marked = sorted(tool["tool_id"] for tool in tools if is_held_out(tool["openapi"]))
        if marked and test_tools is None:  # authored for it: all that they hold becomes tasks
            chosen, tasks_per_tool = marked, len(instructions)
        else:
            chosen = choose(group_of, categories, clean, n=test_tools, per_tool=tasks_per_tool, seed=seed)
        plan.tasks = _tasks(run, chosen, tasks_per_tool, seed, plan)
    held_groups = {group_of[tool_id] for tool_id in chosen}
    plan.test_tools = frozenset(t for t, group in group_of.items() if group in held_groups)
    plan.has_training = len(plan.test_tools) < len(group_of)
    for task in plan.tasks:
        held.hold(task.instruction)
    plan.held_out = held.instructions
    too_close: dict[str, str] = {}
    for instance_id, tool_id, instruction in instructions:
        if tool_id not in plan.test_tools and (reason := held.reason(instruction)):
            too_close[instance_id] = reason
            plan.removed[reason] = plan.removed.get(reason, 0) + 1
    plan.excluded_instances = frozenset(too_close)
    return plan


def _looks_clean(instance: Instance) -> bool:
    if instance.outcome != Outcome.ANSWERED:
        return False
    fits = bool(instance.steps) or instance.scenario == Scenario.NO_SUITABLE_TOOL
    return fits and not any(step.error for step in instance.steps)


def _tasks(run: Path, chosen: list[str], per_tool: int, seed: int, plan: Plan) -> list[Task]:
    candidates: dict[str, list[Task]] = {tool_id: [] for tool_id in chosen}
    for instance in read_instances(run):
        if instance.tool_id not in candidates:
            continue
        task = to_task(instance)
        if isinstance(task, str):
            plan.reasons[task] = plan.reasons.get(task, 0) + 1
        else:
            candidates[instance.tool_id].append(task)
    by_tool: list[list[Task]] = []
    for tool_id in chosen:
        kept: list[Task] = []
        for task in sorted(candidates[tool_id], key=lambda t: rank(seed, t.task_id)):
            if len(kept) == per_tool:
                break
            if any(near_duplicate(tokens(task.instruction), tokens(other.instruction)) for other in kept):
                plan.reasons["near_duplicate"] = plan.reasons.get("near_duplicate", 0) + 1
            else:
                kept.append(task)
        by_tool.append(kept)
    # Tool by tool in turn, so that the first tasks of the file are already a sample of all tools.
    return [task for turn in itertools.zip_longest(*by_tool) for task in turn if task is not None]
