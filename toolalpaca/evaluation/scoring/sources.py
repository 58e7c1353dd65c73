"""Where a value can have come from: texts, searched for values in any of their forms."""

from __future__ import annotations

import functools
import itertools
import re
from typing import Any

from toolalpaca.evaluation.scoring.codes import stands_for
from toolalpaca.evaluation.scoring.values import (
    EMPTY,
    MAX_TEXT,
    STOP_WORDS,
    as_text,
    content,
    dates,
    is_date,
    listed,
    number,
    plain,
    same_day,
    squash,
    words,
)

FEW_WORDS = 4


class Sources:
    """Texts that a value may have come from, prepared once for many questions."""

    def __init__(self, *texts: str):
        self.text = "\n".join(text[:MAX_TEXT] for text in texts if text)

    @functools.cached_property
    def runs(self) -> tuple[str, frozenset[int], frozenset[int]]:
        """Letters and digits of the texts, and the places in them where words start and end."""
        found = re.findall(r"[^\W_]+", plain(self.text))
        places = list(itertools.accumulate(map(len, found), initial=0))
        return "".join(found), frozenset(places[:-1]), frozenset(places[1:])

    @functools.cached_property
    def words(self) -> tuple[str, ...]:
        """Words of the texts in order."""
        return words(self.text)

    @functools.cached_property
    def word_set(self) -> frozenset[str]:
        """Words of the texts."""
        return frozenset(self.words)

    @functools.cached_property
    def numbers(self) -> frozenset[float]:
        """Numbers that the texts name."""
        return frozenset(n for n in map(number, self.word_set) if n is not None)

    @functools.cached_property
    def days(self) -> tuple[tuple[int | None, int, int], ...]:
        """Days that the texts name."""
        return dates(self.text)

    def hold(self, value: Any) -> bool:
        """Whether the value, or each of its items, stands in the texts in some form."""
        if isinstance(value, dict | list):
            return all(self.hold(v) for v in (value.values() if isinstance(value, dict) else value))
        if value in EMPTY or isinstance(value, bool):
            return True
        if number(value) is not None:
            return self.says(value)
        return self._hold_text(as_text(value))

    def says(self, value: Any) -> bool:
        """Whether the value stands in the texts as it is: a number, a day, or the words in their order."""
        if isinstance(value, dict | list):
            return all(self.says(v) for v in (value.values() if isinstance(value, dict) else value))
        as_number = number(value)
        if as_number is not None and as_number in self.numbers:
            return True
        text = as_text(value)
        if is_date(text) and any(same_day(a, b) for a, b in itertools.product(dates(text), self.days)):
            return True
        squashed, wanted = squash(text), words(text)
        if as_number is not None and len(squashed) < 5:
            return False
        if len(squashed) > 4 and self._whole(squashed):
            return True
        return self._in_order(wanted) or self._pair(text)

    def tell(self, fact: str) -> bool:
        """Whether the texts hold a fact; the words of a short one stand together, in any order."""
        wanted = words(fact)
        if not 1 < len(wanted) <= FEW_WORDS or any(c.isdigit() for c in fact) or not self.hold(fact):
            return self.hold(fact)
        width = len(wanted) + 1
        return self.says(fact) or any(
            content(fact) <= set(self.words[i : i + width]) for i in range(len(self.words))
        )

    def _hold_text(self, text: str) -> bool:
        if not squash(text):
            return text.strip() in self.text
        if self.says(text):
            return True
        parts = listed(text)
        if len(parts) > 1:
            return all(self.hold(part) for part in parts)
        wanted = content(text)
        in_any_order = not any(c.isdigit() for c in text) and len(words(text)) > 1
        return in_any_order and bool(wanted) and wanted <= self.word_set

    def _whole(self, squashed: str) -> bool:
        """Whether it stands there from the start of a word to the end of one: T992 is not held by T9921."""
        joined, starts, ends = self.runs
        at = joined.find(squashed)
        while at >= 0:
            if at in starts and at + len(squashed) in ends:
                return True
            at = joined.find(squashed, at + 1)
        return False

    def _in_order(self, wanted: tuple[str, ...]) -> bool:
        if len(wanted) == 1:
            return wanted[0] in self.word_set
        return bool(wanted) and any(
            wanted == self.words[i : i + len(wanted)] for i in range(len(self.words) - len(wanted) + 1)
        )

    def _pair(self, text: str) -> bool:
        """Two codes in one, as EURUSD or EUR/USD, of which each stands in the texts."""
        pair = re.fullmatch(r"\s*([A-Z]{3})\s*[-/_]?\s*([A-Z]{3})\s*", text)
        return bool(pair) and {pair[1].lower(), pair[2].lower()} <= self.word_set

    def abbreviated(self, code: str) -> list[str]:
        """What the code stands for in the texts: up to three neighbouring words each."""
        if not re.fullmatch(r"[A-Z]{2,4}", code):
            return []
        raw = re.findall(r"[^\W\d_]+", self.text)
        spans = (raw[i : i + n] for n in (1, 2, 3) for i in range(len(raw) - n + 1))
        named = (" ".join(s) for s in spans if not STOP_WORDS & {s[0].lower(), s[-1].lower()})
        return [name for name in named if stands_for(code, name)]

    def means(self, code: str, description: str) -> bool:
        """Whether a description explains a code of one or two letters or digits by a word that stands here,
        as in "f for Fahrenheit" or "1 -> General"."""
        if not re.fullmatch(r"[A-Za-z]{1,2}|\d{1,2}", code):
            return False
        explained = re.findall(
            rf"\b{code}['\"`]?\s*(?:for|is|means|=>?|:|->?|\()\s*['\"`]?(\w+)", description
        )
        return any(word in self.word_set for text in explained for word in words(text) if len(word) > 2)

    def share(self, text: str) -> float:
        """Share of a text's content words that stand here: 0 to 1."""
        wanted = content(text)
        return len(wanted & self.word_set) / len(wanted) if wanted else 0.0
