"""Instances out of instructions: tools found by id, outcomes as rows, endpoint failures to be run again."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from scripted import ANSWER, FOUND, SEARCH, TOOL, Scripted

from toolalpaca.agents.executors.llm import LlmExecutor
from toolalpaca.corpus import simulation
from toolalpaca.corpus.simulation import Simulator, Toolset
from toolalpaca.schema import Instance, Instruction, RowFailure, ToolAlpacaError, from_row, to_row


@pytest.fixture
def toolset(tmp_path):
    path = tmp_path / "toolset.jsonl"
    tools = [replace(TOOL, tool_id=f"t/plants-{i}", description="Grüße " * i) for i in range(5)]
    path.write_text("".join(json.dumps(to_row(tool), ensure_ascii=False) + "\n\n" for tool in tools))
    return Toolset(path)


def test_tools_are_found_by_id_with_few_of_them_in_memory(toolset, monkeypatch):
    monkeypatch.setattr(simulation, "TOOLS_IN_MEMORY", 2)
    for i in (4, 0, 3, 0, 1, 2, 4):
        tool = toolset[f"t/plants-{i}"]
        assert (tool.tool_id, tool.description) == (f"t/plants-{i}", "Grüße " * i)
        assert tool.functions == TOOL.functions
        assert len(toolset._recent) <= 2
    assert "t/plants-5" not in toolset and len(toolset) == 5
    with pytest.raises(ToolAlpacaError, match="t/plants-5"):
        toolset["t/plants-5"]


def test_a_file_that_is_no_toolset_is_named(tmp_path):
    with pytest.raises(ToolAlpacaError, match="make_toolset"):
        Toolset(tmp_path / "none.jsonl")
    (tmp_path / "bad.jsonl").write_text('{"tool_id": "a"}\n[1]\n')
    with pytest.raises(ToolAlpacaError, match="line 2"):
        Toolset(tmp_path / "bad.jsonl")


def simulate(toolset, assistant, executor=(), user=()):
    simulator = Simulator(
        toolset,
        Scripted(*assistant),
        Scripted(*user),
        LlmExecutor(Scripted(*executor)),
        builtins=["getDetails"],
        seed=3,
    )
    row = to_row(Instruction("t/plants-1/0", "t/plants-1", "Find a fern.", scenario="server_error"))
    (task,) = toolset.tasks([row])
    return asyncio.run(simulator(task))


def test_an_instance_says_what_was_asked_done_and_answered_and_by_whom(toolset):
    row = simulate(toolset, [SEARCH, ANSWER], [FOUND])
    assert row.pop("filter") == ""
    instance = from_row(Instance, row)
    assert (instance.instance_id, instance.tool_id) == ("t/plants-1/0", "t/plants-1")
    assert (instance.scenario, instance.labels) == ("server_error", ["single_call"])
    assert instance.final_output == "The fern has id 7."
    assert instance.provenance == {
        "assistant": "scripted",
        "user": "scripted",
        "executor": "scripted",
        "seed": 3,
    }


def test_an_unusable_instance_is_a_row_with_its_reason(toolset):
    assert simulate(toolset, ["no", "no", "no"])["filter"] == "unparsable_output"
    dropped = simulate(toolset, [SEARCH], ["no", "no", "no"])
    assert dropped["filter"] == "machinery_failure"
    assert "executor_reply" in dropped["provenance"]["detail"]


def test_an_endpoint_that_fails_fails_the_row_so_that_it_can_be_run_again(toolset):
    for assistant, executor in (([RowFailure("timeout")], []), ([SEARCH], [RowFailure("timeout")])):
        with pytest.raises(RowFailure, match="timeout"):
            simulate(toolset, assistant, executor)


def test_an_answer_is_stored_as_plain_text(toolset):
    answer = "**Final Answer:** ## Found\n\n- The **fern** has id `7`.\n- It costs 3 * 4 euros."
    row = simulate(toolset, [SEARCH, answer], [FOUND])
    assert (row["filter"], row["final_output"]) == ("", "Found\n\nThe fern has id 7.\nIt costs 3 * 4 euros.")
