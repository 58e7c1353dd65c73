"""Files of other trainers as a training set: read, or refused in one line that says what is wanted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolalpaca.schema import ToolAlpacaError
from toolalpaca.training import examples, masks

CALL = {"id": "c", "type": "function", "function": {"name": "sail", "arguments": '{"to": "Kiel"}'}}


def rows_of(folder: Path, row: dict):
    folder.mkdir()
    (folder / "train.jsonl").write_text((json.dumps(row) + "\n") * 3)
    return examples.load_rows(str(folder), "default", "train")


def test_openai_messages_with_null_beside_a_call(tmp_path):
    asked = [
        {"role": "user", "content": "Sail to Kiel"},
        {"role": "assistant", "tool_calls": [CALL], "weight": 1},
    ]
    answered = [
        {"role": "tool", "tool_call_id": "c", "content": "done"},
        {"role": "assistant", "content": "There."},
    ]
    for number, null in enumerate(({}, {"content": None})):
        messages = [asked[0], {**asked[1], **null}, *answered]
        rows = rows_of(tmp_path / f"d{number}", {"messages": messages})
        said = masks.conversation(rows[0])
        assert [message["content"] for message in said] == ["Sail to Kiel", "", "done", "There."]
        assert said[1]["tool_calls"] == [CALL] and "tool_calls" not in said[0]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"conversations": [{"from": "human", "value": "q"}]}, "only conversations; expected rows of"),
        ({"instruction": "q", "output": "a"}, "no column 'messages'"),
        ({"messages": []}, "row 1: expected messages as a list"),
        ({"messages": "q"}, "expected messages as a list"),
        ({"messages": [{"from": "human", "value": "q"}]}, "with a role and a content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}]}, "content as a text"),
    ],
)
def test_what_is_no_conversation_is_one_clear_line(tmp_path, row, says):
    with pytest.raises(ToolAlpacaError, match=says) as error:
        rows_of(tmp_path / "d", row)
    assert "\n" not in str(error.value)
