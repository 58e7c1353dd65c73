"""Reasons why a call is not the one that is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toolalpaca.evaluation.scoring.evidence import Call, Known
from toolalpaca.evaluation.scoring.gold import Open, Ref
from toolalpaca.evaluation.scoring.kinds import is_public_code, names_one_thing, wrong_type
from toolalpaca.evaluation.scoring.values import EMPTY
from toolalpaca.schema import ErrorType, Function, Parameter


@dataclass(frozen=True)
class Mismatch:
    """Why a call does not do what a gold step asks."""

    type: ErrorType
    parameter: str
    reason: str


def illusory(name: str, value: Any) -> Mismatch:
    """A value that nobody gave."""
    where = "neither the instruction nor an earlier response holds it"
    return Mismatch(ErrorType.ILLUSORY_INPUT, name, f"{name} = {shortly(value)}: {where}")


def differs(name: str, gold: Any, given: Any, source: str = "") -> Mismatch:
    """A value that is another than the expected one; `source` says where that stands."""
    expected = f"expected {shortly(gold)}{source and f', {source}'}"
    return Mismatch(ErrorType.INPUT_ERROR, name, f"{name} = {shortly(given)}, {expected}")


def absent(name: str, gold: Any, source: str = "") -> Mismatch:
    """A value that was left out; `source` says where it stands."""
    expected = f"expected {shortly(gold)}{source and f', {source}'}"
    return Mismatch(ErrorType.INPUT_ERROR, name, f"{name} is missing, {expected}")


def unknown(name: str, function: str) -> Mismatch:
    """A parameter that the function does not have."""
    return Mismatch(ErrorType.INPUT_ERROR, name, f"{function} has no parameter {name!r}")


def unlisted(name: str) -> Parameter:
    """An argument that no specification lists, as a parameter of which nothing is known but its name."""
    return Parameter(name, "query", False, {})


def shortly(value: Any) -> str:
    """A value as it can stand in a reason."""
    if isinstance(value, Ref):
        return f"{value.field} from {value.source}"
    if isinstance(value, Open):
        return value.hint or "a plausible value"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def spec_findings(call: Call, function: Function, known: Known) -> list[Mismatch]:
    """What a call breaks in the specification: unknown, missing or ill-typed parameters, enum values."""
    names = {p.name for p in function.parameters}
    found = [
        unknown(name, function.name)
        for name in call.arguments
        if name not in names and not known.credential(unlisted(name))
    ]
    for parameter in function.parameters:
        if known.credential(parameter):
            continue
        value = call.arguments.get(parameter.name)
        if value is None or value == "":
            if parameter.required:
                found.append(absent(parameter.name, Open("value")))
        elif value not in EMPTY and (expected := wrong_type(value, parameter)):
            found.append(differs(parameter.name, Open(expected), value))
    return found


def invented(call: Call, function: Function | None, known: Known) -> list[Mismatch]:
    """Arguments naming one existing thing that the assistant cannot have read anywhere."""
    parameters = {p.name: p for p in function.parameters} if function else {}
    return [
        illusory(name, value)
        for name, value in call.arguments.items()
        if names_one_thing(parameter := parameters.get(name) or unlisted(name))
        and not known.credential(parameter)
        and value not in EMPTY
        and not is_public_code(value)
        and not known.holds(value)
    ]
