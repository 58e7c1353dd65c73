"""`make demo` as a user runs it, smaller: every command, twice, and with other seeds and lists."""

import hashlib
import json
import re
import subprocess
from pathlib import Path

import datasets
import pytest

ROOT = Path(__file__).parents[2]
PUBLIC_APIS = ROOT.parent / "shared" / "data" / "public-apis" / "README.md"
SMALL = ["STUDENT=tiny", "TOOLS=30", "STEPS=4", "TOKENS=24"]


def make(target: str, *variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "-o", ".venv/installed", target, *variables],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def digest(folder: Path) -> dict[str, str]:
    """Hashes of what the seed decides; manifests and logs name the hour."""
    names = ["toolset.jsonl", "instructions.jsonl", "instances.jsonl", "filtered.jsonl", "tasks.jsonl"]
    files = [folder / name for name in names] + sorted((folder / "dataset").rglob("*.parquet"))
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    run = tmp_path_factory.mktemp("demo") / "run"
    return run, make("demo", f"RUN={run}", *SMALL)


def test_demo_ends_with_the_three_tables(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    run, done = demo
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    tables = [done.stdout.index(f"Table {number}.") for number in (1, 3, 4)]
    assert tables == sorted(tables)
    for model in ("teacher", "untouched", "fine-tuned"):
        assert re.search(rf"^{model} ", done.stdout[tables[2] :], re.MULTILINE), model
    assert (run / "report" / "figure4.png").read_bytes().startswith(b"\x89PNG")
    assert (run / "report" / "report.md").is_file() and (run / "report" / "index.html").is_file()


def test_the_teacher_solves_what_it_teaches(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    run, _ = demo
    verdicts = [json.loads(line) for line in (run / "eval" / "teacher" / "verdicts.jsonl").open()]
    assert len(verdicts) >= 50
    assert sum(v["procedure"] is True for v in verdicts) >= 0.9 * len(verdicts)


def test_an_untrained_model_fails_at_every_task(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    run, _ = demo
    verdicts = [json.loads(line) for line in (run / "eval" / "untouched" / "verdicts.jsonl").open()]
    assert all(any(f["type"] == "parse_error" for f in v["findings"]) for v in verdicts)


def test_no_api_is_on_both_sides_of_the_split(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    run, _ = demo
    for config in ("toolset", "instances", "sft", "sft_tools"):
        loaded = datasets.load_dataset(str(run / "dataset"), config)
        sides = [
            {tool_id.split("~")[0] for tool_id in loaded[split]["tool_id"]} for split in ("train", "test")
        ]
        assert sides[0] and sides[1] and not sides[0] & sides[1], config


def test_a_second_demo_computes_nothing(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    run, _ = demo
    watched = [
        run / "dataset",
        run / "model" / "model.safetensors",
        run / "eval" / "fine-tuned" / "episodes.jsonl",
    ]
    before = [path.stat().st_mtime_ns for path in watched]
    again = make("demo", f"RUN={run}", *SMALL)
    assert again.returncode == 0
    assert [path.stat().st_mtime_ns for path in watched] == before
    assert "Table 4." in again.stdout


def corpus(run: Path, *arguments: str) -> dict[str, str]:
    """The demo's first four commands alone."""
    planned = subprocess.run(
        ["make", "-n", "-B", "-o", ".venv/installed", "demo", f"RUN={run}", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    commands = [line for line in planned.splitlines() if " generate/" in line]
    assert len(commands) == 4
    for command in commands:
        subprocess.run(command, shell=True, cwd=ROOT, check=True, capture_output=True)
    return digest(run)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_corpus(
    demo: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    run, _ = demo
    first = digest(run)
    assert corpus(tmp_path / "again", *SMALL) == first
    other = corpus(tmp_path / "other", *SMALL, "SEED=1")
    assert all(other[name] != first[name] for name in first if name != "filtered.jsonl")


@pytest.mark.skipif(not PUBLIC_APIS.is_file(), reason="the shared public-apis list is not here")
def test_the_corpus_can_be_made_from_the_real_list(tmp_path: Path) -> None:
    corpus(tmp_path / "real", *SMALL, f"APIS={PUBLIC_APIS}")
    assert len((tmp_path / "real" / "toolset.jsonl").read_text().splitlines()) == 30
