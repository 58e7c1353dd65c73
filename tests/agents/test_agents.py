"""The three agents' loop: what the assistant reads of its mistakes, and how an episode ends."""

from __future__ import annotations

import asyncio
import dataclasses
import json

import pytest
from scripted import ANSWER, FOUND, SEARCH, SPEC, TOOL, Scripted, call

from toolalpaca.agents.assistant import assistant_opening, run_episode
from toolalpaca.agents.builtin_tools import builtin_functions, now
from toolalpaca.agents.environment import Environment
from toolalpaca.agents.executors.calls import Response, parse_response
from toolalpaca.agents.executors.frozen import FrozenExecutor
from toolalpaca.agents.executors.llm import LlmExecutor
from toolalpaca.openapi.validation import documentation_of, functions_of
from toolalpaca.schema import Outcome, RowFailure, ToolAlpacaError


def play(
    assistant, executor=(), user=(), *, builtins=None, max_steps=8, instruction="Find a fern.", **options
):
    """Run one episode with scripted parties; the executor may be a real one."""
    resample = options.pop("resample_errors", 0)
    model = Scripted(*executor) if isinstance(executor, (tuple, list)) else None
    executing = LlmExecutor(model, resample_errors=resample) if model else executor
    names = None if builtins is None else builtins
    environment = Environment(
        TOOL, instruction, executing, Scripted(*user), key="t/plants/0", builtins=names, **options
    )
    talker = Scripted(*assistant)
    opening = assistant_opening(TOOL, instruction, names)
    result = asyncio.run(run_episode(talker, environment, opening, max_steps=max_steps))
    return result, talker, model, environment


def test_an_action_is_executed_and_the_answer_ends_the_episode():
    result, talker, model, _ = play([SEARCH, ANSWER], [FOUND])
    assert result.outcome == Outcome.ANSWERED
    assert result.final_output == "The fern has id 7."
    (step,) = result.steps
    assert (step.function, step.input, step.status, step.error) == (
        "searchPlants",
        '{"query": "fern"}',
        200,
        "",
    )
    assert step.response == FOUND
    assert result.texts == [SEARCH, ANSWER]
    assert talker.prompts[1].messages[-1] == {"role": "user", "content": f"Observation: {FOUND}"}
    request = model.prompts[0].variables["request"]
    assert (request["method"], request["url"]) == ("GET", "https://plants.example/v1/plants?query=fern")


@pytest.mark.parametrize(
    ("text", "error", "named"),
    [
        (
            call({"query": "fern"}, "findPlants"),
            "unknown_function",
            ["findPlants", "searchPlants", "getDetails"],
        ),
        (call('["fern"]'), "not_an_object", ["list", "parameters by name"]),
        (call('{"query": "fern"'), "invalid_json", ["column"]),
        (call({}), "invalid_arguments", ["query", "string", "missing"]),
        (call({"query": "fern", "limit": "many"}), "invalid_arguments", ["limit", "integer", "many"]),
        (call({"query": "fern", "size": 3}), "invalid_arguments", ["size", "query", "limit"]),
        (call({"Question": 3}, "getDetails"), "invalid_arguments", ["Question", "text", "3"]),
        (call({"question": "What?"}, "getDetails"), "invalid_arguments", ["'question'", "Question"]),
        (call({"zone": "CET"}, "getCurrentDateTime"), "invalid_arguments", ["zone", "none"]),
        (call({"Question": "id?"}, "retrieveFromOutput"), "invalid_arguments", ["cut"]),
        ("I would search for it.", "parse_error", ["Action:", "Final Answer:"]),
    ],
)
def test_a_mistake_is_told_and_can_be_corrected(text, error, named):
    result, talker, _, _ = play([text, SEARCH, ANSWER], [FOUND])
    assert result.outcome == Outcome.ANSWERED
    wrong, right = result.steps
    assert (wrong.error, wrong.status, right.error, right.status) == (error, 0, "", 200)
    assert all(word in wrong.response for word in named), wrong.response
    assert wrong.response in talker.prompts[1].messages[-1]["content"]


@pytest.mark.parametrize("name", ["getDetails", "searchPlants"])
def test_a_name_at_the_head_of_a_refusal_keeps_its_spelling(name):
    refused = play([call({"wish": "fern"}, name), ANSWER])[0].steps[0]
    assert refused.error == "invalid_arguments" and refused.response.startswith(f"Error: {name} has no ")


def test_all_built_in_tools_spell_their_argument_as_the_published_checkpoints_do():
    spelled = {p.name for f in builtin_functions() for p in f.parameters}
    assert spelled == {"Question"}
    wrong = play([call({"question": "Which one?"}, "retrieveFromOutput"), ANSWER])[0].steps[0]
    assert wrong.response == "Error: retrieveFromOutput has no parameter 'question'; it takes Question"


def test_text_that_cannot_be_read_is_kept_and_ends_the_episode_after_two_pardons():
    result, *_ = play(["junk 1", "junk 2", "junk 3", ANSWER])
    assert result.outcome == Outcome.PARSE_ERROR
    assert "no_action_or_answer" in result.detail
    assert [step.input for step in result.steps] == result.texts == ["junk 1", "junk 2", "junk 3"]


def test_the_answer_may_follow_the_last_allowed_step_but_no_further_call():
    assert play([SEARCH, SEARCH, ANSWER], [FOUND] * 2, max_steps=2)[0].outcome == Outcome.ANSWERED
    result, *_ = play([SEARCH, SEARCH, SEARCH], [FOUND] * 3, max_steps=2)
    assert (result.outcome, len(result.steps), len(result.texts)) == (Outcome.STEP_LIMIT, 2, 3)


def test_endpoint_failures_are_outcomes_that_say_whose_they_are():
    down = RowFailure("timeout", "no answer")
    result, *_ = play([SEARCH, down], [FOUND])
    assert (result.outcome, result.failure) == (Outcome.MODEL_FAILED, down)
    assert "no answer" in result.detail and len(result.steps) == 1
    result, *_ = play([SEARCH], [down])
    assert (result.outcome, result.failure) == (Outcome.EXECUTOR_FAILED, down)
    result, *_ = play([call({"Question": "Which?"}, "getDetails")], [], [down])
    assert (result.outcome, result.failure) == (Outcome.EXECUTOR_FAILED, down)


def test_a_response_that_does_not_fit_the_specification_is_asked_for_again():
    wrong = 'Status Code: 200. Response: {"plants": [{"id": "seven"}]}'
    result, _, model, _ = play([SEARCH, ANSWER], ["nonsense", wrong, FOUND])
    assert result.steps[0].response == FOUND
    first, second, third = (prompt.messages for prompt in model.prompts)
    assert second[: len(first)] == third[: len(first)] == first
    assert "Status Code" in second[-1]["content"]
    assert all(word in third[-1]["content"] for word in ("plants", "id", "integer", "seven"))
    assert len(set(model.samples)) == 3, "another draw each time"


def test_an_executor_that_never_fits_is_a_failure_of_the_machinery():
    result, *_ = play([SEARCH], ["nonsense"] * 3)
    assert result.outcome == Outcome.EXECUTOR_FAILED
    assert result.failure is None, "no endpoint failed: to run the row again would not help"
    assert "executor_reply" in result.detail


@pytest.mark.parametrize(
    "reply",
    [
        "Status Code: 200. Response: NaN",
        "Status Code: 99. Response: {}",
        "Status Code: 2000. Response: {}",
        "Status Code: 200. Response: ",
        'Status Code: 201. Response: {"plants": []}',
        "Status Code: 200. Response: " + "[" * 5000,
        "```\n\n" * 20_000,
    ],
)
def test_replies_of_an_executor_that_are_no_response(reply):
    result, *_ = play([SEARCH, ANSWER], [reply, FOUND])
    assert result.steps[0].response == FOUND


@pytest.mark.parametrize(
    ("reply", "status", "body"),
    [
        ("Status Code: 204. Response:", 204, ""),
        ("Status Code: 204. Response: (no content)", 204, ""),
        ('Status Code: 200 OK. Response: {"a": 1}', 200, {"a": 1}),
        ('**Status Code:** 404 Not Found\n**Response:** {"error": "x"}', 404, {"error": "x"}),
    ],
)
def test_replies_of_an_executor_in_the_forms_that_models_write(reply, status, body):
    assert parse_response(reply) == Response(status, body)


def test_errors_are_kept_unless_resampling_is_asked_for():
    failing = 'Status Code: 500. Response: {"error": "overloaded"}'
    assert play([SEARCH, ANSWER], [failing])[0].steps[0].status == 500
    assert play([SEARCH, ANSWER], [failing, FOUND], resample_errors=1)[0].steps[0].status == 200
    assert play([SEARCH, ANSWER], [failing, failing], resample_errors=1)[0].steps[0].status == 500


def test_the_executor_remembers_within_an_instance_and_not_beyond():
    _, _, model, _ = play([SEARCH, call({"query": "oak"}), ANSWER], [FOUND, FOUND])
    first, second = (prompt.variables["exchanges"] for prompt in model.prompts)
    assert first == []
    assert [e["request"]["url"][-10:] for e in second] == ["query=fern"]
    assert second[0]["response"]["plants"][0]["id"] == 7
    _, _, other, _ = play([SEARCH, ANSWER], [FOUND])
    assert other.prompts[0].variables["exchanges"] == []


def test_the_user_remembers_what_was_asked_and_answered():
    questions = [call({"Question": q}, "getDetails") for q in ("Which plant?", "How many?")]
    result, _, _, environment = play([*questions, ANSWER], [], ["A fern, please.", "", "Three."])
    assert [step.response for step in result.steps] == ["A fern, please.", "Three."]
    assert environment.user.exchanges[0] == {"question": "Which plant?", "answer": "A fern, please."}
    assert environment.user.model.prompts[1].variables["exchanges"] == environment.user.exchanges[:1]


def test_a_users_reply_is_stored_and_remembered_without_the_name_before_it():
    asking = call({"Question": "Which plant?"}, "getDetails")
    result, _, _, environment = play([asking, ANSWER], [], ["You:", '**You:** "A *fern*, please."'])
    assert result.steps[0].response == "A fern, please."
    assert environment.user.exchanges == [{"question": "Which plant?", "answer": "A fern, please."}]


def test_a_builtin_that_is_switched_off_is_neither_offered_nor_executed():
    asking = call({"Question": "Which?"}, "getDetails")
    result, talker, _, environment = play(
        [asking, ANSWER], [], ["never said"], builtins=["getCurrentDateTime"]
    )
    assert result.steps[0].error == "disabled_tool"
    assert "never said" not in result.steps[0].response
    assert environment.user.model.prompts == []
    shown = talker.prompts[0].messages[0]["content"]
    assert "getDetails" not in shown and "getCurrentDateTime" in shown


def test_a_tools_own_function_stands_before_a_builtin_of_its_name():
    text = SPEC.replace("searchPlants", "getDetails")
    functions = functions_of(text)
    tool = dataclasses.replace(
        TOOL, openapi=text, functions=functions, documentation=documentation_of(functions)
    )
    environment = Environment(tool, "Find.", LlmExecutor(Scripted(FOUND)), Scripted(), key="k")
    seen = asyncio.run(environment.act("getDetails", '{"query": "fern"}'))
    assert (seen.text, seen.status) == (FOUND, 200)
    shown = assistant_opening(tool, "Find.").messages[0]["content"]
    assert shown.count("getDetails:") == 1 and "getCurrentDateTime" in shown


def test_builtins_are_named_on_the_command_line():
    assert [f.name for f in builtin_functions("getCurrentDateTime, getDetails")] == [
        "getDetails",
        "getCurrentDateTime",
    ]
    assert builtin_functions("") == []
    with pytest.raises(ToolAlpacaError, match="getdetails"):
        builtin_functions("getdetails")


def test_the_date_is_the_instances_own_and_the_same_in_every_run():
    asking = call({}, "getCurrentDateTime")
    first, again = (play([asking, ANSWER])[0].steps[0].response for _ in range(2))
    assert first == again == now(0, "t/plants/0").strftime("%Y-%m-%dT%H:%M:%SZ, %A")
    assert len({now(0, f"t/plants/{i}").date() for i in range(50)}) > 40
    assert now(1, "t/plants/0") != now(0, "t/plants/0")


def test_a_long_response_is_cut_and_its_rest_can_be_looked_up():
    many = {"plants": [{"id": i, "name": f"plant {i}"} for i in range(200)]}
    reply = f"Status Code: 200. Response: {json.dumps(many)}"
    lookup = call({"Question": "id of plant 150"}, "retrieveFromOutput")
    result, _, _, environment = play([SEARCH, lookup, ANSWER], [reply], ['{"id": 150}'], max_observation=500)
    cut, found = result.steps
    assert len(cut.response) < 620 and "500 of" in cut.response and "retrieveFromOutput" in cut.response
    assert found.response == '{"id": 150}'
    assert "plant 199" in environment.user.model.prompts[0].variables["text"]
    off = play([SEARCH, ANSWER], [reply], max_observation=500, builtins=[])[0]
    assert "500 of" in off.steps[0].response and "retrieveFromOutput" not in off.steps[0].response


def test_what_cannot_be_stored_as_utf8_is_replaced():
    result, *_ = play(
        [call('{"query": "\ud800"}'), "Thought: \udfff\nFinal Answer: \ud83d\ude00 \ud800"], [FOUND]
    )
    for text in (result.final_output, result.final_thought, *result.texts, result.steps[0].input):
        text.encode("utf-8")
    assert result.final_output == "😀 \ufffd"


def test_a_recorded_file_gives_the_same_answer_on_any_day(tmp_path):
    path = tmp_path / "new" / "frozen.jsonl"
    live = Scripted(FOUND)
    recording = FrozenExecutor(path, LlmExecutor(live), record=True)
    assert play([SEARCH, SEARCH, ANSWER], recording)[0].steps[1].response == FOUND
    assert len(live.prompts) == 1, "the second time the file answers"
    with path.open("a") as stream:
        stream.write('{"tool_id": "an interrupted reco')
    FrozenExecutor(path, LlmExecutor(live), record=True)
    result, *_ = play([SEARCH, call({"query": "oak"}), ANSWER], FrozenExecutor(path))
    assert [step.status for step in result.steps] == [200, 503]
    with pytest.raises(ToolAlpacaError, match="does not exist"):
        FrozenExecutor(tmp_path / "none.jsonl")
    path.write_text('{"tool_id": "t"}\n')
    with pytest.raises(ToolAlpacaError, match="record 1"):
        FrozenExecutor(path)


@pytest.mark.parametrize(
    "reply",
    ["Status Code: 204. Response:", "Status Code: 200. Response:", 'Status Code: 201. Response: {"a": 1}'],
)
def test_any_success_fits_an_operation_that_states_no_responses(reply):
    document = json.loads(SPEC)
    document["openapi"] = "3.1.0"
    for item in document["paths"].values():
        for operation in item.values():
            operation.pop("responses", None)
    text = json.dumps(document)
    tool = dataclasses.replace(TOOL, openapi=text, functions=functions_of(text))
    environment = Environment(tool, "Find.", LlmExecutor(Scripted(reply)), Scripted(), key="k")
    seen = asyncio.run(environment.act("searchPlants", '{"query": "fern"}'))
    assert seen.status == parse_response(reply).status


def test_a_decorated_reply_costs_nothing_and_is_stored_as_the_protocol_writes_it():
    given = "{\n 'query': 'fern',\n 'limit': '5',\n}"
    said = f"**Thought:** Look.\n\n**Action:** `searchPlants`\n\n**Action Input:**\n{given}"
    result, talker, model, _ = play([said, "**Final Answer:** It has id 7.\nAction: None"], [FOUND])
    (step,) = result.steps
    assert (step.thought, step.function, step.error, step.status) == ("Look.", "searchPlants", "", 200)
    assert step.input == '{"query": "fern", "limit": 5}', "what was sent, on one line"
    assert model.prompts[0].variables["request"]["url"].endswith("?query=fern&limit=5")
    assert (result.final_output, result.outcome) == ("It has id 7.", Outcome.ANSWERED)
    assert result.texts[0] == said
    seen = talker.prompts[1].messages[-2]["content"]
    assert seen == 'Thought: Look.\nAction: searchPlants\nAction Input: {"query": "fern", "limit": 5}'


def test_strict_refuses_what_is_decorated():
    environment = Environment(
        TOOL, "Find a fern.", LlmExecutor(Scripted(FOUND)), Scripted(), key="t/plants/0"
    )
    talker = Scripted("**Action:** searchPlants\n**Action Input:** {}", SEARCH, ANSWER)
    opening = assistant_opening(TOOL, "Find a fern.")
    result = asyncio.run(run_episode(talker, environment, opening, strict=True))
    assert [step.error for step in result.steps] == ["parse_error", ""]
