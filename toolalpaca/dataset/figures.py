"""Statistics and pictures of a corpus: the paper's Table 1, Figure 4, and its categories."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from toolalpaca.files import atomic_write, read_jsonl

# name of the statistic -> its label, the figure of the paper's Table 1
TABLE_1 = {
    "categories": ("Tool categories", 50),
    "tools": ("Tools", 426),
    "functions_per_tool": ("Functions per tool", 4.85),
    "instances": ("Instances", 3938),
    "single_call": ("Single function call", 2512),
    "multi_call": ("Multiple function calls", 1426),
    "steps_per_instance": ("Steps per instance", 1.66),
    "instruction_words": ("Words per instruction", 23.42),
    "output_words": ("Words per output", 36.19),
}
CAP = 120  # words; longer texts are drawn in the last bin


def corpus_statistics(run: str | Path) -> dict[str, Any]:
    """What Table 1, Figure 4 and the card say of a run's corpus; one pass, flat memory.

    Beside the names of TABLE_1: `no_call`, `tools_by_category`, `by_category` (instances), `by_scenario`,
    `by_outcome`, `by_label`, `by_error`, `by_status`, `filters` (of instances) and
    `instruction_filters`, each a dict of counts; `instruction_lengths` and `output_lengths`, words ->
    instances; `written_by`, what of the embedded teacher wrote instances; `models`, the names of those that
    made the instances, by role. Lengths are words between
    spaces, and calls are steps, those of built-in tools and those that were refused included: the labels
    no_call, single_call and multi_call of `filters` say the same.
    """
    run = Path(run)
    category, functions = {}, 0
    for tool in read_jsonl(run / "toolset.jsonl"):
        category[tool["tool_id"]] = tool["category"]
        functions += len(tool.get("functions", []))
    counts: dict[str, Counter[Any]] = {
        name: Counter()
        for name in (
            *("scenario", "outcome", "label", "error", "status", "assistant", "user", "executor", "calls"),
            *("instruction", "output", "category", "written_by"),
        )
    }
    for row in _rows(run / "instances.jsonl"):
        _count(row, counts, category)
    filters = Counter(row["filter"] for row in _rows(run / "filtered.jsonl"))
    unused = Counter(row["filter"] for row in _rows(run / "dropped_instructions.jsonl"))
    calls, instances = counts["calls"], sum(counts["calls"].values())
    return {
        "categories": len(set(category.values())),
        "tools": len(category),
        "functions_per_tool": _mean(functions, len(category)),
        "instances": instances,
        "single_call": calls[1],
        "multi_call": sum(n for c, n in calls.items() if c > 1),
        "no_call": calls[0],
        "steps_per_instance": _mean(sum(c * n for c, n in calls.items()), instances),
        "instruction_words": _mean(sum(w * n for w, n in counts["instruction"].items()), instances),
        "output_words": _mean(sum(w * n for w, n in counts["output"].items()), instances),
        "instruction_lengths": dict(sorted(counts["instruction"].items())),
        "output_lengths": dict(sorted(counts["output"].items())),
        "tools_by_category": dict(Counter(category.values()).most_common()),
        **{
            f"by_{name}": dict(counts[name].most_common())
            for name in ("category", "scenario", "outcome", "label", "error", "status")
        },
        "written_by": dict(counts["written_by"]),
        "filters": dict(filters.most_common()),
        "instruction_filters": dict(unused.most_common()),
        "models": {role: sorted(counts[role]) for role in ("assistant", "user", "executor")},
    }


def _count(row: dict[str, Any], counts: dict[str, Counter[Any]], category: dict[str, str]) -> None:
    steps = row.get("steps", [])
    counts["calls"][sum(s.get("error") != "parse_error" for s in steps)] += 1
    counts["instruction"][len(row["instruction"].split())] += 1
    counts["output"][len(row.get("final_output", "").split())] += 1
    counts["category"][category.get(row["tool_id"], "unknown")] += 1
    counts["scenario"][row.get("scenario", "ordinary")] += 1
    counts["outcome"][row.get("outcome", "answered")] += 1
    counts["label"].update(row.get("labels", []))
    counts["error"].update(s["error"] for s in steps if s.get("error"))
    counts["status"].update(s["status"] for s in steps if s.get("status"))
    made_by = row.get("provenance") or {}
    if made_by.get("written_by"):
        counts["written_by"][str(made_by["written_by"]).partition(":")[0]] += 1
    for role in ("assistant", "user", "executor"):
        if made_by.get(role):
            counts[role][str(made_by[role])] += 1


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    return read_jsonl(path) if path.is_file() else iter(())


def _mean(total: float, n: int) -> float:
    return round(total / n, 2) if n else 0.0


def table_1(statistics: dict[str, Any]) -> str:
    """Table 1 in Markdown, the paper's figures beside the corpus's."""
    lines = ["| statistic | this corpus | ToolAlpaca (paper) |", "| --- | ---: | ---: |"]
    for name, (label, paper) in {**TABLE_1, "no_call": ("No function call", "")}.items():
        lines.append(f"| {label} | {statistics[name]:,} | {paper if paper == '' else f'{paper:,}'} |")
    return "\n".join(lines)


def draw_figure4(statistics: dict[str, Any], path: str | Path) -> Path:
    """Figure 4: how long instructions and final outputs are, in words. Writes a PNG."""
    figure, axes = _subplots(1, 2, (9, 3.2))
    for axis, name, title in zip(
        axes, ("instruction_lengths", "output_lengths"), ("Instructions", "Final outputs"), strict=True
    ):
        lengths = [(min(int(words), CAP), n) for words, n in statistics[name].items()]
        axis.hist(
            [words for words, _ in lengths],
            weights=[n for _, n in lengths],
            bins=range(0, CAP + 6, 5),
            color="#4c78a8",
            edgecolor="white",
        )
        axis.set(title=title, xlabel="words", ylabel="instances", xlim=(0, CAP + 5))
        axis.spines[["top", "right"]].set_visible(False)
    return _save(figure, path)


def draw_categories(statistics: dict[str, Any], path: str | Path, most: int = 50) -> Path:
    """Tools per category, the largest first; what does not fit is summed as one bar. Writes a PNG."""
    counts = list(statistics["tools_by_category"].items())
    if len(counts) > most:
        counts = [*counts[: most - 1], ("all others", sum(n for _, n in counts[most - 1 :]))]
    figure, axis = _subplots(1, 1, (9, 1.2 + 0.17 * len(counts)))
    names = [name if len(name) < 40 else name[:37] + "..." for name, _ in counts]
    axis.barh(range(len(counts)), [n for _, n in counts], color="#72b7b2")
    axis.set_yticks(range(len(counts)), names, fontsize=7, parse_math=False)
    axis.invert_yaxis()
    axis.margins(y=0.01)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set(title="Tools per category", xlabel="tools")
    axis.spines[["top", "right"]].set_visible(False)
    return _save(figure, path)


def _subplots(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns)


def _save(figure: Any, path: str | Path) -> Path:
    path = Path(path)
    # no software or date field: same corpus, same bytes
    with atomic_write(path, "wb") as stream, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a name in a script that the font lacks
        figure.savefig(stream, format="png", metadata={"Software": None})
    return path


def percentages(counts: dict[str, int], total: int | None = None) -> Iterable[tuple[str, int, str]]:
    """(name, count, share) of each count; shares are of `total`, the counts' sum by default."""
    total = total or sum(counts.values())
    for name, n in counts.items():
        yield name, n, f"{100 * n / total:.1f}%" if total else "-"
