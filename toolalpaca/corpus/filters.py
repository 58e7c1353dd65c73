"""What happened in an instance, as labels, and whether it is kept, with a named reason (section 4.1).

Labels (a list in `Instance.labels`, in this order; what happened, while `scenario` is what was intended):

| label | the instance shows it when |
| --- | --- |
| no_call, single_call, multi_call | it has none, one, more actions (Table 1's distinction) |
| asked_user, checked_time, read_cut_output | getDetails, getCurrentDateTime, retrieveFromOutput answered |
| parse_error, unknown_function, disabled_tool | a step has that error (schema.Step) |
| invalid_json, not_an_object, invalid_arguments | the same |
| rejected_parameter | the tool answered 400 or 422 |
| data_not_found | it answered 404, or 2xx with nothing but an empty list in it |
| rate_limit, server_error, client_error | it answered 429, 5xx, another 4xx |
| long_output | a response was cut |
| retried | after a failed call the same function was called again |
| switched_function | after a failed call another function was called next |
| recovered | a call failed and a later one of an API function succeeded |
| gave_up | an answer was given although the last call of the API failed |
| refused | an answer was given without any call of the API |
"""

from __future__ import annotations

import collections
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path

from toolalpaca.agents.builtin_tools import BUILTINS
from toolalpaca.agents.environment import CUT_NOTE
from toolalpaca.files import atomic_write, dumps, read_jsonl
from toolalpaca.models.react import STYLES
from toolalpaca.schema import CURRENT_TIME, GET_DETAILS, RETRIEVE, Instance, Outcome, Scenario, Step, from_row

MOST_STEPS_KEPT = 5  # section 4.1

BUILTIN_LABELS = {GET_DETAILS: "asked_user", CURRENT_TIME: "checked_time", RETRIEVE: "read_cut_output"}
STATUS_LABELS = {
    400: "rejected_parameter",
    422: "rejected_parameter",
    404: "data_not_found",
    429: "rate_limit",
}

# Section 4.1 drops instances about images, audio and video: a text model cannot act on them.
_MEDIA_URL = re.compile(
    r"https?://[^\s\"'<>]{1,2000}\.(?:png|jpe?g|gif|webp|bmp|svg|tiff?|ico|mp3|wav|ogg|flac|m4a|mp4|mov|avi|mkv|webm)\b",
    re.IGNORECASE,
)
_DATA_URL = re.compile(r"data:(?:image|audio|video|application/octet-stream)[/;,]", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{200,}={0,2}")
_BINARY_NOTE = re.compile(
    r"\[[\w.+/-]{1,100} content of (?:more than )?\d+ bytes is not shown\]"
)  # real.py's
_LABEL_LINE = re.compile(
    r"^[ \t]*(?:" + "|".join(re.escape(label) for style in STYLES.values() for label in style.labels) + ")",
    re.MULTILINE,
)


def actions(steps: list[Step]) -> list[Step]:
    """The steps in which the assistant asked for a call, whatever came of it."""
    return [step for step in steps if step.error != "parse_error"]


def api_calls(steps: list[Step]) -> list[Step]:
    """The steps whose call of an API function reached the tool."""
    return [step for step in steps if step.status and not step.error]


def labels_of(instance: Instance) -> list[str]:
    """What happened in an instance, as the labels of this module's table."""
    steps, calls = instance.steps, api_calls(instance.steps)
    found = [("no_call", "single_call", "multi_call")[min(len(actions(steps)), 2)]]
    found += [
        BUILTIN_LABELS[s.function] for s in steps if s.function in BUILTINS and not s.error and not s.status
    ]
    found += [step.error for step in steps if step.error]
    found += [label for step in calls if (label := _status_label(step))]
    found += ["long_output" for step in calls if CUT_NOTE in step.response]
    for before, after in itertools.pairwise(steps):
        if _failed(before) and before.function:
            found.append("retried" if after.function == before.function else "switched_function")
    failures = [i for i, step in enumerate(steps) if _failed(step)]
    if failures and any(200 <= step.status < 300 for step in steps[failures[0] + 1 :]):
        found.append("recovered")
    if instance.outcome == Outcome.ANSWERED:
        if calls and not 200 <= calls[-1].status < 300:
            found.append("gave_up")
        if not calls:
            found.append("refused")
    return list(dict.fromkeys(found))


def reason_to_drop(instance: Instance, functions: set[str]) -> str:
    """Why an instance is not for training (the first of REASONS that holds), or "" when it is kept.

    `functions` are the names of the tool's own functions.
    """
    return next((reason for reason, holds in REASONS.items() if holds(instance, functions)), "")


def _relevant(instance: Instance, functions: set[str]) -> bool:
    return any(step.function in functions for step in api_calls(instance.steps))


def _is_non_textual(instance: Instance, functions: set[str]) -> bool:
    texts = [step.response for step in instance.steps if step.function in functions]
    return any(non_textual(text) for text in [*texts, instance.final_output])


REASONS: dict[str, Callable[[Instance, set[str]], bool]] = {
    # An endpoint or the executor agent failed, which says nothing about the instance.
    "machinery_failure": lambda i, _: i.outcome in (Outcome.MODEL_FAILED, Outcome.EXECUTOR_FAILED),
    # What could not be read ended it. A text that was mended costs a try: training text leaves it out.
    "unparsable_output": lambda i, _: i.outcome == Outcome.PARSE_ERROR,
    "step_limit": lambda i, _: i.outcome == Outcome.STEP_LIMIT,
    "empty_answer": lambda i, _: not i.final_output.strip(),
    # A line of the answer, or of its thought, begins with a label of the ReAct text.
    "labels_in_answer": lambda i, _: bool(
        _LABEL_LINE.search(i.final_output) or _LABEL_LINE.search(i.final_thought)
    ),
    "too_many_steps": lambda i, _: len(i.steps) > MOST_STEPS_KEPT,
    # An answer of the tool, or the final one, is an image, audio, video or binary data.
    "non_textual": _is_non_textual,
    # No call of an API function reached the tool; answering without one is right in this scenario alone.
    "no_relevant_call": lambda i, names: i.scenario != Scenario.NO_SUITABLE_TOOL and not _relevant(i, names),
    "needless_call": lambda i, names: i.scenario == Scenario.NO_SUITABLE_TOOL and _relevant(i, names),
}


def non_textual(text: str) -> bool:
    """Whether a text's point is media or binary data: more of it is that than words."""
    if _DATA_URL.search(text) or _BASE64.search(text) or _BINARY_NOTE.search(text):
        return True
    media = sum(len(found.group()) for found in _MEDIA_URL.finditer(text))
    return media > 0.5 * len(text)


class Counts:
    """What a run of instances looks like, kept as sums: Table 1's figures, labels and drop reasons."""

    def __init__(self) -> None:
        self.kept = self.single = self.multi = self.steps = 0
        self.instruction_words = self.output_words = 0
        self.labels: collections.Counter[str] = collections.Counter()
        self.scenarios: collections.Counter[str] = collections.Counter()
        self.dropped: collections.Counter[str] = collections.Counter()

    def add(self, instance: Instance, reason: str) -> None:
        """Count one instance, kept when `reason` is empty."""
        if reason:
            self.dropped[reason] += 1
            return
        self.kept += 1
        self.single += len(actions(instance.steps)) == 1
        self.multi += len(actions(instance.steps)) > 1
        self.steps += len(instance.steps)
        self.instruction_words += len(instance.instruction.split())
        self.output_words += len(instance.final_output.split())
        self.labels.update(instance.labels)
        self.scenarios[instance.scenario] += 1

    def report(self) -> str:
        """The figures as lines of text; the paper's Table 1 in brackets where it has one."""
        head = f"kept {self.kept}, dropped {self.dropped.total()} ({_shares(self.dropped)})"
        if not self.kept:
            return head
        kept, acted = self.kept, max(self.single + self.multi, 1)
        lines = [
            head,
            f"single-call {self.single / acted:.1%}, multi-call {self.multi / acted:.1%} of those with a call"
            " (paper: 64%, 36%)",
            f"mean steps {self.steps / kept:.2f} (paper: 1.66), words per instruction"
            f" {self.instruction_words / kept:.1f} (23.4),"
            f" words per output {self.output_words / kept:.1f} (36.2)",
            f"scenarios: {_shares(self.scenarios)}",
            f"labels: {_shares(self.labels, kept)}",
        ]
        return "\n".join(lines)


def split(source: Path, kept: Path, dropped: Path) -> Counts:
    """Part the instances of `source` into `kept` and `dropped` (the same rows with the key `filter`).

    A source row's key `filter` holds the reason ("" for none). Rows are streamed; both files are
    written beside and renamed together, and their rows add up to the source's.
    """
    counts = Counts()
    with atomic_write(kept) as good, atomic_write(dropped) as bad:
        for row in read_jsonl(source):
            reason = row.pop("filter")
            counts.add(from_row(Instance, row), reason)
            if reason:
                bad.write(dumps({**row, "filter": reason}) + "\n")
            else:
                good.write(dumps(row) + "\n")
    return counts


def _shares(counter: collections.Counter[str], total: int = 0) -> str:
    """Counts with their shares of `total` (of all that was counted by default)."""
    total = total or max(counter.total(), 1)
    return ", ".join(f"{name} {n} ({n / total:.1%})" for name, n in counter.most_common()) or "none"


def _failed(step: Step) -> bool:
    return bool(step.error) or step.status >= 400


def _status_label(step: Step) -> str:
    if step.status in STATUS_LABELS:
        return STATUS_LABELS[step.status]
    if step.status >= 500:
        return "server_error"
    if step.status >= 400:
        return "client_error"
    return "data_not_found" if 200 <= step.status < 300 and _nothing_in(step.response) else ""


def _nothing_in(response: str) -> bool:
    """Whether a 2xx response holds an empty list where a list was asked for."""
    body = response.partition("Response: ")[2]
    if len(body) > 500 or "[]" not in body.replace(" ", ""):
        return False
    try:
        value = json.loads(body)
    except ValueError:
        return False
    lists = [v for v in value.values() if isinstance(v, list)] if isinstance(value, dict) else [value]
    return bool(lists) and not any(lists)
