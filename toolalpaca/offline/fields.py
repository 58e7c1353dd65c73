"""What values look like: the kind of a field by its name and schema, and seeded values of each kind.

A kind is decided from what every agent can see (name, type, format, allowed values), so the one who
writes an instruction and the one who reads it agree without sharing anything else.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import random
import re
from datetime import date, timedelta
from typing import Any

from toolalpaca.offline import lexicon
from toolalpaca.offline.inflection import words

PREPOSITIONS = {"city": "in", "country": "in", "region": "in", "date": "on", "language": "in"}

NAMED = {"person", "company", "city", "country", "username"}  # kinds that a name of something can have

Kind = tuple[str, Any]


def _table(text: str) -> dict[str, list[str]]:
    """`name: word word` per line as a dictionary; an indented line goes on with the one before."""
    lines = text.strip().replace("\n  ", " ").splitlines()
    return {name: rest.split() for name, _, rest in (line.partition(": ") for line in lines)}


ENUMS = _table(lexicon.ENUMS)
NUMBERS = {
    name: (spec[0], (float(spec[1]), float(spec[2])))
    for names, spec in _table(lexicon.NUMBERS).items()
    for name in names.split()
}
SUFFIX = {form.replace("_", " "): kind for kind, forms in _table(lexicon.KINDS).items() for form in forms}
POOLS = _table(lexicon.POOLS)
LISTS = {
    "language": lexicon.LANGUAGES.split(),
    "currency": lexicon.CURRENCIES.split(),
    "symbol": lexicon.SYMBOLS.split(),
    "timezone": lexicon.ZONES.split(),
    "country_code": lexicon.CODES.split(),
    "region": lexicon.REGIONS.split(),
    "word": lexicon.WORDS.split(),
}
WORDS = LISTS["word"]
TITLES = lexicon.TITLE_A.split(), lexicon.TITLE_B.split()
SENTENCES = tuple(
    [piece.strip() for piece in text.replace("\n", "|").split("|") if piece.strip()]
    for text in (lexicon.SENTENCE_A, lexicon.SENTENCE_B)
)
FORMATS = {
    "date": "date",
    "date-time": "datetime",
    "email": "email",
    "uri": "url",
    "url": "url",
    "time": "time",
    "ipv4": "ip",
    "ip": "ip",
    "uuid": "uuid",
    "hostname": "domain",
    "uri-reference": "url",
    "byte": "base64",
    "duration": "duration",
    "json-pointer": "pointer",
}


def _tail(name: str, table: Any) -> Any:
    """The entry of `table` for the name's longest tail in camelCase or in words, or None."""
    parts = words(name).split()
    for start in range(len(parts)):
        tail = parts[start:]
        for form in (tail[0] + "".join(p.capitalize() for p in tail[1:]), " ".join(tail)):
            if form in table:
                return table[form]
    return None


@functools.lru_cache(maxsize=20_000)
def natural(name: str) -> Kind:
    """The kind of one of the teacher's own fields: ("enum", values), ("int", (low, high)), (kind, None)."""
    if name in ENUMS:
        return "enum", ENUMS[name]
    if name in NUMBERS:
        return NUMBERS[name]
    if found := _tail(name, SUFFIX):
        return found, None
    if found := _tail(name, ENUMS):
        return "enum", found
    if found := _tail(name, NUMBERS):
        return found
    last = words(name).split()[-1] if words(name) else ""
    if last == "name" and (owner := _tail(words(name)[:-5], SUFFIX)) in NAMED:
        return owner, None
    if last in ("title", "name", "theme", "series", "listing"):
        return "title", None
    return "word", None


def string_kind(name: str, format: str = "") -> str:
    """The kind of a string, by its name and format, for values and for phrases."""
    if format in FORMATS:
        return FORMATS[format]
    kind = natural(name)[0]
    return "word" if kind in ("enum", "int", "num", "year", "bool") else kind


def rng_of(*parts: Any) -> random.Random:
    """A generator that depends on its parts alone, on any machine."""
    return random.Random(digest(*parts))


def digest(*parts: Any) -> int:
    """A 64-bit integer from the SHA-256 of the parts' text."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")


@functools.cache
def pool(seed: int, kind: str) -> list[str]:
    """Values of one kind, drawn once per seed: Faker takes some 50 microseconds a value."""
    from faker import Faker

    makers = {
        "first_name": lambda f: f.first_name(),
        "city": lambda f: f.city(),
        "country": lambda f: f.country(),
        "street": lambda f: f"{f.random_int(1, 250)} {f.street_name()}",
        "email": lambda f: f"{f.user_name()}@{f.free_email_domain()}",
        "username": lambda f: f.user_name(),
        "phone": lambda f: f.numerify("+1-###-555-####"),
        "postcode": lambda f: f.postcode(),
        "ip": lambda f: f.ipv4_public(),
        "url": lambda f: f"https://{f.domain_name()}/{f.slug('a b').split('-')[0]}/{f.random_int(10, 999)}",
        "domain": lambda f: f.domain_name(),
        "surname": lambda f: f.last_name(),
    }
    fake = Faker("en_US")
    fake.seed_instance(digest(seed, kind))
    found: dict[str, None] = {}
    for _ in range(900):
        value = makers[kind](fake)
        # A value must survive inside a sentence: no commas, brackets or abbreviating dots.
        if not re.search(r"[(),;\"']|\. | (?:and|of|the|or) ", value) and len(value) < 40:
            found[value] = None
    return list(found)


POOLED = frozenset(
    [
        "first_name",
        "city",
        "country",
        "street",
        "email",
        "username",
        "phone",
        "postcode",
        "ip",
        "url",
        "domain",
    ]
)


def _encoded(rng: random.Random) -> str:
    """Base64 that ends in no `=`, which would not be read as a part of a word."""
    return base64.b64encode(" ".join(rng.sample(WORDS, 3))[:12].encode()).decode()


def _uuid(rng: random.Random) -> str:
    bits = f"{rng.getrandbits(128):032x}"
    return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-a{bits[17:20]}-{bits[20:]}"


FORMAL = {
    "uuid": _uuid,
    "base64": _encoded,
    "duration": lambda rng: f"P{rng.randrange(1, 30)}D",
    "pointer": lambda rng: f"/{rng.choice(WORDS)}/{rng.randrange(10)}",
}


def string(rng: random.Random, kind: str, seed: int = 0, name: str = "") -> str:
    """A value of a string kind."""
    if kind in POOLED:
        return rng.choice(pool(seed, kind))
    if kind in FORMAL:
        return FORMAL[kind](rng)
    if kind == "person":
        return f"{rng.choice(pool(seed, 'first_name'))} {rng.choice(pool(seed, 'surname'))}"
    if kind == "company":
        ending = rng.choice((" Labs", " Group", " Partners", " Works", " Media", ""))
        return rng.choice(pool(seed, "surname")) + ending
    if kind == "date":
        return (date(2024, 1, 1) + timedelta(days=rng.randrange(900))).isoformat()
    if kind == "datetime":
        return f"{string(rng, 'date')}T{rng.randrange(24):02}:{rng.choice((0, 15, 30, 45)):02}:00Z"
    if kind == "time":
        return f"{rng.randrange(24):02}:{rng.choice((0, 15, 30, 45)):02}"
    if kind == "title":
        return f"{rng.choice(TITLES[0])} {rng.choice(TITLES[1])}"
    if kind == "text":
        return f"{rng.choice(SENTENCES[0])} {rng.choice(SENTENCES[1])}"
    if kind == "code":
        return f"{''.join(rng.sample('ABCDEFGHJKLMNPRSTUVWXYZ', 2))}{rng.randrange(1000, 99999)}"
    if kind == "version":
        return f"{rng.randrange(1, 9)}.{rng.randrange(20)}.{rng.randrange(10)}"
    if kind == "word" and (own := _own_pool(name)):
        return rng.choice(own)
    return rng.choice(LISTS.get(kind, WORDS))


def _own_pool(name: str) -> list[str] | None:
    return POOLS.get((words(name).removesuffix(" name").split() or [""])[-1])


def has_pool(name: str) -> bool:
    """Whether values of just this name are known, such as breeds."""
    return _own_pool(name) is not None


def number(rng: random.Random, kind: str, low: float, high: float) -> int | float:
    """A number of kind `int`, `year` or `num` between the bounds, rounded as people would say it."""
    if kind == "num":
        return round(rng.uniform(low, high), 1 if high - low > 2 else 2)
    low, high = int(low), int(high)
    value = rng.randint(low, high)
    if kind == "int" and value > 200 and high - low > 500:
        value = max(low, value // 10 * 10)
    return value
