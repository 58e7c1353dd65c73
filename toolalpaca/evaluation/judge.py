"""A language model as judge: process and response as Yes, No or Uncertain, by our own rubric.

A reply that cannot be read is unscored, with the reason; it is never turned into a grade.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from dataclasses import asdict
from typing import Any

from toolalpaca.evaluation.metrics import Rate, rate
from toolalpaca.evaluation.scored import FILES
from toolalpaca.models.boundary import ChatModel
from toolalpaca.models.prompts import Prompt, PromptFolder
from toolalpaca.models.retrying import JUDGE_TRIES
from toolalpaca.schema import Episode, Outcome, ReplyError, Task, Tool, ToolAlpacaError, from_row

GRADES = ("Yes", "No", "Uncertain")
PARTS = ("process", "response")
MAX_TEXT = 4_000  # characters of one input, response or answer that the judge reads
TAKEN = {*FILES, "instances", "instructions", "original", "run_agent"}  # files and stages of a run
OBJECT = re.compile(r"\{[^{}]*\}")
# A grade as a value's first word, and how a text may go on after one: with a sign or a reason, not with a
# sentence ("No problem", "Yes and no") or the other choices ("Yes / No").
LEADING = re.compile(r"[\s*_`\"'(\u201c]*(yes|no|uncertain)\b[*_`\"')\u201d]*", re.IGNORECASE)
SET_OFF = re.compile(r"\s*(?:[.,;:!\n\u2013\u2014]|\s[-(]|because\b|since\b|\Z)[*_`\"')\u201d]*")
AGAIN = 1_000  # sample indices set aside for each try of all votes


def check_name(name: str) -> None:
    """Hold the name of a file of judgements, without .jsonl, against what it must not be.

    Raises:
        ToolAlpacaError: it is no plain name, or that of another file or stage of the run.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ToolAlpacaError(f"--name {name!r}: expected letters, digits, '_', '.' and '-'")
    if name.casefold() in TAKEN:
        raise ToolAlpacaError(f"--name {name} is a file of the run itself; give another name")


def parse_verdict(text: str) -> dict[str, str]:
    """Both grades of a judge's reply: the last JSON object that holds them, else lines `Process: Yes`.

    The value's leading word decides, where it is a grade that stands on its own ("No - submit was never
    called"); a reply that repeats the choices ("Yes / No") or gives two ("Yes, no") grades nothing.

    Raises:
        ReplyError: `unreadable_verdict`, with what was missing.
    """
    for candidate in reversed(OBJECT.findall(text)):
        try:
            given = {str(k).strip().casefold(): v for k, v in json.loads(candidate).items()}
        except ValueError:
            continue
        if all(part in given for part in PARTS):
            return {part: _grade(part, given[part]) for part in PARTS}
    return {part: _grade(part, _line(part, text)) for part in PARTS}


def _line(part: str, text: str) -> str:
    label = {"process": r"process(?: correctness)?", "response": r"(?:final )?response(?: correctness)?"}[
        part
    ]
    found = re.findall(
        rf"^[\s#>*_-]*{label}[\s*_]*:[\s*_]*(.*?)[\s*_.]*$", text, re.IGNORECASE | re.MULTILINE
    )
    return found[-1] if found else ""


def _grade(part: str, value: Any) -> str:
    text = value.strip() if isinstance(value, str) else json.dumps(value)
    grade, end = _leading(text, 0)
    if grade and _leading(text, end)[0] in ("", grade):
        return grade
    came = f"got {text[:60]!r}" if text else "found none"
    raise ReplyError("unreadable_verdict", f"expected {part} as Yes, No or Uncertain, {came}")


def _leading(text: str, start: int) -> tuple[str, int]:
    """The grade that stands on its own at a place of a text, and where what follows begins; "" for none."""
    found = LEADING.match(text, start)
    closed = SET_OFF.match(text, found.end()) if found else None
    return (found[1].capitalize(), closed.end()) if found and closed else ("", start)


def opinion(votes: list[dict[str, str]], part: str) -> str | None:
    """The grade that most votes give, Uncertain on a tie, None when no vote could be read."""
    counts = Counter(vote[part] for vote in votes if vote.get(part)).most_common()
    if not counts:
        return None
    tied = len(counts) > 1 and counts[0][1] == counts[1][1]
    return "Uncertain" if tied else counts[0][0]


class Judge:
    """Turns rows {"task", "episode", "tool", "votes"} into judgements.

    A judgement holds `process` and `response` (the votes' majority, None when unscored), the `votes`
    with what was unreadable in them, and `judge`, the model with its parameters.
    """

    def __init__(self, model: ChatModel, prompts: PromptFolder | None = None):
        self.model, self.prompts = model, prompts
        self.identity = model.identity

    async def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """The judgement of one episode.

        Raises:
            RowFailure: the judge's endpoint failed; the row can be run again.
        """
        task, episode = from_row(Task, row["task"]), from_row(Episode, row["episode"])
        prompt = judge_prompt(task, episode, from_row(Tool, row["tool"]), self.prompts)
        votes = [await self._vote(prompt, sample) for sample in range(row["votes"])]
        judged = {part: opinion(votes, part) for part in PARTS}
        unscored = "" if judged["process"] else votes[0]["unreadable"]
        named = {"task_id": task.task_id, "model": episode.model, "sample": episode.sample}
        return {**named, **judged, "votes": votes, "unscored": unscored, "judge": self.identity}

    async def _vote(self, prompt: Prompt, sample: int) -> dict[str, str]:
        """One opinion, asked for again with the reason while it cannot be read; else why it cannot."""
        asked, unreadable = prompt, ""
        for index in range(sample, sample + JUDGE_TRIES * AGAIN, AGAIN):
            reply = (await self.model.complete(asked, index)).text
            try:
                return parse_verdict(reply)
            except ReplyError as error:
                self.model.reject(asked, index, error.reason)
                asked, unreadable = prompt.again(reply, error.detail), str(error)
        return {"unreadable": unreadable}


def judge_prompt(task: Task, episode: Episode, tool: Tool, prompts: PromptFolder | None = None) -> Prompt:
    """The rubric with one episode; long texts are cut, which the text says."""
    steps = [{k: _cut(getattr(s, k)) for k in ("function", "input", "response")} for s in episode.steps]
    variables = {
        "documentation": tool.documentation,
        "instruction": task.instruction,
        "gold": [asdict(step) for step in task.gold],
        "steps": steps,
        "answer": _cut(episode.final_output),
    }
    return Prompt("judge", variables, prompts=prompts)


def judgeable(episode: Episode) -> bool:
    """Whether there is something to judge: the machinery did not fail."""
    return episode.outcome not in (Outcome.MODEL_FAILED, Outcome.EXECUTOR_FAILED)


def self_agreement(judgements: list[dict[str, Any]], part: str) -> Rate:
    """How many pairs of readable votes on one episode agree, of all such pairs."""
    return rate(
        one[part] == other[part]
        for judgement in judgements
        for one, other in itertools.combinations([v for v in judgement["votes"] if part in v], 2)
    )


def _cut(text: str) -> str:
    left = len(text) - MAX_TEXT
    return text if left <= 0 else f"{text[:MAX_TEXT]} ... ({left} more characters)"
