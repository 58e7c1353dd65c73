"""A task whose value the user alone knows can succeed beside the embedded user, however it is asked for."""

import json
import re

from evaluation_run import rows, said, script
from scripted_endpoint import serve

from toolalpaca.files import write_jsonl
from toolalpaca.openapi.validation import documentation_of, functions_of
from toolalpaca.schema import GoldStep, Task, Tool, to_row

MAIL = re.compile(r"Observation: .*?([\w.+-]+@[\w-]+(?:\.[\w-]+)+)")
OPERATION = {
    "operationId": "subscribe",
    "summary": "Subscribe to the newsletter.",
    "parameters": [
        {"name": "recipient", "in": "query", "required": True, "description": "Email address to write to."}
        | {"schema": {"type": "string", "format": "email"}}
    ],
    "responses": {
        "200": {
            "description": "Whether it worked.",
            "content": {
                "application/json": {
                    "schema": {"type": "object", "properties": {"active": {"type": "boolean"}}}
                }
            },
        }
    },
}
SPEC = json.dumps(
    {
        "openapi": "3.0.0",
        "info": {"title": "News", "version": "1"},
        "servers": [{"url": "https://news.example"}],
        "paths": {"/subscriptions": {"get": OPERATION}},
    }
)
ASK = 'Thought: Where to?\nAction: getDetails\nAction Input: {"Question": "What is your email address?"}'


def reply(body):
    text = said(body)
    if "Status Code: 200" in text:
        return "Thought: done\nFinal Answer: You are on the list."
    if found := MAIL.search(text):
        return f'Thought: go\nAction: subscribe\nAction Input: {{"recipient": "{found[1]}"}}'
    return ASK


def test_a_value_that_the_user_alone_knows_can_be_asked_for(tmp_path):
    functions = functions_of(SPEC)
    tool = Tool("news", "News", "News", "", "", "", documentation_of(functions), SPEC, functions)
    gold = [
        GoldStep("getDetails", '{"Question": "Which address?"}'),
        GoldStep("subscribe", '{"recipient": ${recipient from getDetails}}'),
    ]
    write_jsonl(tmp_path / "tasks.jsonl", [to_row(Task("news/0", "news", "Put me on the list.", gold))])
    write_jsonl(tmp_path / "toolset.jsonl", [to_row(tool)])
    with serve(reply) as endpoint:
        where = ("--tasks", tmp_path, "--out", tmp_path / "run")
        done = script("run_agent.py", "--model", "openai/scripted", *where, url=endpoint.url)
    assert done.returncode == 0, done.stderr
    (episode,) = rows(tmp_path, "episodes")
    assert [step["function"] for step in episode["steps"]] == ["getDetails", "subscribe"], episode
    assert episode["steps"][1]["status"] == 200
    assert script("score.py", tmp_path / "run").returncode == 0
    assert rows(tmp_path, "verdicts")[0]["procedure"] is True
