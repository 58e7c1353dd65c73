"""The teacher as the people who ask: instructions for a tool, each drawn from a plan of calls.

What was drawn is read back with planner.py; what cannot be read as it was meant is drawn again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from toolalpaca.files import dumps
from toolalpaca.offline import design, fields, generation, phrasing, vocabulary
from toolalpaca.offline.planner import Call, From, plan, provides
from toolalpaca.offline.reading import Doc, Leaf, read
from toolalpaca.schema import Scenario

TRIES = 6
CARELESS = 0.015  # share of instructions that are not read again: a teacher makes mistakes
STEPS = {1: 72, 2: 9, 3: 8, 4: 8, 5: 3}  # calls of an ordinary plan; failures and questions add to them
# The same for plans to which something is added anyhow, so that calls of the API's functions are several
# about as often as all steps are.
ALONE = {Scenario.MISSING_INFORMATION: (40, 60), Scenario.LONG_OUTPUT: (40, 60)}
FINDING = {"search", "list", "get", "update", "delete", "rate", "share", "track"}  # what can fail to find
CALENDAR = {"month": (1, 12), "day": (1, 28), "hour": (0, 23), "minute": (0, 59), "week": (1, 52)}
STRICT = {"city", "country", "region", "person", "title", "language", "company"}  # kinds with capitals


@dataclass(frozen=True)
class Asked:
    """An instruction with the plan that it was drawn from."""

    text: str
    calls: tuple[Call, ...]


class People:
    """Those who ask things of one tool."""

    def __init__(self, docs: tuple[Doc, ...], seed: int):
        self.docs, self.seed = docs, seed
        # A list of objects is nothing that people would say in a sentence
        self.askable = tuple(doc for doc in docs if doc.verb and not doc.unsaid) or docs

    def instructions(self, rng: random.Random, style: str, n: int, scenario: str) -> list[Asked]:
        """`n` instructions in one style and scenario, over all functions in turn."""
        found = []
        order = rng.sample(self.askable, len(self.askable))
        for index in range(n):
            for _ in range(TRIES):
                if scenario == Scenario.NO_SUITABLE_TOOL or not order:
                    asked = self._foreign(rng, style)
                else:
                    asked = self._draw(rng, order[index % len(order)], style, scenario)
                if rng.random() < CARELESS or agrees(self.docs, asked):
                    break
            found.append(asked)
        return found

    def _foreign(self, rng: random.Random, style: str) -> Asked:
        """Something that another field's tool could do, and this one cannot."""
        things = [t for group in vocabulary.things().values() for t in group.items()]
        sketches = design.sketch(rng, rng.sample(things, 2))
        documentation = "\n".join(
            f"{s.plain}: {s.description}\nParameters: "
            + dumps({n: f"{'Required. ' if r else ''}{t}. {m}." for n, r, t, m in s.inputs})
            for s in sketches
        )
        others = People(read(documentation), self.seed)
        asked = others._draw(rng, rng.choice(others.docs), style, Scenario.SERVER_ERROR)
        return Asked(asked.text, ())

    def _draw(self, rng: random.Random, doc: Doc, style: str, scenario: str) -> Asked:
        """A plan and its text."""
        docs = self.askable
        steps = rng.choices((1, 2), ALONE.get(scenario, (1, 0)))[0]
        if scenario == Scenario.ORDINARY:
            steps = rng.choices(list(STEPS), list(STEPS.values()))[0]
        hidden: tuple[str, ...] | None = None
        wanted: tuple[str, ...] = ()
        if scenario == Scenario.LONG_OUTPUT:
            doc = rng.choice([d for d in docs if d.output.startswith("Array")] or [doc])
        elif scenario == Scenario.REJECTED_PARAMETER:
            doc = rng.choice([d for d in docs if any(strict(x) for x in d.leaves)] or [doc])
            wanted = next((x.path for x in sorted(doc.leaves, key=lambda x: not x.required) if strict(x)), ())
        elif scenario == Scenario.DATA_NOT_FOUND:
            named = [d for d in docs if d.family in FINDING and any(not x.choices for x in d.required)]
            doc = rng.choice(named or [d for d in docs if d.family in FINDING] or [doc])
        elif scenario == Scenario.MISSING_INFORMATION:
            doc = rng.choice([d for d in docs if any(not x.identity for x in d.required)] or [doc])
            options = [leaf.path for leaf in doc.required if not leaf.identity]
            hidden = rng.choice(options) if options else None
        draft = _Draft(self, rng)
        draft.ask(doc, steps > 1, hidden, wanted)
        for _ in range(20):
            if len(draft.calls) >= steps:
                break
            draft.extend()
        return Asked(phrasing.text_of(rng, draft.parts, style, self.seed), tuple(draft.calls))

    def value(self, rng: random.Random, doc: Doc, leaf: Leaf) -> Any:
        """A value that a person would give for a parameter and that its documentation allows."""
        schema = dict(leaf.bounds)
        if leaf.type == "boolean":
            return rng.random() < 0.8
        if leaf.type == "array":
            options = list(leaf.choices) or list(
                dict.fromkeys(_plain(rng, leaf, self.seed) for _ in range(4))
            )
            return rng.sample(options, min(len(options), rng.choice((1, 2, 2, 3))))
        if leaf.choices:
            value = rng.choice(leaf.choices)
            return {"integer": int, "number": float}.get(leaf.type, str)(value)
        if leaf.type in ("integer", "number") and schema.keys() & generation.BOUNDS:
            return generation.number(schema, rng, leaf.path[-1], leaf.type)
        if "pattern" in schema:
            return generation.text(schema, rng, self.seed, leaf.path[-1])
        return _plain(rng, leaf, self.seed)


class _Draft:
    """A plan in the making, with the phrases that ask for it."""

    def __init__(self, people: People, rng: random.Random):
        self.people, self.rng = people, rng
        self.calls: list[Call] = []
        self.parts: list[str] = []

    def extend(self) -> None:
        """One request more: on what came before, the same with another value, or something else."""
        rng, docs, last = self.rng, self.people.askable, self.calls[-1]
        used = {c.doc.name for c in self.calls}
        unused = [d for d in docs if d.name not in used]
        ready = [d for d in unused if self._sources(d)]
        varied = [
            x
            for x in last.doc.required
            # What is done to something that was found before is not done to it again, and nothing thrice.
            if not any(isinstance(v, From) for v in last.values.values())
            and sum(c.doc is last.doc for c in self.calls) < 2
            and not x.identity
            and x.type == "string"
            and isinstance(last.values.get(x.path), str)
        ]
        draw = rng.random()
        if ready and draw < 0.6:
            self.ask(rng.choice(ready), True)
        elif varied and draw < 0.75:
            leaf = rng.choice(varied)
            value = self.people.value(rng, last.doc, leaf)
            if value not in [*last.values.values(), *(c.values.get(leaf.path) for c in self.calls)]:
                self.calls.append(Call(last.doc, {**last.values, leaf.path: value}))
                self.parts.append(phrasing.again(rng, leaf, value))
        elif unused:
            self.ask(rng.choice(unused), True)

    def _sources(self, doc: Doc) -> bool:
        """Whether calls of the plan give all ids that the function takes, and it takes some."""
        ids = [x for x in doc.required if x.identity]
        return bool(ids) and all(self._source(x) is not None for x in ids)

    def _source(self, leaf: Leaf) -> int | None:
        return next((i for i in reversed(range(len(self.calls))) if provides(self.calls[i].doc, leaf)), None)

    def ask(
        self, doc: Doc, many: bool, hidden: tuple[str, ...] | None = None, wanted: tuple[str, ...] = ()
    ) -> None:
        """Add a call, with the lookup it needs, and the phrase that asks for both.

        `many`: a lookup may be added; `hidden`: a parameter that is left unsaid; `wanted`: one that is given.
        """
        rng, call = self.rng, Call(doc)
        values: list[tuple[Doc, Leaf, Any]] = []
        reference, looked_up = "", False
        optional = rng.choice((0.05, 0.2, 0.5))
        for leaf in doc.leaves:
            if leaf.identity and leaf.required and hidden is None:
                source = self._source(leaf)
                if source is not None:
                    made = self.calls[source].doc.family in ("create", "book")
                    call.values[leaf.path] = From(source)
                    reference = rng.choice(phrasing.MADE if made else phrasing.REFERENCES)
                    continue
                if many and not looked_up and rng.random() < 0.75 and (lookup := self._lookup(doc, leaf)):
                    values += lookup
                    call.values[leaf.path] = From(len(self.calls) - 1)
                    looked_up = True
                    continue
            given = leaf.required or leaf.path == wanted or (rng.random() < optional and leaf.sayable)
            if leaf.path == hidden or not given:
                continue
            value = self.people.value(rng, doc, leaf)
            for _ in range(5):  # nobody converts euros to euros
                if leaf.choices or not isinstance(value, str) or value not in call.values.values():
                    break
                value = self.people.value(rng, doc, leaf)
            call.values[leaf.path] = value
            values.append((doc, leaf, value))
        if doc.family != "compare":  # the first stands before the second
            rng.shuffle(values)
        self.calls.append(call)
        self.parts.append(phrasing.request(rng, doc, [(leaf, v) for _, leaf, v in values], reference))

    def _lookup(self, doc: Doc, leaf: Leaf) -> list[tuple[Doc, Leaf, Any]]:
        """A search for the id, added to the plan without being asked for; its values, to be spoken."""
        own = {x.words for x in doc.leaves}
        for finder in self.rng.sample(self.people.askable, len(self.people.askable)):
            if finder.family not in ("search", "list") or not provides(finder, leaf):
                continue
            free = [x for x in finder.leaves if not x.identity and x.type == "string"]
            chosen = finder.required or free[:1]
            if chosen and not any(x.words in own or x.identity for x in chosen):
                made = {x.path: self.people.value(self.rng, finder, x) for x in chosen}
                self.calls.append(Call(finder, made))
                return [(finder, x, made[x.path]) for x in chosen]
        return []


def agrees(docs: tuple[Doc, ...], asked: Asked) -> bool:
    """Whether the instruction reads as it was meant."""
    return [c.key() for c in plan(docs, asked.text)] == [c.key() for c in asked.calls]


def strict(leaf: Leaf) -> bool:
    """Whether a service may want the value in another form than people write it."""
    plain = leaf.type == "string" and not leaf.choices and not leaf.identity
    return plain and leaf.sayable and leaf.kind in STRICT


def _plain(rng: random.Random, leaf: Leaf, seed: int) -> Any:
    """A value by the parameter's name and type alone."""
    name, kind = leaf.path[-1], leaf.items if leaf.type == "array" else leaf.type
    if kind in ("integer", "number"):
        found, span = fields.natural(name)
        if found not in ("int", "num", "year"):
            found, span = "int", CALENDAR.get(leaf.words.split()[-1], (1, 100))
        if kind == "integer" and found == "num":
            found, span = "int", (max(1, span[0]), max(2, span[1]))
        return fields.number(rng, found, *span)
    if leaf.identity and leaf.kind != "uuid":
        return identifier(rng, leaf.identity)
    return fields.string(rng, leaf.kind, seed, name)


def identifier(rng: random.Random, thing: str) -> str:
    """An id of a thing: its initials and a number."""
    parts = thing.split()
    letters = "".join(p[0] for p in parts)[:3] if len(parts) > 1 else thing[:3]
    return f"{letters.upper()}{rng.randrange(100, 99_999)}"
