"""Planted faults: each kind of error is found, named, and put in the step where it happened."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolalpaca.evaluation.scoring.verdicts import ANSWER, score
from toolalpaca.schema import (
    Episode,
    ErrorType,
    Function,
    GoldStep,
    Outcome,
    Parameter,
    Scenario,
    Step,
    Task,
    Tool,
)


def parameter(name, kind="string", required=False, **schema):
    return Parameter(name, "query", required, {"type": kind, **schema})


FUNCTIONS = [
    Function(
        "searchTrains",
        "",
        "get",
        "/trains",
        [
            parameter("origin", required=True),
            parameter("destination", required=True),
            parameter("date"),
            parameter("travelClass", enum=["first", "second"]),
            parameter("limit", "integer"),
            parameter("page", "integer"),
        ],
    ),
    Function(
        "bookTrain",
        "",
        "post",
        "/bookings",
        [
            parameter("trainId", required=True),
            parameter("passengers", "array", items={"type": "string"}),
            parameter("comment"),
        ],
    ),
    Function("getStation", "", "get", "/stations", [parameter("stationName", required=True)]),
    Function("listStations", "", "get", "/stations", []),
    Function("listTrains", "", "get", "/trains", []),
    Function("getBooking", "", "get", "/bookings", [parameter("bookingId", "integer", required=True)]),
    Function("cancelBooking", "", "delete", "/bookings", [parameter("bookingId", required=True)]),
]
OK = "Status Code: 200. Response: {}"
TOOL = Tool("rail", "Rail", "", "", "", "", "", "{}", FUNCTIONS)
TASK = Task(
    "rail/0",
    "rail",
    "Find a train from Leeds to York on 3 May 2024 and book it for Ada Lovelace and Alan Turing.",
    [
        GoldStep(
            "searchTrains", '{"origin": "Leeds", "destination": "York", "date": "2024-05-03", "limit": 5}'
        ),
        GoldStep(
            "bookTrain",
            '{"trainId": ${trainId from searchTrains}, "passengers": ["Ada Lovelace", "Alan Turing"]}',
        ),
    ],
    facts=["BK-7741"],
)
SEARCH = {"origin": "Leeds", "destination": "York", "date": "2024-05-03"}
BOOK = {"trainId": "T9921", "passengers": ["Ada Lovelace", "Alan Turing"]}
TRAINS = {"trains": [{"trainId": "T9921", "departs": "08:15"}, {"trainId": "T9950", "departs": "09:15"}]}


def step(function, arguments, response=None, status=200, error=""):
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    said = f"Status Code: {status}. Response: {json.dumps(response)}" if status else response
    return Step("", function, text, said, error, status)


def good():
    return [step("searchTrains", SEARCH, TRAINS), step("bookTrain", BOOK, {"bookingId": "BK-7741"}, 201)]


def judge(steps, answer="Booked: BK-7741.", task=TASK, outcome=Outcome.ANSWERED, **changes):
    episode = Episode(task.task_id, "rail", task.instruction, "m", steps=steps, final_output=answer)
    episode.outcome = outcome
    for name, value in changes.items():
        setattr(episode, name, value)
    return score(task, episode, TOOL)


def found(verdict):
    return {(str(f.type), f.step) for f in verdict.findings}


def test_a_right_episode_has_no_findings():
    verdict = judge(good())
    assert verdict.findings == []
    assert (verdict.procedure, verdict.answer, verdict.overall, verdict.first_function) == (True,) * 4


@pytest.mark.parametrize(
    ("changes", "right"),
    [
        ({"origin": "leeds", "destination": "YORK"}, True),
        ({"date": "May 3rd, 2024"}, True),
        ({"date": "03/05/2024"}, True),
        ({"limit": "20"}, True),  # open: the instruction says nothing of it
        ({"travelClass": "first"}, True),  # an extra that is optional and plausible
        ({"page": 1}, True),
        ({"date": "2024-05-04"}, False),
        ({"date": None}, False),
        ({"origin": "London"}, False),
        ({"destination": "Yor"}, False),
        ({"date": "2024-05-30"}, False),
        ({"date": "2023-05-03"}, False),
        ({"destination": ""}, False),
        ({"origin": "York", "destination": "Leeds"}, False),
        ({"travelClass": "third"}, False),
        ({"limit": "some"}, False),
        ({"page": 7}, False),
    ],
)
def test_what_the_instruction_fixes_and_what_it_leaves_open(changes, right):
    arguments = {k: v for k, v in (SEARCH | changes).items() if v is not None}
    verdict = judge([step("searchTrains", arguments, TRAINS), good()[1]])
    assert verdict.procedure is right
    assert found(verdict) == (set() if right else {(ErrorType.INPUT_ERROR, 0)})
    if not right:
        assert next(iter(changes)) in verdict.findings[0].reason
        assert verdict.overall is False


def test_a_parameter_that_the_tool_does_not_have_counts_where_the_tool_refuses_it():
    ignored = judge([step("searchTrains", SEARCH | {"colour": "red"}, TRAINS), good()[1]])
    assert (found(ignored), ignored.procedure) == ({(ErrorType.INPUT_ERROR, 0)}, True)
    assert "no parameter 'colour'; the tool took no notice" in ignored.findings[0].reason
    refused = step("searchTrains", SEARCH | {"colour": "red"}, {"error": "unknown parameter colour"}, 400)
    assert judge([refused, good()[1]]).procedure is False


@pytest.mark.parametrize(
    "passengers",
    [["Alan Turing", "Ada Lovelace"], "Ada Lovelace, Alan Turing", ["ada lovelace", "alan  turing"]],
)
def test_lists_may_come_in_any_order_and_form(passengers):
    assert judge(
        [good()[0], step("bookTrain", BOOK | {"passengers": passengers}, {"bookingId": "BK-7741"})]
    ).procedure


@pytest.mark.parametrize(
    "passengers", [["Ada Lovelace"], ["Ada", "Alan"], ["Ada Lovelace", "Alan Turing", "Kurt Gödel"], []]
)
def test_lists_lack_nothing_and_hold_nothing_invented(passengers):
    verdict = judge(
        [good()[0], step("bookTrain", BOOK | {"passengers": passengers}, {"bookingId": "BK-7741"})]
    )
    assert found(verdict) == {(ErrorType.INPUT_ERROR, 1)}


def test_a_value_from_an_earlier_response():
    other = judge([good()[0], step("bookTrain", BOOK | {"trainId": "T9950"}, {"bookingId": "BK-7741"})])
    assert other.procedure
    made_up = judge([good()[0], step("bookTrain", BOOK | {"trainId": "T1111"}, {"bookingId": "BK-7741"})])
    assert found(made_up) == {(ErrorType.ILLUSORY_INPUT, 1)}
    assert "T1111" in made_up.findings[0].reason


def test_an_echo_of_an_invented_value_does_not_make_it_known():
    steps = [
        good()[0],
        step("bookTrain", BOOK | {"trainId": "T1"}, {"error": "there is no train T1"}, 404),
        step("bookTrain", BOOK | {"trainId": "T1"}, {"bookingId": "BK-7741"}),
    ]
    verdict = judge(steps)
    assert not verdict.procedure
    assert (ErrorType.ILLUSORY_INPUT, 2) in found(verdict)


def test_the_needed_value_must_come_before_its_use():
    verdict = judge(list(reversed(good())))
    assert found(verdict) == {(ErrorType.ILLUSORY_INPUT, 0)}
    assert verdict.first_function is False


def test_independent_steps_may_come_in_any_order():
    task = Task(
        "rail/1",
        "rail",
        "Show me the stations Leeds and York.",
        [
            GoldStep("getStation", '{"stationName": "Leeds"}'),
            GoldStep("getStation", '{"stationName": "York"}'),
        ],
    )
    steps = [step("getStation", {"stationName": name}, {"name": name}) for name in ("York", "Leeds")]
    assert judge(steps, task=task).procedure
    twice = judge(steps[:1] * 2, task=task)
    assert found(twice) == {(ErrorType.REDUNDANT_ACTION, 1), (ErrorType.WRONG_ACTION, ANSWER)}
    assert twice.findings[-1].reason == "ends without another needed call of getStation"
    assert judge([step("getStation", {"stationName": "Leeds, York"}, [])], task=task).procedure


def test_one_call_for_several_steps_holds_nothing_else():
    gold = [GoldStep("getStation", json.dumps({"stationName": name})) for name in ("Leeds", "York")]
    for names, right in (("York, Leeds", True), ("York, Leeds, Paris", False)):
        task = Task("rail/9", "rail", "Show me the stations Leeds and York, not Paris.", gold)
        assert judge([step("getStation", {"stationName": names}, [])], task=task).procedure is right, names
    alone = Task("rail/10", "rail", "Show me the station Leeds.", gold[:1])
    assert not judge([step("getStation", {"stationName": "Leeds, Paris"}, [])], task=alone).procedure


@pytest.mark.parametrize(
    ("instruction", "name", "gold", "given", "right"),
    [
        ("Find the rail pass of JohnEve233.", "query", "JohnEve233", "JohnEve233 pass", True),
        ("Find the rail pass of JohnEve233.", "query", "JohnEve233", "JohnEve", False),
        ("Find the rail pass of JohnEve233.", "query", "JohnEve233", "JohnEve234", False),
        ("Find news on the Flying Scotsman.", "query", "Flying Scotsman", "flying scotsman news", True),
        ("Find news on the Flying Scotsman.", "query", "Flying Scotsman", "Scotsman news", True),
        ("Find news on the Flying Scotsman.", "query", "Flying Scotsman", "Flying Scotsmen", False),
        ("Find holidays in the USA.", "country", "US", "USA", True),
        ("Find holidays in the USA.", "country", "US", "GB", False),
        ("Find holidays in Italy.", "country", "IT", "FR", False),
        ("What does silver cost?", "symbols", "SIL", "XAG", True),
        ("What does silver cost?", "symbols", "SIL", "SILVER", True),
        ("What does silver cost?", "symbols", "SIL", "GOLD", False),
        ("Say 'It is late, cold, and loud'.", "text", "It is late, cold, and loud", "late, cold", True),
        ("Say 'It is late, cold, and loud'.", "text", "It is late, cold, and loud", "loud", False),
    ],
)  # fmt: skip
def test_search_texts_codes_and_sentences(instruction, name, gold, given, right):
    tool = Tool("t", "T", "", "", "", "", "", "{}", [Function("ask", "", "get", "/", [parameter(name)])])
    task = Task("t/0", "t", instruction, [GoldStep("ask", json.dumps({name: gold}))])
    episode = Episode(
        "t/0", "t", instruction, "m", steps=[step("ask", {name: given}, {})], final_output="So."
    )
    assert score(task, episode, tool).procedure is right


def test_wrong_action_in_place_of_the_needed_one():
    verdict = judge([good()[0], step("cancelBooking", {"bookingId": "T9921"}, {})], answer="Done.")
    assert (ErrorType.WRONG_ACTION, 1) in found(verdict)
    assert "cancelBooking" in verdict.findings[0].reason
    unknown = judge([good()[0], step("buyTrain", BOOK, "Error: there is no function", 0, "unknown_function")])
    assert (ErrorType.WRONG_ACTION, 1) in found(unknown)
    assert unknown.procedure is False


def test_stopping_too_early_is_a_wrong_action_at_the_end():
    verdict = judge(good()[:1], answer="There are trains.")
    assert found(verdict) == {(ErrorType.WRONG_ACTION, ANSWER), (ErrorType.WRONG_ANSWER, ANSWER)}
    assert "bookTrain" in verdict.findings[0].reason


def test_redundant_calls():
    repeated = judge([*good(), good()[1]])
    assert found(repeated) == {(ErrorType.REDUNDANT_ACTION, 2)}
    assert repeated.procedure is False
    changing = judge([*good(), step("cancelBooking", {"bookingId": "BK-7741"}, {})])
    assert (found(changing), changing.procedure) == ({(ErrorType.REDUNDANT_ACTION, 2)}, False)
    failed = judge([*good(), step("getStation", {"stationName": "Paris"}, {}, 404)])
    assert (found(failed), failed.procedure) == ({(ErrorType.REDUNDANT_ACTION, 2)}, True)
    made_up = judge([step("getBooking", {"bookingId": 1}, {}), *good()])
    assert (found(made_up), made_up.procedure) == ({(ErrorType.REDUNDANT_ACTION, 0)}, False)
    tried = judge([*good(), step("cancelBooking", {"bookingId": "BK-7741"}, {}, 500)])
    assert (found(tried), tried.procedure) == ({(ErrorType.REDUNDANT_ACTION, 2)}, False)
    unrelated = judge([*good(), step("getStation", {"stationName": "Paris"}, {})])
    assert (found(unrelated), unrelated.procedure) == ({(ErrorType.REDUNDANT_ACTION, 2)}, False)
    looked_up_twice = judge([good()[0], *good()])
    assert (found(looked_up_twice), looked_up_twice.procedure) == ({(ErrorType.REDUNDANT_ACTION, 1)}, False)
    assert judge([*good(), step("listTrains", {}, [])]).procedure is True
    assert judge([*good(), step("listStations", {}, [])]).procedure is False
    harmless = judge([*good(), step("getStation", {"stationName": "York"}, {})])
    assert (found(harmless), harmless.procedure) == ({(ErrorType.REDUNDANT_ACTION, 2)}, True)


def test_a_lookup_whose_value_is_used_later_is_not_redundant():
    task = Task(
        "rail/2",
        "rail",
        "Cancel my booking for the train at 08:15.",
        [GoldStep("cancelBooking", '{"bookingId": "B-55"}')],
    )
    steps = [
        step("getStation", {"stationName": "08:15"}, {"bookings": ["B-55"]}),
        step("cancelBooking", {"bookingId": "B-55"}, {}),
    ]
    verdict = judge(steps, "Cancelled.", task)
    assert (verdict.findings, verdict.procedure) == ([], True)
    assert judge(steps[1:], "Cancelled.", task).findings[0].type == ErrorType.ILLUSORY_INPUT


def test_a_retry_after_an_error_mends_the_procedure():
    refused = step(
        "searchTrains", {"origin": "Leeds"}, "Error: destination is missing", 0, "invalid_arguments"
    )
    verdict = judge([refused, *good()])
    assert verdict.procedure
    assert found(verdict) == {(ErrorType.INPUT_ERROR, 0)}
    down = step("bookTrain", BOOK, {"error": "try again"}, 503)
    assert judge([good()[0], down, good()[1]]).findings == []
    twice = judge([good()[0], down, good()[1], good()[1]])
    assert (found(twice), twice.procedure) == ({(ErrorType.REDUNDANT_ACTION, 3)}, False)


@pytest.mark.parametrize("scenario", [Scenario.RATE_LIMIT, Scenario.SERVER_ERROR, Scenario.ORDINARY])
def test_giving_up_at_the_first_passing_failure(scenario):
    task = Task("rail/11", "rail", TASK.instruction, TASK.gold, TASK.facts, scenario)
    down = step("bookTrain", BOOK, {"error": "try again"}, 429 if scenario == Scenario.RATE_LIMIT else 503)
    gave_up = judge([good()[0], down], "The service is down.", task)
    # Where the task is to try again; elsewhere a tool that is down is not the assistant's fault.
    right = scenario == Scenario.ORDINARY
    assert gave_up.procedure is right
    if not right:
        assert (ErrorType.WRONG_ACTION, ANSWER) in found(gave_up) and gave_up.overall is False
    assert judge([good()[0], down, down], "The service is down.", task).procedure
    assert judge([good()[0], down, good()[1]], task=task).overall


def test_asking_the_user():
    task = Task(
        "rail/3",
        "rail",
        "Cancel my booking.",
        [
            GoldStep("getDetails", '{"Question": "Which booking?"}'),
            GoldStep("cancelBooking", '{"bookingId": ${bookingId from getDetails}}'),
        ],
    )
    ask = step("getDetails", {"Question": "What is its id?"}, "It is BK-1.", 0)
    cancel = step("cancelBooking", {"bookingId": "BK-1"}, {})
    assert judge([ask, cancel], "Done.", task).findings == []
    verdict = judge([cancel], "Done.", task)
    assert (ErrorType.ILLUSORY_INPUT, 0) in found(verdict)
    again = judge([ask, ask, cancel], "Done.", task)
    assert (found(again), again.procedure) == ({(ErrorType.REDUNDANT_ACTION, 1)}, True)
    # A question that the gold does not need is allowed.
    assert judge([step("getDetails", {"Question": "A window seat?"}, "Yes.", 0), *good()]).findings == []


def test_an_optional_step_may_be_left_out():
    task = Task(
        "rail/4",
        "rail",
        TASK.instruction,
        [*TASK.gold, GoldStep("[Optional]getStation", '{"stationName": "York"}')],
    )
    assert judge(good(), task=task).findings == []
    assert judge([*good(), step("getStation", {"stationName": "York"}, {})], task=task).findings == []


def test_text_that_cannot_be_read():
    bad = Step("", "", "I will book it.", "Error: expected 'Action:'", "parse_error")
    mended = judge([bad, *good()])
    assert (found(mended), mended.procedure) == ({(ErrorType.PARSE_ERROR, 0)}, True)
    lost = judge([bad] * 3, answer="", outcome=Outcome.PARSE_ERROR)
    assert {kind for kind, _ in found(lost)} == {ErrorType.PARSE_ERROR, ErrorType.WRONG_ANSWER}
    assert (lost.procedure, lost.overall, lost.first_function) == (False, False, False)
    no_json = judge([good()[0], step("bookTrain", "T9921", "Error: no JSON", 0, "invalid_json")])
    assert (ErrorType.PARSE_ERROR, 1) in found(no_json)


def test_nothing_at_all():
    verdict = judge([], answer="", outcome=Outcome.PARSE_ERROR, detail="empty: the reply is empty")
    assert {kind for kind, _ in found(verdict)} == {ErrorType.PARSE_ERROR, ErrorType.WRONG_ANSWER}


def test_the_answer():
    for answer in (
        "Your trip is booked.",
        "",
        "I'm unable to book it; BK-7741 failed.",
        "BK-7741 costs 81.25 pounds.",
    ):
        verdict = judge(good(), answer)
        assert (verdict.procedure, verdict.answer, verdict.overall) == (True, False, False), answer
        assert found(verdict) == {(ErrorType.WRONG_ANSWER, ANSWER)}
    assert judge(good(), "Booking bk 7741 is made for 3 May 2024.").overall


def test_the_words_of_a_short_fact_stand_together():
    task = Task("rail/12", "rail", TASK.instruction, TASK.gold, ["Ivory Clock"])
    steps = [
        good()[0],
        step("bookTrain", BOOK, {"seats": ["Ivory Clock", "Frozen Clock", "Ivory Hall"]}, 201),
    ]
    assert judge(steps, "You sit at the clock of ivory (Ivory Clock).", task).answer
    assert judge(steps, "You sit at the IVORY CLOCK.", task).answer
    assert judge(steps, "You sit at the Frozen Clock, or in the Ivory Hall.", task).answer is False


def test_what_cannot_be_scored_says_why():
    no_facts = Task("rail/5", "rail", TASK.instruction, TASK.gold)
    verdict = judge(good(), "Done.", no_facts)
    assert (verdict.procedure, verdict.answer, verdict.overall) == (True, None, None)
    assert "facts" in verdict.unscored
    down = judge([], "", outcome=Outcome.MODEL_FAILED, detail="the endpoint is gone")
    assert (down.procedure, down.overall, down.findings) == (None, None, [])
    assert "the endpoint is gone" in down.unscored
    broken = Task("rail/6", "rail", "?", [GoldStep("searchTrains", '{"origin" 1}')])
    assert "invalid_gold" in judge(good(), task=broken).unscored
    assert judge(good(), task=Task("rail/7", "rail", "?")).procedure is None


def test_no_suitable_tool_needs_no_call():
    task = Task("rail/8", "rail", "Write me a poem.", [], ["cannot"], Scenario.NO_SUITABLE_TOOL)
    refused = judge([], "I cannot do that with these functions.", task)
    assert (refused.procedure, refused.first_function) == (True, None)
    verdict = judge([step("getStation", {"stationName": "Paris"}, {})], "I cannot do that.", task)
    assert (verdict.procedure, found(verdict)) == (False, {(ErrorType.REDUNDANT_ACTION, 0)})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00\x1b[31m",
        "ответ",
        "<script>alert(1)</script>",
        "[" * 1000,
        '{"a":' * 1000,
        "x" * 100_000,
        '{"origin": ' * 50,
    ],
)
def test_garbage_never_raises(text):
    verdict = judge(
        [Step(text, text, text, text), Step("", "searchTrains", text, text, "invalid_json")], answer=text
    )
    assert verdict.procedure is False
    junk = step(
        "searchTrains", {"origin": text, "destination": [text, {"a": text}], "date": {text: text}}, text
    )
    assert judge([junk], answer=text).procedure is False


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([f.name for f in FUNCTIONS] + ["getDetails", "nothing"])
PARAMETERS = st.sampled_from(sorted({p.name for f in FUNCTIONS for p in f.parameters})) | st.text(max_size=5)
STEPS = st.builds(
    Step,
    st.text(max_size=5),
    NAMES,
    st.dictionaries(PARAMETERS, VALUES, max_size=4).map(json.dumps) | st.text(max_size=20),
    st.just("Status Code: 200. Response: ") | st.text(max_size=20),
    st.sampled_from(["", "invalid_arguments", "invalid_json", "unknown_function", "parse_error"]),
    st.sampled_from([0, 200, 404]),
)


@given(st.lists(STEPS, max_size=4), st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_episode_gets_one_verdict(steps, answer):
    verdict = judge(steps, answer)
    assert verdict.procedure is False  # nothing of this searches and books
    assert verdict.findings
    assert verdict == judge(steps, answer)


ASK_ME = Tool(
    "ask",
    "Ask",
    "",
    "",
    "",
    "",
    "",
    "{}",
    [
        Function(
            "getAnswer",
            "",
            "get",
            "/answer",
            [
                parameter("apiKey", required=True),
                Parameter("i", "query", True, {"type": "string"}, "The input of your query."),
                Parameter("offset", "query", False, {"type": "integer"}, "Offset from UTC in hours."),
                Parameter("kind", "query", False, {"type": "integer"}, "1 -> Numbers; 2 -> Maps only."),
            ],
        )
    ],
)


@pytest.mark.parametrize(
    ("instruction", "gold", "given", "right"),
    [
        (
            "Find out what the cube root of 343 is.",
            "the cube root of 343",
            "What is the cube root of 343?",
            True,
        ),
        ("Find out what the cube root of 343 is.", "the cube root of 343", "cbrt 343", True),
        ("Find out what the cube root of 343 is.", "the cube root of 343", "cube%20root%20of%20343", True),
        ("Find out what the cube root of 343 is.", "the cube root of 343", "cube root of 512", False),
        ("How many legs does a crab have?", "how many legs a crab has", "number of legs of a crab", True),
        (
            "How many legs does a crab have?",
            "how many legs a crab has",
            "How many arms does a squid have?",
            False,
        ),
        ("Turn 7 yards into metres.", "convert 7 yards to metres", "7 yards to metres", True),
        ("Turn 7 yards into metres.", "convert 7 yards to metres", "8 yards to metres", False),
        ("When did Ada Lovelace die?", "when Ada Lovelace died", "Ada Lovelace date of death", True),
        ("When did Ada Lovelace die?", "when Ada Lovelace died", "Alan Turing date of death", False),
        ("What is the area of Peru?", "the area of Peru", "population of Peru", False),
    ],
)
def test_questions_in_other_words(instruction, gold, given, right):
    wanted = GoldStep("getAnswer", json.dumps({"apiKey": "REDACTED", "i": gold}))
    task = Task("ask/0", "ask", instruction, [wanted])
    arguments = {"apiKey": "k", "i": given}
    steps = [Step("", "getAnswer", json.dumps(arguments), OK)]
    assert (
        score(
            task, Episode("ask/0", "ask", instruction, "m", steps=steps, final_output="x"), ASK_ME
        ).procedure
        is right
    )


def test_what_documentation_says_of_a_parameter():
    """An offset from UTC skips no results, a number that stands for a word of the instruction is fixed, and a
    credential that the gold withholds is not made up in any call."""
    instruction = "Tell me the numbers of Rome and Oslo; only the numbers."
    gold = [GoldStep("getAnswer", '{"apiKey": "***", "i": "Rome", "kind": 1}')]
    task = Task("ask/0", "ask", instruction, gold)

    def right(*calls):
        steps = [Step("", "getAnswer", json.dumps({"apiKey": "k7"} | call), OK) for call in calls]
        episode = Episode("ask/0", "ask", instruction, "m", steps=steps, final_output="x")
        return score(task, episode, ASK_ME).procedure

    assert right({"i": "Rome", "kind": 1, "offset": 2})
    assert not right({"i": "Rome", "kind": 2}) and not right({"i": "Rome"})
    assert right({"i": "Rome", "kind": 1}, {"i": "Oslo", "kind": 1})


def test_a_call_of_which_no_response_is_kept_was_not_refused():
    steps = [step("searchTrains", SEARCH, ""), good()[1]]
    assert not any(f.step == 0 for f in judge(steps).findings)


def test_a_name_that_its_own_search_returns_was_read():
    """The tool's id says the same as the name that the instruction gave and the search used."""
    task = Task(
        "rail/2",
        "rail",
        "Tell me all about the train Night Star.",
        [
            GoldStep("getStation", '{"stationName": "Night Star"}'),
            GoldStep("getBookingNote", '{"noteId": ${noteId from getStation}}'),
        ],
    )
    note = Function("getBookingNote", "", "get", "/notes", [parameter("noteId", required=True)])
    tool = Tool("rail", "Rail", "", "", "", "", "", "{}", [*FUNCTIONS, note])

    def right(answer, note_id):
        steps = [
            step("getStation", {"stationName": "Night Star"}, answer),
            step("getBookingNote", {"noteId": note_id}, {"text": "It has beds."}),
        ]
        episode = Episode("rail/2", "rail", task.instruction, "m", steps=steps, final_output="It has beds.")
        return score(task, episode, tool).procedure

    assert right({"noteId": "night-star"}, "night-star")
    assert not right({"noteId": 77}, "night-star")


def test_what_the_user_says_when_asked_outranks_the_instruction():
    asked = step("getDetails", {"Question": "Which names stand in the passports?"}, "A. King and A. Turing.")
    told = BOOK | {"passengers": ["A. King", "A. Turing"]}
    booked = {"bookingId": "BK-7741"}
    assert judge([good()[0], asked, step("bookTrain", told, booked)]).procedure
    assert not judge([good()[0], step("bookTrain", told, booked)]).procedure
    made_up = told | {"trainId": "T1111"}
    assert not judge([good()[0], asked, step("bookTrain", made_up, booked)]).procedure


def test_a_refusal_of_the_golds_own_values_is_no_fault():
    """`travelClass` may be first or second, and the task's gold asks for a third."""
    gold = '{"origin": "Leeds", "destination": "York", "travelClass": "third"}'
    task = Task(
        "rail/3", "rail", "Find third class trains from Leeds to York.", [GoldStep("searchTrains", gold)]
    )
    refusal = 'Parameter type error: "travelClass", expected one of first, second'

    def right(arguments):
        call = Step("", "searchTrains", json.dumps(arguments), refusal, error="invalid_parameter")
        return judge([call], task=task).procedure

    assert right(json.loads(gold))
    assert not right(json.loads(gold) | {"travelClass": "3rd"})
    assert not right({"destination": "York", "travelClass": "third"})


def test_a_code_from_memory_is_not_the_golds():
    """The instruction names the thing, the gold its code: that code, or one that was looked up."""
    booking = Function("track", "", "get", "/", [parameter("tracking_code", required=True)])
    tool = Tool("t", "T", "", "", "", "", "", "{}", [booking])
    task = Task("t/0", "t", "Track Ann's parcel.", [GoldStep("track", '{"tracking_code": "QXZV"}')])

    def right(code, *before):
        steps = [*before, step("track", {"tracking_code": code}, {})]
        return score(
            task, Episode("t/0", "t", task.instruction, "m", steps=steps, final_output="."), tool
        ).procedure

    assert right("qxzv")
    assert not right("ANN") and not right("parcel")
    assert right("ANN", step("getDetails", {"Question": "Which code?"}, "It is ANN."))


def test_objects_say_the_same_under_other_fields():
    grant = Function("grant", "", "post", "/", [parameter("rights", "array")])
    tool = Tool("t", "T", "", "", "", "", "", "{}", [grant])
    gold = GoldStep("grant", '{"rights": [{"id": "read_files", "name": "${name}"}, {"id": "copy_files"}]}')
    task = Task("t/0", "t", "Grant the rights to read and copy files.", [gold])

    def right(*rights):
        steps = [step("grant", {"rights": list(rights)}, {})]
        return score(
            task, Episode("t/0", "t", task.instruction, "m", steps=steps, final_output="."), tool
        ).procedure

    assert right("read", "copy") and right({"name": "read"}, {"name": "copy"})
    assert not right({"name": "read"}) and not right({"name": "read"}, {"name": "erase"})


def test_what_the_user_leaves_open_when_asked_is_the_assistants_choice():
    task = Task(
        "rail/4",
        "rail",
        "Find a train from Leeds to York in the class that I like and see to my booking.",
        [
            GoldStep("getDetails", '{"Question": "Which class, and which booking?"}'),
            GoldStep(
                "searchTrains",
                '{"origin": "Leeds", "destination": "York", "travelClass": ${class from getDetails}}',
            ),
            GoldStep("getBooking", '{"bookingId": ${bookingId from getDetails}}'),
        ],
    )
    asked = step("getDetails", {"Question": "Class? Booking?"}, "Whatever is comfortable; booking 88.", 0)
    search = step("searchTrains", {"origin": "Leeds", "destination": "York", "travelClass": "first"}, TRAINS)
    assert judge([asked, search, step("getBooking", {"bookingId": 88}, {})], task=task).procedure
    assert not judge([search, asked, step("getBooking", {"bookingId": 88}, {})], task=task).procedure
    assert not judge([asked, search, step("getBooking", {"bookingId": 89}, {})], task=task).procedure


def test_a_reason_says_why_in_few_words():
    long = "x" * 50_000
    unknown = judge([good()[0], step(long, BOOK, "Error: there is no function", 0, "unknown_function")])
    why = f"Error: the action input {long} is no JSON: expected a comma"
    unread = judge([good()[0], step("bookTrain", long, why, 0, "invalid_json")])
    for verdict in (unknown, unread):
        assert verdict.findings and all(len(finding.reason) <= 500 for finding in verdict.findings)
    assert any(f.reason.endswith("is no JSON: expected a comma") for f in unread.findings)
