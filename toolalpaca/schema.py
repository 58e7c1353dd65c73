"""The vocabulary of the project: what the stages pass to each other, and how each thing is named.

Every record is a plain dataclass; `to_row` and `from_row` turn it into the JSON object that a stage
file holds and back. This module imports nothing of ours.
"""

from __future__ import annotations

import dataclasses
import enum
import typing
from dataclasses import dataclass, field
from typing import Any


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
    signature: str = ""  # one line: name and parameters


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
    first_function: bool | None = None  # the first call is of the first gold step's function


def to_row(record: Any) -> dict[str, Any]:
    """The JSON object of a record."""
    return dataclasses.asdict(record)


_NESTED: dict[type, dict[str, type | None]] = {}


def _nested(cls: type) -> dict[str, type | None]:
    """A record's fields, each with the record type that it lists or None."""
    if cls not in _NESTED:
        _NESTED[cls] = {}
        for name, hint in typing.get_type_hints(cls).items():
            item = next(iter(typing.get_args(hint)), None) if typing.get_origin(hint) is list else None
            _NESTED[cls][name] = item if dataclasses.is_dataclass(item) else None
    return _NESTED[cls]


def from_row(cls: type, row: dict[str, Any]) -> Any:
    """The record a JSON object describes.

    Raises:
        ToolAlpacaError: a field is missing or unknown.
    """
    if not isinstance(row, dict):
        raise ToolAlpacaError(f"expected a JSON object for {cls.__name__}, got {type(row).__name__}")
    fields = _nested(cls)
    if unknown := row.keys() - fields.keys():
        raise ToolAlpacaError(f"{cls.__name__} has no field {', '.join(sorted(unknown))}")
    values = {
        name: value if (item := fields[name]) is None or value is None else [from_row(item, v) for v in value]
        for name, value in row.items()
    }
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
        raise ToolAlpacaError(f"{cls.__name__} lacks {', '.join(missing) or error}") from None
