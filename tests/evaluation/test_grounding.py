"""What the check of authored tools finds: each kind of planted fault, and nothing in a good file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from authored import BERTHS, write_library

from toolalpaca.corpus import authored_checks
from toolalpaca.evaluation import grounding
from toolalpaca.evaluation.derived import Seen, number_follows
from toolalpaca.offline.library.tools import HOME, library_files, load_tool

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "generate" / "check_library.py"


def findings(tmp_path: Path, text: str) -> list[authored_checks.Finding]:
    path = tmp_path / "berthbook.yaml"
    path.write_text(text, encoding="utf-8")
    return authored_checks.check_tool(load_tool(path), grounding.check)


def test_a_good_file_has_no_finding(tmp_path):
    assert not findings(tmp_path, BERTHS)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("euros in all", "dollars for the Beata in all", "the answer says 'Beata'"),
        ("120 euros", "130 euros", "the answer says '130'"),
        ("until 7 July", "until 19 July", "the answer says '19 July'"),
        ("in A2 from 9", "in A7 from 9", "the answer says 'A7'"),
        ("{min_length: 8.5}", "{min_length: 11}", "min_length = 11 follows from nothing"),
        ("{id: 41, nights: 4}", "{id: 73, nights: 4}", "id = 73 follows from nothing"),
        ("boat: Frigg, from", "boat: Vega, from", "boat = 'Vega' follows from nothing"),
        ("boat: Selma, from: 2025-07-04", "boat: Selma, from: 2025-11-24", "from = '2025-11-24' follows"),
        ("with: {id: 41, nights: 4}", "with: {id: 41}", "refused by the specification"),
        ("call: amend", "call: prolong", "there is no function 'prolong'"),
        ("row.price * nights", "row.price * night", "a rule cannot be carried out"),
        ("boat: Rán, from: 2025-09-01, nights: 7}}\n", "boat: Rán, from: 2025-09-01}}\n", "nights"),
        ("What does a week in C3 cost", "What does a week in A1 cost", "code = 'C3' follows from nothing"),
        ("code: C3, boat: Rán", "code: A1, boat: Rán", "data_not_found: the world should hold nothing"),
        ("nights: 16}}", "nights: 14}}", "rejected_parameter: a 4xx, then a success"),
        ("scenario: missing_information", "scenario: ordinary", "a step asks the user"),
        ("    scenario: server_error\n", "", "the same call twice in a row"),
        ("{thought: Too fast., call: vacancies, with: {min_length: 8.5}}",
         "{thought: Too fast., call: vacancies, with: {}}", "the next step makes it again"),
        ("Four nights, not three, for booking 41.", "'Four nights of it (number: 41).'", "in brackets"),
        ("code: B8, pier: West", "code: 8, pier: West", "berths.code is float and str"),
        ("Find me the two", "Ask Berthbook for the two", "the person names the API"),
        ("answer: Number 41 is struck out.", "answer: https://berths.example/struck-out.png", "link more"),
        ("call: release, with", "call: record, with", "no instruction calls release"),
        ("route: GET /bookings/{id}\n", "route: GET /berths\n", "two routes are alike|refused"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(tmp_path, old, new, expected):
    assert old in BERTHS
    found = findings(tmp_path, BERTHS.replace(old, new, 1))
    assert any(part in str(f) for part in expected.split("|") for f in found), [str(f) for f in found]
    assert all(str(tmp_path / "berthbook.yaml") in str(f) and f.line > 0 for f in found)


@pytest.mark.parametrize(
    ("number", "follows"),
    [
        ("59.00", True),  # 5900 cents
        ("74.00", True),  # both of them
        ("44", True),  # one less the other
        ("60", False),
        ("2.5", True),  # 150 minutes in hours
        ("31,800", True),  # about 31,846
        ("31,700", False),
        ("24", True),  # days between
        ("29", False),
        ("3", True),  # entries
        ("17.3", True),
        ("17.9", False),
        ("120", True),  # thirty dollars, four times
        ("5.6.0", True),
        ("5.6.2", False),
    ],
)
def test_numbers_follow_from_what_was_seen(number, follows):
    rows = '[{"amount": 5900, "b": 17.3}, {"amount": 1500, "a": "2022-04-01"}, {"z": "2022-04-25"}, "5.6.0"]'
    seen = Seen(
        ("Four times thirty dollars, please.",),
        (
            f"Status Code: 200. Response: {rows}",
            'Status Code: 200. Response: {"minutes": 150, "waiting": 31846}',
        ),
    )
    assert number_follows(number, seen) == follows


@pytest.mark.parametrize(
    ("argument", "follows"),
    [
        ("+4520334471", True),
        ("+4520334472", False),
        ("2025-06-13", True),
        ("2025-09-13", False),
        ("18:30", True),
        ("20000", True),  # grams of twenty kilos
        ("kitchen renovation", True),
    ],
)
def test_arguments_follow_from_what_was_said(argument, follows):
    said = "Text 20 33 44 71 about the kitchen's renovation, twenty kilos, the day after 12 June 2025"
    assert grounding.value_follows(argument, Seen((f"{said} at 6:30 pm",), ())) == follows


def script(*args: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, args)], capture_output=True, text=True, check=False
    )


def test_the_script_says_where_and_what_and_an_engine_that_answers_otherwise_is_caught(tmp_path):
    home = write_library(tmp_path / "tools")
    file = home / "transportation" / "berthbook.yaml"
    assert script(file, "--record").returncode == 0
    played = script(file, "--play")
    assert played.returncode == 0 and '{"id": 42, "total": 120, "until": "2025-07-07"' in played.stdout
    file.write_text(BERTHS.replace("price: 40,", "price: 40.5,").replace("answer: B7 is", "answer: B6 is"))
    found = script(file)
    assert found.returncode == 1
    line = next(n for n, text in enumerate(BERTHS.splitlines()) if "say: Please keep B7" in text)
    assert f"{file}:{line + 1}: the answer says 'B6', which stands nowhere" in found.stdout
    assert (
        "'Please keep B7 for the Selma, three nights from the fourth o' sees something else" in found.stdout
    )


def test_instructions_that_repeat_each_other_are_found(tmp_path):
    files = library_files(write_library(tmp_path / "tools", copies=1))
    found = authored_checks.check_library([load_tool(file) for file in files])
    assert any("nearly repeats: The owner of forty-one" in str(f) for f in found), found
    task = "Hello there, could you wash my hull while I am away in Spain?"
    found = authored_checks.check_library([load_tool(files[0])], [task])
    assert [f.message for f in found] == ["shares eight words in a row with a published task"]


def test_the_whole_library_is_clean():
    if not library_files():
        pytest.skip(f"{HOME} holds no tool")
    found = script()
    assert found.returncode == 0, found.stdout
