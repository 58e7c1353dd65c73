"""Quality review by people, the paper's Table 2: draw a sample, put it on a page, score what came back."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from toolalpaca.evaluation.metrics import agreement
from toolalpaca.evaluation.page import render
from toolalpaca.files import dumps, read_records
from toolalpaca.schema import Instance, Tool, ToolAlpacaError, to_row

FORMAT = "toolalpaca-review-1"


@dataclass(frozen=True)
class Question:
    """One of the three yes-or-no questions that a reviewer answers for each instance."""

    key: str
    title: str  # as in Table 2
    text: str  # as on the page


QUESTIONS = (
    Question(
        "instruction",
        "solvability of instructions",
        "Can the instruction be carried out with this tool, or be turned down for a good reason?",
    ),
    Question(
        "response",
        "effectiveness of the tool agent's responses",
        "Are the tool's responses plausible answers to the calls, and consistent with each other?",
    ),
    Question(
        "solution",
        "accuracy of actions and output",
        "Are the actions the right ones, and does the final output follow from what the tool said?",
    ),
)


@dataclass
class Review:
    """One person's answers. `answers[instance_id][question key]` is True, False or absent."""

    reviewer: str
    sample: str  # id of the sample that was reviewed
    answers: dict[str, dict[str, bool]]

    def answered(self, question: str) -> dict[str, bool]:
        """Instance id -> answer to one question, of the instances where it was answered."""
        return {i: a[question] for i, a in self.answers.items() if question in a}


def draw_sample(run: str | Path, n: int, seed: int) -> list[dict[str, Any]]:
    """`n` instances of a generation run with their tools, drawn without replacement, in random order.

    Returns:
        Rows `{"instance": ..., "tool": {...}}`; fewer than `n` only when the run has fewer.

    Raises:
        ToolAlpacaError: the run has no instances, or `n` is not positive.
    """
    run = Path(run)
    if n < 1:
        raise ToolAlpacaError(f"--n must be at least 1, got {n}")
    instances = sorted(read_records(run / "instances.jsonl", Instance), key=lambda i: i.instance_id)
    if not instances:
        raise ToolAlpacaError(f"{run}/instances.jsonl is empty: there is nothing to review")
    tools = {tool.tool_id: tool for tool in read_records(run / "toolset.jsonl", Tool)}
    chosen = []
    for instance in random.Random(seed).sample(instances, min(n, len(instances))):
        tool = tools.get(instance.tool_id)
        chosen.append({"instance": to_row(instance), "tool": _shown(tool) if tool else None})
    return chosen


def _shown(tool: Tool) -> dict[str, str]:
    return {k: getattr(tool, k) for k in ("name", "category", "link", "introduction", "documentation")}


def sample_id(sample: Sequence[dict[str, Any]]) -> str:
    """12 hex digits that name a sample by its content: answers to another one are never mixed in."""
    return hashlib.sha256("\n".join(map(dumps, sample)).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def review_page(sample: Sequence[dict[str, Any]], run: str, seed: int) -> str:
    """The HTML of one self-contained page on which a person reviews `sample`."""
    questions = [{"key": q.key, "title": q.title, "text": q.text} for q in QUESTIONS]
    data = {"format": FORMAT, "sample": sample_id(sample), "run": run, "seed": seed, "questions": questions}
    return render("review", title="Quality review", data={**data, "rows": list(sample)})


def load_reviews(paths: Sequence[str | Path]) -> list[Review]:
    """Read the files that the review page saves.

    Raises:
        ToolAlpacaError: a file is missing, is no review, or the files are of different samples.
    """
    reviews: list[Review] = []
    for path in map(Path, paths):
        review = _load(path)
        if reviews and review.sample != reviews[0].sample:
            raise ToolAlpacaError(
                f"{path} reviews sample {review.sample}, {paths[0]} reviews {reviews[0].sample}: "
                "give files of one and the same sample"
            )
        taken = {r.reviewer for r in reviews}
        if review.reviewer in taken:  # nobody typed a name, or one person reviewed twice
            review.reviewer = next(
                name for i in range(2, len(paths) + 2) if (name := f"{review.reviewer} {i}") not in taken
            )
        reviews.append(review)
    return reviews


def _load(path: Path) -> Review:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ToolAlpacaError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ToolAlpacaError(f"{path} is not JSON: {error}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ToolAlpacaError(f'{path} is not a saved review: expected "format": "{FORMAT}"')
    rows, keys = content.get("answers"), {q.key for q in QUESTIONS}
    if not isinstance(rows, dict) or not all(isinstance(a, dict) for a in rows.values()):
        raise ToolAlpacaError(f"{path}: expected `answers` to be an object of objects, one per instance")
    answers: dict[str, dict[str, bool]] = {}
    for instance_id, given in rows.items():
        for key, value in given.items():
            if key == "note":
                continue
            if key not in keys or not isinstance(value, bool):
                raise ToolAlpacaError(
                    f"{path}, {instance_id}: expected true or false for {', '.join(sorted(keys))}; "
                    f"got {key} = {json.dumps(value)[:40]}"
                )
        answers[instance_id] = {k: v for k, v in given.items() if k in keys}
    if not any(answers.values()):
        raise ToolAlpacaError(f"{path} holds no answer yet")
    reviewer = content.get("reviewer")
    name = reviewer.strip() if isinstance(reviewer, str) and reviewer.strip() else path.stem
    return Review(name, str(content.get("sample")), answers)


def agreement_notes(reviews: Sequence[Review]) -> list[str]:
    """Cohen's kappa of every two reviewers per question, over the instances that both answered."""
    notes = []
    for a, b in combinations(reviews, 2):
        for question in QUESTIONS:
            first, second = a.answered(question.key), b.answered(question.key)
            pairs = [(first[i], second[i]) for i in first if i in second]
            if not pairs:
                notes.append(f"{question.title}: {a.reviewer} and {b.reviewer} share no answered instance.")
                continue
            found = agreement((str(x), str(y)) for x, y in pairs)
            same = sum(x == y for x, y in pairs)
            # With one and the same answer throughout, chance alone would agree as well.
            one_label = len({label for pair in pairs for label in pair}) == 1
            shown = "undefined, since every answer is the same" if one_label else f"{found.kappa:.2f}"
            notes.append(
                f"{question.title}: {a.reviewer} and {b.reviewer} agree on {same} of {len(pairs)}, "
                f"Cohen's kappa {shown}."
            )
    return notes
