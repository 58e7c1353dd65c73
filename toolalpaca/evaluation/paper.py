"""Figures that the ToolAlpaca paper states (Tang et al., 2023, arXiv 2306.05301), to stand beside ours.

Those of Table 1 stand in `figures.TABLE_1`, beside the labels.

Only what is known for certain is here. A cell of the paper that is not is None and printed as a
dash: nothing is read off a plot or guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "Tang et al., 2023, arXiv 2306.05301"

# Table 2: 100 instances examined by hand, how many passed.
REVIEW: dict[str, int] = {"instruction": 88, "response": 92, "solution": 80}
REVIEW_N = 100

# Table 3: episodes of 100 that show each type, in the order of schema.ErrorType.
ERRORS: dict[str, tuple[int, ...]] = {
    "Vicuna-13B": (18, 21, 37, 15, 7, 35),
    "ToolAlpaca-13B": (3, 3, 1, 9, 10, 4),
}
ERRORS_N = 100


@dataclass(frozen=True)
class PaperResult:
    """One row of Table 4: of `n` tasks on ten unseen simulated tools, how many were right."""

    model: str
    n: int
    overall: int
    procedure: int | None = None
    answer: int | None = None
    judged_by: str = "people"


# Table 4. The last row is no cell of the paper but the totals of the verdict file which its authors
# published for ToolAlpaca-7B; `python eval/score.py --published FILE` recomputes it.
RESULTS: tuple[PaperResult, ...] = (
    PaperResult("GPT-3.5", 100, overall=80),
    PaperResult("Vicuna-7B", 100, overall=23),
    PaperResult("ToolAlpaca-7B", 100, overall=76),
    PaperResult("Vicuna-13B", 100, overall=32),
    PaperResult("ToolAlpaca-13B", 100, overall=80),
    PaperResult("ToolAlpaca-7B, published file", 100, procedure=63, answer=68, overall=60, judged_by="GPT-4"),
)
