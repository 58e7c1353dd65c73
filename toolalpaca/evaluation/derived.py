"""Numbers that follow from what was said and seen: rounded, in another unit, counted, summed, subtracted.

Observations are read as JSON, so that sums and differences are of one field or of one record; what is near
any two numbers would be near everything.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from toolalpaca.evaluation.scoring.sources import Sources
from toolalpaca.evaluation.scoring.values import NUMBER_WORDS, plain
from toolalpaca.models.react import read_response

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
TIME = re.compile(
    r"(?<![\d:])(\d{1,2})[:.]([0-5]\d)(?::[0-5]\d)?(?![\d:])(?:\s*([ap])\.?m\b)?", re.IGNORECASE
)
# Of cents, thousands, time, and lengths and weights: a unit is often another one than the observation's
SCALES = (100, 1000, 60, 3600, 24, 7, 12, 1e6, 1e9, 1024, 1024**2, 1.609344, 0.3048, 2.54, 0.45359237, 1.852)
_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth",
)  # fmt: skip
SPELLED = {
    **{word: float(number) for word, number in NUMBER_WORDS.items()},
    **{word: float(number) for number, word in enumerate(_ORDINALS, 1)},
    **{"half": 0.5, "quarter": 0.25, "once": 1.0, "twice": 2.0, "pair": 2.0, "couple": 2.0},
}
ID = re.compile(r"(?:^|_|-)(?:id|ID|Id)$|[a-z](?:Id|ID)$")
MANY = 60  # numbers of a kind of which pairs are looked at
RANGE = re.compile(r"\b(\d+) ?(?:-|–|to|through|until|and|up to) ?(\d+)\b")


@dataclass(frozen=True)
class Seen:
    """What a fact may follow from: what was said, what was observed, what is documented."""

    said: tuple[str, ...]
    observed: tuple[str, ...]
    documented: str = ""

    @functools.cached_property
    def sources(self) -> Sources:
        return Sources(*self.said, *self.observed, self.documented)

    @functools.cached_property
    def joined(self) -> str:
        return plain(self.sources.text)

    @functools.cached_property
    def tokens(self) -> frozenset[float]:
        """Numbers that stand there, also as a part of a date, a time or a code, and spelled out."""
        found = {value(n) for n in NUMBER.findall(self.joined)}
        found |= {float(n) for n in re.findall(r"\d+", self.joined)}
        return frozenset(found | {SPELLED[w] for w in spelled(self.joined) if w in SPELLED})

    @functools.cached_property
    def stated(self) -> list[float]:
        """Numbers of what was said."""
        text = plain("\n".join(self.said))
        in_words = [SPELLED[w] for w in spelled(text) if w in SPELLED]
        return list(dict.fromkeys([value(n) for n in NUMBER.findall(text)] + in_words))[:MANY]

    @functools.cached_property
    def records(self) -> list[dict[str, float]]:
        """Numbers of every object that was observed, by field."""
        return [r for body in self._bodies for r in _records(body) if r]

    @functools.cached_property
    def fields(self) -> dict[str, list[float]]:
        """Numbers that were observed, by field."""
        found: dict[str, list[float]] = defaultdict(list)
        for record in self.records:
            for name, number in record.items():
                found[name].append(number)
        for body in self._bodies:
            for numbers in _plain_lists(body):
                found["[]"] += numbers
        return found

    @functools.cached_property
    def longest(self) -> int:
        """Entries of the longest list that was observed."""
        return max((len(entries) for body in self._bodies for entries in _lists(body)), default=0)

    @functools.cached_property
    def _bodies(self) -> list[Any]:
        return [_loaded(text) for text in self.observed]

    @functools.cached_property
    def days(self) -> list[datetime.date]:
        """Days that stand there with their year."""
        return sorted({datetime.date(y, m, d) for y, m, d in self.sources.days if y})[:MANY]

    @functools.cached_property
    def minutes(self) -> list[int]:
        """Times of the day that stand there, in minutes after midnight."""
        return sorted({minutes_of(found) for found in TIME.finditer(self.joined)})[:MANY]


def number_follows(text: str, seen: Seen) -> bool:
    """Whether a number stands there, rounded or in another unit, or is a count, a sum, a difference."""
    if text.count(".") > 1:
        return text in seen.joined  # a version
    wanted, places = value(text), len(text.partition(".")[2])
    if wanted in seen.tokens or (wanted.is_integer() and wanted <= min(seen.longest, 60)):
        return True
    if any(int(a) <= wanted <= int(b) for text in seen.said for a, b in RANGE.findall(text)):
        return True
    observed = [n for numbers in seen.fields.values() for n in numbers]
    if any(_is_about(wanted, n, places) for n in [*observed, *seen.stated]):
        return True
    return any(near(wanted, n, places) for n in _derived(seen, wanted, places))


def value(text: str) -> float:
    """The number that a text writes: 1,200.50 or 2.5 or 2,5; not a number for a version."""
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return math.nan


def near(wanted: float, number: float, places: int) -> bool:
    """Whether a number is the wanted one, said with so many decimal places."""
    if math.isnan(number) or math.isinf(number):
        return False
    return abs(wanted - number) < 1e-9 or abs(wanted - round(number, places)) < 1e-9


def _is_about(wanted: float, number: float, places: int) -> bool:
    """Whether people say the one for the other: 31,846 are about 31,800, 14.7 full days are 14."""
    if places or not 10 <= number < math.inf:
        return False
    shown = str(int(wanted))
    zeros = len(shown) - len(shown.rstrip("0"))
    rounded = number >= 100 and 0 < zeros < len(shown) - 1 and wanted == round(number, -zeros)
    return rounded or wanted == math.floor(number)


def _derived(seen: Seen, wanted: float, places: int) -> Iterator[float]:
    """Numbers that follow; few of them for a small whole number, which is near too much."""
    whole = places == 0 and wanted < 20
    observed = [n for numbers in seen.fields.values() for n in numbers]
    known = [*seen.stated, *observed[:400]]
    yield from known
    for n in known:
        scaled = (r for k in SCALES for r in (n * k, n / k))
        yield from (r for r in scaled if not whole or r.is_integer())
        yield from (n * 9 / 5 + 32, (n - 32) * 5 / 9)
        yield from () if whole else (n / 2, n / 3, n / 4)
    for numbers in seen.fields.values():
        if len(numbers) > 1:
            yield from _of_a_field(numbers, whole)
    for record in seen.records[:MANY]:
        yield from _pairs(list(record.values()), whole)
    for n in seen.stated:
        for other in observed[:MANY]:
            yield from _pairs([n, other], whole)
    yield from _pairs(seen.stated, whole)
    for a, b in itertools.combinations(seen.days, 2):
        gap, months = (b - a).days, (b.year - a.year) * 12 + b.month - a.month
        yield from (gap, gap + 1, gap // 7, gap // 365.25, months, b.year - a.year)
    for a, b in itertools.combinations(seen.minutes, 2):
        for gap in (b - a, (a - b) % 1440):
            yield from (gap, gap // 60, gap % 60)


def _of_a_field(numbers: list[float], whole: bool) -> Iterator[float]:
    yield from (sum(numbers), sum(numbers) / len(numbers))
    distinct = list(dict.fromkeys(numbers))[:20]
    for size in (2, 3, 4) if len(distinct) <= 12 else (2,):
        sums = [sum(some) for some in itertools.combinations(distinct, size)]
        yield from (total / k for total in sums for k in (1, 100))
    for a, b in itertools.combinations(distinct, 2):
        yield abs(a - b)
        if a and b and not whole:
            yield from (a / b, b / a, 100 * abs(a - b) / a, 100 * abs(a - b) / b)


def _pairs(numbers: list[float], whole: bool) -> Iterator[float]:
    for a, b in itertools.combinations(numbers[:12], 2):
        yield from (a + b, abs(a - b), a * b)
        if a and b:
            yield from (r for r in (a / b, b / a, 100 * a / b, 100 * b / a) if not whole or r.is_integer())


def minutes_of(found: re.Match[str]) -> int:
    """Minutes after midnight of a match of TIME."""
    hour = int(found[1]) % 24
    half = (found[3] or "").casefold()
    hour = hour % 12 + 12 if half == "p" else hour % 12 if half == "a" else hour
    return hour * 60 + int(found[2])


def spelled(text: str) -> list[str]:
    """Words of letters alone."""
    return re.findall(r"[^\W\d_]+", text)


def _loaded(observation: str) -> Any:
    try:
        return json.loads(read_response(observation)[1])
    except (ValueError, TypeError):
        return None


def _lists(body: Any) -> Iterator[list[Any]]:
    if isinstance(body, list):
        yield body
    for item in body.values() if isinstance(body, dict) else body if isinstance(body, list) else ():
        yield from _lists(item)


def _plain_lists(body: Any) -> Iterator[list[float]]:
    for entries in _lists(body):
        numbers = [float(n) for n in entries if isinstance(n, int | float) and not isinstance(n, bool)]
        if numbers:
            yield numbers


def _records(body: Any) -> Iterable[dict[str, float]]:
    if isinstance(body, dict):
        # Nobody adds or multiplies an id
        counted = {k: v for k, v in body.items() if not ID.search(k)}
        yield {
            k: float(v) for k, v in counted.items() if isinstance(v, int | float) and not isinstance(v, bool)
        }
    for item in body.values() if isinstance(body, dict) else body if isinstance(body, list) else ():
        yield from _records(item)
