"""The ReAct text: what is rendered is read back, and any text is a step, an answer or a named error."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toolalpaca.models import react
from toolalpaca.models.react import STYLES, Action, Answer
from toolalpaca.schema import ReplyError, Step

LABELS = sorted({label for style in STYLES.values() for label in style.labels})
styles = st.sampled_from(list(STYLES.values()))
# Text with what is likely to break a protocol of labels at line starts.
pieces = st.one_of(
    st.sampled_from(
        [
            "\n",
            "\n\n",
            " ",
            "\t",
            "\r\n",
            "\ud800",
            "\x00",
            "\x85",
            "\u2028",
            "```",
            '{"a": 1}',
            "{",
            "[",
            *LABELS,
        ]
    ),
    st.text(st.characters(), max_size=8),
)
texts = st.lists(pieces, max_size=12).map("".join)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
objects = st.dictionaries(
    st.text(max_size=5), st.one_of(st.none(), st.booleans(), st.integers(), texts), max_size=4
)


@settings(max_examples=120)
@given(texts, names, objects, styles)
@example("Action: a\n Final Answer: b", "f", {}, STYLES["react"])
@example("a\n\n \nObservation: b", "f", {"x": "\nAction: y"}, STYLES["react"])
def test_an_action_is_read_back_as_it_was_rendered(thought, function, arguments, style):
    written = json.dumps(arguments, ensure_ascii=False)
    text = react.render_action(thought, function, written, style)
    assert react.parse(text, style) == Action(react.inline(thought, style), function, react.storable(written))


@settings(max_examples=120)
@given(texts, texts, styles)
@example("x", "1\nObservation: 2", STYLES["react"])
def test_an_answer_is_read_back_as_it_was_rendered(thought, answer, style):
    text = react.render_answer(thought, answer, style)
    assert react.parse(text, style) == Answer(react.inline(thought, style), react.inline(answer, style))


@settings(max_examples=120)
@given(texts, names, texts.filter(lambda t: not t.strip().startswith(("{", "[", "```"))), styles)
def test_a_malformed_input_survives_too(thought, function, written, style):
    parsed = react.parse(react.render_action(thought, function, written, style), style)
    assert parsed == Action(react.inline(thought, style), function, react.inline(written, style))


@settings(max_examples=150)
@given(texts, styles)
def test_what_stands_in_a_step_changes_only_once(text, style):
    once = react.inline(text, style)
    assert react.inline(once, style) == once
    assert "".join(once.split()) == "".join(react.storable(text).split()), "only white space may change"


@settings(max_examples=150)
@given(texts, styles)
def test_any_text_is_a_step_an_answer_or_a_named_error(text, style):
    try:
        parsed = react.parse(text, style)
    except ReplyError as error:
        assert error.reason in {"empty", "no_action_or_answer", "no_action_input", "no_function_name"}
        assert error.detail
        return
    if isinstance(parsed, Action):
        assert parsed.function.strip() and "\n" not in parsed.function
        parts = (parsed.thought, parsed.function, parsed.input)
    else:
        parts = (parsed.thought, parsed.text)
    for part in parts:
        part.encode("utf-8")
    again = react.turns([Step(*parts, response="ok")], style) if isinstance(parsed, Action) else []
    assert all(message["content"].encode("utf-8") for message in again)


@settings(max_examples=150)
@given(texts | st.recursive(st.none() | st.floats() | texts, st.lists).map(json.dumps))
@example('{"a": NaN}')
@example('{"a": 1e999}')
@example('{"a": "\\ud800"}')
@example('{"a": 1, "a": 2}')
@example("9" * 5000)
@example("[" * 3000 + "]" * 3000)
@example('{"a":' * 3000 + "1" + "}" * 3000)
def test_any_input_is_an_object_of_sendable_values_or_a_named_error(text):
    try:
        value = react.parse_input(text)
    except ReplyError as error:
        assert error.reason in {"invalid_json", "not_an_object"} and error.detail
        return
    assert isinstance(value, dict)
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")


@pytest.mark.parametrize(
    ("text", "reason", "named"),
    [
        ('["a"]', "not_an_object", "list"),
        ("3", "not_an_object", "number"),
        ("true", "not_an_object", "boolean"),
        ('{"a": 1', "invalid_json", "column 8"),
        ("{'a': 1}", "invalid_json", "double quotes"),
        ('{"a": Infinity}', "invalid_json", "Infinity"),
        ('{"a": {"b": 1, "b": 2}}', "invalid_json", "'b'"),
        ('{"a": "' + "x" * 30_000 + '"}', "invalid_json", "30009 characters"),
    ],
)
def test_the_error_says_what_was_found(text, reason, named):
    with pytest.raises(ReplyError) as caught:
        react.parse_input(text)
    assert caught.value.reason == reason
    assert named in caught.value.detail


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Action: f\nAction Input: {}", Action("", "f", "{}")),
        (
            'Thought: t\nAction: f\nAction Input:\n{\n  "a": 1\n}\nObservation: x',
            Action("t", "f", '{\n  "a": 1\n}'),
        ),
        ('Thought: t\r\nAction: f\r\nAction Input: {"a": 1} and that is it', Action("t", "f", '{"a": 1}')),
        ("Thought: t\nAction: f\nAction Input: {}\nThought: u\nFinal Answer: v", Action("t", "f", "{}")),
        (
            "Thought: t\nFinal Answer: v\nAction: f\nAction Input: {}",
            Answer("t", "v\nAction: f\nAction Input: {}"),
        ),
        ("I know.\nFinal Answer: two\nlines\nObservation: none", Answer("I know.", "two\nlines")),
        ('Action: f\nAction Input: ```json\n{"a": 1}\n```\nObservation: x', Action("", "f", '{"a": 1}')),
        ("Action: f\nAction Input: ```\nnone\n```", Action("", "f", "```\nnone\n```")),
        ("Final Answer:", Answer("", "")),
        ("<think>\nAction: g\nAction Input: 1\n</think>\n\nThought: t\nFinal Answer: v", Answer("t", "v")),
        ("Is it g?\nAction: g\n</think>Thought: t\nFinal Answer: v", Answer("t", "v")),
        ("Thought: t</think>\nFinal Answer: v", Answer("t</think>", "v")),
    ],
)
def test_what_counts_of_a_turn(text, expected):
    assert react.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("Observation: I made this up", "empty"),
        ("The weather is fine.", "no_action_or_answer"),
        ("<think>\nAction: g\nAction Input: {}\nand on without an end", "empty"),
        ("Thought: t\nAction: f", "no_action_input"),
        ("Thought: t\nAction:\nAction Input: {}", "no_function_name"),
        ("Thought: t\nAction: f\nor g\nAction Input: {}", "no_function_name"),
    ],
)
def test_what_cannot_be_read_is_named(text, reason):
    with pytest.raises(ReplyError) as caught:
        react.parse(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "piece",
    [
        "\n",
        " ",
        "\n ",
        "Action:",
        "\nAction:",
        "\nAction: f\nAction Input:",
        "{",
        '{"a":',
        "[",
        "\nThought: {",
    ],
)
def test_long_texts_are_read_without_backtracking(piece):
    """A quadratic scan of so much text would not come back within the test run."""
    text = piece * (300_000 // len(piece))
    for style in STYLES.values():
        react.inline(text, style)
        for candidate in (text, f"Action: f\nAction Input: {text}", f"Final Answer: {text}"):
            try:
                react.parse(candidate, style)
            except ReplyError as error:
                assert error.reason


def test_history_is_what_the_assistant_wrote_and_saw():
    steps = [
        Step("", "", "junk", "Error: the reply could not be read", "parse_error"),
        Step("t", "f", '{"a": 1}', "Status Code: 200. Response: 5", "", 200),
    ]
    assert react.turns(steps) == [
        {"role": "assistant", "content": "junk"},
        {"role": "user", "content": "Observation: Error: the reply could not be read"},
        {"role": "assistant", "content": 'Thought: t\nAction: f\nAction Input: {"a": 1}'},
        {"role": "user", "content": "Observation: Status Code: 200. Response: 5"},
    ]
