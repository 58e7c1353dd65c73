"""When two search texts look for the same thing: keywords, and questions in a person's own words."""

from __future__ import annotations

import itertools
import re

from toolalpaca.evaluation.scoring.codes import stands_for
from toolalpaca.evaluation.scoring.sources import Sources
from toolalpaca.evaluation.scoring.values import content, overlap, words

HALF = 0.5  # share of the shorter text's words that two searches for one thing have in common
# What a question is put in; "How many moons does Jupiter have?" looks for "moons of Jupiter".
ASKING = frozenset(
    re.findall(
        r"\w+",
        """calculate compute convert did do doe does fetch find get give had has have how long many much
        number search should show tell what when where which who""",
    )
)


def finds(gold: str, given: str, stated: Sources, contrast: bool = False) -> bool:
    """Whether a search text looks for what the gold one does; `contrast` where the gold's steps differ in it.

    Some words fewer or more will do, a single word has to be there in full. A word that the instruction
    does not have may be added; it takes no other one's place, unless it is short for it ("sqrt", "km"),
    or everything that the gold names or counts is there.
    """
    others = set(words(given)) - set(words(gold)) - stated.word_set
    if any(_typo(one, other) for one in set(words(gold)) - set(words(given)) for other in others):
        return False
    wanted, said = meaning(gold), _short_written_out(meaning(given), gold)
    if _named(gold) and not _named(gold) & said:
        return False  # the population of nothing
    shared = overlap(" ".join(wanted), " ".join(said))
    if wanted <= said:
        return stated.share(" ".join(said)) >= HALF
    added = said - wanted
    if len(gold.split()) < 2 or min(shared, len(wanted & said) / len(wanted)) < HALF:
        return False
    if contrast and added and shared == HALF:
        return False
    return added <= stated.word_set or (bool(_named(gold)) and _named(gold) <= said and shared > HALF)


def meaning(text: str) -> frozenset[str]:
    """The words of a search that say what it is for; all of them where nothing else is there."""
    return content(text) - ASKING or content(text) or frozenset(words(text))


def _named(text: str) -> frozenset[str]:
    """Words of names and numbers in a text; its first word is in capitals for another reason."""
    parts = re.findall(r"\w+", text)
    names = [p for i, p in enumerate(parts) if p[:1].isdigit() or (i and p[:1].isupper())]
    return meaning(" ".join(names)) if names else frozenset()


def _short_written_out(said: frozenset[str], gold: str) -> frozenset[str]:
    """The given words, with those that are short for words of the gold replaced by these."""
    of_gold = [word for word in words(gold) if word not in ASKING]
    spans = [(word,) for word in of_gold] + list(itertools.pairwise(of_gold))
    found: set[str] = set()
    for word in said:
        meant = next((span for span in spans if word not in span and stands_for(word, "".join(span))), None)
        found |= set(meant) if meant and word not in of_gold else {word}
    return frozenset(found)


def _typo(one: str, other: str) -> bool:
    """Whether a word is another one with a letter wrong, missing or too many."""
    if len(one) == len(other):
        return sum(a != b for a, b in zip(one, other, strict=True)) == 1
    short, long = sorted((one, other), key=len)
    return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))
