"""What the teacher tells the user in the end: short sentences that quote the observations.

Wording of results follows from what was found, never from chance: where nothing tells two wordings apart, a
student can only learn to guess.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from toolalpaca.offline import regrets
from toolalpaca.offline.inflection import is_plural, singular, words
from toolalpaca.offline.phrasing import joined
from toolalpaca.offline.reading import Doc

SHOWN = 3  # entries of a list that an answer names
ATTRIBUTES = 4  # values of one entry that an answer names
DONE, ALL_DONE = "That is all I need to answer.", "I have everything that the user asked for."
MORE = "Let me know if you would like to know anything else."
MORE_OF_LIST = "Would you like more details on any of them?"
MORE_TO_DO = "Is there anything else that I can do for you?"
OUTCOMES = {
    "create": "The {} {} been created",
    "book": "The {} {} been booked",
    "update": "The {} {} been updated",
    "delete": "The {} {} been removed",
    "share": "The {} {} been sent",
    "rate": "Your rating of the {} has been saved",
    "subscribe": "You are now signed up for {}",
    "schedule": "The {} {} been arranged",
}


@dataclass
class Result:
    """One call's outcome: the function, its response's JSON value, and whether that was cut."""

    doc: Doc
    body: Any
    cut: bool = False
    more: list[Any] = field(default_factory=list)  # entries that were looked up in what was cut


def answer(results: list[Result]) -> tuple[str, str]:
    """Final thought and answer after all calls succeeded."""
    if len(results) != 1:
        return ALL_DONE, " ".join(_sentence(r, 2, len(results)) for r in results)
    result = results[0]
    listed = isinstance(result.body, list) and len(result.body) > 1
    more = MORE_OF_LIST if listed else MORE_TO_DO if result.doc.family in OUTCOMES else MORE
    return DONE, f"{_sentence(result, ATTRIBUTES, 1)} {more}"


def _sentence(result: Result, shown: int, total: int) -> str:
    body, doc = result.body, result.doc
    object_ = doc.object or words(doc.name)
    if isinstance(body, dict):
        lists = [v for v in body.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
        if lists:
            body = lists[0]
    if isinstance(body, list):
        items = [b for b in body if isinstance(b, dict)]
        if not body:
            return f"No {object_} were found."
        if not items:
            return f"The {object_}: {', '.join(map(_value, body[:8]))}."
        count = SHOWN if total == 1 else 2
        listed = [_entry(item, 3 if total == 1 else 2) for item in items[:count]]
        number = f"{len(items)} " if not result.cut else "many "
        verb = {"rank": "This is the ranking:", "list": f"There are {number}{object_}:"}.get(
            doc.family, f"I found {number}{object_}:"
        )
        if result.more:
            listed = [*listed[:2], f"at the end {_entry(result.more[-1], 3)}"]
        more = f", and {len(items) - count} more" if len(items) > count and not result.cut else ""
        return f"{verb} {'; '.join(listed)}{more}."
    if isinstance(body, dict) and body:
        many = is_plural(object_)
        have = "have" if many else "has"
        plain = f"Here {'are' if many else 'is'} the {object_}"
        done = OUTCOMES.get(doc.family, plain).format(object_, have)
        pairs = [(k, v) for k, v in _scalars(body) if not (v is True and doc.family in OUTCOMES)]
        if doc.family == "count" and isinstance(body.get("count"), int):
            one = body["count"] == 1
            done = f"There {'is' if one else 'are'} {body['count']} {singular(object_) if one else object_}"
            pairs = [(k, v) for k, v in pairs if k != "count"]
        elif doc.family == "validate" and isinstance(body.get("valid"), bool):
            done = f"The {object_} is {'valid' if body['valid'] else 'not valid'}"
            pairs = [(k, v) for k, v in pairs if k != "valid"]
        if not pairs:
            return f"{done}."
        told = [f"the {words(k)} {'are' if is_plural(words(k)) else 'is'} {_value(v)}" for k, v in pairs]
        return f"{done}. T{joined(told[:shown])[1:]}."
    if body == "" and doc.family in OUTCOMES:  # no content, as many answer a delete
        return f"{OUTCOMES[doc.family].format(object_, 'have' if is_plural(object_) else 'has')}."
    return f"The {object_}: {_value(body)}." if body not in ("", None, {}) else f"The {object_} is done."


def _scalars(item: dict[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in item.items():
        if isinstance(value, dict):
            found += _scalars(value)[:2]
        elif not isinstance(value, list):
            found.append((key, value))
        elif value and not isinstance(value[0], (dict, list)):
            found.append((key, ", ".join(map(_value, value[:3]))))
    return [(k, v) for k, v in found if v is not None and v != ""]


def _entry(item: dict[str, Any], shown: int) -> str:
    """One entry of a list: its name, then some of its values."""
    scalars = _scalars(item)
    titles = [
        (k, v) for k, v in scalars if isinstance(v, str) and (words(k).split()[-1] in ("title", "name"))
    ]
    ids = [k for k, _ in scalars if words(k).split()[-1] == "id"]
    rest = [(k, v) for k, v in scalars if (k, v) not in titles[:1] and (k not in ids or not titles)]
    pairs = [f"{words(k)} {_value(v)}" for k, v in rest[: shown - bool(titles)]]
    if titles:
        return f"{titles[0][1]} ({', '.join(pairs)})" if pairs else str(titles[0][1])
    return ", ".join(pairs)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def failure_answer(doc: Doc, error: str, status: int, results: list[Result]) -> tuple[str, str]:
    """Final thought and answer when a call could not be made or failed for good."""
    thought, text = regrets.failure_answer(doc.object or words(doc.name), error, status)
    so_far = " ".join(_sentence(r, 3, 2) for r in results)
    return thought, f"{text} What I do have: {so_far}" if so_far else text
