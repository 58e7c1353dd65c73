"""Disagreements with a judge, classed by a person: is the rule wrong, the judge, or can one hold either?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolalpaca.evaluation import metrics
from toolalpaca.evaluation.agreement import correct, label, reason
from toolalpaca.files import read_jsonl, write_jsonl
from toolalpaca.original.judged import Judged
from toolalpaca.schema import ToolAlpacaError, Verdict, to_row

CLASSES = ("rule", "judge", "unclear")
Pair = tuple[Judged, Verdict]
Key = tuple[str, str, str, str]


def update(path: str | Path, pairs: Sequence[Pair]) -> dict[Key, str]:
    """Write the disagreements among `pairs` into a file that a person fills, and read what was filled.

    A row holds what the judge and we say, with our reason, and `class` and `note`, empty at first. Rows that
    stand in the file stay with their class, also those of other files and of disagreements that are gone.

    Returns:
        The class of each classed disagreement by model, tool, number and instruction.

    Raises:
        ToolAlpacaError: a class is none of CLASSES.
    """
    rows: dict[Key, dict[str, Any]] = {}
    for row in read_jsonl(path) if Path(path).is_file() else ():
        if row.get("class") not in ("", *CLASSES):
            raise ToolAlpacaError(
                f"{path}, {row.get('tool')} {row.get('number')}: class is {row.get('class')!r}; "
                f"expected one of {', '.join(CLASSES)}, or nothing"
            )
        rows[_key(row)] = row
    for entry, verdict in pairs:
        if correct(entry.process) != correct(label(verdict)):
            row = {
                "model": entry.episode.model,
                "tool": entry.tool,
                "number": str(entry.number),
                "instruction": entry.task.instruction,
                "judge": entry.process,
                "ours": label(verdict),
                "reason": reason(verdict),
            }
            old = rows.get(_key(row), {})
            rows[_key(row)] = row | {"class": old.get("class", ""), "note": old.get("note", "")}
    write_jsonl(path, rows.values())
    return {key: row["class"] for key, row in rows.items() if row["class"]}


def summary(pairs: Sequence[Pair], classes: dict[Key, str]) -> str:
    """How the disagreements are classed, and the agreement without the unclear ones."""
    found = {
        (e.episode.model, e.tool, str(e.number), e.task.instruction): correct(e.process) != correct(label(v))
        for e, v in pairs
    }
    counts = Counter(classes.get(key, "not classed") for key, differs in found.items() if differs)
    kept = [
        (correct(e.process), correct(label(v)))
        for (e, v), (key, differs) in zip(pairs, found.items(), strict=True)
        if not (differs and classes.get(key) == "unclear")
    ]
    clear = metrics.agreement(kept)
    return "\n".join(
        [
            "classed: " + ", ".join(f"{name} {counts[name]}" for name in (*CLASSES, "not classed")),
            f"agreement: {clear} on {clear.n}, without the unclear ones",
        ]
    )


def between_judges(files: dict[str, Sequence[Judged]]) -> list[str]:
    """The agreement of each two judged files on the episodes that both judged: same task, steps and answer.

    An Uncertain counts as not correct, as in the published totals.
    """
    verdicts = {
        name: {_episode(e): correct(e.process) for e in entries if e.process is not None and e.task}
        for name, entries in files.items()
    }
    lines, names = [], list(files)
    for position, one in enumerate(names):
        for other in names[position + 1 :]:
            shared = verdicts[one].keys() & verdicts[other].keys()
            if shared:
                found = metrics.agreement((verdicts[one][key], verdicts[other][key]) for key in shared)
                lines.append(f"{one} and {other}, {found.n} episodes that both judged: {found}")
    return lines


def _episode(entry: Judged) -> tuple[str, str, str]:
    steps = [(s["function"], s["input"], s["response"]) for s in map(to_row, entry.episode.steps)]
    return entry.task.instruction, str(steps), entry.episode.final_output


def _key(row: dict[str, Any]) -> Key:
    return row["model"], row["tool"], str(row["number"]), row["instruction"]
