"""The LLM judge: grades are read exactly, votes are counted, what cannot be read is unscored."""

import asyncio
import json

import pytest
from evaluation_run import DONE, GOOD, SPEC, rows, run_agent, said, script, task, write_tasks
from scripted import Scripted
from scripted_endpoint import serve

from toolalpaca.evaluation.judge import Judge, check_name, opinion, parse_verdict
from toolalpaca.files import read_records, write_jsonl
from toolalpaca.models.retrying import JUDGE_TRIES
from toolalpaca.schema import Episode, ReplyError, Task, Tool, ToolAlpacaError, to_row

TIDES = 'Status Code: 200. Response: {"high": "06:42"}'
JSON = '{"process": "%s", "response": "%s"}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (JSON % ("Yes", "No"), ("Yes", "No")),
        ("All is well.\n\n```json\n" + JSON % ("yes", "UNCERTAIN") + "\n```", ("Yes", "Uncertain")),
        (JSON % ("Yes", "Yes") + "\nOn second thought:\n" + JSON % ("No", "No"), ("No", "No")),
        ("## Results\nProcess Correctness: Yes\nFinal Response Correctness: No", ("Yes", "No")),
        ("**Process:** Yes.\n**Response**: no", ("Yes", "No")),
        ("Process: Yes / No / Uncertain\nthen\nProcess: No\nResponse: Yes", ("No", "Yes")),
        ('The call {"harbour": "Dover"} is right. ' + JSON % ("Yes", "Yes"), ("Yes", "Yes")),
        (JSON % ("No, the inquiry was not sent", "Yes, no value is made up"), ("No", "Yes")),
        (JSON % ("No.", "**Uncertain**"), ("No", "Uncertain")),
        (JSON % ("no: two calls are missing", "Uncertain (the result is cut off)"), ("No", "Uncertain")),
        ("**Process:** No - submit was never called\n**Response:** Yes", ("No", "Yes")),
        ("- Process: **No** \u2014 it never paid.\n- Response: Yes!", ("No", "Yes")),
        ("Process: No because nothing was sent\nResponse: No. No answer was given.", ("No", "No")),
        (JSON % ("\u201cYes\u201d", "No; it says 9 where the result says 7"), ("Yes", "No")),
    ],
)
def test_grades_are_read(text, expected):
    verdict = parse_verdict(text)
    assert (verdict["process"], verdict["response"]) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Yes",
        "The process is INCORRECT.",
        JSON % ("INCORRECT", "CORRECT"),
        JSON % ("Yes / No / Uncertain", "Yes"),
        JSON % ("Yesterday", "No"),
        JSON % ("Not sure", "No"),
        JSON % ("No problem here", "Yes"),
        JSON % ("No-one paid", "Yes"),
        JSON % ("Yes, no", "Yes"),
        JSON % ("No. Yes, after the second call", "Yes"),
        JSON % ("Yes - No - Uncertain", "Yes"),
        JSON % ("Yes|No", "Yes"),
        JSON % ("The answer is Yes", "Yes"),
        "Process: No submit was called\nResponse: Yes",
        '{"process": true, "response": "Yes"}',
        "Process: Yes and no\nResponse: Yes",
        "Process: Yes",
        '{"process": "Yes"}',
        '{"process": ["Yes"], "response": "Yes"}',
        "No problem with the process: it is right.\nResponse: Yes",
    ],
)
def test_what_is_no_grade_is_refused(text):
    with pytest.raises(ReplyError) as error:
        parse_verdict(text)
    assert error.value.reason == "unreadable_verdict"


def test_votes():
    def votes(*grades):
        return [{"process": g} if g else {"unreadable": "x"} for g in grades]

    assert opinion(votes("Yes", "No", "Yes"), "process") == "Yes"
    assert opinion(votes("Yes", "No"), "process") == "Uncertain"
    assert opinion(votes("Yes", "", ""), "process") == "Yes"
    assert opinion(votes("", ""), "process") is None


def test_judging_a_run(tmp_path):
    write_tasks(tmp_path, [task(f"tides/{i}", f"High tide at Dover? [{i}]") for i in range(4)])
    grading = "You grade how an assistant"
    opinions = {"[0]": JSON % ("Yes", "Yes"), "[1]": JSON % ("No", "No"), "[3]": "I would say INCORRECT."}

    def reply(body):
        if grading in said(body):
            assert body["temperature"] == 1
            assert "06:42" in said(body)
            mark = next(m for m in ("[0]", "[1]", "[2]", "[3]") if m in said(body))
            asked = sum(mark in said(r) and grading in said(r) for r in endpoint.requests)
            return opinions.get(mark) or JSON % ("Yes" if asked % 2 else "No", "Yes")
        return DONE if "06:42" in said(body) else GOOD

    def judged(votes):
        return script(
            "judge.py",
            tmp_path / "run",
            "--judge",
            "openai/judge",
            "--votes",
            votes,
            "--temperature",
            1,
            url=endpoint.url,
        )

    with serve(reply) as endpoint:
        assert run_agent(tmp_path, endpoint.url).returncode == 0
        assert script("score.py", tmp_path / "run").returncode == 0
        assert judged(2).returncode == 0
        found = {j["task_id"]: j for j in rows(tmp_path, "judgements")}
        assert [found[f"tides/{i}"]["process"] for i in range(4)] == ["Yes", "No", "Uncertain", None]
        assert "unreadable_verdict" in found["tides/3"]["unscored"]
        assert found["tides/0"]["judge"]["model"] == "openai/judge"
        assert found["tides/0"]["judge"]["parameters"]["temperature"] == 1
        asked = len(endpoint.requests)
        assert judged(2).returncode == 0
        assert len(endpoint.requests) == asked  # the same command asks nothing again
        done = judged(3)
        # One more vote per episode, the others are re-used; one of the four is asked for three times.
        assert len(endpoint.requests) == asked + 3 + JUDGE_TRIES
    assert "process: 2 of 3 (66.7%" in done.stdout
    assert "correct, 1 unscored (2 Yes, 1 No, 0 Uncertain)" in done.stdout
    assert "pairs of votes that agree: 7 of 9" in done.stdout
    assert "agreement with score.py: 66.7% of 3, 1 unscored" in done.stdout


def vote(*replies):
    """What the votes on one episode come to when the judge gives these replies, and what it was asked."""
    model = Scripted(*replies)
    given = Tool("tides", "Tides", "Weather", "", "", "", "getTides: ...", SPEC)
    row = {
        "task": to_row(task("tides/0", "High tide?")),
        "episode": to_row(Episode("tides/0", "tides", "m", "High tide?", outcome="answered")),
        "tool": to_row(given),
        "votes": 1,
    }
    return asyncio.run(Judge(model)(row)), model


def test_a_verdict_that_cannot_be_read_is_asked_for_again_with_the_reason():
    judged, model = vote("Both are fine.", "Process: Yes and no\nResponse: Yes", JSON % ("No", "Yes"))
    assert (judged["process"], judged["response"], judged["unscored"]) == ("No", "Yes", "")
    first, second, third = (prompt.messages for prompt in model.prompts)
    assert second[:2] == third[:2] == first, "the rubric first, as it was"
    assert second[2] == {"role": "assistant", "content": "Both are fine."}
    assert "expected process as Yes, No or Uncertain, found none" in second[3]["content"]
    assert third[2]["content"].startswith("Process: Yes and no")
    assert "'Yes and no'" in third[3]["content"]
    assert len(set(model.samples)) == 3


def test_a_judge_that_never_gives_a_verdict_is_unscored_with_the_reason():
    judged, model = vote(*["Well done!"] * JUDGE_TRIES)
    assert (judged["process"], judged["response"]) == (None, None)
    assert "unreadable_verdict" in judged["unscored"]
    assert len(model.prompts) == JUDGE_TRIES
    assert vote("", "", JSON % ("Yes", "No"))[0]["response"] == "No"


@pytest.mark.parametrize(
    ("line", "flags", "sent"),
    [
        ("judge: {model: openai/j}", ["--temperature", 0.3, "--max_tokens", 77], (0.3, 77)),
        ("judge: {model: openai/j, temperature: 0.7, max_tokens: 50}", [], (0.7, 50)),
        ("default: {model: openai/j, temperature: 0.7, max_tokens: 50}", ["--temperature", 0], (0, 50)),
        ("judge: {model: openai/j}", [], (0, 1024)),
        ("judge: {model: openai/j}", ["--votes", 2], (1, 1024)),
    ],
)
def test_what_the_manifest_says_of_the_judge_is_what_is_sent(tmp_path, line, flags, sent):
    run = tmp_path / "run"
    write_tasks(tmp_path, [task("tides/0", "High tide at Dover?")])
    write_tasks(run, read_records(tmp_path / "tasks.jsonl", Task))
    write_jsonl(run / "episodes.jsonl", [to_row(Episode("tides/0", "tides", "High tide at Dover?", "m"))])
    (run / "manifest.json").write_text("{}", encoding="utf-8")
    (tmp_path / "models.yaml").write_text(line, encoding="utf-8")
    with serve(lambda body: JSON % ("Yes", "Yes")) as endpoint:
        given = ["--judge", "openai/other", "--models", tmp_path / "models.yaml", *flags]
        done = script("judge.py", run, *given, url=endpoint.url)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((run / "manifest.json").read_text())["stages"]["judgements"]
    assert {(r["model"], r["temperature"], r["max_tokens"]) for r in endpoint.requests} == {("j", *sent)}
    assert (manifest["config"]["temperature"], manifest["config"]["max_tokens"]) == sent


@pytest.mark.parametrize("name", ["episodes", "Tasks", "verdicts", "run_agent", "", "a/b", "..", ".x", "a\n"])
def test_judgements_take_the_place_of_no_other_file(tmp_path, name):
    done = None
    if name == "episodes":
        write_tasks(tmp_path, [task("tides/0", "High tide?")])
        (tmp_path / "episodes.jsonl").write_text("", encoding="utf-8")
        done = script("judge.py", tmp_path, "--judge", "openai/judge", "--name", name)
    assert done is None or (done.returncode == 2 and "--name episodes" in done.stderr)
    with pytest.raises(ToolAlpacaError, match="--name"):
        check_name(name)
    check_name("gpt-4.votes_3")


def test_the_embedded_teacher_is_no_judge(tmp_path):
    done = script("judge.py", tmp_path, "--judge", "offline")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_a_result_file_of_the_original_project_is_scored_and_judged(tmp_path):
    call = {"Action": "getTides", "Action_Input": '{"harbour": "Dover"}'}
    did = [[["getTides", '{"harbour": "Dover"}', " look\nASSISTANT Action: getTides"], TIDES]]
    api = {
        "Name": "Tides",
        "Category": "Weather",
        "Documentation": SPEC,
        "NLDocumentation": "",
        "Instructions": ["High tide at Dover?", "And now?"],
        "Golden_Answers": [[call], [call]],
        "Instances": [
            {
                "input": "High tide at Dover?",
                "output": "At 06:42.",
                "Final Thought": "",
                "intermediate_steps": did,
            },
            {"error": "Could not parse LLM output: ` I am`"},
        ],
    }
    (tmp_path / "results.json").write_text(json.dumps([api]), encoding="utf-8")
    run = tmp_path / "run"
    done = script("score.py", "--original", tmp_path / "results.json", "--out", run)
    assert done.returncode == 0, done.stderr
    assert "procedure correct: 1 of 2" in done.stdout
    assert [v["procedure"] for v in rows(tmp_path, "verdicts")] == [True, False]
    assert rows(tmp_path, "verdicts")[1]["findings"][0]["type"] == "parse_error"
    with serve(lambda body: JSON % ("Yes", "Yes")) as endpoint:
        judged = script("judge.py", run, "--judge", "openai/judge", url=endpoint.url)
    assert judged.returncode == 0, judged.stderr
    assert "agreement with score.py: 50.0% of 2" in judged.stdout
