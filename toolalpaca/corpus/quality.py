"""Quality of instructions: near-duplicates, what must not stand in them, and diversity."""

from __future__ import annotations

import collections
import math
import re
from collections.abc import Iterable

from rapidfuzz.distance import LCSseq

NEAR = 0.7  # ROUGE-L F1 above this is a near-duplicate (the threshold of Self-Instruct, Wang et al. 2022)

PLACEHOLDER = re.compile(
    r"\[[A-Za-z][\w /'-]*\]|<[A-Za-z][\w /'-]*>|\{+[A-Za-z][\w /'-]*\}+"  # [city], <name>, {date}
    r"|\b(?:XYZ|XXX+|ABC[- ]?123|YYYY-MM-DD|MM/DD/YYYY)\b|\b(?:John|Jane) Doe\b|\bfoo ?bar\b|\blorem ipsum\b"
    r"|\b(?i:your|insert|some)[_ ](?i:api[_ ]key|name here|city here|id here|date here)\b|_{3,}",
)
QUOTED = re.compile(r"\"[^\"\n]*\"|“[^”\n]*”|(?<!\w)'[^'\n]*'(?!\w)|(?<!\w)‘[^’\n]*’(?!\w)")
SENTENCE = re.compile(r"(?:^|[.!?:…\n](?<!\b[A-Z]\.))[\s\"'“‘(*-]*$")  # what stands before a sentence
LEAD = re.compile(
    r"^(?:(?:hey|hi|hello|good \w+|okay|ok|so|well|also|then|now|please|kindly|just)\b[,! ]*"
    r"|(?:can|could|would|will) (?:you|i|we)\b|(?:i|we)(?:'d| would) like (?:you )?to\b"
    r"|(?:i|we) (?:want|need|have) (?:you )?to\b|(?:i|we) (?:was|were) \w+ing to\b"
    r"|(?:i'm|i am|we're|we are) (?:trying|hoping|looking|planning|going) (?:to|for)\b"
    r"|is it possible to\b|help me(?: to)?\b|let's\b|my \w+ (?:asked|told) me to\b|[ ,])+",
    re.IGNORECASE,
)


def tokens(text: str) -> list[str]:
    """Words in lower case."""
    return re.findall(r"\w+", text.lower())


def rouge_l(one: list[str], other: list[str], least: float = 0.0) -> float:
    """ROUGE-L F1 of two token lists (Lin, 2004), between 0 and 1; 0.0 when it cannot reach `least`."""
    if not one or not other:
        return 0.0
    needed = math.ceil(least * (len(one) + len(other)) / 2 - 1e-9)
    shared = LCSseq.similarity(one, other, score_cutoff=needed)
    return 2 * shared / (len(one) + len(other))


def near_duplicate(text: str, kept: Iterable[str], threshold: float = NEAR) -> str | None:
    """The first of `kept` that the text nearly repeats, or None."""
    own = tokens(text)
    return next((other for other in kept if rouge_l(own, tokens(other), threshold) > threshold), None)


def names_api(text: str, name: str) -> bool:
    """Whether an instruction names the API.

    A name with inner capitals or digits ("AniAPI") names it in any case, another of several words or of
    capitals alone as it is written. One ordinary word ("Cats", "Market") does where it is used as a name:
    before "API", or with a capital that neither a sentence, a quotation nor a longer name ("Summer
    Market") accounts for.
    """
    name = name.strip()
    if not name:
        return False
    if re.search(rf"(?<!\w){re.escape(name)}['’s]* API\b", text, re.IGNORECASE):
        return True
    if len(name) < 3:
        return False
    if not re.fullmatch(r"[A-Z]?[a-z]+", name):
        coined = re.search(r"[a-z][A-Z]|\d", name) and " " not in name
        return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.I if coined else 0) is not None
    unquoted = QUOTED.sub(lambda quoted: '"' * len(quoted[0]), text)
    return any(_stands_alone(unquoted, found) for found in re.finditer(rf"\b{name.capitalize()}\b", unquoted))


def _stands_alone(text: str, word: re.Match[str]) -> bool:
    """Whether a capitalised word begins no sentence and is no part of a longer name."""
    if SENTENCE.search(text, 0, word.start()) or re.match(r"['’]?[ -](?!I\b)[A-Z]", text[word.end() :]):
        return False
    before = re.search(r"(?<![\w'’])([A-Z][\w'’]*)[ -]$", text[: word.start()])
    return before is None or before[1] == "I" or SENTENCE.search(text, 0, before.start()) is not None


def has_placeholder(text: str) -> bool:
    """Whether something was left to be filled in."""
    return PLACEHOLDER.search(text) is not None


def distinct_n(texts: Iterable[str], n: int) -> float:
    """Distinct n-grams over all n-grams of the texts (Li et al., 2016), between 0 and 1."""
    seen: set[tuple[str, ...]] = set()
    total = 0
    for text in texts:
        words = tokens(text)
        grams = list(zip(*(words[i:] for i in range(n)), strict=False))
        seen.update(grams)
        total += len(grams)
    return len(seen) / total if total else 0.0


def leading_verb(text: str) -> str:
    """The word that says what is asked for: the first after phrases such as "Can you please"."""
    for sentence in re.split(r"(?<=[.!?])\s+", text.strip()):
        found = LEAD.match(sentence)
        rest = tokens(sentence[found.end() :] if found else sentence)
        if rest and (found or sentence == text.strip()):
            return rest[0]
    rest = tokens(text)
    return rest[0] if rest else ""


def verb_diversity(texts: Iterable[str]) -> dict[str, float]:
    """Distinct leading verbs, and their entropy in bits."""
    counts = collections.Counter(leading_verb(t) for t in texts)
    counts.pop("", None)
    total = sum(counts.values())
    entropy = -sum(c / total * math.log2(c / total) for c in counts.values()) if total else 0.0
    return {"distinct": float(len(counts)), "entropy": entropy}
