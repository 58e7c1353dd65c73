"""The assistant agent's loop, one for generation and evaluation: text, parsed action, call, observation."""

from __future__ import annotations

from dataclasses import dataclass, field

from toolalpaca.agents.builtin_tools import builtin_functions
from toolalpaca.agents.environment import Environment
from toolalpaca.models import react
from toolalpaca.models.boundary import ChatModel
from toolalpaca.models.prompts import Prompt, PromptFolder
from toolalpaca.models.react import STYLES, Answer, Style
from toolalpaca.models.replies import read_reply
from toolalpaca.models.retrying import FORGIVEN
from toolalpaca.schema import Outcome, ReplyError, RowFailure, Step, Tool

MAX_STEPS = 8  # above the filter's five, so that what it drops is known to be too long, not just cut


@dataclass
class EpisodeResult:
    """What came of one run of the loop.

    `texts` are the assistant's raw replies. `failure` is set when an endpoint failed: the run can be
    done again, and the stage should record it as failed and not as a result.
    """

    steps: list[Step] = field(default_factory=list)
    final_thought: str = ""
    final_output: str = ""
    outcome: Outcome = Outcome.ANSWERED
    detail: str = ""
    texts: list[str] = field(default_factory=list)
    failure: RowFailure | None = None


def assistant_opening(
    tool: Tool, instruction: str, builtins: list[str] | None = None, prompts: PromptFolder | None = None
) -> Prompt:
    """The teacher's prompt as assistant agent. A built-in tool that is switched off is not named."""
    return Prompt(
        "assistant",
        {
            "documentation": tool.documentation,
            "functions": [f.name for f in tool.functions],
            "instruction": instruction,
            "builtins": [
                {"name": f.name, "documentation": f.documentation.removeprefix(f"{f.name}: ")}
                for f in builtin_functions(builtins, tool)
            ],
        },
        prompts=prompts,
    )


async def run_episode(
    assistant: ChatModel,
    environment: Environment,
    opening: Prompt,
    *,
    style: Style = STYLES["react"],
    max_steps: int = MAX_STEPS,
    forgiven: int = FORGIVEN,
    strict: bool = False,
) -> EpisodeResult:
    """Let `assistant` act in `environment` until it answers, fails or has made `max_steps` steps.

    `opening` is the conversation's start (`assistant_opening` for the teacher, `react.opening` for the
    models that are evaluated); the steps so far follow it as messages. An unreadable reply is a step
    too: its observation says what was expected, and more than `forgiven` of them end the episode. Decorated
    replies are read as `replies.read_reply` does; with `strict` they are unreadable. A step that reached
    the tool keeps what was sent, on one line; one that did not keeps what was written.
    Nothing an assistant writes raises; endpoint failures end the episode with their own outcomes.
    """
    result = EpisodeResult()
    unreadable = 0
    while len(result.steps) <= max_steps:
        try:
            prompt = opening.followed_by(react.turns(result.steps, style))
            text = react.storable((await assistant.complete(prompt, stop=style.stop)).text)
        except RowFailure as failure:
            result.outcome, result.detail, result.failure = Outcome.MODEL_FAILED, str(failure), failure
            return result
        result.texts.append(text)
        try:
            parsed = read_reply(text, style, strict).step
        except ReplyError as error:
            unreadable += 1
            response = f"Error: {react.expected(style)}: {error.detail}"
            result.steps.append(Step("", "", text, response, "parse_error"))
            if unreadable > forgiven:
                result.outcome, result.detail = Outcome.PARSE_ERROR, str(error)
                return result
        else:
            if isinstance(parsed, Answer):
                result.final_thought, result.final_output = parsed.thought, parsed.text
                return result
            if len(result.steps) >= max_steps:
                break
            try:
                seen = await environment.act(parsed.function, parsed.input)
            except (RowFailure, ReplyError) as failure:
                result.outcome, result.detail = Outcome.EXECUTOR_FAILED, f"{parsed.function}: {failure}"
                result.failure = failure if isinstance(failure, RowFailure) else None
                return result
            result.steps.append(
                Step(
                    parsed.thought,
                    parsed.function,
                    seen.sent or parsed.input,
                    react.storable(seen.text),
                    seen.error,
                    seen.status,
                )
            )
    result.outcome, result.detail = Outcome.STEP_LIMIT, f"no final answer after {max_steps} steps"
    return result
