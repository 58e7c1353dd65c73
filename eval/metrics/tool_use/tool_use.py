"""Tool use as an `evaluate` metric: the six error types and three accuracies of ToolAlpaca, offline.

    import evaluate
    tool_use = evaluate.load("eval/metrics/tool_use")
    tool_use.compute(predictions=episodes, references=tasks)

The README beside this file says what a prediction and a reference hold. Scoring is
toolalpaca.evaluation.scoring, the same that `eval/score.py` uses.
"""

from __future__ import annotations

import json
from typing import Any

import datasets
import evaluate

from toolalpaca.evaluation.metrics import tally
from toolalpaca.evaluation.scoring.verdicts import score
from toolalpaca.models.react import read_response
from toolalpaca.openapi.validation import functions_of
from toolalpaca.schema import Episode, ReplyError, Task, Tool, ToolAlpacaError, from_row, to_row

_DESCRIPTION = """\
Counts what goes wrong when a model uses tools: parse errors, wrong and redundant actions, input errors,
illusory inputs and wrong answers, with procedure, answer and overall accuracy against gold actions.
"""

_CITATION = """\
@article{tang2023toolalpaca,
  title={ToolAlpaca: Generalized Tool Learning for Language Models with 3000 Simulated Cases},
  author={Tang, Qiaoyu and Deng, Ziliang and Lin, Hongyu and Han, Xianpei and Liang, Qiao and
    Cao, Boxi and Sun, Le},
  journal={arXiv preprint arXiv:2306.05301},
  year={2023}
}
"""

_INPUTS = """
Args:
    predictions: one per task: a dict, or its JSON text, with `steps` (each with `function`, `input`, and
        where known `response`, `status`, `error`, `thought`) and `final_output`; a row of episodes.jsonl
        is one.
    references: one per task: a dict, or its JSON text, with `gold` (each with `function` and `input`),
        `instruction`, and where known `facts`, `scenario` and `openapi` or `functions` of the tool; a
        row of tasks.jsonl is one.
    details (bool): also return each episode's verdict with its findings, under `verdicts`.
Returns:
    dict: per error type how many episodes show it; `procedure`, `answer`, `overall` and `first_function` as
    shares (None where nothing was scored), each with its denominator under `n_...`; `episodes`; `unscored`.
"""

_STEP = {"thought": "", "function": "", "input": "{}", "response": "", "error": "", "status": 0}


class ToolUse(evaluate.Metric):
    """Both inputs travel as JSON text, because Arrow would merge the keys of different tools' arguments."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def add_batch(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> None:
        """Add predictions and references, dicts or JSON text, to those that `compute` will score."""
        super().add_batch(
            predictions=[_text(p) for p in predictions], references=[_text(r) for r in references], **kwargs
        )

    def add(self, *, prediction: Any = None, reference: Any = None, **kwargs: Any) -> None:
        """Add one prediction and reference, dicts or JSON text, to those that `compute` will score."""
        super().add(prediction=_text(prediction), reference=_text(reference), **kwargs)

    def _compute(
        self, predictions: list[str], references: list[str], details: bool = False
    ) -> dict[str, Any]:
        verdicts = []
        for number, (prediction, reference) in enumerate(zip(predictions, references, strict=True)):
            try:
                task, tool = _task(json.loads(reference), number)
                verdicts.append(score(task, _episode(json.loads(prediction), task), tool))
            except (ToolAlpacaError, ReplyError, KeyError, TypeError, AttributeError, ValueError) as error:
                raise ValueError(f"prediction or reference {number} cannot be read: {error!r}") from error
        found = tally(verdicts)
        result: dict[str, Any] = {"episodes": found.episodes, "unscored": found.machinery, **found.errors}
        for name in ("first_function", "procedure", "answer", "overall"):
            share = getattr(found, name)
            result[name] = share.value if share.n else None
            result[f"n_{name}"] = share.n
        if details:
            result["verdicts"] = [to_row(verdict) for verdict in verdicts]
        return result


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _json_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _task(row: dict[str, Any], number: int) -> tuple[Task, Tool | None]:
    """The task and, where the reference says something of the tool, the tool."""
    row = dict(row)
    openapi, functions = row.pop("openapi", None), row.pop("functions", None)
    for name, default in (("task_id", str(number)), ("tool_id", ""), ("instruction", "")):
        row.setdefault(name, default)
    row["gold"] = [{**step, "input": _json_text(step.get("input", "{}"))} for step in row.get("gold", [])]
    task = from_row(Task, row)
    if openapi is None and functions is None:
        return task, None
    spec = _json_text(openapi) if openapi is not None else ""
    known = {
        "tool_id": task.tool_id,
        "name": "",
        "category": "",
        "link": "",
        "description": "",
        "introduction": "",
    }
    listed = functions if functions is not None else [to_row(f) for f in functions_of(spec)]
    return task, from_row(Tool, {**known, "documentation": "", "openapi": spec, "functions": listed})


def _episode(row: dict[str, Any], task: Task) -> Episode:
    """An episode of `task`; a step without error and status counts as answered."""
    steps = []
    for given in row.get("steps", []):
        step = {**_STEP, **given, "input": _json_text(given.get("input", "{}"))}
        if not (given.get("error") or given.get("status") or read_response(step["response"])[0]):
            step["status"] = 200
        steps.append(step)
    known = {"task_id": task.task_id, "tool_id": task.tool_id, "instruction": task.instruction, "model": ""}
    return from_row(Episode, {**known, **row, "steps": steps})
