"""Plain text of what chat models write: without Markdown, and without what they say about their own text."""

from __future__ import annotations

import re

RULE = re.compile(r"[ \t]*(?:```\w*|~~~\w*|(?:[-*_][ \t]?){3,})[ \t]*")
# What stands before a line's own words: quotes, headings, bullets.
BEFORE = re.compile(r"(?P<indent>[ \t]*)(?:>[ \t]?|#{1,6}[ \t]+|[-*+\u2022][ \t]+)+")
LINK = re.compile(r"!?\[([^\[\]\n]{1,300})\]\((https?://[^()\s]{1,500})\)")
BOLD = re.compile(r"(?<![*_])(\*{2,3}|_{2,3})(?=[^\s*_])([^\n]{1,300}?)(?<=[^\s*_])\1(?![*_])")
SLANTED = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]{1,500})(?<=[^\s*])\*(?![\w*])")
UNDERLINED = re.compile(r"(?<![\w/])_(?=[^\s_])([^_\n]{1,500})(?<=[^\s_])_(?![\w/])")
CODE = re.compile(r"(?<!`)`([^`\n]{1,500})`(?!`)")
SPEAKER = re.compile(
    r"[*_`\"]{0,3}(?:You|User|Me|Customer|Person|Human|Reply|My (?:answer|reply))"
    r"[*_`]{0,2}[ \t]{0,3}:[*_`]{0,2}\s*",
    re.IGNORECASE,
)
OTHER_SPEAKER = re.compile(r"\n[*_]{0,2}(?:Assistant|You|User|Human)[*_]{0,2}[ \t]{0,3}:")
OPENING = re.compile(
    r"[*_#\s]{0,6}(?:(?:sure|certainly|of course|absolutely|okay)\b[^.:!,\n]{0,40}[.!,:]\s+)?"
    r"(?:(?:here(?:'s|\u2019s| is| are)|below (?:is|are))\b[^.:\n]{0,120}:|"
    r"(?:the )?(?:introduction|paragraph)\b[*_]{0,2}:)"
    r"[*_]{0,2}\s*|(?:sure|certainly|of course|okay)[!.]\s+",
    re.IGNORECASE,
)
TITLE = re.compile(r"\s{0,9}(?:#{1,6}[ \t][^\n]*|\*\*[^*\n]{1,80}\*\*:?[ \t]*)\n+(?=\S)")
WORDS = r"(?:approx\w*\.? ?|about |~)?\d{1,4}(?: words)?\.?"
COUNT = re.compile(
    rf"\s{{0,9}}[(\[*_]{{0,3}}(?:word count[*_]{{0,2}} ?:?[*_]{{0,2}} ?{WORDS}|(?<=[(\[])\d{{1,4}} words)"
    r"[)\]*_]{0,3}\s*\Z",
    re.IGNORECASE,
)
CLOSING = re.compile(
    r"[*_(\s]{0,4}(?:let me know\b|feel free\b|would you like\b|i hope (?:this|these)\b|"
    r"hope (?:this|these)\b|"
    r"if you(?:'d| would)? (?:like|need|want)\b[^\n]{0,80}\b(?:let me know|more|adjust|change)|"
    r"(?:these|the above|all of these|each of these|this|all the|each) (?:\w+ ){0,2}"
    r"(?:requests?|instructions?|stories|examples|questions|list|paragraph|introduction)\b)",
    re.IGNORECASE,
)


def plain_text(text: str) -> str:
    """A text without the marks of Markdown; words, numbers and line breaks stay.

    Bold and slanted words, code, headings, bullets, quotes, rules and fences lose their marks, a link keeps
    its address in parentheses. What only looks like a mark stays: `3 * 4`, `pet_id`, `-5`, numbered lists.
    """
    lines = []
    for line in text.strip().split("\n"):
        if not RULE.fullmatch(line):
            marks = BEFORE.match(line)
            lines.append(marks["indent"] + line[marks.end() :] if marks else line)
    text = LINK.sub(r"\1 (\2)", "\n".join(lines))
    for _ in range(2):  # bold within slanted, and the other way round
        text = BOLD.sub(r"\2", text)
        text = UNDERLINED.sub(r"\1", SLANTED.sub(r"\1", text))
    text = CODE.sub(r"\1", text)
    return re.sub(r"\n[ \t]*(?:\n[ \t]*)+", "\n\n", text).strip()


def spoken(text: str) -> str:
    """A person's reply as they would say it: no name before it, no quotes around it, no dialogue after it."""
    text = text.strip()
    found = SPEAKER.match(text)
    text = OTHER_SPEAKER.split("\n" + text[found.end() if found else 0 :])
    text = plain_text(text[0] or "".join(text[1:2]))
    return unquoted(text)


def unquoted(text: str) -> str:
    """A text without the one pair of quotation marks that stands around all of it."""
    pairs = {'"': '"', "\u201c": "\u201d"}
    closing = pairs.get(text[:1])
    whole = len(text) > 1 and text.endswith(closing) and closing not in text[1:-1] if closing else False
    return text[1:-1].strip() if whole else text


def without_comment(text: str) -> str:
    """A text without what a model says before it ("Here is the introduction:") and after it (word counts)."""
    text = text.strip()
    for pattern in (OPENING, TITLE, OPENING):
        found = pattern.match(text)
        text = text[found.end() :] if found else text
    paragraphs = re.split(r"\n[ \t]*\n", text)
    while len(paragraphs) > 1 and (is_closing(paragraphs[-1]) or not COUNT.sub("", paragraphs[-1])):
        paragraphs.pop()
    return COUNT.sub("", "\n\n".join(paragraphs)).strip()


def is_closing(paragraph: str) -> bool:
    """Whether a last paragraph is the model speaking of what it wrote."""
    return bool(CLOSING.match(paragraph))
