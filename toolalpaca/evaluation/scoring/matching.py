"""Whether a call does what a gold step asks: what the instruction fixes, what it leaves open.

A gold value is *fixed* when the instruction says it (or when gold steps of one function differ in it);
the call must then say the same. A gold value that the instruction does not mention is one choice among
many: any plausible value will do, or none where the parameter is optional. A value that names one
existing thing (an id, a key, an address) is plausible only when the assistant can have read it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from toolalpaca.evaluation.scoring.codes import is_public, priced_in, same_airport, stands_for
from toolalpaca.evaluation.scoring.evidence import ASK, Call, Known, scalars
from toolalpaca.evaluation.scoring.gold import GoldCall, NotGiven, Open, Ref, is_open
from toolalpaca.evaluation.scoring.kinds import (
    DAYS,
    PAGING,
    PROSE,
    SEARCH,
    is_default,
    is_kind,
    is_public_code,
    is_strict,
    names_one_thing,
    wrong_type,
)
from toolalpaca.evaluation.scoring.mismatch import (
    Mismatch,
    absent,
    differs,
    illusory,
    shortly,
    unknown,
    unlisted,
)
from toolalpaca.evaluation.scoring.searching import finds, meaning
from toolalpaca.evaluation.scoring.values import (
    EMPTY,
    as_text,
    content,
    dates,
    is_date,
    listed,
    months_named,
    number,
    overlap,
    plain,
    same,
    same_day,
    squash,
    words,
)
from toolalpaca.evaluation.scoring.whole_calls import answers_itself, missing_conditions, short_span
from toolalpaca.schema import ErrorType, Function, Parameter

LOOSE = 0.5  # share of the shorter text's words that two names of one thing have in common
PROSE_SHARE = 0.6  # the same for free text which the instruction dictates
ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")


def mismatches(gold: GoldCall, call: Call, function: Function | None, known: Known) -> list[Mismatch]:
    """What keeps a call from being a gold step of the same function; nothing when the step is met.

    Arguments that the gold does not list are extras: an optional parameter may be given, with a value
    that is plausible.
    """
    parameters = {p.name: p for p in function.parameters} if function else {}
    found = []
    for name, wanted in gold.arguments.items():
        parameter = parameters.get(name) or unlisted(name)
        given = call.arguments.get(name)
        if parameters and name not in parameters and given in EMPTY:
            found += missing_conditions(name, wanted, call, known)
            continue  # the gold itself breaks the specification here
        slot = Slot(parameter, known, name in gold.distinct, tuple(call.arguments.items()))
        found += slot.compare(wanted, given)
    for name, value in call.arguments.items():
        if name not in gold.arguments and value not in EMPTY:
            slot = Slot(parameters.get(name) or unlisted(name), known)
            if parameters and name not in parameters and not known.credential(slot.parameter):
                # what the tool takes no notice of changes nothing
                found += [unknown(name, gold.function)] if call.failed else []
                continue
            found += slot.plausible(value) or answers_itself(slot.parameter, value, known)
    return found + short_span(call, known)


@dataclass(frozen=True)
class Slot:
    """One parameter of one call, where a gold value and a given value are compared.

    `distinct` is set when the gold's steps of this function differ in this parameter; `others` are the
    call's arguments.
    """

    parameter: Parameter
    known: Known
    distinct: bool = False
    others: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        return self.parameter.name

    def compare(self, gold: Any, given: Any) -> list[Mismatch]:
        """What is wrong with the given value; nothing when it will do, as it is or decoded from a URL, or
        when the user named it on being asked, who knows better than the instruction."""
        if self.known.credential(self.parameter) and not (
            isinstance(gold, Ref) or (isinstance(gold, str) and self.known.instruction.hold(gold))
        ):
            return []  # the user's own token is compared, and one that a login returned
        wrong = self._compare(gold, given)
        if wrong and given not in EMPTY and self.known.told(given):
            wrong = self.plausible(given)
        encoded = wrong and isinstance(given, str) and ENCODED.search(given)
        return wrong and (self._compare(gold, unquote_plus(given)) if encoded else wrong)

    def _compare(self, gold: Any, given: Any) -> list[Mismatch]:
        if isinstance(gold, NotGiven):
            return [] if given in EMPTY or gold.withheld else self.plausible(given)
        if given in EMPTY and gold not in EMPTY:
            return self._left_out(gold)
        if isinstance(gold, Open) or is_open(gold):
            day = isinstance(gold, Open) and DAYS & set(words(gold.hint))
            return self._day(gold, given) if day else self.plausible(given)
        if isinstance(gold, Ref):
            return self._from_earlier(gold, given)
        if isinstance(gold, dict):
            return self._object(gold, given)
        return self._list(gold, given) if isinstance(gold, list) else self._scalar(gold, given)

    def plausible(self, value: Any) -> list[Mismatch]:
        """A value that the gold leaves open: its type fits, and it is not made up where it names a thing."""
        if self.known.credential(self.parameter):
            return []
        expected = wrong_type(value, self.parameter)
        if expected:
            return [differs(self.name, Open(expected), value)]
        if names_one_thing(self.parameter) and not self.known.holds(value) and not is_public_code(value):
            return [illusory(self.name, value)]
        if is_kind(self.parameter, PAGING) and number(value) not in (0.0, 1.0) and not self._wants_page():
            return [
                Mismatch(ErrorType.INPUT_ERROR, self.name, f"{self.name} = {shortly(value)} skips results")
            ]
        return self._agrees_with_days(value) if is_date(value) else []

    def fixed(self, gold: Any) -> bool:
        """Whether the instruction, or the contrast between gold steps, settles this value."""
        if isinstance(gold, Ref):
            return True
        if isinstance(gold, Open | NotGiven):
            return False
        if isinstance(gold, dict | list):
            return any(map(self.fixed, gold.values() if isinstance(gold, dict) else gold))
        if self.distinct:
            return True
        text = as_text(gold)
        if text.casefold() in ("true", "false"):
            return bool(content(self.name) & self.known.instruction.word_set)
        if isinstance(gold, str) and len(listed(gold)) > 1 and not self.known.instruction.says(gold):
            return any(map(self.fixed, listed(gold)))
        if is_kind(self.parameter, PAGING) and number(gold) in (0.0, 1.0):
            return False
        stated = self.known.instruction
        if stated.abbreviated(text) or stated.means(text, self.parameter.description):
            return True
        if is_kind(self.parameter, SEARCH) and meaning(text) <= stated.word_set:
            return True
        if len(words(text)) > 1 and plain(text) in plain(stated.text):
            return True  # "sales app" of a "sales application"
        # "me": whoever is meant, the word settles nothing
        return stated.says(gold) and (number(gold) is not None or bool(content(text)))

    def _left_out(self, gold: Any) -> list[Mismatch]:
        if not isinstance(gold, Ref | Open) and not is_open(gold):
            needed = self.parameter.required or names_one_thing(self.parameter)
            if (not needed and not self.fixed(gold)) or (
                not self.parameter.required and is_default(gold, self.parameter)
            ):
                return []
            # The same words under another name: "12 Main St, Apt 4" holds the second address line.
            texts = [v for _, v in self.others if isinstance(v, str)]
            several = isinstance(gold, str) and len(words(gold)) > 1
            if several and any(squash(gold) in squash(text) for text in texts):
                return []
        return [absent(self.name, gold, self._source(gold))]

    def _source(self, gold: Any) -> str:
        """Where a person finds the expected value."""
        if isinstance(gold, Ref | Open | dict | list):
            return ""
        if self.known.instruction.says(gold):
            return "which the instruction says"
        return "in which the gold's calls differ" if self.distinct else "which the gold has"

    def _from_earlier(self, gold: Ref, given: Any) -> list[Mismatch]:
        expected = wrong_type(given, self.parameter)
        if expected:
            return [differs(self.name, Open(expected), given)]
        # What names an existing thing has to be looked up; other values may be put together from words.
        if is_kind(self.parameter, DAYS) and not (is_date(given) or number(given) is not None):
            return [differs(self.name, Open("a date"), given)]
        names = names_one_thing(self.parameter)
        # Of the rest, what the user was asked for may come in other words, or be left to the assistant.
        asked = gold.source == ASK and any(call.function == ASK for call, _ in self.known.before)
        fits = self.known.returned(given) or (not names and (asked or self.known.read(given)))
        return [] if fits else [illusory(self.name, given)]

    def _object(self, gold: dict[str, Any], given: Any) -> list[Mismatch]:
        # {"permissionName": "edit"} and "edit" say what {"permissionId": "edit_content"} does
        names = [v for v in scalars(gold) if isinstance(v, str) and not is_strict(v, self.parameter)]
        texts = list(map(as_text, scalars(given)))
        named = texts and all(any(overlap(name, text) >= LOOSE for name in names) for text in texts)
        if named and self.known.read(given):
            return []
        if not isinstance(given, dict):
            return [differs(self.name, gold, given)]
        found = []
        properties = self.parameter.schema.get("properties") or {}
        for key, wanted in gold.items():
            inner = Parameter(f"{self.name}.{key}", "body", False, properties.get(key) or {})
            slot = Slot(inner, self.known)
            wrong = slot.compare(wanted, given.get(key))
            # A free-form object names its fields as it likes; the value is what counts.
            if wrong and not any(not slot.compare(wanted, v) for k, v in given.items() if k != key):
                found += wrong
        return found

    def _list(self, gold: list[Any], given: Any) -> list[Mismatch]:
        if same(gold, given):
            return []
        inner = Parameter(self.name, self.parameter.location, False, self.parameter.schema.get("items") or {})
        slot = Slot(inner, self.known, self.distinct)
        rest = listed(given)
        for item in sorted(gold, key=lambda item: not slot.fixed(item)):
            met = next((i for i, other in enumerate(rest) if not slot.compare(item, other)), None)
            if met is not None:
                rest = rest[:met] + rest[met + 1 :]
            elif slot.fixed(item):
                return [differs(self.name, gold, given, slot._source(item))]
        extra = [item for item in rest if not self.known.read(item)]
        return [differs(self.name, gold, given)] if extra and any(map(slot.fixed, gold)) else []

    def _scalar(self, gold: Any, given: Any) -> list[Mismatch]:
        known, parameter = self.known, self.parameter
        if same(gold, given):
            # What the gold itself writes is not made up, unless the instruction names another one.
            numbered = names_one_thing(parameter) and re.search(r"\d", as_text(given))
            other = numbered and not known.holds(given) and re.search(r"\d", known.instruction.text)
            return [illusory(self.name, given)] if other else []
        if isinstance(given, dict | list) and len(given) == 1:
            return self.compare(gold, next(iter(given.values() if isinstance(given, dict) else given)))
        if wrong_type(gold, parameter) or self._refused(gold):
            return self.plausible(given)  # the tool does not take the gold itself: what it takes will do
        if len(listed(gold)) > 1 and not is_kind(parameter, PROSE):  # a sentence may have a comma
            return self._list(listed(gold), given)
        if isinstance(given, dict | list):
            return [differs(self.name, gold, given)]
        if not self.fixed(gold):
            return self._unfixed(gold, given)
        if self._near(gold, given):
            return []
        wrong = [differs(self.name, gold, given, self._source(gold))]
        invented = names_one_thing(parameter) and not known.holds(given)
        return [*wrong, illusory(self.name, given)] if invented else wrong

    def _near(self, gold: Any, given: Any) -> bool:
        """Whether a given value that is not the same will do for a fixed one."""
        one, other, known = as_text(gold), as_text(given), self.known
        worded = not is_date(one) and number(one) is None and overlap(one, other) >= LOOSE
        related = worded or squash(one) in squash(other)
        if not self.parameter.schema.get("enum") and related and known.returned(given):
            return True  # refined by an earlier response
        looked_up = names_one_thing(self.parameter) and plain(one) not in plain(known.instruction.text)
        if looked_up and known.returned(given) and not known.instruction.hold(given):
            return True
        if same_airport(one, other, f"{self.parameter.description} {known.instruction.text}"):
            return True
        if stands_for(other, one) and not number(gold):
            return True
        priced = priced_in(other)
        if priced and not priced_in(one) and (same(one, priced) or self._near(one, priced)):
            return True  # a quote has to be in some currency
        for name in known.instruction.abbreviated(one):
            # XAG where the gold has SIL: both are codes of the silver that is asked for. A code that no
            # table holds is the gold writer's own; the name itself is as good.
            if stands_for(other, name) or (not is_public(one) and same(other, name)):
                return True
        if is_strict(gold, self.parameter):
            return False
        if is_kind(self.parameter, PROSE):
            kept = len(content(one) & content(other)) / max(1, len(content(one)))
            return kept >= PROSE_SHARE and known.instruction.share(other) >= PROSE_SHARE
        if is_kind(self.parameter, SEARCH):
            return finds(one, other, known.instruction, self.distinct)
        whole = content(one) <= content(other) or plain(one) in plain(other)
        return whole and known.instruction.share(other) == 1

    def _day(self, gold: Any, given: Any) -> list[Mismatch]:
        """A day that is open has to be one all the same: digits, or words that were read."""
        if not (is_date(given) or re.search(r"\d{4}", as_text(given)) or self.known.read(given)):
            return [differs(self.name, gold, given)]
        return self.plausible(given)

    def _unfixed(self, gold: Any, given: Any) -> list[Mismatch]:
        if is_date(gold):
            return self._day(Open("date"), given)
        if self.parameter.required and names_one_thing(self.parameter) and is_strict(gold, self.parameter):
            return [] if self.known.returned(given) else [differs(self.name, gold, given)]
        if is_kind(self.parameter, SEARCH) and not self.known.read(given):
            text = as_text(given)
            related = overlap(as_text(gold), text) > 0 or self.known.instruction.share(text) >= LOOSE
            return [] if related else [illusory(self.name, given)]
        return self.plausible(given)

    def _refused(self, gold: Any) -> bool:
        """Whether the tool refused the gold value in an earlier call, naming the parameter."""
        return any(
            call.refused and same(call.arguments.get(self.name), gold) and self.name in call.response
            for call, _ in self.known.before
        )

    def _wants_page(self) -> bool:
        stated = plain(self.known.instruction.text)
        asked = re.search(r"\b(?:page|offset)\s+(?:number\s+)?\d|\b(?:second|third|next|last) page", stated)
        more = re.search(r"total_?pages|next_?page|has_?more", plain(self.known.responses.text))
        return bool(asked or more)

    def _agrees_with_days(self, value: str) -> list[Mismatch]:
        """Where the instruction names days, or a year, a date has to agree with them."""
        days, stated = dates(value), self.known.instruction.days
        months = {} if stated else months_named(self.known.instruction.text)
        if months and not any(d[1] in months or (d[2] == 1 and (d[1] - 2) % 12 + 1 in months) for d in days):
            return [differs(self.name, Open("day in a month which the instruction names"), value)]
        years = {int(y) for y in re.findall(r"\b(?:19|20)\d\d\b", self.known.instruction.text)}
        if stated and not any(same_day(a, b) for a in days for b in stated):
            lower, upper = min(d[1:] for d in stated), max(d[1:] for d in stated)
            if not any(lower <= d[1:] <= upper for d in days):
                return [differs(self.name, Open("day which the instruction names"), value)]
        if years and not any(min(years) <= (d[0] or min(years)) <= max(years) + 1 for d in days):
            return [differs(self.name, Open(f"day of {', '.join(map(str, sorted(years)))}"), value)]
        return []
