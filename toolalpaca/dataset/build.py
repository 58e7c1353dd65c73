"""Building a run's dataset folder: plan, configurations, card, pictures; skipped when nothing changed."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from toolalpaca.dataset import card, figures, samples
from toolalpaca.dataset.decontaminate import Decontaminator, read_excluded
from toolalpaca.dataset.holdout import Plan, make_plan
from toolalpaca.files import content_hash, dumps, read_jsonl, write_jsonl
from toolalpaca.models import prompts
from toolalpaca.original.reading import has_own_tasks
from toolalpaca.runs import manifest
from toolalpaca.schema import ToolAlpacaError, to_row

INPUTS = (
    "toolset.jsonl",
    "instances.jsonl",
    "filtered.jsonl",
    "dropped_instructions.jsonl",
    "original.jsonl",
)
MOST_HELD_OUT_OF = 4  # tools; of fewer, half or more may well be held out
RECORD = "build.json"
PACKAGE = Path(__file__).parents[1]
ROOMS = ("agents", "corpus", "dataset", "models", "openapi", "original")  # whose code shapes the rows
WRITERS = ("datasets", "pyarrow", "matplotlib")  # packages whose version shows in the bytes


@dataclass(frozen=True)
class Options:
    """What shapes a dataset beside the run itself."""

    style: str = "react"
    detail: str = "full"
    builtins: str | None = None
    seed: int = 0
    test_tools: int | None = None
    tasks_per_tool: int = 10
    exclude: str = ""
    max_overlap: float = 0.5
    max_shard_size: str = "200MB"


def build(
    run: str | Path, options: Options, *, workers: int = 2, say: Callable[[str], None] = print
) -> tuple[Path, dict[str, Any]]:
    """Write `run/dataset/`, and `run/tasks.jsonl` unless the run was imported with tasks of its own.

    Returns:
        the folder, and its build record; `fresh` in it says whether anything had to be done.

    Raises:
        ToolAlpacaError: a stage file is missing, empty or of another run.
    """
    run = Path(run)
    for name, script in (("toolset.jsonl", "make_toolset.py"), ("instances.jsonl", "simulate_instances.py")):
        if not (run / name).is_file() and not (name == "instances.jsonl" and has_own_tasks(run)):
            raise ToolAlpacaError(f"{run / name} does not exist; generate/{script} writes it")
    out = run / "dataset"
    inputs_hash = fingerprint(run, options)
    record = _record(out)
    if record.get("fingerprint") == inputs_hash and _intact(out, record) and _tasks_stand(run, record):
        return out, {**record, "fresh": False}
    if out.exists() and not record and any(out.iterdir()):
        raise ToolAlpacaError(f"{out} was not built by this script; move it away first")

    started = time.monotonic()
    exclude = read_excluded(options.exclude, options.max_overlap) if options.exclude else None
    plan = _plan(run, options, exclude)
    if not plan.instances and not plan.tasks:
        raise ToolAlpacaError(f"{run / 'instances.jsonl'} holds no instance")
    say(_told(plan, run))
    for line in _warnings(plan):
        say(f"warning: {line}")
    scratch = Path(tempfile.mkdtemp(prefix=".dataset-", dir=run))
    try:
        record = _fill(run, scratch, plan, options, workers=workers, say=say)
        record["fingerprint"] = inputs_hash
        (scratch / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        if not plan.imported:
            write_jsonl(run / "tasks.jsonl", (to_row(task) for task in plan.tasks))
        _swap(scratch, out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return out, {**record, "fresh": True, "seconds": time.monotonic() - started}


def fingerprint(run: Path, options: Options) -> str:
    """A hash of everything that the dataset's bytes depend on."""
    parts = {
        "inputs": [content_hash(run / name) for name in INPUTS],
        "exclude": content_hash(Path(options.exclude)) if options.exclude else "",
        "provenance": card.provenance_of(run),
        "options": {**asdict(options), "exclude": bool(options.exclude)},
        "code": content_hash(*_code(), card.TEMPLATE),
        "prompts": {n: h for n, h in prompts.packaged().hashes().items() if n.startswith("student")},
        "versions": [importlib.metadata.version(name) for name in WRITERS],
    }
    return hashlib.sha256(dumps(parts).encode()).hexdigest()


def _code() -> list[Path]:
    rooms = {room: sorted((PACKAGE / room).rglob("*.py")) for room in ROOMS}
    if empty := [room for room, files in rooms.items() if not files]:
        raise ToolAlpacaError(f"{PACKAGE} lacks {', '.join(empty)}: install the package whole")
    return sorted(PACKAGE.glob("*.py")) + [path for files in rooms.values() for path in files]


def _plan(run: Path, options: Options, exclude: Decontaminator | None) -> Plan:
    return make_plan(
        run,
        seed=options.seed,
        test_tools=options.test_tools,
        tasks_per_tool=options.tasks_per_tool,
        exclude=exclude,
        max_overlap=options.max_overlap,
    )


def _fill(
    run: Path, folder: Path, plan: Plan, options: Options, *, workers: int, say: Callable[[str], None]
) -> dict[str, Any]:
    from toolalpaca.dataset import builder, features

    built, statistics = builder.write_configs(
        run,
        folder,
        plan,
        max_shard_size=options.max_shard_size,
        workers=workers,
        style=options.style,
        detail=options.detail,
        builtins=options.builtins,
    )
    for config in built:
        rows = {s["name"]: s["num_examples"] for s in config["info"]["splits"]}
        told = ", ".join(f"{n} {split}" for split, n in rows.items())
        skipped = "".join(f"; skipped {n} {reason}" for reason, n in config["skipped"].items())
        say(f"{config['name']}: {told} in {config['seconds']:.1f} s{skipped}")
    (folder / "figures").mkdir()
    if statistics["instances"]:
        figures.draw_figure4(statistics, folder / "figures" / "figure4.png")
    figures.draw_categories(statistics, folder / "figures" / "categories.png")
    text = card.render(
        run,
        built=built,
        descriptions=features.DESCRIPTIONS,
        examples=builder.first_rows(folder, built),
        samples=_samples(run, folder, built),
        statistics=statistics,
        plan=plan,
        options=asdict(options),
        provenance={**card.provenance_of(run), "this dataset": _build_line(options)},
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
    return {
        "options": {**asdict(options), "exclude": Path(options.exclude).name},
        "rows": {c["name"]: {s["name"]: s["num_examples"] for s in c["info"]["splits"]} for c in built},
        "test_tools": sorted(plan.test_tools),
        "tasks": len(plan.tasks),
        "task_tools": len({task.tool_id for task in plan.tasks}),
        "removed": plan.removed,
        "skipped": {c["name"]: c["skipped"] for c in built if c["skipped"]},
        "files": {
            str(path.relative_to(folder)): path.stat().st_size
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
    }


def _samples(run: Path, folder: Path, built: list[dict[str, Any]]) -> list[str]:
    from toolalpaca.dataset import builder  # imports `datasets`, which takes a second

    chosen = samples.choose(builder.first_instances(folder, built))
    wanted = {row["tool_id"] for _, row in chosen}
    names = {
        row["tool_id"]: row["name"] for row in read_jsonl(run / "toolset.jsonl") if row["tool_id"] in wanted
    }
    return [samples.shown(kind, row, names.get(row["tool_id"], row["tool_id"])) for kind, row in chosen]


def _build_line(options: Options) -> str:
    at = manifest.commit()
    state = " with local changes" if at["dirty"] else ""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in WRITERS)
    return f"seed {options.seed}, commit {(at['commit'] or 'unknown')[:12]}{state}, {versions}"


def _warnings(plan: Plan) -> list[str]:
    """What a build should not leave to be found out later."""
    if not plan.tasks:
        return [
            "there is no test split: too few tools, all of one API, or none has instances that make tasks; "
            "--test_tools N holds N tools out"
        ]
    tools = plan.tools - len(plan.excluded_tools)
    if not plan.imported and tools > MOST_HELD_OUT_OF and len(plan.test_tools) > tools / 2:
        return [
            f"{len(plan.test_tools)} of {tools} tools are held out for {len(plan.tasks)} tasks, since tools "
            "of one name or one link of the list count as one API; --test_tools N takes fewer"
        ]
    return []


def _told(plan: Plan, run: Path) -> str:
    removed = ", ".join(f"{n} {reason}" for reason, n in plan.removed.items()) or "none"
    on = {task.tool_id for task in plan.tasks}
    lines = [
        f"{len(plan.test_tools)} tools held out, {len(plan.tasks)} tasks on {len(on)} of them",
        f"{sum(plan.removed.values())} of {plan.instances} instances too close to {plan.held_out} "
        f"held-out instructions ({removed})",
    ]
    if plan.excluded_tools:
        lines.append(f"{len(plan.excluded_tools)} tools of the excluded file taken out")
    return "; ".join(lines)


def _record(out: Path) -> dict[str, Any]:
    try:
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _intact(out: Path, record: dict[str, Any]) -> bool:
    files = record.get("files", {})
    return bool(files) and all(
        (out / name).is_file() and (out / name).stat().st_size == size for name, size in files.items()
    )


def _tasks_stand(run: Path, record: dict[str, Any]) -> bool:
    path = run / "tasks.jsonl"
    return path.is_file() and sum(1 for _ in read_jsonl(path)) == record.get("tasks")


def _swap(new: Path, target: Path) -> None:
    """Put a finished folder in place of an old one."""
    old = target.with_name(f".{target.name}-old-{os.getpid()}")
    if target.exists():
        os.replace(target, old)
    os.chmod(new, 0o755)  # mkdtemp's folders are private
    os.replace(new, target)
    shutil.rmtree(old, ignore_errors=True)
