"""The instances printed on a dataset's page."""

from __future__ import annotations

from toolalpaca.dataset import samples


def row(number: int, labels: list[str], tool: str = "", **changes) -> dict:
    action = {
        "thought": "I look.",
        "function": "find",
        "input": '{"q": "a"}',
        "response": "Status Code: 200.",
    }
    return {
        "instance_id": str(number),
        "tool_id": tool or f"t{number}",
        "instruction": "Which one is it?",
        "actions": [action],
        "final_output": "That one.",
        "labels": labels,
        **changes,
    }


def test_one_of_each_kind_of_different_tools_in_the_order_of_the_page():
    rows = [
        row(0, ["multi_call"]),
        row(1, ["multi_call"]),  # the kind is there
        row(2, ["multi_call", "recovered"], tool="t0"),  # the tool is there
        row(3, ["asked_user"], instruction="word " * 70),  # too long to print
        row(4, ["refused"], actions=[]),  # nothing to show
        row(5, ["data_not_found"]),
        row(6, ["multi_call", "recovered"]),
    ]
    assert [chosen["instance_id"] for _, chosen in samples.choose(rows)] == ["6", "5", "0"]
    assert samples.choose([]) == []


def test_a_sample_is_a_quote_whose_texts_are_not_read_as_markup():
    made = row(0, [], instruction="Is *this* <b>it</b>?\nReally?", final_output="It's [this](x).")
    made["actions"][0]["response"] = "a`b " + "x" * 400
    text = samples.shown("several calls", made, "A|B")
    lines = text.splitlines()
    assert len(lines) == 4 and all(line.startswith("> ") for line in lines)
    assert lines[0] == r"> **Is \*this\* \<b\>it\</b\>? Really?** (A\|B; several calls)" + "\\"
    assert '`find {"q": "a"}`' in lines[2] and "``a`b xxx" in lines[2] and "x ...``" in lines[2]
    assert lines[3] == r"> It's \[this\](x)."
