"""Seeded strings for regular expressions, enough for the patterns that specifications hold."""

from __future__ import annotations

import random
import re
import string

try:
    from re import _constants as sre, _parser as sre_parse  # noqa: I001
except ImportError:  # pragma: no cover
    raise

CLASSES = {
    sre.CATEGORY_DIGIT: string.digits,
    sre.CATEGORY_WORD: string.ascii_letters + string.digits,
    sre.CATEGORY_SPACE: " ",
    sre.CATEGORY_NOT_DIGIT: string.ascii_letters,
    sre.CATEGORY_NOT_SPACE: string.ascii_letters + string.digits,
    sre.CATEGORY_NOT_WORD: "-",
}
PLAIN = string.ascii_lowercase + string.digits
MORE = 6  # repetitions without a bound are drawn up to this many above the least


def matching(
    pattern: str, rng: random.Random, least: int = 0, most: int | None = None, tries: int = 40
) -> str | None:
    """A string that the pattern matches with a length in the bounds; None when none was found."""
    try:
        parsed, compiled = sre_parse.parse(pattern), re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None
    for attempt in range(tries):
        # Later tries draw longer repetitions, for patterns whose least length is above the default.
        text = "".join(_draw(node, rng, {}, MORE + attempt * max(1, least // 8)) for node in parsed)
        if least <= len(text) and (most is None or len(text) <= most) and compiled.search(text):
            return text
    return None


def _draw(node, rng: random.Random, groups: dict[int, str], more: int) -> str:
    kind, value = node
    if kind is sre.LITERAL:
        return chr(value)
    if kind is sre.NOT_LITERAL:
        return next(c for c in PLAIN if ord(c) != value)
    if kind is sre.ANY:
        return rng.choice(PLAIN)
    if kind is sre.IN:
        return _one_of(value, rng)
    if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        low, high, inner = value
        times = rng.randint(low, min(high, low + more))
        return "".join(_draw(n, rng, groups, more) for _ in range(times) for n in inner)
    if kind is sre.BRANCH:
        return "".join(_draw(n, rng, groups, more) for n in rng.choice(value[1]))
    if kind is sre.SUBPATTERN:
        text = "".join(_draw(n, rng, groups, more) for n in value[3])
        groups[value[0]] = text
        return text
    if kind is sre.GROUPREF:
        return groups.get(value, "")
    return ""  # anchors and assertions: what is drawn is checked afterwards


def _one_of(items, rng: random.Random) -> str:
    negated = items[0][0] is sre.NEGATE
    allowed: list[str] = []
    for kind, value in items[1:] if negated else items:
        if kind is sre.LITERAL:
            allowed.append(chr(value))
        elif kind is sre.RANGE:
            allowed.extend(map(chr, range(value[0], min(value[1], value[0] + 200) + 1)))
        elif kind is sre.CATEGORY:
            allowed.extend(CLASSES.get(value, PLAIN))
    if negated:
        allowed = [c for c in string.ascii_letters + string.digits + "-_ " if c not in set(allowed)] or ["x"]
    return rng.choice(allowed)
