"""The list of instructions that a model writes, item by item, without what the model says about them.

Labels, titles and remarks go; what could be either a remark or a person's own words stays, and
`complaint` drops the instruction with its reason.
"""

from __future__ import annotations

import re

from toolalpaca.models.plain import is_closing, plain_text, unquoted
from toolalpaca.schema import ReplyError

KINDS = (
    r"(?:instruction|request|command|question|query|narrative|story|statement|task|user|prompt|"
    r"(?:first[- ]person|personal) (?:narrative|story))"
)
NUMBER = (
    r"(?:\d{1,3}[.):][*_`]*|"
    r"(?:instruction|request|story|command|question)[ \t]\d{1,3}[*_`]*[.):\n][*_`]*)"
)
ITEM = re.compile(
    rf"(?im)^[ \t>]{{0,12}}(?:[-*•][ \t]+)?[*_`#]{{0,6}}[ \t]{{0,4}}(?:(?P<number>{NUMBER})|[-*•])"
    r"(?:[ \t]+|(?<=\n)|$)"
)
# `**Command:**`, `(Command)`, `[Question]`, `Request 1:`, `Story - `, at an item's beginning.
LABEL = re.compile(
    rf"[*_`]{{0,3}}(?:[\[(][*_`]{{0,3}}{KINDS}(?: \d{{1,3}})?:?[*_`]{{0,3}}[\])]"
    rf"|{KINDS}(?: \d{{1,3}})?[*_`]{{0,3}}(?::| [-–—](?= )))[*_`]{{0,3}}:?[*_`]{{0,3}}\s*",
    re.IGNORECASE,
)
BOLD_LABEL = re.compile(
    rf"\*\*(?:[^*\n]{{1,60}}:\*\*|[^*\n]{{1,60}}\*\*[ \t]?:|{KINDS}(?: \d{{1,3}})?\*\*(?=\s))\s*",
    re.IGNORECASE,
)
TITLE = re.compile(r"(?:\*\*[^*\n.!?]{1,80}\*\*|#{1,6}[ \t][^\n]{1,80})[ \t]*\n")
# Lines that are no part of a request: whole in brackets, behind one of these words, or over a list.
ASIDE = re.compile(r"[*_`\s]{0,9}[(\[][^()\[\]]{1,300}[)\]][*_`.\s]{0,9}")
MISSING = r"(?:missing|omitted|left out|unspecified|not (?:given|specified|provided|mentioned|stated))"
ABOUT = re.compile(
    rf"[*_`\s-]{{0,9}}(?:{MISSING}[\w ]{{0,30}}|uses|scenario|rationale|explanation|expected[\w ]{{0,30}}|"
    r"(?:functions?|calls?|tools?|endpoints?)(?: used| needed| required)?)[*_`]{0,3} {0,3}:",
    re.IGNORECASE,
)
HEADING = re.compile(
    r"[ \t]*(?:#{1,6}[ \t].*|\*\*[^*\n]{1,80}(?::\*\*|\*\*:)|[-*_]{3,}|```\w*|here are [^\n]*:)[ \t]*",
    re.IGNORECASE,
)
# At the end of a request: slanted and in brackets, or in brackets behind a remark's first word.
TAIL = re.compile(
    r"\s{0,3}(?:[*_]{1,3}[(\[][^()\[\]]{1,300}[)\]][*_]{1,3}"
    rf"|[(\[](?:{MISSING}|note|uses|functions?|calls?|needs|requires|hint|scenario)[\w ]{{0,30}}:"
    r"[^()\[\]]{0,300}[)\]])\.?\s*\Z",
    re.IGNORECASE,
)
REMARK = re.compile(
    rf"[(\[][^()\[\]]{{0,80}}\b{MISSING}\b(?! since)[^()\[\]]{{0,80}}[)\]]"
    r"|(?:\A|[.!?]\s)\W{0,3}(?:missing\s?:|(?:note|hint)\s?:[^.!?\n]{0,120}"
    rf"\b(?:{MISSING}|requests?|assistant|users?|functions?|parameters?|API)\b)",
    re.IGNORECASE,
)
LABELLED = re.compile(rf"\s*(?:[\[(][a-z][^\])]{{0,40}}[\])]|{KINDS}(?: \d+)?\s*:)", re.IGNORECASE)


def parse_list(text: str) -> list[str]:
    """The items of a numbered (or bulleted) list, each on one line, with the habits of models cleaned away.

    Raises:
        ReplyError: `no_list`, when the text has no list.
    """
    heads = list(ITEM.finditer(text))
    heads = [head for head in heads if head["number"]] or heads
    if not heads:
        raise ReplyError("no_list", "expected a numbered list of instructions")
    items = []
    for index, head in enumerate(heads):
        last = index + 1 == len(heads)
        body = text[head.end() :] if last else text[head.end() : heads[index + 1].start()]
        if item := _item(body, last):
            items.append(item)
    if not items:
        raise ReplyError("no_list", "the list is empty")
    return items


def labelled(text: str) -> bool:
    """Whether a label that is none of a request's own words is left before it."""
    return bool(LABELLED.match(text))


def remarked(text: str) -> bool:
    """Whether a request holds what may be a remark on it, such as what is missing."""
    return bool(REMARK.search(text))


def _item(body: str, last: bool) -> str:
    """An item's own words on one line: all of its paragraphs, without what stands about them."""
    body = body.strip()
    title = TITLE.match(body)
    body = body[title.end() :] if title else body
    paragraphs = re.split(r"\n[ \t]*\n", body)
    lines = [line for part in (_own(paragraphs) if last else paragraphs) for line in part.splitlines()]
    kept = [line for line in lines if not _about(line)] or lines[:1]
    item = TAIL.sub("", _unlabelled(" ".join(" ".join(kept).split())))
    return unquoted(" ".join(plain_text(item).split()).strip("*_` "))


def _about(line: str) -> bool:
    """Whether a line stands about a request and is none of its own."""
    if LABEL.match(line.strip()):
        return False
    return bool(ASIDE.fullmatch(line) or ABOUT.match(line) or HEADING.fullmatch(line))


def _own(paragraphs: list[str]) -> list[str]:
    """The last item's paragraphs, up to those in which the model speaks for itself."""
    for index, paragraph in enumerate(paragraphs[1:], 1):
        if is_closing(paragraph) or HEADING.match(paragraph.partition("\n")[0]):
            return paragraphs[:index]
    return paragraphs


def _unlabelled(item: str) -> str:
    for _ in range(2):  # `**Request 1:** (Command) Please ...`
        for pattern in (LABEL, BOLD_LABEL):
            found = pattern.match(item)
            item = item[found.end() :] if found else item
    return item
