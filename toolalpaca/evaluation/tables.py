"""One table, three renderings: Markdown for a README, CSV for a program, aligned text for a terminal."""

from __future__ import annotations

import csv
import io
import re
import textwrap
import unicodedata
from dataclasses import dataclass, field
from typing import Any

TEXT_WIDTH = 100  # columns of a terminal that a table must fit
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` on one line: control characters, bidirectional overrides and lone surrogates as U+FFFD.

    Names of models and tools come from other people and end in terminals, Markdown and CSV.
    """
    return _CONTROL.sub("\ufffd", text.replace("\n", " ").replace("\t", " "))


@dataclass
class Table:
    """Rows of text cells under a header. A `\\n` in a header cell breaks the line on a terminal."""

    number: str  # "Table 1", or "" for a table that the paper does not have
    title: str
    header: list[str]
    rows: list[list[str]] = field(default_factory=list)
    narrow: list[list[str]] = field(default_factory=list)  # the rows for a terminal, where they differ
    notes: list[str] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)  # what the CSV holds, one figure per row

    @property
    def caption(self) -> str:
        return f"{self.number}. {self.title}" if self.number else self.title

    def markdown(self, level: int = 2) -> str:
        """The table as GitHub-flavoured Markdown, escaped so that no cell can break out of it."""
        lines = ["#" * level + " " + escape(self.caption), ""]
        lines.append("| " + " | ".join(escape(cell.replace("\n", " ")) for cell in self.header) + " |")
        lines.append("| --- " + "| ---: " * (len(self.header) - 1) + "|")
        lines += ["| " + " | ".join(escape(cell) for cell in row) + " |" for row in self.rows]
        lines += ["", *(f"{escape(note)}\n" for note in self.notes)]
        return "\n".join(lines).rstrip() + "\n"

    def text(self, width: int = TEXT_WIDTH) -> str:
        """The table as aligned plain text of at most `width` columns; the first column gives way."""
        split = [printable_lines(cell) for cell in self.header]
        height = max(map(len, split))
        head = [[""] * (height - len(lines)) + lines for lines in split]
        body = [[printable(cell) for cell in row] for row in self.narrow or self.rows]
        widths = [
            max([display_width(line) for line in head[i]] + [display_width(row[i]) for row in body])
            for i in range(len(self.header))
        ]
        widths[0] = max(12, min(widths[0], width - sum(widths[1:]) - 2 * (len(widths) - 1)))
        lines = [self.caption, "-" * min(width, sum(widths) + 2 * (len(widths) - 1))]
        lines += [_line([cell[i] for cell in head], widths) for i in range(height)]
        lines.append("  ".join("-" * w for w in widths))
        lines += [_line(row, widths) for row in body]
        lines += [line for note in self.notes for line in textwrap.wrap(printable(note), width)]
        return "\n".join(line.rstrip() for line in lines) + "\n"

    def csv(self) -> str:
        """`records` as CSV text; the columns are the keys of the first record."""
        stream = io.StringIO()
        if self.records:
            writer = csv.DictWriter(stream, fieldnames=list(self.records[0]), lineterminator="\n")
            writer.writeheader()
            for record in self.records:
                writer.writerow({k: printable(v) if isinstance(v, str) else v for k, v in record.items()})
        return stream.getvalue()


def printable_lines(cell: str) -> list[str]:
    """The lines of a header cell."""
    return [printable(line) for line in cell.split("\n")]


def display_width(text: str) -> int:
    """Terminal columns: East Asian wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def shorten(text: str, width: int) -> str:
    """`text` in at most `width` columns, its middle left out: a path's end says more than its start."""
    if display_width(text) <= width:
        return text
    head, tail = text[: (width - 1) // 3], text
    while tail and display_width(head) + 1 + display_width(tail) > width:
        tail = tail[1:]
    return f"{head}…{tail}"


def _line(cells: list[str], widths: list[int]) -> str:
    first = shorten(cells[0], widths[0])
    parts = [first + " " * (widths[0] - display_width(first))]
    parts += [" " * (w - display_width(c)) + c for c, w in zip(cells[1:], widths[1:], strict=True)]
    return "  ".join(parts)


def escape(text: str) -> str:
    """`text` on one line as Markdown that shows it literally, inside a table cell or outside."""
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_|#!~]|\](?=[\[(:]))", r"\\\1", text)
