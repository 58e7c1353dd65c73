"""The user agent: a model that answers the assistant's questions as the person who asked would."""

from __future__ import annotations

from collections.abc import Callable

from toolalpaca.models.boundary import ChatModel
from toolalpaca.models.plain import spoken
from toolalpaca.models.prompts import Prompt, PromptFolder
from toolalpaca.models.retrying import USER_TRIES
from toolalpaca.schema import ReplyError


class UserAgent:
    """The simulated user: answers questions in keeping with the instruction and its earlier replies."""

    def __init__(
        self, model: ChatModel, instruction: str, documentation: str, prompts: PromptFolder | None = None
    ):
        self.model, self.instruction, self.documentation, self.prompts = (
            model,
            instruction,
            documentation,
            prompts,
        )
        self.exchanges: list[dict[str, str]] = []

    async def reply(self, question: str) -> str:
        """The user's reply.

        Raises:
            ReplyError: `user_reply`, when every try was empty.
        """
        variables = {
            "instruction": self.instruction,
            "documentation": self.documentation,
            "exchanges": list(self.exchanges),
            "question": question,
        }
        prompt = Prompt("user", variables, prompts=self.prompts)
        answer = await ask_text(self.model, prompt, "user_reply", spoken)
        self.exchanges.append({"question": question, "answer": answer})
        return answer


async def ask_text(
    model: ChatModel, prompt: Prompt, reason: str, cleaned: Callable[[str], str] = str.strip
) -> str:
    """A reply that holds something once it is cleaned.

    Raises:
        ReplyError: `reason`, when no try did.
    """
    for sample in range(USER_TRIES):
        text = cleaned((await model.complete(prompt, sample=sample)).text)
        if text:
            return text
        model.reject(prompt, sample, reason)
    raise ReplyError(reason, f"{USER_TRIES} empty replies")
