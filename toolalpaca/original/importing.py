"""An original ToolAlpaca file becomes a run folder."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from toolalpaca.files import atomic_write, content_hash, dumps, write_jsonl
from toolalpaca.original.export import remember, to_original
from toolalpaca.original.reading import SIDECAR, Imported, import_apis, read_original
from toolalpaca.runs import manifest
from toolalpaca.schema import Instance, Task, ToolAlpacaError, from_row, to_row


def import_file(path: Path, out: Path, model: str) -> Imported:
    """Write the stage files of `path` into the run folder `out`; importing the same file again is fine.

    Raises:
        ToolAlpacaError: the file cannot be read, or `out` holds something else.
    """
    apis = read_original(path)
    config = {"file": path.name, "sha256": content_hash(path), "model": model}
    _check(out, config)
    imported = _as_stored(import_apis(apis, model))
    sidecar = originals(apis, imported)
    rows = {
        "toolset.jsonl": imported.tools,
        "instructions.jsonl": imported.instructions,
        "tasks.jsonl": imported.tasks,
        "instances.jsonl": imported.instances,
        "episodes.jsonl": imported.episodes,
    }
    for name, records in rows.items():
        if records:
            write_jsonl(out / name, map(to_row, records))
    with atomic_write(out / SIDECAR) as stream:  # escaped: it holds whatever the file held
        stream.writelines(json.dumps(row) + "\n" for row in sidecar)
    counts = {name.removesuffix(".jsonl"): len(records) for name, records in rows.items()}
    notes = dict(imported.notes)
    entry = {"config": config, "counts": counts, "notes": notes, **manifest.describe({})}
    manifest.update(out / "manifest.json", "import", entry)
    return imported


def _as_stored(imported: Imported) -> Imported:
    """The records as the stage files give them back, which hold no half of a surrogate pair.

    An export compares what it reads with what `originals` saw, so both must see the same.
    """
    for name in ("tools", "instructions", "tasks", "instances", "episodes"):
        records = getattr(imported, name)
        setattr(imported, name, [from_row(type(r), json.loads(dumps(to_row(r)))) for r in records])
    return imported


def originals(apis: list[dict[str, Any]], imported: Imported) -> list[dict[str, Any]]:
    """The rows of original.jsonl, one per API."""
    asked: dict[str, list[str]] = defaultdict(list)
    tasks: dict[str, dict[int, Task]] = defaultdict(dict)
    instances: dict[str, list[Instance]] = defaultdict(list)
    for instruction in imported.instructions:
        asked[instruction.tool_id].append(instruction.instruction)
    for task in imported.tasks:
        tasks[task.tool_id][int(task.task_id.rpartition("/")[2])] = task
    for instance in imported.instances:
        instances[instance.tool_id].append(instance)
    return [
        remember(api, t.tool_id, to_original(t, asked[t.tool_id], tasks[t.tool_id], instances[t.tool_id]))
        for api, t in zip(apis, imported.tools, strict=True)
    ]


def _check(out: Path, config: dict[str, Any]) -> None:
    if out.is_file():
        raise ToolAlpacaError(f"{out} is a file; --out wants a folder")
    if not out.exists() or not any(out.iterdir()):
        return
    before = manifest.stages(out).get("import", {}).get("config")
    if not isinstance(before, dict):
        raise ToolAlpacaError(f"{out} holds something else than an import; choose another --out")
    if before != config:
        was = f"{before.get('file')} as {before.get('model')}"
        raise ToolAlpacaError(f"{out} holds the import of {was}; choose another --out")
