"""Kinds of values as questions and descriptions call them, where a field's name does not tell."""

from __future__ import annotations

import re

ASKED = {
    "email": r"e-?mail",
    "url": r"url|link|web ?site|web address",
    "phone": r"phone|telephone|mobile",
    "time": r"what time|time of day|at which time",
    "date": r"dates?|when|which day|what day|birthday",
    "ip": r"ip(?: address)?",
    "postcode": r"post ?code|postal code|zip(?: code)?",
    "city": r"city|town|location|where",
    "country": r"country",
    "language": r"languages?",
    "currency": r"currency",
    "timezone": r"time ?zone",
    "username": r"user ?name|login",
    "company": r"company|employer|organi[sz]ation",
    "street": r"street|address",
    "person": r"(?:your|full|first|last) name|what name|who is",
}
PROSE = re.compile(r"\b(?:texts?|sentences?|message|content|paragraph|words)\b", re.IGNORECASE)


def kind_of(text: str) -> str:
    """The kind of value that a question asks for or a description means; "" for none that can be told."""
    found = []
    for kind, form in ASKED.items():
        if said := re.search(rf"\b(?:{form})\b", text, re.IGNORECASE):
            found.append((said.start(), -len(said[0]), kind))
    return min(found)[2] if found else ""


def described_kind(name: str, description: str) -> str:
    """The kind of a text whose name is in no table: by its description, prose for results; "" for none."""
    if PROSE.search(description) or re.fullmatch(r"(?i)(?:\w*_)?(?:result|output|response)", name):
        return "text"
    return kind_of(description)
