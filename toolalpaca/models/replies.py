"""What models really write in place of a plain step: labels, names and inputs with decorations around them.

`read_reply` takes off what carries no meaning (Markdown, quotes, a numbered label, Python's literals) and
never guesses: where the function's name or the JSON is ambiguous, the reply is refused as `react.parse`
refuses it. What comes back is the canonical step, so that histories and training text stay clean.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace

from toolalpaca.files import dumps
from toolalpaca.models import react
from toolalpaca.models.react import STYLES, Action, Answer, Style
from toolalpaca.schema import ReplyError

QUOTES = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'"})
BARE_NAME = re.compile(r"[^\s`*\"'()\[\]{}<>,;:=]+")
NAME = re.compile(
    r"[\s`*\"']*(?P<name>[^\s`*\"'()\[\]{}<>,;:=]*[^\s`*\"'()\[\]{}<>,;:=.])[.,;`*\"']*\s*"
    r"(?:\((?P<inside>.*)\))?[\s`*\"'.,;]*",
    re.DOTALL,
)
NOTHING = re.compile(
    r"[\s`*_(]*(?:none|null|n/a|nothing|no action(?: needed| required)?|-|)[\s`*_).]*", re.IGNORECASE
)
REFUSAL = re.compile(
    r"\b(?:sorry|unable|apologi[sz]e|unfortunately|cannot|can(?:'|\u2019)?t|could(?: not|n(?:'|\u2019)t)|"
    r"(?:none|no|any) of the (?:\w+ )?(?:functions|tools|actions)|"
    r"no (?:suitable |available |such )?(?:function|tool))\b",
    re.IGNORECASE,
)
# Pieces of a Python or JSON literal: texts whole, so that nothing inside them is touched.
PIECES = re.compile(
    r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|,(?=\s*[}\]])|\b(?:True|False|None)\b", re.DOTALL
)
ESCAPES = {'"': '\\"', "\\'": "'"}  # of a text in single quotes, as it stands in double ones
WORDS = {"True": "true", "False": "false", "None": "null", ",": ""}
MAX_DECORATED = 50_000  # characters; a longer reply is read as it stands
FEW_WORDS = 4  # a line of fewer words beside a name may be another name


@dataclass(frozen=True)
class Reply:
    """A reply as its step; `decorated` where it was not written as the protocol asks."""

    step: Action | Answer
    decorated: bool = False


def read_reply(text: str, style: Style = STYLES["react"], strict: bool = False) -> Reply:
    """One assistant turn. With `strict` nothing but the protocol's own form is read.

    Raises:
        ReplyError: as `react.parse`; `refusal_without_label` where a text declines and has no label at all.
    """
    if strict:
        return Reply(react.parse(text, style))
    try:
        step: Action | Answer | None = react.parse(text, style)
        failure = None
    except ReplyError as error:
        step, failure = None, error
    hides_action = isinstance(step, Answer) and _labels(style, True).search("\n" + step.thought)
    if isinstance(step, Action) or (step and not hides_action):
        found = _plain(step)
    else:
        found = _undecorated(text, style)
    if found:
        return Reply(found, found != step)
    if step:
        return Reply(step)
    raise _refused(text, failure, style)


def is_refusal(text: str) -> bool:
    """Whether a reply without any label declines the task in words, and asks for nothing."""
    return bool(REFUSAL.search(text)) and "{" not in text


def object_text(text: str) -> str | None:
    """An action input as canonical JSON on one line; None where it is no object that can be read for sure.

    Beside JSON: code fences and backticks around it, a trailing comma, Python's quotes and words.
    """
    text = text.strip().strip("`").strip().removeprefix("json").strip()
    if NOTHING.fullmatch(text):
        return "{}"
    for candidate in (text, as_json(text), as_json(text.translate(QUOTES))):
        try:
            return dumps(react.parse_input(candidate))
        except ReplyError:
            continue
    return None


def as_json(text: str) -> str:
    """A text with Python's quotes and words as JSON has them, and no comma before a closing bracket."""

    def piece(match: re.Match[str]) -> str:
        found = match[0]
        if found.startswith("'"):
            inside = re.sub(r"\\.|\"", lambda m: ESCAPES.get(m[0], m[0]), found[1:-1], flags=re.DOTALL)
            return f'"{inside}"'
        return WORDS.get(found, found)

    return PIECES.sub(piece, text)


def _plain(step: Action | Answer) -> Action | Answer:
    """A step that was read, without decorations around its name, its input or its answer."""
    if isinstance(step, Answer):
        return replace(step, text=_without_empty_action(step.text))
    name, inside = _name(step.function)
    if not name:
        return step
    try:
        react.parse_input(step.input)
        given: str | None = step.input
    except ReplyError:
        given = object_text(step.input)
    if inside:
        if step.input.strip() and given != inside and object_text(step.input) != inside:
            return step  # two inputs: which of them is meant?
        given = inside
    return Action(step.thought, name, step.input if given is None else given)


def _name(text: str) -> tuple[str, str]:
    """The function that an action names, and the object in parentheses after it; "" where it is not sure."""
    if BARE_NAME.fullmatch(text):
        return text, ""
    found = NAME.fullmatch(text)
    if not found:
        return "", ""
    inside = (found["inside"] or "").strip()
    given = object_text(inside) if inside else ""
    return ("", "") if given is None else (found["name"], given)


def _undecorated(text: str, style: Style) -> Action | Answer | None:
    """The step of a reply whose labels are decorated; None where there is none for sure."""
    if len(text) > MAX_DECORATED:
        return None
    for exact in (True, False):
        plain = _relabelled(text, style, exact)
        for candidate in (plain, _aside(plain, style), _with_input(plain, style)):
            try:
                step = _plain(react.parse(candidate, style))
            except ReplyError:
                continue
            if isinstance(step, Answer):
                return replace(step, text=_balanced(step.text))
            if BARE_NAME.fullmatch(step.function):
                return replace(step, thought=_balanced(step.thought))
    return None


def _relabelled(text: str, style: Style, exact: bool) -> str:
    """A reply with its labels as the style writes them, each on a line of its own, and no empty action."""
    by_words = {_key(label): label for label in style.labels}
    text = _labels(style, exact).sub(
        lambda match: f"\n{by_words[_key(match['label'] or match['heading'])]} ", "\n" + text
    )
    action, given, final = map(re.escape, (style.action, style.action_input, style.final))
    text = re.sub(rf"({action}[^\n{{]{{0,200}}?)[ \t,;]+{given}", rf"\1\n{style.action_input}", text)
    empty = rf"\n{action}[ \t]*{NOTHING.pattern}(?:\n{given}[ \t]*{NOTHING.pattern})?\s*(?=\n{final})"
    return re.sub(empty, "\n", text, flags=re.IGNORECASE)


def _aside(text: str, style: Style) -> str:
    """A text in which what was said between an action's name and its input stands before the action."""
    head, label, tail = text.partition("\n" + style.action)
    said, given, rest = tail.partition("\n" + style.action_input)
    name, _, remark = said.strip().partition("\n")
    remark = remark.strip()
    if not given or not (remark.startswith("(") or len(remark.split()) >= FEW_WORDS):
        return text
    return f"{head}\n{remark}{label} {name}{given}{rest}"


def _with_input(text: str, style: Style) -> str:
    """A text whose action has no input label: what follows the name's line is the input, if anything does."""
    head, label, tail = text.partition("\n" + style.action)
    name, _, rest = tail.strip("\n").partition("\n")
    called = re.fullmatch(r"(\s*[`*\"']*[^\s(]+)\s*\((\s*\{.*\}\s*)?\)[`*\"']*\s*", tail, re.DOTALL)
    if called:
        name, rest = called[1], called[2] or ""
    if not label or (rest.strip() and not rest.lstrip("` \t\njson").startswith("{")):
        return text
    return f"{head}{label} {name.strip()}\n{style.action_input} {rest.strip()}"


@functools.cache
def _labels(style: Style, exact: bool) -> re.Pattern[str]:
    """Lines that begin with a decorated label; `exact` where its letters are as the style writes them.

    A label is followed by a colon, or stands alone on its line as a heading or in bold.
    """
    words = sorted({label.rstrip(":").removeprefix("ASSISTANT ") for label in style.labels}, key=len)[::-1]
    names = "|".join(re.escape(word).replace(r"\ ", "[ _]?") for word in words)
    before = r"\n[ \t]*(?:(?:[#>\-+\u2022*]+|\d{1,2}[.)])[ \t]+)?"
    named = rf"(?:ASSISTANT )?(?P<label>{names})(?:[ ]?#?\d{{1,2}})?"
    spelled = rf"{before}[*_`]*{named}[*_`]*[ \t]*[:\uff1a][*_`]*[ \t]*"
    heading = rf"(?:ASSISTANT )?(?P<heading>{names})(?:[ ]\d{{1,2}})?"
    alone = rf"\n[ \t]*(?:\#{{1,6}}[ \t]+[*_]*|[*_]{{2,}}){heading}[*_]*[ \t]*(?=\n)"
    return re.compile(f"{spelled}|{alone}", 0 if exact else re.IGNORECASE)


def _key(label: str) -> str:
    return re.sub(r"[\s_:]", "", label.removeprefix("ASSISTANT ")).lower()


def _without_empty_action(text: str) -> str:
    """An answer without the `Action: None` that follows it."""
    found = re.search(
        r"\n[ \t#>*_`\-]*(?:ASSISTANT )?Action[*_`]*[ \t]*:(?P<rest>[^\n]*)"
        r"(?P<input>\n[ \t#>*_`\-]*(?:ASSISTANT )?Action Input[*_`]*[ \t]*:[^\n]*)?\s*\Z",
        text,
    )
    return text[: found.start()].rstrip() if found and NOTHING.fullmatch(found["rest"]) else text


def _balanced(text: str) -> str:
    """A text without the asterisks that closed its label's."""
    return text.removesuffix("**").rstrip() if text.count("**") % 2 and text.endswith("**") else text


def _refused(text: str, failure: ReplyError, style: Style) -> ReplyError:
    """Why a reply cannot be read, with the line that stood in the way."""
    if failure.reason == "no_action_or_answer" and is_refusal(text):
        return ReplyError(
            "refusal_without_label",
            f"it declines without '{style.final}' before what it says: {failure.detail}",
        )
    words = {
        label.rstrip(":").split()[-1].lower() for label in (style.action, style.action_input, style.final)
    }
    line = next((line for line in text.splitlines() if set(re.findall(r"\w+", line.lower())[:3]) & words), "")
    shown = f"; the line {line.strip()[:100]!r} could not be read as one" if line else ""
    return ReplyError(failure.reason, failure.detail + shown)
