"""When two values say the same: normal forms of texts, numbers and dates.

Everything here is about single values; which values a task fixes is decided in matching.py.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar

T = TypeVar("T")
_SMALL = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen twenty"""
NUMBER_WORDS = {word: str(number) for number, word in enumerate(re.findall(r"\w+", _SMALL))}
NUMBER_WORDS |= {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "hundred": "100", "dozen": "12"}
MONTHS = re.findall(
    r"\w+",
    """january february march april may june july august
    september october november december""",
)
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a an the of in on for to and or with by from at is are was were be been this that these those
        it its my your our their his her me i you we they please some any all about into as can could
        would like want need""",
    )
)
EMPTY = (None, "", [], {})
SHORT = 400  # characters of a text that is remembered
MAX_TEXT = 200_000  # longer texts are searched up to here


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """A function of a text that keeps what it found for short texts; responses would fill the memory."""
    cached = functools.lru_cache(maxsize=20_000)(function)
    return functools.wraps(function)(lambda text: cached(text) if len(text) <= SHORT else function(text))


def plain(text: str) -> str:
    """Lower case, accents and compatibility forms removed."""
    text = unicodedata.normalize("NFKD", text[:MAX_TEXT])
    return "".join(c for c in text if not unicodedata.combining(c)).casefold()


def stem(word: str) -> str:
    """A word without its plural ending; number words become digits."""
    if word in NUMBER_WORDS:
        return NUMBER_WORDS[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


@remembered
def words(text: str) -> tuple[str, ...]:
    """Stemmed words of a text; camelCase and snake_case names fall apart, numbers stay whole."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text[:MAX_TEXT])
    found = re.findall(r"\d+(?:[.,]\d+)*|[^\W\d_]+", plain(text))
    return tuple(stem(word.replace(",", "") if word[0].isdigit() else word) for word in found)


def content(text: str) -> frozenset[str]:
    """The words of a text that carry meaning."""
    return frozenset(words(text)) - STOP_WORDS


@remembered
def squash(text: str) -> str:
    """Letters and digits alone, so that spacing and punctuation do not count."""
    return "".join(c for c in plain(text) if c.isalnum())


def number(value: Any) -> float | None:
    """The number a value stands for: 3, "3", "3.0", "1,000", "$20", "90%", "three"; else None."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) < 1e300 else None
    if not isinstance(value, str):
        return None
    text = NUMBER_WORDS.get(value.strip().casefold(), value).strip().strip("$€£%").strip()
    if not re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?|[-+]?\d{1,300}(\.\d+)?", text):
        return None
    return float(text.replace(",", ""))


def as_text(value: Any) -> str:
    """A scalar as text, as a person would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def listed(value: Any) -> list[Any]:
    """The items of a list, of a comma-separated text, or the value alone."""
    if isinstance(value, list):
        return value
    if isinstance(value, str) and re.search(r"[,;|]", value) and len(value) < 2_000:
        return [part for part in (p.strip() for p in re.split(r"[,;|]", value)) if part]
    return [value]


_MONTH = "|".join(rf"{m[:3]}(?:{m[3:]})?" for m in MONTHS) + "|sept"
_DATES = re.compile(
    r"(?<!\d)(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)"
    r"|(?<!\d)(?P<m2>\d{1,2})[-/.](?P<d2>\d{1,2})[-/.](?P<y2>\d{4})(?!\d)"
    rf"|\b(?P<n3>{_MONTH})\.?\s+(?P<d3>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)(?:,?\s+(?:of\s+)?(?P<y3>\d{{4}}))?"
    rf"|\b(?P<d4>\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+(?P<n4>{_MONTH})\b\.?(?:,?\s+(?P<y4>\d{{4}}))?"
)


@remembered
def dates(text: str) -> tuple[tuple[int | None, int, int], ...]:
    """Days named in a text, as (year or None, month, day). 1/2/2022 counts as both of its readings."""
    found = []
    for match in _DATES.finditer(plain(text)):
        get = match.groupdict()
        if get["y"]:
            found.append((int(get["y"]), int(get["m"]), int(get["d"])))
        elif get["y2"]:
            found += [
                (int(get["y2"]), int(get["m2"]), int(get["d2"])),
                (int(get["y2"]), int(get["d2"]), int(get["m2"])),
            ]
        else:
            name, day, year = (get[k] or get[j] for k, j in (("n3", "n4"), ("d3", "d4"), ("y3", "y4")))
            month = next(i for i, m in enumerate(MONTHS, 1) if m.startswith(name[:3]))
            found.append((int(year) if year else None, month, int(day)))
    return tuple(f for f in found if _is_day(*f))


def _is_day(year: int | None, month: int, day: int) -> bool:
    try:
        date(year or 2000, month, day)
    except ValueError:
        return False
    return True


def months_named(text: str) -> frozenset[int]:
    """Months that a text names in full and in capitals as names are, 1 to 12."""
    return frozenset(i for i, name in enumerate(MONTHS, 1) if re.search(rf"\b{name.capitalize()}\b", text))


def is_date(value: Any) -> bool:
    """Whether a text is a date (and little else)."""
    return isinstance(value, str) and len(value) < 40 and bool(dates(value))


def same_day(one: tuple[int | None, int, int], other: tuple[int | None, int, int]) -> bool:
    """Whether two days agree as far as both say."""
    return one[1:] == other[1:] and (one[0] is None or other[0] is None or one[0] == other[0])


def same(gold: Any, given: Any) -> bool:
    """Whether two values say the same: case, punctuation, number or text, date format, list or scalar,
    the order of a list, and singular or plural do not count."""
    if gold in EMPTY and given in EMPTY:
        return True
    if isinstance(gold, dict) and isinstance(given, dict):
        return gold.keys() == given.keys() and all(same(v, given[k]) for k, v in gold.items())
    if isinstance(gold, dict) or isinstance(given, dict):
        return False
    if isinstance(gold, list) or isinstance(given, list):
        return _same_items(listed(gold), listed(given))
    if isinstance(gold, bool) or isinstance(given, bool):
        truth = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        return truth.get(as_text(gold).casefold(), gold) == truth.get(as_text(given).casefold(), given)
    numbers = number(gold), number(given)
    if None not in numbers:
        return abs(numbers[0] - numbers[1]) <= 1e-9 * max(1.0, abs(numbers[0]))
    return _same_text(as_text(gold), as_text(given))


def _same_items(gold: list[Any], given: list[Any]) -> bool:
    if len(gold) != len(given):
        return False
    rest = list(given)
    for item in gold:
        match = next((i for i, other in enumerate(rest) if same(item, other)), None)
        if match is None:
            return False
        rest.pop(match)
    return True


def _same_text(gold: str, given: str) -> bool:
    if gold == given:
        return True
    if is_date(gold) and is_date(given):
        return any(same_day(a, b) for a, b in itertools.product(dates(gold), dates(given)))
    parts = listed(gold), listed(given)
    if (len(parts[0]) > 1 or len(parts[1]) > 1) and max(map(len, parts)) < 50:
        return _same_items(*parts)
    squashed = squash(gold)
    if squashed and squashed == squash(given):
        return True
    return bool(words(gold)) and len(gold) < 200 and words(gold) == words(given)


def overlap(gold: str, given: str) -> float:
    """Share of the content words that two texts have in common, of the shorter one's: 0 to 1."""
    one, other = content(gold), content(given)
    if not one or not other:
        return float(squash(gold) == squash(given))
    return len(one & other) / min(len(one), len(other))
