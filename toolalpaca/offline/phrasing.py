"""How requests are put: verb, object and values as a phrase, phrases as a text.

planner.py reads what this file writes; a change here needs its counterpart there.
"""

from __future__ import annotations

import random
import re
from typing import Any

from toolalpaca.offline import fields
from toolalpaca.offline.inflection import article, is_plural
from toolalpaca.offline.planner import MONTHS
from toolalpaca.offline.reading import Doc, Leaf
from toolalpaca.offline.verbs import ASKS, usual

NEW_SENTENCE = "\x03"  # stands where values begin a sentence of their own
LEADS = (
    "Can you {}?", "Could you {}?", "Would you please {}?", "I'd like you to {}.", "I need you to {}.",
    "Please {}.", "I want to {}.", "I would like to {}.", "Help me {}.", "I have to {}.",
    "Is it possible to {}?", "My boss asked me to {}.", "I'm trying to {}.", "Let's {}.",
    "I was hoping to {}.", "Could we {}?", "We need to {}.", "I've been asked to {}.",
    "May I ask you to {}?", "It would be great to {}.", "Could you help me {}?", "My team wants to {}.",
    "It is time to {}.",
)  # fmt: skip
# Those that fit "give me a list of...".
ADDRESSED = ("Can you {}?", "Could you {}?", "Would you please {}?", "Please {}.", "I'd like you to {}.")
JOINTS = (
    ". Then {}",
    ", and then {}",
    ". After that, {}",
    ". Also, {}",
    ", and {}",
    ". Next, {}",
)
LAST = ". Finally, {}"
REPEATS = ("do the same for {}", "do the same for {}", "repeat the same with {}", "do it once more for {}")
GREETINGS = ("Hey, ", "Hi, ", "Hello, ", "Good morning, ", "Hi there, ", "Quick question: ")
STORIES = tuple(
    """I'm in a hurry today.
{first} and I need this soon.
We moved offices recently.
{first}, a colleague, told me about this.
I promised {first} to take care of it.
It has been a long day.
I'm new to all of this.
Our little club meets again soon.
My neighbour {first} keeps asking me.
I run a small business with {first}.
Last time this took me hours.
I'm writing a piece for our local newsletter.
{first} is curious and I want to help.
I am preparing a talk for my class.
There was a mix-up earlier.
{first} is visiting soon and I want to be ready.
I lost my notes on the train yesterday.
Our manager {first} needs an answer today.
I have an hour before my next meeting.
{first} and I made a bet about it.
We are two volunteers with an old computer.
I finally found the time for this.
For once I would like to be early.
{first} says that I always forget the details.
My cousin {first} swears that this is easy.
My phone is almost out of battery.
I'm asking on behalf of {first}.
We are a team of three and rather busy.
I keep putting this off.
The weekend is short.""".splitlines()
)
CLOSINGS = (
    "Thanks a lot!", "That would help me.", "A short answer is enough.", "It matters to me.", "Thanks!",
    "Take your time.", "I'll tell {first} about it.", "Thank you in advance.", "I appreciate it.",
)  # fmt: skip
REFERENCES = (" from the first result", " from the top result", " from the first match")
MADE = (" from before", " just created", " from that step")


def spoken(rng: random.Random, leaf: Leaf, value: Any) -> str:
    """The value as people write it; what would run into its surroundings stands in quotes."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        item = Leaf(leaf.path, leaf.words, True, leaf.items, leaf.choices, leaf.kind)
        return joined([spoken(rng, item, v) for v in value])
    if not isinstance(value, str):
        return str(value)
    if leaf.choices:
        return value.replace("_", " ")
    if leaf.kind == "date" and len(value) == 10 and rng.random() < 0.2:
        year, month, day = value.split("-")
        name, day = MONTHS[int(month) - 1], int(day)
        return rng.choice((f"{name} {day}, {year}", f"{day} {name} {year}"))
    one_run = all(w[:1].isupper() or w[:1].isdigit() for w in value.split())
    if leaf.kind == "title" and rng.random() < 0.5:
        return f'"{value}"'
    return value if one_run or " " not in value else f'"{value}"'


def request(rng: random.Random, doc: Doc, values: list[tuple[Leaf, Any]], reference: str) -> str:
    """One request without a full stop: what to do, to what, and with which values."""
    asks = [a.removesuffix(" {}") for a in ASKS.get(doc.family, "").split("|") if a] or [doc.verb]
    own = doc.verb and doc.family != "subscribe" and rng.random() < 0.35
    verb = doc.verb if own else usual(rng, asks, 1)
    object_ = _object(rng, doc)
    return f"{verb} {object_}".rstrip() + reference + _values(rng, doc, values)


def _object(rng: random.Random, doc: Doc) -> str:
    if not doc.object or doc.family == "subscribe":
        return doc.object
    if is_plural(doc.object):
        return ("the " if doc.family == "count" else rng.choice(("", "", "some ", "the "))) + doc.object
    if doc.family in ("create", "book", "random", "schedule"):
        return f"a new {doc.object}" if doc.family == "create" and rng.random() < 0.5 else article(doc.object)
    mine = doc.family in ("update", "delete", "track") and rng.random() < 0.3
    return f"{'my' if mine else 'the'} {doc.object}"


def _values(rng: random.Random, doc: Doc, values: list[tuple[Leaf, Any]]) -> str:
    loose, named = "", []
    for leaf, value in values:
        word, text = doc.prepositions.get(leaf.path), spoken(rng, leaf, value)
        natural = word and isinstance(value, str) and (text[0].isupper() or leaf.kind == "date")
        if natural and rng.random() < (0.85 if word in ("from", "to") else 0.45):
            loose = f"{loose} {word} {text}" if word == "to" else f" {word} {text}{loose}"
        else:
            named.append((leaf, text))
    if not named:
        return loose
    layout = rng.choices(range(5), (46, 15, 13, 15, 11))[0]
    phrases = [_named(rng, layout, leaf, text) for leaf, text in named]
    if layout == 4:
        sentence = joined(phrases)
        return f"{loose}{NEW_SENTENCE}{sentence[0].upper()}{sentence[1:]}"
    return f"{loose} {('with', 'where', 'using', 'with')[layout]} {joined(phrases)}"


def _named(rng: random.Random, layout: int, leaf: Leaf, text: str) -> str:
    """A value with the words of its parameter."""
    if layout in (1, 4):
        verb = "should be" if layout == 4 and rng.random() < 0.5 else "are" if is_plural(leaf.words) else "is"
        return f"the {leaf.words} {verb} {text}"
    if layout == 2 and leaf.type != "boolean":
        return f"{text} as the {leaf.words}"
    if layout == 3 and leaf.type != "boolean":
        return f"{leaf.words if is_plural(leaf.words) else article(leaf.words)} of {text}"
    return f"{'the ' if rng.random() < 0.33 and leaf.type != 'boolean' else ''}{leaf.words} {text}"


def again(rng: random.Random, leaf: Leaf, value: Any) -> str:
    """A request to repeat the one before with another value."""
    return rng.choice(REPEATS).format(f"the {leaf.words} {spoken(rng, leaf, value)}")


def joined(items: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def text_of(rng: random.Random, parts: list[str], style: str, seed: int) -> str:
    """Requests as one text: a command, a question or a first-person narrative."""
    body = parts[0]
    for part in parts[1:]:
        # What follows a sentence of values cannot be hung on with a comma.
        joints = [j for j in JOINTS if j[0] == "." or NEW_SENTENCE not in body]
        joints += [LAST] if part is parts[-1] else []
        body += rng.choice(joints).format(part)
    body = body.replace(NEW_SENTENCE, ". ")
    first, dot, rest = body.partition(". ")
    leads = ADDRESSED if re.match(r"[\w ]{3,12} (?:me|for me)\b", first) else LEADS
    lead = rng.choice(leads) if rng.random() < 0.7 else "{}."
    text = lead.format(first) + (f" {rest}." if dot else "")
    text = text[0].upper() + text[1:]
    if style == "story":
        before = rng.sample(STORIES, 1 if rng.random() < 0.85 else 2)
        if all("{first}" in s for s in before[-2:]):
            del before[1:]
        after = [rng.choice(CLOSINGS)] if rng.random() < 0.3 else []
        text = " ".join([*before, text, *after])
    elif rng.random() < 0.15:
        greeting = rng.choice(GREETINGS)
        text = greeting + (text if re.match(r"I\b", text) else text[0].lower() + text[1:])
    return text.replace("{first}", rng.choice(fields.pool(seed, "first_name")))
