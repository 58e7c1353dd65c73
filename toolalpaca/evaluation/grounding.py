"""Whether a text's facts follow from what was said and seen: numbers, codes, dates, times and names.

Authored answers and calls are held to it (generate/check_library.py). Useful before strict: rounding, units,
counts, sums of one field and days between two dates follow; any other number has to stand somewhere.
"""

from __future__ import annotations

import calendar
import datetime
import json
import math
import re
from collections.abc import Iterator
from typing import Any

from toolalpaca.corpus.authored_checks import Played
from toolalpaca.evaluation.derived import NUMBER, TIME, Seen, minutes_of, number_follows, spelled
from toolalpaca.evaluation.scoring.codes import LANGUAGES, is_public
from toolalpaca.evaluation.scoring.values import NUMBER_WORDS, dates, plain, same_day, squash
from toolalpaca.offline.library.expressions import TODAY
from toolalpaca.offline.library.tools import AuthoredFunction

CODE = re.compile(r"(?<![\w-])(?=[\w./:#-]*\d)(?=[\w./:#-]*[A-Za-z])[A-Za-z0-9][\w./:#-]*\w")
MEASURE = re.compile(r"\d+(?:[.,]\d+)*(?:st|nd|rd|th|s|k|[a-zA-Z]{1,3}|-[a-z]+(?:-[a-z]+)*)")
DAY = re.compile(rf"\b\d{{1,2}} (?:{'|'.join(calendar.month_name[1:])})(?: \d{{4}})?\b")
DIGITS = re.compile(r"\+?\(?\d{2,4}\)?(?:[ -]\d{2,4}){2,}")
FREE_NAMES = {
    *(plain(name) for name in (*calendar.day_name, *calendar.month_name, *calendar.month_abbr)),
    *LANGUAGES.values(),
    *["am", "pm", "utc", "gmt", "ok", "i", "i'm", "i'd", "i'll", "i've"],
}
RELATIVE = re.compile(
    r"\b(to(day|night|morrow|ward)|yesterday|week|month|year|quarter|decade|century|spring|summer|autumn|fall|"
    r"winter|eve|christmas|easter|since|until|now|noon|midnight|morning|evening|afternoon|night|hour|fortnight|"
    r"ago|last|next|past|later|after|before|mid|half|end|start|beginning|first|\w+day|\w+days|[12]\d{3}s)\b"
)


MOVED = 45  # days from one that is named, as people move days without naming the month


def check(played: Played) -> Iterator[tuple[int, str]]:
    """(line, message) for values of calls, and facts of the answer, that follow from nothing before them."""
    tool, asked = played.tool, played.asked
    said, observed = [asked.text, *asked.derived], []
    documented = {function.name: _documented(function) for function in tool.functions}
    for step, observation in zip(asked.steps, played.observations, strict=True):
        seen = Seen(tuple(said), tuple(observed), documented.get(step.function, ""))
        for name, argument in _leaves(step.arguments):
            if not value_follows(argument, seen):
                yield (
                    step.line,
                    f"{name} = {argument!r} follows from nothing said or seen (or list it: derived)",
                )
        (said if step.question else observed).append(observation)
    said += [step.question for step in asked.steps]
    about = " ".join((tool.name, tool.description, tool.introduction, *documented.values()))
    for fact in ungrounded(asked.answer, Seen(tuple(said), tuple(observed), about)):
        yield asked.line, f"the answer says {fact!r}, which stands nowhere (or list it: derived)"


def _documented(function: AuthoredFunction) -> str:
    return f"{function.name} {function.description} {function.returns} {json.dumps(function.parameters)}"


def _leaves(argument: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(argument, dict):
        for key, item in argument.items():
            yield from _leaves(item, key)
    elif isinstance(argument, list):
        for item in argument:
            yield from _leaves(item, name)
    elif not isinstance(argument, bool) and argument is not None:
        yield name, argument


def ungrounded(text: str, seen: Seen) -> Iterator[str]:
    """Facts of a text that follow from nothing."""
    yield from (name for name in _names(text) if not text_follows(name, seen))
    squashed = squash(seen.joined)
    rest = DIGITS.sub(lambda found: " " if squash(found[0]) in squashed else found[0], text)
    codes = [c for c in CODE.findall(rest) if not MEASURE.fullmatch(c) and not TIME.search(c)]
    for code in codes:
        stands = squash(code) in squashed
        if stands or re.search(r"[A-Za-z]", re.sub(r"[a-z]+-|-[a-z]+", "", code)):  # else 12-page, mid-2024
            rest = rest.replace(code, " ")
            yield from () if stands else (code,)
    rest = TIME.sub(lambda found: " " if _time_follows(found, seen) else found[0], rest)
    days = (day[0] for day in DAY.finditer(rest))
    yield from (day for day in days if not any(_day_follows(d, seen) for d in dates(day)))
    yield from (number for number in NUMBER.findall(rest) if not number_follows(number, seen))
    # One and two are said of anything
    counts = [w for w in spelled(plain(rest)) if 3 <= int(NUMBER_WORDS.get(w, 0)) <= 20]
    yield from (word for word in counts if not number_follows(NUMBER_WORDS[word], seen))


def value_follows(argument: Any, seen: Seen) -> bool:
    """Whether an argument follows: it stands there in some form, or is derived from what does."""
    if seen.sources.hold(argument):
        return True
    text = str(argument).strip()
    if re.fullmatch(r"\+\d{8,15}", text) and any(text[n:] in squash(seen.joined) for n in (2, 3, 4)):
        return True  # a telephone number with the code of its country
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return number_follows(text.lstrip("-"), seen)
    if re.search(r"\d{4}-\d\d|\d\d/\d\d|^\d{8}|\d\d:\d\d", text):
        return _date_follows(text, seen)
    return text_follows(text, seen)


def text_follows(text: str, seen: Seen) -> bool:
    """Whether half of a text's words stand there, as far as their stems go."""
    if plain(text).strip() in seen.joined or (
        not text.isascii() and all(c in seen.joined for c in plain(text))
    ):
        return True  # 海江 for 海 and 江
    stems = [w[: max(4, len(w) - 3)] for w in re.findall(r"\w+", plain(text)) if len(w) > 2]
    return bool(stems) and sum(stem in seen.joined for stem in stems) >= 0.5 * len(stems)


def _day_follows(day: tuple[int | None, int, int], seen: Seen) -> bool:
    """Whether a day stands there, or lies as many days from one that does as some number says."""
    if any(same_day(day, other) for other in seen.sources.days):
        return True
    if re.search(rf"{plain(calendar.month_name[day[1]])[:3]}|[-/.]0?{day[1]}[-/.]", seen.joined) is None:
        return False
    if day[2] in seen.tokens and not any(other[1:] == day[1:] for other in seen.sources.days):
        apart = re.search(r"\d{1,2}(?:st|nd|rd|th)?[,a-z ]{1,12}\d{1,2}", seen.joined)  # 3, 4 and 5 June
        if apart or not seen.sources.days:
            return True
    shifts = {int(n) for n in seen.tokens if 0 < n <= 400 and n.is_integer()} | set(range(1, 8))
    for known in seen.days:
        gap = abs((datetime.date(day[0] or known.year, day[1], day[2]) - known).days)
        if gap in shifts or gap + 1 in shifts:
            return True
    return False


def _date_follows(text: str, seen: Seen) -> bool:
    """Whether a date or time follows: its day stands there, or its year does and something moves it."""
    days = [(y, m, d) for y, m, d in dates(text)]
    if days and any(same_day(day, other) for day in days for other in seen.sources.days):
        return True
    found = TIME.search(text)
    if found and not days:
        shown = {minutes_of(found) % 720, int(found[1]) % 12}
        if any(minute % 720 in shown for minute in seen.minutes):
            return True
        return int(found[1]) % 12 in seen.tokens or bool(RELATIVE.search(seen.joined))
    years = {int(n) for n in re.findall(r"[12]\d{3}", text)}
    if any(re.search(rf"{year}-?(0101|01-01|1231|12-31)", text) for year in years if year in seen.tokens):
        return True  # the whole of a year
    known = years & {int(n) for n in seen.tokens if not math.isnan(n)} or any(
        abs(year - day.year) <= 1 for year in years for day in seen.days
    )
    named = (found := dates(text)) and plain(calendar.month_name[found[0][1]]) in seen.joined
    near = int(TODAY[:4]) in years and bool(
        named or re.search(r"\b(today|tomorrow|tonight|this|next|last|now|past)\b", seen.joined)
    )
    tail = any(re.search(rf"['’]{year % 100:02d}\b", seen.joined) for year in years)
    if not (years and (known or near or tail)):
        return False
    year, month, day = days[0] if days else (None, 1, 1)
    gaps = [abs((datetime.date(year, month, day) - other).days) for other in seen.days] if year else []
    return _moved(text, seen) and (not gaps or min(gaps) <= MOVED or _names_month(text, seen))


def _moved(text: str, seen: Seen) -> bool:
    """Whether something said moves a day: after, next, in two weeks; or its month is named."""
    return _names_month(text, seen) or bool(RELATIVE.search(plain(" ".join(seen.said))))


def _names_month(text: str, seen: Seen) -> bool:
    found = re.search(r"[12]\d{3}-?(0[1-9]|1[012])", text)
    names = {calendar.month_name[int(found[1])], calendar.month_abbr[int(found[1])]} if found else set()
    return any(plain(name) in seen.joined for name in names)


def _time_follows(found: re.Match[str], seen: Seen) -> bool:
    """Whether a time of the day stands there, by either half of the day; 4.15 may be a number as well."""
    if any(abs(minutes_of(found) - other) in (0, 720) for other in seen.minutes):
        return True
    return "." in found[0] and number_follows(found[0].split()[0], seen)


def _names(answer: str) -> Iterator[str]:
    """Words with a capital that no sentence accounts for."""
    for found in re.finditer(r"(?<![.!?:…\"“‘(\-–—] )(?<!^)(?<![\w'’\-/.])([A-Z][\w'’.\-]*\w)", answer):
        before = answer[: found.start()].rstrip(" ")
        if re.fullmatch(r"[A-Z]{3}", found[1]) and is_public(found[1]):  # EUR for a price in euros
            continue
        if before and before[-1] not in '.!?:…"“‘(-–—*\n' and plain(found[1]) not in FREE_NAMES:
            yield re.sub(r"['’]s$", "", found[1])
