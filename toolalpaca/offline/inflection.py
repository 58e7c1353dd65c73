"""Forms of English words and identifiers: singular and plural, camelCase, the article."""

from __future__ import annotations

import re

# Nouns that end in s without being plurals.
SINGULAR_S = frozenset(
    ["series", "species", "news", "gas", "status", "address", "access", "analysis", "bus", "lens"]
)


def singular(noun: str) -> str:
    """A rough singular of an English noun phrase in lower case (its last word)."""
    head, space, word = noun.rpartition(" ")
    return f"{head}{space}{_singular(word)}"


def _singular(word: str) -> str:
    if word in SINGULAR_S or word == "lyrics":
        return word
    if word.endswith("ses") and word[:-2] in SINGULAR_S:
        return word[:-2]
    for ending, replacement in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word[: -len(ending)] + replacement
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def plural(noun: str) -> str:
    """The plural of an English noun phrase (its last word)."""
    head, _, last = noun.rpartition(" ")
    if last in ("series", "species", "news", "lyrics", "manga", "anime", "synonyms", "advice", "sheep"):
        many = last
    elif last == "person":
        many = "people"
    elif re.search(r"[^aeiou]y$", last):
        many = last[:-1] + "ies"
    elif last.endswith(("s", "x", "ch", "sh")):
        many = last + "es"
    else:
        many = last + "s"
    return f"{head} {many}" if head else many


def is_plural(noun: str) -> bool:
    """Whether a noun phrase looks like a plural."""
    last = noun.rpartition(" ")[2]
    return last.endswith("s") and not last.endswith(("ss", "us", "is")) and last not in SINGULAR_S


def camel(*parts: str) -> str:
    """Words joined in camelCase."""
    words = re.findall(r"[A-Za-z0-9]+", " ".join(parts))
    return (
        words[0][:1].lower() + words[0][1:] + "".join(w[:1].upper() + w[1:] for w in words[1:])
        if words
        else ""
    )


def words(name: str) -> str:
    """An identifier as words in lower case: `checkInDate`, `check_in-date` -> `check in date`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_\-.\[\]/]+", " ", name)
    return " ".join(spaced.lower().split())


def article(noun: str) -> str:
    """The noun with `a` or `an`."""
    an = re.match(r"[aeio]|u(?!ni|s[aeu]|ui|til|rl)|hour|honest|(?:mp|sms|xml|ml)\b", noun.lower())
    return f"{'an' if an else 'a'} {noun}"
