"""Figures over verdicts, and agreement between annotators, against values worked out by hand."""

import json
from pathlib import Path

import pytest

from toolalpaca.evaluation import disagreements
from toolalpaca.evaluation.agreement import by_model, compare, label, matches, published_report, report
from toolalpaca.evaluation.metrics import Rate, agreement, kappa_interval, rate, tally
from toolalpaca.evaluation.scoring.verdicts import score
from toolalpaca.original import judged
from toolalpaca.schema import ErrorType, Finding, ToolAlpacaError, Verdict

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "toolalpaca"
JUDGED = DATA / "judged" / "toolalpaca-7b.gpt4.json"


def test_kappa():
    # Cohen's own kind of example: observed 0.7, by chance 0.5.
    table = {("y", "y"): 20, ("y", "n"): 5, ("n", "y"): 10, ("n", "n"): 15}
    found = agreement(pair for pair, count in table.items() for _ in range(count))
    assert found.observed == pytest.approx(0.7)
    assert found.kappa == pytest.approx(0.4)
    assert agreement([("y", "y")] * 3).kappa == 1
    assert agreement([("y", "n"), ("n", "y")]).kappa == -1
    assert (agreement([]).observed, agreement([]).kappa) == (0, 0)


def test_rates_leave_out_what_is_unscored():
    assert rate([True, None, False, True]) == Rate(2, 3)
    assert str(Rate(2, 3)).startswith("2 of 3 (66.7%, 95% interval 20.8 to 93.9")
    assert Rate(0, 0).value == 0


def test_a_type_is_counted_once_per_episode():
    findings = [Finding(ErrorType.INPUT_ERROR, 0, ""), Finding(ErrorType.INPUT_ERROR, 1, "")]
    verdicts = [
        Verdict("a", "m", findings=findings, procedure=False, overall=False, first_function=True),
        Verdict("b", "m", procedure=True, first_function=False),
        Verdict("c", "m", unscored="model_failed"),
    ]
    total = tally(verdicts)
    assert (total.episodes, total.machinery, total.errors["input_error"]) == (3, 1, 1)
    assert (total.procedure, total.overall, total.first_function) == (Rate(1, 2), Rate(0, 1), Rate(1, 2))
    assert list(total.errors) == [str(kind) for kind in ErrorType]


def prompt(solution, gold='1. Function: find\nParameters: {"name": "Ann"}'):
    return (
        "Judge it.\n\n## Documentation\nfind: Find people.\n"
        'Parameters: {"name": "Required. string. One of: [Ann, Bob]. Whom.", "n": "integer."}\n'
        "Output: People.\n - Format: application/json\n - Structure: Array[string]\n\n\n"
        f"## Task Instruction\nFind Ann.\n\n## Standard Answer\n{gold}\n\n\n"
        f"## AI Assistant's Solution\n{solution}\n\n## Analysis\n"
    )


def judged_file(tmp_path, *entries):
    path = tmp_path / "judged.json"
    rows = [
        {
            "id": i,
            "input": [{"role": "user", "content": text}] if text else "",
            "output": "Process Correctness: No",
        }
        | ({"process_correctness": process, "final_response_correctness": "Yes"} if process else {})
        for i, (text, process) in enumerate(entries)
    ]
    path.write_text(json.dumps({"People": rows, "statistics": {"num": 99}}), encoding="utf-8")
    return path


def read(path):
    (entries,) = judged.read_judged(path).values()
    return entries


RIGHT = """1. Function: find
Parameters: {"name": "ann"}
Retruns: Status Code: 200. Response: ["Ann",
2. "Function: no"]
2. Final Response: Ann is
1. found."""
WRONG = """1. Function: find
Parameters: {"name": "Bob"}
Retruns: Status Code: 200. Response: []
2. Final Response: No."""


def test_a_judged_file_is_read_from_its_prompts(tmp_path):
    entries = read(judged_file(tmp_path, (prompt(RIGHT), "Yes"), ("", None)))
    first = entries[0]
    assert first.task.instruction == "Find Ann."
    assert [(s.function, s.input) for s in first.task.gold] == [("find", '{"name": "Ann"}')]
    assert len(first.episode.steps) == 1
    assert first.episode.steps[0].response.endswith('"Function: no"]')
    assert first.episode.final_output == "Ann is\n1. found."
    (function,) = first.documentation.functions
    assert [(p.name, p.required, p.schema) for p in function.parameters] == [
        ("name", True, {"type": "string", "enum": ["Ann", "Bob"]}),
        ("n", False, {"type": "integer"}),
    ]
    assert score(first.task, first.episode, first.documentation).procedure is True
    assert judged.totals(entries) == {
        "num": 2,
        "error_num": 1,
        "process": {"Yes": 1, "No": 0, "Uncertain": 0},
        "response": {"Yes": 1, "No": 0, "Uncertain": 0},
        "both": 1,
    }


def test_agreement_report(tmp_path):
    path = judged_file(
        tmp_path,
        (prompt(RIGHT), "Yes"),
        (prompt(WRONG), "No"),
        (prompt(WRONG), "Yes"),
        (prompt(WRONG), "Uncertain"),
    )
    text = report(read(path))
    assert "agreement: 75.0% (kappa 0.50), the judge's Uncertain counted as not correct" in text
    assert "agreement: 66.7% (kappa 0.40) on the 3 certain verdicts" in text
    assert "disagreements: 1" in text
    assert "People 2: judge Yes, ours No: input_error in step 1: find: name = 'Bob', expected 'Ann'" in text


def test_disagreements_are_classed_by_a_person(tmp_path):
    entries = read(
        judged_file(tmp_path, (prompt(RIGHT), "Yes"), (prompt(WRONG), "Yes"), (prompt(RIGHT), "No"))
    )
    pairs, path = compare(entries), tmp_path / "classes.jsonl"
    assert disagreements.update(path, pairs) == {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(r["tool"], r["number"], r["judge"], r["ours"], r["class"]) for r in rows] == [
        ("People", "1", "Yes", "No", ""),
        ("People", "2", "No", "Yes", ""),
    ]
    assert "'Bob', expected 'Ann'" in rows[0]["reason"]
    rows[1] |= {"class": "unclear", "note": "says both"}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    classes = disagreements.update(path, pairs)
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[1])["note"] == "says both"
    text = disagreements.summary(pairs, classes)
    assert "classed: rule 0, judge 0, unclear 1, not classed 1" in text
    assert "agreement: 50.0% (kappa 0.00) on 2, without the unclear ones" in text
    path.write_text(json.dumps(rows[0] | {"class": "mine"}) + "\n", encoding="utf-8")
    with pytest.raises(ToolAlpacaError, match="expected one of rule, judge, unclear"):
        disagreements.update(path, pairs)


def test_two_judges_of_the_same_episodes(tmp_path):
    one = read(judged_file(tmp_path, (prompt(RIGHT), "Yes"), (prompt(WRONG), "No")))
    other = read(judged_file(tmp_path, (prompt(RIGHT), "Yes"), (prompt(WRONG), "Yes")))
    third = read(judged_file(tmp_path, (prompt(RIGHT).replace("Ann", "Eve"), "Yes")))
    assert disagreements.between_judges({"a": one, "b": other, "c": third}) == [
        "a and b, 2 episodes that both judged: 50.0% (kappa 0.00)"
    ]


def test_kappa_has_an_interval():
    low, high = kappa_interval([(True, True)] * 40 + [(False, False)] * 40 + [(True, False)] * 5)
    assert 0.7 < low < 0.88 < high < 1
    assert kappa_interval([(True, True)] * 10) == (1.0, 1.0)
    assert kappa_interval([(True, False)]) == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("solution", "right"),
    [
        # The original tools took the JSON out of what stands around it.
        ('find\nParameters: ```json\n{"name": "Ann"}\n```\nI wait.\nReturns: Status Code: 200.', True),
        ('find\nParameters: {"name": "Ann"}\nRetruns: The output is too long. You need to use the', True),
        ("find\nParameters: Ann\nRetruns: Invalid JSON format. Please ensure that it is valid.", False),
        ('seek\nParameters: {"name": "Ann"}\nRetruns: `seek` is not a valid action.', False),
    ],
)  # fmt: skip
def test_solutions_as_the_original_tools_took_them(tmp_path, solution, right):
    (entry,) = read(
        judged_file(tmp_path, (prompt(f"1. Function: {solution}\n2. Final Response: Yes."), "Yes"))
    )
    assert score(entry.task, entry.episode, entry.documentation).procedure is right


def test_a_judged_file_in_other_forms(tmp_path):
    path = judged_file(tmp_path, (prompt(RIGHT), "**yes**"), (prompt(WRONG), None), ("no such prompt", "Yes"))
    data = json.loads(path.read_text(encoding="utf-8"))
    for entry in data["People"]:
        text = entry["input"][0]["content"].replace("## Task Instruction\n", "### Task instruction:\r\n")
        entry["input"] = text.replace("\n\n## Analysis\n", "")
    data["People"][1]["process_correctness"] = None
    del data["statistics"]
    path.write_text(json.dumps({"one": data, "two": {"People": data["People"][:1]}}), encoding="utf-8")
    found = judged.read_judged(path)
    assert {model: [e.process for e in entries] for model, entries in found.items()} == {
        "one": ["Yes", "No", "Yes"], "two": ["Yes"],
    }  # fmt: skip
    text = by_model(found, report)
    assert text.startswith("model: one\nepisodes: 3, with a solution and a verdict: 2\n")
    assert "left out: People 2: the prompt has no section 'Documentation'" in text
    assert "model: two\nepisodes: 1, with a solution and a verdict: 1\nagreement: 100.0%" in text


@pytest.mark.parametrize(
    "form",
    [
        lambda entries: [entry | {"tool": "People"} for entry in entries],
        lambda entries: [{"People": entries}, {"statistics": {"num": 2}}],
        lambda entries: [{"Name": "People", "results": entries}],
    ],
)
def test_a_list_of_judged_entries(tmp_path, form):
    path = judged_file(tmp_path, (prompt(WRONG), "No"), ("", None))
    entries = json.loads(path.read_text(encoding="utf-8"))["People"]
    path.write_text(json.dumps(form(entries)), encoding="utf-8")
    found = read(path)
    assert [(e.tool, e.number, e.process, e.without_steps) for e in found] == [
        ("People", 0, "No", False),
        ("People", 1, None, True),
    ]


@pytest.mark.parametrize(
    ("held", "output", "verdict"),
    [
        ("No, a step is missing.", "", "No"),
        ("Not correct", "", "No"),
        (
            "",
            "Process Correctness: one of [Yes, No, Uncertain]\n**process correctness**: [uncertain]",
            "Uncertain",
        ),
        ("", "Process: Yes\nFinal Response: No", "Yes"),
        ("", "The process is right.", None),
        ("Partly", "", None),
    ],
)
def test_verdicts_in_other_words(tmp_path, held, output, verdict):
    path = judged_file(tmp_path, (prompt(RIGHT), "Yes"))
    data = json.loads(path.read_text(encoding="utf-8"))
    data["People"][0] |= {"process_correctness": held, "output": output, "response": "No results were found."}
    path.write_text(json.dumps(data), encoding="utf-8")
    (entry,) = read(path)
    assert entry.process == verdict and entry.response == "Yes"


@pytest.mark.parametrize(
    "form",
    [
        lambda e: e | {"input": e["input"][0]},
        lambda e: e | {"input": {"messages": e["input"]}},
        lambda e: e | {"input": [e["input"][0] | {"content": [{"type": "text", "text": text_in(e)}]}]},
        lambda e: {"prompt": e["input"], "process": "No", "response": "Yes"},
        lambda e: e | {"input": text_in(e).replace("AI Assistant's Solution", "Solution")},
    ],
)
def test_prompts_and_verdicts_in_other_places(tmp_path, form):
    path = judged_file(tmp_path, (prompt(WRONG), "No"))
    (entry,) = json.loads(path.read_text(encoding="utf-8"))["People"]
    data = {"People": {"7": form(entry)}, "Pets": None, "model": "some", "statistics": {}}
    path.write_text(json.dumps(data), encoding="utf-8")
    (found,) = read(path)
    assert (found.process, found.response, found.problem) == ("No", "Yes", "")
    assert score(found.task, found.episode, found.documentation).procedure is False


def text_in(entry):
    return entry["input"][0]["content"]


def test_a_reply_of_the_judge_without_a_verdict_is_no_task_without_steps(tmp_path):
    path = judged_file(tmp_path, (prompt(RIGHT), "Yes"), (prompt(WRONG), "Yes"), ("", None))
    data = json.loads(path.read_text(encoding="utf-8"))
    data["People"][1] |= {"process_correctness": "", "final_response_correctness": "", "output": "Hm."}
    path.write_text(json.dumps(data), encoding="utf-8")
    entries = read(path)
    assert (judged.totals(entries)["num"], judged.totals(entries)["error_num"]) == (3, 1)
    assert "without a verdict of the judge that can be read: 1" in published_report(entries)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        "{}",
        '{"statistics": {}}',
        '{"model": {"People": []}}',
        '{"a": 1}',
        '{"a": [1]}',
        '{"a": [{"input": "nothing"}]}',
    ],
)
def test_what_is_no_judged_file_is_refused(tmp_path, content):
    path = tmp_path / "file.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ToolAlpacaError, match=r"file\.json"):
        judged.read_judged(path)


def test_a_file_without_verdicts_has_no_agreement(tmp_path):
    assert report(read(judged_file(tmp_path, ("", None)))) == (
        "episodes: 1, none with a solution and a verdict of the judge"
    )


@pytest.mark.skipif(not JUDGED.is_file(), reason=f"{JUDGED} is not here")
class TestPublishedFile:
    def test_totals_are_those_of_the_file(self):
        entries = read(JUDGED)
        totals = judged.totals(entries)
        assert totals == json.loads(JUDGED.read_text(encoding="utf-8"))["statistics"]
        assert (totals["num"], totals["error_num"]) == (100, 1)
        assert (totals["process"]["Yes"], totals["response"]["Yes"], totals["both"]) == (63, 68, 60)

    def test_our_verdicts_agree_with_gpt4(self):
        pairs = compare(read(JUDGED))
        found = agreement((e.process == "Yes", label(v) == "Yes") for e, v in pairs)
        assert found.n == 99
        assert found.kappa >= 0.85

    def test_no_single_tool_carries_the_agreement(self):
        pairs = compare(read(JUDGED))
        tools = sorted({e.tool for e, _ in pairs})
        halves = [set(tools[::2]), set(tools[1::2]), *({t for t in tools if t != left} for left in tools)]
        for kept in halves:
            labels = ((e.process == "Yes", label(v) == "Yes") for e, v in pairs if e.tool in kept)
            assert agreement(labels).kappa >= 0.75, kept


def test_no_input_in_words_is_an_empty_one():
    assert judged.read_input("None") == "{}"
    assert judged.read_input("None", "Invalid JSON format. Please ensure that it is valid.") == "None"
    assert judged.read_input("Ann") == "Ann"


@pytest.mark.parametrize(
    ("name", "n", "kappa"),
    [("llama2-7b.simulated.judged.json", 47, 0.8), ("golden.real.judged.json", 108, 0.4)],
)
def test_no_file_falls_below_exact_matching(name, n, kappa):
    path = DATA / "judged" / name
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    pairs = compare(read(path))
    ours = agreement((e.process == "Yes", label(v) == "Yes") for e, v in pairs)
    exact = agreement((e.process == "Yes", matches(e)) for e, _ in pairs)
    assert ours.n == n
    assert ours.kappa >= max(kappa, exact.kappa)


def test_gold_acted_out_is_right_but_for_calls_that_its_tool_could_not_read():
    path = DATA / "judged" / "golden.real.judged.json"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    wrong = [(e, v) for e, v in compare(read(path)) if v.procedure is not True]
    assert {e.tool for e, _ in wrong} == {"CurrencyBeacon"}
    assert len(wrong) == 4
    assert all(any(s.response.startswith("Invalid JSON") for s in e.episode.steps) for e, _ in wrong)
