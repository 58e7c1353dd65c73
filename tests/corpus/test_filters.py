"""Which simulated instances are kept, why the others are not, and what is said of what happened."""

from __future__ import annotations

import json

import pytest

from toolalpaca.corpus import filters
from toolalpaca.corpus.filters import labels_of, reason_to_drop
from toolalpaca.schema import Instance, Outcome, Scenario, Step, to_row

FUNCTIONS = {"searchPlants", "getPlant"}


def step(function="searchPlants", status=200, body='{"plants": [{"id": 7}]}', error="") -> Step:
    response = f"Status Code: {status}. Response: {body}" if status else body
    return Step("look", function, "{}", response, error, status)


def instance(*steps: Step, output="The fern has id 7.", **fields) -> Instance:
    return Instance("t/0", "t", "Find a fern.", list(steps), "done", output, **fields)


GOOD = step()
REFUSED = step(status=0, body="Error: the required parameter 'query' is missing", error="invalid_arguments")
ASKED = step("getDetails", 0, "A fern, please.")
PIXELS = "iVBORw0KGgo" * 40


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (instance(GOOD), ""),
        (instance(REFUSED, ASKED, GOOD), ""),
        (instance(*[GOOD] * 5), ""),
        (instance(*[GOOD] * 6), "too_many_steps"),
        (instance(step(status=500, body='{"error": "down"}'), output="The service is down."), ""),
        (instance(), "no_relevant_call"),
        (instance(ASKED, REFUSED), "no_relevant_call"),
        (instance(step("findPlants", 0, "Error", "unknown_function")), "no_relevant_call"),
        (instance(scenario=Scenario.NO_SUITABLE_TOOL), ""),
        (instance(GOOD, scenario=Scenario.NO_SUITABLE_TOOL), "needless_call"),
        (instance(GOOD, output="  "), "empty_answer"),
        (instance(GOOD, output="It is 7.\nThought: and more"), "labels_in_answer"),
        (instance(GOOD, output="It is 7.\nASSISTANT Action: getPlant"), "labels_in_answer"),
        (instance(GOOD, output="Your thought: that is the fern"), ""),
        (instance(GOOD, outcome=Outcome.STEP_LIMIT), "step_limit"),
        (instance(GOOD, outcome=Outcome.PARSE_ERROR), "unparsable_output"),
        (instance(step("", 0, "Error", "parse_error"), GOOD), ""),
        (instance(GOOD, outcome=Outcome.MODEL_FAILED), "machinery_failure"),
        (instance(GOOD, outcome=Outcome.EXECUTOR_FAILED), "machinery_failure"),
        (instance(step(body='{"photo": "data:image/png;base64,AAAA"}')), "non_textual"),
        (instance(step(body=f'{{"audio": "{PIXELS}"}}')), "non_textual"),
        (instance(step(body='{"url": "https://img.example/a/very/long/path/fern.png"}')), "non_textual"),
        (instance(step(body="[image/png content of 52311 bytes is not shown]")), "non_textual"),
        (instance(step(body='{"genre": "games (video and board)"}')), ""),
        (instance(GOOD, output="https://img.example/fern.jpg"), "non_textual"),
        (
            instance(
                step(
                    body='{"name": "fern", "family": "Polypodiaceae", "light": "half shade", "height": 80, '
                    '"photo": "https://img.example/fern.png"}'
                )
            ),
            "",
        ),
    ],
)
def test_an_instance_is_kept_or_dropped_for_a_named_reason(row, reason):
    assert reason_to_drop(row, FUNCTIONS) == reason


FAILED = step(status=500, body='{"error": "down"}')


@pytest.mark.parametrize(
    ("row", "labels"),
    [
        (instance(GOOD), ["single_call"]),
        (instance(), ["no_call", "refused"]),
        (instance(ASKED, GOOD, GOOD), ["multi_call", "asked_user"]),
        (instance(step("getCurrentDateTime", 0, "2024-01-01"), GOOD), ["multi_call", "checked_time"]),
        (instance(REFUSED, GOOD), ["multi_call", "invalid_arguments", "retried", "recovered"]),
        (instance(FAILED, GOOD), ["multi_call", "server_error", "retried", "recovered"]),
        (
            instance(FAILED, step("getPlant")),
            ["multi_call", "server_error", "switched_function", "recovered"],
        ),
        (instance(FAILED), ["single_call", "server_error", "gave_up"]),
        (instance(step(status=429)), ["single_call", "rate_limit", "gave_up"]),
        (instance(step(status=422), GOOD), ["multi_call", "rejected_parameter", "retried", "recovered"]),
        (instance(step(status=404)), ["single_call", "data_not_found", "gave_up"]),
        (instance(step(status=403)), ["single_call", "client_error", "gave_up"]),
        (instance(step(body='{"plants": [], "total": 0}')), ["single_call", "data_not_found"]),
        (instance(step(body="[]")), ["single_call", "data_not_found"]),
        (instance(step(body='{"plants": [{"tags": []}]}')), ["single_call"]),
        (
            instance(step("findPlants", 0, "Error", "unknown_function"), GOOD),
            ["multi_call", "unknown_function", "switched_function", "recovered"],
        ),
        (instance(FAILED, outcome=Outcome.STEP_LIMIT), ["single_call", "server_error"]),
    ],
)
def test_labels_say_what_happened_whatever_was_intended(row, labels):
    for scenario in (Scenario.ORDINARY, Scenario.SERVER_ERROR):
        row.scenario = scenario
        assert labels_of(row) == labels


def test_a_long_response_is_labelled_as_the_environment_marks_it():
    assert labels_of(instance(step(body="[1, 2, 3... (cut: 10 of 99 characters)")))[-1] == "long_output"


def test_kept_and_dropped_rows_add_up_and_the_counts_are_theirs(tmp_path):
    rows = [
        instance(GOOD),
        instance(GOOD, GOOD),
        instance(),
        instance(GOOD, output=""),
        instance(*[GOOD] * 9),
    ]
    for number, row in enumerate(rows):
        row.instance_id, row.labels = f"t/{number}", labels_of(row)
    source = tmp_path / "simulated.jsonl"
    lines = [{**to_row(row), "filter": reason_to_drop(row, FUNCTIONS)} for row in rows]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    counts = filters.split(source, tmp_path / "kept.jsonl", tmp_path / "dropped.jsonl")
    kept, dropped = (
        [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        for name in ("kept.jsonl", "dropped.jsonl")
    )
    assert [row["instance_id"] for row in kept] == ["t/0", "t/1"]
    assert "filter" not in kept[0]
    assert {row["instance_id"]: row["filter"] for row in dropped} == {
        "t/2": "no_relevant_call",
        "t/3": "empty_answer",
        "t/4": "too_many_steps",
    }
    assert counts.kept == 2 and counts.dropped == {
        "no_relevant_call": 1,
        "empty_answer": 1,
        "too_many_steps": 1,
    }
    report = counts.report()
    assert "single-call 50.0%, multi-call 50.0%" in report
    assert "mean steps 1.50" in report and "words per output 5.0" in report
    assert "single_call 1" in report and "multi_call 1" in report
