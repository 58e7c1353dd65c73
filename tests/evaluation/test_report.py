"""The report: figures against known values, machinery beside the denominator, hostile names, clear errors."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_runs import evaluation_run, generation_run, tasks, tool, write_run

from toolalpaca.evaluation import results
from toolalpaca.evaluation.comparison import compare_paired, mcnemar, pass_hat_k, wilson
from toolalpaca.evaluation.page import gold_beside, render
from toolalpaca.evaluation.results import UNKNOWN, by_scenario, comparisons, judged, pass_k, table_3, table_4
from toolalpaca.evaluation.scored import Attempt, Evaluation, load_evaluations
from toolalpaca.evaluation.tables import TEXT_WIDTH, Table, display_width
from toolalpaca.files import write_jsonl
from toolalpaca.schema import (
    Episode,
    ErrorType,
    Finding,
    GoldStep,
    Outcome,
    Step,
    ToolAlpacaError,
    Verdict,
    to_row,
)

ROOT = Path(__file__).parents[2]


def script(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "eval" / "report.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    evaluation_run(folder / "good", "openai/good", right=0.9, n=40)
    evaluation_run(folder / "poor", "hf//home/someone/runs/demo/checkpoint", right=0.3, n=40)
    generation_run(folder / "corpus", n=30)
    return folder


@pytest.fixture(scope="module")
def report(runs: Path) -> tuple[Path, str]:
    out = runs / "report"
    done = script(runs / "good", f"fine-tuned={runs / 'poor'}", "--corpus", runs / "corpus", "--out", out)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_wilson_has_the_values_of_its_formula():
    # Published examples: 0 of 10 and 5 of 10 (Brown, Cai and DasGupta, 2001), 81 of 263 (Newcombe, 1998).
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))
    assert wilson(5, 10) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))
    assert wilson(81, 263) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))
    assert wilson(10, 10)[1] == 1.0
    assert wilson(0, 0) == (0.0, 1.0)


def test_mcnemar_is_the_exact_binomial_test():
    assert mcnemar(10, 2) == pytest.approx(2 * (1 + 12 + 66) / 4096)
    assert mcnemar(0, 0) == mcnemar(3, 3) == 1.0
    assert mcnemar(5000, 0) < 1e-300


def test_pass_hat_k_counts_draws_without_replacement():
    samples = [[True, True, False, False], [True] * 4, [True]]
    assert pass_hat_k(samples[:2], 2) == pytest.approx((1 / 6 + 1) / 2)
    assert pass_hat_k(samples, 2) == pytest.approx((1 / 6 + 1) / 2)  # one sample says nothing of two
    assert pass_hat_k(samples, 5) is None


def test_paired_comparison_sees_a_difference_and_its_absence():
    alternating = [[i % 2 == 0] for i in range(60)]
    same = compare_paired(alternating, alternating)
    assert (same.difference, same.low, same.high, same.p_value) == (0, 0, 0, 1)
    better = compare_paired([[True]] * 60, alternating)
    assert better.low > 0.3 and better.high < 0.7 and better.p_value < 1e-6
    assert (better.only_first, better.only_second) == (30, 0)


def test_terminal_output_ends_with_the_three_tables(report):
    _, text = report
    captions = re.findall(r"^Table (\d)\.", text, flags=re.M)
    assert captions == ["1", "3", "4"]
    assert max(map(display_width, text.splitlines()[1:])) <= TEXT_WIDTH
    assert "paper: ToolAlpaca-13B" in text and "80/100 [71-87]" in text


def test_report_holds_what_was_measured_beside_the_paper(report, runs):
    out, _ = report
    right = sum(v["overall"] for v in map(json.loads, (runs / "poor" / "verdicts.jsonl").open()))
    low, high = wilson(right, 40)
    markdown = (out / "report.md").read_text()
    cell = f"{right}/40 [{100 * low:.0f}-{100 * high:.0f}]"
    assert f"| fine-tuned | 40/40 [91-100] | {cell} | {cell} | {cell} |" in markdown
    assert "| Single function call | 20 (66.7%) [49-81] | 2,512 (63.8%) [62-65] |" in markdown
    assert "![Figure 4](figure4.png)" in markdown and (out / "figure4.png").stat().st_size > 5000
    assert "python " in markdown and "eval/report.py" in markdown  # the command
    assert re.search(r"commit [0-9a-f]{12}|commit not recorded", markdown)
    assert "Two models on the same tasks" in markdown and "<0.0001" in markdown.replace("&lt;", "<")
    with (out / "table4.csv").open() as stream:
        rows = {(r["model"], r["measure"]): r for r in csv.DictReader(stream)}
    assert int(rows["fine-tuned", "overall"]["count"]) == right
    assert float(rows["fine-tuned", "overall"]["high"]) == pytest.approx(high, abs=1e-6)
    assert rows["GPT-3.5", "overall"]["source"].startswith("paper")


def test_the_papers_unknown_cells_are_left_out(report):
    markdown = (report[0] / "report.md").read_text()
    assert markdown.count(f"| paper: Vicuna-7B | {UNKNOWN} | {UNKNOWN} | {UNKNOWN} | 23/100 [16-32] |") == 1
    with (report[0] / "table4.csv").open() as stream:
        known = {row["measure"] for row in csv.DictReader(stream) if row["model"] == "Vicuna-7B"}
    assert known == {"overall"}


def test_the_papers_table_3_stands_beside_ours(report):
    markdown = (report[0] / "report.md").read_text()
    assert f"| paper: Vicuna-13B | 100 | 18 | 21 | 37 | 15 | 7 | 35 | {UNKNOWN} |" in markdown
    assert f"| paper: ToolAlpaca-13B | 100 | 3 | 3 | 1 | 9 | 10 | 4 | {UNKNOWN} |" in markdown


def test_the_same_runs_give_the_same_bytes(report, runs):
    def written() -> dict[str, bytes]:
        # The commit is the checkout's, which somebody may be committing to while the tests run.
        commit = re.compile(rb"commit [0-9a-f]{12}( with local changes)?")
        return {path.name: commit.sub(b"", path.read_bytes()) for path in report[0].iterdir()}

    first = written()
    again = script(
        runs / "good", f"fine-tuned={runs / 'poor'}", "--corpus", runs / "corpus", "--out", report[0]
    )
    assert again.returncode == 0
    assert written() == first


def test_failed_machinery_stays_beside_the_denominator(tmp_path):
    all_tasks = tasks(4)
    episodes = [Episode(t.task_id, t.tool_id, t.instruction, "m") for t in all_tasks]
    verdicts = [
        Verdict(t.task_id, "m", procedure=True, answer=True, overall=True, first_function=True)
        for t in all_tasks
    ]
    verdicts[1].answer = verdicts[1].overall = None
    verdicts[1].unscored = "no facts"
    episodes[2].outcome = Outcome.MODEL_FAILED
    verdicts[2] = Verdict(all_tasks[2].task_id, "m", unscored="model_failed: 503")
    verdicts[3].findings = [Finding(ErrorType.REDUNDANT_ACTION, i, "again") for i in (1, 2)]
    verdicts[3].overall = verdicts[3].procedure = False
    write_run(tmp_path, all_tasks, [tool(0), tool(1)], episodes, verdicts)
    (evaluation,) = load_evaluations([str(tmp_path)])
    row = table_3([evaluation]).narrow[0]
    # Two redundant steps in one episode count once; the failed one is in no count.
    assert row == ["m", "3", "0", "0", "1", "0", "0", "0+", "1"]
    table = table_4([evaluation])
    assert table.rows[0][1:] == ["3/3 [44-100]", "2/3 [21-94]", "2/2 [34-100]", "1/2 [9-91]"]
    assert any("model_failed 1" in note and "no facts 1" in note for note in table.notes)


def test_repeated_samples_give_pass_k(tmp_path):
    evaluation_run(tmp_path / "k", "openai/several", right=0.6, n=12, samples=3)
    evaluations = load_evaluations([str(tmp_path / "k")])
    table = pass_k(evaluations)
    assert table.header == ["model", "measure", "tasks", "k=1", "k=2", "k=3"]
    values = [record["pass_hat_k"] for record in table.records if record["measure"] == "overall"]
    every = [all(s) for s in evaluations[0].samples("overall").values()]
    assert values[0] > values[1] > values[2] == pytest.approx(sum(every) / 12)
    assert all(r["low"] <= r["pass_hat_k"] <= r["high"] for r in table.records)
    assert comparisons(evaluations) is None


def test_models_are_compared_on_shared_tasks_only(tmp_path):
    evaluation_run(tmp_path / "a", "one", n=30)
    evaluation_run(tmp_path / "b", "two", n=20)
    table = comparisons(load_evaluations([str(tmp_path / "a"), str(tmp_path / "b")]))
    assert [row[2] for row in table.rows] == ["20", "20"]


def test_one_model_in_two_runs_is_told_apart_by_the_runs_name(tmp_path):
    for name in ("greedy", "sampled"):
        evaluation_run(tmp_path / name, "openai/x", n=3)
    labels = [e.label for e in load_evaluations([str(tmp_path / "greedy"), str(tmp_path / "sampled")])]
    assert labels == ["openai/x (greedy)", "openai/x (sampled)"]


def test_hostile_names_stay_in_their_cells(tmp_path):
    name = 'a|b <script>alert(1)</script> `x` [c](javascript:d)\n\x1b[31m\u202e"e",f' + "名" * 60
    evaluation_run(tmp_path / "run", name, n=3)
    done = script(tmp_path / "run", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout and "\u202e" not in done.stdout
    assert max(map(display_width, done.stdout.splitlines()[1:])) <= TEXT_WIDTH
    markdown = (tmp_path / "out" / "report.md").read_text()
    assert "<script" not in markdown and "\x1b" not in markdown
    assert not re.search(r"(?<!\\)\]\(javascript", markdown)
    lines = markdown[markdown.index("## Table 4") :].splitlines()
    header, row = lines[2], lines[4]
    assert len(re.findall(r"(?<!\\)\|", row)) == len(re.findall(r"(?<!\\)\|", header))
    with (tmp_path / "out" / "table4.csv").open() as stream:
        assert all(len(r) == 8 and None not in r for r in csv.DictReader(stream))


def test_page_data_cannot_leave_their_element(tmp_path):
    output = (
        "</script><script>hacked=1</script><!-- <img src=x onerror=hacked=1> \u2028 \ud800 \x00"
        + "x" * 100_000
    )
    task = tasks(1)[0]
    episode = Episode(task.task_id, task.tool_id, task.instruction, "m", final_output=output, texts=[output])
    write_run(tmp_path / "run", [task], [tool(0)], [], [Verdict(task.task_id, "m", procedure=False)])

    # ASCII, as a lone surrogate cannot be written as UTF-8
    (tmp_path / "run" / "episodes.jsonl").write_text(json.dumps(to_row(episode)) + "\n")
    assert script(tmp_path / "run", "--out", tmp_path / "out").returncode == 0
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count("<script") == 2 and page.count("</script>") == 2
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, flags=re.S)[1])
    assert data["episodes"][0]["final_output"] == output


def test_gold_beside_a_step_is_that_of_its_function():
    gold = [GoldStep("a", '{"x": 1}'), GoldStep("a", '{"x": 2}'), GoldStep("b", "not JSON")]
    steps = [
        Step("", f, i, "") for f, i in (("a", '{"x": 2}'), ("c", "{}"), ("a", '{"x": 9}'), ("b", "[" * 5000))
    ]
    assert gold_beside(gold, [*steps, Step("", "a", '{"x": 2}', "")]) == [1, -1, 0, 2, 1]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "has no episodes.jsonl"),
        (["ledger.sqlite"], "is not finished: run the command that began it again"),
        (["episodes.jsonl"], "is empty"),
    ],
)
def test_a_run_that_cannot_be_reported_gets_one_clear_line(tmp_path, files, message):
    (tmp_path / "run").mkdir()
    for name in files:
        (tmp_path / "run" / name).touch()
    done = script(tmp_path / "run", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and message in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_part_of_a_run_says_that_it_is_one(tmp_path, runs):
    shutil.copytree(runs / "good", tmp_path / "part")
    (tmp_path / "part" / "verdicts.jsonl").unlink()
    with pytest.raises(ToolAlpacaError, match="is not scored yet: run python"):
        load_evaluations([str(tmp_path / "part")])
    for name in ("episodes", "verdicts"):
        lines = (runs / "good" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        (tmp_path / "part" / f"{name}.jsonl").write_text("".join(lines[:3]), encoding="utf-8")
    tasks = len((runs / "good" / "tasks.jsonl").read_text(encoding="utf-8").splitlines())
    whole, part = load_evaluations([str(runs / "good"), str(tmp_path / "part")])
    assert f"3 of {tasks} tasks attempted" in table_4([part]).markdown()
    assert "tasks attempted" not in table_4([whole]).markdown()


def test_missing_folders_are_named(tmp_path, runs):
    with pytest.raises(ToolAlpacaError, match="nowhere is not a folder"):
        load_evaluations([str(tmp_path / "nowhere")])
    done = script(runs / "good", "--corpus", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert done.returncode == 2 and "--corpus" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_folders_place_gets_one_clear_line(runs, tmp_path):
    (tmp_path / "out").write_text("", encoding="utf-8")
    done = script(runs / "good", "--out", tmp_path / "out")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert f"{tmp_path / 'out'}: File exists" in done.stderr


def test_a_wide_first_column_gives_way():
    table = Table("", "t", ["model", "n"], [["hf/" + "long/" * 40 + "checkpoint-900", "1"]])
    (row,) = table.text(60).splitlines()[4:]
    assert row.startswith("hf/") and row.endswith("checkpoint-900  1") and display_width(row) <= 60


def test_a_judges_verdicts_stand_in_a_table_of_their_own(tmp_path):
    evaluation_run(tmp_path / "run", "m", n=4)
    grades = [("Yes", "Yes"), ("Yes", "No"), ("Uncertain", "Yes"), (None, None)]
    rows = [
        {
            "task_id": task.task_id,
            "model": "m",
            "sample": 0,
            "process": process,
            "response": response,
            "judge": {"model": "openai/judge"},
        }
        for task, (process, response) in zip(tasks(4), grades, strict=True)
    ]
    write_jsonl(tmp_path / "run" / "judgements.jsonl", rows)
    write_jsonl(tmp_path / "run" / "notes.jsonl", [{"mine": 1}])
    table = judged(load_evaluations([str(tmp_path / "run")]))
    assert table.rows == [["m", "openai/judge", "2/3 [21-94]", "2/3 [21-94]", "1/3 [6-79]", "1", "1"]]


def test_scenarios_are_told_apart(tmp_path):
    evaluation_run(tmp_path / "run", "m", right=1.0, n=4)
    assert by_scenario(load_evaluations([str(tmp_path / "run")])) is None
    rows = [to_row(task) for task in tasks(4)]
    rows[0]["scenario"] = "server_error"
    write_jsonl(tmp_path / "run" / "tasks.jsonl", rows)
    table = by_scenario(load_evaluations([str(tmp_path / "run")]))
    assert table.header[1:] == ["ordinary", "server\nerror"]
    assert table.rows == [["m", "3/3 [44-100]", "1/1 [21-100]"]]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=3, max_size=3))
def test_no_text_breaks_out_of_a_table(cells):
    table = Table("Table 9", "t", ["a", "b", "c"], [cells], records=[{"a": cells[0], "n": 1}])
    row = table.markdown().split("\n")[4]
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 4 and "<" not in row
    assert len(table.text(500).split("\n")) == 6
    ((_, count),) = list(csv.reader(io.StringIO(table.csv())))[1:]
    assert count == "1"


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=())))  # lone surrogates too
def test_no_text_breaks_out_of_a_page(text):
    page = render("report", title="t", data={"text": text + "</script><!--"})
    data = re.search(r'id="data">(.*?)</script>', page, flags=re.S)[1]
    assert "<" not in data and json.loads(data)["text"] == text + "</script><!--"


def test_how_replies_were_written_is_counted():
    texts = [
        'Thought: t\nAction: find0\nAction Input: {"q": "a"}',
        '**Action:** find0\n**Action Input:** {"q": "a"}',
        "Thought: I'm sorry, none of the functions can do that.",
        "Let me think about it.",
    ]
    assert results.reply_kinds(Episode("t/0", "t", "", "m", texts=texts)) == [
        "as asked",
        "decorated",
        "refusal without\na label",
        "unreadable",
    ]
    episode = Episode("t/0", "t", "", "m", texts=texts)
    table = results.replies([Evaluation("m", Path("m"), "m", [Attempt(episode, None, None)], {})])
    assert table.rows == [["m", "4", "1", "1", "1", "1"]]
    assert results.replies([Evaluation("m", Path("m"), "m", [], {})]) is None
