"""Kinds of disagreement between rules and judges, each with a right and a wrong episode side by side."""

from __future__ import annotations

import json

import pytest

from toolalpaca.evaluation.scoring.kinds import is_credential
from toolalpaca.evaluation.scoring.verdicts import score
from toolalpaca.schema import Episode, ErrorType, Function, GoldStep, Parameter, Step, Task, Tool


def parameter(name, kind="string", required=False, description="", **schema):
    return Parameter(name, "query", required, {"type": kind, **schema}, description)


def tool_of(*functions, openapi="{}"):
    return Tool("t", "T", "", "", "", "", "", openapi, list(functions))


def get(name, *parameters, method="get"):
    return Function(name, "", method, "/" + name, list(parameters))


def step(function, arguments, response=None, status=200):
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    said = f"Status Code: {status}. Response: {json.dumps(response)}" if status else response
    return Step("", function, text, said, "", status)


def verdict(instruction, gold, steps, tool, answer="Done."):
    task = Task("t/0", "t", instruction, [GoldStep(f, i) for f, i in gold])
    return score(task, Episode("t/0", "t", instruction, "m", steps=steps, final_output=answer), tool)


def found(given):
    return {(str(f.type), f.step) for f in given.findings if f.type != ErrorType.WRONG_ANSWER}


RATES = get(
    "getRates",
    parameter("access_key", required=True, description="Your API key."),
    parameter("base", required=True),
    parameter("symbols"),
)
RATE_TASK = "What is one euro in Czech crowns today?"
RATE_GOLD = [("getRates", '{"access_key": "9f8e7d6c5b", "base": "EUR", "symbols": "CZK"}')]


@pytest.mark.parametrize(
    "key", [{"access_key": "9f8e7d6c5b"}, {"access_key": "my_key"}, {"access_key": "***"}, {}]
)
def test_a_credential_is_the_environments(key):
    right = verdict(
        RATE_TASK, RATE_GOLD, [step("getRates", key | {"base": "EUR", "symbols": "CZK"}, {})], tool_of(RATES)
    )
    assert (right.procedure, found(right)) == (True, set())
    wrong = verdict(
        RATE_TASK, RATE_GOLD, [step("getRates", key | {"base": "USD", "symbols": "CZK"}, {})], tool_of(RATES)
    )
    assert (wrong.procedure, found(wrong)) == (False, {(ErrorType.INPUT_ERROR, 0)})


def test_a_credential_that_only_the_security_scheme_names():
    schemes = {"k": {"type": "apiKey", "in": "query", "name": "code"}}
    openapi = json.dumps({"components": {"securitySchemes": schemes}})
    bare = get("getRates", parameter("base", required=True))
    steps = [step("getRates", {"base": "EUR", "code": "abc-123"}, {})]
    gold = [("getRates", '{"base": "EUR"}')]
    assert found(verdict(RATE_TASK, gold, steps, tool_of(bare, openapi=openapi))) == set()
    assert found(verdict(RATE_TASK, gold, steps, tool_of(bare))) == {(ErrorType.INPUT_ERROR, 0)}


def test_the_users_own_token_is_compared():
    tool = tool_of(get("getProfile", parameter("accessToken", required=True)))
    ask = 'Show my profile; my access token is "tok-881".'
    gold = [("getProfile", '{"accessToken": "tok-881"}')]
    assert verdict(ask, gold, [step("getProfile", {"accessToken": "tok-881"}, {})], tool).procedure is True
    assert verdict(ask, gold, [step("getProfile", {"accessToken": "tok-188"}, {})], tool).procedure is False


def test_an_input_is_read_where_the_tool_took_it():
    slip = '{"access_key": "x", "base": "EUR", "symbols": "symbols": "CZK"}'
    gold = [("getRates", slip)]
    well = step("getRates", {"base": "EUR", "symbols": "CZK"}, {})
    assert verdict(RATE_TASK, gold, [well], tool_of(RATES)).procedure is True
    assert verdict(RATE_TASK, gold, [step("getRates", slip, {"CZK": 25})], tool_of(RATES)).procedure is True
    refused = verdict(
        RATE_TASK, gold, [step("getRates", slip, "Invalid JSON format.", status=0)], tool_of(RATES)
    )
    assert (refused.procedure, found(refused)) == (False, {(ErrorType.PARSE_ERROR, 0)})


SHOP = tool_of(
    get("reportSeller", parameter("sellerId", required=True), parameter("reason"), method="post"),
    get("getSeller", parameter("sellerId", required=True)),
    get("listComplaints", parameter("sellerId", required=True)),
    get("searchProducts", parameter("query", required=True)),
)
REPORT = (
    "Report the seller S-4410 for fraud.",
    [("reportSeller", '{"sellerId": "S-4410", "reason": "fraud"}')],
)
REPORTED = step("reportSeller", {"sellerId": "S-4410", "reason": "fraud"}, {"ok": True})
LOOK = step("getSeller", {"sellerId": "S-4410"}, {"name": "Moss"})
SECOND = step("listComplaints", {"sellerId": "S-4410"}, [])
ELSEWHERE = step("searchProducts", {"query": "S-4410"}, [])


@pytest.mark.parametrize(
    ("steps", "right", "where"),
    [
        ([LOOK, REPORTED], True, {0}),  # one look at the task's own subject
        ([REPORTED, LOOK], True, {1}),
        ([LOOK, SECOND, REPORTED], False, {0, 1}),  # a second function is one too many
        ([ELSEWHERE, REPORTED], False, {0}),  # a seller's id is no search for products
        ([REPORTED, REPORTED], False, {1}),  # it had worked
    ],
)
def test_one_look_does_no_harm(steps, right, where):
    given = verdict(*REPORT, steps, SHOP)
    assert given.procedure is right
    assert found(given) == {(ErrorType.REDUNDANT_ACTION, n) for n in where}


def test_a_retry_is_right_and_the_same_failing_call_over_and_over_is_not():
    failing = step("reportSeller", {"sellerId": "S-4410", "reason": "fraud"}, {"error": "busy"}, 503)
    assert found(verdict(*REPORT, [failing, failing, REPORTED], SHOP)) == set()
    stubborn = verdict(*REPORT, [*[failing] * 5, REPORTED], SHOP)
    assert (stubborn.procedure, found(stubborn)) == (False, {(ErrorType.REDUNDANT_ACTION, 4)})
    assert "failed more than 3 times" in stubborn.findings[0].reason


def test_a_result_made_up_where_no_call_succeeded():
    failing = step("reportSeller", {"sellerId": "S-4410", "reason": "fraud"}, {"error": "busy"}, 503)
    honest = verdict(*REPORT, [failing], SHOP, "The report could not be sent, the service was busy.")
    assert honest.procedure is True
    liar = verdict(*REPORT, [failing], SHOP, "Reported! See https://shop.example/reports/77120.")
    assert (liar.procedure, found(liar)) == (False, {(ErrorType.WRONG_ACTION, -1)})


HOLIDAYS = tool_of(
    get(
        "searchHolidays",
        parameter("keyword", required=True),
        parameter("country"),
        parameter("language", description="Language of the texts. Defaults to English."),
        parameter("startDate"),
        parameter("endDate"),
    )
)


def test_a_call_may_not_answer_what_the_user_asks():
    gold = [("searchHolidays", '{"keyword": "Nowruz"}')]
    ask = "Find the holiday Nowruz and tell me which country it is from."
    plain = verdict(ask, gold, [step("searchHolidays", {"keyword": "Nowruz"}, [])], HOLIDAYS)
    assert plain.procedure is True
    other = step("searchHolidays", {"keyword": "Nowruz", "language": "English"}, [])
    assert verdict(ask, gold, [other], HOLIDAYS).procedure is True
    guessed = step("searchHolidays", {"keyword": "Nowruz", "country": "Uzbekistan"}, [])
    assert found(verdict(ask, gold, [guessed], HOLIDAYS)) == {(ErrorType.ILLUSORY_INPUT, 0)}


@pytest.mark.parametrize(
    ("start", "right"), [("2023-03-01", True), ("2023-06-01", True), ("2024-02-01", False)]
)
def test_a_span_that_the_instruction_names(start, right):
    ask = "Which holidays called Nowruz were there in the last year?"
    gold = [("searchHolidays", '{"keyword": "Nowruz", "startDate": ${start}, "endDate": ${end}}')]
    call = step("searchHolidays", {"keyword": "Nowruz", "startDate": start, "endDate": "2024-03-01"}, [])
    assert verdict(ask, gold, [call], HOLIDAYS).procedure is right


def test_a_default_may_be_left_out():
    ask = "Find Nowruz, in English."
    gold = [("searchHolidays", '{"keyword": "Nowruz", "language": "English"}')]
    assert verdict(ask, gold, [step("searchHolidays", {"keyword": "Nowruz"}, [])], HOLIDAYS).procedure is True
    gold = [("searchHolidays", '{"keyword": "Nowruz", "language": "Persian"}')]
    ask = "Find Nowruz, in Persian."
    assert (
        verdict(ask, gold, [step("searchHolidays", {"keyword": "Nowruz"}, [])], HOLIDAYS).procedure is False
    )


def test_conditions_of_a_gold_value_that_the_tool_has_no_parameter_for():
    films = tool_of(get("findFilms", parameter("query"), parameter("filters", "object")))
    ask = "Find Western films from 1968 rated at least 8."
    gold = [("findFilms", '{"where": "genre = \'Western\' AND year = 1968 AND rating >= 8"}')]
    right = step("findFilms", {"query": "western", "filters": {"year": 1968, "minRating": 8}}, [])
    assert verdict(ask, gold, [right], films).procedure is True
    written = step("findFilms", {"query": "genre = Western AND year = 1968 AND rating >= 8"}, [])
    assert verdict(ask, gold, [written], films).procedure is True
    text = step("findFilms", {"query": "western films 1968 8 stars"}, [])
    assert verdict(ask, gold, [text], films).procedure is False


AIRPORT = tool_of(get("getAirport", parameter("apt", required=True, description="FAA or ICAO identifier.")))


@pytest.mark.parametrize(
    ("gold", "given", "right"),
    [("AVL", "KAVL", True), ("KAVL", "AVL", True), ("AVL", "KALV", False), ("AVL", "XAVL", False)],
)
def test_an_airports_code_with_and_without_its_prefix(gold, given, right):
    ask = f"Give me the runways of the airport {gold}."
    steps = [step("getAirport", {"apt": given}, {})]
    assert verdict(ask, [("getAirport", f'{{"apt": "{gold}"}}')], steps, AIRPORT).procedure is right


@pytest.mark.parametrize(
    ("users", "right"),
    [
        (["board", "me"], True),  # another order
        (["Ines Roth", "board"], True),  # the user's name
        (["me"], False),
        (["Ines Roth", "Tom Hall", "board"], False),
        (["me", "staff"], False),
    ],
)
def test_me_is_whoever_asks(users, right):
    share = tool_of(
        get("shareFile", parameter("users", "array", True, items={"type": "string"}), method="post")
    )
    gold = [("shareFile", '{"users": ["me", "board"]}')]
    given = verdict(
        "Share the file with me and the board.", gold, [step("shareFile", {"users": users}, {})], share
    )
    assert given.procedure is right


def test_every_verdict_tells_its_reason():
    gold = [("searchHolidays", '{"keyword": "Nowruz"}')]
    right = verdict("Find Nowruz.", gold, [step("searchHolidays", {"keyword": "Nowruz"}, [])], HOLIDAYS)
    assert right.reason == "every gold step is met: gold step 1 (searchHolidays) by step 1"
    wrong = verdict("Find Nowruz.", gold, [step("searchHolidays", {"keyword": "Holi"}, [])], HOLIDAYS)
    assert wrong.reason == (
        "input error, step 1: searchHolidays: keyword = 'Holi', expected 'Nowruz', which the instruction says"
    )
    missing = verdict("Find Nowruz.", gold, [step("getWeather", {}, [])], HOLIDAYS)
    assert missing.reason == "wrong action, at the end: ends without the needed call of searchHolidays"
    made_up = verdict(*REPORT, [step("getSeller", {"sellerId": "S-1"}, {}), REPORTED], SHOP)
    assert made_up.procedure is False
    assert made_up.reason == "redundant action, step 1: calls getSeller beyond what the task needs"


def test_a_result_that_nothing_uses():
    shown = [{"name": "Nowruz", "country": "Iran", "date": "20 March", "note": "the first day of spring"}]
    call, gold = (
        step("searchHolidays", {"keyword": "Nowruz"}, shown),
        [("searchHolidays", '{"keyword": "Nowruz"}')],
    )
    ask = "When is Nowruz?"
    for answer in ("It is on March 20.", "It marks the beginning of spring."):
        assert verdict(ask, gold, [call], HOLIDAYS, answer).procedure is True
    ignored = verdict(ask, gold, [call], HOLIDAYS, "Sure! Anything else? USER: No. It is on March 20.")
    assert (ignored.procedure, found(ignored)) == (False, {(ErrorType.REDUNDANT_ACTION, 0)})
    nothing = step("searchHolidays", {"keyword": "Nowruz"}, [])
    assert verdict(ask, gold, [nothing], HOLIDAYS, "I found none.").procedure is True


def test_cents_may_be_said_in_dollars():
    charges = [{"merchant": "NTFLX", "cents": 1549}, {"merchant": "SPTFY", "cents": 1999}]
    call = step("searchHolidays", {"keyword": "streaming"}, charges)
    gold = [GoldStep("searchHolidays", '{"keyword": "streaming"}')]

    def scored(answer, *facts):
        task = Task("t/0", "t", "What did I pay?", gold, facts=list(facts))
        return score(
            task, Episode("t/0", "t", task.instruction, "m", steps=[call], final_output=answer), HOLIDAYS
        )

    assert scored("You paid 15.49 dollars, then 19.99.").procedure is True
    assert scored("You paid 15.94 dollars, then 19.88.").procedure is False
    assert scored("NTFLX took 15.49 dollars.", "NTFLX").answer is True
    assert scored("NTFLX took 15.94 dollars.", "NTFLX").answer is False


def test_a_value_refused_once_may_be_mended_and_not_guessed_again():
    tool = tool_of(
        get("listFerns", parameter("light", required=True, enum=["full sun", "shade", "deep shade"]))
    )
    gold = [("listFerns", '{"light": "shade"}')]
    listed = "Parameter type error: \"light\", expected one of ['full sun', 'shade', 'deep shade']"
    first = step("listFerns", {"light": "dark"}, listed, status=0)
    second = step("listFerns", {"light": "shady"}, listed, status=0)
    last = step("listFerns", {"light": "shade"}, [])
    ask = "Which ferns like shade?"
    mended = verdict(ask, gold, [first, last], tool)
    assert (mended.procedure, found(mended)) == (True, {(ErrorType.INPUT_ERROR, 0)})
    guessed = verdict(ask, gold, [first, second, last], tool)
    assert guessed.procedure is False
    assert "light is again none of the values" in guessed.reason


@pytest.mark.parametrize(
    ("text", "right"),
    [("Oslo population", True), ("population", False)],
)
def test_a_search_keeps_the_name_of_what_it_looks_for(text, right):
    tool = tool_of(get("answer", parameter("query", required=True)))
    gold = [("answer", '{"query": "the population of Oslo"}')]
    ask = "Find out the population of Oslo."
    assert verdict(ask, gold, [step("answer", {"query": text}, {})], tool).procedure is right


@pytest.mark.parametrize(
    "name",
    [
        "access_key",
        "apiKey",
        "api-key",
        "appid",
        "app_id",
        "X-RapidAPI-Key",
        "subscription-key",
        "accessToken",
    ],
)
def test_names_of_credentials(name):
    assert is_credential(parameter(name))


@pytest.mark.parametrize(
    "name", ["developerId", "whatsappId", "subscriptionId", "key", "token", "keyword", "password"]
)
def test_names_that_are_no_credentials(name):
    assert not is_credential(parameter(name))
    assert is_credential(parameter("key", description="Your API key."))
