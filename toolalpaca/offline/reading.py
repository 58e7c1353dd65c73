"""Reading documentation: the functions and parameters of a tool as its natural-language text tells them."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass, field
from typing import Any

from toolalpaca.offline.fields import PREPOSITIONS, natural, string_kind
from toolalpaca.offline.inflection import singular, words
from toolalpaca.offline.nouns import spoken_name
from toolalpaca.offline.verbs import operation

TRANSFERS = {
    "from": "from", "origin": "from", "source": "from", "to": "to", "destination": "to", "target": "to",
}  # fmt: skip
# An operationId may be any text without blanks, such as GitHub's `repos/list-for-org`.
HEAD = re.compile(r"^([^\s:(){}\"]{1,200}):[ \t]?(.*)\n+Parameters:[ \t]*(\{.*\})[ \t]*$", re.MULTILINE)
SIGNATURE = re.compile(r"^([^\s:(){}\"]{1,200})\((.*?)\)(?: - (.*))?$", re.MULTILINE)
# What stands before a parameter's description: `string. Format: date. One of: [a, b]. Default: a.`
DECLARED = re.compile(
    r"[\w\[\]{} ]+\.?(?: Format: [\w-]+\.?)?(?: One of: \[.*?\]\.?)?(?: Default: \S+(?=\.(?: |$))\.?)?"
)
STRUCTURE = re.compile(r"^\s*- Structure:\s*(.*)$", re.MULTILINE)

NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
LIMITS = {"Over": "exclusiveMinimum", "Under": "exclusiveMaximum", "In steps of": "multipleOf"}


@dataclass(frozen=True)
class Leaf:
    """One value that a call can hold: a parameter, or a property of an object parameter.

    `path` leads to it, `type` is string, integer, number, boolean or array; `kind` says what the
    values look like, see fields.py.
    """

    path: tuple[str, ...]
    words: str
    required: bool
    type: str
    choices: tuple[str, ...] = ()
    kind: str = "word"
    items: str = "string"
    sayable: bool = True  # whether people say its words at all
    bounds: tuple[tuple[str, Any], ...] = ()  # JSON Schema keywords with their values
    meaning: str = field(default="", compare=False)  # all that is said of it

    @property
    def identity(self) -> str:
        """The thing that this is the id of, in words; "" when it is no id."""
        return self.words[:-3].strip() if self.words.endswith(" id") else ""


@dataclass(frozen=True)
class Doc:
    """A function as its documentation tells it."""

    name: str
    description: str
    family: str
    verb: str
    object: str
    leaves: tuple[Leaf, ...] = ()
    whole: tuple[str, ...] = ()  # object parameters that are required
    output: str = ""
    unsaid: tuple[str, ...] = ()  # required parameters for which no words stand, such as lists of objects

    @property
    def required(self) -> list[Leaf]:
        return [leaf for leaf in self.leaves if leaf.required]

    @functools.cached_property
    def content(self) -> frozenset[str]:
        """Content words of name and description, singular."""
        text = f"{words(self.name)} {self.description.lower()}"
        return frozenset(singular(w) for w in re.findall(r"[a-z]{3,}", text)) - STOPWORDS

    @functools.cached_property
    def prepositions(self) -> dict[tuple[str, ...], str]:
        """Path -> the word that introduces the value of this leaf and of no other of the function."""
        found = {}
        for leaf in self.leaves:
            if leaf.type != "string" or leaf.choices or len(leaf.path) > 1:
                continue
            first = leaf.words.split()[0]
            word = TRANSFERS.get(first, "")
            if first in ("source", "target") and leaf.kind not in ("currency", "language"):
                word = ""
            if not word and leaf.words == leaf.kind:
                word = PREPOSITIONS.get(leaf.kind, "")
            if word:
                found[leaf.path] = word
        return {path: word for path, word in found.items() if list(found.values()).count(word) == 1}


STOPWORDS = frozenset(
    [
        "the",
        "and",
        "for",
        "with",
        "from",
        "that",
        "this",
        "into",
        "about",
        "are",
        "was",
        "has",
        "have",
        "can",
        "all",
        "any",
        "its",
        "their",
        "your",
        "one",
        "use",
        "used",
        "using",
        "api",
        "return",
        "returns",
        "given",
        "which",
        "where",
        "what",
        "who",
        "how",
        "many",
        "some",
        "more",
        "specific",
        "based",
        "list",
        "get",
    ]
)


@functools.lru_cache(maxsize=128)
def read(documentation: str) -> tuple[Doc, ...]:
    """The functions of a documentation text, in its order; texts of other forms give none."""
    heads = list(HEAD.finditer(documentation))
    if not heads:
        return tuple(
            _doc(line[1], line[3] or "", _spelled_out(line[2]), "")
            for line in SIGNATURE.finditer(documentation)
        )
    found = []
    for index, head in enumerate(heads):
        try:
            parameters = json.loads(head[3])
        except ValueError:
            continue
        end = heads[index + 1].start() if index + 1 < len(heads) else len(documentation)
        structure = STRUCTURE.search(documentation, head.end(), end)
        found.append(_doc(head[1], head[2].strip(), parameters, structure[1] if structure else ""))
    return tuple(found)


def _doc(name: str, description: str, parameters: dict[str, str], output: str) -> Doc:
    leaves, whole, unsaid = [], [], []
    for parameter, text in parameters.items():
        found = _leaves((parameter,), str(text))
        leaves += found
        if not found and str(text).startswith("Required."):
            unsaid.append(parameter)
        if str(text).startswith("Required. Object"):
            whole.append(parameter)
    told = operation(name, description)
    return Doc(name, description, *told, tuple(leaves), tuple(whole), output, tuple(unsaid))


def _spelled_out(parameters: str) -> dict[str, str]:
    """The parameters of a signature in the words of full documentation."""
    found = {}
    for piece in _inside(f"{parameters}}}"):
        name, _, kind = piece.partition(": ")
        choices = re.search(r"([^ \[]+(?: [^|\]]+)?(?:\|[^|\]]+)+)", kind)
        if choices and kind.startswith("Array["):
            kind = f"Array[string]. One of: [{choices[1].replace('|', ', ')}]"
        elif choices:
            typed = re.match(r"(integer|number|boolean) ", kind)
            listed = kind[typed.end() :] if typed else kind
            kind = f"{typed[1] if typed else 'string'}. One of: [{listed.replace('|', ', ')}]"
        elif kind in ("email", "date", "date-time", "uri", "time", "uuid"):
            kind = f"string. Format: {kind}"
        found[name.rstrip("?")] = f"{'' if name.endswith('?') else 'Required. '}{kind or 'string'}."
    return found


def _leaves(path: tuple[str, ...], text: str) -> list[Leaf]:
    text = text.strip()
    required = text[:9].lower() == "required."
    rest = re.sub(r"^(Required|Optional)\.\s*", "", text, flags=re.IGNORECASE)
    if rest.startswith("Object{"):
        inner, found = _inside(rest[len("Object{") :]), []
        for piece in inner:
            name, _, kind = piece.partition(": ")
            needed = kind.startswith("Required ")
            kind = kind.removeprefix("Required ")
            if kind.startswith(("Object", "Array")):
                continue
            found += _leaves((*path, name), f"{'Required. ' if needed and required else ''}{kind}.")
        return found
    kind = re.match(r"(Array\[(\w+)|\w+)", rest)
    base = kind[1].lower() if kind else "string"
    items = "string"
    if base.startswith("array"):
        base, items = "array", (kind[2] or "string").lower() if kind else "string"
        if items == "object":
            return []
    elif base == "object":
        return []
    elif base not in ("string", "integer", "number", "boolean"):
        base = "string"
    choices = re.search(r"One of: \[(.*?)\]", rest)
    form = re.search(r"Format: ([\w-]+)", rest)
    described = DECLARED.sub("", rest, count=1).strip()
    if spoken := spoken_name(path, described):
        sayable = True
    else:
        spoken, sayable = " ".join(re.findall(r"[a-z0-9]+", words(" ".join(path)))) or "value", False
    values = tuple(c.strip() for c in choices[1].split(",") if c.strip()) if choices else ()
    if base == "string":
        guess = string_kind(path[-1], form[1] if form else "")
        # A date is also known by its documented form, whatever it is called.
        kind_ = "date" if "YYYY-MM-DD" in rest and guess not in ("date", "datetime") else guess
    else:
        kind_ = natural(path[-1])[0] if base != "array" else string_kind(path[-1])
    return [Leaf(path, spoken, required, base, values, kind_, items, sayable, _bounds(rest, base), rest)]


def _bounds(text: str, base: str) -> tuple[tuple[str, Any], ...]:
    """The bounds of a value as documentation tells them; see `documentation.bounds_of`."""
    sizes = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}
    low, high = sizes.get(base, ("minimum", "maximum"))
    unit = {"string": " characters?", "array": " items?"}.get(base, "")
    found: dict[str, Any] = {}
    if span := re.search(rf"\. (?:From ({NUMBER})(?: to ({NUMBER}))?|Up to ({NUMBER})){unit}\.", text):
        found |= {low: span[1], high: span[2] or span[3]}
    if exactly := re.search(rf"\. Exactly ({NUMBER}){unit}\.", text):
        found |= {low: exactly[1], high: exactly[1]}
    for word, key in LIMITS.items():
        if said := re.search(rf"\. {word} ({NUMBER})\.", text):
            found[key] = said[1]
    bounds = {key: json.loads(value) for key, value in found.items() if value}
    if base == "string" and (pattern := re.search(r"\. Pattern: (\S+?)\.(?:\s|$)", text)):
        bounds["pattern"] = pattern[1]
    return tuple(bounds.items())


def _inside(text: str) -> list[str]:
    """The comma-separated pieces up to the brace that closes."""
    pieces, depth, start = [], 0, 0
    for index, char in enumerate(text):
        if char in "{[":
            depth += 1
        elif char in "}]":
            if depth == 0:
                pieces.append(text[start:index])
                break
            depth -= 1
        elif char == "," and depth == 0:
            pieces.append(text[start:index])
            start = index + 2
    return [p for p in (piece.strip() for piece in pieces) if p]
