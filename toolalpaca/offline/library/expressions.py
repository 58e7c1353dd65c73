"""Expressions of authored worlds: Python expressions over records, parameters and tables, by simpleeval."""

from __future__ import annotations

import ast
import datetime
import functools
import hashlib
import math
import re
import unicodedata
from collections import Counter
from typing import Any

import simpleeval

NOW = "2025-06-12T09:30:00Z"
TODAY = "2025-06-12"
EARTH_KM = 6371.0088


class ExpressionError(Exception):
    """An expression cannot be evaluated; the message says which and why."""


class Record(dict):
    """A record whose missing fields are None."""

    def __missing__(self, key: Any) -> None:
        return None


def as_record(value: Any) -> Any:
    """A JSON value whose objects are records."""
    if isinstance(value, dict):
        return Record({key: as_record(item) for key, item in value.items()})
    return [as_record(item) for item in value] if isinstance(value, list) else value


def folded(text: Any) -> str:
    """Lower case, without accents."""
    decomposed = unicodedata.normalize("NFKD", str(text).casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def has(text: Any, part: Any) -> bool:
    """Whether `part` occurs in a text, or in an entry of a list, whatever the case and accents."""
    if text is None or part is None:
        return False
    if isinstance(text, list):
        return any(has(entry, part) for entry in text)
    return folded(part) in folded(text)


def same(a: Any, b: Any) -> bool:
    """Whether two texts are equal, whatever the case and accents."""
    return a is not None and b is not None and folded(a).strip() == folded(b).strip()


def words(text: Any, query: Any) -> bool:
    """Whether every word of `query` occurs in `text`."""
    return text is not None and all(has(text, word) for word in str(query).split())


def find(table: list, name: str, value: Any) -> Any:
    """The first record whose field equals `value`, or None."""
    return next((row for row in table if row.get(name) == value), None)


def all_of(table: list, name: str, value: Any) -> list:
    """All records whose field equals `value`."""
    return [row for row in table if row.get(name) == value]


def new_id(table: list, prefix: str, start: int, name: str = "id") -> Any:
    """The next free id: `prefix` and a number from `start` on; an integer where `prefix` is empty."""
    taken = {row.get(name) for row in table}
    number = start
    while (f"{prefix}{number}" if prefix else number) in taken:
        number += 1
    return f"{prefix}{number}" if prefix else number


def field(rows: list, name: str) -> list:
    """The values of a field."""
    return [row.get(name) for row in rows]


def pick(row: dict, *names: str) -> dict:
    """A record with these fields alone."""
    return {name: row.get(name) for name in names}


def merge(row: dict, other: dict) -> dict:
    """Both records in one."""
    return {**row, **other}


def _date(text: Any) -> datetime.date:
    return datetime.date.fromisoformat(str(text)[:10])


def days(a: Any, b: Any) -> int:
    """Days from date a to date b."""
    return (_date(b) - _date(a)).days


def plus_days(date: Any, n: int) -> str:
    """The date n days later, as YYYY-MM-DD."""
    return (_date(date) + datetime.timedelta(days=int(n))).isoformat()


def weekday(date: Any) -> str:
    """Monday to Sunday."""
    return _date(date).strftime("%A")


def km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance in kilometres (haversine)."""
    a, b, c, d = map(math.radians, (lat1, lon1, lat2, lon2))
    h = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * EARTH_KM * math.asin(math.sqrt(h))


def page(rows: list, number: int, size: int) -> list:
    """One page, numbered from 1."""
    return rows[(int(number) - 1) * int(size) : int(number) * int(size)]


def group(rows: list, name: str) -> list:
    """Values of a field with their counts, most frequent first."""
    return [{"value": value, "count": count} for value, count in Counter(field(rows, name)).most_common()]


def digest(text: Any, n: int = 8) -> str:
    """n hexadecimal digits that depend on the text alone."""
    return hashlib.sha256(str(text).encode()).hexdigest()[: int(n)]


def matches(pattern: str, text: Any) -> bool:
    """Whether all of a text has the form of a short regular expression of the world's author."""
    return text is not None and re.fullmatch(pattern, str(text)) is not None


HELPERS = (
    has, same, words, find, all_of, new_id, field, pick, merge, days, plus_days, weekday, km, page, group,
    digest, matches,
)  # fmt: skip
BUILTINS = (
    sum, min, max, len, round, sorted, abs, int, float, str, any, all, set, range, zip, enumerate, list, dict,
    tuple, bool, reversed,
)  # fmt: skip
FUNCTIONS = {function.__name__: function for function in (*HELPERS, *BUILTINS)}


@functools.lru_cache(maxsize=20_000)
def parsed(expression: str) -> ast.AST:
    """The syntax tree of an expression.

    Raises:
        ExpressionError: it is none.
    """
    try:
        return simpleeval.SimpleEval.parse(expression.strip())
    except Exception as error:
        raise ExpressionError(f"{expression!r} is no expression: {error}") from None


@functools.lru_cache(maxsize=20_000)
def names_in(expression: str) -> frozenset[str]:
    """Names that an expression mentions, `args['x']` as x."""
    found = set()
    for node in ast.walk(parsed(expression)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and node.value.id == "args"
            and isinstance(node.slice, ast.Constant)
        ):
            found.add(str(node.slice.value))
    return frozenset(found)


def evaluate(expression: Any, names: dict[str, Any]) -> Any:
    """The value of an expression; anything but a text is its own value.

    Raises:
        ExpressionError: it cannot be evaluated with these names.
    """
    if not isinstance(expression, str):
        return expression
    tree = parsed(expression)
    evaluator = simpleeval.EvalWithCompoundTypes(functions=FUNCTIONS, names=names)
    try:
        value = evaluator.eval(expression, previously_parsed=tree)
    except Exception as error:
        raise ExpressionError(f"{expression!r}: {type(error).__name__}: {error}") from error
    return list(value) if isinstance(value, (set, range, tuple, zip, enumerate, reversed)) else value


def fill(text: str, names: dict[str, Any]) -> str:
    """A text with each {expression} replaced by its value."""
    return re.sub(r"\{([^{}]+)\}", lambda found: str(evaluate(found[1], names)), text)
