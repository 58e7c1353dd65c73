"""`OfflineModel`: the embedded teacher behind the interface of every chat model."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

from toolalpaca.files import dumps
from toolalpaca.models.boundary import ChatModel, Completion, Fault
from toolalpaca.models.prompts import Prompt
from toolalpaca.models.react import STYLES, read_response, render_response
from toolalpaca.offline import acting, asking, design, fields, mistakes, replying, specification
from toolalpaca.offline.library import teaching
from toolalpaca.offline.library.tools import load_library
from toolalpaca.offline.reading import read
from toolalpaca.schema import ToolAlpacaError

VARIANT = 1000  # from this sample on an introduction is asked for another variant of the API
STEPS = ("assistant", "student", "student_vicuna")  # prompts whose history is a conversation
VERSION = 7  # raised when the same prompt is answered otherwise than before


class OfflineModel(ChatModel):
    """A teacher that works from a prompt's name and variables, never from its rendered text.

    Its replies depend on (seed, name, variables, history, sample) alone. A share of them,
    `malformed_rate`, is wrong in one of the ways in which language models are wrong (mistakes.py), so
    that parsers, repairs, retries and filters have work; a later sample of the same prompt is another
    draw.

    Raises:
        ToolAlpacaError: from `complete`, for a prompt that is none of the pipeline's.
    """

    def __init__(self, seed: int = 0, malformed_rate: float = 0.03):
        self.seed, self.malformed_rate = seed, malformed_rate
        self.name = "offline"
        self.library = load_library()
        self._writers: dict[str, Callable[[random.Random, Prompt], str]] = {
            "introduction": self._introduction,
            "functions": self._functions,
            "openapi": self._openapi,
            "openapi_repair": self._openapi_repair,
            "instructions": self._instructions,
            "assistant": self._assistant,
            "student": self._assistant,
            "student_vicuna": self._assistant,
            "user": self._user,
            "executor": self._executor,
            "retrieval": self._retrieval,
        }

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that its replies depend on, beside the prompt."""
        own = {
            "version": VERSION,
            "library": self.library.fingerprint,
            "seed": self.seed,
            "malformed_rate": self.malformed_rate,
        }
        return {"model": self.name, **own}

    async def complete(
        self,
        prompt: Prompt,
        sample: int = 0,
        stop: list[str] | None = None,
        on_fault: Fault | None = None,
    ) -> Completion:
        """The teacher's reply; `stop` is honoured by never writing past one step."""
        return Completion(self.reply(prompt, sample))

    def reply(self, prompt: Prompt, sample: int = 0) -> str:
        """The reply's text."""
        write = self._writers.get(prompt.name)
        if write is None:
            raise ToolAlpacaError(f"the embedded teacher does not know the prompt {prompt.name!r}")
        if authored := self._authored(prompt, sample):
            return authored
        variables = prompt.variables
        # What stands behind the prompt of anything but a step says that a reply could not be read.
        keyed = [str(m["content"]) for m in prompt.history] if prompt.name in STEPS else []
        rng = fields.rng_of(self.seed, prompt.name, _key(variables), *keyed, sample)
        text = write(rng, prompt)
        if rng.random() < self.malformed_rate:
            return mistakes.spoil(rng, prompt.name, text, variables)
        return text

    def _authored(self, prompt: Prompt, sample: int) -> str:
        """What the library knows to say; "" where the API or the instruction is not of it."""
        v, library = prompt.variables, self.library
        if prompt.name in ("introduction", "functions", "openapi", "openapi_repair"):
            tool = library.named(v["name"], v.get("link", ""))
            # A second variant of an API, which its introduction tells, is the grammar's.
            if (
                tool is None
                or sample >= VARIANT
                or v.get("introduction", tool.introduction) != tool.introduction
            ):
                return ""
            if prompt.name == "introduction":
                return tool.introduction
            return (
                teaching.functions_text(tool) if prompt.name == "functions" else teaching.openapi_text(tool)
            )
        if prompt.name == "instructions":
            tool = teaching.documented(library, v["name"], v["documentation"])
            return teaching.instructions_text(tool, v) if tool else ""
        if prompt.name == "executor":
            tool = teaching.authored(library, v["openapi"], v["function"])
            return teaching.server_text(tool, v) if tool else ""
        if prompt.name in ("assistant", "student", "student_vicuna", "user"):
            tool, asked = library.asked(v["instruction"]) or (None, None)
            if tool is None or not all(f"{f.name}" in v["documentation"] for f in tool.functions):
                return ""
            if prompt.name == "user":
                return teaching.user_reply(asked, v["question"], v["exchanges"])
            style = STYLES["vicuna"] if prompt.name == "student_vicuna" else STYLES["react"]
            return teaching.next_step(asked, v, prompt.history, style)
        return ""

    def _introduction(self, rng: random.Random, prompt: Prompt) -> str:
        v = prompt.variables
        return design.introduction(rng, v["name"], v["category"], v["description"])

    def _functions(self, rng: random.Random, prompt: Prompt) -> str:
        v = prompt.variables
        return design.functions_text(rng, v["name"], v["category"], v["description"], v["introduction"])

    def _openapi(self, rng: random.Random, prompt: Prompt) -> str:
        v = prompt.variables
        # The document is the same for every sample: only the mistakes around it differ.
        again = fields.rng_of(self.seed, v["name"], v["functions"])
        document = specification.specification(again, v["name"], v["description"], v["link"], v["functions"])
        return f"```json\n{dumps(document)}\n```"

    def _openapi_repair(self, rng: random.Random, prompt: Prompt) -> str:
        v = prompt.variables
        whole = specification.specification(
            fields.rng_of(self.seed, v["name"], v["functions"]), v["name"], "", "", v["functions"]
        )
        return f"```json\n{dumps(specification.repair(v['spec'], whole))}\n```"

    def _instructions(self, rng: random.Random, prompt: Prompt) -> str:
        v = prompt.variables
        people = asking.People(read(v["documentation"]), self.seed)
        asked = people.instructions(rng, v["style"], v["n"], v["scenario"])
        return "\n".join(f"{i}. {a.text}" for i, a in enumerate(asked, v["first"]))

    def _assistant(self, rng: random.Random, prompt: Prompt) -> str:
        return acting.next_step(prompt.name, prompt.variables, prompt.history)

    def _user(self, rng: random.Random, prompt: Prompt) -> str:
        v = prompt.variables
        return replying.user_reply(v["instruction"], read(v["documentation"]), v["question"], self.seed)

    def _executor(self, rng: random.Random, prompt: Prompt) -> str:
        from toolalpaca.offline.respond import schema_response

        v = prompt.variables
        status, body = schema_response(
            v["openapi"], v["function"], v["request"], v["exchanges"], v["scenario"], self.seed
        )
        return render_response(status, body if isinstance(body, (dict, list)) else dumps(body))

    def _retrieval(self, rng: random.Random, prompt: Prompt) -> str:
        return retrieve(prompt.variables["question"], prompt.variables["text"])


def _key(variables: dict[str, Any]) -> str:
    """The variables as text."""
    return json.dumps(variables, sort_keys=True, ensure_ascii=False, default=str)


def retrieve(question: str, text: str) -> str:
    """The entries of a response that share most words with the question; the first ones for a tie."""
    items, _ = acting.loads(read_response(text)[1])
    if not isinstance(items, list) or not items:
        return text[:1_500]
    if len(items) == 1 and isinstance(items[0], dict):
        items = next((v for v in items[0].values() if isinstance(v, list)), items)
    if re.search(r"\blast\b", question.lower()):
        return dumps(items[-3:])[:1_500]
    spoken = {w for w in re.findall(r"\w{4,}", question.lower())}
    ranked = sorted(
        range(len(items)), key=lambda i: -len(spoken & set(re.findall(r"\w{4,}", dumps(items[i]).lower())))
    )
    return dumps([items[i] for i in sorted(ranked[:3])])[:1_500]
