"""Exports, each checked by what its consumer documents."""

import json
import re
import subprocess
import sys
from pathlib import Path

import corpus
import pytest
import yaml

from toolalpaca.dataset import build, exports
from toolalpaca.files import read_jsonl, write_jsonl
from toolalpaca.original.export import export_original
from toolalpaca.original.reading import import_apis
from toolalpaca.schema import Instruction, Parameter, ToolAlpacaError, to_row

SCRIPT = Path(__file__).parents[2] / "generate" / "export_dataset.py"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = corpus.write_run(tmp_path_factory.mktemp("run"), tools=6, per_tool=10)
    build.build(folder, build.Options(), workers=1, say=lambda _: None)
    return folder


def exported(run, form):
    exports.export(run, form, run / "exports" / form)
    return run / "exports" / form


def rows_of(folder):
    return [row for split in ("train", "test") for row in read_jsonl(folder / f"{split}.jsonl")]


def test_sharegpt_as_llama_factory_reads_it(run):
    folder = exported(run, "sharegpt")
    info = json.loads((folder / "dataset_info.json").read_text())
    assert set(info) == {"toolalpaca_train", "toolalpaca_test"}
    entry = info["toolalpaca_train"]
    assert (folder / entry["file_name"]).is_file()
    assert entry["formatting"] == "sharegpt"
    tags, columns = entry["tags"], entry["columns"]
    odd = {tags["user_tag"], tags["observation_tag"]}
    even = {tags["assistant_tag"], tags["function_tag"]}
    rows = rows_of(folder)
    assert len(rows) == 60
    for row in rows:
        turns = row[columns["messages"]]
        assert isinstance(row[columns["system"]], str)
        # its converter: places alternate, and a conversation ends with the assistant
        assert len(turns) % 2 == 0
        for place, turn in enumerate(turns):
            assert turn[tags["role_tag"]] in (even if place % 2 else odd)
            if turn[tags["role_tag"]] == tags["function_tag"]:
                call = json.loads(turn[tags["content_tag"]])
                assert set(call) == {"name", "arguments"} and isinstance(call["arguments"], dict)
        # its default tool prompt: properties are objects, and enums are joined as texts
        for tool in json.loads(row[columns["tools"]]):
            assert isinstance(tool["name"], str) and isinstance(tool["description"], str)
            for schema in tool["parameters"]["properties"].values():
                assert isinstance(", ".join(schema.get("enum", [])), str)


def as_axolotl(row, config):
    """Turns and tools as its chat_template strategy makes them of a row that `datasets` loaded."""
    mapping = config["message_property_mappings"]
    by_source = {source: role for role, sources in config["roles"].items() for source in sources}
    messages = [{"role": "system", "content": row["system"]}]
    for turn in row[config["field_messages"]]:
        messages.append(
            {"role": by_source[turn[mapping["role"]]], "content": turn[mapping["content"]]}
            | ({"tool_calls": turn["tool_calls"]} if turn.get("tool_calls") is not None else {})
        )
        for call in messages[-1].get("tool_calls", []):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    tools = row["tools"]  # whatever field_tools says
    assert isinstance(tools, list) and config["field_tools"] == "tools"
    for tool in tools:
        tool["function"]["parameters"] = json.loads(tool["function"]["parameters"])
    return messages, tools


@pytest.mark.parametrize("template", ["qwen3", "llama3_1"])
def test_sharegpt_as_axolotl_reads_it(run, tmp_path, template):
    import trl
    from datasets import load_dataset
    from transformers.utils.chat_template_utils import render_jinja_template

    source = (Path(trl.__file__).parent / "chat_templates" / f"{template}.jinja").read_text()
    folder = exported(run, "sharegpt")
    (config,) = yaml.safe_load((folder / "axolotl.yaml").read_text())["datasets"]
    assert config["path"] == "axolotl/train.jsonl" and (folder / "axolotl" / "test.jsonl").is_file()
    rows = load_dataset(
        "json", data_files=str(folder / config["path"]), split="train", cache_dir=str(tmp_path)
    )
    calls = 0
    for row in rows:
        messages, tools = as_axolotl(row, config)
        assert messages[1]["role"] == "user" and messages[-1]["role"] == "assistant"
        (text,), _ = render_jinja_template([messages], tools=tools, chat_template=source, bos_token="<s>")
        assert all(f'"name": "{tool["function"]["name"]}"' in text for tool in tools)
        for message in messages:
            for call in message.get("tool_calls", []):
                calls += 1
                assert json.dumps(call["function"]["arguments"], ensure_ascii=False) in text
    assert calls


def test_sharegpt_columns_have_one_type_however_schemas_differ(run, tmp_path):
    from datasets import load_dataset

    folder = exported(run, "sharegpt")
    rows = load_dataset(
        "json", data_files=str(folder / "train.jsonl"), split="train", cache_dir=str(tmp_path)
    )
    assert list(rows) == list(read_jsonl(folder / "train.jsonl"))  # no nulls in place of absent keys


def test_enums_that_are_no_texts_are_said_in_words():
    tool = corpus.tool(1)
    tool.functions[0].parameters.append(
        Parameter("stars", "query", False, {"type": "integer", "enum": [1, 2], "description": "How good."})
    )
    from toolalpaca.dataset import training_rows

    row = training_rows.native_row(tool, corpus.instances(tool, 1)[0])
    (stars,) = [
        schema
        for tool in json.loads(exports.sharegpt_row(row)["tools"])
        for name, schema in tool["parameters"]["properties"].items()
        if name == "stars"
    ]
    assert stars == {"type": "integer", "description": "How good. One of: 1, 2."}


def test_openai_lines_fit_the_types_of_the_openai_package(run):
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
    from pydantic import TypeAdapter

    messages = TypeAdapter(list[ChatCompletionMessageParam])
    tools = TypeAdapter(list[ChatCompletionToolParam])
    rows = rows_of(exported(run, "openai"))
    assert len(rows) == 60
    for row in rows:
        assert set(row) == {"messages", "tools", "parallel_tool_calls"}
        messages.validate_python(row["messages"])
        tools.validate_python(row["tools"])
        assert row["parallel_tool_calls"] is False
        names = [tool["function"]["name"] for tool in row["tools"]]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)
        asked = None
        for message in row["messages"]:
            for call in message.get("tool_calls", []):
                assert call["function"]["name"] in names
                assert isinstance(json.loads(call["function"]["arguments"]), dict)
                asked = call["id"]
            if message["role"] == "tool":
                assert message["tool_call_id"] == asked
        assert row["messages"][-1]["role"] == "assistant" and row["messages"][-1]["content"]


def test_openai_names_stay_distinct():
    tool = corpus.tool(1)
    first, second = tool.functions
    first.name, second.name = "a.b", "a_b"
    instance = corpus.instances(corpus.tool(1), 1)[0]
    instance.steps[0].function = "a.b"
    from toolalpaca.dataset import training_rows

    row = exports.openai_row(training_rows.native_row(tool, instance))
    names = [t["function"]["name"] for t in row["tools"]]
    assert len(set(names)) == len(names)
    calls = [call for message in row["messages"] for call in message.get("tool_calls", [])]
    assert calls[0]["function"]["name"] == names[0] != "a_b" == names[1]


def test_original_format_of_a_run_of_ours_can_be_imported(run):
    apis = json.loads((exported(run, "toolalpaca") / "toolalpaca.json").read_text())
    imported = import_apis(apis)
    tools = list(read_jsonl(run / "toolset.jsonl"))
    assert [tool.name for tool in imported.tools] == [tool["name"] for tool in tools]
    assert [tool.openapi for tool in imported.tools] == [tool["openapi"] for tool in tools]
    ours = {row["instance_id"]: row for row in read_jsonl(run / "instances.jsonl")}
    for instance, row in zip(imported.instances, ours.values(), strict=True):
        assert instance.instruction == row["instruction"]
        assert instance.final_output == row["final_output"]
        readable = [s for s in row["steps"] if s["error"] != "parse_error"]
        theirs = [to_row(s) for s in instance.steps if s.error != "parse_error"]
        for key in ("thought", "function", "input", "response", "status"):
            assert [s[key] for s in theirs] == [s[key] for s in readable]


def test_dropped_instances_keep_the_others_beside_their_instructions(tmp_path):
    tool = corpus.tool(1)
    instances = corpus.instances(tool, 4)
    asked = [Instruction(i.instance_id, i.tool_id, i.instruction) for i in instances]
    write_jsonl(tmp_path / "toolset.jsonl", [to_row(tool)])
    write_jsonl(tmp_path / "instructions.jsonl", map(to_row, asked))
    write_jsonl(tmp_path / "instances.jsonl", map(to_row, [instances[0], instances[3]]))
    write_jsonl(
        tmp_path / "filtered.jsonl", [{"instance_id": instances[1].instance_id, "filter": "too_many_steps"}]
    )
    (api,) = export_original(tmp_path)
    assert api["Instructions"] == [instance.instruction for instance in instances]
    assert api["Instances"][1] == {"error": "dropped by the filter too_many_steps"}
    assert api["Instances"][2] == {"error": "no instance in the run"}
    assert [api["Instances"][n]["input"] for n in (0, 3)] == [api["Instructions"][n] for n in (0, 3)]


def test_script(run, tmp_path):
    command = [sys.executable, str(SCRIPT), str(run), "--format", "sharegpt", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "train.jsonl") in done.stdout
    assert (tmp_path / "train.jsonl").read_bytes() == (exported(run, "sharegpt") / "train.jsonl").read_bytes()


def test_a_dataset_without_conversations_cannot_be_exported(tmp_path):
    instances = corpus.instances(corpus.tool(1), 2)
    for instance in instances:
        instance.outcome = "step_limit"
    write_jsonl(tmp_path / "toolset.jsonl", [to_row(corpus.tool(1))])
    write_jsonl(tmp_path / "instances.jsonl", map(to_row, instances))
    build.build(tmp_path, build.Options(), workers=1, say=lambda _: None)
    with pytest.raises(ToolAlpacaError, match="can be trained on"):
        exports.export(tmp_path, "openai", tmp_path / "out")


def test_export_needs_a_built_dataset(tmp_path):
    write_jsonl(tmp_path / "toolset.jsonl", [to_row(corpus.tool(1))])
    command = [sys.executable, str(SCRIPT), str(tmp_path), "--format", "openai"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "build_dataset.py" in done.stderr and done.stderr.count("\n") == 1
