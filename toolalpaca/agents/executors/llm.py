"""The tool executor agent: a language model that plays the API."""

from __future__ import annotations

from toolalpaca.agents.executors.calls import Response, ToolCall, parse_response
from toolalpaca.agents.executors.checking import require_fit
from toolalpaca.models.boundary import ChatModel
from toolalpaca.models.prompts import Prompt, PromptFolder
from toolalpaca.models.retrying import EXECUTOR_TRIES
from toolalpaca.openapi.documents import compact
from toolalpaca.schema import ReplyError

SHOWN_CHARS = 300  # of a reply that cannot be used


class LlmExecutor:
    """The tool executor agent: a model that plays the API, prompted with its specification.

    A reply that cannot be read, or does not fit the specification and the request, is asked for again with
    what was written and what was wrong with it, `tries` times in all. `resample_errors` asks again for that
    many answers that are not 2xx; 0 keeps the first (success must not be favoured silently).
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        resample_errors: int = 0,
        tries: int = EXECUTOR_TRIES,
        prompts: PromptFolder | None = None,
    ):
        self.name = model.name
        self.model, self.resample_errors, self.tries, self.prompts = model, resample_errors, tries, prompts

    async def execute(self, call: ToolCall) -> Response:
        """The model's answer to `call`.

        Raises:
            ReplyError: `executor_reply`, when no try gave a usable answer.
        """
        failed, sample, resampled = 0, 0, 0
        exchanges = [
            {"request": e.request.to_row(), "status": e.status, "response": e.response}
            for e in call.exchanges
        ]
        variables = {
            "openapi": compact(call.tool.openapi),
            "function": call.function,
            "request": call.request.to_row(),
            "exchanges": exchanges,
            "scenario": str(call.scenario),
        }
        asked = prompt = Prompt("executor", variables, prompts=self.prompts)
        while True:
            completion = await self.model.complete(asked, sample=sample)
            try:
                response = require_fit(call, parse_response(completion.text))
            except ReplyError as error:
                self.model.reject(asked, sample, error.reason)
                asked, failed, sample = prompt.again(completion.text, error.detail), failed + 1, sample + 1
                if failed >= self.tries:
                    wrote = " ".join(completion.text.split())[:SHOWN_CHARS]
                    told = f"{failed} replies, the last: {error}; it wrote: {wrote}"
                    raise ReplyError("executor_reply", told) from None
                continue
            if response.status >= 300 and resampled < self.resample_errors:
                asked, resampled, sample = prompt, resampled + 1, sample + 1
                continue
            return response
