"""The calls of an episode, and what its assistant can have read before each of them."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

from toolalpaca.evaluation.scoring.kinds import is_credential
from toolalpaca.evaluation.scoring.sources import Sources
from toolalpaca.evaluation.scoring.values import EMPTY, same
from toolalpaca.schema import Parameter

ASK = "getDetails"
# Ours, and the two names of the published project.
HELPERS = frozenset({ASK, "getCurrentDateTime", "retrieveFromOutput", "retrievalDataFromFile"})


@dataclass
class Call:
    """A step that calls a function, with its input parsed."""

    index: int  # the step's place in the episode
    function: str
    arguments: dict[str, Any]
    response: str
    refused: bool = False  # did not reach the tool: unknown function, arguments against the specification
    status: int = 0

    @property
    def failed(self) -> bool:
        """Whether the tool, or the check before it, answered with an error."""
        return self.refused or self.status >= 400

    def repeats(self, other: Call) -> bool:
        """Whether this call is the other one again."""
        return self.function == other.function and same(self.arguments, other.arguments)


@dataclass
class Known:
    """What the assistant can have read before a call.

    `before` are the earlier calls with what was known at each: a value that an earlier call brought up
    does not become known because the tool's answer repeats it. `handed` names the parameters whose values
    the environment gives: credentials that the specification's security names, or that the publisher
    withheld from the gold.
    """

    instruction: Sources
    responses: Sources
    specification: Sources
    before: list[tuple[Call, Known]] = field(default_factory=list)
    handed: frozenset[str] = frozenset()

    def returned(self, value: Any) -> bool:
        """Whether an earlier response holds the value, and not as the echo of one that a call made up."""
        if isinstance(value, dict | list):
            return all(self.returned(v) for v in (value.values() if isinstance(value, dict) else value))
        if not self.instruction.hold(value):
            for call, known in self.before:
                if any(same(value, used) for used in scalars(call.arguments)):
                    return known.responses.hold(value)
        return self.responses.hold(value)

    def credential(self, parameter: Parameter) -> bool:
        """Whether the parameter's value is the environment's business."""
        return parameter.name in self.handed or is_credential(parameter)

    def told(self, value: Any) -> bool:
        """Whether the user said the value when asked."""
        asked = [call.response for call, _ in self.before if call.function == ASK]
        return bool(asked) and Sources(*asked).hold(value)

    def read(self, value: Any) -> bool:
        """Whether the value stands in the instruction or in an earlier response."""
        if isinstance(value, dict | list):
            return all(self.read(v) for v in (value.values() if isinstance(value, dict) else value))
        return self.instruction.hold(value) or self.returned(value)

    def holds(self, value: Any) -> bool:
        """Whether the value was read, or stands in the specification."""
        return self.read(value) or self.specification.hold(value)


def scalars(value: Any) -> list[Any]:
    """All values inside a value that hold no others."""
    if isinstance(value, dict | list):
        return [s for v in (value.values() if isinstance(value, dict) else value) for s in scalars(v)]
    return [] if value in EMPTY else [value]


def knowledge(
    instruction: str, calls: list[Call], specification: str = "", handed: frozenset[str] = frozenset()
) -> list[Known]:
    """What can have been read before each call; one longer than `calls`, the last before the answer."""
    stated, documented = Sources(instruction), _specification(specification)
    found: list[Known] = []
    for position in range(len(calls) + 1):
        responses = Sources(*(call.response for call in calls[:position]))
        before = list(zip(calls[:position], found, strict=True))
        found.append(Known(stated, responses, documented, before, handed))
    return found


@functools.lru_cache(maxsize=16)
def _specification(text: str) -> Sources:
    """The same specification serves all tasks of a tool."""
    return Sources(text)
