"""Self-contained HTML pages: one file with its data, style and script; no network, no code from data.

What models write is hostile to a page by accident and sometimes on purpose. It enters as JSON in which
`<` is escaped, is put on the page as text only, and a content security policy that names this page's
own script by hash stops anything else from running.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolalpaca.evaluation.comparison import wilson
from toolalpaca.evaluation.scored import JUDGED, MEASURES, Attempt, Evaluation
from toolalpaca.evaluation.tables import Table
from toolalpaca.files import atomic_write
from toolalpaca.schema import ErrorType, GoldStep, Step, to_row

PAGES = Path(__file__).parent / "pages"
MAX_CHARACTERS = 200_000  # of one text on the page; the run's files keep the rest


def render(name: str, title: str, data: dict[str, Any]) -> str:
    """The page `pages/NAME.html` with `data` in it, where its script finds it under `#data`."""
    style = _read("common.css") + _read(f"{name}.css")
    script = _read("common.js") + _read(f"{name}.js")
    policy = (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    )
    # ASCII with escapes: lone surrogates and U+2028 survive, and "</script>" cannot be spelled.
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    page = _read(f"{name}.html")
    for mark, value in {
        "TITLE": title,
        "POLICY": policy,
        "STYLE": style,
        "SCRIPT": script,
        "DATA": text,
    }.items():
        # The data go in last, so that a mark inside them is never replaced.
        page = page.replace(f"@@{mark}@@", value)
    return page


def _read(name: str) -> str:
    return (PAGES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def write_page(
    path: str | Path,
    evaluations: Sequence[Evaluation],
    tables: Sequence[Table],
    *,
    made_by: str = "",
    figure: str | Path | None = None,
) -> None:
    """Write the page on which episodes are read, filtered and compared.

    Args:
        made_by: how the report came about, shown below the tables.
        figure: a PNG to show with the tables; it is stored in the page.
    """
    data = {**report_data(evaluations, tables), "made_by": made_by, "figure": None}
    if figure is not None and Path(figure).is_file():
        png = base64.b64encode(Path(figure).read_bytes()).decode()
        data["figure"] = f"data:image/png;base64,{png}"
    page = render("report", title="ToolAlpaca report", data=data)
    with atomic_write(path) as stream:
        stream.write(page)


def report_data(evaluations: Sequence[Evaluation], tables: Sequence[Table]) -> dict[str, Any]:
    """What the report page shows, as a JSON object: models, tools, tasks, episodes and tables."""
    tools: dict[str, dict[str, str]] = {}
    tasks: dict[str, dict[str, Any]] = {}
    episodes = []
    for model, evaluation in enumerate(evaluations):
        for attempt in evaluation.attempts:
            episode, task = attempt.episode, attempt.task
            if episode.tool_id not in tools:
                tool = evaluation.tools.get(episode.tool_id)
                name = tool.name if tool else episode.tool_id
                tools[episode.tool_id] = {"id": episode.tool_id, "name": name}
            key = f"{episode.task_id}\n{episode.instruction}"
            if key not in tasks:
                tasks[key] = {
                    "id": episode.task_id,
                    "tool": episode.tool_id,
                    "instruction": episode.instruction,
                    "gold": [to_row(step) for step in task.gold] if task else [],
                    "facts": task.facts if task else [],
                    "scenario": task.scenario if task else "",
                }
            episodes.append(_episode(model, key, attempt))
    order = {key: number for number, key in enumerate(tasks)}
    for row in episodes:
        row["task"] = order[row["task"]]
    return _cut(
        {
            "models": [_model(evaluation) for evaluation in evaluations],
            "errors": [error.value for error in ErrorType],
            "tools": sorted(tools.values(), key=lambda tool: tool["name"].lower()),
            "tasks": list(tasks.values()),
            "episodes": episodes,
            "tables": [
                {"caption": t.caption, "header": t.header, "rows": t.rows, "notes": t.notes} for t in tables
            ],
        }
    )


def _model(evaluation: Evaluation) -> dict[str, Any]:
    rates = {}
    for measure in MEASURES:
        values = evaluation.scored(measure)
        rates[measure] = [sum(values), len(values), *wilson(sum(values), len(values))]
    return {"label": evaluation.label, "model": evaluation.model, "rates": rates}


def _episode(model: int, task: str, attempt: Attempt) -> dict[str, Any]:
    episode, verdict = attempt.episode, attempt.verdict
    beside = gold_beside(attempt.task.gold if attempt.task else [], episode.steps)
    return {
        "model": model,
        "task": task,
        "sample": episode.sample,
        "style": episode.style,
        "steps": [{**to_row(s), "gold": g} for s, g in zip(episode.steps, beside, strict=True)],
        "final_thought": episode.final_thought,
        "final_output": episode.final_output,
        "outcome": episode.outcome,
        "detail": episode.detail,
        "texts": episode.texts,
        "findings": [to_row(finding) for finding in verdict.findings] if verdict else [],
        "procedure": attempt.measure("procedure"),
        "answer": attempt.measure("answer"),
        "overall": attempt.measure("overall"),
        "reason": verdict.reason if verdict else "",
        "unscored": verdict.unscored if verdict else "no verdict",
        "judged": [{"judge": j["judge"], **{k: j.get(k) for k in JUDGED}} for j in attempt.judgements],
    }


def gold_beside(gold: Sequence[GoldStep], steps: Sequence[Step]) -> list[int]:
    """For each step, which gold step to show beside it (-1: none uses that function).

    Of the gold steps with the step's function, one not shown yet comes first, then the one that
    shares most arguments. It decides what is shown side by side, and nothing about who is right.
    """
    shown: set[int] = set()
    beside = []
    for step in steps:
        candidates = [i for i, g in enumerate(gold) if g.function == step.function]
        if not candidates:
            beside.append(-1)
            continue
        given = _arguments(step.input)
        best = max(candidates, key=lambda i: (i not in shown, len(given & _arguments(gold[i].input)), -i))
        shown.add(best)
        beside.append(best)
    return beside


def _arguments(text: str) -> set[str]:
    try:
        value = json.loads(text)
        return {json.dumps(pair) for pair in value.items()} if isinstance(value, dict) else set()
    except (ValueError, RecursionError):  # not JSON, or nested a thousand deep
        return set()


def _cut(value: Any) -> Any:
    """`value` with overlong texts cut; each says so itself."""
    if isinstance(value, str) and len(value) > MAX_CHARACTERS:
        return (
            f"{value[:MAX_CHARACTERS]}\n[{len(value) - MAX_CHARACTERS:,} more characters in the run's files]"
        )
    if isinstance(value, dict):
        return {k: _cut(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_cut(v) for v in value]
    return value
