"""Where tasks come from: a built dataset, an evaluation run, or the original evaluation files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from toolalpaca.files import load_dataset, read_records
from toolalpaca.schema import Task, Tool, ToolAlpacaError, from_row


def load_tasks(source: str | Path) -> tuple[list[Task], list[Tool]]:
    """Tasks and the tools they are about.

    Args:
        source: a dataset folder or Hub id with the configurations `tasks` and `toolset`, a run folder
            that holds one under `dataset/`, a folder with tasks.jsonl and toolset.jsonl (an evaluation
            run) or that tasks.jsonl, or one of the original project's evaluation files.

    Raises:
        ToolAlpacaError: it is none of these, or a task's tool is not there.
    """
    path = Path(source)
    if path.name == "tasks.jsonl" and path.is_file():  # of a generation or an evaluation run
        tasks, tools = _run(path.parent)
    elif path.is_file():
        tasks, tools = _original(path)
    elif (path / "tasks.jsonl").is_file():
        tasks, tools = _run(path)
    elif (path / "dataset").is_dir():
        tasks, tools = _dataset(path / "dataset")
    else:
        tasks, tools = _dataset(source)
    known = {tool.tool_id for tool in tools}
    for task in tasks:
        if task.tool_id not in known:
            raise ToolAlpacaError(
                f"{source}: task {task.task_id} is about tool {task.tool_id!r}, which is not there"
            )
    if not tasks:
        raise ToolAlpacaError(f"{source} holds no tasks")
    used = {task.tool_id for task in tasks}
    return tasks, [tool for tool in tools if tool.tool_id in used]


def _run(folder: Path) -> tuple[list[Task], list[Tool]]:
    return list(read_records(folder / "tasks.jsonl", Task)), list(
        read_records(folder / "toolset.jsonl", Tool)
    )


def _dataset(source: str | Path) -> tuple[list[Task], list[Tool]]:
    if not Path(source).is_dir() and str(source).count("/") != 1:
        raise ToolAlpacaError(
            f"{source} does not exist: expected a dataset, a run folder or an evaluation file"
        )
    from datasets import DatasetDict  # takes seconds to import
    from datasets.exceptions import DatasetsError

    rows: dict[str, list[dict[str, Any]]] = {}
    for name in ("tasks", "toolset"):
        try:
            loaded = load_dataset(str(source), name)
        except (DatasetsError, ValueError, OSError) as error:
            line = str(error).strip().split("\n")[0]
            raise ToolAlpacaError(f"{source} has no configuration {name!r}: {line}") from None
        splits = loaded.values() if isinstance(loaded, DatasetDict) else [loaded]
        rows[name] = [row for split in splits for row in split]
    return [_task(row) for row in rows["tasks"]], [_tool(row) for row in rows["toolset"]]


def _task(row: dict[str, Any]) -> Task:
    return from_row(Task, {name: row[name] for name in row if name in Task.__dataclass_fields__})


def _tool(row: dict[str, Any]) -> Tool:
    """A tool; its functions are made from the specification where the dataset does not hold them."""
    from toolalpaca.openapi.validation import functions_of  # imports a validator

    known = {name: row[name] for name in row if name in Tool.__dataclass_fields__}
    if not known.get("functions"):
        return replace(from_row(Tool, known | {"functions": []}), functions=functions_of(row["openapi"]))
    for function in known["functions"]:
        for parameter in function["parameters"]:
            if isinstance(parameter["schema"], str):
                parameter["schema"] = json.loads(parameter["schema"])
    return from_row(Tool, known)


def _original(path: Path) -> tuple[list[Task], list[Tool]]:
    from toolalpaca.original.reading import import_apis, read_original

    imported = import_apis(read_original(path))
    return imported.tasks, imported.tools
