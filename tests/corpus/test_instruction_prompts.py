"""What the prompts for instructions hold: the documentation, the name, and what was asked before."""

import asyncio
import dataclasses
import json

from scripted import FOUND, TOOL, Scripted

from toolalpaca.agents.environment import Environment
from toolalpaca.agents.executors.llm import LlmExecutor
from toolalpaca.corpus.instructions import Instructor
from toolalpaca.schema import to_row

SHORT = ("Find me ferns for a shady yard.", "Which mosses grow on slate?")
STORY = "We moved in May. The yard faces north. I would like to know which plants do well there."


def prompts(*replies):
    model = Scripted(*replies)
    rows = asyncio.run(Instructor(model, {"ordinary": 1.0}, per_tool=4, tries=1)(to_row(TOOL)))
    return rows, ["\n".join(m["content"] for m in prompt.messages) for prompt in model.prompts]


def test_the_story_batch_sees_what_the_short_one_asked():
    rows, (short, story) = prompts("\n".join(f"{n}. {t}" for n, t in enumerate(SHORT, 1)), f"3. {STORY}")
    assert [row["instruction"] for row in rows] == [*SHORT, STORY]
    assert "asked already" not in short
    assert all(f"- {text}" in story for text in SHORT) and "Number from 3" in story


def test_a_dropped_request_is_not_shown_as_asked():
    _, (_, story) = prompts(f"1. {SHORT[0]}\n2. Search [plant] for me now.", f"2. {STORY}")
    assert f"- {SHORT[0]}" in story and "[plant]" not in story


def test_documentation_stands_in_the_prompt_and_the_specification_does_not():
    _, (short, _) = prompts(f"1. {SHORT[0]}", f"2. {STORY}")
    assert TOOL.documentation in short and f"functions of {TOOL.name}" in short
    assert "operationId" not in short


def test_the_executor_reads_the_specification_without_blanks_however_it_is_stored():
    tool = dataclasses.replace(TOOL, openapi=json.dumps(json.loads(TOOL.openapi), indent=4))
    model = Scripted(FOUND)
    environment = Environment(tool, "Find a fern.", LlmExecutor(model), Scripted(), key="k")
    assert asyncio.run(environment.act("searchPlants", '{"query": "fern"}')).status == 200
    shown = model.prompts[0].messages[-1]["content"]
    assert json.dumps(json.loads(TOOL.openapi), separators=(",", ":")) in shown and "    " not in shown
