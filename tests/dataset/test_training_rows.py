"""Training rows: what a student reads, what is left out, and that chat templates take native calls."""

import dataclasses
import json
from pathlib import Path

import corpus
import pytest
from jsonschema import Draft202012Validator

from toolalpaca.dataset import tasks, training_rows
from toolalpaca.models import native, react
from toolalpaca.schema import Function, Parameter, Scenario, Step

TOOL = corpus.tool(1)
ROWS = {i: instance for i, instance in enumerate(corpus.instances(TOOL, 12))}


@pytest.mark.parametrize("style", sorted(react.STYLES))
@pytest.mark.parametrize("detail", ["full", "compact"])
def test_conversation_is_what_evaluation_shows(style, detail):
    instance = ROWS[1]
    row = training_rows.react_row(TOOL, instance, style, detail)
    form = react.STYLES[style]
    opening = react.opening(
        training_rows.student_functions(TOOL), instance.instruction, form, detail
    ).messages
    assert row["messages"][: len(opening)] == opening
    replies = [m["content"] for m in row["messages"][len(opening) :] if m["role"] == "assistant"]
    parsed = [react.parse(text, form) for text in replies]
    assert [(p.function, p.input) for p in parsed[:-1]] == [(s.function, s.input) for s in instance.steps]
    assert parsed[-1].text == instance.final_output
    observations = [m["content"] for m in row["messages"][len(opening) :] if m["role"] == "user"]
    assert observations == [f"{form.observation} {step.response}" for step in instance.steps]


def test_steps_that_never_reached_a_tool_are_not_imitated():
    instance = ROWS[4]
    assert instance.steps[0].error == "parse_error"
    row = training_rows.react_row(TOOL, instance)
    text = "\n".join(m["content"] for m in row["messages"])
    assert "I will search now" not in text
    assert "Could not be read." not in text
    assert instance.steps[1].input in text
    native = json.dumps(training_rows.native_row(TOOL, instance))
    assert "I will search now" not in native


def test_a_mended_call_takes_the_thought_of_its_first_try():
    call = {"function": "findPlaces", "input": '{"place": "Oslo"}'}
    steps = [
        Step("I look for Oslo.", call["function"], '{"place": "Oslo"', "Error", error="invalid_json"),
        Step("The call was rejected, so I mend it.", **call, response="Status Code: 200. Response: []"),
        Step("The name is wrong.", "findTowns", "{}", "Error", error="unknown_function"),
        Step("Then places once more.", **call, response="Status Code: 200. Response: []"),
    ]
    kept = training_rows.right_steps(dataclasses.replace(ROWS[1], steps=steps))
    assert [step.thought for step in kept] == ["I look for Oslo.", "Then places once more."]
    assert [step.input for step in kept] == [call["input"]] * 2
    assert steps[1].thought.startswith("The call was rejected")


def test_failures_of_the_tool_stay():
    row = training_rows.react_row(TOOL, ROWS[6])
    assert any("Status Code: 500" in m["content"] for m in row["messages"])


def test_trimmed_row_reads_like_a_tool_with_fewer_functions():
    row = training_rows.react_row(TOOL, ROWS[2], detail="compact")
    used = [f["name"] for f in row["functions"] if f["used"]]
    assert used == [TOOL.functions[0].name]
    trimmed = training_rows.trim(row)
    opening = react.opening(TOOL.functions[:1], ROWS[2].instruction, detail="compact").messages
    assert trimmed["messages"] == opening + row["messages"][len(opening) :]
    one_more = training_rows.trim(row, keep=1)
    assert [f["name"] for f in one_more["functions"]] == [f.name for f in TOOL.functions]
    assert training_rows.trim(row, keep=99)["messages"] == row["messages"]


@pytest.mark.parametrize("template", ["qwen3", "qwen3_training", "llama3_1"])
def test_native_rows_pass_through_chat_templates(template):
    trl = pytest.importorskip("trl")
    from transformers.utils.chat_template_utils import render_jinja_template

    source = (Path(trl.__file__).parent / "chat_templates" / f"{template}.jinja").read_text()
    for instance in ROWS.values():
        row = training_rows.native_row(TOOL, instance)
        rendered, _ = render_jinja_template(
            [row["messages"]], tools=row["tools"], chat_template=source, bos_token="<s>"
        )
        text = rendered[0]
        assert instance.instruction in text
        assert instance.final_output in text
        for step in training_rows.right_steps(instance):
            assert f'"name": "{step.function}"' in text
            assert json.dumps(json.loads(step.input)) in text
            # Llama's template writes an observation as a JSON string
            assert step.response in text or json.dumps(step.response) in text


def test_native_rows_open_as_evaluation_does():
    instance = ROWS[1]
    row = training_rows.native_row(TOOL, instance)
    opening = native.opening(training_rows.student_functions(TOOL), instance.instruction)
    assert row["messages"][: len(opening.messages)] == opening.messages
    assert row["tools"] == opening.tools


def test_function_schema_is_an_openai_tool():
    made = native.function_schema(TOOL.functions[0])
    assert made["type"] == "function"
    assert made["function"]["parameters"]["required"] == ["place"]
    assert made["function"]["parameters"]["properties"]["order"]["enum"] == ["name", "size"]


def test_recursive_parameters_of_a_function_can_be_checked_by_its_schema():
    def node(kind):
        return {
            "$ref": "#/$defs/Node",
            "$defs": {
                "Node": {
                    "type": "object",
                    "properties": {
                        "v": {"type": kind},
                        "kids": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                    },
                }
            },
        }

    schemas = {
        "numbers": node("integer"),
        "texts": node("string"),
        "more": node("string"),
        "plain": {"type": "integer"},
    }
    function = Function("f", "", "post", "/x", [Parameter(n, "body", True, s) for n, s in schemas.items()])
    parameters = native.function_schema(function)["function"]["parameters"]
    Draft202012Validator.check_schema(parameters)
    validator = Draft202012Validator(parameters)
    good = {"numbers": {"kids": [{"v": 1}]}, "texts": {"kids": [{"v": "a"}]}, "more": {"v": "b"}, "plain": 1}
    assert validator.is_valid(good)
    assert not validator.is_valid({**good, "numbers": {"kids": [{"v": "a"}]}})
    assert not validator.is_valid({**good, "texts": {"kids": [{"kids": [{"v": 1}]}]}})
    assert len(parameters["$defs"]) == 2


def test_gold_refers_to_where_values_came_from():
    task = tasks.to_task(ROWS[1])
    search, get = (f.name for f in TOOL.functions)
    assert [step.function for step in task.gold] == [search, get]
    assert json.loads(task.gold[0].input) == {"place": "Lima"}
    assert json.loads(task.gold[1].input) == {"itemId": f"${{id from {search}}}"}
    assert task.facts == [f"Lima {search.removeprefix('search').lower()}", "41"]


def test_retries_are_no_gold_and_questions_to_the_user_are():
    retried = tasks.to_task(ROWS[6])
    assert len(retried.gold) == 1
    assert retried.scenario == Scenario.SERVER_ERROR
    asked = tasks.to_task(ROWS[7])
    assert asked.gold[0].function == "getDetails"
    assert json.loads(asked.gold[1].input) == {"place": "${place from getDetails}"}
    assert asked.facts == []


def test_instances_with_mistakes_make_no_task():
    assert tasks.to_task(ROWS[4]) == "teacher_erred"
    assert tasks.to_task(ROWS[8]).gold == []  # no suitable tool: nothing is to be called
    lost = corpus.instances(TOOL, 1)[0]
    lost.steps = [Step("Try.", TOOL.functions[0].name, "{}", "Status Code: 500. Response: down", status=500)]
    assert tasks.to_task(lost) == "no_successful_call"
    lost.outcome = "step_limit"
    assert tasks.to_task(lost) == "not_answered"


def test_facts_are_left_out_where_another_run_answers_differently():
    instance = corpus.instances(TOOL, 2)[1]
    instance.provenance["executor"] = "openai/gpt-4o"
    assert tasks.to_task(instance).facts == []
