"""Toolset construction (section 3.2): an API of a list becomes a tool with the five parts of Figure 2.

Introduction, functions and specification are written by a model, each from what was written before; the
natural-language documentation is derived from the specification, so that the two can never disagree.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from toolalpaca.corpus import specified
from toolalpaca.corpus.apis import Api
from toolalpaca.corpus.function_lists import parse_functions
from toolalpaca.models.boundary import ChatModel, Completion, Fault, ask
from toolalpaca.models.plain import plain_text, without_comment
from toolalpaca.models.prompts import Prompt, PromptFolder
from toolalpaca.models.retrying import TOOL_TRIES
from toolalpaca.openapi.documents import compact
from toolalpaca.openapi.telling import untold
from toolalpaca.openapi.validation import documentation_of, extract_spec, functions_of
from toolalpaca.schema import ReplyError, RowFailure, Tool, to_row

VARIANT_SAMPLES = 1000  # sample indices set aside for each variant of an API
NAME = re.compile(r"(?m)^[\s>*#-]*(?:\d+[.)]\s*)?[*_`\s]*Name[*_`\s]*:[*_`\s]*([A-Za-z_][\w.-]{0,63})")


def variant_id(api_id: str, variant: int) -> str:
    """The tool id of an API's variant, counted from 1: `api`, `api~2`, `api~3`...

    `tool_id.split("~")[0]` is the API's id: variants of one API belong on one side of a split.
    """
    return api_id if variant == 1 else f"{api_id}~{variant}"


@dataclass
class Toolsmith:
    """Makes tools with a model. `tries` is how often each reply is asked for, repairs included."""

    model: ChatModel
    tries: int = TOOL_TRIES
    prompts: PromptFolder | None = None

    async def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """The tool of one row `{"api": {...}, "variant": n}` as a row.

        Raises:
            RowFailure: no usable reply within the tries; the reason is the last complaint's.
        """
        api, variant = Api(**row["api"]), row["variant"]
        tool_id = variant_id(api.tool_id, variant)
        if api.openapi:
            return to_row(await self.from_specification(api, tool_id, variant))
        introduction = await self.introduction(api, variant)
        prompt = Prompt(
            "functions",
            {
                "name": api.name,
                "category": api.category,
                "description": api.description,
                "introduction": introduction,
            },
            prompts=self.prompts,
        )
        functions = await ask(self.model, prompt, parse_functions, self.tries)
        openapi = await self.specification(api, introduction, functions)
        return to_row(tool_of(api, tool_id, introduction, openapi))

    async def from_specification(self, api: Api, tool_id: str, variant: int) -> Tool:
        """The tool of an API that comes with its specification: only the introduction is written.

        Raises:
            RowFailure: `invalid_openapi`, when the specification cannot be loaded or has no operation;
                `untold`, when nothing says what any of its functions does.
        """
        try:
            functions = functions_of(api.openapi)
            if not functions:
                raise ReplyError("invalid_openapi", "the specification has no operation")
            reasons = [untold(function) for function in functions]
            if all(reasons):
                raise ReplyError(
                    "untold",
                    f"none of its functions can be written about; of {functions[0].name}: {reasons[0]}",
                )
            info = json.loads(api.openapi).get("info")
            described = info.get("description") if isinstance(info, dict) else ""
            described = one_paragraph(described if isinstance(described, str) else "")
        except ReplyError as error:
            raise RowFailure(error.reason, error.detail) from None
        introduction = described if len(described.split()) >= 8 else await self.introduction(api, variant)
        return tool_of(api, tool_id, introduction, api.openapi)

    async def introduction(self, api: Api, variant: int) -> str:
        """One paragraph on the API; each variant is another draw, from which all else follows."""
        variables = {
            "name": api.name,
            "category": api.category,
            "description": api.description,
            "link": api.link,
        }
        prompt = Prompt("introduction", variables, prompts=self.prompts)
        if variant == 1:
            return await ask(self.model, prompt, parse_introduction, self.tries)
        return await ask(Later(self.model, variant), prompt, parse_introduction, self.tries)

    async def specification(self, api: Api, introduction: str, functions: str) -> str:
        """A valid OpenAPI document with all of the functions, repaired where it must be.

        A reply that is not valid or differs from the functions goes back with all that is wrong; when its
        repair fails as well, the document is written anew.

        Raises:
            RowFailure: `invalid_openapi`, `functions_missing` or `functions_differ`, after `tries` replies.
        """
        variables = {
            "name": api.name,
            "description": api.description,
            "link": api.link,
            "introduction": introduction,
            "functions": functions,
        }
        first = Prompt("openapi", variables, prompts=self.prompts)
        left, fresh, prompt, sample = self.tries, 0, first, 0
        while True:
            completion = await self.model.complete(prompt, sample)
            left -= 1
            text = completion.text
            try:
                text = extract_spec(completion.text)
                specified.check(functions, text)
                return specified.with_outputs(functions, text)
            except ReplyError as error:
                self.model.reject(prompt, sample, error.reason)
                if not left:
                    raise RowFailure(error.reason, error.detail, attempts=self.tries) from None
                if prompt is first:
                    repair = {"name": api.name, "functions": functions}
                    repair |= {"spec": compact(text), "error": error.detail}
                    prompt, sample = Prompt("openapi_repair", repair, prompts=self.prompts), 0
                else:
                    fresh += 1
                    prompt, sample = first, fresh


class Later(ChatModel):
    """A model whose samples begin behind those of earlier variants."""

    def __init__(self, model: ChatModel, variant: int):
        self.model, self.name, self.offset = model, model.name, (variant - 1) * VARIANT_SAMPLES

    async def complete(
        self,
        prompt: Prompt,
        sample: int = 0,
        stop: list[str] | None = None,
        on_fault: Fault | None = None,
    ) -> Completion:
        return await self.model.complete(prompt, sample + self.offset, stop, on_fault)

    def reject(self, prompt: Prompt, sample: int, reason: str, stop: list[str] | None = None) -> None:
        self.model.reject(prompt, sample + self.offset, reason, stop)


def tool_of(api: Api, tool_id: str, introduction: str, openapi: str) -> Tool:
    """The tool with its functions and documentation derived from the specification."""
    functions = functions_of(openapi)
    return Tool(
        tool_id=tool_id,
        name=api.name,
        category=api.category,
        link=api.link,
        description=api.description,
        introduction=introduction,
        documentation=documentation_of(functions),
        openapi=openapi,
        functions=functions,
    )


def one_paragraph(text: str) -> str:
    """Text without line breaks, and without the quotes or heading that models put around it."""
    lines = [line for line in text.strip().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return " ".join(" ".join(lines).split()).strip('"')


def parse_introduction(text: str) -> str:
    """The introduction in a reply, without what the model says about it and without Markdown.

    Raises:
        ReplyError: `bad_introduction`, for one of fewer than 8 or more than 400 words.
    """
    paragraph = one_paragraph(plain_text(without_comment(text)))
    count = len(paragraph.split())
    if not 8 <= count <= 400:
        raise ReplyError("bad_introduction", f"expected a paragraph of 60 to 120 words, got {count} words")
    return paragraph
