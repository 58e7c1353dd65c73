"""Prompts: every role renders, holds what it was given, and bends to the scenario and the style."""

import re

import pytest

from toolalpaca.models import react
from toolalpaca.models.prompts import HOME, Prompt, PromptFolder, packaged
from toolalpaca.schema import Function, Scenario, ToolAlpacaError

REQUEST = {"method": "POST", "url": "https://a.example/x?y=1", "headers": {"X-Key": "k1"}, "body": '{"b": 2}'}
VARIABLES = {
    "introduction": {"name": "N1", "category": "C1", "description": "D1", "link": "L1"},
    "functions": {"name": "N1", "category": "C1", "description": "D1", "introduction": "I1"},
    "openapi": {"name": "N1", "description": "D1", "link": "L1", "introduction": "I1", "functions": "F1"},
    "openapi_repair": {"name": "N1", "spec": "S1", "error": "E1", "functions": "F1"},
    "instructions": {
        "name": "N1",
        "documentation": "D1",
        "style": "short",
        "n": 5,
        "scenario": "ordinary",
        "first": 6,
        "asked": ["A1", "A2"],
    },
    "assistant": {
        "documentation": "D1",
        "functions": ["f1", "f2"],
        "instruction": "I1",
        "builtins": [{"name": "b1", "documentation": "B1"}],
    },
    "user": {
        "instruction": "I1",
        "documentation": "D1",
        "exchanges": [{"question": "Q0", "answer": "A0"}],
        "question": "Q1",
    },
    "executor": {
        "openapi": "O1",
        "function": "f1",
        "request": REQUEST,
        "exchanges": [{"request": REQUEST, "status": 404, "response": "R0"}],
        "scenario": "ordinary",
    },
    "retrieval": {"question": "Q1", "text": "T1"},
    "student": {"documentation": "D1", "functions": ["f1"], "instruction": "I1", "detail": "full"},
    "student_vicuna": {"documentation": "D1", "functions": ["f1"], "instruction": "I1", "detail": "full"},
}


def text_of(name, /, **changes):
    return "\n".join(m["content"] for m in Prompt(name, {**VARIABLES[name], **changes}).messages)


def leaves(value):
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [value]


@pytest.mark.parametrize("name", VARIABLES)
def test_every_value_reaches_the_model(name):
    text = text_of(name)
    flags = {"style", "scenario", "detail"}
    for key, value in VARIABLES[name].items():
        if key in flags:
            continue
        for leaf in leaves(value):
            assert str(leaf) in text, (key, leaf)


@pytest.mark.parametrize("name", sorted(packaged().names()))
def test_every_prompt_is_a_system_turn_then_a_user_turn_and_is_explained(name):
    source = (HOME / f"{name}.jinja").read_text(encoding="utf-8")
    roles = re.findall(r"^=== (\w+)$", source, re.MULTILINE)
    assert set(roles) == {"system", "user"} and roles[0] == "system"
    assert f"**{name}**" in (HOME / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["instructions", "executor"])
def test_each_scenario_steers_or_leaves_alone_what_it_should(name):
    plain = text_of(name)
    changed = {s for s in Scenario if text_of(name, scenario=str(s)) != plain}
    steers = set(Scenario) - {Scenario.ORDINARY}
    if name == "executor":
        steers -= {Scenario.MISSING_INFORMATION, Scenario.NO_SUITABLE_TOOL}
    assert changed == steers


def test_styles_and_counts_of_instructions():
    assert "one or two sentences" in text_of("instructions")
    assert "three to five sentences" in text_of("instructions", style="story")
    assert "Number from 6" in text_of("instructions")


@pytest.mark.parametrize(
    ("changes", "all_functions", "already"),
    [
        ({}, True, True),
        ({"n": 3}, True, True),
        ({"n": 2}, False, True),
        ({"n": 1, "style": "story"}, False, True),
        ({"asked": []}, True, False),
        ({"scenario": "no_suitable_tool"}, False, True),
        ({"scenario": "server_error"}, False, True),  # each needs one call only
    ],
)
def test_few_requests_need_not_use_every_function_and_what_was_asked_is_shown(
    changes, all_functions, already
):
    text = text_of("instructions", **changes)
    assert ("use every function" in text) is all_functions
    assert ("asked already" in text and "- A1" in text) is already


def test_a_scenario_lifts_the_rule_that_it_goes_against():
    assert "Set rule 2 aside" in text_of("instructions", scenario="missing_information")
    assert "Set rule 1 aside" in text_of("instructions", scenario="no_suitable_tool")
    assert "aside" not in text_of("instructions")


# For each prompt another API, tool or instance, and what of the two prompts is the same from the start.
CHANGES = {
    "introduction": ({"name": "N2"}, "one paragraph of 60 to 120 words"),
    "functions": ({"name": "N2"}, "Names are camelCase"),
    "openapi": ({"name": "N2"}, "minLength"),
    "openapi_repair": ({"functions": "F2"}, "complete it"),
    "instructions": ({"n": 2, "first": 9, "style": "story", "asked": []}, "D1"),
    "assistant": ({"documentation": "D2", "functions": ["g"]}, "How to work"),
    "user": ({"instruction": "I2"}, "D1"),
    "executor": ({"exchanges": [], "scenario": "server_error"}, "O1"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_never_changes_comes_first_so_that_prefix_caches_work(name):
    changes, shared = CHANGES[name]
    one, other = text_of(name), text_of(name, **changes)
    same = next(i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    assert shared in one[:same]
    rules = Prompt(name, VARIABLES[name]).messages[0]["content"]
    assert len(rules) > 300 and rules[:300] in other


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("openapi", ["description is the function's Output", "`required`", "`maxLength`", "`minItems`"]),
        ("functions", ["one JSON object on one line", "bullets"]),
        ("assistant", ["plain text", "no Markdown"]),
        ("student", ["plain text"]),
        ("student_vicuna", ["plain text"]),
        ("executor", ["The request was checked"]),
    ],
)
def test_what_models_got_wrong_is_asked_for(name, words):
    assert all(word in text_of(name) for word in words)


def test_the_judge_is_asked_for_the_bare_word():
    given = {"documentation": "D", "instruction": "I", "gold": [], "steps": [], "answer": "A"}
    assert "one bare word, Yes, No or Uncertain" in Prompt("judge", given).messages[0]["content"]


def test_a_builtin_that_is_switched_off_is_not_named():
    assert "b1" not in text_of("assistant", builtins=[])


def test_compact_is_one_line_and_the_signatures():
    function = Function(
        "findCat", "Find a cat.", "get", "/cats", documentation="LONG", signature="findCat: short"
    )
    for style in react.STYLES.values():
        system, user = react.opening([function], "Find Tom.", style, "compact").messages
        assert user == {"role": "user", "content": "Find Tom."}
        first, *rest = system["content"].splitlines()
        assert len(first.split()) <= 12 and rest == ["findCat: short"]
        assert "LONG" in react.opening([function], "Find Tom.", style, "full").messages[0]["content"]


@pytest.mark.parametrize("style", react.STYLES.values())
def test_the_student_is_told_the_labels_that_the_parser_reads(style):
    text = text_of(style.prompt)
    for label in (style.thought, style.action, style.action_input, style.observation, style.final):
        assert label in text


def test_a_folder_replaces_one_prompt_and_keeps_the_others(tmp_path):
    (tmp_path / "retrieval.jinja").write_text("=== user\nLook up {{ question }} in {{ text }}\n")
    folder = PromptFolder(tmp_path)
    prompt = Prompt("retrieval", {"question": "x", "text": "y"}, prompts=folder)
    assert prompt.messages == [{"role": "user", "content": "Look up x in y"}]
    assert (
        Prompt("user", VARIABLES["user"], prompts=folder).messages
        == Prompt("user", VARIABLES["user"]).messages
    )
    assert folder.hashes()["retrieval"] != packaged().hashes()["retrieval"]


def test_a_lost_or_a_superfluous_variable_is_an_error_that_names_it():
    with pytest.raises(ToolAlpacaError, match="lacks text"):
        Prompt("retrieval", {"question": "x"})
    with pytest.raises(ToolAlpacaError, match="does not use colour"):
        Prompt("retrieval", {"question": "x", "text": "y", "colour": "z"})


def test_values_are_not_read_as_templates_or_turns():
    messages = Prompt("retrieval", {"question": "{{ 7 * 7 }}", "text": "{% if %}"}).messages
    assert "{{ 7 * 7 }}" in messages[-1]["content"] and "{% if %}" in messages[-1]["content"]
