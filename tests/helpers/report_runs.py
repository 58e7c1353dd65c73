"""Small evaluation and generation runs, written as the scripts would write them, for the report's tests."""

from __future__ import annotations

import random
from pathlib import Path

from toolalpaca.files import write_jsonl
from toolalpaca.schema import (
    Episode,
    ErrorType,
    Finding,
    Function,
    GoldStep,
    Instance,
    Outcome,
    Parameter,
    Step,
    Task,
    Tool,
    Verdict,
    to_row,
)

TOOLS = ("Harbour Tides", "Bread Index", "Orchid Names", "Tram Times")


def tool(number: int) -> Tool:
    name = TOOLS[number % len(TOOLS)]
    functions = [
        Function(
            f"find{number}",
            "Search by name.",
            "get",
            "/find",
            [Parameter("q", "query", True, {"type": "string"})],
        ),
        Function(f"read{number}", "Read one entry.", "get", "/read/{id}"),
    ]
    return Tool(
        tool_id=f"tool-{number}",
        name=name,
        category=f"Category {number % 3}",
        link="https://example.org",
        description=f"{name}, over HTTP.",
        introduction=f"{name} answers questions about its subject.",
        documentation=f'find{number}: Search by name.\nParameters: {{"q": "Required. string."}}',
        openapi="{}",
        functions=functions,
    )


def tasks(n: int, tools: int = 2) -> list[Task]:
    return [
        Task(
            task_id=f"tool-{i % tools}/{i}",
            tool_id=f"tool-{i % tools}",
            instruction=f"Find entry {i} of the list and tell me what it says about number {i}.",
            gold=[
                GoldStep(f"find{i % tools}", f'{{"q": "entry {i}"}}'),
                GoldStep(f"read{i % tools}", f'{{"id": "${{id from find{i % tools}}}"}}'),
            ],
            facts=[f"number {i}"],
        )
        for i in range(n)
    ]


def evaluation_run(
    folder: Path,
    model: str,
    *,
    right: float = 0.7,
    n: int = 20,
    samples: int = 1,
    seed: int = 0,
    tools: int = 2,
) -> Path:
    """A scored evaluation in which about `right` of the episodes are right in everything."""
    generator = random.Random(f"{model} {seed}")
    episodes, verdicts = [], []
    for task in tasks(n, tools):
        for sample in range(samples):
            good = generator.random() < right
            find, read = (gold.function for gold in task.gold)
            steps = [
                Step("I look for it.", find, task.gold[0].input, '{"items": [{"id": "x7"}]}', status=200),
                Step("Now I read it.", read, '{"id": "x7"}', '{"text": "all about it"}', status=200),
            ]
            verdict = Verdict(task.task_id, model, sample, first_function=True)
            output = f"It is about {task.facts[0]}."
            if not good:
                steps[1] = Step("Perhaps so.", read, '{"id": "z9"}', '{"error": "not found"}', status=404)
                output = "I could not find it."
                verdict.findings = [
                    Finding(ErrorType.ILLUSORY_INPUT, 1, "id: z9 appears nowhere before this call"),
                    Finding(ErrorType.WRONG_ANSWER, -1, f"the answer lacks {task.facts[0]!r}"),
                ]
            verdict.procedure = verdict.answer = verdict.overall = good
            texts = [f"Thought: {s.thought}\nAction: {s.function}\nAction Input: {s.input}" for s in steps]
            episodes.append(
                Episode(
                    task_id=task.task_id,
                    tool_id=task.tool_id,
                    instruction=task.instruction,
                    model=model,
                    sample=sample,
                    steps=steps,
                    final_thought="I know it now.",
                    final_output=output,
                    outcome=Outcome.ANSWERED,
                    texts=texts,
                )
            )
            verdicts.append(verdict)
    write_run(folder, tasks(n, tools), [tool(i) for i in range(tools)], episodes, verdicts)
    return folder


def write_run(
    folder: Path,
    run_tasks: list[Task],
    run_tools: list[Tool],
    episodes: list[Episode],
    verdicts: list[Verdict],
) -> None:
    write_jsonl(folder / "tasks.jsonl", map(to_row, run_tasks))
    write_jsonl(folder / "toolset.jsonl", map(to_row, run_tools))
    write_jsonl(folder / "episodes.jsonl", map(to_row, episodes))
    write_jsonl(folder / "verdicts.jsonl", map(to_row, verdicts))


def generation_run(folder: Path, n: int = 30, tools: int = 4) -> Path:
    """A corpus of `n` instances over `tools` tools; every third has two calls, the others one."""
    run_tools = [tool(i) for i in range(tools)]
    instances = []
    for i in range(n):
        t = run_tools[i % tools]
        steps = [
            Step("I look for it.", t.functions[0].name, f'{{"q": "entry {i}"}}', '{"items": []}', status=200)
        ]
        if i % 3 == 0:
            steps.append(
                Step("Now I read it.", t.functions[1].name, '{"id": "x7"}', '{"text": "it"}', status=200)
            )
        instances.append(
            Instance(
                instance_id=f"{t.tool_id}/{i}",
                tool_id=t.tool_id,
                instruction="Find entry number " + " ".join(["one"] * (1 + i % 5)),
                steps=steps,
                final_thought="Done.",
                final_output=f"Here it is, entry {i}.",
                provenance={"model": "offline"},
            )
        )
    write_jsonl(folder / "toolset.jsonl", map(to_row, run_tools))
    write_jsonl(folder / "instances.jsonl", map(to_row, instances))
    return folder
