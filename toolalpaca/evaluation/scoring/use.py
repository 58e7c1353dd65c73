"""Whether an answer goes by what the calls returned: a result made up, and a result that nothing uses."""

from __future__ import annotations

import json
import re

from toolalpaca.evaluation.scoring.evidence import HELPERS, Call, scalars
from toolalpaca.evaluation.scoring.examined import Examined
from toolalpaca.evaluation.scoring.kinds import changes_something
from toolalpaca.evaluation.scoring.sources import Sources
from toolalpaca.evaluation.scoring.values import STOP_WORDS, as_text, number, squash, words
from toolalpaca.schema import Episode, ErrorType, Outcome

ANSWER = -1
# What an answer cannot know without a call: addresses and long numbers
DATA = re.compile(r"[\w.+-]+@[\w-]+\.\w[\w.]*\w|https?://[^\s\"'<>)\]]*\w|\b\d{5,}\b")
PLAYED_ON = re.compile(r"\s(?:USER|ASSISTANT [A-Z]\w+):")  # where an answer goes on to play the user
FEW = 3  # values; a response of fewer may be said in one word


def judge_use(episode: Episode, on: Examined) -> None:
    """Add what is found in how the answer uses the calls, in an episode that has an answer."""
    answer = PLAYED_ON.split(episode.final_output)[0]
    if not on.calls or episode.outcome != Outcome.ANSWERED or not answer.strip():
        return
    if all(call.failed for call in on.calls):
        read = Sources(episode.instruction, *(call.response for call in on.calls))
        made_up = [value for value in DATA.findall(answer) if not read.hold(value)]
        if made_up:
            where = "neither the instruction nor a response holds it"
            reason = f"answers with {made_up[0]!r} although no call succeeded: {where}"
            on.scored.add(ErrorType.WRONG_ACTION, ANSWER, reason, True)
        return
    reading = [on.calls[c] for c in sorted(on.found.used) if _reads(on, c)]
    if (
        reading
        and not on.found.unmet
        and len(reading) == len(on.found.used)
        and not any(_used(c, answer, on) for c in reading)
    ):
        call = reading[-1]
        reason = f"nothing that {call.function} returned is in the answer: the call served nothing"
        on.scored.add(ErrorType.REDUNDANT_ACTION, call.index, reason, True)


def _reads(on: Examined, c: int) -> bool:
    call = on.calls[c]
    return call.function not in HELPERS and not changes_something(
        call.function, on.functions.get(call.function)
    )


def _used(call: Call, answer: str, on: Examined) -> bool:
    """Whether an answer has a value of the response, or a word of it that was not known before. So little in
    it, or an error, may be said in any words."""
    known = on.known[0].instruction.word_set | set(words(" ".join(map(as_text, scalars(call.arguments)))))
    values = [as_text(value) for value in scalars(_body(call.response)) if not isinstance(value, bool)]
    news = {word for value in values if "://" not in value for word in words(value)} - known - STOP_WORDS
    if call.failed or len(values) < FEW or len(news) < FEW:
        return True
    said = Sources(answer)
    if news & said.word_set or any(said.hold(value) for value in values if len(squash(value)) > 1):
        return True
    return any(value / 100 in said.numbers for value in map(number, values) if value)  # cents said in dollars


def _body(response: str) -> object:
    """The JSON in a response; as text where it is none."""
    start = re.search(r"[{\[]", response)
    try:
        return json.JSONDecoder().raw_decode(response[start.start() :])[0] if start else response
    except (ValueError, RecursionError):
        return ""
