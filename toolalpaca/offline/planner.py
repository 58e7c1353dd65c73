"""From an instruction back to its calls: the parser of the grammar in asking.py.

Functions are recognised by verb and object, values by the words of their parameter beside them.
Nothing but the documentation and the instruction is needed, so a plan survives a change of process.
For instructions of other people's making the same rules give a best guess.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from toolalpaca.offline.inflection import plural, singular
from toolalpaca.offline.reading import STOPWORDS, Doc, Leaf
from toolalpaca.offline.verbs import ASKS

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
TOKEN = r"[\w'&/:+@%#-]+(?:[.,][\w'&/:+@%#-]+)*"
RUN = r"[A-Z0-9][\w'&/:+@-]*(?:\.[\w'&/:+@-]+)*(?: [A-Z0-9][\w'&/:+@-]*(?:\.[\w'&/:+@-]+)*)*"
QUOTED = r'"[^"\n]*"'
DATE = (
    rf"\d{{4}}-\d\d-\d\d|(?:{'|'.join(MONTHS)}) \d{{1,2}}, \d{{4}}|\d{{1,2}} (?:{'|'.join(MONTHS)}) \d{{4}}"
)
# Words that follow a cue by chance and are no values.
NO_VALUE = r"(?!(?:with|where|using|for|the|and|is|are|of|in|on|as|from|to|same|that|by|please|I)\b)"
NUMBER = r"-?\d+(?:,\d{3})*(?:\.\d+)?"
BOOLEAN = "yes|no|true|false|on|off"
GAP = r"(?: (?:me|us))?(?: (?:the|a|an|some|any|all|my|our|this|that|these|new|list of))* "
BLANK = "\x02"
AGAIN = re.compile(r"\b(?:(?:do|repeat) the same|do it once more) (?:for|with)\b", re.IGNORECASE)
LINK = re.compile(r"(?: (?:is|are|of|to|as|being|should be|set to|equal to|will be))?:? (?:the )?")


@dataclass(frozen=True)
class From:
    """A value to be taken from the response of an earlier call of the plan."""

    call: int


@dataclass
class Call:
    """One planned call. Keys of `values` are the paths of leaves."""

    doc: Doc
    values: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def missing(self) -> list[Leaf]:
        """Required values that the plan does not have."""
        return [leaf for leaf in self.doc.required if leaf.path not in self.values]

    def key(self) -> tuple:
        """What makes two calls equal."""
        return self.doc.name, tuple(sorted((p, repr(v)) for p, v in self.values.items()))


def plan(docs: tuple[Doc, ...], instruction: str) -> list[Call]:
    """The calls that an instruction asks for; [] when no function fits."""
    calls: list[Call] = []
    for doc, text, again in _segments(docs, instruction):
        values, rest = _extract(doc, text)
        call = Call(doc, values)
        if again and calls:
            call.values = {**calls[-1].values, **call.values}
        _resolve(call, calls, docs, rest)
    return calls


def _resolve(call: Call, calls: list[Call], docs: tuple[Doc, ...], text: str) -> None:
    """Append the call, with the lookup that it needs before it."""
    for leaf in call.missing():
        if not leaf.identity:
            continue
        source = next((i for i in reversed(range(len(calls))) if provides(calls[i].doc, leaf)), None)
        if source is None:
            lookup = _lookup(docs, leaf, text, call)
            if lookup is None:
                continue
            calls.append(lookup)
            source = len(calls) - 1
        call.values[leaf.path] = From(source)
    calls.append(call)


def _lookup(docs: tuple[Doc, ...], leaf: Leaf, text: str, wanting: Call) -> Call | None:
    """A search that gives the id and whose own values the text holds."""
    best: Call | None = None
    for doc in docs:
        if doc.family in ("search", "list") and provides(doc, leaf) and doc is not wanting.doc:
            call = Call(doc, extract(doc, text))
            if call.values and not call.missing() and (best is None or len(call.values) > len(best.values)):
                best = call
    return best


def provides(doc: Doc, leaf: Leaf) -> bool:
    """Whether the function's response holds the id (its structure is not always told)."""
    if doc.family not in ("search", "list", "create", "book", "random"):
        return False
    thing = [singular(w) for w in leaf.identity.split()]
    own = {singular(w) for w in doc.object.split()}
    return bool(thing) and all(w in own for w in thing)


# --- which functions -------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def _forms(object_: str) -> tuple[str, ...]:
    """The object as documented, in the plural and in the singular."""
    one = singular(object_)
    return tuple(dict.fromkeys((object_, plural(one), one)))


@functools.cache
def _verb_pattern(family: str, verb: str) -> re.Pattern[str]:
    """The ways to ask for an operation of a family, up to its object."""
    asks = [a.replace(" {}", "") for a in ASKS.get(family, "").split("|") if a]
    asks.append(verb)
    if family in ("search", "list"):
        asks += ["which", "what", "are there any"]
    elif family == "count":
        asks += ["how many"]
    asks.sort(key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, asks))})\b(?:{GAP})?")


def _asked(doc: Doc, lowered: str) -> Iterator[tuple[int, int]]:
    """Where a text asks for a function: start of the verb, end of the object."""
    for found in _verb_pattern(doc.family, doc.verb).finditer(lowered):
        if not doc.object:
            yield found.start(), found.end()
            continue
        # The last filler may belong to the object: "the new messages".
        places = (found.end(), lowered.rfind(" ", 0, found.end() - 1) + 1)
        ends = [p + len(f) for p in places for f in _forms(doc.object) if lowered.startswith(f, p)]
        ends = [end for end in ends if not re.match(r"[\w-]", lowered[end : end + 1])]
        if ends:
            yield found.start(), max(ends)


def _segments(docs: tuple[Doc, ...], instruction: str) -> list[tuple[Doc, str, bool]]:
    """(function, its part of the text, whether it repeats the one before)."""
    masked = lower(re.sub(QUOTED, lambda m: BLANK * len(m[0]), instruction))
    hits: list[tuple[int, int, int, int, Doc | None]] = []
    for order, doc in enumerate(docs):
        if doc.verb:
            for start, end in _asked(doc, masked):
                exact = masked.startswith(doc.verb, start)
                hits.append((start, -len(doc.object) * 2 - exact, order, end, doc))
    hits += [(m.start(), 0, -1, m.end(), None) for m in AGAIN.finditer(masked)]
    hits.sort(key=lambda h: h[:3])
    chosen: list[tuple[int, int, Doc | None]] = []
    for start, _, _, end, doc in hits:
        if not chosen or start >= chosen[-1][1]:
            chosen.append((start, end, doc))
    if not any(doc for _, _, doc in chosen):
        doc = _guess(docs, instruction)
        return [(doc, instruction, False)] if doc else []
    while chosen[0][2] is None:
        chosen.pop(0)
    found_segments, last = [], None
    for index, (start, stop, doc) in enumerate(chosen):
        begin = 0 if index == 0 else start
        end = chosen[index + 1][0] if index + 1 < len(chosen) else len(instruction)
        # The phrase that asks is blanked: its words are no cues for values.
        text = f"{instruction[begin:start]}{BLANK * (stop - start)}{instruction[stop:end]}"
        found_segments.append((doc or last, text, doc is None))
        last = doc or last
    return found_segments


def lower(text: str) -> str:
    """Lower case of the same length."""
    lowered = text.lower()
    return (
        lowered
        if len(lowered) == len(text)
        else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    )


def _guess(docs: tuple[Doc, ...], instruction: str) -> Doc | None:
    """The function that shares most content words with a foreign instruction, if any shares enough."""
    spoken = {singular(w) for w in re.findall(r"[a-z]{3,}", instruction.lower())} - STOPWORDS
    best, top = None, 0.0
    for doc in docs:
        own = {singular(w) for w in doc.object.split()} - STOPWORDS
        shared = len(own & spoken) / len(own) if own else 0.0
        score = shared * 2 + 0.15 * len(doc.content & spoken)
        if score > top:
            best, top = doc, score
    return best if top >= 1.0 else None


# --- which values ----------------------------------------------------------------------------------


def extract(doc: Doc, text: str) -> dict[tuple[str, ...], Any]:
    """The values that the text gives for a function's parameters."""
    return _extract(doc, text)[0]


def _extract(doc: Doc, text: str) -> tuple[dict[tuple[str, ...], Any], str]:
    """The values, and the text with what they used blanked."""
    found: dict[tuple[str, ...], Any] = {}
    lowered = lower(text)
    for leaf in sorted(doc.leaves, key=lambda each: -len(each.words)):
        if leaf.words not in lowered:
            continue
        for start, end, spoken in _spoken_values(leaf, text, lowered):
            value = read_value(leaf, spoken)
            if value is not None:
                found[leaf.path] = value
                # What one parameter has used is not offered to the next.
                text = text[:start] + BLANK * (end - start) + text[end:]
                lowered = lowered[:start] + BLANK * (end - start) + lowered[end:]
                break
    for leaf in doc.leaves:
        word = doc.prepositions.get(leaf.path)
        if (
            word
            and leaf.path not in found
            and (m := _natural_pattern(word, leaf.kind == "date").search(text))
        ):
            value = read_value(leaf, m["value"])
            if value is not None:
                found[leaf.path] = value
                text = text[: m.start("value")] + BLANK * len(m["value"]) + text[m.end("value") :]
    return found, text


def _spoken_values(leaf: Leaf, text: str, lowered: str) -> Iterator[tuple[int, int, str]]:
    """Where the words of a parameter stand beside a value: start and end of both, and the value."""
    value, before = _value_patterns(_value_regex(leaf))
    start = lowered.find(leaf.words)
    while start >= 0:
        end = start + len(leaf.words)
        whole = not re.match(r"[\w-]", text[end : end + 1]) and not re.match(
            r"[\w-]", text[start - 1 : start]
        )
        if whole:
            if lowered.endswith(" as the ", 0, start):
                for found in before.finditer(text, 0, start):
                    if found.end() == start:
                        yield found.start(), end, found["value"]
            link = LINK.match(lowered, end)
            if link and (found := value.match(text, link.end())):
                yield start, found.end(), found[0]
        start = lowered.find(leaf.words, end)


def _value_regex(leaf: Leaf) -> str:
    if leaf.type == "array":
        item = _choices(leaf.choices) if leaf.choices else f"{QUOTED}|{NO_VALUE}{TOKEN}"
        return rf"(?:{item})(?:, (?:{item}))*(?:,? and (?:{item}))?"
    if leaf.type == "boolean":
        return rf"(?:{BOOLEAN})\b"
    if leaf.choices:
        return _choices(leaf.choices)
    if leaf.type in ("integer", "number"):
        return rf"{NUMBER}(?![\w-])"
    if leaf.kind == "date":
        return DATE
    return f"{QUOTED}|{NO_VALUE}{RUN}|{NO_VALUE}{TOKEN}"


@functools.lru_cache(maxsize=4096)
def _choices(choices: tuple[str, ...]) -> str:
    listed = sorted(choices, key=len, reverse=True)
    options = "|".join(re.escape(c).replace(r"\_", "[_ ]").replace("_", "[_ ]") for c in listed)
    return rf"(?i:{options})(?![\w-])"


@functools.lru_cache(maxsize=1024)
def _value_patterns(value: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A value where it begins, and a value before "as the"."""
    return re.compile(value), re.compile(rf"(?<![\w\"-])(?P<value>{value}) as the ")


@functools.cache
def _natural_pattern(word: str, dated: bool) -> re.Pattern[str]:
    """How people give a value without naming what it is: `in Lisbon`, `on 2024-05-01`, `from A to B`."""
    return re.compile(rf"(?<![\w-]){word} (?P<value>{DATE if dated else RUN})")


def read_value(leaf: Leaf, text: str) -> Any:
    """The JSON value of a spoken one, or None when it cannot be."""
    text = text.strip()
    if leaf.type == "array":
        pieces = [p.strip().strip('"') for p in re.split(r",? and |, ", text)]
        if leaf.items in ("integer", "number"):
            numbers = [_number(p, leaf.items) for p in pieces]
            return None if None in numbers else numbers
        return [_choice(leaf, p) for p in pieces]
    if leaf.type == "boolean":
        return text.lower() in ("yes", "true", "on")
    if leaf.choices:
        choice = _choice(leaf, text)
        return _number(choice, leaf.type) if leaf.type in ("integer", "number") else choice
    if leaf.type in ("integer", "number"):
        return _number(text, leaf.type)
    text = text.strip('"')
    return iso_date(text) if leaf.kind == "date" else text or None


def _choice(leaf: Leaf, text: str) -> str:
    spoken = text.lower().replace(" ", "_")
    return next((c for c in leaf.choices if c.lower().replace(" ", "_") == spoken), text)


def _number(text: str, kind: str) -> int | float | None:
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        return None
    if value == int(value) and "." not in text:
        return int(value)
    return value if kind == "number" else None


def iso_date(text: str) -> str:
    """A spoken date as YYYY-MM-DD."""
    if found := re.fullmatch(r"(\w+) (\d{1,2}), (\d{4})", text):
        month, day, year = found.groups()
    elif found := re.fullmatch(r"(\d{1,2}) (\w+) (\d{4})", text):
        day, month, year = found.groups()
    else:
        return text
    return f"{year}-{MONTHS.index(month) + 1:02}-{int(day):02}" if month in MONTHS else text
