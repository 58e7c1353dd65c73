"""API lists of bullets, as "awesome" lists write them: `- [Name](link) - what it does`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolalpaca.corpus.api_tables import heading_at, lines_of, plain, target_of

BULLET = re.compile(r"(?P<indent>[ \t]*)(?:[-*+\u2022]|\d{1,4}[.)])[ \t]+(?P<text>\S.*)")
# A name in a link, in bold or in code, and what follows it
NAMED = re.compile(
    r"(?P<name>!?\[(?:[^\[\]]|\[[^\]]*\])+\](?:\([^()\s]*(?:\([^()]*\)[^()\s]*)*(?:\s[^()]*)?\)|\[[^\]]*\])?|"
    r"\*\*.+?\*\*|__.+?__|`[^`]+`)(?P<rest>.*)"
)
BETWEEN = re.compile(r"\s*(?:[-\u2013\u2014:|\u2192>]+\s*)+")
AUTH = re.compile(
    r"(?i)[(`\[]\s*(api[ -]?key|oauth ?2?|token|no auth|free|key(?: required| needed)?)\s*[)`\]]"
)


def read_bullets(text: str) -> Iterator[dict[str, str]]:
    """The bullets that name an API and say what it does, as rows of a table; the heading is the category.

    A bullet that leads to another place of the page belongs to an index; one without a description is none.
    """
    lines, references = lines_of(text)
    category, fenced = "", False
    for number, line in enumerate(lines):
        if re.match(r" {0,3}(```|~~~)", line):
            fenced = not fenced
        heading = None if fenced else heading_at(lines, number)
        if heading is not None:
            category = heading
            continue
        bullet = None if fenced else BULLET.fullmatch(line.rstrip())
        named = NAMED.match(bullet["text"]) if bullet else None
        if named is None:
            continue
        said = _continued(lines, number, len(bullet["indent"]), named["rest"])
        between = BETWEEN.match(said)
        link = target_of(named["name"], references) or target_of(said, references)
        description = plain(said[between.end() :]) if between else ""
        auth = AUTH.search(said)
        if len(description.split()) < 2 or link.startswith("#"):
            continue
        yield {
            "name": plain(named["name"]).strip("[]: "),
            "description": description,
            "auth": auth[1] if auth and auth[1].lower() not in ("no auth", "free") else "",
            "link": link,
            "category": category,
        }


def _continued(lines: list[str], number: int, indent: int, rest: str) -> str:
    """A bullet's text with the lines that go on with it: indented further, and no bullets themselves."""
    for line in lines[number + 1 :]:
        deeper = len(line) - len(line.lstrip()) > indent
        if not line.strip() or not deeper or BULLET.match(line) or line.lstrip().startswith("|"):
            break
        rest += f" {line.strip()}"
    return rest
