"""A small evaluation run for tests: one tool, its recorded answers, and the scripts as a user runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path

from toolalpaca.files import read_jsonl, write_jsonl
from toolalpaca.openapi.validation import documentation_of, functions_of
from toolalpaca.schema import GoldStep, Task, Tool, to_row

ROOT = Path(__file__).parents[2]
SPEC = json.dumps(
    {
        "openapi": "3.0.0",
        "info": {"title": "Tides", "version": "1"},
        "servers": [{"url": "https://tides.example"}],
        "paths": {
            "/tides": {
                "get": {
                    "operationId": "getTides",
                    "description": "Tide times of a harbour.",
                    "parameters": [
                        {"name": "harbour", "in": "query", "required": True, "schema": {"type": "string"}},
                        {"name": "days", "in": "query", "schema": {"type": "integer"}},
                    ],
                    "responses": {
                        "200": {
                            "description": "ok",
                            "content": {
                                "application/json": {
                                    "schema": {"type": "object", "properties": {"high": {"type": "string"}}}
                                }
                            },
                        }
                    },
                }
            }
        },
    }
)
RECORDED = {
    "tool_id": "tides",
    "request": {
        "method": "get",
        "url": "https://tides.example/tides?harbour=Dover",
        "headers": {},
        "body": None,
    },
    "status": 200,
    "response": {"high": "06:42"},
}
GOOD = 'Thought: look it up\nAction: getTides\nAction Input: {"harbour": "Dover"}'
DONE = "Thought: done\nFinal Answer: High tide at Dover is at 06:42."


def task(task_id, instruction):
    return Task(task_id, "tides", instruction, [GoldStep("getTides", '{"harbour": "Dover"}')], ["06:42"])


def write_tasks(folder, tasks):
    functions = functions_of(SPEC)
    tool = Tool("tides", "Tides", "Weather", "", "", "", documentation_of(functions), SPEC, functions)
    write_jsonl(folder / "tasks.jsonl", map(to_row, tasks))
    write_jsonl(folder / "toolset.jsonl", [to_row(tool)])
    write_jsonl(folder / "frozen.jsonl", [RECORDED])
    (folder / "models.yaml").write_text("student: {model: openai/scripted, max_tries: 2}\n", encoding="utf-8")


def script(name, *arguments, url=""):
    return subprocess.run(
        [sys.executable, ROOT / "eval" / name, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none"},
    )


def run_agent(folder, url, *more):
    model = (
        "--model",
        "openai/scripted",
        "--user_model",
        "openai/scripted",
        "--executor_model",
        "openai/scripted",
    )
    where = (
        "--tasks",
        folder,
        "--executor",
        "frozen",
        "--frozen",
        folder / "frozen.jsonl",
        "--out",
        folder / "run",
    )
    return script("run_agent.py", *model, *where, *more, url=url)


def rows(folder, name):
    return list(read_jsonl(folder / "run" / f"{name}.jsonl"))


def said(body):
    return "\n".join(str(m.get("content")) for m in body["messages"])
