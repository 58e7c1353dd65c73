"""Quality review: the draw, the files that are refused, and Table 2 from files as the page saves them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from report_runs import evaluation_run, generation_run

from toolalpaca.evaluation.review import FORMAT, QUESTIONS, draw_sample, load_reviews, sample_id
from toolalpaca.schema import ToolAlpacaError

ROOT = Path(__file__).parents[2]


def script(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "eval" / "review.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write_review(
    path: Path, reviewer: str, passed: tuple[int, int, int], n: int = 20, sample: str = "abc"
) -> Path:
    """A saved review in which the first `passed[q]` of `n` instances get a yes for question q."""
    answers = {
        f"tool/{i}": {q.key: i < yes for q, yes in zip(QUESTIONS, passed, strict=True)} | {"note": "seen"}
        for i in range(n)
    }
    path.write_text(
        json.dumps({"format": FORMAT, "sample": sample, "reviewer": reviewer, "n": n, "answers": answers})
    )
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generation_run(tmp_path_factory.mktemp("corpus"), n=40)


def test_the_draw_depends_on_the_seed_alone(corpus):
    ids = [[row["instance"]["instance_id"] for row in draw_sample(corpus, 15, seed)] for seed in (0, 0, 1)]
    assert ids[0] == ids[1] != ids[2]
    assert len(set(ids[0])) == 15
    assert len(draw_sample(corpus, 1000, 0)) == 40


def test_a_sample_is_named_by_its_content(corpus):
    sample = draw_sample(corpus, 5, 0)
    name = sample_id(sample)
    sample[0]["instance"]["final_output"] += "!"
    assert sample_id(sample) != name


def test_sample_writes_one_page_that_refers_to_nothing_outside(corpus, tmp_path):
    out = tmp_path / "review.html"
    done = script("sample", corpus, "--n", 7, "--seed", 3, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "7 instances" in done.stdout and str(out) in done.stdout
    page = out.read_text()
    assert "default-src 'none'" in page
    assert "src=" not in page and "<link" not in page and "@import" not in page


def test_score_gives_table_2_beside_the_paper(tmp_path):
    file = write_review(tmp_path / "one.json", "Ada", (18, 20, 15))
    done = script("score", file)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if "/20" in line]
    assert [row.split("  ")[-2].strip() for row in rows] == [
        "18/20 [70-97]",
        "20/20 [84-100]",
        "15/20 [53-89]",
    ]
    assert [row.split("  ")[-1] for row in rows] == ["88/100 [80-93]", "92/100 [85-96]", "80/100 [71-87]"]
    assert "kappa" not in done.stdout


def test_two_reviewers_get_their_agreement(tmp_path):
    one = write_review(tmp_path / "one.json", "Ada", (10, 20, 15))
    two = write_review(tmp_path / "two.json", "Ben", (15, 20, 15))
    done = script("score", one, two)
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    # 15 of 20 agree; by chance 0.5 * 0.75 + 0.5 * 0.25 = 0.5, so kappa = (0.75 - 0.5) / 0.5
    assert "solvability of instructions: Ada and Ben agree on 15 of 20, Cohen's kappa 0.50" in text
    assert "agree on 20 of 20, Cohen's kappa undefined" in text
    assert "accuracy of actions and output: Ada and Ben agree on 20 of 20, Cohen's kappa 1.00" in text


def test_unanswered_questions_are_in_no_denominator(tmp_path):
    file = write_review(tmp_path / "one.json", "", (3, 3, 3), n=4)
    content = json.loads(file.read_text())
    del content["answers"]["tool/0"]["response"], content["answers"]["tool/1"]
    file.write_text(json.dumps(content))
    (review,) = load_reviews([file])
    assert review.reviewer == "one"  # nobody typed a name: the file's
    assert len(review.answered("instruction")) == 3 and len(review.answered("response")) == 2


def test_the_report_takes_a_review_for_table_2(tmp_path):
    evaluation_run(tmp_path / "run", "m", n=3)
    file = write_review(tmp_path / "one.json", "Ada", (18, 20, 15))
    command = [
        sys.executable,
        ROOT / "eval/report.py",
        tmp_path / "run",
        "--review",
        file,
        "--out",
        tmp_path / "out",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (
        "| accuracy of actions and output | 15/20 [53-89] | 80/100 [71-87] |"
        in (tmp_path / "out" / "report.md").read_text()
    )
    assert "Table 2." in done.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not JSON", "is not JSON"),
        ("[]", "is not a saved review"),
        ('{"format": "other"}', "is not a saved review"),
        (json.dumps({"format": FORMAT, "sample": "s", "answers": []}), "`answers` to be an object"),
        (
            json.dumps({"format": FORMAT, "sample": "s", "answers": {"a": {"response": "yes"}}}),
            "true or false",
        ),
        (json.dumps({"format": FORMAT, "sample": "s", "answers": {"a": {"other": True}}}), "true or false"),
        (json.dumps({"format": FORMAT, "sample": "s", "answers": {}}), "no answer yet"),
    ],
)
def test_a_file_that_is_no_review_is_refused(tmp_path, content, message):
    (tmp_path / "file.json").write_text(content)
    with pytest.raises(ToolAlpacaError, match=message):
        load_reviews([tmp_path / "file.json"])


def test_reviews_of_different_samples_are_not_mixed(tmp_path):
    one = write_review(tmp_path / "one.json", "Ada", (1, 1, 1))
    two = write_review(tmp_path / "two.json", "Ben", (1, 1, 1), sample="other")
    with pytest.raises(ToolAlpacaError, match="one and the same sample"):
        load_reviews([one, two])


@pytest.mark.parametrize("arguments", [["--n", "0"], ["--n", "3", "--seed", "1"]])
def test_a_sample_that_cannot_be_drawn_gets_one_clear_line(corpus, tmp_path, arguments):
    run = corpus if "0" in arguments else tmp_path / "nowhere"
    done = script("sample", run, "--out", tmp_path / "page.html", *arguments)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert not (tmp_path / "page.html").exists()
