"""What an instruction asks of a call as a whole: a span of days, conditions, what it leaves to be found."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from toolalpaca.evaluation.scoring.evidence import Call, Known, scalars
from toolalpaca.evaluation.scoring.gold import Open
from toolalpaca.evaluation.scoring.kinds import DAYS, is_kind, is_public_code
from toolalpaca.evaluation.scoring.mismatch import Mismatch, absent, differs, illusory, unlisted
from toolalpaca.evaluation.scoring.sources import Sources
from toolalpaca.evaluation.scoring.values import (
    NUMBER_WORDS,
    STOP_WORDS,
    as_text,
    dates,
    is_date,
    number,
    plain,
    words,
)
from toolalpaca.schema import Parameter

# A span in the past or the future; "next month" is no span where it says when, "in the next month" is one.
SPAN = re.compile(
    r"\b(?:last|past|previous|preceding)\s+(?:(\w+)\s+)?(day|week|month|year)s?\b"
    r"|\bnext\s+(\w+)\s+(day|week|month|year)s\b"
)
DAYS_OF = {"day": 1, "week": 7, "month": 30, "year": 365}
HALF = 0.5  # a range shorter than half the span that is asked for misses most of it
# genre = 'Mystery', release_year >= 2020
CONDITION = re.compile(r"\w+\s*(?:=|[<>]=?|!=|:)\s*('[^']*'|\"[^\"]*\"|[\w.+-]+)")


def short_span(call: Call, known: Known) -> list[Mismatch]:
    """A range of days much shorter than the span that the instruction names: a month of "the last year"."""
    found = [m.groups() for m in SPAN.finditer(plain(known.instruction.text))]
    if len(found) != 1:
        return []
    count, unit = next(pair for pair in (found[0][:2], found[0][2:]) if pair[1])
    many = number(NUMBER_WORDS.get(count or "1", count or "1"))
    given = {
        name: value
        for name, value in call.arguments.items()
        if is_date(value) and is_kind(unlisted(name), DAYS)
    }
    days = [date(*d) for value in given.values() for d in dates(value)[:1] if d[0]]
    if many is None or len(days) != 2:
        return []
    asked, length = many * DAYS_OF[unit], abs((days[1] - days[0]).days) + 1
    if length >= HALF * asked:
        return []
    name, value = list(given.items())[-1]
    return [differs(name, Open(f"range of about {int(asked)} days, not of {length}"), value)]


def missing_conditions(name: str, gold: Any, call: Call, known: Known) -> list[Mismatch]:
    """The conditions of a gold value for which the tool has no parameter, as far as the instruction states
    them: a text is said anywhere in the call, a number is a value or a condition and no word of a search."""
    wanted = [text.strip("'\"") for text in CONDITION.findall(gold)] if isinstance(gold, str) else []
    given = scalars(call.arguments)
    texts = Sources(*map(as_text, given))
    own = [n for n in map(number, given) if n is not None]
    own += [
        n
        for v in given
        if isinstance(v, str)
        for n in map(number, (c.strip("'\"") for c in CONDITION.findall(v)))
        if n is not None
    ]
    missing = [
        value
        for value in wanted
        if known.instruction.says(value)
        and not (number(value) in own if number(value) is not None else texts.hold(value))
    ]
    return [absent(name, value) for value in missing]


def answers_itself(parameter: Parameter, value: Any, known: Known) -> list[Mismatch]:
    """A text that nobody gave, for what the instruction names as unknown: a country for a holiday of which
    the user asks the country. The call then looks for what it should find out."""
    named = frozenset(words(parameter.name)) - STOP_WORDS
    free = isinstance(value, str) and number(value) is None and not is_date(value)
    if not free or is_public_code(value) or parameter.schema.get("enum") or not named:
        return []
    asked = named <= known.instruction.word_set and not known.holds(value)
    return [illusory(parameter.name, value)] if asked else []
