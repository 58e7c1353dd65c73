"""Run folders: what is kept, redone, refused and said, without a network."""

from __future__ import annotations

import asyncio
import itertools
import json
import multiprocessing
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from toolalpaca.models.boundary import ChatModel, Completion, ModelFailure, ask
from toolalpaca.models.pacing import Gate
from toolalpaca.models.prompts import Prompt, PromptFolder
from toolalpaca.runs.forecast import Forecast
from toolalpaca.runs.ledger import Ledger
from toolalpaca.runs.progress import Summary
from toolalpaca.runs.stage import Run
from toolalpaca.schema import ReplyError, RowFailure, ToolAlpacaError

PROMPTS = PromptFolder(Path(__file__).parents[1] / "helpers" / "engine_prompts")
ROWS = [{"id": f"r{i}", "text": f"é{i}"} for i in range(50)]


class Stage:
    """A stage over rows that counts how often each row was worked on."""

    def __init__(self, folder: Path, **options: Any):
        self.folder, self.options = folder, options
        self.done: list[str] = []
        self.bad: set[str] = set()

    async def fn(self, row: dict[str, Any]) -> Any:
        self.done.append(row["id"])
        if row["id"] in self.bad:
            raise RowFailure("unlucky", f"row {row['id']}")
        return [{"id": row["id"], "n": n, "text": row["text"]} for n in range(2)]

    def __call__(self, rows: Any = ROWS, config: dict[str, Any] | None = None, **options: Any) -> Summary:
        self.done.clear()
        with Run.open(self.folder, "s", config or {"seed": 0}, **self.options | options) as run:
            return run.stage("s", rows, self.fn, key=lambda row: row["id"], output="s.jsonl")

    def output(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "s.jsonl").read_text().splitlines()]


def test_results_come_in_input_order_and_are_not_made_twice(tmp_path: Path, capsys: Any) -> None:
    stage = Stage(tmp_path / "run")
    summary = stage()
    assert (summary.total, summary.succeeded, summary.failed, summary.pending) == (50, 50, 0, 0)
    assert [(row["id"], row["n"]) for row in stage.output()] == [(r["id"], n) for r in ROWS for n in (0, 1)]
    assert "é" in (stage.folder / "s.jsonl").read_text(encoding="utf-8")
    capsys.readouterr()
    assert stage().nothing_to_do and stage.done == []
    assert "nothing to do" in capsys.readouterr().out


def test_new_changed_and_removed_rows(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "run")
    stage(ROWS[:10])
    changed = [{"id": "new", "text": "x"}, *ROWS[1:9], {"id": "r9", "text": "changed"}]
    stage(changed)
    assert stage.done == ["new", "r9"]
    assert [row["id"] for row in stage.output()][::2] == [row["id"] for row in changed]
    stage(ROWS[:10])
    assert stage.done == ["r9"], "r0 was kept while it was not in the input"


def test_a_generator_is_as_good_as_a_list(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "run")
    assert stage(row for row in ROWS).succeeded == 50
    assert stage(row for row in ROWS).nothing_to_do
    assert sorted(p.name for p in stage.folder.iterdir()) == [
        ".lock",
        "ledger.sqlite",
        "manifest.json",
        "s.jsonl",
    ]


def test_failed_rows_wait_for_retry_failed(tmp_path: Path, capsys: Any) -> None:
    stage = Stage(tmp_path / "run")
    stage.bad = {"r3", "r7"}
    summary = stage()
    assert (summary.succeeded, summary.failed, summary.reasons) == (48, 2, {"unlucky": 2})
    assert "2 failed (2 unlucky): --retry_failed" in capsys.readouterr().out
    stage.bad = set()
    assert stage().nothing_to_do, "a failure is not repeated by itself"
    assert stage(retry_failed=True).succeeded == 50
    assert sorted(stage.done) == ["r3", "r7"]
    assert len(stage.output()) == 100


def test_a_lost_export_is_written_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "run")
    stage()
    before = (stage.folder / "s.jsonl").read_bytes()
    (stage.folder / "s.jsonl").unlink()
    stage()
    assert stage.done == [] and (stage.folder / "s.jsonl").read_bytes() == before
    (stage.folder / "s.jsonl").write_text("edited")
    stage()
    assert stage.done == [] and (stage.folder / "s.jsonl").read_bytes() == before


def test_a_changed_configuration_is_refused_by_name(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "run")
    stage(config={"seed": 0, "model": "offline", "out": "a", "concurrency": "4"})
    stage(config={"seed": 0, "model": "offline", "out": "b", "concurrency": "auto"})
    with pytest.raises(ToolAlpacaError, match=r"seed = 0, now it is 1: give another --out"):
        stage(config={"seed": 1, "model": "offline"})
    assert len(stage.output()) == 100


def test_a_foreign_folder_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ToolAlpacaError, match="no run of ours"):
        Stage(tmp_path)()
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_mistake_before_the_first_row_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ToolAlpacaError, match="unknown model"), Run.open(tmp_path / "run", "s", {}) as run:
        run.model("gpt", "teacher")
    assert not (tmp_path / "run").exists()


def test_a_refused_start_leaves_nothing_that_refuses_the_next(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "run")

    def start(seed: int, **options: Any) -> Any:
        with Run.open(tmp_path / "run", "s", {"seed": seed}) as run:
            return run.stage("s", ROWS, stage.fn, key=lambda row: row["id"], output="s.jsonl", **options)

    async def unloadable(row: dict[str, Any]) -> Any:
        raise ToolAlpacaError("no such checkpoint")

    with pytest.raises(ToolAlpacaError, match="--retry_failed"):
        stage(retry_failed=True)
    assert not (tmp_path / "run").exists()
    with pytest.raises(ToolAlpacaError, match="--concurrency 0"):
        start(1, concurrency=0)
    assert not (tmp_path / "run").exists()
    fn, stage.fn = stage.fn, unloadable
    with pytest.raises(ToolAlpacaError, match="no such checkpoint"):
        start(2)
    assert not (tmp_path / "run").exists()
    with Run.open(tmp_path / "run", "earlier", {}) as run:  # in a folder that another stage has filled
        run.stage("earlier", ROWS, fn, key=lambda row: row["id"], output="e.jsonl")
    with pytest.raises(ToolAlpacaError, match="no such checkpoint"):
        start(3)
    with pytest.raises(ToolAlpacaError, match="--retry_failed"):
        stage(retry_failed=True)
    stage.fn = fn
    assert start(4).succeeded == len(ROWS)
    with pytest.raises(ToolAlpacaError, match="begun with seed"):
        start(5)


def test_two_rows_of_one_id_are_refused_and_nothing_is_changed_by_them(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "run")
    stage()
    before = (stage.folder / "s.jsonl").read_bytes()
    with pytest.raises(ToolAlpacaError, match="'r4'"):
        stage([*ROWS[:10], {"id": "r4", "text": "changed"}])
    assert stage().nothing_to_do
    (stage.folder / "s.jsonl").unlink()
    assert stage().pending == 0 and stage.done == []
    assert (stage.folder / "s.jsonl").read_bytes() == before


def test_a_change_of_the_input_that_is_killed_strands_no_row(tmp_path: Path, monkeypatch: Any) -> None:
    stage = Stage(tmp_path / "run")
    stage()
    before = (stage.folder / "s.jsonl").read_bytes()

    def killed(self: Ledger, name: str, number: int, rows: Any) -> None:
        register(self, name, number, itertools.islice(rows, 20))
        raise ToolAlpacaError("killed")

    register = Ledger.register
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "register", killed)
        with pytest.raises(ToolAlpacaError, match="killed"):
            stage(ROWS[:30])
    summary = stage()
    assert (summary.succeeded, summary.pending, stage.done) == (50, 0, [])
    assert (stage.folder / "s.jsonl").read_bytes() == before


def test_an_export_is_never_cut_to_the_rows_that_are_done(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "run")
    stage.bad = {"r3"}
    stage(ROWS[:10])
    before = (stage.folder / "s.jsonl").read_bytes()
    changed = [{"id": row["id"], "text": "new"} if row["id"] != "r3" else row for row in ROWS[:10]]
    stage.bad = set()
    with pytest.raises(ToolAlpacaError, match=r"9 of 10 rows .* pending, .* without --retry_failed"):
        stage(changed, retry_failed=True)
    assert stage.done == ["r3"] and (stage.folder / "s.jsonl").read_bytes() == before
    assert stage(changed).pending == 0 and len(stage.output()) == 20


def _hold(folder: Path, ready: Any, leave: Any) -> None:
    with Run.open(folder, "s", {}):
        ready.set()
        leave.wait(20)


def test_one_writer(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, leave = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / "run", ready, leave))
    holder.start()
    try:
        assert ready.wait(20)
        with pytest.raises(ToolAlpacaError, match=f"in use by process {holder.pid}"):
            Stage(tmp_path / "run")()
    finally:
        leave.set()
        holder.join(20)
    assert Stage(tmp_path / "run")(config={"a": 1}).succeeded == 50


def test_a_bug_in_a_stage_fails_rows_and_shows_one_traceback(tmp_path: Path, capsys: Any) -> None:
    async def buggy(row: dict[str, Any]) -> dict[str, Any]:
        return {"n": 1 // (int(row["id"][1:]) % 2)}

    with Run.open(tmp_path / "run", "s", {}) as run:
        summary = run.stage("s", ROWS, buggy, key=lambda row: row["id"], output="s.jsonl")
    assert summary.reasons == {"internal_error": 25} and summary.succeeded == 25
    assert capsys.readouterr().err.count("ZeroDivisionError") == 1


def test_the_manifest_says_how_a_run_was_made(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "run")
    stage(config={"seed": 7})
    entry = json.loads((stage.folder / "manifest.json").read_text())["stages"]["s"]
    assert entry["config"] == {"seed": 7} and entry["rows"]["succeeded"] == 50
    assert {"commit", "dirty", "packages", "argv", "prompts", "python", "started"} <= entry.keys()


class Scripted(ChatModel):
    """Replies in order, whatever is asked; counts its calls."""

    name = "scripted"

    def __init__(self, replies: Iterator[str]):
        self.replies, self.calls = replies, 0

    async def complete(
        self, prompt: Prompt, sample: int = 0, stop: list[str] | None = None, on_fault: Any = None
    ) -> Completion:
        self.calls += 1
        return Completion(next(self.replies), 10, 5)


def number(text: str) -> int:
    """A reply that must be a number."""
    if not text.isdigit():
        raise ReplyError("no_number", text)
    return int(text)


def run_scripted(
    folder: Path, monkeypatch: Any, replies: list[str], **options: Any
) -> tuple[Summary, Scripted]:
    model = Scripted(iter(replies))
    monkeypatch.setattr("toolalpaca.runs.stage.load_model", lambda *_, **__: model)
    with Run.open(folder, "s", {}, **options) as run:
        teacher = run.model("scripted", "teacher")

        async def fn(row: dict[str, Any]) -> dict[str, Any]:
            return {"n": await ask(teacher, Prompt("echo", {"text": row["text"]}, prompts=PROMPTS), number)}

        return run.stage("s", ROWS[:1], fn, key=lambda row: row["id"], output="s.jsonl"), model


def test_an_unusable_reply_is_billed_and_never_served_again(tmp_path: Path, monkeypatch: Any) -> None:
    summary, model = run_scripted(tmp_path / "run", monkeypatch, ["a", "b", "c"])
    assert summary.reasons == {"no_number": 1} and model.calls == 3
    summary, model = run_scripted(tmp_path / "run", monkeypatch, ["d", "4"], retry_failed=True)
    assert summary.succeeded == 1 and model.calls == 2
    command = [
        sys.executable,
        "-m",
        "toolalpaca.runs.status",
        str(tmp_path / "run"),
        "--price_in",
        "1",
        "--price_out",
        "2",
    ]
    status = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "1 succeeded, 0 failed, 0 pending" in status
    assert "5 replies, 4 of them unusable, 50 tokens in, 25 out, $0.0001" in status


def test_every_useless_reply_is_drawn_anew_in_a_retry_and_a_replay_follows(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """A stage with a loop of its own, that answers a bad reply with another prompt."""
    asked: list[int] = []

    class Numbered(Scripted):
        async def complete(
            self, prompt: Prompt, sample: int = 0, stop: Any = None, on_fault: Any = None
        ) -> Completion:
            asked.append(sample)
            return await super().complete(prompt, sample, stop, on_fault)

    def run(folder: Path, replies: list[str], name: str = "scripted", **options: Any) -> tuple[Summary, Any]:
        model = Numbered(iter(replies))
        if name == "scripted":
            monkeypatch.setattr("toolalpaca.runs.stage.load_model", lambda *_, **__: model)
        with Run.open(folder, "s", {}, **options) as opened:
            teacher = opened.model(name, "teacher")

            async def fn(row: dict[str, Any]) -> dict[str, Any]:
                feedback = ""
                for sample in range(2):
                    prompt = Prompt("echo", {"text": row["text"] + feedback}, prompts=PROMPTS)
                    text = (await teacher.complete(prompt, sample)).text
                    if text.isdigit():
                        return {"n": int(text), "after": feedback}
                    teacher.reject(prompt, sample, "no_number")
                    feedback = f"not {text}"
                raise RowFailure("no_number", text)

            summary = opened.stage("s", ROWS[:1], fn, key=lambda row: row["id"], output="s.jsonl")
        return summary, model

    assert run(tmp_path / "run", ["a", "b"])[0].failed == 1
    assert run(tmp_path / "run", [], retry_failed=False)[0].failed == 1
    assert run(tmp_path / "run", ["c", "d"], retry_failed=True)[0].failed == 1
    summary, model = run(tmp_path / "run", ["e", "5"], retry_failed=True)
    assert summary.succeeded == 1 and next(model.replies, None) is None
    assert asked == [0, 1, 1_000_000, 1, 2_000_000, 1], "the first prompt three times, each answer to it once"
    run(tmp_path / "again", [], name=f"replay:{tmp_path / 'run'}")
    exports = [(tmp_path / name / "s.jsonl").read_text() for name in ("run", "again")]
    assert exports[0] == exports[1] == '{"n": 5, "after": "not e"}\n'


class Refusing(Scripted):
    """Refuses the texts in `bad` at once, and answers others after `seconds`."""

    def __init__(self, bad: set[str], reason: str = "http_400", seconds: float = 0.0):
        super().__init__(iter(()))
        self.bad, self.reason, self.seconds = bad, reason, seconds

    async def complete(
        self, prompt: Prompt, sample: int = 0, stop: list[str] | None = None, on_fault: Any = None
    ) -> Completion:
        self.calls += 1
        if prompt.variables["text"] in self.bad:
            raise ModelFailure(self.reason, "refused", permanent=True)
        await asyncio.sleep(self.seconds)
        return Completion("1", 10, 5)


def run_refusing(folder: Path, monkeypatch: Any, model: Refusing, rows: Any, **options: Any) -> Summary:
    monkeypatch.setattr("toolalpaca.runs.stage.load_model", lambda *_, **__: model)
    with Run.open(folder, "s", {}, **options) as run:
        teacher = run.model("scripted", "teacher")

        async def fn(row: dict[str, Any]) -> dict[str, Any]:
            return {"n": await ask(teacher, Prompt("echo", {"text": row["text"]}, prompts=PROMPTS), number)}

        return run.stage("s", rows, fn, key=lambda row: row["id"], output="s.jsonl")


@pytest.mark.parametrize("reason", ["http_400", "http_401"])
@pytest.mark.parametrize("slow", ["endpoint", "disk"])
def test_refusals_that_overtake_slow_answers_do_not_end_the_run(
    tmp_path: Path, monkeypatch: Any, slow: str, reason: str
) -> None:
    """A refusal takes no time; an answer, or its way to the disk, does."""
    commit = Ledger.commit

    async def late(self: Ledger, *values: Any) -> None:
        await asyncio.sleep(1.0)
        await commit(self, *values)

    if slow == "disk":
        monkeypatch.setattr(Ledger, "commit", late)
    rows = [{"id": f"r{i}", "text": f"t{i}"} for i in range(150)]
    model = Refusing({f"t{i}" for i in range(150) if i % 3}, reason, 1.0 if slow == "endpoint" else 0.0)
    summary = run_refusing(tmp_path / "run", monkeypatch, model, rows)
    assert (summary.succeeded, summary.failed, summary.pending) == (50, 100, 0)


def test_an_endpoint_that_refuses_all_of_the_first_calls_ends_the_run(
    tmp_path: Path, monkeypatch: Any
) -> None:
    rows = [{"id": f"r{i}", "text": f"t{i}"} for i in range(500)]
    model = Refusing({row["text"] for row in rows}, "http_404")
    with pytest.raises(ToolAlpacaError, match=r"refused every call .*refused"):
        run_refusing(tmp_path / "run", monkeypatch, model, rows)
    assert 20 <= model.calls < 100
    assert run_refusing(tmp_path / "run", monkeypatch, Refusing(set()), rows).succeeded == 500


@pytest.mark.parametrize("reason", ["http_401", "http_403"])
def test_a_run_resumed_with_a_wrong_key_fails_no_row(tmp_path: Path, monkeypatch: Any, reason: str) -> None:
    """The few rows that are left are too few to stop early."""
    rows = [{"id": f"r{i}", "text": f"t{i}"} for i in range(30)]
    run_refusing(tmp_path / "run", monkeypatch, Refusing(set()), rows[:25])
    refusing = Refusing({row["text"] for row in rows}, reason)
    with pytest.raises(
        ToolAlpacaError, match=r"refused every call of this run \(5\): .*25 of 30 rows are done"
    ):
        run_refusing(tmp_path / "run", monkeypatch, refusing, rows)
    assert run_refusing(tmp_path / "run", monkeypatch, Refusing(set()), rows).succeeded == 30


def test_rows_that_are_refused_again_do_not_make_the_run_end(tmp_path: Path, monkeypatch: Any) -> None:
    """Forty prompts too long for the model: tried again by themselves they are all of the first calls."""
    rows = [{"id": f"r{i}", "text": f"t{i}"} for i in range(100)]
    model = Refusing({f"t{i}" for i in range(60, 100)})
    for options in ({}, {"retry_failed": True}):
        summary = run_refusing(tmp_path / "run", monkeypatch, model, rows, **options)
        assert (summary.succeeded, summary.reasons) == (60, {"http_400": 40})


def test_a_row_whose_call_failed_for_good_fails_in_a_replay_too(tmp_path: Path, monkeypatch: Any) -> None:
    rows = [{"id": f"r{i}", "text": f"t{i}"} for i in range(30)]
    run_refusing(tmp_path / "run", monkeypatch, Refusing({"t3", "t7"}), rows)
    monkeypatch.undo()
    for name, source in (("again", "run"), ("and-again", "again")):
        with Run.open(tmp_path / name, "s", {}) as run:
            teacher = run.model(f"replay:{tmp_path / source}", "teacher")

            async def fn(row: dict[str, Any]) -> dict[str, Any]:
                prompt = Prompt("echo", {"text": row["text"]}, prompts=PROMPTS)
                return {"n": await ask(teacher, prompt, number)}  # noqa: B023 (run at once)

            summary = run.stage("s", rows, fn, key=lambda row: row["id"], output="s.jsonl")
            details = run.ledger.query("SELECT DISTINCT detail FROM rows WHERE state='failed'")
        assert (summary.succeeded, summary.reasons, details) == (28, {"http_400": 2}, [("refused",)])
        assert (tmp_path / name / "s.jsonl").read_bytes() == (tmp_path / "run" / "s.jsonl").read_bytes()


def test_max_cost_is_not_pretended_where_the_endpoint_counts_no_tokens(
    tmp_path: Path, monkeypatch: Any
) -> None:
    class Uncounted(Scripted):
        prices = (1.0, 1.0)

        async def complete(
            self, prompt: Prompt, sample: int = 0, stop: Any = None, on_fault: Any = None
        ) -> Completion:
            self.calls += 1
            return Completion("1")

    model = Uncounted(iter(()))
    with pytest.raises(ToolAlpacaError, match=r"--max_cost cannot be kept: .*usage.* 50 rows pending"):
        run_refusing(tmp_path / "run", monkeypatch, model, ROWS, max_cost=1.0)  # type: ignore[arg-type]
    assert model.calls == 1
    assert run_refusing(tmp_path / "run", monkeypatch, model, ROWS).succeeded == 50  # type: ignore[arg-type]
    assert model.calls == 50, "what was answered is not asked again"


def test_stages_of_one_run_may_have_different_models_in_one_role(tmp_path: Path, monkeypatch: Any) -> None:
    for stage, name in (("one", "a"), ("two", "b")):
        monkeypatch.setattr(Scripted, "name", name)
        monkeypatch.setattr("toolalpaca.runs.stage.load_model", lambda *_, **__: Scripted(iter(["1"])))
        with Run.open(tmp_path / "run", stage, {}) as run:
            model = run.model(name, "teacher")

            async def fn(row: dict[str, Any]) -> dict[str, Any]:
                prompt = Prompt("echo", {"text": row["text"]}, prompts=PROMPTS)
                return {"n": await ask(model, prompt, number)}  # noqa: B023 (run at once)

            run.stage(stage, ROWS[:1], fn, key=lambda row: row["id"], output="s.jsonl")
    for stage, name in (("one", "a"), ("two", "b")):
        with Run.open(tmp_path / "again", stage, {}) as run:
            assert run.model(f"replay:{tmp_path / 'run'}", "teacher").name == name
    with (
        pytest.raises(ToolAlpacaError, match="no model for stage three, role teacher; it has one teacher"),
        Run.open(tmp_path / "again", "three", {}) as run,
    ):
        run.model(f"replay:{tmp_path / 'run'}", "teacher")


def test_a_role_that_nothing_plays_is_refused(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("techer: offline\n")
    with (
        pytest.raises(ToolAlpacaError, match="unknown role techer; this stage has teacher"),
        Run.open(tmp_path / "run", "s", {}, models=tmp_path / "models.yaml") as run,
    ):
        run.model("offline", "teacher")
        run.stage("s", ROWS, Stage(tmp_path).fn, key=lambda row: row["id"], output="s.jsonl")
    assert not (tmp_path / "run").exists()


def test_what_a_killed_export_left_is_cleared_away(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "run")
    stage()
    (stage.folder / ".s.jsonl.4711.tmp").write_text("half")
    stage()
    assert not list(stage.folder.glob(".*.tmp"))


def test_replies_are_stored_before_they_are_parsed(tmp_path: Path, monkeypatch: Any) -> None:
    """A stage that dies while it parses does not pay again."""
    model = Scripted(iter(["1", "2"]))
    monkeypatch.setattr("toolalpaca.runs.stage.load_model", lambda *_, **__: model)

    def run(parse: Any) -> Summary:
        with Run.open(tmp_path / "run", "s", {}) as opened:
            teacher = opened.model("scripted", "teacher")

            async def fn(row: dict[str, Any]) -> dict[str, Any]:
                return {"n": await ask(teacher, Prompt("echo", {"text": "x"}, prompts=PROMPTS), parse)}

            return opened.stage("s", ROWS[:1], fn, key=lambda row: row["id"], output="s.jsonl")

    def die(_: str) -> int:
        raise ToolAlpacaError("the parser died")

    with pytest.raises(ToolAlpacaError, match="died"):
        run(die)
    assert run(number).succeeded == 1 and model.calls == 1


def test_another_model_in_a_role_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    run_scripted(tmp_path / "run", monkeypatch, ["1"])
    monkeypatch.setattr(Scripted, "name", "another")
    with pytest.raises(ToolAlpacaError, match='model = "scripted", now it is "another"'):
        run_scripted(tmp_path / "run", monkeypatch, ["1"])


def test_a_changed_template_that_was_paid_for_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "echo.jinja").write_text("=== user\n{{ text }}\n")
    run_scripted(tmp_path / "run", monkeypatch, ["1"], prompts=prompts)
    run_scripted(tmp_path / "run", monkeypatch, [], prompts=prompts)
    (prompts / "echo.jinja").write_text("=== user\nPlease: {{ text }}\n")
    with pytest.raises(ToolAlpacaError, match="begun with prompt echo = "):
        run_scripted(tmp_path / "run", monkeypatch, ["1"], prompts=prompts)


def test_a_forecast_is_learned_from_the_first_ten_rows_of_the_input(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    class Endpoint(Scripted):
        prices = (1.0, 2.0)
        gate = Gate()

        async def complete(self, prompt, sample=0, stop=None, on_fault=None) -> Completion:
            self.calls += 1
            return Completion("1", 1000 if self.calls % 2 else 3000, 500)

    model = Endpoint(iter(()))
    monkeypatch.setattr("toolalpaca.runs.stage.load_model", lambda *_, **__: model)
    with Run.open(tmp_path / "run", "s", {}) as run:
        teacher = run.model("scripted", "teacher")

        async def fn(row: dict[str, Any]) -> dict[str, Any]:
            prompt = Prompt("echo", {"text": row["text"]}, prompts=PROMPTS)
            return {"n": (await teacher.complete(prompt)).text}

        run.stage("s", ROWS, fn, key=lambda row: row["id"], output="s.jsonl", concurrency=4)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("forecast")]
    assert len(lines) == 1
    # 50 rows of 2,000 tokens in and 500 out are 100,000 and 25,000: $0.15
    assert "50 calls" in lines[0] and "100,000 tokens in" in lines[0] and "25,000 out" in lines[0]
    assert "$0.15 ($0.1" in lines[0] and "learned from the first 10" in lines[0]


def test_a_forecast_waits_for_the_first_rows_not_for_those_that_end_first() -> None:
    forecast = Forecast("s", 40, priced=False)
    begun = [forecast.begin() for _ in range(20)]
    for _, usage in begun[10:]:
        usage.add(10, 1, 0.0)
    assert not any(forecast.end(number) for number, _ in begun[10:])
    for _, usage in begun[:10]:
        usage.add(100, 1, 0.0)
    told = [forecast.end(number) for number, _ in begun[:10]]
    assert told[:9] == [""] * 9 and "4,000 tokens in" in told[9]
