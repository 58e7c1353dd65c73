"""What the teacher says where it cannot help: requests that nothing fits, and calls that failed for good.

A student that hears one sentence learns the sentence, and writes it wherever it is unsure. So the request (or
the error) picks the wording; thought and answer vary by themselves.
"""

from __future__ import annotations

from toolalpaca.offline import fields
from toolalpaca.offline.inflection import is_plural, plural
from toolalpaca.offline.phrasing import joined
from toolalpaca.offline.reading import Doc

UNFIT_THOUGHTS = """None of the functions can do this, so I say so.
This lies outside of what these functions cover.
I went through the list and nothing in it does that.
Whatever I called here would be the wrong thing.
No call would bring this about.
The functions are about something else altogether.
There is nothing to call for such a request.
That needs another service than this one.
Nothing on offer matches what is wanted.
Better no call at all than one that misses the point."""
UNFIT = """I'm sorry, none of the functions that I can use fits your request. They are about {}.
That is beyond me here, I'm afraid: all I can work with are {}.
I can't do that for you. What I could help with is anything about {}.
Sorry, but this service only knows {}, so you would need another one for that.
There's no way for me to do this from here. My field is {}.
Unfortunately not. I have access to {} and to nothing that would serve your purpose.
This one I have to pass on: the tools at hand deal with {}.
No luck, I only reach {}. Perhaps somebody else can take care of it.
For that I lack the means. If you ever have a question on {}, I'm glad to look.
My options end at {}, and what you ask for is not among them.
I would if I could, yet only {} are within my reach.
You'd have to ask elsewhere for this, since I handle {} and no more.
Not something I'm able to do: nothing here goes beyond {}.
I looked for a way and found none, because everything available concerns {}."""
MISSING = """I'm sorry, I could not find that ({object}): {reason}. Please check the values or try others.
Nothing came back for the {object}: {reason}. Could there be a typing error somewhere?
There is no such entry, it seems. The service says about the {object}: {reason}.
My search for the {object} ended without a result: {reason}. With other values I would gladly try again.
No match, I'm afraid - {reason}. That was for the {object}; maybe the details are slightly different.
The {object} cannot be found here: {reason}. Do you have anything else to go by?"""
DOWN = """I'm sorry, the service gave no {object}: {reason}. Please try again later.
The service is in trouble at the moment ({reason}), so the {object} must wait.
I tried more than once, but the {object} stayed out of reach: {reason}. Later it may well work.
No answer on the {object} for now, only this: {reason}. It is worth another try in a while.
Something is wrong on the other side: {reason}. I could not get any further with the {object}.
Right now nothing can be done about the {object}, since all I got was an error: {reason}."""
STUCK = """I'm sorry, I could not finish this about the {object}, because {reason}. Please tell me more.
I got stuck with the {object}: {reason}. A little more detail would help me on.
The {object} could not be dealt with, and the reason is this: {reason}. What would you like me to use?
This did not go through: {reason}. If you can say more about the {object}, I start over.
Your request on the {object} was not accepted: {reason}. Let me know what to change.
I cannot complete the {object} as it stands, for {reason}. Please give me what is missing."""
THOUGHTS = {
    "missing": """Nothing was found, so I tell the user.
There is no such thing, which the user should know.
The answer is empty-handed; guessing would be worse than saying so.
A dead end. I report it as it is.""",
    "down": """The service keeps failing, so I stop here.
Another try would fare no better at the moment.
Errors only; the user gets to hear that.
It does not answer, and I can't change that.""",
    "stuck": """I cannot go on, so I tell the user why.
Without more to go by I would be making things up.
The call is refused as it is, so I ask for what it takes.
This needs the user's help.""",
}


def unfit_answer(docs: tuple[Doc, ...], instruction: str) -> tuple[str, str]:
    """Final thought and answer when no function fits."""
    objects = [d.object if is_plural(d.object) else plural(d.object) for d in docs if d.object]
    about = joined(list(dict.fromkeys(objects))[:3] or ["other things"])
    thought, answer = (_picked(lines, instruction, lines[:20]) for lines in (UNFIT_THOUGHTS, UNFIT))
    return thought, answer.format(about)


def failure_answer(object_: str, error: str, status: int) -> tuple[str, str]:
    """Final thought and answer when a call could not be made or failed for good."""
    reason = error.strip().rstrip(".") or "there was no answer"
    kind = "missing" if status == 404 else "down" if status >= 500 or status == 429 else "stuck"
    lines = {"missing": MISSING, "down": DOWN, "stuck": STUCK}[kind]
    text = _picked(lines, object_, reason).format(object=object_, reason=reason)
    return _picked(THOUGHTS[kind], reason, object_), text


def _picked(lines: str, *by: str) -> str:
    options = lines.splitlines()
    return options[fields.digest(*by) % len(options)]
