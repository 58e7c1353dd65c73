"""Files of the original project: every shape is read, nothing is lost, and they come back as they were."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from toolalpaca.dataset import build
from toolalpaca.evaluation import gold_lint
from toolalpaca.files import read_jsonl
from toolalpaca.original import export, importing
from toolalpaca.original.reading import has_own_tasks, import_apis, read_original
from toolalpaca.schema import Episode, Outcome, ToolAlpacaError, from_row

SCRIPT = Path(__file__).parents[2] / "generate" / "import_toolalpaca.py"
DATA = Path(__file__).parents[2].parent / "shared" / "data" / "toolalpaca"
PUBLISHED = ["eval_real.json", "eval_simulated.json", "runs/toolalpaca-7b.simulated.json"]

SPEC = json.dumps(
    {
        "openapi": "3.0.0",
        "info": {"title": "Facts", "version": "1"},
        "paths": {
            "/fact": {
                "get": {
                    "operationId": "getFact",
                    "description": "One fact.",
                    "parameters": [
                        {"name": "n", "in": "query", "required": True, "schema": {"type": "integer"}},
                        {"name": "kind", "in": "query", "schema": {"type": "string", "enum": ["old", "new"]}},
                    ],
                    "responses": {"200": {"description": "OK"}},
                }
            }
        },
    }
)
GOOD = {
    "Name": "Facts",
    "Description": "Facts about dogs",
    "Link": "",
    "Category": "Animals",
    "Introduction": "Facts.",
    "Documentation": SPEC,
    "NLDocumentation": "getFact: One fact.\nParameters: {}",
    "Function_Description": {"getFact": "One fact.\nParameters: {}", "components": "none"},
    "Function_Projection": {"getFact": ["/fact", "get"]},
    "Instructions": ["Tell me fact 3", "Tell me fact 4", "Any fact?", "Last one"],
    "Golden_Answers": [
        [{"Action": "getFact", "Action_Input": '{"n": 3}'}],
        [
            {
                "Action": "[Optional]getFact",
                "Action_Input": '{"n": ${a number}, "size": 1, "kind": "middle"}',
            },
            {"Action": "getFact", "Action_Input": '{"n": "many"}'},
        ],
        [{"Action": "findFact", "Action_Input": '{"n": "n": 1}'}],
        [],
    ],
}


def step(function, given, response="Status Code: 200. Response: {}", thought="I look."):
    log = f" {thought}\nASSISTANT Action: {function}\nASSISTANT Action Input: {given}"
    return [[function, given, log], response]


def instance(text, *steps, output="Done.", **more):
    return {
        "input": text,
        "output": output,
        "Final Thought": "I know.",
        "intermediate_steps": [*steps],
        **more,
    }


RESULTS = {
    **GOOD,
    "Instances": [
        instance("Tell me fact 3", step("getFact", '{"n": 3}')),
        {"error": "Could not parse LLM output: ` I will look it up`"},
        {"error": "Rate limit reached for requests"},
        "something went wrong",
    ],
}
ODD = [
    {**GOOD, "Authentication": {"key": "k"}, "external_tools": ["retrieval"], "unknown": [1.5, None]},
    {
        "Name": "Facts",
        "Category": "Animals",
        "Documentation": "{no json",
        "NLDocumentation": 'getFact: One.\nParameters: {"n": "Required. integer. How many."}\nOutput: it.',
        "Instructions": [None, {"a": 1}],
        "Golden_Answers": ["none", [{"Action": "getFact", "Action_Input": {"n": 2}}], []],
        "Instances": [
            instance("short ones", [["getFact", '{"n": 1}', "x"]], [], ["lonely"], [["getFact"], "late"]),
            json.dumps(instance("as a text", step("getFact", "not json", "Unreadable."))),
            None,
            5,
            {"input": "", "output": "", "extra": 1, "intermediate_steps": "none"},
            instance(
                "Too long", step("nope", {"a": 1}, None), output="Agent stopped due to iteration limit."
            ),
            instance("caf\ud800", step("getFact", '{"n": 1e999}')),
        ],
    },
    {
        "Name": "犬",
        "Function_Description": {"a": "does a", "c": 5},
        "Function_Projection": {"a": ["/a", "GET"], "d": [{"no": "path"}, None]},
    },
    {**GOOD, "Instructions": None, "Golden_Answers": None, "Instances": None, "Function_Projection": None},
]


def write(path, apis):
    path.write_text(json.dumps(apis))
    return path


def run_script(*arguments):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def check_identity(path, tmp_path):
    """import -> export gives the file, and importing that gives the same run."""
    importing.import_file(path, tmp_path / "a", "model")
    exported = export.export_original(tmp_path / "a")
    source = json.loads(path.read_text())
    assert json.dumps(exported) == json.dumps(source if isinstance(source, list) else [source])
    importing.import_file(write(tmp_path / "again.json", exported), tmp_path / "b", "model")
    for file in (tmp_path / "a").glob("*.jsonl"):
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name


HALF = json.dumps("half a pair: \ud83d")[1:-1]  # as an escape, which a specification may hold
BENT = [
    {
        **RESULTS,
        "Functions": "1. Name: getFact",
        "Documentation": SPEC.replace("One fact.", HALF).replace(
            '"schema"', f'"description": "{HALF}", "schema"'
        ),
    },
    {**GOOD, "Name": None, "Category": None, "Instances": {"input": "x"}, "Golden_Answers": "[[]]"},
    {**GOOD, "Name": 5, "Instructions": "Tell me fact 3", "Golden_Answers": 7},
    {"Name": "Given up", "Description": "An API that got no documentation"},
]


# as the original evaluation script reads it too
UNDER_API = {"API" if key == "Name" else key: value for key, value in RESULTS.items()}


@pytest.mark.parametrize(
    "apis",
    [[GOOD], [RESULTS], ODD, GOOD, BENT, [UNDER_API]],
    ids=["good", "results", "odd", "single", "bent", "under_api"],
)
def test_import_export_import_is_the_identity(apis, tmp_path):
    check_identity(write(tmp_path / "file.json", apis), tmp_path)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_files_come_back_as_they_were(name, tmp_path):
    if not (DATA / name).is_file():
        pytest.skip("the published ToolAlpaca files are not here")
    check_identity(DATA / name, tmp_path)


def test_a_name_may_stand_under_api(tmp_path):
    (tool,) = import_apis(read_original(write(tmp_path / "file.json", [UNDER_API]))).tools
    assert tool.name == RESULTS["Name"]


def test_lists_and_names_of_other_kinds_are_told_and_the_rest_is_read():
    imported = import_apis(BENT)
    assert [tool.name for tool in imported.tools] == ["Facts", "", "5", "Given up"]
    assert [len([i for i in imported.instructions if i.tool_id == t.tool_id]) for t in imported.tools] == [
        4,
        4,
        0,
        0,
    ]
    gold = [task for task in imported.tasks if task.tool_id == imported.tools[1].tool_id]
    assert len(gold) == 1  # from a text that holds a list
    told = "\n".join(imported.notes)
    for note in ("Instances is no list but dict", "Instructions is no list but str", "without a name"):
        assert note in told


def test_a_build_of_imported_instances_adds_no_gold_to_the_export(tmp_path):
    asked = [f"Tell me fact {n}" for n in range(6)]
    acted = [instance(text, step("getFact", json.dumps({"n": n}))) for n, text in enumerate(asked)]
    train = {k: v for k, v in GOOD.items() if k != "Golden_Answers"} | {
        "Instructions": asked,
        "Instances": acted,
    }
    apis = [train | {"Name": name} for name in ("Facts", "More", "Others")]
    importing.import_file(write(tmp_path / "train.json", apis), tmp_path / "run", "model")
    _, record = build.build(tmp_path / "run", build.Options(test_tools=1), workers=1, say=lambda _: None)
    assert record["tasks"] and (tmp_path / "run" / "tasks.jsonl").is_file()
    assert export.export_original(tmp_path / "run") == apis


def test_inputs_that_only_the_original_tools_could_read(tmp_path):
    asked = ["Tell me fact 3", "Tell me fact 4"]
    acted = [
        instance(asked[0], step("getFact", 'Here: ```json\n{"n": 3}\n```')),
        instance(asked[1], step("getFact", "n is four")),
    ]
    train = {k: v for k, v in GOOD.items() if k != "Golden_Answers"} | {
        "Instructions": asked,
        "Instances": acted,
    }
    importing.import_file(write(tmp_path / "train.json", [train]), tmp_path / "run", "model")
    folder, record = build.build(tmp_path / "run", build.Options(), workers=1, say=lambda _: None)
    assert record["rows"]["sft"] == {"train": 2} and record["rows"]["sft_tools"] == {"train": 1}
    assert record["skipped"] == {"sft_tools": {"unreadable_input": 1}}
    card = (folder / "README.md").read_text()
    assert "1 unreadable_input" in card
    assert "versions" in card.partition("## Provenance")[2] and "jsonschema " in card
    table = pq.read_table(next((folder / "sft_tools").glob("*.parquet")))
    (call,) = json.loads(table["messages"][0][2].as_py())["tool_calls"]
    assert call["function"] == {"name": "getFact", "arguments": {"n": 3}}


def test_instances_without_gold_are_unscored_and_the_others_scored(tmp_path):
    api = {**RESULTS, "Golden_Answers": [*GOOD["Golden_Answers"][:2], "none", "none"]}
    importing.import_file(write(tmp_path / "file.json", [api]), tmp_path / "run", "model")
    command = [sys.executable, str(SCRIPT.parents[1] / "eval" / "score.py"), str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    verdicts = list(read_jsonl(tmp_path / "run" / "verdicts.jsonl"))
    assert [bool(v["unscored"].startswith("no gold")) for v in verdicts] == [False, False, True, True]
    tasks = tmp_path / "run" / "tasks.jsonl"
    tasks.write_text(tasks.read_text().replace(verdicts[0]["task_id"][:-2], "another-tool"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "no episode is of a task" in done.stderr


def test_files_of_windows_editors_are_read(tmp_path):
    (tmp_path / "file.json").write_text(json.dumps([GOOD]), encoding="utf-8-sig")
    assert importing.import_file(tmp_path / "file.json", tmp_path / "a", "model").tools


def test_tasks_that_a_build_made_are_not_taken_for_the_file_s_own(tmp_path):
    importing.import_file(write(tmp_path / "file.json", [GOOD]), tmp_path / "own", "model")
    assert has_own_tasks(tmp_path / "own")
    importing.import_file(
        write(tmp_path / "b.json", [RESULTS | {"Golden_Answers": []}]), tmp_path / "b", "model"
    )
    (tmp_path / "b" / "tasks.jsonl").write_text("")
    assert not has_own_tasks(tmp_path / "b")


def test_export_shows_what_was_changed_after_the_import(tmp_path):
    importing.import_file(write(tmp_path / "file.json", [RESULTS]), tmp_path / "a", "model")
    path = tmp_path / "a" / "instances.jsonl"
    rows = list(read_jsonl(path))
    rows[1] |= {"final_output": "Repaired.", "provenance": {}}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (api,) = export.export_original(tmp_path / "a")
    assert api["Instances"][1]["output"] == "Repaired."
    assert api["Instances"][2:] == RESULTS["Instances"][2:]


def test_results_become_episodes(tmp_path):
    done = run_script(write(tmp_path / "vicuna.json", [RESULTS]), "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "note: 2 instances that carry an error" in done.stdout
    assert "note: 1 instances that are texts" in done.stdout
    episodes = [from_row(Episode, row) for row in read_jsonl(tmp_path / "run" / "episodes.jsonl")]
    assert [e.outcome for e in episodes] == [
        Outcome.ANSWERED,
        Outcome.PARSE_ERROR,
        Outcome.MODEL_FAILED,
        Outcome.EXECUTOR_FAILED,
    ]
    assert {e.model for e in episodes} == {"vicuna"}
    first = episodes[0].steps[0]
    assert (first.thought, first.function, first.input, first.status) == (
        "I look.",
        "getFact",
        '{"n": 3}',
        200,
    )
    assert "I will look it up" in episodes[1].texts[-1]
    tasks = {row["task_id"] for row in read_jsonl(tmp_path / "run" / "tasks.jsonl")}
    assert tasks == {e.task_id for e in episodes}


def test_every_shape_is_read():
    imported = import_apis(ODD, "model")
    assert len({tool.tool_id for tool in imported.tools}) == len(ODD)
    names = [[f.name for f in tool.functions] for tool in imported.tools]
    assert names == [["getFact"], ["getFact"], ["a", "d", "c"], ["getFact"]]
    assert imported.tools[1].functions[0].parameters[0].required  # read from the documentation
    assert all(f.documentation for tool in imported.tools for f in tool.functions)
    instances = [i for i in imported.instances if i.tool_id == imported.tools[1].tool_id]
    assert [len(i.steps) for i in instances] == [4, 1, 0, 0, 0, 1, 1]
    assert [s.error for s in instances[0].steps] == ["", "parse_error", "parse_error", "parse_error"]
    assert instances[1].steps[0].error == "invalid_json"
    assert instances[5].steps[0].error == "unknown_function"
    assert instances[5].outcome == Outcome.STEP_LIMIT
    assert imported.tasks[0].gold[0].input == '{"n": 3}'
    assert imported.tasks[1].gold[0].optional and imported.tasks[1].gold[0].function == "getFact"
    assert sum(n for what, n in imported.notes.items() if "fewer than two" in what) == 3
    told = "\n".join(imported.notes)
    assert all(key in told for key in ("Authentication", "external_tools", "steps are no list"))


def test_answers_without_a_status_line_count_as_answers():
    api = {**GOOD, "Instances": [instance("Tell me fact 3", step("getFact", '{"n": 3}', '{"fact": "x"}'))]}
    (row,) = import_apis([api]).instances
    assert row.steps[0].status == 200
    assert row.labels == ["single_call"]


def test_lint_lists_what_is_wrong_with_gold():
    imported = import_apis([{**GOOD, "Golden_Answers": [*GOOD["Golden_Answers"], "none", None]}], "")
    findings = gold_lint.lint(imported.tools, imported.tasks, imported.unread_gold)
    assert gold_lint.summary(findings, imported.tasks).startswith("lint: 8 findings in 5 of 6 tasks")
    found = {(f.task_id[-1], f.kind) for f in findings}
    assert found == {
        ("1", "unknown_parameter"),
        ("1", "enum_value"),
        ("1", "wrong_type"),
        ("2", "unknown_function"),
        ("2", "not_json"),
        ("3", "no_gold"),
        ("4", "no_task"),
        ("5", "no_task"),
    }


def test_lint_of_the_published_file():
    if not (DATA / "eval_real.json").is_file():
        pytest.skip("the published ToolAlpaca files are not here")
    imported = import_apis(json.loads((DATA / "eval_real.json").read_text()))
    kinds = [finding.kind for finding in gold_lint.lint(imported.tools, imported.tasks)]
    assert kinds.count("unknown_function") == 6
    assert kinds.count("not_json") == 4


def test_bad_files_get_one_line_and_leave_nothing(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    cases = {
        "missing.json": None,
        "text.json": "not json",
        "apis.json": json.dumps({"count": 1, "entries": []}),
        "empty.json": "[]",
        "numbers.json": "[1, 2]",
        "number.json": "5",
        "nameless.json": json.dumps([{"Instances": []}]),
        "list.json": json.dumps([{"Name": "Facts", "Description": "Facts about dogs"}]),
        "judged.json": json.dumps({"statistics": {}, "Facts": []}),
    }
    for name, text in cases.items():
        if text is not None:
            (tmp_path / name).write_text(text)
        with pytest.raises(ToolAlpacaError, match=name) as failure:
            importing.import_file(tmp_path / name, tmp_path / "run", "model")
        assert "\n" not in str(failure.value)
        assert not (tmp_path / "run").exists(), name
    done = run_script(write(tmp_path / "good.json", [GOOD]), "--out", other)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    assert [p.name for p in other.iterdir()] == ["notes.txt"]
    importing.import_file(tmp_path / "good.json", tmp_path / "run", "a")
    with pytest.raises(ToolAlpacaError, match="holds the import of good"):
        importing.import_file(write(tmp_path / "odd.json", ODD), tmp_path / "run", "a")


CALL = ("getTides", '{"harbour": "Dover"}', "I look.\nASSISTANT Action: getTides")


@pytest.mark.parametrize(
    "step",
    [
        [list(CALL), "06:42"],
        [{"tool": CALL[0], "tool_input": {"harbour": "Dover"}, "log": CALL[2]}, "06:42"],
        {"action": CALL[0], "action_input": CALL[1], "thought": CALL[2], "observation": "06:42"},
        {"action": {"tool": CALL[0], "tool_input": CALL[1], "log": CALL[2]}, "observation": "06:42"},
        json.dumps([list(CALL), "06:42"]),
    ],
)
@pytest.mark.parametrize("written", [lambda x: x, json.dumps, repr])
def test_steps_in_other_forms(step, written):
    instance = written({"intermediate_steps": [step], "output": "At 06:42."})
    api = {"Name": "Tides", "Description": "", "Instructions": ["When?"], "Instances": [instance]}
    (episode,) = import_apis([api]).episodes
    (found,) = episode.steps
    assert (found.function, json.loads(found.input), found.thought, found.response) == (
        "getTides", {"harbour": "Dover"}, "I look.", "06:42",
    )  # fmt: skip
    assert episode.final_output == "At 06:42."
