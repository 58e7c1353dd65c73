"""Replies as models write them: decorations are read, what is ambiguous is refused, nothing is guessed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolalpaca.models import react
from toolalpaca.models.react import STYLES, Action, Answer
from toolalpaca.models.replies import MAX_DECORATED, Reply, object_text, read_reply
from toolalpaca.schema import ReplyError

CALL = Action("", "getBoats", '{"pier": 3}')


@pytest.mark.parametrize(
    "text",
    [
        '**Action:** getBoats\n**Action Input:** {"pier": 3}',
        '**Action**: getBoats\n**Action Input**: {"pier": 3}',
        'Action: `getBoats`\nAction Input: `{"pier": 3}`',
        'Action: getBoats()\nAction Input: {"pier": 3}',
        'Action: "getBoats"\nAction Input: {"pier": 3}',
        'Action 1: getBoats\nAction Input 1: {"pier": 3}',
        '### Action\ngetBoats\n### Action Input\n```json\n{"pier": 3}\n```',
        '### Action:\ngetBoats\n### Action Input:\n{"pier": 3}',
        'action: getBoats\naction input: {"pier": 3}',
        'Action: getBoats\nAction input: {"pier": 3}',
        'Action\uff1agetBoats\nAction Input\uff1a{"pier": 3}',
        '- Action: getBoats\n- Action Input: {"pier": 3}',
        '1. Action: getBoats\n2. Action Input: {"pier": 3}',
        'Action: getBoats Action Input: {"pier": 3}',
        'Action: getBoats({"pier": 3})',
        'Action: getBoats\n{"pier": 3}',
        'Action: getBoats\n```json\n{"pier": 3}\n```',
        'Action: getBoats\nAction Input: {"pier": 3,}',
        "Action: getBoats\nAction Input: {'pier': 3}",
        "**Action:** getBoats\n\n**Action Input:**\n{\n  'pier': 3,\n}\n\n**Observation:** Three boats.",
        '**Action:** getBoats\n**Action Input:** {"pier": 3}\nFinal Answer: made up too early',
    ],
)
def test_decorations_are_read(text):
    assert read_reply(text) == Reply(CALL, decorated=True)
    try:
        strict = read_reply(text, strict=True).step
        assert strict != CALL
    except ReplyError as error:
        assert error.reason in {"no_action_or_answer", "no_action_input"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**Final Answer:** Pier **3** is free.", "Pier **3** is free."),
        ("**Final Answer: Pier 3 is free.**", "Pier 3 is free."),
        ("final answer: Pier 3 is free.", "Pier 3 is free."),
        ("Final Answer: Pier 3 is free.\nAction: None", "Pier 3 is free."),
        ("Final Answer: Pier 3 is free.\n\n**Action:** N/A\n**Action Input:** None", "Pier 3 is free."),
        ("Thought: I know it.\nAction: None\nFinal Answer: Pier 3 is free.", "Pier 3 is free."),
    ],
)
def test_decorated_answers_are_read(text, expected):
    reply = read_reply(text)
    assert isinstance(reply.step, Answer) and reply.decorated
    assert reply.step.text == expected


def test_an_action_that_says_something_stays_in_the_answer():
    text = "Final Answer: Free.\nAction: call the harbour master today"
    assert read_reply(text).step.text == "Free.\nAction: call the harbour master today"


def test_python_and_json_words_become_json():
    text = """{'open': True, "note": 'it\\'s "new", True', 'to': None, 'all': [1, 2,],}"""
    assert object_text(text) == '{"open": true, "note": "it\'s \\"new\\", True", "to": null, "all": [1, 2]}'
    assert object_text("\u201c{}\u201d") is None
    assert object_text("{\u201cpier\u201d: 3}") == '{"pier": 3}'
    assert object_text('{"note": "True, }"}') == '{"note": "True, }"}'


def test_a_call_without_input_takes_nothing():
    assert read_reply("Thought: t\nAction: listPiers").step == Action("t", "listPiers", "")
    assert read_reply("Action: listPiers\nAction Input: None").step == Action("", "listPiers", "{}")


def test_what_was_said_beside_a_call_is_kept():
    text = '**Thought:** Look.\n**Action:** getBoats\n(All boats of the pier.)\n**Action Input:** {"pier": 3}'
    step = read_reply(text).step
    assert (step.function, step.input) == ("getBoats", '{"pier": 3}')
    assert step.thought == "Look.\n(All boats of the pier.)"


@pytest.mark.parametrize(
    "text",
    [
        "Action: getBoats\nor listPiers\nAction Input: {}",
        "**Action:**\n**Action Input:** {}",
        "The boats are at pier 3.",
        "Action: getBoats\nI wonder what it takes",
    ],
)
def test_what_is_ambiguous_is_refused(text):
    with pytest.raises(ReplyError):
        read_reply(text)


@pytest.mark.parametrize(
    ("text", "function", "given"),
    [
        ("Action: getBoats or listPiers\nAction Input: {}", "getBoats or listPiers", "{}"),
        ("Action: getBoats(pier=3)\nAction Input: {}", "getBoats(pier=3)", "{}"),
        ('Action: getBoats({"pier": 1})\nAction Input: {"pier": 2}', 'getBoats({"pier": 1})', '{"pier": 2}'),
        ("Action: getBoats\nAction Input: {pier: 3}", "getBoats", "{pier: 3}"),
        ("Action: getBoats\nAction Input: {'pier': 3, 'pier': 4}", "getBoats", "{'pier': 3, 'pier': 4}"),
        ('Action: getBoats\nAction Input: {"pier": 3', "getBoats", '{"pier": 3'),
    ],
)
def test_what_cannot_be_told_stays_for_the_environment_to_refuse(text, function, given):
    assert read_reply(text) == Reply(Action("", function, given))


def test_a_refusal_names_the_line_that_stood_in_the_way():
    with pytest.raises(ReplyError) as caught:
        read_reply("So:\n<Action> getBoats </Action>")
    assert "'<Action> getBoats </Action>'" in caught.value.detail


def test_declining_without_a_label_is_told_apart():
    for text in ("Thought: I'm sorry, none of the functions can row a boat.", "No suitable tool is here."):
        with pytest.raises(ReplyError) as caught:
            read_reply(text)
        assert caught.value.reason == "refusal_without_label"
    with pytest.raises(ReplyError) as caught:
        read_reply('Sorry: {"pier": 3}')
    assert caught.value.reason == "no_action_or_answer"


TEXTS = st.text(alphabet="ab *`#:\n'\"{}()Action InputFinal", max_size=60)


@settings(max_examples=200)
@given(TEXTS, st.sampled_from(list(STYLES.values())))
def test_the_canonical_form_is_read_as_it_stands(text, style):
    thought = react.inline(text, style)
    if "ction" in thought or "nput" in thought:
        return
    assert read_reply(react.render_action(thought, "getBoats", '{"pier": 3}', style), style) == Reply(
        Action(thought, "getBoats", '{"pier": 3}')
    )


@settings(max_examples=200)
@given(TEXTS)
def test_any_reply_is_a_step_or_a_named_error(text):
    try:
        reply = read_reply(text)
    except ReplyError as error:
        assert error.reason and error.detail
        return
    if isinstance(reply.step, Action):
        assert "\n" not in reply.step.function


@pytest.mark.parametrize(
    "piece", ["*", "\n", "- ", "**Action:**\n", "(", "'", "Action: f ", "Action: f\nAction Input:"]
)
def test_long_replies_are_read_in_time(piece):
    text = piece * (MAX_DECORATED // len(piece))
    for candidate in (text, f"**Action:** f\n**Action Input:** {text}", f"Final Answer: x{text}"):
        try:
            read_reply(candidate[:MAX_DECORATED])
        except ReplyError as error:
            assert error.reason
