"""The teacher as API designer: introductions and functions, in the text an LLM would write."""

from __future__ import annotations

import random
import re

from toolalpaca.files import dumps
from toolalpaca.offline import lexicon, vocabulary
from toolalpaca.offline.archetypes import TOPICAL, Designer, Sketch
from toolalpaca.offline.inflection import plural, singular, words
from toolalpaca.offline.naming import Names
from toolalpaca.offline.verbs import split_name

STOP = frozenset(lexicon.STOP.split())
GENERIC_FIELDS = lexicon.GENERIC_FIELDS.split()
INTRODUCTIONS = (
    "{name} is an API for {about}. It centres on {a} and {b}, which it serves as plain JSON over HTTP. "
    "{who} call it when they need {a} in their own products without keeping the records themselves. With "
    "single requests one can look up {a}, read the details of an entry, narrow results by attributes such as "
    "{x} and {y}, and keep {b} up to date. Requests take a few parameters each, and every answer carries the "
    "identifiers that the next request needs.",
    "The {name} API belongs to the field of {category}: {about}. Its two subjects are {a} and {b}. {who} use "
    "it to answer everyday questions, for instance which {a} have a certain {x}, and to act on what they "
    "find. Records can be searched, read one by one, created and changed; some functions compute a figure or "
    "check a value. Inputs are simple values like {x} or {y}, and results come back as structured text.",
    "With {name}, programs can work with {a} and {b}. The service is about {about}, and it was made for "
    "{who_lower} who want short, dependable answers. One request finds entries by {x} or {y}; another "
    "returns everything known of a single entry; others add, correct or withdraw records, or do a small "
    "calculation. Identifiers returned by a search are valid in all other functions of the API.",
)
WHO = (
    "Developers of small apps", "Editors and analysts", "Teams that build assistants", "Researchers",
    "Shop owners", "Hobbyists", "Students of the subject", "Support teams", "Planners", "Bloggers",
)  # fmt: skip
SIZES = {3: 14, 4: 27, 5: 30, 6: 18, 7: 11}  # functions per tool and their weights; 4.85 on average

Thing = tuple[str, list[str]]


def candidates(name: str, category: str, description: str) -> list[Thing]:
    """Things that this API may be about, likelier ones several times."""
    own = vocabulary.things().get(category, {})
    found: list[Thing] = list(own.items())
    text = [singular(w) for w in re.findall(r"[a-z]{3,}", f"{words(name)} {description.lower()}")]
    text = [w for w in dict.fromkeys(text) if w not in STOP]
    for word in text:
        for thing, fields in vocabulary.owners().get(word, []):
            # A thing of another field must be spoken of in full: an API of taxi prices has no price alerts.
            if thing in own:
                found += [(thing, fields)] * 4
            elif not own or all(w in text for w in thing.split()):
                found += [(thing, fields)] * 2
    if not own:
        # An unknown field: things named after the API's own words.
        for word in text[:5] or ["record"]:
            if word not in vocabulary.owners():
                found += [(f"{word} {part}", GENERIC_FIELDS) for part in ("entry", "listing", "request")]
    return found or [("record", GENERIC_FIELDS)]


def subjects(rng: random.Random, name: str, category: str, description: str, text: str) -> list[Thing]:
    """Two different things, those that the introduction speaks of where it does."""
    options = candidates(name, category, description)
    spoken = re.search(r"(?:centres on|subjects are|work with) (.+?) and (.+?)[.,]", text)
    if spoken:
        by_plural = {plural(thing): (thing, fields) for thing, fields in options}
        named = [by_plural[s] for s in spoken.groups() if s in by_plural]
        if len(named) == 2:
            return named
    first = rng.choice(options)
    others = [o for o in options if o[0] != first[0]]
    # The id of an anime quote would pass for that of an anime.
    others = [o for o in others if not set(o[0].split()) & set(first[0].split())] or others
    second = rng.choice(others) if others else (f"{first[0]} request", GENERIC_FIELDS)
    return [first, second]


def introduction(rng: random.Random, name: str, category: str, description: str) -> str:
    """One paragraph on the API."""
    (a, fields), (b, _) = subjects(rng, name, category, description, "")
    x, y = rng.sample([words(f) for f in fields], 2) if len(fields) > 1 else ("topic", "date")
    who = rng.choice(WHO)
    about = description.strip().rstrip(".!") or f"{category.lower()} data"
    about = about[0].lower() + about[1:] if about[1:2].islower() else about
    if name.upper().endswith("API"):
        name = name[:-3].strip(" -") or name
    return rng.choice(INTRODUCTIONS).format(
        name=name,
        category=category,
        about=about,
        a=plural(a),
        b=plural(b),
        x=x,
        y=y,
        who=who,
        who_lower=who[0].lower() + who[1:],
    )


def functions_text(rng: random.Random, name: str, category: str, description: str, introduction: str) -> str:
    """The numbered list of the tool's functions."""
    lines = []
    functions = sketch(rng, subjects(rng, name, category, description, introduction))
    names = Names(rng)
    for number, function in enumerate(functions, 1):
        inputs = {
            n: f"{'Required' if required else 'Optional'}. {kind}. {meaning}."
            for n, required, kind, meaning in function.inputs
        }
        lines += [
            f"{number}. Name: {names.draw(function.plain)}",
            f"Description: {function.description}",
            f"Input: {dumps(inputs)}",
            f"Output: {function.output}",
        ]
    return "\n".join(lines)


def sketch(rng: random.Random, two: list[Thing]) -> list[Sketch]:
    """Three to seven functions about two things, none of which needs an id that no other returns."""
    wanted = rng.choices(list(SIZES), list(SIZES.values()))[0]
    made: list[Sketch] = []
    seen: set[tuple[str, str]] = set()
    choices: dict[str, list[str]] = {}

    def keep(function: Sketch) -> bool:
        family, _, object_ = split_name(function.plain)
        # Two functions that differ in a synonym or in number alone could not be told apart.
        key = (family, " ".join(sorted(singular(w) for w in object_.split())))
        if key in seen or len(made) >= wanted:
            return False
        seen.add(key)
        made.append(function)
        return True

    for index, (thing, fields) in enumerate(two):
        designer = Designer(rng, thing, _phrase(rng, thing), fields, choices)
        budget = wanted - len(made) if index else max(2, wanted - rng.randint(1, 3))
        count = 0
        for archetype in _plan(rng, thing, certain=0.85 if index == 0 else 0.55):
            if count >= budget:
                break
            count += keep(designer.make(archetype))
    while len(made) < wanted:
        thing, fields = rng.choice(two)
        designer = Designer(rng, thing, _phrase(rng, thing, 0.9), fields, choices)
        keep(designer.make(rng.choice([a for a in _topical(thing) if a != "compare"])))
    return made


def _topical(thing: str) -> list[str]:
    """The archetypes of the thing's own business: only what can be booked is booked, and so on."""
    last = thing.rsplit(maxsplit=1)[-1]
    unfit = {
        "book": last not in vocabulary.BOOKABLE.split(),
        "track": last not in vocabulary.TRACKABLE.split(),
    }
    return [a for a in TOPICAL if not unfit.get(a)]


def _plan(rng: random.Random, thing: str, certain: float) -> list[str]:
    """Archetypes in the order in which they are wanted: those that take an id only behind a search."""
    topical = rng.sample(_topical(thing), 5)
    if rng.random() >= certain:
        return topical
    finding = rng.choices(("search", "list"), (3, 1))[0]
    first, *rest = dict.fromkeys(rng.sample(("get", "get", "update", "delete", "rate", "share", "create"), 3))
    mixed = [x for pair in zip(topical, [*rest, *topical], strict=False) for x in pair]
    return list(dict.fromkeys([finding, first, *mixed]))


def _phrase(rng: random.Random, thing: str, chance: float = 0.45) -> str:
    """The thing as this tool calls it, sometimes with an adjective or a part."""
    draw = rng.random()
    if draw < chance * 0.6:
        return f"{rng.choice(vocabulary.ADJECTIVES.split())} {thing}"
    if draw < chance and len(thing.split()) == 1:
        return f"{thing} {rng.choice([p for p in vocabulary.PARTS.split() if p != thing])}"
    return thing
