"""The `evaluate` module: loaded offline, the same verdicts as eval/score.py, plain dicts or rows of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

MODULE = Path(__file__).parents[2] / "eval" / "metrics" / "tool_use"

SPEC = {
    "openapi": "3.0.0",
    "info": {"title": "Tides", "version": "1"},
    "paths": {
        "/tide": {
            "get": {
                "operationId": "getTide",
                "parameters": [
                    {"name": "port", "in": "query", "required": True, "schema": {"type": "string"}},
                    {"name": "days", "in": "query", "schema": {"type": "integer"}},
                ],
                "responses": {"200": {"description": "ok"}},
            }
        }
    },
}
TASK = {
    "instruction": "When is high water at Brest?",
    "gold": [{"function": "getTide", "input": {"port": "Brest"}}],
    "facts": ["04:10"],
    "openapi": SPEC,
}
RESPONSE = '{"high": "04:10"}'


def episode(function: str = "getTide", given: object = None, output: str = "High water is at 04:10.") -> dict:
    step = {
        "function": function,
        "input": {"port": "Brest"} if given is None else given,
        "response": RESPONSE,
    }
    return {"steps": [step], "final_output": output}


@pytest.fixture(scope="module")
def tool_use(tmp_path_factory: pytest.TempPathFactory):
    evaluate = pytest.importorskip("evaluate")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield evaluate.load(str(MODULE), cache_dir=str(tmp_path_factory.mktemp("metrics")))


def test_a_right_episode_is_right_in_everything(tool_use):
    result = tool_use.compute(predictions=[episode()], references=[TASK])
    assert [result[k] for k in ("procedure", "answer", "overall", "first_function")] == [1, 1, 1, 1]
    assert sum(result[k] for k in ("parse_error", "wrong_action", "redundant_action", "input_error")) == 0


def test_errors_are_counted_by_type_with_their_step(tool_use):
    wrong = [
        episode(given="{port: Brest"),
        episode(function="getWeather"),
        episode(given={"port": "Brest", "days": "many"}),
        episode(output="I do not know."),
        episode(),
    ]
    result = tool_use.compute(predictions=wrong, references=[TASK] * 5, details=True)
    assert result["episodes"] == 5 and result["n_procedure"] == 5
    assert result["procedure"] == pytest.approx(2 / 5) and result["overall"] == pytest.approx(1 / 5)
    assert result["parse_error"] == 1 and result["wrong_action"] >= 1 and result["wrong_answer"] >= 1
    found = [[(f["type"], f["step"]) for f in v["findings"]] for v in result["verdicts"]]
    assert (
        ("parse_error", 0) in found[0] and ("wrong_action", 0) in found[1] and ("input_error", 0) in found[2]
    )
    assert found[4] == []


def test_json_text_and_batches_are_taken(tool_use):
    tool_use.add(prediction=json.dumps(episode()), reference=json.dumps(TASK))
    tool_use.add_batch(predictions=[episode(function="getWeather")], references=[TASK])
    assert tool_use.compute()["procedure"] == 0.5


def test_arguments_of_different_tools_do_not_mix(tool_use):
    other = {
        "instruction": "Is it 7?",
        "gold": [{"function": "isIt", "input": {"number": 7, "deep": {"a": [1]}}}],
    }
    steps = [{"function": "isIt", "input": {"number": 7, "deep": {"a": [1]}}, "response": "yes"}]
    result = tool_use.compute(
        predictions=[episode(), {"steps": steps, "final_output": "Yes, it is 7."}], references=[TASK, other]
    )
    assert result["procedure"] == 1


def test_what_cannot_be_read_is_named(tool_use):
    with pytest.raises(ValueError, match="reference 1"):
        tool_use.compute(predictions=[episode(), episode()], references=[TASK, {"gold": 5}])


def test_a_specification_that_is_none_is_named(tool_use):
    with pytest.raises(ValueError, match="reference 0 cannot be read"):
        tool_use.compute(predictions=[{"steps": []}], references=[{**TASK, "openapi": "x"}])
