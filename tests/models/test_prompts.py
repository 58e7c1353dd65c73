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
        "documentation": "D1",
        "openapi": "O1",
        "style": "short",
        "n": 5,
        "scenario": "ordinary",
        "first": 6,
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
        "feedback": "B1",
    },
    "retrieval": {"question": "Q1", "text": "T1"},
    "student": {"documentation": "D1", "functions": ["f1"], "instruction": "I1", "detail": "full"},
    "student_vicuna": {"documentation": "D1", "functions": ["f1"], "instruction": "I1", "detail": "full"},
}


def text_of(name, **changes):
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
    assert "Number them from 6" in text_of("instructions")


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
