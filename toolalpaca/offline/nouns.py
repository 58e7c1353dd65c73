"""Noun phrases out of descriptions: what people say for things whose names they would not say."""

from __future__ import annotations

import functools
import re

from toolalpaca.openapi.telling import SHORT, sayable, words_of

MARKUP = re.compile(r"<[^>]{1,200}>|!?\[(?P<text>[^\]]{1,200})\]\([^)]{1,400}\)|[`*]")
START = re.compile(
    r"(?:(?:optional|optionally|required|the|an?|all|any|some|one|this|your|its?|whether|if|when|set|to|true|"
    r"false|yes|no|or|not|that|boolean|flag|string|indicat\w+|specif\w+|determin\w+|includes?|shows?|filters?|"
    r"limits?|enables?|returns?|lists?|of|gets?|provides?|use|used|can|be|should|for)[\s,:]+)+",
    re.IGNORECASE,
)
END = re.compile(
    r"[^\w\s'&-]|\s-|\b(?:by|for|in|from|with|that|which|who|whose|where|when|if|to|as|at|on|into|via|within|through|about|between|contained|using|"
    r"based|given|passed|used|is|are|was|were|has|have|can|will|should|must|may|and|or|whether|associated|"
    r"matching|belonging|including|you|it|we)\b",
    re.IGNORECASE,
)


def unmarked(text: str) -> str:
    """Text in one line without HTML tags, Markdown's marks and the addresses of links."""
    return " ".join(MARKUP.sub(lambda m: m["text"] or "", text).split())


def noun_of(text: str, most: int = 4) -> str:
    """The thing that a description begins with, in at most `most` words: "" where it names none.

    `Whether the sails are up, as of today` -> `sails`.
    """
    text = f"{unmarked(text)} "
    if start := START.match(text):
        text = text[start.end() :]
    end = END.search(text)
    found = text[: end.start() if end else None].lower().split()[:most]
    while found and found[-1] in ("of", "the", "a", "an", "all"):
        found.pop()
    said = " ".join(found).strip("-' ")
    return (
        said if said and all(sayable(word.removesuffix("'s")) for word in found if word.strip("-&'")) else ""
    )


@functools.cache
def spoken_name(path: tuple[str, ...], described: str) -> str:
    """What people say for a parameter or a property of one; "" where neither name nor description tell."""
    if len(path) == 1 and path[0].lower() in SHORT:
        return noun_of(described) or SHORT[path[0].lower()]
    if all(map(sayable, path)):
        return " ".join(word for name in path for word in words_of(name))
    return noun_of(described)
