"""Names of functions that do not repeat the request: what a function does, its description says.

Where a name can be composed from the words of the request, composing it is all that a student learns. So a
tool draws its names from words of machines and services, joined as one tool joins them; every fifth function
is named as plainly as some APIs do it.
"""

from __future__ import annotations

import random

from toolalpaca.offline.inflection import camel

PLAIN = 0.2  # share of functions that are called by verb and object
PARTS = """
anchor arc array atlas axis badge band bay beacon bolt bridge bucket buffer cell chain chunk circuit
cluster column core crate cursor cycle deck delta desk dial dock echo edge facet feed fiber fork
frame gate gauge glyph graph handle harbor hatch heap hive hook hub kit lane lattice layer ledger
lever lot loop manifest mask matrix mesh meter mirror mosaic notch nucleus opcode outlet packet pane
panel peak pier pillar pivot pixel plane prism probe pulse quark rack radar relay resolver ridge
ring rotor rung segment sheaf shard sheet shelf signal silo slate slot socket span spark spindle
spool stack stage stem strand strip stub switchboard tape terminal thread tier tile tower tray trunk
tunnel turbine valve vault vector vertex wedge wheel window wire yard"""
ENDINGS = ("", "", "", "V2", "Ex", "All", "One", "Q", "X")


class Names:
    """The names of one tool's functions: one way of joining words, no word twice."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        parts = PARTS.split()
        self.left = rng.sample(parts, len(parts))
        self.join = rng.choice((camel, camel, _snake, _pascal, _kebab, _single))
        self.prefix = rng.choice(("", "", "", "v2", "api", "rpc", "x"))

    def draw(self, plain: str) -> str:
        """A name for the function that would plainly be called `plain`."""
        if self.rng.random() < PLAIN:
            return plain
        words = [self.left.pop(), self.left.pop()]
        if self.prefix:
            words.insert(0, self.prefix)
        ending = self.rng.choice(ENDINGS)
        return self.join(*words) + (f"_{ending.lower()}" if ending and self.join is _snake else ending)


def _snake(*words: str) -> str:
    return "_".join(words)


def _kebab(*words: str) -> str:
    return "-".join(words)


def _pascal(*words: str) -> str:
    return "".join(word.capitalize() for word in words)


def _single(*words: str) -> str:
    return "".join(words)
