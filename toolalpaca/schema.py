"""The vocabulary of the project: what the stages pass to each other, and how each thing is named.

Every record is a plain dataclass; `to_row` and `from_row` turn it into the JSON object that a stage
file holds and back. This module imports nothing of ours.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from dataclasses import dataclass, field
from typing import Any

# The built-in tools, which every assistant has beside its API's functions (agents/builtin_tools.py).
GET_DETAILS = "getDetails"
CURRENT_TIME = "getCurrentDateTime"
RETRIEVE = "retrieveFromOutput"
BUILTIN_NAMES = (GET_DETAILS, CURRENT_TIME, RETRIEVE)


class ToolAlpacaError(Exception):
    """A mistake the user can mend. Scripts print it as one line and exit with status 2."""


class RowFailure(Exception):
    """One row cannot be completed. `reason` is a short slug that is counted, `detail` is for people."""

    def __init__(self, reason: str, detail: str = "", attempts: int = 1):
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail, self.attempts = reason, detail, attempts


class ReplyError(Exception):
    """A model's reply cannot be used. `reason` is a short slug, `detail` says what was wrong."""

    def __init__(self, reason: str, detail: str = ""):
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail


class ErrorType(enum.StrEnum):
    """The six types of the paper's Table 3, defined in docs/scoring.md."""

    PARSE_ERROR = "parse_error"
    WRONG_ACTION = "wrong_action"
    REDUNDANT_ACTION = "redundant_action"
    INPUT_ERROR = "input_error"
    ILLUSORY_INPUT = "illusory_input"
    WRONG_ANSWER = "wrong_answer"


class Scenario(enum.StrEnum):
    """What an instance is steered toward (the paper's section 4.2 and the mistakes tools make)."""

    ORDINARY = "ordinary"
    MISSING_INFORMATION = "missing_information"
    NO_SUITABLE_TOOL = "no_suitable_tool"
    DATA_NOT_FOUND = "data_not_found"
    SERVER_ERROR = "server_error"
    RATE_LIMIT = "rate_limit"
    REJECTED_PARAMETER = "rejected_parameter"
    LONG_OUTPUT = "long_output"


class Outcome(enum.StrEnum):
    """How an episode or a simulated instance ended."""

    ANSWERED = "answered"
    STEP_LIMIT = "step_limit"  # no final answer within the allowed steps
    PARSE_ERROR = "parse_error"  # a text the protocol cannot read, more often than is forgiven
    MODEL_FAILED = "model_failed"  # the assistant's endpoint failed: no error of the model's
    EXECUTOR_FAILED = "executor_failed"  # the executor or user agent failed: no error of the model's


@dataclass
class Parameter:
    """One argument of a function. `location` is path, query, header, cookie or body."""

    name: str
    location: str
    required: bool
    schema: dict[str, Any]  # JSON Schema, local references resolved
    description: str = ""


@dataclass
class Function:
    """One operation of a tool. A JSON object body appears as one parameter per property."""

    name: str
    description: str
    method: str  # lower case
    path: str
    parameters: list[Parameter] = field(default_factory=list)
    documentation: str = ""  # natural language, output structure included
    signature: str = ""  # one line: name, parameters and what it does


@dataclass
class Tool:
    """One API with the five parts of the paper's Figure 2 (section 3.2)."""

    tool_id: str
    name: str
    category: str
    link: str
    description: str
    introduction: str
    documentation: str
    openapi: str  # JSON text
    functions: list[Function] = field(default_factory=list)


@dataclass
class Instruction:
    """What the user asks of one tool. `instruction_id` is `{tool_id}/{index}`."""

    instruction_id: str
    tool_id: str
    instruction: str
    style: str = "short"  # short: one or two sentences; story: up to five
    scenario: str = Scenario.ORDINARY


@dataclass
class Step:
    """One action: a thought, the function called, its input as text, and the observation.

    `input` is kept as the assistant wrote it, so that a malformed one survives. `error` names what
    was wrong with the call (empty when it reached the tool): parse_error, unknown_function,
    invalid_json, not_an_object, invalid_arguments, disabled_tool.
    """

    thought: str
    function: str
    input: str
    response: str
    error: str = ""
    status: int = 0  # HTTP status of the tool's answer; 0 when no request was sent


@dataclass
class Instance:
    """Instruction, actions and final output, with what happened on the way as labels."""

    instance_id: str
    tool_id: str
    instruction: str
    steps: list[Step] = field(default_factory=list)
    final_thought: str = ""
    final_output: str = ""
    outcome: str = Outcome.ANSWERED
    scenario: str = Scenario.ORDINARY
    labels: list[str] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)


@dataclass
class GoldStep:
    """One action a task needs. `input` keeps the gold grammar (`${x from f}`, `${...}`, `""`)."""

    function: str
    input: str
    optional: bool = False


@dataclass
class Task:
    """An instruction with its gold actions on a tool kept out of training."""

    task_id: str
    tool_id: str
    instruction: str
    gold: list[GoldStep] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)  # strings a right answer contains; empty: not scored
    scenario: str = Scenario.ORDINARY


@dataclass
class Episode:
    """One model's attempt at a task. `texts` holds the assistant's raw replies in order."""

    task_id: str
    tool_id: str
    instruction: str
    model: str
    style: str = "react"
    sample: int = 0
    steps: list[Step] = field(default_factory=list)
    final_thought: str = ""
    final_output: str = ""
    outcome: str = Outcome.ANSWERED
    detail: str = ""  # why, when the outcome is not an answer
    texts: list[str] = field(default_factory=list)

    @property
    def episode_id(self) -> str:
        return f"{self.task_id}#{self.sample}"


@dataclass
class Finding:
    """One error in an episode: its type, the step it happened in (-1: the final answer), why."""

    type: str
    step: int
    reason: str


@dataclass
class Verdict:
    """What scoring says of an episode. None means unscored, and `unscored` says why."""

    task_id: str
    model: str
    sample: int = 0
    findings: list[Finding] = field(default_factory=list)
    procedure: bool | None = None
    answer: bool | None = None
    overall: bool | None = None
    unscored: str = ""
    reason: str = ""  # why the procedure counts as it does: what meets the gold, or what breaks it
    first_function: bool | None = None  # the first call is of the first gold step's function


def to_row(record: Any) -> dict[str, Any]:
    """The JSON object of a record."""
    return dataclasses.asdict(record)


_FIELDS: dict[type, dict[str, tuple[tuple[type, ...], type | None]]] = {}
_KINDS = {
    str: "a text",
    int: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def _fields(cls: type) -> dict[str, tuple[tuple[type, ...], type | None]]:
    """A record's fields, each with the kinds of value it takes and, for a list, of what."""
    if cls not in _FIELDS:
        _FIELDS[cls] = {}
        for name, hint in typing.get_type_hints(cls).items():
            args = typing.get_args(hint)
            kinds = args if isinstance(hint, types.UnionType) else (typing.get_origin(hint) or hint,)
            _FIELDS[cls][name] = kinds, args[0] if list in kinds else None
    return _FIELDS[cls]


def from_row(cls: type, row: dict[str, Any], where: str = "") -> Any:
    """The record a JSON object describes.

    Args:
        where: what a message calls the record, when it is part of another.

    Raises:
        ToolAlpacaError: a field is missing, unknown, or of another kind than the record's.
    """
    where = where or cls.__name__
    if not isinstance(row, dict):
        raise ToolAlpacaError(f"{where} should be an object, got {_kind(row)}")
    fields = _fields(cls)
    if unknown := row.keys() - fields.keys():
        raise ToolAlpacaError(f"{where} has no field {', '.join(sorted(unknown))}")
    values = {}
    for name, value in row.items():
        kinds, item = fields[name]
        if not isinstance(value, kinds):
            expected = " or ".join(_KINDS[kind] for kind in kinds)
            raise ToolAlpacaError(f"{where}.{name} should be {expected}, got {_kind(value)}")
        if item is str and not all(isinstance(v, str) for v in value):
            raise ToolAlpacaError(f"{where}.{name} should be a list of texts")
        nested = dataclasses.is_dataclass(item)
        values[name] = (
            [from_row(item, v, f"{where}.{name}.{i}") for i, v in enumerate(value)] if nested else value
        )
    try:
        return cls(**values)
    except TypeError as error:
        missing = [
            f.name
            for f in dataclasses.fields(cls)
            if f.name not in row
            and f.default is dataclasses.MISSING
            and f.default_factory is dataclasses.MISSING
        ]
        raise ToolAlpacaError(f"{where} lacks {', '.join(missing) or error}") from None


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), f"{value!r:.40}")
