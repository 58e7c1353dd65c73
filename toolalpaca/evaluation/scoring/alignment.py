"""Which calls of an episode meet which gold steps.

Order does not matter except where a value has to come from an earlier response. One call may serve
several gold steps (a list argument), and several calls may serve one (a list asked for in pieces).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from toolalpaca.evaluation.scoring.evidence import HELPERS, Call, Known
from toolalpaca.evaluation.scoring.gold import GoldCall, NotGiven, Ref, is_open, refs
from toolalpaca.evaluation.scoring.matching import mismatches
from toolalpaca.evaluation.scoring.mismatch import Mismatch
from toolalpaca.evaluation.scoring.values import listed, same
from toolalpaca.schema import Function


@dataclass
class Alignment:
    """`met[g]` are the calls (positions in the list of calls) that meet gold step g; `unmet` the
    required gold steps that no call meets; `nearest[g]` the call that comes closest to an unmet one
    and what is wrong with it."""

    met: dict[int, list[int]] = field(default_factory=dict)
    unmet: list[int] = field(default_factory=list)
    nearest: dict[int, tuple[int, list[Mismatch]]] = field(default_factory=dict)

    @property
    def used(self) -> set[int]:
        """Positions of the calls that meet a gold step."""
        return {c for calls in self.met.values() for c in calls}


def align(
    gold: list[GoldCall], calls: list[Call], functions: dict[str, Function], known: list[Known]
) -> Alignment:
    """Assign calls to gold steps so that as many required steps as possible are met."""
    found = Alignment()
    wrong = {
        (g, c): mismatches(step, call, functions.get(step.function), known[c])
        for g, step in enumerate(gold)
        for c, call in enumerate(calls)
        if step.function == call.function and step.function not in HELPERS
    }
    candidates = {
        g: sorted(
            (c for c in range(len(calls)) if wrong.get((g, c)) == [] and _taken(step, calls[c])),
            key=lambda c: (calls[c].failed, c),
        )
        for g, step in enumerate(gold)
    }
    _drop_repeats(gold, calls, candidates)
    owner = _assign(gold, candidates)
    for c, g in owner.items():
        found.met.setdefault(g, []).append(c)
    for g, step in enumerate(gold):
        if step.function in HELPERS:
            asked = [
                c
                for c, call in enumerate(calls)
                if call.function in HELPERS and not call.refused and _same_helper(step, call)
            ]
            if asked:
                found.met[g] = asked[:1]
        if g in found.met:
            continue
        combined = _combined(step, gold, calls, functions, known, found)
        if combined:
            found.met[g] = combined
        elif not step.optional:
            found.unmet.append(g)
            spare = [c for c in range(len(calls)) if not any(calls[c].repeats(calls[k]) for k in owner)]
            near = [(c, wrong[g, c]) for c in spare if wrong.get((g, c))]
            if near:
                found.nearest[g] = min(
                    near, key=lambda pair: (calls[pair[0]].refused, len(pair[1]), -pair[0])
                )
    return found


def _taken(step: GoldCall, call: Call) -> bool:
    """Whether the tool took the call; one that refuses the gold's own values refuses nothing of the
    assistant's."""
    return not call.refused or all(
        name in call.arguments
        if isinstance(value, Ref | NotGiven) or is_open(value)
        else call.arguments.get(name) == value
        for name, value in step.arguments.items()
        if not isinstance(value, NotGiven) or value.withheld
    )


def _same_helper(step: GoldCall, call: Call) -> bool:
    retrieval = {"retrieveFromOutput", "retrievalDataFromFile"}
    return step.function == call.function or {step.function, call.function} <= retrieval


def _drop_repeats(gold: list[GoldCall], calls: list[Call], candidates: dict[int, list[int]]) -> None:
    """One call made twice does not meet two gold steps, unless the gold itself says the same twice."""
    for g, positions in candidates.items():
        literal = any(same(step.arguments, gold[g].arguments) for h, step in enumerate(gold) if h != g)
        if literal and not refs(gold[g].arguments):
            continue
        kept: list[int] = []
        for c in positions:
            if not any(calls[c].repeats(calls[k]) for k in kept):
                kept.append(c)
        candidates[g] = kept


def _assign(gold: list[GoldCall], candidates: dict[int, list[int]]) -> dict[int, int]:
    """A maximum matching of gold steps to calls (augmenting paths), required steps first."""
    owner: dict[int, int] = {}

    def place(g: int, seen: set[int]) -> bool:
        for c in candidates[g]:
            if c not in seen:
                seen.add(c)
                if c not in owner or place(owner[c], seen):
                    owner[c] = g
                    return True
        return False

    for g in sorted(candidates, key=lambda g: gold[g].optional):
        place(g, set())
    return owner


def _combined(
    step: GoldCall,
    gold: list[GoldCall],
    calls: list[Call],
    functions: dict[str, Function],
    known: list[Known],
    found: Alignment,
) -> list[int]:
    """Calls that meet a step together with others: one call for several steps, several for one."""
    function = functions.get(step.function)
    steps = [other for other in gold if other.function == step.function]
    own = [c for c, call in enumerate(calls) if call.function == step.function and not call.refused]
    for c in own:
        for name, value in calls[c].arguments.items():
            items = listed(value)
            if len(items) > 1 and not isinstance(step.arguments.get(name), list):
                parts = [replace(calls[c], arguments={**calls[c].arguments, name: item}) for item in items]
                meets = [[not mismatches(s, part, function, known[c]) for s in steps] for part in parts]
                if any(row[steps.index(step)] for row in meets) and all(map(any, meets)):
                    return [c]
    if len(own) > 1 and len(steps) == 1:
        whole = Call(own[0], step.function, _union([calls[c].arguments for c in own]), "")
        if not mismatches(step, whole, function, known[own[-1]]):
            return own
    return []


def _union(arguments: list[dict[str, Any]]) -> dict[str, Any]:
    """The arguments of several calls in one: values that differ become a list of all."""
    merged: dict[str, Any] = {}
    for given in arguments:
        for name, value in given.items():
            if name not in merged or same(merged[name], value):
                merged.setdefault(name, value)
            else:
                merged[name] = [
                    *listed(merged[name]),
                    *(v for v in listed(value) if not any(same(v, m) for m in listed(merged[name]))),
                ]
    return merged
