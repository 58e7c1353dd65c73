"""The grammar of gold inputs: what a task fixes, what it leaves open, what comes from earlier steps.

The published evaluation sets write a gold input as JSON with placeholders, and not always well:

    {"id": ${id from search}}       a value found in an earlier response of `search`
    {"start": ${start date}}        any plausible value; "{start date}" in quotes says the same
    {"gender": ""}                  not given
    {"key": "***"}                  a credential that the publisher withheld: not given, or anything
    {"users": [${some user}]}       placeholders stand inside lists and objects too
    {"a": ${a from f, "b": 1}       the closing brace is sometimes forgotten
    {"a": ${month}", "b": 1}        a quotation mark is sometimes left over
    {"a": "a": [1]}                 a name is sometimes written twice

A step whose name starts with `[Optional]` may be left out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from toolalpaca.schema import GoldStep, ReplyError

OPTIONAL = re.compile(r"^\s*\[\s*optional\s*\]\s*", re.IGNORECASE)
FROM = re.compile(r"^(?P<field>.*?)\s*\bfrom\s+(?P<source>[\w.\-/]+)\s*$", re.IGNORECASE | re.DOTALL)
WHOLE = re.compile(r"^\s*\$?\{(?P<inside>[^{}]*)\}?\s*$")
INSIDE = re.compile(r"\$\{[^{}]*\}")
WITHHELD = re.compile(r"^(redacted|\*{3,})$", re.IGNORECASE)
MAX_DEPTH = 200


@dataclass(frozen=True)
class Ref:
    """A value that an earlier response of the function `source` holds, there called `field`."""

    field: str
    source: str


@dataclass(frozen=True)
class Open:
    """Any plausible value; `hint` says of what."""

    hint: str


@dataclass(frozen=True)
class NotGiven:
    """The parameter is left out; when its value is withheld, any value will do as well."""

    withheld: bool = False


@dataclass(frozen=True)
class GoldCall:
    """A gold step, parsed: arguments hold JSON values, Ref, Open and NotGiven.

    `distinct` are the parameters in which the gold's steps of one function differ: a task that lists a
    call for each size means each of these sizes, whether or not its instruction says so.
    """

    function: str
    arguments: dict[str, Any]
    optional: bool = False
    distinct: frozenset[str] = frozenset()


def parse_steps(steps: list[GoldStep]) -> list[GoldCall]:
    """All gold steps of a task, parsed.

    Raises:
        ReplyError: `invalid_gold`, with what was expected and where.
    """
    calls = [parse_step(step) for step in steps]
    return [replace(call, distinct=_distinct(call, calls)) for call in calls]


def _distinct(call: GoldCall, calls: list[GoldCall]) -> frozenset[str]:
    siblings = [c.arguments for c in calls if c.function == call.function]
    values = {name: [s.get(name, NotGiven()) for s in siblings] for name in call.arguments}
    return frozenset(name for name, found in values.items() if any(v != found[0] for v in found))


def parse_step(step: GoldStep) -> GoldCall:
    """A gold step with its input parsed.

    Raises:
        ReplyError: `invalid_gold`, with what was expected and where.
    """
    name = OPTIONAL.sub("", step.function)
    optional = step.optional or name != step.function
    return GoldCall(name.strip(), parse_gold_input(step.input), optional)


def parse_gold_input(text: str) -> dict[str, Any]:
    """The arguments of a gold input.

    Raises:
        ReplyError: `invalid_gold`, with what was expected and where.
    """
    if not text.strip():
        return {}
    value = _Parser(text).document()
    if not isinstance(value, dict):
        raise ReplyError("invalid_gold", f"expected an object of arguments, got {text[:80]!r}")
    return value


def placeholder(inside: str) -> Ref | Open:
    """What stands between `${` and `}`."""
    found = FROM.match(inside.strip())
    return Ref(found["field"].strip(), found["source"]) if found else Open(inside.strip())


def refs(value: Any) -> list[Ref]:
    """All references in a gold value, in order."""
    if isinstance(value, Ref):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [ref for item in items for ref in refs(item)]


def withheld(steps: list[GoldCall]) -> frozenset[str]:
    """Names of the parameters that take a credential which the publisher withheld."""
    return frozenset(
        name
        for step in steps
        for name, value in step.arguments.items()
        if isinstance(value, NotGiven) and value.withheld
    )


def is_open(value: Any) -> bool:
    """Whether any plausible value will do: a placeholder, or a list of nothing but placeholders."""
    if isinstance(value, list):
        return bool(value) and all(is_open(item) for item in value)
    return isinstance(value, Open)


class _Parser:
    """A JSON reader that knows placeholders and forgives the slips listed above."""

    def __init__(self, text: str):
        self.text, self.at, self.depth = text, 0, 0

    def document(self) -> Any:
        value = self.value()
        rest = self.text[self.at :].strip().strip("}\"'`;,").strip()
        if rest:
            self.fail("the end")
        return value

    def fail(self, expected: str) -> None:
        raise ReplyError("invalid_gold", f"expected {expected} at {self.text[self.at : self.at + 40]!r}")

    def space(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def peek(self) -> str:
        self.space()
        return self.text[self.at] if self.at < len(self.text) else ""

    def value(self) -> Any:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"at most {MAX_DEPTH} levels")
        try:
            char = self.peek()
            if self.text.startswith("${", self.at):
                return self.bare_placeholder()
            if char == "{":
                return self.object()
            if char == "[":
                return self.list()
            if char == '"':
                return self.string()
            return self.scalar()
        finally:
            self.depth -= 1

    def bare_placeholder(self) -> Ref | Open:
        # A forgotten brace: the placeholder then ends where the next argument starts.
        inside = re.compile(r'\$\{(?P<inside>[^{}"\[\]]*?)(?:\}"?|(?=\s*,\s*"[^"]*"\s*:)|(?=\s*\])|$)').match(
            self.text, self.at
        )
        if not inside:
            self.fail("'}' after '${'")
        self.at = inside.end()
        return placeholder(inside["inside"])

    def string(self) -> Any:
        text = self.raw_string()
        if text == "" or WITHHELD.match(text):
            return NotGiven(withheld=bool(text))
        whole = WHOLE.match(text)
        if whole:
            return placeholder(whole["inside"])
        return Open(text) if INSIDE.search(text) else text

    def raw_string(self) -> str:
        try:
            text, self.at = json.decoder.scanstring(self.text, self.at + 1, False)
        except ValueError:
            self.fail("a closing quotation mark")
        return text

    def object(self) -> dict[str, Any]:
        self.at += 1
        found: dict[str, Any] = {}
        while True:
            char = self.peek()
            if char in ("}", ""):
                self.at += 1
                return found
            if char == ",":
                self.at += 1
                continue
            if char != '"':
                self.fail("a parameter name in quotation marks")
            name = self.raw_string()
            self.colon()
            value = self.value()
            while self.peek() == ":":  # the name was written twice
                self.at += 1
                value = self.value()
            found[name] = value

    def colon(self) -> None:
        if self.peek() != ":":
            self.fail("':'")
        self.at += 1

    def list(self) -> list[Any]:
        self.at += 1
        found: list[Any] = []
        while True:
            char = self.peek()
            if char in ("]", ""):
                self.at += 1
                return found
            if char == ",":
                self.at += 1
                continue
            found.append(self.value())

    def scalar(self) -> Any:
        word = re.compile(r"[^\s,\]}]+").match(self.text, self.at)
        if not word:
            self.fail("a value")
        self.at = word.end()
        known = {"true": True, "false": False, "null": None, "none": None}
        if word[0].lower() in known:
            return known[word[0].lower()]
        try:
            return json.loads(word[0])
        except ValueError:
            return word[0].strip("'")
