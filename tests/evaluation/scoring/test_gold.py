"""The grammar of gold inputs, with the slips that the published sets hold."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolalpaca.evaluation.scoring.gold import (
    NotGiven,
    Open,
    Ref,
    is_open,
    parse_gold_input,
    parse_step,
    parse_steps,
)
from toolalpaca.evaluation.scoring.goldcheck import problems
from toolalpaca.schema import Function, GoldStep, Parameter, ReplyError, Task, Tool

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "toolalpaca"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("{}", {}),
        ('{"a": 1, "b": [true, null, 2.5]}', {"a": 1, "b": [True, None, 2.5]}),
        ('{"id": ${id from search}}', {"id": Ref("id", "search")}),
        (
            '{"id":  ${film id name from find_films} , "n": 2}',
            {"id": Ref("film id name", "find_films"), "n": 2},
        ),
        ('{"id": "${id from search}"}', {"id": Ref("id", "search")}),
        ('{"day": ${start day}}', {"day": Open("start day")}),
        ('{"day": "{start day}"}', {"day": Open("start day")}),
        ('{"sex": ""}', {"sex": NotGiven()}),
        ('{"key": "***", "other": "REDACTED"}', {"key": NotGiven(True), "other": NotGiven(True)}),
        ('{"users": [${some user}], "n": 1}', {"users": [Open("some user")], "n": 1}),
        ('{"o": {"k": "${text}"}}', {"o": {"k": Open("text")}}),
        # a brace forgotten, a quotation mark left over, a name written twice, a comma too many
        ('{"a": ${a from f, "b": ${b from f}}', {"a": Ref("a", "f"), "b": Ref("b", "f")}),
        ('{"a": ${month}", "b": 1}', {"a": Open("month"), "b": 1}),
        ('{"a": ${a from f', {"a": Ref("a", "f")}),
        ('{"a": "a": ["x", "y"]}', {"a": ["x", "y"]}),
        ('{"a": 1,}', {"a": 1}),
        ('{"a": [1, 2], "b": {"c": 3}', {"a": [1, 2], "b": {"c": 3}}),
        ('{"text": "in ${city} now"}', {"text": Open("in ${city} now")}),
        ('{"a": True, "b": None}', {"a": True, "b": None}),
    ],
)
def test_inputs_are_parsed(text, expected):
    assert parse_gold_input(text) == expected


@pytest.mark.parametrize(
    "text", ["[1]", "3", '{"a" 1}', "{a: 1}", '{"a": 1} and more', '{"a": "x', "[" * 5000]
)
def test_what_is_no_gold_input_is_refused(text):
    with pytest.raises(ReplyError) as error:
        parse_gold_input(text)
    assert error.value.reason == "invalid_gold"


def test_optional_steps_and_distinct_parameters():
    step = parse_step(GoldStep("[Optional]update", '{"a": 1}'))
    assert (step.function, step.optional) == ("update", True)
    assert parse_step(GoldStep("update", "{}", optional=True)).optional
    steps = parse_steps([GoldStep("f", '{"size": "s", "n": 1}'), GoldStep("f", '{"size": "l", "n": 1}')])
    assert [s.distinct for s in steps] == [{"size"}, {"size"}]
    assert is_open([Open("x")])
    assert not is_open(["a", Open("x")])


@pytest.mark.parametrize("name", ["eval_simulated.json", "eval_real.json"])
def test_every_published_gold_input_is_parsed(name):
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is not here")
    for api in json.loads((DATA / name).read_text(encoding="utf-8")):
        for steps in api["Golden_Answers"]:
            for step in steps:
                text = step["Action_Input"]
                parsed = parse_step(GoldStep(step["Action"], text))
                assert "[" not in parsed.function
                try:
                    plain = json.loads(text)
                except ValueError:
                    continue
                assert parsed.arguments.keys() == plain.keys()


def test_gold_that_does_not_fit_its_tool_is_listed():
    functions = [
        Function(
            "find",
            "",
            "get",
            "/",
            [
                Parameter("kind", "query", True, {"type": "string", "enum": ["a", "b"]}),
                Parameter("n", "query", False, {"type": "integer"}),
            ],
        )
    ]
    tool = Tool("t", "T", "", "", "", "", "", "{}", functions)

    def check(*steps):
        return problems(Task("t/0", "t", "", [GoldStep(*step) for step in steps]), tool)

    assert check(("find", '{"kind": "a", "n": "3"}'), ("getDetails", '{"Question": "?"}')) == []
    assert check(("find", '{"kind": "REDACTED"}')) == []  # given, and withheld by the publisher
    assert check(("find", '{"kind": ${kind from getDetails}}'))[0].endswith("which no earlier step calls")
    for step, expected in [
        (("lose", "{}"), "no such function"),
        (("find", '{"kind": "c"}'), "one of ['a', 'b']"),
        (("find", '{"kind": "a", "n": "many"}'), "type integer"),
        (("find", '{"n": 1}'), "'kind' is missing"),
        (("find", '{"kind": "a", "m": 1}'), "no parameter 'm'"),
        (("find", '{"kind" "a"}'), "expected ':'"),
    ]:
        (problem,) = check(step)
        assert expected in problem
        assert problem.startswith("t/0, gold step 1")


TEXTS = st.text(min_size=1).filter(lambda t: "{" not in t and t.strip("* ") and t.lower() != "redacted")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), VALUES))
@settings(max_examples=100, deadline=None)
def test_json_without_placeholders_means_what_it_says(arguments):
    assert parse_gold_input(json.dumps(arguments)) == arguments
    assert parse_gold_input(json.dumps(arguments, ensure_ascii=False)) == arguments


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_any_text_is_parsed_or_refused(text):
    for candidate in (text, '{"a": ' + text, '{"a": ${' + text):
        try:
            assert isinstance(parse_gold_input(candidate), dict)
        except ReplyError as error:
            assert error.reason == "invalid_gold"
