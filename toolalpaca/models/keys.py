"""An endpoint's key: read from the environment, and all the texts that would give it away."""

from __future__ import annotations

import base64
import os
import re
import urllib.parse

from toolalpaca.schema import ToolAlpacaError

WORD = re.compile("[a-z]+")


def read_key(variable: str) -> str:
    """The key in an environment variable; '' when it is not set.

    Raises:
        ToolAlpacaError: `variable` is no variable's name (perhaps it is the key, so it is not repeated), or
            the key has characters that no HTTP header can hold.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
        raise ToolAlpacaError(
            "api_key_env should be the name of an environment variable that holds the key, not the key itself"
        )
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ToolAlpacaError(
            f"the key in the variable {variable} has a line break or another character that no key has: "
            "copy it anew"
        )
    return key


def key_traces(key: str) -> list[str]:
    """Texts that are the whole of `key`, longest first: as it is, escaped, in hex and in base64."""
    if len(key) < 8 and (not key or key.isalnum()):
        return []  # "x", "EMPTY", "token": placeholders for servers without keys, and words of replies
    quote, special = urllib.parse.quote, {c for c in key if not c.isalnum()}
    shapes = {key, quote(key), quote(key, safe=""), quote(key).lower(), quote(key, safe="").lower()}
    # Servers that escape more than JSON asks for: "/" by PHP, "+" and "=" by .NET, all three in HTML.
    for escape in ("\\u{:04x}", "\\u{:04X}", "&#{};", "&#x{:x};", "&#x{:X};", "%{:02x}", "%{:02X}"):
        table = {ord(c): escape.format(ord(c)) for c in special if c not in "-_."}
        shapes |= {key.translate(table), key.replace("/", "\\/")}
    for escape in ("{:02x}", "{:02X}", "%{:02x}", "%{:02X}"):
        shapes.add("".join(escape.format(byte) for byte in key.encode()))
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        shapes |= {encode(prefix + key.encode()).decode().rstrip("=") for prefix in (b"", b"Bearer ", b":")}
        # Inside a longer base64 text the key's bits sit at one of three offsets; compare whole characters.
        for offset, skip in ((0, 0), (1, 2), (2, 3)):
            shapes.add(encode(b"\0" * offset + key.encode()).decode().rstrip("=")[skip:-1])
    return sorted((s for s in shapes if len(s) >= 5), key=len, reverse=True)


def key_fragments(key: str) -> list[str]:
    """Beginnings and the end of `key`, as error texts show them, longest first.

    An end that is a word ("required" of sk-no-key-required) is none: it stands in any text.
    """
    if len(key) < 12:
        return []
    beginnings = sorted({key[:n] for n in (8, 12, 16, 24, 32)}, key=len, reverse=True)
    return beginnings + [end for end in (key[-8:],) if not WORD.fullmatch(end)]
