"""Verbs: what functions are called after, and how people ask for the same thing.

A family is a kind of operation. NAMES begin function names; ASKS are the verb phrases of instructions,
where `{}` stands for the object. Both stand in the order of their use: APIs call most things by one verb
of a family (in the 21 published specifications of ToolAlpaca 24 of 25 reads are called `get`), people
vary more.
"""

from __future__ import annotations

import functools
import random
import re

from toolalpaca.offline.inflection import singular, words
from toolalpaca.offline.nouns import noun_of, unmarked
from toolalpaca.openapi.telling import HTTP, mechanical
from toolalpaca.openapi.verbs import CHANGES

NAMES = {
    "search": "search find lookUp discover browse query filter explore",
    "list": "list show enumerate display",
    "get": "get fetch retrieve view read describe inspect",
    "random": "suggest recommend pick propose",
    "create": "create add register submit save",
    "book": "book reserve order",
    "update": "update change edit modify adjust revise",
    "delete": "delete remove erase discard",
    "compare": "compare contrast",
    "convert": "convert recalculate",
    "estimate": "estimate calculate predict compute project",
    "validate": "validate check verify confirm",
    "translate": "translate localize",
    "track": "track trace follow monitor",
    "count": "count tally",
    "rank": "rank sort",
    "rate": "rate review score",
    "share": "share send forward",
    "export": "export download",
    "summarize": "summarize condense",
    "subscribe": "subscribe enroll notify alert",
    "schedule": "schedule plan arrange",
}

ASKS = {
    "search": "find {}|search for {}|look for {}|look up {}|search {}|discover {}|browse {}",
    "list": "list {}|show me {}|give me a list of {}|go through {}|show {}",
    "get": "get {}|fetch {}|pull up {}|tell me about {}|bring up {}|give me {}|retrieve {}",
    "random": "suggest {}|recommend {}|pick {}|propose {}",
    "create": "create {}|add {}|register {}|set up {}|save {}",
    "book": "book {}|reserve {}|order {}",
    "update": "update {}|change {}|edit {}|adjust {}|revise {}|correct {}",
    "delete": "delete {}|remove {}|get rid of {}|erase {}",
    "compare": "compare {}|contrast {}",
    "convert": "convert {}|recalculate {}|work out the conversion of {}",
    "estimate": "estimate {}|calculate {}|work out {}|predict {}|compute {}",
    "validate": "validate {}|check {}|verify {}|confirm {}",
    "translate": "translate {}|localize {}",
    "track": "track {}|trace {}|follow {}|monitor {}",
    "count": "count {}|tally {}",
    "rank": "rank {}|sort {}|put together a ranking of {}",
    "rate": "rate {}|review {}|score {}",
    "share": "share {}|send {}|forward {}",
    "export": "export {}|download {}|get me a copy of {}",
    "summarize": "summarize {}|condense {}|sum up {}",
    "subscribe": "subscribe me to {}|enroll me for {}|notify me about {}|alert me about {}",
    "schedule": "schedule {}|plan {}|arrange {}",
}

# Verbs of other people's specifications, by the family that they belong to.
MORE = {
    "search": "lookup seek scan",
    "list": "all index",
    "get": "load obtain access provide give return",
    "random": "generate random draw",
    "create": "publish enter post insert upload make new start build write store report issue",
    "book": "buy purchase",
    "update": "correct set put patch rename replace move enable disable",
    "delete": "cancel withdraw clear destroy revoke unsubscribe",
    "estimate": "forecast evaluate assess",
    "compare": "match",
    "convert": "exchange transform",
    "count": "measure total",
    "rank": "grade",
    "export": "dump",
    "summarize": "analyze digest",
    "translate": "render",
    "validate": "test authenticate detect identify classify standardize is has",
    "share": "mail email text invite message",
    "subscribe": "join signUp",
}

# What a method means where no description says it: (family, verb)
METHODS = {
    **dict.fromkeys(HTTP, ("get", "get")),
    "post": ("", "submit"),
    "put": ("update", "update"),
    "patch": ("update", "update"),
    "delete": ("delete", "delete"),
}


# Verbs that end a name as its noun: a weatherForecast forecasts nothing.
NOUNS = """all digest display dump email estimate exchange filter follow forecast grade index issue mail match
measure message monitor order plan project query quote rank rate report review schedule score search
share show start store test text total track view"""
PREPOSITIONS = ("for", "by", "in", "from", "of", "with", "to", "on", "at")


def usual(rng: random.Random, options: list[str], skew: float) -> str:
    """One of the options, the first most often: the n-th with a weight of n ** -skew (Zipf)."""
    return rng.choices(options, [rank**-skew for rank in range(1, len(options) + 1)])[0]


@functools.cache
def families() -> dict[str, str]:
    """First word of a verb (lower case) -> its family."""
    found: dict[str, str] = {}
    for table in (NAMES, MORE):
        for family, verbs in table.items():
            for verb in verbs.split():
                found.setdefault(words(verb).split()[0], family)
    found["look"] = "search"
    return found


@functools.cache
def split_name(name: str) -> tuple[str, str, str]:
    """A function's name as (family, verb, object in words); an unknown verb is a family of its own, ""."""
    parts = words(name).split()
    if parts[:2] == ["look", "up"]:
        return "search", "look up", " ".join(parts[2:])
    family = families().get(parts[0], "") if parts else ""
    if not parts:
        return "", "", ""
    return family, parts[0], " ".join(parts[1:])


@functools.cache
def operation(name: str, description: str = "") -> tuple[str, str, str]:
    """A function as (family, verb, object), by its name and, where that begins with a noun, its description.

    Other people's specifications put the noun first (`boards/list`, `boards.list`, `weather_metar_get`) or
    name it alone; what is then told of no verb is a thing to get. Where a name is made of method and path,
    the description tells both, and a mere method without one is nothing to ask for.
    """
    if mechanical(name) or name.count(".") >= 3:
        if said := _addressed(name, description):
            return said
        if name.lower().strip("_") in HTTP:
            return "", "", ""
    parts = [part for part in re.split(r"[/.]+", name) if part] or [name]
    namespace, own = (parts[-2] if len(parts) > 1 else ""), parts[-1]
    family, verb, object_ = split_name(own)
    if namespace and family:
        return family, verb, _object(words(namespace), object_, family, description)
    family, verb, object_ = split_name(name)
    if not family and (said := _described(name, description)):
        return said
    if family or not verb or verb in CHANGES or _is_told(verb, description):
        return family, verb, object_
    parts = words(name).split()
    last = families().get(parts[-1], "")
    family, verb = _verb_of(description)
    if family:
        return (
            family,
            verb,
            _object(" ".join(parts[: -1 if family == last else None]), "", family, description),
        )
    if last and parts[-1] not in NOUNS.split():
        return last, parts[-1], _object(" ".join(parts[:-1]), "", last, description)
    return "get", "get", " ".join(parts)


DESCRIBED = re.compile(
    r"(?P<verb>\w+(?: up)?) (?:(?:the|an?|all|some|one) |somebody (?:to|about) )?(?P<object>[\w' -]+?)"
    r"(?: (?:by|for) [\w -]+)?\."
)


def _described(name: str, description: str) -> tuple[str, str, str] | None:
    """(family, verb, object) of a description that shares no word with the function's name."""
    said = DESCRIBED.fullmatch(description.strip())
    if said is None or set(words(name).split()) & set(re.findall(r"[a-z]+", description.lower())):
        return None
    found = split_name(said["verb"].lower())
    return (found[0], found[1], said["object"].lower()) if found[0] else None


def _addressed(name: str, description: str) -> tuple[str, str, str] | None:
    """(family, verb, object) of a function whose name is an address, as its description says them."""
    description = unmarked(description)
    family, verb = _verb_of(description)
    rest = description.partition(" ")[2] if family else description
    object_ = noun_of(rest.removeprefix("up "), 5)
    if not object_:
        return None
    if not family:
        method = next((word for word in reversed(words(name).split()) if word in HTTP), "get")
        family, verb = METHODS[method]
    return family, verb, object_


def _object(noun: str, rest: str, family: str, description: str) -> str:
    """What is acted on: in `repos/list-for-org` repos for org, in `issues/create-comment` issue comments."""
    one = family in ("create", "update", "delete") or re.match(r"\w+ (?:an?|one|this) ", description)
    if not rest or rest.split(maxsplit=1)[0] in PREPOSITIONS:
        return f"{singular(noun) if one else noun} {rest}".rstrip()
    return f"{singular(noun)} {rest}"


def _is_told(verb: str, description: str) -> bool:
    """Whether a description uses the word as a verb: `Pings a server`."""
    return (
        re.match(rf"{re.escape(verb)}(?:e?s)? (?:an?|the|all|one|your|this)\b", description, re.I) is not None
    )


def _verb_of(description: str) -> tuple[str, str]:
    """Family and base form of the verb that begins a description; "" where none does."""
    word = (re.match(r"\w*", description) or [""])[0].lower()
    for form in (word, word.removesuffix("s"), word.removesuffix("es"), f"{word.removesuffix('ies')}y"):
        if form in families():
            return families()[form], form
    return "", ""
