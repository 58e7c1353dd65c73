"""The teacher as the person who asked: answers to an assistant's questions, however they are put.

What the request holds is given again; what it lacks is made up as the documentation describes it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from toolalpaca.offline import fields, phrasing, planner
from toolalpaca.offline.asking import People
from toolalpaca.offline.describing import kind_of
from toolalpaca.offline.inflection import singular
from toolalpaca.offline.reading import STOPWORDS, Doc, Leaf

MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
DAY = r"\d{1,2}(?:st|nd|rd|th)?"
FORMS = {  # how a value of a kind looks wherever it stands
    "email": r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    "url": r"https?://[^\s,;\"')]+[^\s,;\"').!?]",
    "date": rf"\d{{4}}-\d\d-\d\d|\b{MONTH} {DAY}(?:, \d{{4}})?\b|\b{DAY} {MONTH}(?: \d{{4}})?\b",
    "time": r"\b\d{1,2}:\d\d(?: ?[ap]\.?m\b)?|\b\d{1,2} ?[ap]m\b",
    "phone": r"\+?\d[\d() -]{7,}\d",
    "ip": r"\b\d{1,3}(?:\.\d{1,3}){3}\b",
}  # fmt: skip
SECRET = re.compile(r"\b(?:api key|password|token|internal|ids?|identifier)\b")
CODE = re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])(?!\d+(?:st|nd|rd|th|am|pm)\b)[\w-]{4,}")
VALUE = re.compile(r"\d|[\"“]|\b(?:next|last|this|today|tomorrow)\b|(?<=[a-z:,] )[A-Z][a-z]")
EXAMPLE = re.compile(r"(?:e\.g\.,?|such as|for example,?) ['\"]?([\w+-]+)")
AGREEING = re.compile(
    r"\s*(?:shall|should|do you want|would you like|can you confirm|is (?:that|this|it)|may) ", re.I
)
UNKNOWN = "I'm sorry, I don't know that."
NO_PREFERENCE = "I have no preference, please decide for me."
IDLE = STOPWORDS | {
    "you", "may", "kind", "much", "did", "him", "her", "them", "they", "who", "whom",
    "would", "like", "please", "could", "provide", "tell", "need", "want", "know", "should", "exact", "value",
    "specify", "when", "where", "does", "name", "give", "must", "will", "there",
}  # fmt: skip


def user_reply(instruction: str, docs: tuple[Doc, ...], question: str, seed: int) -> str:
    """What the person answers to the assistant's question: the same whenever it is asked."""
    asked = question.lower()
    # What the request itself lacks comes before the like-named parameters of other functions.
    lacking = [(c.doc, x) for c in planner.plan(docs, instruction) for x in c.missing() if x.words in asked]
    if lacking:
        return _made(instruction, docs, *_longest(lacking), seed)
    kind = kind_of(asked)
    if held := _held(instruction, kind):
        return held
    found = _parameter(docs, asked, kind)
    if SECRET.search(found[1].words if found else asked):
        return coded(instruction) or UNKNOWN
    if found is None:
        if kind:
            value = fields.string(fields.rng_of(seed, instruction, kind), kind, seed)
            return f"It is {value}."
        return again(instruction, question) or ("Yes, please." if AGREEING.match(question) else NO_PREFERENCE)
    doc, leaf = found[0], _typed(found[1], kind)
    stated = _stated(instruction, leaf)
    if leaf.kind == "text" and stated:  # where a text ends is hard to tell
        return stated
    if (value := _in_request(instruction, leaf)) is not None:
        rng = fields.rng_of(seed, instruction, leaf.words)
        return f"The {leaf.words} is {phrasing.spoken(rng, leaf, value)}."
    return stated or _made(instruction, docs, doc, leaf, seed)


def from_request(instruction: str, question: str) -> str:
    """What the request itself says to a question; "" where it says nothing."""
    return _held(instruction, kind_of(question.lower())) or again(instruction, question)


def coded(instruction: str) -> str:
    """The sentence of the request that holds a code (letters with digits); "" for none."""
    found = [s for s in _sentences(instruction) if CODE.search(s)]
    return f"As I said: {' '.join(found)}" if found else ""


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", text.strip())


def again(instruction: str, question: str) -> str:
    """The sentence of the request that the question is about; "" where none shares two words with it."""
    wanted = _content(question)
    best = max(_sentences(instruction), key=lambda sentence: len(wanted & _content(sentence)))
    return f"As I said: {best}" if len(wanted & _content(best)) >= 2 else ""


def _stated(instruction: str, leaf: Leaf) -> str:
    """The last sentence of the request that names a parameter and holds something like a value."""
    told = [s for s in _sentences(instruction) if _content(leaf.words) & _content(s) and VALUE.search(s)]
    return f"As I said: {told[-1]}" if told else ""


def _content(text: str) -> set[str]:
    return {singular(w) for w in re.findall(r"[^\W\d_]{3,}", text.lower())} - IDLE


def _longest(pairs: list[tuple[Doc, Leaf]]) -> tuple[Doc, Leaf]:
    return max(pairs, key=lambda pair: len(pair[1].words))


def _held(instruction: str, kind: str) -> str:
    """The request's own value of a kind that is known by its form."""
    found = [s for s in _sentences(instruction) if kind in FORMS and re.search(FORMS[kind], s)]
    values = [m[0] for s in found for m in re.finditer(FORMS[kind], s)]
    if len(values) > 1:  # which of them is meant stands around them
        return f"As I said: {' '.join(found)}"
    return f"It is {values[0]}, as I wrote." if values else ""


def _parameter(docs: tuple[Doc, ...], asked: str, kind: str) -> tuple[Doc, Leaf] | None:
    """The parameter that a question is about: by its words, by the kind of its values, by what it means."""
    leaves = [(d, x) for d in docs for x in d.leaves]
    telling = [(d, x) for d, x in leaves if len(x.words) > 2 and x.words not in STOPWORDS]
    if named := [pair for pair in telling if re.search(rf"\b{re.escape(pair[1].words)}\b", asked)]:
        return _longest(named)
    if kind and (alike := [pair for pair in leaves if pair[1].kind == kind and pair[1].type == "string"]):
        return max(alike, key=lambda pair: pair[1].required)
    wanted = _content(asked)

    def nearness(leaf: Leaf) -> int:
        own = wanted & _content(leaf.words)
        counted = leaf.type == "integer" and "how many" in asked
        return 2 * len(own) + len(wanted & _content(leaf.meaning) - own) + counted

    best = max(leaves, key=lambda pair: (nearness(pair[1]), pair[1].required), default=None)
    return best if best and nearness(best[1]) >= 2 else None


def _typed(leaf: Leaf, kind: str) -> Leaf:
    """The parameter, of the kind that the question or its description tells where its name does not."""
    described = kind_of(leaf.meaning)
    kind = described if described in ("email", "url", "phone", "ip") else kind
    vague = leaf.type == "string" and leaf.kind in ("word", "person", "text") and not leaf.choices
    return replace(leaf, kind=kind) if vague and kind and not leaf.bounds and not leaf.identity else leaf


def _in_request(instruction: str, leaf: Leaf) -> Any:
    """The value that the request gives for a parameter; None for none."""
    for choice in leaf.choices:
        if re.search(rf"\b{re.escape(choice.replace('_', ' '))}\b", instruction, re.IGNORECASE):
            return choice
    return planner.extract(Doc("", "", "", "", "", (leaf,)), instruction).get(leaf.path)


def _made(instruction: str, docs: tuple[Doc, ...], doc: Doc, leaf: Leaf, seed: int) -> str:
    """A value that could be one, in the documented form; nobody knows an id by heart."""
    if leaf.identity:
        return UNKNOWN
    rng = fields.rng_of(seed, instruction, leaf.words)
    value = People(docs, seed).value(rng, doc, leaf)
    if leaf.kind == "word" and not leaf.choices and not leaf.bounds and not fields.has_pool(leaf.path[-1]):
        if example := EXAMPLE.search(leaf.meaning):
            value = example[1]
        elif not leaf.required and leaf.type in ("string", "array"):
            return NO_PREFERENCE  # any word would do as badly
    return f"The {leaf.words} is {phrasing.spoken(rng, leaf, value)}."
