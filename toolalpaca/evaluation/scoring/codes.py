"""Codes and what they stand for: countries, currencies, languages, and letters drawn from a name."""

from __future__ import annotations

import functools
import re

from toolalpaca.evaluation.scoring.values import STOP_WORDS, plain, squash, words

# ISO 639-1, the languages with the most speakers and those that public APIs list most often.
LANGUAGES = {
    "ar": "arabic", "bn": "bengali", "cs": "czech", "da": "danish", "de": "german", "el": "greek",
    "en": "english", "es": "spanish", "fa": "persian", "fi": "finnish", "fr": "french", "he": "hebrew",
    "hi": "hindi", "hu": "hungarian", "id": "indonesian", "it": "italian", "ja": "japanese", "ko": "korean",
    "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sv": "swedish", "sw": "swahili", "th": "thai", "tr": "turkish", "uk": "ukrainian", "ur": "urdu",
    "vi": "vietnamese", "zh": "chinese",
}  # fmt: skip
# ISO 4217, under the names that people use and the standard does not.
CURRENCIES = {
    "USD": "us dollar", "EUR": "euro", "JPY": "yen", "GBP": "british pound", "CHF": "swiss franc",
    "CNY": "chinese yuan", "AUD": "australian dollar", "CAD": "canadian dollar", "INR": "indian rupee",
    "XAU": "gold", "XAG": "silver", "XPT": "platinum", "XPD": "palladium",
}  # fmt: skip
# ISO 3166, likewise.
COUNTRIES = {
    "CN": "china", "CZ": "czech republic", "GB": "great britain", "HK": "hong kong", "IR": "iran",
    "KP": "north korea", "KR": "south korea", "RU": "russia", "SY": "syria", "TW": "taiwan",
    "US": "america", "VN": "vietnam",
}  # fmt: skip
FEW_WORDS = 4


def stands_for(code: str, name: str) -> bool:
    """Whether a code and a name mean the same: CN and China, USD and US dollar, es and Spanish, ETH and
    Ethereum. Letters drawn from a name in order count where no table knows better."""
    code = code.strip()
    if not re.fullmatch(r"[A-Za-z]{2,4}", code) or not name.strip():
        return False
    known = _names(code.upper()) | ({LANGUAGES[code.lower()]} if code.lower() in LANGUAGES else set())
    wanted = plain(name).strip()
    if name.isupper() and known & _names(name.strip()):
        return True  # US and USA
    if wanted in known or (known and frozenset(words(wanted)) in {frozenset(words(k)) for k in known}):
        return True
    if known and wanted in _all_names():
        return False  # CH is no code of China: both are known, and they are not the same
    return _drawn_from(squash(code), [w for w in words(name) if w not in STOP_WORDS])


def is_public(code: str) -> bool:
    """Whether a code is one of the tables: a country, a currency, a language."""
    code = code.strip()
    return bool(_names(code.upper())) or code.lower() in LANGUAGES


def same_airport(one: str, other: str, description: str) -> bool:
    """Whether two codes name one airport of the United States where a description speaks of such codes:
    ICAO's is the FAA's with a K before it (KAVL and AVL), in Alaska and the Pacific with a P."""
    if not re.search(r"\bairport|\bicao\b|\biata\b|\bfaa\b", description, re.IGNORECASE):
        return False
    short, long = sorted((one.strip().upper(), other.strip().upper()), key=len)
    return bool(re.fullmatch(r"[A-Z]{3}", short)) and long in ("K" + short, "P" + short)


def priced_in(pair: str) -> str:
    """What a pair such as XAU/USD or BTCUSD prices in a currency; "" for what is no pair."""
    found = re.fullmatch(r"([A-Z]{3,4})[-/_ ]?([A-Z]{3})", pair.strip())
    currencies = CURRENCIES.keys() | _currencies()
    return found[1] if found and found[2] in currencies else ""


@functools.cache
def _currencies() -> frozenset[str]:
    from faker.providers.currency import Provider as Currencies

    return frozenset(code for code, _ in Currencies.currencies)


def _drawn_from(code: str, parts: list[str]) -> bool:
    if not parts or len(parts) > FEW_WORDS or not all(p.isalpha() for p in parts):
        return False
    if len("".join(parts)) <= len(code):
        return False
    return _takes(code, parts)


def _takes(code: str, parts: list[str]) -> bool:
    """Whether the code is made of letters of each part in order, its first letter among them; of several
    parts only the initials, or the whole of the first."""
    if len(parts) == 1:
        letters = iter(parts[0])
        short = 2 * len(code) <= len(parts[0])  # Nepa is no code of Nepal, it is a slip
        return short and parts[0][0] == code[:1] and all(c in letters for c in code)
    rest = "".join(p[0] for p in parts[1:])
    return code in (parts[0][0] + rest, parts[0] + rest)


@functools.lru_cache(maxsize=1000)
def _names(code: str) -> frozenset[str]:
    common = {table[code] for table in (COUNTRIES, CURRENCIES) if code in table}
    return frozenset(_table().get(code, ())) | common


@functools.cache
def _all_names() -> frozenset[str]:
    return frozenset(name for names in _table().values() for name in names) | {
        name for table in (LANGUAGES, COUNTRIES, CURRENCIES) for name in table.values()
    }


@functools.cache
def _table() -> dict[str, set[str]]:
    """Country and currency codes with their names, from Faker's data (0.3 s to import, so on first use)."""
    from faker.providers.currency import Provider as Currencies
    from faker.providers.date_time import Provider as Countries

    found: dict[str, set[str]] = {}
    for country in Countries.countries:
        for code in (country.alpha_2_code, country.alpha_3_code):
            found.setdefault(code, set()).add(plain(country.name))
    for code, name in Currencies.currencies:
        found.setdefault(code, set()).add(plain(name))
    return found
