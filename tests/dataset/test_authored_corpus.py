"""Authored tools through the real command lines, from files to the dataset and its card."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
from authored import write_library

from toolalpaca.corpus.authored_checks import play
from toolalpaca.files import read_jsonl
from toolalpaca.offline.library import tools

ROOT = Path(__file__).parents[2]


def run(script: str, *arguments: object) -> None:
    with pytest.MonkeyPatch.context() as patched, pytest.raises(SystemExit) as ended:
        patched.setattr(sys, "argv", [script, *map(str, arguments)])
        runpy.run_path(str(ROOT / script), run_name="__main__")
    assert ended.value.code == 0


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A run and its library; of its four APIs one is held out, and one is not in the library."""
    base = tmp_path_factory.mktemp("authored")
    home = write_library(base / "tools", copies=2)
    listed = base / "apis.jsonl"
    apis = [tools.fields_of(tools.load_tool(file)) for file in tools.library_files(home)]
    apis = [{key: api[key] for key in ("name", "category", "link", "description")} for api in apis]
    apis.append({"name": "Herb Shelf", "category": "Food", "description": "Herbs and spices by name"})
    listed.write_text("".join(json.dumps(api) + "\n" for api in apis), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tools, "HOME", home)
        run("generate/make_toolset.py", "--apis", listed, "--out", base / "run")
        run("generate/make_instructions.py", "--per_tool", 4, "--out", base / "run")
        run("generate/simulate_instances.py", "--out", base / "run")
        run("generate/build_dataset.py", base / "run")
        yield base / "run", tools.load_library()


def test_all_that_was_authored_comes_out_as_written(built):
    folder, library = built
    rows = [r for r in read_jsonl(folder / "instances.jsonl") if r["provenance"]["written_by"] != "grammar"]
    assert len(rows) == 30, "ten of each, whatever --per_tool says"
    for row in rows:
        tool, asked = library.asked(row["instruction"])
        assert row["provenance"]["written_by"] == f"library:{tool.key}"
        assert (row["scenario"], row["final_output"]) == (asked.scenario, asked.answer)
        assert [s["thought"] for s in row["steps"]] == [s.thought for s in asked.steps]
        assert [s["response"] for s in row["steps"]] == play(tool, asked).observations


def test_an_api_that_the_library_does_not_know_is_the_grammars(built):
    written = [row["provenance"]["written_by"] for row in read_jsonl(built[0] / "instances.jsonl")]
    assert 1 <= written.count("grammar") <= 4


def test_tools_marked_held_out_become_tasks_whole_and_are_never_trained_on(built):
    import datasets

    folder = built[0]
    tasks = list(read_jsonl(folder / "tasks.jsonl"))
    assert {task["tool_id"] for task in tasks} == {"transportation-berthbook"}
    assert len(tasks) == 10
    for name in ("instances", "sft", "sft_tools", "toolset"):
        for split, expected in (("train", False), ("test", True)):
            rows = datasets.load_dataset(
                str(folder / "dataset"), name, split=split, cache_dir=str(folder / "cache")
            )
            held = [
                "berthbook" in json.dumps(row).lower() or "berths.example" in json.dumps(row) for row in rows
            ]
            assert held and all(h == expected for h in held), (name, split)


def test_the_card_tells_what_the_library_wrote_and_what_the_grammar(built):
    card = (built[0] / "dataset" / "README.md").read_text()
    kept = sum(1 for _ in read_jsonl(built[0] / "instances.jsonl"))
    assert f"**30 of {kept} instances come from the library of authored tools.**" in card
    assert f"**{kept - 30} of {kept} instances were made by the embedded teacher's grammar**" in card
    assert "written by a language model under the rules" in card


def test_a_folder_outside_of_the_library_is_told_where_its_tools_belong(tmp_path, capsys):
    home = write_library(tmp_path / "mine", copies=1)
    (home / "transportation" / "berthbook.yaml").unlink()
    with pytest.MonkeyPatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(tools, "HOME", tmp_path / "none")
        patched.setattr(sys, "argv", ["x", "--apis", str(home), "--out", str(tmp_path / "run")])
        runpy.run_path(str(ROOT / "generate/make_toolset.py"), run_name="__main__")
    assert "quaylist-0.yaml is an authored tool that the library does not hold" in "".join(
        capsys.readouterr()
    )
