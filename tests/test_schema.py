"""Stage files are held against the vocabulary: a wrong value is named with its file, row and field."""

import json

import pytest

from toolalpaca.files import read_records, write_jsonl
from toolalpaca.schema import (
    Episode,
    Function,
    GoldStep,
    Instance,
    Parameter,
    Step,
    Task,
    Tool,
    ToolAlpacaError,
    Verdict,
    to_row,
)

FUNCTION = Function("f", "", "get", "/f", [Parameter("a", "query", True, {"type": "string"})])
RECORDS = [
    Tool("t", "T", "C", "", "", "", "", "{}", [FUNCTION]),
    Task("t/0", "t", "do", [GoldStep("f", "{}")], ["fact"]),
    Episode("t/0", "t", "do", "m", steps=[Step("", "f", "{}", "")]),
    Instance("t/0", "t", "do", [Step("", "f", "{}", "")], labels=["x"]),
    Verdict("t/0", "m", procedure=True),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_records_come_back(tmp_path, record):
    write_jsonl(tmp_path / "rows.jsonl", [to_row(record)])
    assert list(read_records(tmp_path / "rows.jsonl", type(record))) == [record]


@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        (Episode, "steps", None),
        (Episode, "steps", "none"),
        (Episode, "steps.0", 5),
        (Episode, "steps.0.input", None),
        (Episode, "steps.0.input", {}),
        (Episode, "steps.0.response", None),
        (Episode, "steps.0.status", "200"),
        (Episode, "final_output", None),
        (Task, "task_id", []),
        (Task, "gold", None),
        (Task, "gold.0.function", 5),
        (Task, "facts", 5),
        (Task, "facts", [5]),
        (Tool, "functions", None),
        (Tool, "functions.0.parameters", None),
        (Tool, "functions.0.parameters.0.schema", "{}"),
        (Tool, "openapi", 5),
        (Instance, "provenance", None),
        (Verdict, "procedure", "yes"),
    ],
)
def test_a_value_of_another_kind_is_named_with_file_row_and_field(tmp_path, cls, field, value):
    good = to_row(next(record for record in RECORDS if isinstance(record, cls)))
    bad = json.loads(json.dumps(good))
    *path, last = (int(part) if part.isdigit() else part for part in field.split("."))
    place = bad
    for part in path:
        place = place[part]
    place[last] = value
    write_jsonl(tmp_path / "rows.jsonl", [good, bad])
    with pytest.raises(ToolAlpacaError) as error:
        list(read_records(tmp_path / "rows.jsonl", cls))
    assert f"rows.jsonl, row 2: {cls.__name__}.{field} should be" in str(error.value)
