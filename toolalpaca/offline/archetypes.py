"""Kinds of functions that APIs have, each drawn for one thing and its fields."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from toolalpaca.offline.fields import natural
from toolalpaca.offline.inflection import article, camel, is_plural, plural, words
from toolalpaca.offline.verbs import NAMES, usual

MODIFIERS = ["preferred", "requested", "desired", "intended"]
MODIFIED = ("person", "city", "country", "date", "language", "currency")  # kinds that can have one
TYPES = {"int": "integer", "year": "integer", "num": "number", "bool": "boolean"}
FLAGS = {
    "search": [
        "exactMatch",
        "autoCorrection",
        "pictureSearch",
        "archiveSearch",
        "reverseOrder",
        "previewMode",
    ],
    "get": ["fullHistory", "extraStatistics", "commentView"],
    "create": ["confirmationMail", "publicVisibility", "teamNotice", "giftWrapping", "commentSection"],
}
Input = tuple[str, bool, str, str]  # name, required, type, meaning


@dataclass
class Sketch:
    """A function before it is written down; `plain` is its name by verb and object."""

    plain: str
    description: str
    inputs: list[Input]
    output: str


class Designer:
    """Draws functions about one thing. `choices` keeps the allowed values of a field alike within a tool.

    Args:
        object_: what this tool calls the thing ("verified recipe").
        fields: names of the thing's fields.
    """

    def __init__(
        self,
        rng: random.Random,
        thing: str,
        object_: str,
        fields: list[str],
        choices: dict[str, list[str]],
    ):
        self.rng, self.thing, self.object, self.choices = rng, thing, object_, choices
        self.fields = [f for f in fields if f != "limit"]
        self.identity = camel(thing, "id")
        # Things that have a title or a name of their own are listed by it.
        own = [f for f in self.fields if f in ("title", "fullName", camel(thing), camel(thing, "name"))]
        self.title = own[0] if own else f"{camel(thing)}Name" if len(thing.split()) == 1 else "title"

    def make(self, archetype: str) -> Sketch:
        """One function of an archetype (a name in ARCHETYPES)."""
        family = {"statistics": "get"}.get(archetype, archetype)
        inputs, object_, output = ARCHETYPES[archetype](self)
        inputs = list({i[0]: i for i in inputs}.values())
        verb = usual(self.rng, NAMES[family].split(), 3)
        return Sketch(
            camel(verb, object_), self._describe(verb, object_, family, inputs), inputs, f"{output}."
        )

    def input(self, field: str, required: bool, bound: bool = False) -> Input:
        """A field as an input: its name, perhaps modified, its type and its meaning."""
        kind, values = natural(field)
        name = field
        if (
            kind in ("int", "num")
            and bound
            and self.rng.random() < 0.5
            and not field.startswith(("max", "min"))
        ):
            name = camel(self.rng.choice(("min", "max")), field)
        elif kind in MODIFIED and self.rng.random() < 0.2:
            name = camel(self.rng.choice(MODIFIERS), field)
        meaning = f"{words(name).capitalize()} of the {self.thing}"
        if kind == "enum":
            if field not in self.choices:
                some = self.rng.sample(values, min(len(values), self.rng.choice((3, 4, 4, 5))))
                self.choices[field] = [v for v in values if v in some]
            listed = f"One of: [{', '.join(self.choices[field])}]"
            if self.rng.random() < 0.12:
                return many_name(name), required, f"array of strings. {listed}", meaning
            return name, required, f"string. {listed}", meaning
        if kind in TYPES:
            return name, required, TYPES[kind], meaning
        if kind == "date":
            return name, required, "string", f"{meaning}, YYYY-MM-DD"
        if kind == "word" and self.rng.random() < 0.15:
            name = many_name(name)
            meaning = f"{words(name).capitalize()} of the {self.thing}"
            return name, required, "array of strings", meaning
        return name, required, "string", meaning

    def some(self, *counts: int) -> list[str]:
        """Some of the fields in a random order; how many is one of the counts."""
        return self.rng.sample(self.fields, min(len(self.fields), self.rng.choice(counts)))

    def id(self) -> Input:
        return self.identity, True, "string", f"Id of the {self.thing}"

    def flag(self, family: str) -> Input:
        name = self.rng.choice(FLAGS[family])
        return name, False, "boolean", f"{words(name).capitalize()} on or off"

    def part(self, *options: str) -> str:
        """The thing with one of the words behind it, none that it has already."""
        return f"{self.thing} {self.rng.choice([o for o in options if o not in self.thing.split()])}"

    def outputs(self, count: int) -> str:
        """Fields of the thing as an output names them, in their own order."""
        some = [f for f in self.some(count) if f != self.title]
        return ", ".join(f"{f} ({TYPES.get(natural(f)[0], 'string')})" for f in self.fields if f in some)

    def _describe(self, verb: str, object_: str, family: str, inputs: list[Input]) -> str:
        """One short sentence that shares its content words with the name."""
        phrase, bare = words(verb), object_ if is_plural(object_) else f"the {object_}"
        if family in ("create", "book", "random", "schedule"):
            bare = article(object_)
        if family == "subscribe":
            bare = f"somebody {'to' if phrase in ('subscribe', 'enroll') else 'about'} {object_}"
        needed = " and ".join(words(i[0]) for i in inputs if i[1])
        tail = ""
        if needed and family in ("search", "list", "count", "rank"):
            tail = f" by {needed}"
        elif needed and family in ("estimate", "random") and self.rng.random() < 0.5:
            tail = f" for {needed}"
        return f"{phrase.capitalize()} {bare}{tail}."


def many_name(name: str) -> str:
    """A parameter's name in the plural."""
    spoken = words(name)
    return name if is_plural(spoken) else camel(plural(spoken))


def _overlapping(one: str, other: str) -> str:
    """Two phrases as one; words that end the first and begin the second stand once."""
    first, second = one.split(), other.split()
    overlaps = (n for n in range(min(len(first), len(second)), 0, -1) if first[-n:] == second[:n])
    shared = next(overlaps, 0)
    return " ".join([*first, *second[shared:]])


Parts = tuple[list[Input], str, str]  # inputs, object of the name, output


def _search(d: Designer, certain: float = 1.0) -> Parts:
    first, *rest = d.some(1, 2, 2, 3)
    inputs = [d.input(first, d.rng.random() < certain, True)]
    inputs += [d.input(f, d.rng.random() < 0.15, True) for f in rest]
    draw = d.rng.random()
    if draw < 0.3:
        inputs.append(("limit", False, "integer", "At most 50"))
    elif draw < 0.4:
        inputs.append(d.flag("search"))
    output = f"An array of objects with {d.identity} (string), {d.title} (string), {d.outputs(2)}"
    return inputs, plural(d.object), output


def _list(d: Designer) -> Parts:
    return _search(d, 0.3)


def _get(d: Designer) -> Parts:
    details = d.object if d.object.endswith("detail") else f"{d.object} details"
    object_ = d.rng.choice((d.object, details, details, d.part("profile", "record")))
    inputs = [d.id()] + ([d.flag("get")] if d.rng.random() < 0.15 else [])
    return inputs, object_, f"An object with {d.identity} (string), {d.title} (string), {d.outputs(4)}"


def _create(d: Designer) -> Parts:
    some = d.some(2, 2, 3, 4)
    inputs = [d.input(f, index < 3) for index, f in enumerate(some)]
    draw = d.rng.random()
    if draw < 0.12:
        inputs.append(d.flag("create"))
    elif draw < 0.24:
        kind = "object with fullName (string), email (string)"
        inputs.append(("contact", False, kind, f"Contact for the {d.thing}"))
    return inputs, d.object, f"An object with {d.identity} (string), status (string), {d.outputs(2)}"


def _update(d: Designer) -> Parts:
    inputs = [d.id()] + [d.input(f, index == 0) for index, f in enumerate(d.some(1, 2))]
    output = f"An object with {d.identity} (string), {d.outputs(3)}, updateDate (string)"
    return inputs, d.object, output


def _delete(d: Designer) -> Parts:
    return [d.id()], d.object, f"An object with {d.identity} (string), deleted (boolean)"


def _rate(d: Designer) -> Parts:
    inputs = [d.id(), ("rating", True, "integer", "From 1 to 5")]
    if d.rng.random() < 0.4:
        inputs.append(("comment", False, "string", "A short remark"))
    return inputs, d.object, f"An object with {d.identity} (string), rating (integer), averageRating (number)"


def _share(d: Designer) -> Parts:
    inputs = [d.id(), ("recipientEmail", True, "string", "Who receives it")]
    output = f"An object with {d.identity} (string), recipientEmail (string), sent (boolean)"
    return inputs, d.part("details", "summary", "link"), output


def _compare(d: Designer) -> Parts:
    plain = [f for f in d.fields if natural(f)[0] not in ("int", "num", "year", "text", "date", "enum")]
    field = d.rng.choice(plain or ["keyword"])
    one, two = camel("first", field), camel("second", field)
    inputs = [(n, True, "string", words(n).capitalize()) for n in (one, two)]
    object_ = plural(_overlapping(d.object, words(field)))
    output = f"An object with {one} (string), {two} (string), similarity (number), winner (string)"
    return inputs, object_, output


def _convert(d: Designer) -> Parts:
    inputs = [
        ("amount", True, "number", "Amount to convert"),
        ("sourceCurrency", True, "string", "ISO 4217 code of the amount"),
        ("targetCurrency", True, "string", "ISO 4217 code of the result"),
    ]
    output = (
        "An object with amount (number), sourceCurrency (string), targetCurrency (string), result (number)"
    )
    return inputs, d.part("price", "cost", "fee", "budget"), output


def _estimate(d: Designer) -> Parts:
    what = d.rng.choice([w for w in ("cost", "price", "value", "demand") if w not in d.thing.split()])
    inputs = [d.input(f, True) for f in d.some(1, 2, 2)]
    extra = d.rng.choice(("quantity", "days", "budget", "distance"))
    inputs.append((extra, d.rng.random() < 0.5, "integer", f"{extra.capitalize()} to reckon with"))
    return inputs, f"{d.thing} {what}", f"An object with {what} (number), confidence (number), unit (string)"


def _validate(d: Designer) -> Parts:
    own = [f for f in d.fields if natural(f)[0] not in ("int", "num", "year", "bool", "enum", "text", "word")]
    field = d.rng.choice(("email", "phone", "postcode", "orderNumber", *own))
    meaning = f"{words(field).capitalize()} of the {d.thing}"
    output = f"An object with {field} (string), valid (boolean), checkDate (string)"
    return [(field, True, "string", meaning)], _overlapping(d.thing, words(field)), output


def _translate(d: Designer) -> Parts:
    inputs = [
        ("text", True, "string", "Text to translate"),
        ("targetLanguage", True, "string", "Language of the result"),
    ]
    object_ = d.part("description", "title", "summary", "note")
    return (
        inputs,
        object_,
        "An object with translation (string), targetLanguage (string), confidence (number)",
    )


def _track(d: Designer) -> Parts:
    code = camel(_overlapping(d.thing.split()[-1], d.rng.choice(("number", "reference"))))
    inputs = [(code, True, "string", f"{words(code).capitalize()} that the user holds")]
    object_ = d.part("progress", "status", "history")
    output = f"An object with {code} (string), status (string), location (string), updateDate (string)"
    return inputs, object_, output


def _count(d: Designer) -> Parts:
    first, *rest = d.some(1, 1, 2)
    inputs = [d.input(first, True, True)] + [d.input(f, False, True) for f in rest]
    return inputs, plural(d.object), f"An object with count (integer), {inputs[0][0]} (string)"


def _random(d: Designer) -> Parts:
    inputs = [d.input(f, index == 0) for index, f in enumerate(d.some(1, 1, 2))]
    return inputs, d.object, f"An object with {d.title} (string), {d.outputs(3)}"


def _rank(d: Designer) -> Parts:
    inputs = [d.input(d.rng.choice(d.fields), True, True), ("limit", False, "integer", "At most 50")]
    output = f"An array of objects with rank (integer), {d.title} (string), score (number)"
    return inputs, plural(d.object), output


def _export(d: Designer) -> Parts:
    inputs = [("format", True, "string. One of: [csv, json, xml, pdf]", "File format")]
    inputs.append(d.input(d.rng.choice(d.fields), False))
    object_ = d.rng.choice((plural(d.object), d.part("archive", "report")))
    return inputs, object_, "An object with url (string), format (string), entries (integer)"


def _summarize(d: Designer) -> Parts:
    inputs = [
        ("text", True, "string", f"Text about the {d.thing}"),
        ("sentences", False, "integer", "Length in sentences"),
    ]
    object_ = d.part("text", "notes", "feedback", "story")
    return inputs, object_, "An object with summary (string), wordCount (integer)"


def _subscribe(d: Designer) -> Parts:
    inputs = [
        ("email", True, "string", "Where to write to"),
        ("frequency", False, "string. One of: [hourly, daily, weekly, monthly]", "How often"),
    ]
    object_ = d.part("news", "updates", "changes", "alerts")
    return inputs, object_, "An object with subscriptionNumber (string), email (string), active (boolean)"


def _schedule(d: Designer) -> Parts:
    inputs = [d.input(d.rng.choice(("date", "startDate", "visitDate")), True)]
    inputs.append(d.input(d.rng.choice(d.fields), True))
    object_ = d.part("review", "reminder", "check")
    output = f"An object with confirmationNumber (string), {inputs[0][0]} (string), status (string)"
    return inputs, object_, output


def _statistics(d: Designer) -> Parts:
    inputs = [("period", True, "string. One of: [day, week, month, quarter, year]", "Period to cover")]
    inputs += [d.input(f, False, True) for f in d.some(0, 1)]
    output = "An object with period (string), total (integer), average (number), trend (string)"
    return inputs, f"{d.object} statistics", output


ARCHETYPES: dict[str, Callable[[Designer], Parts]] = {
    "search": _search, "list": _list, "get": _get, "create": _create, "book": _create, "update": _update,
    "delete": _delete, "rate": _rate, "share": _share, "compare": _compare, "convert": _convert,
    "estimate": _estimate, "validate": _validate, "translate": _translate, "track": _track, "count": _count,
    "random": _random, "rank": _rank, "export": _export, "summarize": _summarize, "subscribe": _subscribe,
    "schedule": _schedule, "statistics": _statistics,
}  # fmt: skip
TOPICAL = (
    "create", "book", "compare", "convert", "estimate", "validate", "translate", "track", "count", "random",
    "rank", "export", "summarize", "subscribe", "schedule", "statistics",
)  # fmt: skip
