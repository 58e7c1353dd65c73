"""eval/run_agent.py and eval/score.py as a user runs them, against models that behave and that do not."""

import json

import datasets
import pytest
from evaluation_run import DONE, GOOD, rows, run_agent, said, script, task, write_tasks
from scripted_endpoint import serve

from toolalpaca.evaluation.benchmark import load_tasks
from toolalpaca.files import read_jsonl
from toolalpaca.schema import ToolAlpacaError

# What a model says at every turn, and the outcome that the episode is to have.
MISBEHAVIOUR = {
    "empty": ("", "parse_error"),
    "huge": ("x" * 100_000, "parse_error"),
    "huge input": ('Action: getTides\nAction Input: {"harbour": "' + "x" * 100_000 + '"}', "step_limit"),
    "foreign": ("Я не знаю, что делать. 我不知道。", "parse_error"),
    "control": ("Thought: \x00\x07\x1b[31m\nAction: get\x00Tides\nAction Input: {}", "step_limit"),
    "surrogate": ("Final Answer: \ud83d high", "answered"),
    "html": ('<script>alert("1")</script><b>Action:</b> getTides', "parse_error"),
    "deep": ("Action: getTides\nAction Input: " + "[" * 1000, "step_limit"),
    "deep object": ("Action: getTides\nAction Input: " + '{"a":' * 1000 + "1" + "}" * 1000, "step_limit"),
    "endless": (GOOD, "step_limit"),
    "dies": (None, "model_failed"),
}


def test_every_misbehaviour_ends_labelled_and_the_run_goes_on(tmp_path):
    tasks = [task(f"tides/{i}", f"High tide at Dover? [{name}]") for i, name in enumerate(MISBEHAVIOUR)]
    write_tasks(tmp_path, [*tasks, task("tides/good", "High tide at Dover? [good]")])

    def reply(body):
        for name, (text, _) in MISBEHAVIOUR.items():
            if f"[{name}]" in said(body):
                return text
        return DONE if "06:42" in said(body) else GOOD

    with serve(reply) as endpoint:
        done = run_agent(tmp_path, endpoint.url, "--models", tmp_path / "models.yaml")
        assert done.returncode == 0, done.stderr
        episodes = {e["task_id"]: e for e in rows(tmp_path, "episodes")}
        for i, (name, (_, outcome)) in enumerate(MISBEHAVIOUR.items()):
            assert (name, episodes[f"tides/{i}"]["outcome"]) == (name, outcome)
        assert episodes["tides/good"]["outcome"] == "answered"
        assert episodes["tides/good"]["steps"][0]["status"] == 200

        asked = len(endpoint.requests)
        again = run_agent(tmp_path, endpoint.url, "--models", tmp_path / "models.yaml")
        assert again.returncode == 0, again.stderr
        assert len(endpoint.requests) == asked
        assert {e["task_id"]: e for e in rows(tmp_path, "episodes")} == episodes

        scored = script("score.py", tmp_path / "run")
        assert scored.returncode == 0, scored.stderr
        verdicts = {v["task_id"]: v for v in rows(tmp_path, "verdicts")}
        assert verdicts["tides/good"]["overall"] is True
        for i, name in enumerate(MISBEHAVIOUR):
            verdict = verdicts[f"tides/{i}"]
            kinds = {f["type"] for f in verdict["findings"]}
            if name == "dies":
                assert verdict["procedure"] is None
                assert not kinds
                assert verdict["unscored"].startswith("model_failed")
            else:
                assert verdict["overall"] is False
                assert kinds
            if MISBEHAVIOUR[name][1] == "parse_error" or name.startswith("deep"):
                assert "parse_error" in kinds, name
        assert "procedure correct: 1 of 11" in scored.stdout
        assert "without a verdict (machinery, gold): 1" in scored.stdout

        endpoint.reply = lambda body: DONE if "06:42" in said(body) else GOOD
        mended = run_agent(tmp_path, endpoint.url, "--models", tmp_path / "models.yaml", "--retry_failed")
        assert mended.returncode == 0, mended.stderr
        dead = next(i for i, name in enumerate(MISBEHAVIOUR) if name == "dies")
        episodes = {e["task_id"]: e for e in rows(tmp_path, "episodes")}
        assert episodes[f"tides/{dead}"]["outcome"] == "answered"


def test_samples_and_native_function_calling(tmp_path):
    write_tasks(tmp_path, [task("tides/0", "High tide at Dover?")])

    def reply(body):
        assert body["tools"][0]["function"]["name"] == "getTides"
        if body["messages"][-1]["role"] == "tool":
            assert body["messages"][-2]["tool_calls"][0]["id"] == body["messages"][-1]["tool_call_id"]
            return "High tide at Dover is at 06:42."
        call = {"name": "getTides", "arguments": '{"harbour": "Dover"}'}
        return {"content": None, "tool_calls": [{"id": "c", "type": "function", "function": call}]}

    with serve(reply) as endpoint:
        done = run_agent(tmp_path, endpoint.url, "--style", "tools", "--samples", 3)
        assert done.returncode == 0, done.stderr
        asked = len(endpoint.requests)
        source = f"replay:{tmp_path / 'run'}"
        models = ("--model", source, "--user_model", source, "--executor_model", source)
        where = ("--tasks", tmp_path, "--executor", "frozen", "--frozen", tmp_path / "frozen.jsonl")
        again = script(
            "run_agent.py", *models, *where, "--style", "tools", "--samples", 3, "--out", tmp_path / "again"
        )
        assert again.returncode == 0, again.stderr
        assert len(endpoint.requests) == asked
    replayed = [e["steps"] for e in read_jsonl(tmp_path / "again" / "episodes.jsonl")]
    assert replayed == [e["steps"] for e in rows(tmp_path, "episodes")]
    assert [e["sample"] for e in rows(tmp_path, "episodes")] == [0, 1, 2]
    assert script("score.py", tmp_path / "run").returncode == 0
    assert all(v["overall"] and not v["findings"] for v in rows(tmp_path, "verdicts"))


@pytest.mark.parametrize(("flags", "sent"), [([], 50), (["--max_tokens", 77], 77)])
def test_what_the_manifest_says_of_the_student_is_what_is_sent(tmp_path, flags, sent):
    write_tasks(tmp_path, [task("tides/0", "High tide at Dover?")])
    (tmp_path / "models.yaml").write_text("student: {model: openai/s, max_tokens: 50}", encoding="utf-8")
    with serve(lambda body: DONE) as endpoint:
        done = run_agent(tmp_path, endpoint.url, "--models", tmp_path / "models.yaml", *flags)
    assert done.returncode == 0, done.stderr
    stages = json.loads((tmp_path / "run" / "manifest.json").read_text())["stages"]
    assert [r["max_tokens"] for r in endpoint.requests] == [sent]
    assert stages["run_agent"]["config"]["max_tokens"] == sent


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tasks", "nowhere"], "nowhere does not exist"),
        (["--tasks", "{tmp}/frozen.jsonl"], "frozen.jsonl"),
        (["--tasks", "{tmp}", "--concurrency", "0"], "--concurrency 0"),
        (["--tasks", "{tmp}", "--model", "hf/{tmp}/none"], "none"),
        (["--tasks", "{tmp}", "--credential", "x=Y"], "--credential"),
        (["--tasks", "{tmp}", "--samples", "0"], "at least 1"),
        (["--tasks", "{tmp}", "--style", "tools", "--model", "offline"], "ReAct"),
        (["--tasks", "{tmp}", "--model", "gpt"], "unknown model"),
        (["--tasks", "{tmp}", "--executor", "frozen"], "--frozen FILE"),
        (["--tasks", "{tmp}", "--executor", "frozen", "--frozen", "nowhere"], "nowhere does not exist"),
        (["--tasks", "{tmp}", "--executor", "frozen", "--frozen", "{tmp}"], "is a folder"),
        (["--tasks", "{tmp}", "--executor", "frozen", "--frozen", "{tmp}/tasks.jsonl"], "lacks 'request'"),
        (["--tasks", "{tmp}", "--models", "{tmp}"], "is a folder"),
    ],
)
def test_mistakes_get_one_line(tmp_path, arguments, message):
    write_tasks(tmp_path, [task("tides/0", "High tide at Dover?")])
    arguments = [a.replace("{tmp}", str(tmp_path)) for a in arguments]
    done = script("run_agent.py", "--out", tmp_path / "run", *arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()  # the same --out serves the next try


CARD = """---
configs:
- config_name: tasks
  data_files: [{split: test, path: tasks/*.parquet}]
- config_name: toolset
  data_files: [{split: train, path: toolset/*.parquet}]
---
"""


@pytest.mark.parametrize("where", [".", "dataset"])
def test_tasks_of_a_dataset_are_those_of_the_run(tmp_path, where):
    write_tasks(tmp_path, [task("tides/0", "High tide at Dover?"), task("tides/1", "And at Deal?")])
    expected = load_tasks(tmp_path)
    folder = tmp_path / "built" / where
    folder.mkdir(parents=True)
    for name in ("tasks", "toolset"):
        columns = datasets.Dataset.from_json(
            str(tmp_path / f"{name}.jsonl"), cache_dir=str(tmp_path / "cache")
        )
        (folder / name).mkdir()
        columns.to_parquet(folder / name / "0.parquet")
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    tasks, tools = load_tasks(tmp_path / "built")
    assert tasks == expected[0]
    assert [t.tool_id for t in tools] == ["tides"]
    assert [p.name for p in tools[0].functions[0].parameters] == ["harbour", "days"]


def test_the_tasks_file_of_a_run_is_read_with_the_toolset_beside_it(tmp_path):
    write_tasks(tmp_path, [task("tides/0", "High tide at Dover?")])
    assert load_tasks(tmp_path / "tasks.jsonl") == load_tasks(tmp_path)


def test_a_task_without_its_tool_is_an_error(tmp_path):
    write_tasks(tmp_path, [task("tides/0", "High tide at Dover?")])
    (tmp_path / "toolset.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(ToolAlpacaError, match="'tides', which is not there"):
        load_tasks(tmp_path)
