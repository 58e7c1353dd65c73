"""One simulated instance: the three agents act out an instruction, and the result is labelled."""

from __future__ import annotations

import collections
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from toolalpaca.agents.assistant import MAX_STEPS, assistant_opening, run_episode
from toolalpaca.agents.environment import MAX_OBSERVATION, Environment
from toolalpaca.agents.executors.calls import Executor
from toolalpaca.corpus import filters
from toolalpaca.files import record
from toolalpaca.models.boundary import ChatModel
from toolalpaca.models.plain import plain_text
from toolalpaca.models.prompts import PromptFolder
from toolalpaca.offline.library.specification import world_of
from toolalpaca.schema import Instance, Instruction, Tool, ToolAlpacaError, from_row, to_row

TOOLS_IN_MEMORY = 128


class Toolset:
    """The tools of a toolset.jsonl by id. Only the latest used are in memory; the rest is found by offset.

    Raises:
        ToolAlpacaError: the file is missing or holds something else than tools.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.is_file():
            raise ToolAlpacaError(f"{self.path} does not exist; generate/make_toolset.py writes it")
        self._offsets: dict[str, int] = {}
        self._digests: dict[str, str] = {}
        self._recent: collections.OrderedDict[str, Tool] = collections.OrderedDict()
        offset = 0
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        tool_id = str(json.loads(line)["tool_id"])
                        self._offsets[tool_id] = offset
                        self._digests[tool_id] = hashlib.sha256(line).hexdigest()[:16]
                    except (ValueError, TypeError, KeyError):
                        raise ToolAlpacaError(f"{self.path}, line {number} is no tool") from None
                offset += len(line)

    def __len__(self) -> int:
        return len(self._offsets)

    def __contains__(self, tool_id: str) -> bool:
        return tool_id in self._offsets

    def tasks(self, instructions: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Instructions with a digest of their tool (`tool_digest`), so that a changed tool changes the row.

        Raises:
            ToolAlpacaError: a row is no instruction, or its tool is not in the toolset.
        """
        for number, row in enumerate(instructions, 1):
            tool_id = record(Instruction, row, f"instructions.jsonl, row {number}").tool_id
            if tool_id not in self:
                raise self._unknown(tool_id)
            yield {**row, "tool_digest": self._digests[tool_id]}

    def __getitem__(self, tool_id: str) -> Tool:
        if tool_id in self._recent:
            self._recent.move_to_end(tool_id)
            return self._recent[tool_id]
        if tool_id not in self._offsets:
            raise self._unknown(tool_id)
        with self.path.open("rb") as stream:
            stream.seek(self._offsets[tool_id])
            tool = record(Tool, json.loads(stream.readline()), f"{self.path}, tool {tool_id!r}")
        self._recent[tool_id] = tool
        if len(self._recent) > TOOLS_IN_MEMORY:
            self._recent.popitem(last=False)
        return tool

    def _unknown(self, tool_id: str) -> ToolAlpacaError:
        return ToolAlpacaError(f"{self.path} has no tool {tool_id!r}: the files are of different runs")


class Simulator:
    """Turns rows of `Toolset.tasks` into instances, each with its labels and its reason to be dropped.

    `user` plays the user and looks things up in responses that were cut. A row that comes back has
    the key `filter`: the reason, or "". Final answers are stored as plain text, without Markdown.
    """

    def __init__(
        self,
        toolset: Toolset,
        assistant: ChatModel,
        user: ChatModel,
        executor: Executor,
        *,
        builtins: list[str],
        strict: bool = False,
        max_steps: int = MAX_STEPS,
        max_observation: int = MAX_OBSERVATION,
        seed: int = 0,
        prompts: PromptFolder | None = None,
    ):
        self.toolset, self.assistant, self.user, self.executor = toolset, assistant, user, executor
        self.builtins, self.max_steps, self.max_observation = builtins, max_steps, max_observation
        self.strict = strict
        self.seed, self.prompts = seed, prompts

    async def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """The instance of one instruction.

        Raises:
            RowFailure: an endpoint failed; the row can be run again.
        """
        instruction = from_row(Instruction, {k: v for k, v in row.items() if k != "tool_digest"})
        tool = self.toolset[instruction.tool_id]
        environment = Environment(
            tool,
            instruction.instruction,
            self.executor,
            self.user,
            key=instruction.instruction_id,
            scenario=instruction.scenario,
            builtins=self.builtins,
            max_observation=self.max_observation,
            seed=self.seed,
            prompts=self.prompts,
        )
        opening = assistant_opening(tool, instruction.instruction, self.builtins, self.prompts)
        result = await run_episode(
            self.assistant, environment, opening, max_steps=self.max_steps, strict=self.strict
        )
        if result.failure is not None:
            raise result.failure
        instance = Instance(
            instance_id=instruction.instruction_id,
            tool_id=tool.tool_id,
            instruction=instruction.instruction,
            steps=result.steps,
            final_thought=result.final_thought,
            final_output=self._answer(result.final_output),
            outcome=str(result.outcome),
            scenario=instruction.scenario,
            provenance={
                "assistant": self.assistant.name,
                "user": self.user.name,
                "executor": self.executor.name,
                **self._author(tool),
                "seed": self.seed,
                **({"detail": result.detail} if result.detail else {}),
            },
        )
        instance.labels = filters.labels_of(instance)
        functions = {function.name for function in tool.functions}
        return {**to_row(instance), "filter": filters.reason_to_drop(instance, functions)}

    def _answer(self, text: str) -> str:
        """The final answer as it is stored; what the library's authors wrote stays to the letter."""
        return text if self.assistant.identity["model"] == "offline" else plain_text(text)

    def _author(self, tool: Tool) -> dict[str, str]:
        """What of the embedded teacher wrote the instance: its library, with the file, or its grammar."""
        if self.assistant.identity["model"] != "offline":
            return {}
        world = world_of(tool.openapi)
        return {"written_by": f"library:{world}" if world else "grammar"}
