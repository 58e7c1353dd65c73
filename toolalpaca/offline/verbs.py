"""Verbs: what functions are called after, and how people ask for the same thing.

A family is a kind of operation. `names` begin function names; `asks` are the verb phrases of
instructions, where `{}` stands for the object.
"""

from __future__ import annotations

import functools

from toolalpaca.offline.vocabulary import words

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
    "search": "search for {}|find {}|look for {}|look up {}|search {}|discover {}|browse {}",
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
    "count": "count {}|tally {}|add up {}",
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
