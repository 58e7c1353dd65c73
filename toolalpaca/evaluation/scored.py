"""Reading scored evaluation runs: which model tried which task, how it went, and what scoring says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolalpaca.files import read_jsonl, read_records
from toolalpaca.schema import Episode, Outcome, Task, Tool, ToolAlpacaError, Verdict

MACHINERY = (Outcome.MODEL_FAILED, Outcome.EXECUTOR_FAILED)
MEASURES = ("first function", "procedure", "answer", "overall")
JUDGED = ("process", "response")  # what eval/judge.py grades
FILES = ("tasks", "toolset", "episodes", "verdicts")  # an evaluation run's own; others may be judgements


@dataclass
class Attempt:
    """An episode, its task where the run holds it, and its verdict where it was scored."""

    episode: Episode
    task: Task | None
    verdict: Verdict | None
    judgements: list[dict[str, Any]] = field(default_factory=list)  # of language models; `judge` names each

    @property
    def counted(self) -> bool:
        """Whether it says something of the model: the machinery did not fail, and it was scored."""
        if self.verdict is None or self.episode.outcome in MACHINERY:
            return False
        return self.verdict.procedure is not None or bool(self.verdict.findings)

    @property
    def error_types(self) -> set[str]:
        return {finding.type for finding in self.verdict.findings} if self.verdict else set()

    def measure(self, name: str) -> bool | None:
        """One of MEASURES; None when it is not scored."""
        if not self.counted:
            return None
        if name == "first function":  # says nothing where the gold calls nothing
            return self.verdict.first_function if self.task is None or self.task.gold else None
        return getattr(self.verdict, name)


@dataclass
class Evaluation:
    """What one model did in one evaluation run."""

    label: str
    folder: Path
    model: str
    attempts: list[Attempt]
    tools: dict[str, Tool]
    manifest: dict[str, Any] = field(default_factory=dict)
    tasks: int = 0  # of the run; as many or fewer were attempted

    @property
    def attempted(self) -> str:
        """How many tasks of the run have an episode, as `3 of 20 tasks attempted`; empty when all have."""
        return attempted((a.episode for a in self.attempts if a.task), self.tasks)

    def scored(self, measure: str, attempts: Iterable[Attempt] | None = None) -> list[bool]:
        """The verdicts of one of MEASURES, those that are scored."""
        values = (a.measure(measure) for a in (self.attempts if attempts is None else attempts))
        return [v for v in values if v is not None]

    def samples(self, measure: str) -> dict[tuple[str, str], list[bool]]:
        """(task id, instruction) -> the scored verdicts of its samples, in sample order."""
        grouped: dict[tuple[str, str], list[bool]] = {}
        for attempt in sorted(self.attempts, key=lambda a: a.episode.sample):
            if (value := attempt.measure(measure)) is not None:
                grouped.setdefault((attempt.episode.task_id, attempt.episode.instruction), []).append(value)
        return grouped


def attempted(episodes: Iterable[Episode], tasks: int) -> str:
    """How many of a run's tasks have an episode, as `3 of 20 tasks attempted`; empty when all have."""
    count = len({episode.task_id for episode in episodes})
    return f"{count} of {tasks} tasks attempted" if count < tasks else ""


def read_episodes(folder: Path) -> list[Episode]:
    """The episodes of an evaluation run.

    Raises:
        ToolAlpacaError: it is no run of run_agent.py, is not finished, or has no episode.
    """
    path = folder / "episodes.jsonl"
    if not folder.is_dir():
        raise ToolAlpacaError(f"{folder} is not a folder; expected a run of eval/run_agent.py")
    if not path.is_file():
        if (folder / "ledger.sqlite").is_file():
            raise ToolAlpacaError(f"{folder} is not finished: run the command that began it again")
        raise ToolAlpacaError(f"{folder} has no episodes.jsonl: it is no run of eval/run_agent.py")
    episodes = list(read_records(path, Episode))
    if not episodes:
        raise ToolAlpacaError(f"{path} is empty: there is nothing to score or report")
    return episodes


def load_evaluations(arguments: Sequence[str]) -> list[Evaluation]:
    """Read scored evaluation runs.

    Args:
        arguments: each a run folder, or `NAME=FOLDER` to set the name it has in the report.

    Raises:
        ToolAlpacaError: a folder is not an evaluation run, or is not scored yet.
    """
    evaluations = [e for argument in arguments for e in _load(argument)]
    for label, count in Counter(e.label for e in evaluations).items():
        if count > 1:  # the same model in several runs: the run's name tells them apart
            for number, e in enumerate([e for e in evaluations if e.label == label], 1):
                e.label = f"{label} ({e.folder.name})"
                if sum(other.label == e.label for other in evaluations) > 1:
                    e.label = f"{label} ({e.folder.name} {number})"
    return evaluations


def _load(argument: str) -> list[Evaluation]:
    name, separator, path = argument.partition("=")
    if not separator or Path(argument).exists():
        name, path = "", argument
    folder = Path(path)
    episodes = read_episodes(folder)
    if not (folder / "verdicts.jsonl").is_file():
        raise ToolAlpacaError(f"{folder} is not scored yet: run python eval/score.py {folder}")
    tasks = {task.task_id: task for task in _optional(folder / "tasks.jsonl", Task)}
    tools = {tool.tool_id: tool for tool in _optional(folder / "toolset.jsonl", Tool)}
    verdicts: dict[tuple[str, str, int], Verdict] = {}
    for verdict in read_records(folder / "verdicts.jsonl", Verdict):
        verdicts[verdict.task_id, verdict.model, verdict.sample] = verdict
    judgements = _judgements(folder)
    by_model: dict[str, list[Attempt]] = {}
    for episode in episodes:
        key = (episode.task_id, episode.model, episode.sample)
        attempt = Attempt(episode, tasks.get(episode.task_id), verdicts.get(key), judgements.get(key, []))
        by_model.setdefault(episode.model, []).append(attempt)
    manifest = read_manifest(folder)
    return [
        Evaluation(
            name if name and len(by_model) == 1 else short_name(model),
            folder,
            model,
            a,
            tools,
            manifest,
            len(tasks),
        )
        for model, a in by_model.items()
    ]


def _judgements(folder: Path) -> dict[tuple[str, str, int], list[dict[str, Any]]]:
    """What eval/judge.py wrote for the run, under whatever --name: (task, model, sample) -> judgements."""
    found: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        if path.stem in FILES:
            continue
        for row in read_jsonl(path):
            if not row.keys() >= {"task_id", "model", "sample", "judge", *JUDGED}:
                break  # another file that somebody keeps there
            judge = row["judge"]["model"] if isinstance(row["judge"], dict) else str(row["judge"])
            label = judge if path.stem == "judgements" else f"{judge} ({path.stem})"
            found.setdefault((row["task_id"], row["model"], row["sample"]), []).append(
                {**row, "judge": label}
            )
    return found


def _optional(path: Path, cls: type) -> Iterable[Any]:
    return read_records(path, cls) if path.is_file() else ()


def read_manifest(folder: Path) -> dict[str, Any]:
    """The run's manifest.json; empty when there is none or it is not a JSON object."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def short_name(model: str) -> str:
    """A checkpoint's path without its leading folders; any other name as it is."""
    kind, _, rest = model.partition("/")
    parts = Path(rest).parts
    return f"{kind}/{'/'.join(parts[-2:])}" if kind == "hf" and len(parts) > 2 else model
