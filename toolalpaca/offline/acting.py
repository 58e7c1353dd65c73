"""The teacher as assistant: the next step from documentation, instruction and what happened so far."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass, field
from typing import Any

from toolalpaca.files import dumps
from toolalpaca.models.react import STYLES, Action, Style, parse, read_response, render_action, render_answer
from toolalpaca.offline import planner
from toolalpaca.offline.inflection import singular, words
from toolalpaca.offline.planner import Call, From
from toolalpaca.offline.reading import Doc, Leaf, read
from toolalpaca.offline.regrets import unfit_answer
from toolalpaca.offline.saying import Result, answer, failure_answer
from toolalpaca.schema import BUILTIN_NAMES, GET_DETAILS, RETRIEVE, ReplyError

MAX_TRIES = 3
REJECTED = re.compile(r"parameter '([^']+)'.{0,60}?use '([^']*)'")
CUT = "... (cut: "
NOTHING = "nothing was found"


@dataclass
class Progress:
    """How far the plan has come."""

    results: list[Result] = field(default_factory=list)
    tries: int = 0
    last_error: str = ""
    last_status: int = 0
    corrections: dict[str, str] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)  # question -> reply
    retrieved: str = ""
    unreadable: bool = False


def next_step(name: str, variables: dict[str, Any], history: list[dict[str, str]]) -> str:
    """The text of the assistant's next turn."""
    style = STYLES["vicuna"] if name == "student_vicuna" else STYLES["react"]
    documentation, instruction = variables["documentation"], variables["instruction"]
    given = {b["name"] for b in variables.get("builtins", [])}
    available = {
        b
        for b in BUILTIN_NAMES
        if b in given or b in variables["functions"] or f"\n{b}: " in f"\n{documentation}"
    }
    docs, calls = _plan(documentation, instruction)
    if not calls:
        return render_answer(*unfit_answer(docs, instruction), style)
    state = follow(calls, history, style)
    done = len(state.results)
    if state.results and state.results[-1].cut and RETRIEVE in available and not state.retrieved:
        question = f"What are the last three of the {calls[done - 1].doc.object}?"
        thought = "The response was cut, so I look up what it ends with."
        return render_action(thought, RETRIEVE, dumps({"Question": question}), style)
    if done == len(calls):
        return render_answer(*answer(state.results), style)
    return _act(calls, done, state, available, style)


@functools.lru_cache(maxsize=1024)  # each of an instance's turns follows the same plan
def _plan(documentation: str, instruction: str) -> tuple[tuple[Doc, ...], list[Call]]:
    docs = tuple(d for d in read(documentation) if d.name not in BUILTIN_NAMES)
    return docs, planner.plan(docs, instruction)


def _act(calls: list[Call], done: int, state: Progress, available: set[str], style: Style) -> str:
    call = calls[done]
    if state.last_status == 404 or state.tries >= MAX_TRIES:
        return render_answer(
            *failure_answer(call.doc, state.last_error, state.last_status, state.results), style
        )
    values = dict(call.values)
    for path, value in values.items():
        if isinstance(value, From):
            leaf = next(x for x in call.doc.leaves if x.path == path)
            found = identifier_in(state.results[value.call].body, leaf)
            if found is None:
                lost = failure_answer(calls[value.call].doc, NOTHING, 404, state.results[: value.call])
                return render_answer(*lost, style)
            values[path] = found
    for leaf in call.missing():
        if leaf.path in values:
            continue
        question = f"What is the {leaf.words}?"
        reply = state.asked.get(question)
        if reply is None and GET_DETAILS in available:
            thought = f"The {leaf.words} is missing, so I ask the user."
            return render_action(thought, GET_DETAILS, dumps({"Question": question}), style)
        value = understood(leaf, reply or "")
        if value is None:
            reason = f"the {leaf.words} is missing"
            return render_answer(*failure_answer(call.doc, reason, 0, state.results), style)
        values[leaf.path] = value
    arguments = nested(call.doc, values)
    for name, text in state.corrections.items():
        if name in arguments:
            arguments[name] = text
    return render_action(_thought(call, done, calls, state), call.doc.name, dumps(arguments), style)


def nested(doc: Doc, values: dict[tuple[str, ...], Any]) -> dict[str, Any]:
    """Values by path as the JSON object of a call, in the documentation's order."""
    made: dict[str, Any] = {}
    for leaf in doc.leaves:
        if leaf.path in values:
            target = made
            for key in leaf.path[:-1]:
                target = target.setdefault(key, {})
            target[leaf.path[-1]] = values[leaf.path]
    return made


def understood(leaf: Leaf, reply: str) -> Any:
    """The value in a user's reply."""
    text = f"{leaf.words} {reply}"
    found = planner.extract(Doc("", "", "", "", "", (leaf,)), reply) or planner.extract(
        Doc("", "", "", "", "", (leaf,)), text
    )
    return found.get(leaf.path)


def identifier_in(body: Any, leaf: Leaf) -> Any:
    """The id of the first thing in a response, or None when there is none."""
    items = body if isinstance(body, list) else [body]
    for item in items[:1]:
        if not isinstance(item, dict):
            return None
        name = leaf.path[-1]
        for key in (name, "id", "_id"):
            if key in item:
                return item[key]
        for value in item.values():
            if isinstance(value, list | dict) and value:
                found = identifier_in(value, leaf)
                if found is not None:
                    return found
        others = [v for k, v in item.items() if words(k).endswith(" id")]
        if others:
            return others[0]
    return None


def follow(calls: list[Call], history: list[dict[str, str]], style: Style) -> Progress:
    """Replay the history against the plan."""
    state = Progress()
    for said, seen in zip(history[0::2], history[1::2], strict=False):
        text = seen["content"].removeprefix(style.observation).strip()
        try:
            action = parse(said["content"], style)
        except ReplyError:
            state.unreadable = True
            continue
        state.unreadable = False
        if not isinstance(action, Action):
            continue
        if action.function == GET_DETAILS:
            state.asked[_question(action.input)] = text
            continue
        if action.function == RETRIEVE:
            state.retrieved = text
            if state.results and isinstance(state.results[-1].body, list):
                more = loads(text)[0]
                state.results[-1].more = more if isinstance(more, list) else []
            continue
        done = len(state.results)
        if done >= len(calls) or action.function != calls[done].doc.name:
            continue
        code, said_by_tool = read_response(text)
        if 200 <= code < 300:
            body, cut = loads(said_by_tool)
            state.results.append(Result(calls[done].doc, body, cut))
            state.tries, state.last_error, state.last_status, state.corrections = 0, "", 0, {}
            continue
        state.tries += 1
        state.last_error, state.last_status = message_of(said_by_tool), code
        if rejected := REJECTED.search(text):
            state.corrections[rejected[1]] = rejected[2]
    return state


def _arguments(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _question(text: str) -> str:
    return str(_arguments(text).get("Question", ""))


def loads(text: str) -> tuple[Any, bool]:
    """A response's JSON value, and whether the text was cut; of a cut list, the whole entries."""
    cut = CUT in text
    try:
        return json.loads(text), False
    except ValueError:
        pass
    items, end = [], 0
    decoder = json.JSONDecoder()
    for found in re.finditer(r"\{", text):
        if found.start() < end:
            continue
        try:
            value, end = decoder.raw_decode(text, found.start())
        except ValueError:
            continue
        items.append(value)
    return items or text, cut


def message_of(text: str) -> str:
    """What an error response says, without its wrapping."""
    try:
        value = json.loads(text)
    except ValueError:
        return text.strip()
    if isinstance(value, dict):
        for key in ("error", "message", "detail", "description"):
            if isinstance(value.get(key), str):
                return value[key]
            if isinstance(value.get(key), dict):
                return message_of(dumps(value[key]))
    return dumps(value)


def _thought(call: Call, done: int, calls: list[Call], state: Progress) -> str:
    purpose = _purpose(call.doc)
    if state.unreadable:
        return f"My last step could not be read, so I write it again to {purpose}."
    if state.last_status >= 500:
        return "The server failed, so I try the same call again."
    if state.last_status == 429:
        return "There were too many requests, so I try the same call again."
    if state.tries:
        return f"The call was rejected, so I correct it to {purpose}."
    if any(
        isinstance(v, From) and v.call == done for later in calls[done + 1 :] for v in later.values.values()
    ):
        return f"I need to {purpose} first, to have an id for the next call."
    if any(isinstance(v, From) for v in call.values.values()):
        return f"With the id from before I can {purpose}."
    return f"I need to {purpose}." if done == 0 else f"Next I need to {purpose}."


def _purpose(doc: Doc) -> str:
    """What a function does, in the words of its name, or of its description where that says too little."""
    if doc.family and doc.object and doc.family != "subscribe":
        return f"{doc.verb} {'the ' if singular(doc.object) == doc.object else ''}{doc.object}"
    text = doc.description.split(". ")[0].rstrip(".") or doc.verb or f"call {doc.name}"
    words_ = text.split()
    short = " ".join(words_[:14])
    return short[0].lower() + short[1:] if short[1:2].islower() or " " in short[:2] else short
