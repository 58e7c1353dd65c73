"""generate/simulate_instances.py as a user runs it, with the embedded teacher."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toolalpaca.corpus.filters import labels_of, reason_to_drop
from toolalpaca.schema import Instance, from_row

ROOT = Path(__file__).parents[2]


def script(name: str, out: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "generate" / name, "--out", out, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def simulate(out: Path, *arguments: object) -> str:
    done = script("simulate_instances.py", out, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A run folder with a toolset and instructions of every scenario, and a function that copies it."""
    home = tmp_path_factory.mktemp("simulate")
    run = home / "prepared"
    apis = ROOT / "generate" / "seeds" / "apis.jsonl"
    done = script("make_toolset.py", run, "--apis", apis, "--limit", 8)
    assert done.returncode == 0, done.stderr
    done = script("make_instructions.py", run)
    assert done.returncode == 0, done.stderr
    return lambda name: Path(shutil.copytree(run, home / name))


@pytest.fixture(scope="module")
def simulated(prepared):
    run = prepared("simulated")
    return run, simulate(run)


def test_kept_and_dropped_rows_add_up_and_say_what_happened(simulated):
    run, printed = simulated
    kept, dropped = rows(run / "instances.jsonl"), rows(run / "filtered.jsonl")
    asked = [row["instruction_id"] for row in rows(run / "instructions.jsonl")]
    assert sorted(row["instance_id"] for row in kept + dropped) == sorted(asked)
    assert f"kept {len(kept)}, dropped {len(dropped)}" in printed
    assert (
        "mean steps" in printed
        and "scenarios: ordinary" in printed
        and str(run / "instances.jsonl") in printed
    )
    functions = {row["tool_id"]: {f["name"] for f in row["functions"]} for row in rows(run / "toolset.jsonl")}
    for row in kept + dropped:
        reason = row.pop("filter", "")
        instance = from_row(Instance, row)
        assert reason_to_drop(instance, functions[instance.tool_id]) == reason
        assert labels_of(instance) == instance.labels
        assert instance.provenance["assistant"] == instance.provenance["executor"] == "offline"


def test_the_same_seed_gives_the_same_bytes_at_any_concurrency(simulated, prepared):
    run, _ = simulated
    again = prepared("one-at-a-time")
    simulate(again, "--concurrency", 1)
    for name in ("instances.jsonl", "filtered.jsonl"):
        assert (again / name).read_bytes() == (run / name).read_bytes(), name


def test_what_did_not_change_is_not_done_again_and_what_did_is(simulated, prepared):
    run, _ = simulated
    before = (run / "instances.jsonl").read_bytes()
    assert "nothing to do" in simulate(run)
    assert (run / "instances.jsonl").read_bytes() == before
    changed = Path(shutil.copytree(run, run.with_name("changed")))
    tools = (changed / "toolset.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    tools[0] = tools[0].replace("https://", "https://new-")
    (changed / "toolset.jsonl").write_text("".join(tools), encoding="utf-8")
    assert "nothing to do" not in simulate(changed)


def test_a_builtin_that_is_switched_off_answers_nobody(simulated, prepared):
    run, _ = simulated
    asked = {row["instance_id"] for row in rows(run / "instances.jsonl") if "asked_user" in row["labels"]}
    assert asked, "the corpus holds questions to the user"
    without = prepared("without-builtins")
    simulate(without, "--builtins", "getCurrentDateTime")
    everything = rows(without / "instances.jsonl") + rows(without / "filtered.jsonl")
    assert not any("asked_user" in row["labels"] for row in everything)
    answered = [
        s for row in everything for s in row["steps"] if s["function"] == "getDetails" and not s["error"]
    ]
    assert answered == []


def test_recorded_answers_repeat_a_run_without_the_executor(prepared):
    recording, repeating = prepared("recording"), prepared("repeating")
    answers = recording / "answers.jsonl"
    frozen = ("--executor", "frozen", "--frozen", answers)
    simulate(recording, *frozen, "--on_miss", "schema", "--concurrency", 1)
    size = answers.stat().st_size
    simulate(repeating, *frozen)
    assert answers.stat().st_size == size > 0
    for one, other in zip(
        rows(recording / "simulated.jsonl"), rows(repeating / "simulated.jsonl"), strict=True
    ):
        assert one["steps"] == other["steps"]
        assert one["final_output"] == other["final_output"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--builtins", "getdetails"], "getdetails"),
        (["--executor", "schema", "--resample_errors", "1"], "--resample_errors"),
        (["--executor", "real"], "--allow_host"),
        (["--executor", "frozen"], "--frozen"),
        (["--executor", "frozen", "--frozen", "/nowhere/answers.jsonl"], "/nowhere/answers.jsonl"),
        (["--model", "gpt-4"], "gpt-4"),
        (["--max_steps", "0"], "--max_steps"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(prepared, arguments, named):
    run = prepared("mistake-" + "-".join(arguments).replace("/", "_"))
    done = script("simulate_instances.py", run, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and named in done.stderr
    assert not (run / "instances.jsonl").exists() and not (run / "filtered.jsonl").exists()


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ('{"instruction": "Find."}', "instruction_id"),
        ('{"instruction_id": "a/0", "tool_id": "a", "instruction": ""}', "'a'"),
    ],
)
def test_instructions_that_do_not_fit_are_named(prepared, row, named):
    run = prepared("unfit-" + named.strip("'"))
    (run / "instructions.jsonl").write_text(row + "\n")
    done = script("simulate_instances.py", run)
    assert done.returncode == 2 and named in done.stderr and done.stderr.count("\n") == 1


def test_a_run_without_a_toolset_is_told_what_makes_one(tmp_path):
    done = script("simulate_instances.py", tmp_path / "empty")
    assert done.returncode == 2 and "make_toolset.py" in done.stderr
