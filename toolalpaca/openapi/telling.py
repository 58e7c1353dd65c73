"""Whether a specification says what its operations do: in words, by their names, or not at all.

Many published files name operations by method and path (`anything_booleans_get`) and parameters as a program
would (`tf-required`): such names are addresses, and no words that a person would say.
"""

from __future__ import annotations

import re
from typing import Any

from toolalpaca.schema import Function, Parameter

HTTP = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
ASKED = {
    "get": "Get",
    "head": "Check",
    "post": "Submit",
    "put": "Update",
    "patch": "Update",
    "delete": "Delete",
}
# Tags that group operations and say nothing of them
GENERAL = frozenset(
    re.findall(r"\w+", "api apis default general main misc miscellaneous other others public untagged v1 v2")
)
JOINING = frozenset(["by", "for", "from", "in", "of", "on", "or", "to", "with", "and", "all"])
# Words without a vowel that people say
ACRONYMS = frozenset(
    re.findall(
        r"\w+",
        """
    2d 3d bmp cm cpm crs css csv cvv db dns dvd fps ftp fx gb gdp gps hh hq hr html http https jpg js jwt
    kb kg km lb lbs lng mb md5 mfa mls mm mp3 mp4 mph mr mrs ms nfl nft nhl nr nth pc pdf php pm png pnr ps
    pst qr rgb rpm rss s3 sdk sms sql ssh ssl ssn st svg tls tld tmdb tv tvdb vm vpc vpn vr vs wgs wkt www
    x xls xlsx xml z zh
        """,
    )
)


def words_of(name: str) -> list[str]:
    """The words of an identifier in lower case, with a header's `X-` and other marks left out."""
    name = re.sub(r"^[Xx]-(?=\w)", "", name)
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+", " ", name)
    return spaced.lower().split()


def sayable(name: str) -> bool:
    """Whether people would say a name: it has words, and each has a vowel or is an acronym in use."""
    words = words_of(name)
    return any(re.search(r"[a-z]", word) for word in words) and all(
        re.search(r"[aeiouy]", word) or word in ACRONYMS or re.fullmatch(r"v?\d+", word) or not word.isascii()
        for word in words
    )


def mechanical(name: str, method: str = "", path: str = "") -> bool:
    """Whether an operation's name is made of its method and path, as its form or they themselves tell."""
    lowered = name.lower().strip("_")
    parts = words_of(name)
    if lowered in HTTP or re.search(r"_(?:get|put|post|delete|options|head|patch|trace)$", lowered):
        return True
    if not parts or parts[0] not in HTTP:
        return False
    if re.match(r"[a-z]+[-_ ]?/", lowered) or any(re.fullmatch(r"v\d+", part) for part in parts):
        return True
    if lowered.count("_") >= 3 and not JOINING & set(lowered.split("_")):
        return True
    literal = [part for part in re.sub(r"{[^}]*}", " ", path).split("/") if words_of(part)]
    return len(literal) > 1 and parts[0] == method and parts[1:] == words_of("/".join(literal))


def tagged(node: dict[str, Any], method: str) -> str:
    """What an operation's tags say of it, as a sentence: `Get deploy keys.`"""
    tags = node.get("tags")
    for tag in tags if isinstance(tags, list) else ():
        words = words_of(tag) if isinstance(tag, str) else []
        if words and not GENERAL & set(words) and sayable(tag) and method in ASKED:
            return f"{ASKED[method]} {' '.join(words)}."
    return ""


def untold(function: Function) -> str:
    """Why nothing can be written about a function; "" where its documentation says what it does."""
    if not re.search(r"\w{2}", function.description) and mechanical(
        function.name, function.method, function.path
    ):
        return "neither its summary, description or tags nor its name say what it does"
    for parameter in function.parameters:
        if parameter.required and _is_code(parameter):
            return f"its parameter {parameter.name!r} is named like code, and nothing says what it is"
    return ""


def _is_code(parameter: Parameter) -> bool:
    name = parameter.name.lower()
    return not sayable(name) and name not in SHORT and not re.search(r"\w{2}", parameter.description)


# What people say for names of one or two letters
SHORT = {
    "q": "query",
    "n": "number",
    "k": "number",
    "tz": "time zone",
    "ts": "timestamp",
    "dt": "date",
    "s": "search",
}
