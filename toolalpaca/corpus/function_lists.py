"""The list of functions that a model designs, read in the forms in which models write such lists.

What comes out is the form that the prompt `functions` asks for. A list that could be read in two ways, or of
which a part would be lost, is refused with words for the model's next try.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from toolalpaca.files import dumps
from toolalpaca.models.replies import as_json
from toolalpaca.schema import ReplyError

MAX_CHARS = 100_000
NEAR = 1_000  # characters after a head within which its labels begin
MAX_FUNCTIONS = 15  # of a written list; a longer one is a model that does not stop
WORDS = "Description|Inputs?|Parameters|Outputs?|Returns"
IDENTIFIER = r"[A-Za-z_][\w.-]{0,63}"
MARKS = r"[ \t>*_`#\u2022-]{0,12}"
NAMED = re.compile(
    rf"(?m)^{MARKS}(?:\d{{1,2}}[.)])?[*_` \t]{{0,6}}(?:Function[ \t])?Name[*_` \t]{{0,6}}:[*_`\"'\s]{{0,40}}"
    rf"(?P<name>(?!(?:{WORDS})\b){IDENTIFIER})?(?P<rest>[^\n]{{0,300}})"
)
# `1. **searchPets**`, `### searchPets`, `2. getPet - Get one pet.`: a head without `Name:`.
BARE = re.compile(
    r"(?m)^[ \t>]{0,12}(?:(?:#{1,6}[ \t])?[*_]{0,2}(?:Function[ \t])?\d{1,2}[.):]|#{1,6}(?=[ \t])|(?=\*\*|`))"
    rf"[*_` \t]{{0,6}}(?!(?:Name|{WORDS})\b)(?P<name>{IDENTIFIER})(?P<rest>[^\n]{{0,300}})$"
)
DONE = re.compile(r"[*_`\"'.: \t]{0,12}(?:\([^\n]*\))?[*_`\"'.: \t]*")  # nothing more of a head's line
SAID = re.compile(
    r"[*_`]{0,4}(?:\([^()\n]*\))?[*_`]{0,4}[ \t]{0,4}(?::|[-\u2013\u2014][ \t])[*_` \t]{0,6}(?P<text>[^\n]+)"
)
LABEL = re.compile(
    rf"(?m)^{MARKS}(?P<label>{WORDS})(?:[*_` \t]{{0,6}}:[*_` \t]{{0,6}}|[*_]{{2}}[ \t]{{0,6}}$)"
)
KINDS = {"Parameters": "Input", "Returns": "Output"}
NO_INPUT = re.compile(
    r"[(*_`\s-]*(?:none|no (?:required )?(?:inputs?|parameters?|arguments?)(?: (?:needed|required))?"
    r"|n/?a|nothing|empty|-)[.)*_`\s]*",
    re.IGNORECASE,
)
ITEM = re.compile(r"(?P<indent>[ \t]*)(?:[-*+\u2022]|\d{1,2}[.)])[ \t]+(?P<text>\S.*)")
INPUT = re.compile(
    r"[*_`\"']*(?P<name>[A-Za-z_$][\w.$-]*)[*_`\"']*[ \t]*(?P<kind>\([^()]*\))?[*_`]*[ \t]*"
    r"(?P<sign>:|[-\u2013\u2014](?=[ \t])|$)[*_` \t]*(?P<text>.*)"
)
NOISE = re.compile(r"\s*(?:```\w*|[-*_]{3,})\s*")
EXAMPLE = '{"name": "Required. string. What it means."}'


@dataclass(frozen=True)
class Head:
    """Where a function begins: its name, what its line says of it, and where these and its part begin."""

    name: str
    said: str
    start: int
    end: int


def parse_functions(text: str) -> str:
    """The functions in a reply, brought into the form that the prompt asks for.

    Raises:
        ReplyError: `bad_functions`, saying which part of which function cannot be read.
    """
    if len(text) > MAX_CHARS:
        raise _bad(f"the reply has {len(text)} characters; a list of three to seven functions is expected")
    heads = _heads(text)
    if not heads:
        raise _bad("expected a numbered list with `Name:`, `Description:`, `Input:`, `Output:`")
    if len(heads) > MAX_FUNCTIONS:
        raise _bad(f"{len(heads)} functions; expected three to seven")
    if LABEL.search(text, 0, heads[0].start):
        raise _bad("the first function has no name that can be read; begin it with `1. Name: functionName`")
    lines: list[str] = []
    seen = set()
    for number, head in enumerate(heads, 1):
        if head.name in seen:
            raise _bad(f"the function {head.name} is listed twice")
        seen.add(head.name)
        end = heads[number].start if number < len(heads) else len(text)
        lines += _function(number, head, text[head.end : end])
    return "\n".join(lines)


def _heads(text: str) -> list[Head]:
    """The lines at which functions begin. One with `Name:` always does; others where labels follow."""
    found = []
    for match in NAMED.finditer(text):
        if not match["name"] or not (DONE.fullmatch(match["rest"]) or SAID.fullmatch(match["rest"])):
            line = match[0].strip()[:80]
            raise _bad(f"the line {line!r} names no function; expected one camelCase word after `Name:`")
        found.append(Head(match["name"], "", match.start(), match.end()))
    for match in BARE.finditer(text):
        said = SAID.fullmatch(match["rest"])
        if (said or DONE.fullmatch(match["rest"])) and _begins(text, match):
            found.append(Head(match["name"], said["text"] if said else "", match.start(), match.end()))
    return sorted(found, key=lambda head: head.start)


def _begins(text: str, bare: re.Match[str]) -> bool:
    """Whether a function's labels follow a line, after a line of description at most."""
    label = LABEL.search(text, bare.end(), bare.end() + NEAR)
    if not label or _kind(label) == "Output":
        return False
    between = text[bare.end() : label.start()].strip()
    return "\n" not in between and not (between and _kind(label) == "Description")


def _kind(label: re.Match[str]) -> str:
    return KINDS.get(label["label"], label["label"].removesuffix("s"))


def _function(number: int, head: Head, part: str) -> list[str]:
    """A function's four lines.

    Raises:
        ReplyError: a label is missing or there twice, or what follows it cannot be read.
    """
    labels = list(LABEL.finditer(part))
    sections: dict[str, str] = {}
    for index, label in enumerate(labels):
        kind = _kind(label)
        if kind in sections:
            raise _bad(
                f"{head.name}: {kind} is there twice; the function after it has no name that can be read, "
                "begin it with `2. Name: functionName`"
            )
        end = labels[index + 1].start() if index + 1 < len(labels) else len(part)
        sections[kind] = part[label.end() : end].strip("\n").rstrip()
    if labels:
        sections.setdefault("Description", head.said or part[: labels[0].start()])
    for kind in ("Description", "Input", "Output"):
        if not sections.get(kind, "").strip():
            none = "; write `Input: {}` where there is none" if kind == "Input" else ""
            raise _bad(f"{head.name}: {kind} is missing{none}")
    try:
        inputs = _inputs(sections["Input"])
    except (ValueError, RecursionError) as error:
        raise _bad(f"{head.name}: Input cannot be read: {error}") from None
    told = {kind: _paragraph(sections[kind]) for kind in ("Description", "Output")}
    if not all(told.values()):
        raise _bad(f"{head.name}: Description or Output says nothing")
    return [
        f"{number}. Name: {head.name}",
        f"Description: {told['Description']}",
        f"Input: {dumps(inputs)}",
        f"Output: {told['Output']}",
    ]


def _paragraph(text: str) -> str:
    """The first paragraph on one line, without code fences and rules."""
    lines = [line for line in text.strip().split("\n\n")[0].splitlines() if not NOISE.fullmatch(line)]
    return " ".join(" ".join(lines).split()).strip("*_` ")


def _inputs(text: str) -> dict[str, Any]:
    """The inputs: a JSON object, a list with one of them a line, or none in words.

    Raises:
        ValueError: it is none of these, or could be read in two ways.
    """
    if NO_INPUT.fullmatch(text):
        return {}
    start = text.find("{")
    if start >= 0 and text[:start].strip("` \t\n") in ("", "json"):
        return _json_object(text[start:])
    if ITEM.match(text):
        return _listed(text)
    came = text.strip()[:60]
    raise ValueError(f"expected one JSON object such as {EXAMPLE}, or {{}} for none; got {came!r}")


def _json_object(text: str) -> dict[str, Any]:
    decoder = json.JSONDecoder()
    try:
        value, end = decoder.raw_decode(text)
    except ValueError as error:
        mended = as_json(text)
        try:
            value, end = decoder.raw_decode(mended)
        except ValueError:
            raise error from None
        text = mended
    if "{" in text[end:]:
        raise ValueError("more than one JSON object; put all inputs into one")
    return value


def _listed(text: str) -> dict[str, Any]:
    """Inputs as a list: `- species (string, required): Kind of pet.`"""
    kinds: dict[str, str] = {}
    texts: dict[str, str] = {}
    indent, name = len(ITEM.match(text)["indent"]), ""
    for line in text.splitlines():
        item = ITEM.match(line)
        if not line.strip() or NOISE.fullmatch(line):
            continue
        if not item:
            texts[name] = f"{texts[name]} {line.strip()}"
            continue
        if len(item["indent"]) > indent:
            raise ValueError(f"{name!r} has a list inside; write all inputs as one JSON object")
        found = INPUT.fullmatch(item["text"])
        if not found or not (found["kind"] or found["sign"]) or found["name"] in texts:
            raise ValueError(f"{item['text'][:60]!r} is no input; expected one JSON object such as {EXAMPLE}")
        name = found["name"]
        kinds[name], texts[name] = found["kind"] or "", found["text"]
    inputs = {name: _meaning(kinds[name], text) for name, text in texts.items()}
    if any(not meaning for meaning in inputs.values()):
        raise ValueError(f"an input without a meaning; expected one JSON object such as {EXAMPLE}")
    return inputs


def _meaning(kind: str, text: str) -> str:
    """`(string, required)` and a description as the prompt writes them: `Required. string. ...`."""
    needed = re.search(r"\b(required|mandatory|optional)\b", kind, re.IGNORECASE)
    word = ("Optional" if needed[1].lower() == "optional" else "Required") if needed else ""
    rest = re.sub(r"\b(?:required|mandatory|optional)\b", " ", kind.strip("()"), flags=re.IGNORECASE)
    pieces = [word, rest.strip(" ,;./|"), text.strip().strip("*_` ")]
    return " ".join(piece if piece[-1] in ".!?" else f"{piece}." for piece in pieces if piece)


def _bad(why: str) -> ReplyError:
    return ReplyError("bad_functions", why)
