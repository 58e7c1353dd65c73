"""Models at tasks: each task in its own environment, `samples` times, as rows of episodes.jsonl."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from toolalpaca.agents.assistant import MAX_STEPS, run_episode
from toolalpaca.agents.environment import MAX_OBSERVATION, Environment
from toolalpaca.agents.executors.calls import Executor
from toolalpaca.dataset.training_rows import student_functions
from toolalpaca.models import native, react
from toolalpaca.models.boundary import ChatModel, Completion, Fault
from toolalpaca.models.prompts import Prompt, PromptFolder
from toolalpaca.schema import Episode, Outcome, Task, Tool, from_row, to_row

TOO_LONG = re.compile(r"prompt_too_long|context.length|maximum context", re.IGNORECASE)
TOOLS_STYLE = "tools"
STAGE = "run_agent"


class Sampled(ChatModel):
    """A model of which every reply is the draw number `sample`; draws of one task differ from each other."""

    def __init__(self, model: ChatModel, sample: int):
        self.model, self.sample, self.name = model, sample, model.name

    async def complete(
        self,
        prompt: Prompt,
        sample: int = 0,
        stop: list[str] | None = None,
        on_fault: Fault | None = None,
    ) -> Completion:
        return await self.model.complete(prompt, self.sample + sample, stop, on_fault)


class Attempts:
    """Turns rows of `attempt_rows` into episodes.

    Args:
        tools: the tools of the tasks, by id.
        student: the model that is evaluated.
        user: plays the user, and looks things up in responses that were cut.
        style: `react`, `vicuna`, or `tools` for native function calling.
        detail: how much documentation the prompt holds, `full` or `compact`.
        strict: read replies in the protocol's own form alone.
    """

    def __init__(
        self,
        tools: dict[str, Tool],
        student: ChatModel,
        user: ChatModel,
        executor: Executor,
        *,
        style: str = "react",
        detail: str = "full",
        builtins: list[str] | None = None,
        strict: bool = False,
        max_steps: int = MAX_STEPS,
        max_observation: int = MAX_OBSERVATION,
        seed: int = 0,
        prompts: PromptFolder | None = None,
    ):
        self.tools, self.student, self.user, self.executor = tools, student, user, executor
        self.style, self.detail, self.builtins, self.strict = style, detail, builtins, strict
        self.max_steps, self.max_observation = max_steps, max_observation
        self.seed, self.prompts = seed, prompts

    async def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """The episode of one task and sample.

        Raises:
            RowFailure: an endpoint failed; the row can be run again.
        """
        task, sample = from_row(Task, row["task"]), row["sample"]
        tool = self.tools[task.tool_id]
        environment = Environment(
            tool,
            task.instruction,
            self.executor,
            self.user,
            key=task.task_id,
            scenario=task.scenario,
            builtins=self.builtins,
            max_observation=self.max_observation,
            seed=self.seed,
            prompts=self.prompts,
        )
        functions = student_functions(tool, self.builtins)
        student: ChatModel = Sampled(self.student, sample)
        if self.style == TOOLS_STYLE:
            student = native.NativeAssistant(student, functions)
            opening = native.opening(functions, task.instruction, self.prompts)
            style = react.STYLES["react"]
        else:
            style = react.STYLES[self.style]
            opening = react.opening(functions, task.instruction, style, self.detail, self.prompts)
        result = await run_episode(
            student, environment, opening, style=style, max_steps=self.max_steps, strict=self.strict
        )
        if result.failure is not None:
            if not (result.steps and TOO_LONG.search(str(result.failure))):
                raise result.failure
            # The conversation outgrew the model's context by what the model itself did.
            unreadable = any(step.error == "parse_error" for step in result.steps)
            result.outcome = Outcome.PARSE_ERROR if unreadable else Outcome.STEP_LIMIT
        return to_row(
            Episode(
                task_id=task.task_id,
                tool_id=task.tool_id,
                instruction=task.instruction,
                model=self.student.name,
                style=self.style,
                sample=sample,
                steps=result.steps,
                final_thought=result.final_thought,
                final_output=result.final_output,
                outcome=str(result.outcome),
                detail=result.detail,
                texts=result.texts,
            )
        )

    def failed(self, row: dict[str, Any], reason: str) -> dict[str, Any]:
        """The episode of a row whose endpoint failed: labelled as such, and empty.

        The row stays failed in the ledger, so `--retry_failed` runs it again.
        """
        task = from_row(Task, row["task"])
        return to_row(
            Episode(
                task_id=task.task_id,
                tool_id=task.tool_id,
                instruction=task.instruction,
                model=self.student.name,
                style=self.style,
                sample=row["sample"],
                outcome=str(Outcome.MODEL_FAILED),
                detail=reason,
            )
        )


def attempt_rows(tasks: list[Task], samples: int) -> list[dict[str, Any]]:
    """One row per task and sample: {"id", "task", "sample"}."""
    return [
        {"id": f"{task.task_id}#{sample}", "task": to_row(task), "sample": sample}
        for task in tasks
        for sample in range(samples)
    ]


def outcome_counts(episodes: Iterable[dict[str, Any]]) -> dict[str, int]:
    """How many episodes ended in each outcome, most frequent first."""
    counts: dict[str, int] = {}
    for episode in episodes:
        counts[episode["outcome"]] = counts.get(episode["outcome"], 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
