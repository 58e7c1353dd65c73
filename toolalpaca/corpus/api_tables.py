"""API tables in Markdown lists such as the public-apis README (GitHub-flavoured tables)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

COLUMNS = {
    "name": ("api", "name", "api name", "service"),
    "description": ("description", "about", "details"),
    "auth": ("auth", "authentication", "authorization"),
    "link": ("link", "url", "documentation", "docs"),
    "category": ("category",),
}
# Titles of lists that are no public-apis README; a table of these needs a name and a description alone
OTHER_COLUMNS = {
    "name": (*COLUMNS["name"], "title", "tool", "provider", "project", "product", "apis"),
    "description": (
        *COLUMNS["description"],
        "what it does",
        "purpose",
        "summary",
        "info",
        "notes",
        "function",
    ),
    "auth": (*COLUMNS["auth"], "key", "api key", "apikey", "needs key", "key needed", "access", "login"),
    "link": (*COLUMNS["link"], "website", "homepage", "site", "address", "endpoint", "base url"),
    "category": (*COLUMNS["category"], "topic", "group", "kind", "type"),
}
_INDEX = re.compile(r"(?i)\W*(index|contents|table of contents|toc)\W*")  # an emoji before it
_DELIMITER = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-*:?\s*)*")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$")
_EMPHASIS = re.compile(r"(?<![A-Za-z0-9])(\*\*\*|\*\*|\*|___|__|_|~~)(?=\S)(.+?)(?<=\S)\1(?![A-Za-z0-9])")
_AUTH = re.compile(r"(?i)`[^`]+`|no|none|yes|unknown|api[ -]?key|oauth ?[12]?|token|bearer|basic|")
_QUOTE = re.compile(r"^ {0,3}(?:> ?)+")
_IMAGE = re.compile(r"!\[[^\[\]]*\]\([^()]*\)")
_REFERENCE = re.compile(r"\[([^\[\]]+)\]\[([^\[\]]*)\]")
_FENCE = re.compile(r" {0,3}(```|~~~)")


def read_tables(text: str, loosely: bool = False) -> Iterator[dict[str, str]]:
    """The rows of every API table: name, description, auth, link and category, all plain text.

    A table counts when its header names an API, a description and authentication, and when it stands
    after the list's index (where one stands before tables). Its category is the heading above it, or its own
    `Category` column. `loosely`: other titles of columns are taken, and none for authentication is needed.
    """
    lines, references = lines_of(text)

    def _header(cells: list[str]) -> dict[str, int] | None:
        return _columns(cells, loosely)

    last = max((i for i, line in enumerate(lines) if "|" in line and _header(split_row(line))), default=-1)
    after_index = max((i for i, line in enumerate(lines[:last]) if _is_index(line)), default=-1)
    category, columns, fence, gap = "", None, "", False
    for number, line in enumerate(lines):
        if found := _FENCE.match(line):
            fence = "" if fence == found[1] else (fence or found[1])
            continue
        if fence:
            continue
        heading = heading_at(lines, number)
        if heading is not None:
            category, columns = heading, None
            continue
        if not line.strip():
            gap = True
            continue
        cells = split_row(line) if "|" in line else []
        if len(cells) < 2 or (gap and columns and not line.lstrip().startswith("|") and not _header(cells)):
            if columns and not cells:
                columns = None
            continue
        if header := _header(cells):
            columns, gap = (header if number > after_index else None), False
        elif gap and columns and _DELIMITER.fullmatch("".join(lines[number + 1 : number + 2])):
            columns = None  # another table begins, which is none of APIs
        elif columns and not _DELIMITER.fullmatch(line):
            gap = False
            row = _row(cells, columns, references)
            row["category"] = row.get("category") or category
            yield row


def lines_of(text: str) -> tuple[list[str], dict[str, str]]:
    """A Markdown text's lines without comments and quotation marks, and its link references."""
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    lines = [_QUOTE.sub("", line) for line in text.splitlines()]
    references = {
        m[1].strip().lower(): m[2]
        for line in lines
        if (m := re.match(r" {0,3}\[([^\]]+)\]:\s*<?(\S+?)>?(?:\s|$)", line))
    }
    return lines, references


def split_row(line: str) -> list[str]:
    """The cells of a table row. A pipe that is escaped or stands inside a link is no separator."""
    cells, cell, i = [], "", 0
    line = line.strip()
    pairs = _pairs(line)
    while i < len(line):
        if line[i] == "\\" and line[i + 1 : i + 2] == "|":
            cell += "|"
            i += 2
            continue
        if line[i] == "[" and (end := _link_end(line, i, pairs)):
            cell += line[i:end]
            i = end
            continue
        if line[i] == "|":
            cells.append(cell.strip())
            cell = ""
        else:
            cell += line[i]
        i += 1
    cells.append(cell.strip())
    if cells and not cells[0] and line.startswith("|"):
        cells = cells[1:]
    if cells and not cells[-1] and line.endswith("|"):
        cells = cells[:-1]
    return cells


def plain(text: str) -> str:
    """Markdown and HTML as plain text: links by their text, no images, tags or emphasis."""
    text = _labels(_IMAGE.sub(" ", text))
    text = _REFERENCE.sub(r"\1", text)
    text = re.sub(r"<(https?://[^>\s]+)>", r"\1", text)
    text = re.sub(r"</?[A-Za-z][^<>]*>", " ", text)
    before = None
    while text != before:
        before, text = text, _EMPHASIS.sub(r"\2", text)
    text = re.sub(r"(`+)\s*(.+?)\s*\1", r"\2", text)
    text = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)
    return " ".join(html.unescape(text).split())


def _row(cells: list[str], columns: dict[str, int], references: dict[str, str]) -> dict[str, str]:
    width = columns["width"]
    while len(cells) > width and not cells[-1]:
        cells = cells[:-1]
    cells = _fitted(cells, columns)
    cells += [""] * (width - len(cells))
    row = {key: plain(cells[at]) for key, at in columns.items() if key != "width"}
    row.setdefault("auth", "")
    name = cells[columns["name"]]
    link = target_of(name, references)
    if not link and "link" in columns:
        link = target_of(cells[columns["link"]], references) or row.get("link", "")
    row["link"] = html.unescape(link)
    row["name"] = re.sub(r"^\[(.*)\]$", r"\1", row["name"]).strip()
    return row


def _fitted(cells: list[str], columns: dict[str, int]) -> list[str]:
    """A row with too many cells: a bare pipe split its description, or the last ones are surplus.

    The authentication cell tells which: it holds a word of its own kind (`apiKey`, No).
    """
    at, extra = columns["description"], len(cells) - columns["width"]
    for split in range(extra + 1):
        fitted = [*cells[:at], " | ".join(cells[at : at + split + 1]), *cells[at + split + 1 :]]
        if extra > 0 and "auth" in columns and _AUTH.fullmatch(fitted[columns["auth"]]):
            return fitted[: columns["width"]]
    return cells[: columns["width"]]


def target_of(text: str, references: dict[str, str]) -> str:
    """Where the first link of a text leads; "" where it has none."""
    text = _IMAGE.sub(" ", text)
    pairs = _pairs(text)
    for start in sorted(pairs):
        if text[start] == "[" and (end := _link_end(text, start, pairs)):
            inside = text[pairs[start] + 2 : end - 1].strip()
            return inside[1:].split(">")[0] if inside.startswith("<") else inside.split(" ")[0]
    if m := _REFERENCE.search(text):
        return references.get((m[2] or m[1]).strip().lower(), "")
    if m := re.search(r"(?i)<a\s[^>]*href\s*=\s*[\"']?([^\"'\s>]+)", text):
        return m[1]
    if m := re.search(r"<?(https?://[^\s<>|]+)", text):
        return m[1]
    if m := re.fullmatch(r"\s*\[([^\]]+)\]\s*", text):
        return references.get(m[1].strip().lower(), "")
    return ""


def _labels(text: str) -> str:
    """The text with each inline link's label in its place."""
    pairs, kept, i = _pairs(text), [], 0
    after = {}  # where a label ends: what follows its link
    while i < len(text):
        if i in after:
            i = after[i]
            continue
        if text[i] == "[" and (end := _link_end(text, i, pairs)):
            after[pairs[i]] = end
        else:
            kept.append(text[i])
        i += 1
    return "".join(kept)


def _link_end(text: str, start: int, pairs: dict[int, int]) -> int:
    """Where the link that begins at `start` ends (exclusive); 0 when none begins there."""
    close = pairs.get(start, -1)
    if close < 0 or text[close + 1 : close + 2] != "(":
        return 0
    return pairs.get(close + 1, -1) + 1


def _pairs(text: str) -> dict[int, int]:
    """Where each bracket and parenthesis that has a partner opens, and where it closes."""
    pairs, open_, i = {}, {"]": [], ")": []}, 0
    while i < len(text):
        char = text[i]
        if char == "\\":
            i += 1
        elif char in "[(":
            open_["]" if char == "[" else ")"].append(i)
        elif open_.get(char):
            pairs[open_[char].pop()] = i
        i += 1
    return pairs


def _columns(cells: list[str], loosely: bool) -> dict[str, int] | None:
    """Where a header row has which column; None when it heads no API table."""
    titles = [plain(cell).lower().rstrip(":?") for cell in cells]
    columns = {}
    for key, names in (OTHER_COLUMNS if loosely else COLUMNS).items():
        at = next((titles.index(name) for name in names if name in titles), None)
        if at is not None and at not in columns.values():
            columns[key] = at
    if not {"name", "description", *(() if loosely else ("auth",))} <= columns.keys():
        return None
    return {**columns, "width": len(titles)}


def heading_at(lines: list[str], number: int) -> str | None:
    """The text of a heading, written with # or underlined; None for any other line."""
    line = lines[number]
    if found := _HEADING.fullmatch(line):
        return plain(found[2] or "")
    below = lines[number + 1] if number + 1 < len(lines) else ""
    if line.strip() and "|" not in line and re.fullmatch(r" {0,3}(=+|-{2,})\s*", below):
        return plain(line)
    return None


def _is_index(line: str) -> bool:
    found = _HEADING.fullmatch(line)
    return bool(found and _INDEX.fullmatch(plain(found[2] or "")))
