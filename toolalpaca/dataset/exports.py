"""The built dataset in the formats that other trainers read.

| format | files | consumer, and the rules it documents |
| --- | --- | --- |
| sharegpt | `<split>.jsonl`, `dataset_info.json` | LLaMA-Factory (data/README): human and observation at odd places, gpt and function_call at even ones, `tools` a JSON text |
| sharegpt | `axolotl/<split>.jsonl`, `axolotl.yaml` | Axolotl (chat_template): `from` and `value` mapped, `tools` a list of definitions, `tool_calls` beside a turn's text; `parameters` and `arguments` are JSON texts, which it parses |
| openai | `<split>.jsonl` | OpenAI fine-tuning: `arguments` are JSON texts, names of at most 64 letters, digits, `_`, `-`; one call a turn |
| toolalpaca | `toolalpaca.json` | the original project's own code |
"""  # noqa: E501

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toolalpaca.files import atomic_write, dumps, write_jsonl
from toolalpaca.models.native import native_name
from toolalpaca.original.export import export_original
from toolalpaca.schema import ToolAlpacaError

FORMATS = ("sharegpt", "openai", "toolalpaca")
MAX_TOOLS = 128  # limit of OpenAI's API
LLAMA_FACTORY = {
    "formatting": "sharegpt",
    "columns": {"messages": "conversations", "system": "system", "tools": "tools"},
    "tags": {
        "role_tag": "from",
        "content_tag": "value",
        "user_tag": "human",
        "assistant_tag": "gpt",
        "observation_tag": "observation",
        "function_tag": "function_call",
    },
}
AXOLOTL = """\
# goes into an Axolotl configuration
datasets:
  - path: {path}
    ds_type: json
    type: chat_template
    field_messages: conversations
    field_tools: tools
    message_property_mappings:
      role: from
      content: value
    roles:
      user: [human]
      assistant: [gpt]
      tool: [observation]
    roles_to_train: [assistant]
"""


def export(run: Path, form: str, out: Path) -> list[Path]:
    """Write `form`, one of FORMATS, into the folder `out`; returns the data files.

    Raises:
        ToolAlpacaError: the run's dataset was not built, or a row does not fit the format.
    """
    if form == "toolalpaca":
        apis = export_original(run)
        with atomic_write(out / "toolalpaca.json") as stream:
            json.dump(apis, stream, indent=1)  # escaped: imported texts may hold what UTF-8 cannot
            stream.write("\n")
        return [out / "toolalpaca.json"]
    convert = {"sharegpt": sharegpt_row, "openai": openai_row}[form]
    written = []
    for split, rows in _splits(run):
        path = out / f"{split}.jsonl"
        write_jsonl(path, map(convert, rows))
        written.append(path)
    if form == "sharegpt":
        for split, rows in _splits(run):
            write_jsonl(out / "axolotl" / f"{split}.jsonl", map(axolotl_row, rows))
        info = {f"toolalpaca_{p.stem}": {"file_name": p.name, **LLAMA_FACTORY} for p in written}
        with atomic_write(out / "dataset_info.json") as stream:
            stream.write(json.dumps(info, indent=2) + "\n")
        with atomic_write(out / "axolotl.yaml") as stream:
            stream.write(AXOLOTL.format(path=f"axolotl/{written[0].name}"))
    return written


def _splits(run: Path) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """The splits of the built `sft_tools` configuration, their rows read as they are wanted."""
    import pyarrow.parquet as pq

    from toolalpaca.dataset.features import FEATURES

    folder = run / "dataset" / "sft_tools"
    shards = sorted(folder.glob("*.parquet"))
    if not shards and (run / "dataset" / "README.md").is_file():
        raise ToolAlpacaError(f"{run / 'dataset'} has no sft_tools: no instance of the run can be trained on")
    if not shards:
        raise ToolAlpacaError(f"{folder} has no data; run generate/build_dataset.py {run} first")

    def rows(split: str) -> Iterator[dict[str, Any]]:
        for shard in (s for s in shards if s.name.startswith(f"{split}-")):
            for batch in pq.ParquetFile(shard).iter_batches(batch_size=200):
                yield from map(FEATURES["sft_tools"].decode_example, batch.to_pylist())

    for split in ("train", "test"):
        if any(s.name.startswith(f"{split}-") for s in shards):
            yield split, rows(split)


def sharegpt_row(row: dict[str, Any]) -> dict[str, Any]:
    """An `sft_tools` row in ShareGPT form. Thoughts are left out: a function call's text is only its JSON."""
    turns, system = [], ""
    for message in row["messages"]:
        if message["role"] == "system":
            system = message["content"]
        elif message["role"] == "user":
            turns.append({"from": "human", "value": message["content"]})
        elif message["role"] == "tool":
            turns.append({"from": "observation", "value": message["content"]})
        elif "tool_calls" in message:
            call = message["tool_calls"][0]["function"]
            value = dumps({"name": call["name"], "arguments": call["arguments"]})
            turns.append({"from": "function_call", "value": value})
        else:
            turns.append({"from": "gpt", "value": message["content"]})
    tools = [_plain_tool(tool["function"]) for tool in row["tools"]]
    return {"conversations": turns, "system": system, "tools": dumps(tools)}


def axolotl_row(row: dict[str, Any]) -> dict[str, Any]:
    """An `sft_tools` row for Axolotl, whose chat template writes calls as the model knows them.

    It reads tools from the column `tools` whatever `field_tools` says, so the text that LLaMA-Factory
    wants there cannot share a file with it. Schemas and arguments are texts, since one column cannot hold
    values of different types.
    """
    turns, system = [], ""
    for message in row["messages"]:
        if message["role"] == "system":
            system = message["content"]
            continue
        kind = {"user": "human", "assistant": "gpt", "tool": "observation"}[message["role"]]
        turn = {"from": kind, "value": message["content"]}
        if "tool_calls" in message:
            turn["tool_calls"] = [
                {**call, "function": {**call["function"], "arguments": dumps(call["function"]["arguments"])}}
                for call in message["tool_calls"]
            ]
        turns.append(turn)
    tools = [
        {**tool, "function": {**tool["function"], "parameters": dumps(tool["function"]["parameters"])}}
        for tool in row["tools"]
    ]
    return {"conversations": turns, "system": system, "tools": tools}


def _plain_tool(function: dict[str, Any]) -> dict[str, Any]:
    """A definition whose properties LLaMA-Factory's default template can print: it joins enums as texts."""
    properties = {}
    for name, schema in function["parameters"].get("properties", {}).items():
        plain = dict(schema) if isinstance(schema, dict) else {}
        choices = plain.get("enum")
        if choices and not all(isinstance(choice, str) for choice in choices):
            del plain["enum"]
            told = f"One of: {', '.join(json.dumps(choice) for choice in choices)}."
            plain["description"] = f"{plain.get('description', '')} {told}".strip()
        if "items" in plain and not isinstance(plain["items"], dict):
            del plain["items"]
        properties[name] = plain
    return {**function, "parameters": {**function["parameters"], "properties": properties}}


def openai_row(row: dict[str, Any]) -> dict[str, Any]:
    """An `sft_tools` row as a line of OpenAI's fine-tuning file.

    Raises:
        ToolAlpacaError: the tool has more functions than the API takes.
    """
    if len(row["tools"]) > MAX_TOOLS:
        raise ToolAlpacaError(
            f"{row['tool_id']} has {len(row['tools'])} functions, OpenAI takes {MAX_TOOLS}: leave it out"
        )
    messages: list[dict[str, Any]] = []
    for message in row["messages"]:
        if message["role"] == "tool":
            keys = ("role", "tool_call_id", "content")
            messages.append({key: message[key] for key in keys})
        elif "tool_calls" in message:
            calls = [
                {
                    "id": call["id"],
                    "type": "function",
                    "function": {
                        "name": native_name(call["function"]["name"]),
                        "arguments": dumps(call["function"]["arguments"]),
                    },
                }
                for call in message["tool_calls"]
            ]
            said = {"content": message["content"]} if message["content"] else {}
            messages.append({"role": "assistant", **said, "tool_calls": calls})
        else:
            messages.append({"role": message["role"], "content": message["content"]})
    tools = [
        {"type": "function", "function": {**tool["function"], "name": native_name(tool["function"]["name"])}}
        for tool in row["tools"]
    ]
    return {"messages": messages, "tools": tools, "parallel_tool_calls": False}
