"""The dataset folder as its users meet it: loaded in a fresh process, split by API, the same every time."""

import json
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import corpus
import datasets
import pytest

from toolalpaca.dataset import build, figures, holdout
from toolalpaca.dataset.decontaminate import Decontaminator, near_duplicate, read_excluded
from toolalpaca.files import read_jsonl, write_jsonl
from toolalpaca.original import export, importing
from toolalpaca.runs import manifest
from toolalpaca.schema import ToolAlpacaError, to_row

SCRIPT = Path(__file__).parents[2] / "generate" / "build_dataset.py"
CONFIGS = ("toolset", "instances", "sft", "sft_tools", "tasks")

READER = """
import json, sys
from datasets import load_dataset
folder, cache = sys.argv[1:]
found = {}
for config in sys.argv[0:0] or ("toolset", "instances", "sft", "sft_tools", "tasks"):
    whole = load_dataset(folder, config, cache_dir=cache)
    for split, rows in whole.items():
        streamed = list(load_dataset(folder, config, split=split, streaming=True, cache_dir=cache))
        assert streamed == list(rows), (config, split)
        found[f"{config}/{split}"] = streamed
print(json.dumps(found))
"""


def run_script(*arguments, **options):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = corpus.write_run(tmp_path_factory.mktemp("run"), tools=13)
    done = run_script(folder)
    assert done.returncode == 0, done.stderr
    assert f"dataset: {folder / 'dataset'}" in done.stdout
    return folder


@pytest.fixture(scope="module")
def loaded(run, tmp_path_factory):
    """Rows by `config/split`, as a fresh process reads them."""
    command = [sys.executable, "-c", READER, str(run / "dataset"), str(tmp_path_factory.mktemp("cache"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def built(folder, **options):
    return build.build(folder, build.Options(**options), workers=1, say=lambda _: None)


def test_nothing_of_a_test_tool_is_in_training(loaded):
    for config in ("toolset", "instances", "sft", "sft_tools"):
        train = {row["tool_id"].split("~")[0] for row in loaded[f"{config}/train"]}
        test = {row["tool_id"].split("~")[0] for row in loaded[f"{config}/test"]}
        assert train and test
        assert not train & test
    held = {row["tool_id"] for row in loaded["toolset/test"]}
    assert {task["tool_id"] for task in loaded["tasks/test"]} <= held


def test_every_row_arrives(run, loaded):
    rows = loaded["instances/train"] + loaded["instances/test"]
    source = {row["instance_id"]: row for row in read_jsonl(run / "instances.jsonl")}
    assert {row["instance_id"] for row in rows} == set(source)
    for row in rows:
        row["steps"] = row.pop("actions")
        counted = ("calls", "failed_calls", "instruction_words", "output_words")
        assert {k: v for k, v in row.items() if k not in counted} == source[row["instance_id"]]
    tools = {row["tool_id"]: row for row in read_jsonl(run / "toolset.jsonl")}
    for row in loaded["toolset/train"]:
        assert row == tools[row["tool_id"]]  # schemas of parameters too, without invented nulls
    assert loaded["tasks/test"] == list(read_jsonl(run / "tasks.jsonl"))


def test_native_calls_come_back_without_invented_nulls(loaded):
    for row in loaded["sft_tools/train"]:
        assert "tool_calls" not in row["messages"][0]
        for message in row["messages"]:
            assert None not in message.values()
            for call in message.get("tool_calls", []):
                assert set(call["function"]["arguments"]) in ({"place"}, {"itemId"}, {"Question"})
        assert all(set(tool) == {"type", "function"} for tool in row["tools"])


def test_numbers_survive_arrow(tmp_path):
    tool = corpus.tool(1)
    instances = corpus.instances(tool, 3)
    arguments = {"tiny": 1e-13, "sum": 0.1 + 0.2, "large": 2**63, "none": None, "list": [1.5, 2], "empty": {}}
    instances[1].steps[0].input = json.dumps(arguments)
    write_jsonl(tmp_path / "toolset.jsonl", [to_row(tool)])
    write_jsonl(tmp_path / "instances.jsonl", map(to_row, instances))
    built(tmp_path)
    from datasets import load_dataset

    rows = load_dataset(str(tmp_path / "dataset"), "sft_tools", split="train", cache_dir=str(tmp_path / "c"))
    (row,) = [r for r in rows if r["instance_id"] == instances[1].instance_id]
    calls = [call for message in row["messages"] for call in message.get("tool_calls", [])]
    assert calls[0]["function"]["arguments"] == arguments


def test_decimal_fractions_come_back_as_they_were():
    from datasets import Json

    from toolalpaca.dataset.features import json_text

    rng = random.Random(0)
    values = [0.3, 0.95, -6.56, 1.7, 29.889621, -0.0, 0.0, 1e-13, 1e22, 2.5e-7, True, 1, 2**63]
    values += [round(rng.uniform(-500, 500), rng.randrange(1, 9)) for _ in range(2000)]
    assert Json().decode_example("0.3") != 0.3  # or else `spelled` is needed no more
    text = json_text({"list": values, "text": "0.3 and \ue000", "more": {"x": 0.3}})
    for back in (Json().decode_example(text), json.loads(text)):
        assert repr(back["list"][:-1]) == repr([*values[:12], float(2**63), *values[13:]][:-1])
        assert back["text"] == "0.3 and \ue000" and back["more"] == {"x": 0.3}
    assert json_text({"a": 0.5, "b": 12.25}) == '{"a": 0.5, "b": 12.25}'


def test_same_seed_same_bytes_and_another_seed_another_split(run, tmp_path, monkeypatch):
    from toolalpaca.dataset import builder

    other = shutil.copytree(run, tmp_path / "other", ignore=shutil.ignore_patterns("dataset", "tasks.jsonl"))
    first, _ = built(run)
    monkeypatch.setattr(builder, "PARALLEL_FROM", 1)  # and in how many processes does not matter
    second, record = build.build(other, build.Options(), workers=2, say=lambda _: None)
    monkeypatch.undo()
    names = sorted(str(p.relative_to(first)) for p in first.rglob("*") if p.is_file())
    assert names == sorted(str(p.relative_to(second)) for p in second.rglob("*") if p.is_file())
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
        assert str(tmp_path).encode() not in (second / name).read_bytes(), name
    _, changed = built(other, seed=5)
    assert changed["test_tools"] != record["test_tools"]


def test_second_build_does_nothing_and_a_change_rebuilds(run):
    before = (run / "dataset" / "README.md").stat().st_mtime_ns
    done = run_script(run)
    assert "nothing changed" in done.stdout
    assert (run / "dataset" / "README.md").stat().st_mtime_ns == before
    shard = next((run / "dataset" / "sft").glob("train-*.parquet"))
    content = shard.read_bytes()
    shard.write_bytes(content[:-1])
    _, record = built(run)
    assert record["fresh"]
    assert next((run / "dataset" / "sft").glob("train-*.parquet")).read_bytes() == content


def test_shards(run, tmp_path, monkeypatch):
    from toolalpaca.dataset.builder import RunBuilder

    monkeypatch.setattr(RunBuilder, "DEFAULT_WRITER_BATCH_SIZE", 20)  # a shard ends at a batch's end
    other = shutil.copytree(run, tmp_path / "other", ignore=shutil.ignore_patterns("dataset", "tasks.jsonl"))
    with pytest.raises(ToolAlpacaError, match="such as 200MB"):
        built(other, max_shard_size="lots")
    built(other, max_shard_size="100KB")
    shards = sorted(p.name for p in (other / "dataset" / "sft").glob("train-*"))
    assert len(shards) > 1
    assert shards[-1] == f"train-{len(shards) - 1:05d}-of-{len(shards):05d}.parquet"
    from datasets import load_dataset

    rows = load_dataset(str(other / "dataset"), "sft", split="train", cache_dir=str(tmp_path / "c"))
    assert len(rows) == json.loads((other / "dataset" / "build.json").read_text())["rows"]["sft"]["train"]


def test_builder_works_on_a_run_folder(run, tmp_path):
    from toolalpaca.dataset.builder import RunBuilder

    builder = RunBuilder(config_name="tasks", run=run, cache_dir=str(tmp_path))
    builder.download_and_prepare()
    assert [row["task_id"] for row in builder.as_dataset("test")] == [
        row["task_id"] for row in read_jsonl(run / "tasks.jsonl")
    ]


def test_card(run):
    from huggingface_hub import DatasetCard

    card = DatasetCard.load(run / "dataset" / "README.md")
    assert card.data.language == ["en"]
    assert card.data.license == "apache-2.0"
    assert [c["config_name"] for c in card.data.configs] == list(CONFIGS)
    assert [c["config_name"] for c in card.data.configs if c.get("default")] == ["sft"]
    info = {entry["config_name"]: entry for entry in card.data.dataset_info}
    for config in card.data.configs:
        for files in config["data_files"]:
            assert list((run / "dataset").glob(files["path"])), files
        assert info[config["config_name"]]["features"]
    text = card.text
    assert "embedded teacher" in text.strip()[:400]
    for picture in ("figure4.png", "categories.png"):
        assert f"figures/{picture}" in text
        assert (run / "dataset" / "figures" / picture).read_bytes().startswith(b"\x89PNG")
    for told in ("too_many_steps", "server_error", "2306.05301", "Provenance", "parse_error", "3,938", "4.7"):
        assert told in text, told
    assert "{{" not in text and "{%" not in text
    assert text.count("\n> **") >= 2 and "Instances, as they are" in text


def test_rows_of_instances_say_what_one_may_filter_by(run):
    rows = datasets.load_dataset(str(run / "dataset"), "instances", split="train")
    for row in rows:
        assert row["calls"] == sum(action["error"] != "parse_error" for action in row["actions"])
        assert row["failed_calls"] == sum(bool(a["error"]) or a["status"] >= 300 for a in row["actions"])
        assert row["instruction_words"] == len(row["instruction"].split())
        assert row["output_words"] == len(row["final_output"].split())
    assert any(rows["failed_calls"]) and not all(rows["failed_calls"])


def test_card_of_another_teacher_does_not_speak_of_the_embedded_one(tmp_path):
    tool = corpus.tool(1)
    rows = [to_row(i) for i in corpus.instances(tool, 2)]
    for row in rows:
        row["provenance"] = {
            "assistant": "openai/gpt-4o",
            "user": "openai/gpt-4o",
            "executor": "openai/gpt-4o",
        }
    write_jsonl(tmp_path / "toolset.jsonl", [to_row(tool)])
    write_jsonl(tmp_path / "instances.jsonl", rows)
    folder, record = built(tmp_path)
    text = (folder / "README.md").read_text()
    assert "openai/gpt-4o" in text
    assert "mbedded" not in text.split("## Provenance")[0]
    assert record["test_tools"] == []  # one tool alone is not held out


def test_card_says_which_parts_the_embedded_teacher_made(tmp_path):
    tool = corpus.tool(1)
    rows = [to_row(i) for i in corpus.instances(tool, 2)]
    for row in rows:
        row["provenance"] |= {"assistant": "openai/gpt-4o"}
    write_jsonl(tmp_path / "toolset.jsonl", [to_row(tool)])
    write_jsonl(tmp_path / "instances.jsonl", rows)
    folder, _ = built(tmp_path)
    start = " ".join((folder / "README.md").read_text().split("# ToolAlpaca")[1].split())[:400]
    assert "not by a language model" in start
    assert "tool responses" in start and "openai/gpt-4o" in start


def test_card_of_an_imported_evaluation_file(tmp_path):
    api = corpus_api()
    (tmp_path / "eval.json").write_text(json.dumps([api]))
    importing.import_file(tmp_path / "eval.json", tmp_path / "run", "eval")
    folder, _ = built(tmp_path / "run")
    text = (folder / "README.md").read_text()
    assert "Imported from `eval.json`" in text and "1 instructions with gold actions" in text
    assert "0 instances" not in text and "figure4" not in text
    assert "1 APIs with Authentication" in text  # what could not be taken as it stands
    manifest.update(tmp_path / "run" / "manifest.json", "score", {"commit": "1" * 40})
    assert not built(tmp_path / "run")[1]["fresh"]  # an evaluation of the run does not change its dataset


@pytest.mark.parametrize(("model", "told"), [("results", False), ("vicuna-7b", True)])
def test_card_of_imported_instances_names_who_made_them_where_that_is_known(tmp_path, model, told):
    instances = corpus.instances(corpus.tool(1), 3)
    asked = [instance.instruction for instance in instances]
    (tmp_path / "results.json").write_text(
        json.dumps([export.to_original(corpus.tool(1), asked, {}, instances)])
    )
    importing.import_file(tmp_path / "results.json", tmp_path / "run", model)
    folder, _ = built(tmp_path / "run")
    start = (folder / "README.md").read_text().split("## Load it")[0].split("# ToolAlpaca")[1]
    assert "Imported from `results.json`" in start and "Made by" not in start
    assert (f"made by {model}." in start) == told


def corpus_api():
    tool = corpus.tool(1)
    gold = [{"Action": tool.functions[0].name, "Action_Input": "{}"}]
    return export.to_original(tool, ["Which are there in Lima?"], {}, []) | {
        "Authentication": {},
        "Golden_Answers": [gold],
    }


def test_training_does_not_resemble_held_out_tasks(run, tmp_path):
    other = shutil.copytree(run, tmp_path / "other", ignore=shutil.ignore_patterns("dataset", "tasks.jsonl"))
    held = list(read_jsonl(run / "tasks.jsonl"))
    rows = list(read_jsonl(other / "instances.jsonl"))
    test_tools = {task["tool_id"] for task in held}
    train = [row for row in rows if row["tool_id"] not in test_tools]
    train[0]["instruction"] = held[0]["instruction"].replace("?", " today?")
    train[1]["instruction"] = "Well then, " + " ".join(held[1]["instruction"].split()[:11]) + " maybe so"
    write_jsonl(other / "instances.jsonl", rows)
    _, record = built(other, max_overlap=0.3)
    assert sum(record["removed"].values()) == 2
    text = (other / "dataset" / "README.md").read_text()
    assert "shared_8grams" in text
    kept = json.loads((other / "dataset" / "build.json").read_text())["rows"]["sft"]["train"]
    assert kept == len(train) - 2


def test_excluded_evaluation_file_is_kept_out(run, tmp_path):
    other = shutil.copytree(run, tmp_path / "other", ignore=shutil.ignore_patterns("dataset", "tasks.jsonl"))
    rows = list(read_jsonl(other / "instances.jsonl"))
    tools = list(read_jsonl(other / "toolset.jsonl"))
    evaluation = [
        {"Name": tools[3]["name"], "Instructions": [rows[0]["instruction"]], "Golden_Answers": [[]]}
    ]
    (tmp_path / "eval.json").write_text(json.dumps(evaluation))
    folder, record = built(other, exclude=str(tmp_path / "eval.json"))
    counts = Counter(row["tool_id"] for row in rows)
    total = record["rows"]["instances"]["train"] + record["rows"]["instances"]["test"]
    assert total <= len(rows) - counts[tools[3]["tool_id"]]
    assert "eval.json" not in (folder / "README.md").read_text()
    assert "1 of them from a given evaluation file" in " ".join((folder / "README.md").read_text().split())
    for content, told in [
        (b"[1]", "expected tools"),
        (b"\x93\x00", "UTF-8"),
        (b'[{"Name": "a", "Instances": "b"}]', "lists"),
        (b'[{"Name": "a", "Instructions": null}]', "no instruction"),
    ]:
        (tmp_path / "bad.json").write_bytes(content)
        with pytest.raises(ToolAlpacaError, match=told):
            built(other, exclude=str(tmp_path / "bad.json"))


def test_a_file_that_excludes_every_tool_is_refused(run, tmp_path):
    other = shutil.copytree(run, tmp_path / "other", ignore=shutil.ignore_patterns("dataset", "tasks.jsonl"))
    tools = [{"tool_id": t["tool_id"], "instruction": "Any."} for t in read_jsonl(run / "toolset.jsonl")]
    write_jsonl(tmp_path / "all.jsonl", tools)
    with pytest.raises(ToolAlpacaError, match="names them all"):
        built(other, exclude=str(tmp_path / "all.jsonl"))


def test_a_result_file_can_be_excluded_too(tmp_path):
    results = [
        {"Name": "Facts", "Instances": [{"input": "What is the tallest tree of Lima?"}, {"error": "x"}]}
    ]
    (tmp_path / "results.json").write_text(json.dumps(results))
    held = read_excluded(tmp_path / "results.json")
    assert held.reason("What is the tallest tree of Lima, please?") == "near_duplicate"
    assert held.holds_tool("any", "facts")
    results[0]["Instructions"] = ["What is the oldest tree of all?", "Another?"]  # not what it was asked
    (tmp_path / "results.json").write_text(json.dumps(results))
    assert read_excluded(tmp_path / "results.json").reason("What is the tallest tree of Lima, please?")


def test_a_held_out_task_that_a_longer_text_quotes_is_found():
    task = "Please find all the upcoming concerts in Berlin next weekend and tell me the ticket price"
    before = (
        "I am new in town. My sister visits me for her birthday and loves music a lot, so we want to go out "
        "together somewhere nice. It has been a long day and I am in a hurry."
    )
    held = Decontaminator()
    held.hold(task)
    assert held.reason(f"{before} {task}.") == "shared_8grams"
    assert held.reason(f"{before} Please find all the upcoming concerts in Berlin for us both.") == ""
    whole = Decontaminator(max_overlap=1.0)
    whole.hold(task)
    assert whole.reason(f"{before} {task}.") == ""


def test_the_index_finds_what_a_comparison_with_every_instruction_finds():
    rng = random.Random(0)
    letters = "abcdefghijklmn"
    for _ in range(1500):
        texts = [[rng.choice(letters) for _ in range(rng.randrange(1, 14))] for _ in range(3)]
        held = Decontaminator()
        for text in texts:
            held.hold(" ".join(text))
        asked = list(rng.choice(texts))
        for _ in range(rng.randrange(4)):
            asked.insert(rng.randrange(len(asked) + 1), rng.choice(letters))
        near = any(near_duplicate(asked, text) for text in texts)
        assert bool(held.reason(" ".join(asked))) >= near, (asked, texts)


def test_lines_of_a_tasks_file_end_at_newlines_alone(tmp_path):
    tasks = [
        {"tool_id": "a", "instruction": f"Find {what}\u2028 for me\x85 now."} for what in ("trees", "seas")
    ]
    write_jsonl(tmp_path / "tasks.jsonl", tasks)
    assert read_excluded(tmp_path / "tasks.jsonl").instructions == 2


def test_students_are_not_taught_functions_that_their_prompt_does_not_name(run, tmp_path):
    other = shutil.copytree(run, tmp_path / "other", ignore=shutil.ignore_patterns("dataset", "tasks.jsonl"))
    told = []
    _, record = build.build(other, build.Options(builtins=""), workers=1, say=told.append)
    asking = sum(
        any(step["function"] == "getDetails" for step in row["steps"])
        for row in read_jsonl(other / "instances.jsonl")
    )
    assert record["skipped"]["sft"] == record["skipped"]["sft_tools"] == {"undocumented_function": asking}
    assert any(f"skipped {asking} undocumented_function" in line for line in told)
    assert f"{asking} undocumented_function" in (other / "dataset" / "README.md").read_text()


def test_mistakes_get_one_line(run, tmp_path):
    for arguments, told in [
        ([tmp_path / "nowhere"], "toolset.jsonl does not exist"),
        ([run, "--max_overlap", "2"], "between 0 and 1"),
        ([run, "--private"], "--push_to_hub"),
        ([run, "--exclude", tmp_path / "none.json"], "does not exist"),
        ([run, "--builtins", "getMagic"], "getMagic"),
    ]:
        done = run_script(*arguments)
        assert done.returncode == 2, arguments
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
        assert told in done.stderr
    assert not (tmp_path / "nowhere").exists()
    assert not list(run.glob(".dataset-*"))


def test_rows_that_are_no_instances_are_named(run, tmp_path):
    shutil.copy(run / "toolset.jsonl", tmp_path / "toolset.jsonl")
    rows = list(read_jsonl(run / "instances.jsonl"))
    for change, told in [
        ({"colour": "red"}, "no field colour"),
        ({"instruction": None}, "row 6: Instance.instruction should be a text, got null"),
        ({"steps": "none"}, "row 6: Instance.steps should be a list, got a text"),
        ({"final_output": None}, "row 6: Instance.final_output should be a text"),
    ]:
        write_jsonl(tmp_path / "instances.jsonl", [*rows[:5], rows[5] | change])
        with pytest.raises(ToolAlpacaError, match=told):
            built(tmp_path)
    (tmp_path / "instances.jsonl").write_bytes(b'{"instruction": "caf\xe9"}')
    with pytest.raises(ToolAlpacaError, match="line 1 is no UTF-8"):
        built(tmp_path)


@pytest.mark.parametrize("workers", [1, 2])
def test_bad_rows_are_named(run, tmp_path, monkeypatch, workers):
    from toolalpaca.dataset import builder

    monkeypatch.setattr(builder, "PARALLEL_FROM", 1)
    shutil.copy(run / "toolset.jsonl", tmp_path / "toolset.jsonl")
    rows = list(read_jsonl(run / "instances.jsonl"))
    for change, told in [
        ({"tool_id": "nobody"}, "no tool 'nobody'"),
        ({"steps": [rows[5]["steps"][0] | {"status": 2**40}]}, "a row of instances does not fit its columns"),
    ]:
        write_jsonl(tmp_path / "instances.jsonl", [*rows[:5], rows[5] | change])
        with pytest.raises(ToolAlpacaError, match=told):
            build.build(tmp_path, build.Options(), workers=workers, say=lambda _: None)
    assert {p.name for p in tmp_path.iterdir()} == {"toolset.jsonl", "instances.jsonl"}


def test_statistics_of_table_1(run):
    counted = figures.corpus_statistics(run)
    instances = list(read_jsonl(run / "instances.jsonl"))
    calls = [sum(s["error"] != "parse_error" for s in row["steps"]) for row in instances]
    assert counted["instances"] == len(instances)
    assert counted["tools"] == 13
    assert counted["functions_per_tool"] == 2
    assert counted["single_call"] == sum(c == 1 for c in calls)
    assert counted["multi_call"] == sum(c > 1 for c in calls)
    assert counted["steps_per_instance"] == round(sum(calls) / len(calls), 2)
    assert counted["filters"] == {"too_many_steps": 1}


def test_services_behind_one_gateway_are_apis_of_their_own(tmp_path):
    tools = []
    for n in range(6):
        made = corpus.tool(n)
        document = {**json.loads(made.openapi), "servers": [{"url": "https://api.example.com"}]}
        document["externalDocs"] = {"url": "https://docs.example.com"}
        link = "https://api.example.com" if n % 2 else "https://docs.example.com/"
        tools.append({**to_row(made), "link": link, "openapi": json.dumps(document)})
    assert len(set(holdout.groups(tools).values())) == 6
    listed = [{**tool, "link": "https://list.example/api"} for tool in tools]
    assert len(set(holdout.groups(listed).values())) == 1, "the list's link makes them one"


def test_a_build_without_tasks_or_with_most_tools_held_out_says_so(tmp_path):
    told: list[str] = []
    alone = tmp_path / "alone"
    corpus.write_run(alone, tools=1)
    build.build(alone, build.Options(), workers=1, say=told.append)
    assert any(line.startswith("warning: there is no test split") and "--test_tools" in line for line in told)
    told.clear()
    same = tmp_path / "same"
    corpus.write_run(same, tools=8)
    rows = [json.loads(line) for line in (same / "toolset.jsonl").open()]
    for row in rows[:6]:
        row["link"] = "https://list.example/api"
    write_jsonl(same / "toolset.jsonl", rows)
    alone_id = rows[6]["tool_id"]  # the only tool of an API of its own has nothing to make tasks of
    kept = [row for row in read_jsonl(same / "instances.jsonl") if row["tool_id"] != alone_id]
    write_jsonl(same / "instances.jsonl", kept)
    build.build(same, build.Options(test_tools=3), workers=1, say=told.append)
    assert any(re.match(r"warning: \d of 8 tools are held out", line) for line in told), told
