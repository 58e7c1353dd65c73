"""What kind of thing a parameter holds, told from its name and schema."""

from __future__ import annotations

import re
from typing import Any

from toolalpaca.evaluation.scoring.values import EMPTY, as_text, is_date, number, same, words
from toolalpaca.openapi.verbs import CHANGES
from toolalpaca.schema import Function, Parameter


def _set(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


NAMES_ONE_THING = _set(
    """id key token uuid guid email mail phone telephone password url uri link ip address account serial
    code secret username login identifier"""
)
PROSE = _set(
    """comment message description text body content note reason summary bio caption subject feedback
    remark prompt question detail"""
)
SEARCH = _set("query q keyword search term filter topic phrase tag")
NUMBERED = _set(
    "account case card customer flight invoice order phone reference registration ticket tracking"
)
PAGING = _set("page offset cursor skip")
# access_key, apiKey, appid, X-RapidAPI-Key; not developerId, which is somebody's
CREDENTIAL = re.compile(
    r"(?:^|[ -])(?:\w*api|app|access|subscription|consumer|client|auth|secret) ?(?:key|token|secret)$"
    r"|(?:^| )app ?id$|^(?:authorization|bearer)$"
)
DEFAULT = re.compile(r"\bdefault(?:s to| is| value is|:|=| to)\s*['\"`]?([\w.-]*\w)", re.IGNORECASE)
AUTHENTICATES = re.compile(r"\bapi[ _-]?key\b|\bapp[ _-]?id\b|\bauthenticat|\bcredential", re.IGNORECASE)
DAYS = _set("date day since until")
ZONE = re.compile(r"\butc\b|\bgmt\b|time ?zone", re.IGNORECASE)
LETTERS = 2  # a name so short says nothing


def is_kind(parameter: Parameter, kinds: frozenset[str]) -> bool:
    """Whether the parameter's name ends in a word of `kinds`; a search may be known by its description."""
    name = words(parameter.name)
    if "per" in name[:-1]:  # perPage is no page
        return False
    if kinds is PAGING and ZONE.search(f"{parameter.name} {parameter.description}"):
        return False  # an offset from UTC
    if kinds is SEARCH and len(parameter.name) <= LETTERS:
        return bool(SEARCH & set(words(f"{parameter.name} {parameter.description}")))
    return bool(name) and (name[-1] in kinds or parameter.name.casefold() in kinds)


def names_one_thing(parameter: Parameter) -> bool:
    """Whether a value of the parameter is an id, a key or an address: it exists or it does not."""
    if parameter.schema.get("enum"):
        return False
    name = words(parameter.name)
    numbered = name[-1:] == ("number",) and bool(NUMBERED & set(name[:-1]))  # orderNumber, not roomNumber
    return numbered or is_kind(parameter, NAMES_ONE_THING)


def is_credential(parameter: Parameter) -> bool:
    """Whether the parameter takes a credential, which is the environment's business and not the model's:
    by its name, or by a description that says so of a key, an id or a token."""
    name = words(parameter.name)
    if CREDENTIAL.search(" ".join(name)):
        return True
    return name[-1:] in (("key",), ("token",), ("id",)) and bool(AUTHENTICATES.search(parameter.description))


def is_default(value: Any, parameter: Parameter) -> bool:
    """Whether the specification says that leaving the parameter out means the value."""
    said = DEFAULT.search(parameter.description)
    default = parameter.schema.get("default", said[1] if said else None)
    return default not in EMPTY and same(value, default)


def is_public_code(value: Any) -> bool:
    """Whether a value is a code that everybody may know (a country, a language, a currency), no secret."""
    return isinstance(value, str) and bool(re.fullmatch(r"[A-Za-z]{2,3}([-_][A-Za-z]{2})?", value))


def changes_something(name: str, function: Function | None) -> bool:
    """Whether a call of the function changes the world rather than asks it."""
    first = words(name)[:1]
    by_name = bool(first) and first[0] in {word for verb in CHANGES for word in words(verb)}
    if function is None or not function.method:
        return by_name
    return function.method.lower() not in ("get", "head", "options") and (
        by_name or function.method.lower() in ("put", "patch", "delete")
    )


def wrong_type(value: Any, parameter: Parameter) -> str:
    """What the schema expects where the value does not fit it, else "". A number as text is a number."""
    enum = parameter.schema.get("enum")
    if enum and not isinstance(value, list) and not any(same(option, value) for option in enum):
        return f"one of {enum}"
    kind = parameter.schema.get("type")
    wrong = (
        (kind in ("integer", "number") and (isinstance(value, dict | list | bool) or number(value) is None))
        or (kind == "integer" and (number(value) or 0) % 1)
        or (kind == "boolean" and as_text(value).casefold() not in ("true", "false", "0", "1"))
        or (kind == "object" and not isinstance(value, dict | str))
        or (kind == "string" and isinstance(value, dict))
    )
    return f"a value of type {kind}" if wrong else ""


def is_strict(gold: Any, parameter: Parameter) -> bool:
    """Whether near enough is wrong: numbers, dates, ids, addresses, codes, values of an enumeration."""
    text = as_text(gold)
    return bool(
        isinstance(gold, bool)
        or number(gold) is not None
        or is_date(gold)
        or parameter.schema.get("enum")
        or "@" in text
        or "://" in text
        or (names_one_thing(parameter) and re.search(r"\d", text))
        or (re.search(r"[A-Z]", text) and not re.search(r"[a-z\s]", text))  # NY, EUR/USD, KATL
    )
