"""Regular expressions of other people's specifications: which of them may be run at all.

A backtracking matcher tries every way in which a pattern can read a text. Where one loop can read the same
text in two ways, their number doubles with each turn, and a short argument never comes to an end. Such
patterns are found as in Weideman et al. (2016, "Analyzing matching time behavior of backtracking regular
expression matchers"): the pattern as an automaton of its character positions, squared; a loop that leaves
the diagonal and comes back to it is exponential ambiguity.
"""

from __future__ import annotations

import collections
import functools
import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from re import _constants as op
from re import _parser as re_parser
from typing import Any, NamedTuple, TypeVar

Node = TypeVar("Node", bound=Hashable)
MAX_PATTERN = 1_000  # characters
MAX_COPIES = 20  # a repetition with a higher bound is taken as one without a bound
MAX_TURNS = 8  # of a repetition whose body can be read in several ways; more are taken as a loop
MAX_CHOICES = 22  # choices of how to read on at one character, one after the other: each doubles the number
MAX_LOOPED = 200  # positions inside loops; a pattern with more is not examined, and not run

ASCII = frozenset(range(128))
# What stands for every character beyond ASCII: letters and digits, white space, the rest.
WORD, SPACE, OTHER = 128, 129, 130
ALL = ASCII | {WORD, SPACE, OTHER}
_DIGITS = frozenset(range(48, 58)) | {WORD}
_SPACES = frozenset(map(ord, " \t\n\r\f\v")) | {28, 29, 30, 31, SPACE}
_WORDS = frozenset(i for i in ASCII if chr(i).isalnum() or chr(i) == "_") | {WORD}
CATEGORIES = {
    op.CATEGORY_DIGIT: _DIGITS, op.CATEGORY_NOT_DIGIT: ALL - _DIGITS | {WORD},
    op.CATEGORY_SPACE: _SPACES, op.CATEGORY_NOT_SPACE: ALL - _SPACES,
    op.CATEGORY_WORD: _WORDS, op.CATEGORY_NOT_WORD: ALL - _WORDS,
}  # fmt: skip


@functools.lru_cache(maxsize=4096)
def compiled(pattern: Any) -> re.Pattern[str] | None:
    """A regular expression of the ECMA dialect as Python's; None when it cannot or must not be used."""
    if not isinstance(pattern, str) or len(pattern) > MAX_PATTERN or never_ends(pattern):
        return None
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None


@functools.lru_cache(maxsize=4096)
def never_ends(pattern: str) -> bool:
    """Whether a pattern takes exponential time on some texts; False for what is no pattern at all."""
    try:
        return _Automaton(re_parser.parse(pattern)).is_ambiguous()
    except (re.error, OverflowError):
        return False
    except RecursionError:
        return True


class _Part(NamedTuple):
    """Positions at which a part of a pattern begins and ends, and in how many ways it can be empty.

    A position stands in a list once for each way to reach it; more than two are counted as two.
    """

    first: list[int]
    last: list[int]
    empty: int


_NOTHING = _Part([], [], 1)


def _at_most_twice(positions: list[int]) -> list[int]:
    counts = collections.Counter(positions)
    return [p for p, n in counts.items() for _ in range(min(n, 2))]


class _Automaton:
    """Positions of characters, and which of them follows which (Glushkov, 1961), with multiplicity."""

    def __init__(self, tokens: Any):
        self.chars: list[frozenset[int]] = []
        self.follow: list[dict[int, int]] = []
        self.choices: list[frozenset[int]] = []  # characters of parts that can be read in several ways
        self.inner: list[_Automaton] = []
        self.hopeless = False
        self.copies = 1  # of what stands inside the bounded repetitions that are open
        self._sequence(tokens)

    def is_ambiguous(self) -> bool:
        """Whether a loop can read one text in two ways."""
        if self.hopeless or any(part.is_ambiguous() for part in self.inner):
            return True
        if any(sum(code in chars for chars in self.choices) > MAX_CHOICES for code in ALL):
            return True
        looped = {
            position: number
            for number, group in enumerate(components(range(len(self.chars)), lambda p: self.follow[p]))
            for position in group
            if len(group) > 1 or position in self.follow[position]
        }
        if len(looped) > MAX_LOOPED:
            return True
        ways = {p: [(q, n) for q, n in self.follow[p].items() if looped.get(q) == looped[p]] for p in looped}
        if any(n > 1 for successors in ways.values() for _, n in successors):
            return True

        def pairs(pair: tuple[int, int]) -> Iterator[tuple[int, int]]:
            for one, _ in ways[pair[0]]:
                for other, _ in ways[pair[1]]:
                    if self.chars[one] & self.chars[other]:
                        yield (one, other) if one <= other else (other, one)

        squared = components([(p, p) for p in looped], pairs)
        return any(len({p == q for p, q in group}) == 2 for group in squared)

    def _position(self, chars: frozenset[int]) -> _Part:
        self.chars.append(chars)
        self.follow.append({})
        return _Part([len(self.chars) - 1], [len(self.chars) - 1], 0)

    def _join(self, last: list[int], first: list[int]) -> None:
        for one in last:
            for other in first:
                self.follow[one][other] = self.follow[one].get(other, 0) + 1

    def _sequence(self, tokens: Any) -> _Part:
        whole = _NOTHING
        for kind, argument in tokens:
            whole = self._then(whole, self._token(kind, argument))
        return whole

    def _then(self, one: _Part, other: _Part) -> _Part:
        self._join(one.last, other.first)
        return _Part(
            _at_most_twice(one.first + other.first * one.empty),
            _at_most_twice(other.last + one.last * other.empty),
            min(one.empty * other.empty, 2),
        )

    def _token(self, kind: Any, argument: Any) -> _Part:
        if kind in (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN):
            return self._position(_chars(kind, argument))
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            return self._repeat(*argument)
        if kind is op.SUBPATTERN:
            return self._sequence(argument[-1])
        if kind is op.ATOMIC_GROUP:
            return self._sequence(argument)
        if kind is op.BRANCH:
            before = len(self.chars)
            parts = [self._sequence(branch) for branch in argument[1]]
            self.choices.append(frozenset().union(*self.chars[before:]))
            return _Part(
                [p for part in parts for p in part.first],
                [p for part in parts for p in part.last],
                min(sum(part.empty for part in parts), 2),
            )
        if kind in (op.ASSERT, op.ASSERT_NOT):
            self.inner.append(_Automaton(argument[1]))
        elif kind is op.GROUPREF:  # repeats what a group has read: anything, of any length
            return self._loop(self._position(ALL), 1)
        elif kind is op.GROUPREF_EXISTS:
            self.hopeless = True
        return _NOTHING

    def _repeat(self, low: int, high: int, body: Any) -> _Part:
        before = len(self.chars)
        if high > MAX_COPIES or not (_is_plain(body) or high * self.copies <= MAX_TURNS):
            part = self._sequence(body)
            result = self._loop(part, int(low == 0))
        else:
            whole, part, ends = _NOTHING, _NOTHING, []  # where the repetition may end before its last turn
            self.copies *= max(high, 1)
            for turn in range(high):
                if turn >= low:
                    ends += whole.last
                part = self._sequence(body)
                whole = self._then(whole, part)
            self.copies //= max(high, 1)
            result = _Part(whole.first, _at_most_twice(whole.last + ends), min(whole.empty + (low == 0), 2))
        # Several turns that may each be empty: which of them are is a choice that no position shows.
        self.hopeless |= high > 1 and bool(part.empty and part.first)
        if low != high:
            self.choices.append(frozenset().union(*self.chars[before:]))
        return result

    def _loop(self, part: _Part, empty: int) -> _Part:
        self._join(part.last, part.first)
        return _Part(part.first, part.last, min(part.empty + empty, 2))


def _is_plain(body: Any) -> bool:
    """Whether there is but one way to read what a repetition repeats."""
    return all(
        kind in (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN, op.AT)
        or (kind is op.SUBPATTERN and _is_plain(argument[-1]))
        or (kind is op.MAX_REPEAT and argument[0] == argument[1] and _is_plain(argument[2]))
        for kind, argument in body
    )


def _chars(kind: Any, argument: Any) -> frozenset[int]:
    """The characters that a token stands for; more where it is not certain (either case of a letter)."""
    if kind is op.ANY:
        return ALL
    if kind is op.NOT_LITERAL:
        return ALL - {argument}
    if kind is op.LITERAL:
        return _both_cases([argument])
    found: frozenset[int] = frozenset()
    for inner, value in argument:
        if inner is op.LITERAL:
            found |= _both_cases([value])
        elif inner is op.RANGE:
            found |= _both_cases(range(value[0], min(value[1], 127) + 1))
            found |= {WORD, SPACE, OTHER} if value[1] > 127 else set()
        elif inner is op.CATEGORY:
            found |= CATEGORIES.get(value, ALL)
    if argument[0][0] is not op.NEGATE:
        return found
    kept = [value for inner, value in argument[1:] if inner is op.CATEGORY]
    # A set of single letters takes nothing whole from the classes beyond ASCII, and but one case.
    exact = {v for inner, v in argument[1:] if inner is op.LITERAL}
    spans = [v for inner, v in argument[1:] if inner is op.RANGE]
    exact |= {i for low, high in spans for i in range(low, min(high, 127) + 1)}
    return ALL - exact - frozenset().union(*(CATEGORIES.get(value, frozenset()) for value in kept))


def _both_cases(codes: Iterable[int]) -> frozenset[int]:
    found = set()
    for code in codes:
        letter = chr(code)
        for form in {letter, letter.lower(), letter.upper()}:
            single = ord(form) if len(form) == 1 else code
            found.add(
                single if single < 128 else SPACE if form.isspace() else WORD if form.isalnum() else OTHER
            )
    return frozenset(found)


def components(starts: Iterable[Node], successors: Callable[[Node], Iterable[Node]]) -> list[list[Node]]:
    """The strongly connected components of what can be reached (Tarjan, 1972), without recursion."""
    index: dict[Node, int] = {}
    low: dict[Node, int] = {}
    open_nodes: dict[Node, None] = {}
    found: list[list[Node]] = []
    for start in starts:
        if start in index:
            continue
        work: list[tuple[Node, Iterator[Node]]] = []

        def enter(node: Node, work: list[tuple[Node, Iterator[Node]]] = work) -> None:
            index[node] = low[node] = len(index)
            open_nodes[node] = None
            work.append((node, iter(successors(node))))

        enter(start)
        while work:
            node, rest = work[-1]
            for child in rest:
                if child not in index:
                    enter(child)
                    break
                if child in open_nodes:
                    low[node] = min(low[node], index[child])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group: list[Node] = []
                    while not group or group[-1] != node:
                        group.append(open_nodes.popitem()[0])
                    found.append(group)
    return found
