"""Instructions for a tool (section 3.2): asked of a model in two styles, parsed, and sifted."""

from __future__ import annotations

import collections
import itertools
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolalpaca.corpus import quality
from toolalpaca.corpus.instruction_lists import labelled, parse_list, remarked
from toolalpaca.files import atomic_write, dumps, read_jsonl, record
from toolalpaca.models.boundary import ChatModel
from toolalpaca.models.prompts import Prompt, PromptFolder
from toolalpaca.models.retrying import INSTRUCTION_TRIES
from toolalpaca.offline.library.teaching import authored, requests
from toolalpaca.offline.library.tools import load_library
from toolalpaca.openapi.telling import untold
from toolalpaca.schema import (
    Function,
    Instruction,
    ReplyError,
    RowFailure,
    Scenario,
    Tool,
    ToolAlpacaError,
    from_row,
    to_row,
)

LENGTHS = ("short", "story")
DEFAULT_SCENARIOS = (
    "ordinary=0.80,missing_information=0.05,no_suitable_tool=0.03,data_not_found=0.03,server_error=0.03,"
    "rate_limit=0.02,rejected_parameter=0.02,long_output=0.02"
)
WORDS = (3, 200)  # an instruction outside these is no instruction
WHY = {
    "odd_length": f"expected {WORDS[0]} to {WORDS[1]} words",
    "label": "a label stands before the request; expected the request's own words alone",
    "remark": "it holds a remark on the request; expected the request's own words alone",
    "placeholder": "it holds a placeholder; expected a value as a person would give it",
    "names_api": "it names the API",
    "names_function": "it names a function",
    "near_duplicate": "it asks for nearly the same as one before it",
}


def parse_scenarios(text: str) -> dict[str, float]:
    """The shares in `ordinary=0.8,missing_information=0.2`, scaled to a sum of 1.

    Raises:
        ToolAlpacaError: an unknown scenario, or a share that is no number of at least 0.
    """
    shares: dict[str, float] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, share = part.partition("=")
        if name not in list(Scenario):
            raise ToolAlpacaError(f"--scenarios: no scenario {name!r}; there are {', '.join(Scenario)}")
        try:
            shares[name] = float(share or 1)
        except ValueError:
            raise ToolAlpacaError(f"--scenarios: {part!r} should read like {name}=0.1") from None
        if not 0 <= shares[name] < float("inf"):
            raise ToolAlpacaError(f"--scenarios: the share of {name} must be 0 or more")
    total = sum(shares.values())
    if not total:
        raise ToolAlpacaError("--scenarios: at least one share must be above 0")
    return {name: share / total for name, share in shares.items()}


def complaint(text: str, tool: dict[str, Any], kept: list[str]) -> str:
    """Why an instruction is dropped: a named reason, or "" to keep it."""
    count = len(text.split())
    if not WORDS[0] <= count <= WORDS[1]:
        return "odd_length"
    if labelled(text):
        return "label"
    if remarked(text):
        return "remark"
    if quality.has_placeholder(text):
        return "placeholder"
    if quality.names_api(text, tool["name"]):
        return "names_api"
    if any(re.search(r"[a-z][A-Z]|_", f["name"]) and f["name"] in text for f in tool["functions"]):
        return "names_function"
    return "near_duplicate" if quality.near_duplicate(text, kept) else ""


def _wrong(dropped: list[dict[str, Any]]) -> str:
    """Why none of the instructions was kept, said to the model that wrote them."""
    return "; ".join(f"{row['instruction'][:80]!r}: {WHY[row['filter']]}" for row in dropped[:3])


@dataclass
class Instructor:
    """Writes instructions for tools: half of them short, half of them stories."""

    model: ChatModel
    shares: dict[str, float]
    per_tool: int = 10
    tries: int = INSTRUCTION_TRIES
    seed: int = 0
    prompts: PromptFolder | None = None

    async def __call__(self, tool: dict[str, Any]) -> list[dict[str, Any]]:
        """Rows of one tool: kept instructions, and dropped ones with a reason under `filter`.

        Raises:
            RowFailure: no reply held a list, or nothing in the lists could be kept; `untold`, when
                nothing says what any of the tool's functions does.
        """
        about = told(tool)
        if not about and tool["functions"]:
            raise RowFailure("untold", "nothing says what any of its functions does")
        shown = {**tool, "documentation": about}
        rows: list[dict[str, Any]] = []
        kept: list[str] = []
        last = ReplyError("no_list", "no reply")
        for style, scenario, wanted in self._plan(tool):
            have, sample, again = 0, 0, None
            while have < wanted and sample < self.tries:
                prompt = again or self._prompt(shown, style, scenario, wanted - have, kept)
                reply = (await self.model.complete(prompt, sample)).text
                try:
                    items = parse_list(reply)
                except ReplyError as error:
                    last, items = error, []
                before, first, again = have, len(rows), None
                for text in items[: wanted - have]:
                    reason = complaint(text, tool, kept)
                    number = len(kept) if not reason else f"dropped{len(rows) - len(kept)}"
                    name = f"{tool['tool_id']}/{number}"
                    row = Instruction(name, tool["tool_id"], text, style, scenario)
                    rows.append({**to_row(row), "filter": reason})
                    if not reason:
                        kept.append(text)
                        have += 1
                if have == before:
                    self.model.reject(prompt, sample, last.reason if not items else "nothing_kept")
                    fresh = self._prompt(shown, style, scenario, wanted - have, kept)
                    again = fresh.again(reply, _wrong(rows[first:]) if items else last.detail)
                sample += 1
        if not kept:
            dropped = collections.Counter(r["filter"] for r in rows).most_common(1)
            raise RowFailure(dropped[0][0] if dropped else last.reason, last.detail, attempts=self.tries)
        return rows

    def _plan(self, tool: dict[str, Any]) -> list[tuple[str, str, int]]:
        """What is asked of the model; of the embedded teacher, all that was authored for the tool."""
        known = (
            authored(load_library(), tool["openapi"]) if self.model.identity["model"] == "offline" else None
        )
        if known is not None:
            return requests(known)
        return plan(tool["tool_id"], self.shares, self.per_tool, self.seed)

    def _prompt(self, tool: dict[str, Any], style: str, scenario: str, n: int, asked: list[str]) -> Prompt:
        variables = {
            "name": tool["name"],
            "documentation": tool["documentation"],
            "style": style,
            "n": n,
            "scenario": scenario,
            "first": len(asked) + 1,
            "asked": list(asked),
        }
        return Prompt("instructions", variables, prompts=self.prompts)


def told(tool: dict[str, Any]) -> str:
    """The documentation that instructions are written from: of the functions that it says something of."""
    kept = [row for row in tool["functions"] if not _untold(row)]
    whole = len(kept) == len(tool["functions"])
    return tool["documentation"] if whole else "\n".join(row["documentation"] for row in kept)


def _untold(row: dict[str, Any]) -> str:
    return untold(from_row(Function, {"description": "", "method": "", "path": "", **row}))


def untold_functions(tools: list[dict[str, Any]]) -> list[str]:
    """A line for each function that no instruction is written about, with the reason."""
    found = []
    for tool in tools:
        reasons = [(row["name"], _untold(row)) for row in tool["functions"]]
        found += [f"{tool['name']}: {name}: {reason}" for name, reason in reasons if reason]
    return found


def plan(tool_id: str, shares: dict[str, float], per_tool: int, seed: int) -> list[tuple[str, str, int]]:
    """(style, scenario, how many) of a tool's requests to the model.

    Each style is asked for once in the commonest scenario and at most once in another, which keeps the
    shares over many tools and the number of paid requests low.
    """
    rng = random.Random(f"{seed}\0{tool_id}")
    common = max(shares, key=lambda name: (shares[name], name == Scenario.ORDINARY))
    others = {name: share for name, share in shares.items() if name != common and share}
    requests = []
    for index, style in enumerate(LENGTHS):
        count = per_tool // 2 + (per_tool % 2 if index == 0 else 0)
        special = sum(rng.random() >= shares[common] for _ in range(count)) if others else 0
        if count - special:
            requests.append((style, common, count - special))
        if special:
            requests.append((style, rng.choices(list(others), list(others.values()))[0], special))
    return requests


@dataclass
class Sifted:
    """What became of the written instructions."""

    kept: int
    dropped: dict[str, int]
    texts: list[str]

    def report(self) -> str:
        """Counts and diversity in a few words."""
        reasons = ", ".join(f"{n} {name}" for name, n in sorted(self.dropped.items())) or "none"
        verbs = quality.verb_diversity(self.texts)
        words = sum(len(t.split()) for t in self.texts) / max(1, self.kept)
        one, two = (quality.distinct_n(self.texts, n) for n in (1, 2))
        return (
            f"instructions: {self.kept} kept, dropped: {reasons}; {words:.1f} words each, "
            f"distinct-1 {one:.3f}, distinct-2 {two:.3f}, "
            f"{verbs['distinct']:.0f} leading verbs ({verbs['entropy']:.1f} bits)"
        )


def sift(written: Path, kept_path: Path, dropped_path: Path) -> Sifted:
    """Split what was written into kept and dropped rows; exact repeats across tools are dropped here."""
    seen: set[str] = set()
    dropped: collections.Counter[str] = collections.Counter()
    texts: list[str] = []
    with atomic_write(kept_path) as good, atomic_write(dropped_path) as bad:
        for row in read_jsonl(written):
            reason = row.pop("filter")
            normal = " ".join(quality.tokens(row["instruction"]))
            if not reason and normal in seen and row["scenario"] != Scenario.NO_SUITABLE_TOOL:
                reason = "duplicate"
            if reason:
                dropped[reason] += 1
                bad.write(dumps({**row, "filter": reason}) + "\n")
                continue
            seen.add(normal)
            texts.append(row["instruction"])
            good.write(dumps(row) + "\n")
    return Sifted(len(texts), dict(dropped), texts)


def first_tools(path: Path, limit: int | None) -> list[dict[str, Any]]:
    """The toolset's rows, as many as asked for.

    Raises:
        ToolAlpacaError: the file is missing, or a row is no tool.
    """
    rows = list(itertools.islice(read_jsonl(path), limit))
    for number, row in enumerate(rows, 1):
        record(Tool, row, f"{path}, row {number}")
    return rows
