"""The dataset's page: `dataset_card.md` filled in with the figures of one build."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import yaml

from toolalpaca.dataset import figures
from toolalpaca.dataset.decontaminate import NEAR
from toolalpaca.dataset.holdout import Plan
from toolalpaca.runs import manifest

TEMPLATE = Path(__file__).parents[2] / "dataset_card.md"
TAGS = ["tool-use", "function-calling", "agents", "synthetic", "toolalpaca", "arxiv:2306.05301"]
ROLES = {"assistant": "actions and answers", "user": "the user's replies", "executor": "tool responses"}
STAGES = ("import", "toolset", "instructions", "instances")  # those that shape the data; not an evaluation's
SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
)
REPO = "ORG/NAME"  # stands for the repository's name; a push puts it in
DEFAULT = "sft"  # the configuration that is loaded when none is named
EXAMPLE_CHARS = 280  # of each text in an example


def render(
    run: Path,
    *,
    built: list[dict[str, Any]],
    descriptions: dict[str, str],
    examples: dict[str, dict[str, Any]],
    samples: list[str],
    statistics: dict[str, Any],
    plan: Plan,
    options: dict[str, Any],
    provenance: dict[str, Any],
) -> str:
    """The card's text, YAML front matter included.

    Args:
        built: the results of `hub.write_configs`; their `info` goes into the metadata.
        examples: a row of each configuration.
        samples: instances as Markdown.
        provenance: what `provenance_of` read, `prompts` apart.
    """
    made_by = {**makers_of(run), **{ROLES[role]: who for role, who in statistics["models"].items()}}
    teachers = statistics["models"]["assistant"]
    written_by = statistics["written_by"] or {"grammar": statistics["instances"]}
    rows = {
        config["name"]: " + ".join(f"{s['num_examples']:,} {s['name']}" for s in config["info"]["splits"])
        for config in built
    }
    shown = next((config for config in built if config["name"] == DEFAULT), built[0])
    # the same instances make rows of sft and of sft_tools, so that a reason they share counts alike
    skipped = {reason: n for config in built for reason, n in config["skipped"].items()}
    imported = manifest.stages(run).get("import", {})
    source = Path(_file_of(imported)).stem  # stands for a maker that the import was not told
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False)
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        metadata=yaml.safe_dump(metadata(built, statistics), sort_keys=False, allow_unicode=True).strip(),
        repo=REPO,
        imported=_cell(_file_of(imported)),
        notes=[f"{count} {_cell(what)}" for what, count in sorted((imported.get("notes") or {}).items())],
        samples=samples,
        has_instances=statistics["instances"] > 0,
        offline=any(is_offline(teacher) for teacher in teachers),
        library=f"{written_by['library']:,}" if written_by.get("library") else "",
        grammar=f"{written_by['grammar']:,}" if written_by.get("grammar") else "",
        offline_parts=[part for part, who in made_by.items() if any(map(is_offline, who))],
        others=sorted(
            {_cell(n) for who in made_by.values() for n in who if not is_offline(n) and n != source}
        ),
        real=any(name.startswith("real") for name in statistics["models"]["executor"]),
        teachers=[_cell(teacher) for teacher in teachers],
        statistics={**statistics, "instances": f"{statistics['instances']:,}"},
        test_tools=len(plan.test_tools),
        tasks=len(plan.tasks),
        skipped=", ".join(f"{n:,} {reason}" for reason, n in skipped.items()),
        first=shown["name"],
        first_split=next(iter(shown["files"])),
        has_sft=shown["name"] == DEFAULT,
        configs=[
            {"name": name, "description": what, "rows": rows[name], "example": _example(examples.get(name))}
            for name, what in descriptions.items()
            if name in rows
        ],
        style=options["style"],
        detail=options["detail"],
        table_1=figures.table_1(statistics),
        scenarios=_counts("scenario", statistics["by_scenario"]),
        errors=_counts("error", _errors(statistics), "the corpus has none"),
        labels=_counts("label", statistics["by_label"], total=statistics["instances"]),
        filters=_filters(statistics),
        held_out=plan.held_out,
        exclude=plan.excluded > 0,
        excluded=plan.excluded,
        excluded_tools=len(plan.excluded_tools),
        max_overlap=f"{options['max_overlap']:.0%}",
        near=NEAR,
        removed=_counts("removed from training because of", plan.removed, "Nothing had to be removed."),
        reasons=_counts("reason", plan.reasons, "None."),
        provenance=_table(("", ""), ((key, value) for key, value in provenance.items() if key != "prompts")),
        prompts=_table(("prompt", "hash"), prompts.items()) if (prompts := provenance.get("prompts")) else "",
    )
    return text.rstrip() + "\n"


def _file_of(imported: dict[str, Any]) -> str:
    """The name of the file that a run was imported from; empty where it was not."""
    return str((imported.get("config") or {}).get("file", ""))


def makers_of(run: Path) -> dict[str, list[str]]:
    """Who made the tools and the instructions of a run, as its manifest says."""
    stages = manifest.stages(run)
    found = {}
    for stage, part in (("toolset", "tools"), ("instructions", "instructions")):
        models = (stages.get(stage) or {}).get("models") or {}
        found[part] = sorted({str(m.get("model")) for m in models.values() if isinstance(m, dict)})
    return found


def is_offline(teacher: str) -> bool:
    """Whether a name is that of the embedded teacher, or of the executor that answers from its grammar."""
    return teacher.startswith("offline") or teacher == "schema"


def metadata(built: list[dict[str, Any]], statistics: dict[str, Any]) -> dict[str, Any]:
    """The card's YAML: what the Hub and `load_dataset` read."""
    size = next((name for limit, name in SIZES if statistics["instances"] < limit), "n>10M")
    return {
        "language": ["en"],
        "license": "apache-2.0",
        "pretty_name": "ToolAlpaca: simulated tool use",
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "task_categories": ["text-generation"],
        "tags": TAGS,
        "size_categories": [size],
        "configs": [
            {
                "config_name": config["name"],
                **({"default": True} if config["name"] == DEFAULT else {}),
                "data_files": [
                    {"split": split, "path": f"{config['name']}/{split}-*.parquet"}
                    for split in config["files"]
                ],
            }
            for config in built
        ],
        "dataset_info": [config["info"] for config in built],
    }


def provenance_of(run: Path) -> dict[str, Any]:
    """What a run's manifest says of how it was made; paths, times and environment stay out.

    Returns:
        one-line texts by what they tell, and `prompts`, the templates' hashes by name.
    """
    stages = {name: stage for name, stage in manifest.stages(run).items() if name in STAGES}
    if not stages:
        return {"manifest": "the run has none", "prompts": {}}
    told: dict[str, Any] = {}
    versions: dict[str, str] = {}
    prompts: dict[str, str] = {}
    for name, stage in stages.items():
        config = stage.get("config", {})
        parts = [f"{key} {config[key]}" for key in ("file", "model", "seed") if config.get(key) is not None]
        if stage.get("commit"):
            parts.append(
                f"commit {stage['commit'][:12]}{' with local changes' if stage.get('dirty') else ''}"
            )
        told[f"stage {name}"] = ", ".join(parts)
        prompts.update(stage.get("prompts") or {})
        versions.update(stage.get("packages") or {})
    if versions:
        told["versions"] = ", ".join(f"{package} {version}" for package, version in versions.items())
    return {**told, "prompts": prompts}


def _example(row: dict[str, Any] | None) -> str:
    if row is None:
        return "no row"
    return json.dumps(_short(row), ensure_ascii=False, indent=2)


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > EXAMPLE_CHARS:
        return value[:EXAMPLE_CHARS] + " ..."
    if isinstance(value, list):
        more = [f"... {len(value) - 4} more"] if len(value) > 4 else []
        return [_short(item) for item in value[:4]] + more
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    return value


def _errors(statistics: dict[str, Any]) -> dict[str, int]:
    """Steps that went wrong: calls that never reached the tool by error, answers of it by status."""
    failed = {f"status {s}": n for s, n in statistics["by_status"].items() if not 200 <= int(s) < 300}
    return {**statistics["by_error"], **failed}


def _filters(statistics: dict[str, Any]) -> str:
    parts = []
    if statistics["instruction_filters"]:
        dropped = sum(statistics["instruction_filters"].values())
        parts.append(f"{dropped:,} instructions were dropped before anything was simulated for them.")
        parts.append(_counts("instruction filter", statistics["instruction_filters"]))
    dropped, then = sum(statistics["filters"].values()), " after that" if parts else ""
    simulated = dropped + statistics["instances"]
    parts.append(f"{dropped:,} of {simulated:,} instances were dropped{then}.")
    if dropped:
        parts.append(_counts("instance filter", statistics["filters"], total=simulated))
    return "\n\n".join(parts)


def _counts(title: str, counts: dict[str, int], none: str = "None.", total: Any = None) -> str:
    if not counts:
        return none
    whole = total if isinstance(total, int) else None
    return _table((title, "count", "share"), figures.percentages(counts, whole), right=True)


def _table(head: Iterable[Any], rows: Iterable[Iterable[Any]], right: bool = False) -> str:
    head = list(head)
    rule = ["---", *itertools.repeat("---:" if right else "---", len(head) - 1)]
    lines = [head, rule, *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return " ".join(text.replace("|", "\\|").split())
