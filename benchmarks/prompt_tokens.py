"""Tokens of each prompt, over the embedded teacher's run of some library tools: what a model would be billed.

    python benchmarks/prompt_tokens.py --tokenizer models/smollm2-135m/tokenizer.json [--tools 12]

`cached` are the tokens of blocks of 16 that an earlier prompt of the same run began with, which providers
bill at a fraction and local servers do not compute again. Without --tokenizer a token is four characters.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
from collections.abc import Callable
from typing import Any

from toolalpaca.agents.executors.llm import LlmExecutor
from toolalpaca.corpus.instructions import Instructor
from toolalpaca.corpus.simulation import Simulator
from toolalpaca.corpus.toolset import Toolsmith
from toolalpaca.models.boundary import ChatModel, Completion, Fault
from toolalpaca.models.prompts import Prompt
from toolalpaca.offline.library.tools import load_library
from toolalpaca.offline.teacher import OfflineModel
from toolalpaca.schema import RowFailure, Tool, from_row

BLOCK = 16
Encode = Callable[[str], list[Any]]


class Counting(ChatModel):
    """The embedded teacher, with each prompt's and reply's tokens counted by the prompt's name."""

    def __init__(self, encode: Encode):
        self.model, self.encode, self.name = OfflineModel(), encode, "offline"
        self.counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        self.seen: set[int] = set()

    @property
    def identity(self) -> dict[str, Any]:
        return {"model": "counting"}  # asked for instructions as any model is, not by what was authored

    async def complete(
        self,
        prompt: Prompt,
        sample: int = 0,
        stop: list[str] | None = None,
        on_fault: Fault | None = None,
    ) -> Completion:
        reply = await self.model.complete(prompt, sample, stop)
        tokens = self.encode("".join(f"{m['role']}\n{m['content']}\n" for m in prompt.messages))
        cached, known, place = 0, True, 0
        for start in range(0, len(tokens) - BLOCK + 1, BLOCK):
            place = hash((place, *tokens[start : start + BLOCK]))
            known = known and place in self.seen
            cached += BLOCK * known
            self.seen.add(place)
        self.counts[prompt.name].update(
            {"calls": 1, "in": len(tokens), "cached": cached, "out": len(self.encode(reply.text))}
        )
        return reply


async def measure(model: Counting, tools: int) -> tuple[int, int]:
    """Make, ask and simulate; the numbers of tools and of instances."""
    made: dict[str, Tool] = {}
    written = 0
    for authored in load_library().tools[:: max(1, len(load_library().tools) // tools)][:tools]:
        api = {"tool_id": authored.key, "name": authored.name, "category": authored.category}
        api |= {"link": authored.link, "description": authored.description}
        row = await Toolsmith(model)({"api": api, "variant": 1})
        made[authored.key] = from_row(Tool, row)
        await Instructor(model, {"ordinary": 1.0}, tries=1)(row)
        asked = await Instructor(model.model, {"ordinary": 1.0})(row)  # all that were authored: not counted
        act = Simulator(made, model, model, LlmExecutor(model), builtins=["getDetails"])
        for instruction in asked:
            if not instruction.pop("filter"):
                try:
                    await act(instruction)
                except RowFailure as failure:
                    print(f"{instruction['instruction_id']}: {failure}")
                written += 1
    return len(made), written


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--tokenizer", metavar="FILE", help="a tokenizer.json")
    arguments.add_argument("--tools", type=int, default=12, metavar="N", help="library tools (default: 12)")
    args = arguments.parse_args()
    encode: Encode = lambda text: [text[i : i + 4] for i in range(0, len(text), 4)]  # noqa: E731
    if args.tokenizer:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(args.tokenizer)
        encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids  # noqa: E731
    model = Counting(encode)
    tools, instances = asyncio.run(measure(model, args.tools))
    print(f"{tools} tools, {instances} instances\n")
    print("| prompt | calls | in, each | cached | out, each | in per instance | out per instance |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    total: collections.Counter[str] = collections.Counter()
    for name, count in model.counts.items():
        total.update(count)
        print(line(name, count, instances))
    print(line("all", total, instances))


def line(name: str, count: collections.Counter[str], instances: int) -> str:
    """A prompt's row of the table."""
    calls = count["calls"]
    return (
        f"| {name} | {calls} | {count['in'] / calls:,.0f} | {count['cached'] / count['in']:.0%} "
        f"| {count['out'] / calls:,.0f} | {count['in'] / instances:,.0f} | {count['out'] / instances:,.0f} |"
    )


if __name__ == "__main__":
    main()
