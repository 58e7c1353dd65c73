"""Keeping evaluation out of training: shared 8-grams and near-duplicates of held-out instructions."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

from toolalpaca.corpus.quality import rouge_l, tokens
from toolalpaca.original.reading import LISTS, as_object, instructions_of
from toolalpaca.original.tools import text_of
from toolalpaca.schema import ToolAlpacaError

N = 8  # words of a window, as in the GPT-3 and open-r1 decontaminations
NEAR = 0.8  # ROUGE-L F1 from which two instructions say the same


def windows(tokens: list[str]) -> set[tuple[str, ...]]:
    """All runs of eight words."""
    return {tuple(tokens[i : i + N]) for i in range(len(tokens) - N + 1)}


def near_duplicate(a: list[str], b: list[str], threshold: float = NEAR) -> bool:
    """Whether ROUGE-L F1 (Lin, 2004) of two word lists reaches the threshold."""
    return rouge_l(a, b, threshold) >= threshold


class Decontaminator:
    """Instructions that training must not resemble, and tools that it must not hold.

    Args:
        max_overlap: the share of an instruction's 8-gram windows that may also occur in held-out
            instructions, and the share of one held-out instruction's that may occur in it (else a longer
            text could quote a task whole); more than that is contamination.
    """

    def __init__(self, max_overlap: float = 0.5):
        self.max_overlap = max_overlap
        self.instructions = 0
        self._windows: dict[tuple[str, ...], list[int]] = {}
        self._texts: list[list[str]] = []
        self._sizes: list[int] = []  # of their windows
        self._where: dict[str, list[int]] = {}
        self._tool_ids: set[str] = set()
        self._tool_names: set[str] = set()

    def hold(self, instruction: str) -> None:
        """Keep this instruction out of training."""
        own_words = tokens(instruction)
        held = windows(own_words)
        for window in held:
            self._windows.setdefault(window, []).append(len(self._texts))
        for word in set(own_words):
            self._where.setdefault(word, []).append(len(self._texts))
        self._texts.append(own_words)
        self._sizes.append(len(held))
        self.instructions += 1

    def hold_tool(self, *, tool_id: str = "", name: str = "") -> None:
        """Keep this tool, and variants of it, out of training."""
        if tool_id:
            self._tool_ids.add(tool_id.split("~", maxsplit=1)[0])
        if name.strip():
            self._tool_names.add(name.strip().lower())

    def holds_tool(self, tool_id: str, name: str) -> bool:
        """Whether the tool is one that was to be kept out."""
        return tool_id.split("~", maxsplit=1)[0] in self._tool_ids or name.strip().lower() in self._tool_names

    def reason(self, instruction: str) -> str:
        """`shared_8grams`, `near_duplicate`, or nothing when the instruction may be trained on."""
        own_words = tokens(instruction)
        own = windows(own_words)
        shared = [self._windows[window] for window in own if window in self._windows]
        if len(shared) > self.max_overlap * len(own):
            return "shared_8grams"
        for number, count in Counter(itertools.chain.from_iterable(shared)).items():
            if count > self.max_overlap * self._sizes[number]:
                return "shared_8grams"
        # F1 >= t needs at least t/(2-t) of these words in common, so one of the rarest others must be
        needed = math.ceil(NEAR * len(own_words) / (2 - NEAR) - 1e-9)  # 0.8 * 3 / 1.2 is a little over 2
        rare = sorted(own_words, key=lambda w: len(self._where.get(w, ())))[: len(own_words) - needed + 1]
        close = {number for word in rare for number in self._where.get(word, ())}
        if any(near_duplicate(own_words, self._texts[number]) for number in close):
            return "near_duplicate"
        return ""


def read_excluded(path: str | Path, max_overlap: float = 0.5) -> Decontaminator:
    """What an evaluation file holds: an original ToolAlpaca JSON, or tasks as JSONL.

    Raises:
        ToolAlpacaError: the file cannot be read, is neither, or holds no instruction.
    """
    held = Decontaminator(max_overlap)
    path = Path(path)
    if not path.exists():
        raise ToolAlpacaError(f"--exclude {path} does not exist")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ToolAlpacaError(f"--exclude {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ToolAlpacaError(f"--exclude {path} is no UTF-8 text") from None
    try:
        rows: Any = json.loads(text)
        rows = rows if isinstance(rows, list) else [rows]
    except ValueError:
        try:
            # not splitlines: a text may hold U+2028 and the like, which end no line of JSONL
            rows = [json.loads(line) for line in text.split("\n") if line.strip()]
        except ValueError:
            raise ToolAlpacaError(f"--exclude {path} is neither JSON nor JSONL") from None
    for row in rows:
        if not isinstance(row, dict) or not (row.keys() & {"Instructions", "Instances", "instruction"}):
            raise ToolAlpacaError(
                f"--exclude {path}: expected tools with 'Instructions' or tasks with 'instruction'"
            )
        if any(not isinstance(row.get(key), list | None) for key in LISTS):
            raise ToolAlpacaError(f"--exclude {path}: {', '.join(LISTS)} of a tool must be lists")
        asked = [text_of(as_object(raw).get("input")) for raw in row.get("Instances") or []]
        for instruction in dict.fromkeys([*instructions_of(row), *asked, text_of(row.get("instruction"))]):
            if instruction.strip():
                held.hold(instruction)
        held.hold_tool(tool_id=text_of(row.get("tool_id")), name=text_of(row.get("Name")))
    if not held.instructions:
        raise ToolAlpacaError(f"--exclude {path} holds no instruction")
    return held
