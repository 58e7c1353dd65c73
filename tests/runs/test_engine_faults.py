"""The engine against a server that misbehaves: real processes, real kills (full sizes: benchmarks/)."""

from __future__ import annotations

import base64
import collections
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

import fault_server
import pytest

WORKER = Path(__file__).parents[1] / "helpers" / "engine_worker.py"
KEY = "sk-sentinel+/42=very-secret-key"
MODELS = "echo: {model: openai/echo, timeout: 0.5}\n"
PATIENCE = 300  # seconds for what ends by itself: a busy machine with a slow disk takes its time
HASTY = "echo: {model: openai/echo, max_tries: 2}\n"


def start(out: Path, url: str = "http://127.0.0.1:9/v1", **options: object) -> subprocess.Popen[str]:
    """The worker as a process of its own."""
    words = [
        w
        for name, value in options.items()
        for w in (f"--{name}", *([str(value)] if value is not True else []))
    ]
    environment = os.environ | {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": KEY}
    return subprocess.Popen(
        [sys.executable, str(WORKER), "--out", str(out), "--model", "openai/echo", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def work(
    out: Path, url: str = "http://127.0.0.1:9/v1", expect: int = 0, **options: object
) -> tuple[str, str]:
    """Run the worker to its end; its output and errors."""
    process = start(out, url, **options)
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == expect, stderr
    return stdout, stderr


def stored(out: Path) -> set[str]:
    """Rows whose reply is committed."""
    path = out / "ledger.sqlite"
    if not path.exists():
        return set()
    ledger = sqlite3.connect(path)
    bodies = [json.loads(reply) for (reply,) in ledger.execute("SELECT reply FROM completions")]
    ledger.close()
    return {json.loads(body["choices"][0]["message"]["content"])["echo"] for body in bodies}


def tokens(out: Path) -> tuple[int, int]:
    """Tokens in the ledger, unusable replies included."""
    ledger = sqlite3.connect(out / "ledger.sqlite")
    sums = [
        ledger.execute(f"SELECT sum(tokens_in), sum(tokens_out) FROM {t}").fetchone()
        for t in ("completions", "attempts")
    ]
    ledger.close()
    return tuple(sum(s[i] or 0 for s in sums) for i in (0, 1))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    path = tmp_path / "models.yaml"
    path.write_text(MODELS)
    return path


def test_killed_runs_lose_and_repeat_nothing(tmp_path: Path, models: Path) -> None:
    rows, concurrency, kills = 300, 16, 3
    options = {"rows": rows, "models": models, "concurrency": concurrency}
    chance = random.Random(7)
    out, killed = tmp_path / "killed", 0
    with fault_server.serve(fault_rate=0.2, latency=0.05, retry_after=0.05) as server:
        work(tmp_path / "whole", server.url, **options)
        server.reset()
        for moment in range(kills + 1):
            committed, asked = stored(out), len(server.stats()["asked"])
            process = start(out, server.url, **options)
            if moment < kills:
                while len(server.stats()["asked"]) <= asked and process.poll() is None:
                    time.sleep(0.02)
                time.sleep(chance.uniform(0, 0.4))
                killed += process.poll() is None
                process.kill()
            process.communicate(timeout=PATIENCE)
            assert not committed & set(server.stats()["asked"][asked:]), "a committed call was sent again"
        stats = server.stats()
    assert process.returncode == 0 and killed >= 2
    assert (out / "echo.jsonl").read_bytes() == (tmp_path / "whole" / "echo.jsonl").read_bytes()
    assert len((out / "echo.jsonl").read_text().splitlines()) == rows
    extra = sum(stats["delivered"].values()) - rows
    assert 0 <= extra <= killed * concurrency


def test_tokens_of_every_delivered_reply_are_accounted(tmp_path: Path) -> None:
    # No hangs and no short time limit: a reply that comes after it is delivered, and rightly not accounted.
    faults = ",".join(kind for kind in fault_server.FAULTS if kind != "hang")
    with fault_server.serve(fault_rate=0.2, faults=faults, latency=0.01, retry_after=0.05, seed=3) as server:
        work(tmp_path / "run", server.url, rows=300, concurrency=32)
        stats = server.stats()
    assert stats["faults"]["wrong_shape"] > 0
    assert tokens(tmp_path / "run") == (stats["tokens_in"], stats["tokens_out"])
    assert collections.Counter(stats["delivered"].values()) == {1: 300}


def test_calls_and_rows_cost_little(tmp_path: Path) -> None:
    """The benchmark's throughput and memory at a small size, by measures that a busy machine leaves alone."""
    rows, costs = (500, 3000), []
    # 60% of the 1,280 calls/s of 256 in flight at 200 ms leave 1.3 ms of one core to a call.
    affordable = 1 / (0.6 * 1280)
    with fault_server.serve(log=0) as server:
        while len(costs) < 3 and min(costs, default=1) > affordable:  # neighbours cost caches, never save any
            found = []
            for n in rows:
                stdout, _ = work(tmp_path / f"{len(costs)}-{n}", server.url, rows=n, concurrency=64)
                found.append(json.loads(stdout.splitlines()[-1]))
            costs.append((found[1]["cpu"] - found[0]["cpu"]) / (rows[1] - rows[0]))
    assert min(costs) <= affordable
    assert found[1]["peak"] - found[1]["before"] <= 150
    assert found[1]["peak"] - found[0]["peak"] <= 10


def test_malformed_replies_are_kept_and_asked_anew(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with fault_server.serve(malformed_rate=0.5) as server:
        stdout, _ = work(out, server.url, rows=60)
        first = json.loads(stdout.splitlines()[-1])
        assert first["failed"] > 0, "some rows get three unusable replies in a row"
        sent = server.stats()["calls"]
        work(out, server.url, rows=60)
        assert server.stats()["calls"] == sent, "a settled stage asks for nothing"
        server.reset(malformed_rate=0.0)
        stdout, _ = work(out, server.url, rows=60, retry_failed=True)
        again = json.loads(stdout.splitlines()[-1])
        assert again["failed"] == 0
        assert server.stats()["calls"] == first["failed"], "only the failed rows, and only fresh samples"
    assert len((out / "echo.jsonl").read_text().splitlines()) == 60
    status = subprocess.run(
        [sys.executable, "-m", "toolalpaca.runs.status", str(out)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "60 succeeded, 0 failed, 0 pending" in status
    assert f"{sent + first['failed']} replies" in status
    work(tmp_path / "again", rows=60, model=f"replay:{out}")
    assert (tmp_path / "again" / "echo.jsonl").read_bytes() == (out / "echo.jsonl").read_bytes()


def test_replay_opens_no_socket(tmp_path: Path) -> None:
    with fault_server.serve() as server:
        stdout, _ = work(tmp_path / "run", server.url, rows=30)
    assert json.loads(stdout.splitlines()[-1])["sockets"] > 0, "the worker counts them"
    stdout, _ = work(tmp_path / "replay", rows=30, model=f"replay:{tmp_path / 'run'}")
    assert json.loads(stdout.splitlines()[-1])["sockets"] == 0
    assert (tmp_path / "replay" / "echo.jsonl").read_bytes() == (tmp_path / "run" / "echo.jsonl").read_bytes()
    _, stderr = work(tmp_path / "miss", expect=2, rows=31, model=f"replay:{tmp_path / 'run'}")
    assert "no reply to prompt 'echo'" in stderr


def test_the_key_is_nowhere(tmp_path: Path) -> None:
    spent = b""
    models = tmp_path / "models.yaml"
    models.write_text(HASTY)
    with fault_server.serve(status=400) as server:  # echoes the key in each error
        out = tmp_path / "run"
        for status in (400, 401, 500):
            server.reset(status=status)
            stdout, stderr = work(out, server.url, expect=2 * (status < 500), rows=5, models=models)
            spent += (stdout + stderr).encode()
        stdout, stderr = work(out, server.url, expect=1, rows=5, models=models, retry_failed=True, crash=True)
        spent += (stdout + stderr).encode()
        assert b"Traceback" in spent
        subprocess.run(
            [sys.executable, "-m", "toolalpaca.runs.status", str(out)], capture_output=True, check=True
        )
    spent += b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert b"refused:" in spent
    shapes = [KEY, KEY[:8], urllib.parse.quote(KEY), urllib.parse.quote(KEY, safe="")]
    shapes += [base64.b64encode(KEY.encode()).decode()[:24]]
    assert not [shape for shape in shapes if shape.encode() in spent]


def test_an_endpoint_that_refuses_everything_ends_the_run(tmp_path: Path) -> None:
    with fault_server.serve(key="another") as server:
        _, stderr = work(tmp_path / "run", server.url, expect=2, rows=1000, concurrency=4)
        assert server.stats()["calls"] < 40
        assert "refused every call" in stderr and "401" in stderr
        server.reset(key="")
        stdout, _ = work(tmp_path / "run", server.url, rows=1000)
    assert json.loads(stdout.splitlines()[-1])["succeeded"] == 1000


def test_scattered_refusals_do_not_end_the_run(tmp_path: Path) -> None:
    with fault_server.serve(fault_rate=0.3, faults="400") as server:
        stdout, _ = work(tmp_path / "run", server.url, rows=100)
    summary = json.loads(stdout.splitlines()[-1])
    assert summary["failed"] > 5 and summary["failed"] + summary["succeeded"] == 100
    assert "http_400" in stdout and "--retry_failed" in stdout


def test_a_key_that_is_revoked_in_mid_run_ends_it_and_fails_no_row(tmp_path: Path) -> None:
    with fault_server.serve(latency=0.02) as server:
        process = start(tmp_path / "run", server.url, rows=3000, concurrency=8)
        while server.stats()["calls"] < 40:
            time.sleep(0.02)
        server.reset(key="another", latency=0)
        assert process.wait(PATIENCE) == 2
        assert "now refuses every call" in process.stderr.read()
        assert server.stats()["calls"] < 60
        server.reset(key="")
        stdout, _ = work(tmp_path / "run", server.url, rows=3000)
    assert json.loads(stdout.splitlines()[-1])["succeeded"] == 3000, "and no --retry_failed is needed"


def test_interrupt_drains_and_a_second_one_exits(tmp_path: Path) -> None:
    with fault_server.serve(latency=0.6) as server:
        process = start(tmp_path / "run", server.url, rows=500, concurrency=8)
        while server.stats()["calls"] < 10:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        stats = server.stats()
        assert len(stored(tmp_path / "run")) == len(stats["delivered"]) == stats["calls"]

        process = start(tmp_path / "run", server.url, rows=500, concurrency=8)
        while server.stats()["calls"] < stats["calls"] + 8:
            time.sleep(0.02)
        server.reset(latency=30)
        time.sleep(0.8)
        process.send_signal(signal.SIGINT)
        while "stopping: " not in process.stderr.readline():  # two signals sent at once may arrive as one
            assert process.poll() is None
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(1) == 130


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with fault_server.serve(latency=0.2) as server:
        first = start(tmp_path / "run", server.url, rows=4000, concurrency=4)
        while server.stats()["calls"] == 0:
            time.sleep(0.02)
        _, stderr = work(tmp_path / "run", server.url, expect=2, rows=40)
        assert f"in use by process {first.pid}" in stderr
        server.reset(latency=0)
        first.communicate(timeout=PATIENCE)
        assert first.returncode == 0


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with fault_server.serve() as server:
        process = subprocess.Popen(
            [sys.executable, str(WORKER), "--out", str(out), "--model", "openai/echo", "--rows", "1500"],
            env=os.environ | {"OPENAI_BASE_URL": server.url},
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, 900_000)),  # noqa: PLW1509
        )
        _, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode == 2
        assert stderr.splitlines()[-1].startswith("error: ") and "free some space" in stderr
        assert "Traceback" not in stderr
        committed, sent = stored(out), server.stats()["calls"]
        assert 0 < len(committed) < 1500
        work(out, server.url, rows=1500)
        assert not committed & set(server.stats()["asked"][sent:])
    assert len((out / "echo.jsonl").read_text().splitlines()) == 1500


def test_output_to_a_full_device(tmp_path: Path) -> None:
    with fault_server.serve() as server, open("/dev/full", "w") as full:
        done = subprocess.run(
            [
                sys.executable,
                str(WORKER),
                "--out",
                str(tmp_path / "run"),
                "--model",
                "openai/echo",
                "--rows",
                "10",
            ],
            env=os.environ | {"OPENAI_BASE_URL": server.url},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "No space left" in done.stderr and "Traceback" not in done.stderr


def test_unusable_replies_count_toward_max_cost(tmp_path: Path) -> None:
    models = tmp_path / "models.yaml"
    models.write_text("echo: {model: openai/echo, price_in: 1000, price_out: 1000, max_tokens: 3}\n")
    with fault_server.serve(fault_rate=0.7, faults="wrong_shape", seed=4) as server:
        _, stderr = work(tmp_path / "run", server.url, expect=2, rows=100, models=models, max_cost=0.4)
    assert "--max_cost" in stderr
    assert 0.1 < sum(tokens(tmp_path / "run")) * 1000 / 1e6 <= 0.4


def test_max_cost_stops_before_it_is_passed(tmp_path: Path) -> None:
    models = tmp_path / "models.yaml"
    models.write_text("echo: {model: openai/echo, price_in: 1000, price_out: 1000, max_tokens: 10}\n")
    with fault_server.serve() as server:
        _, stderr = work(tmp_path / "run", server.url, expect=2, rows=100, models=models, max_cost=1.0)
        assert "--max_cost" in stderr
        spent = sum(tokens(tmp_path / "run")) * 1000 / 1e6
        assert 0.5 < spent <= 1.0
        sent = server.stats()["calls"]
        work(tmp_path / "run", server.url, expect=2, rows=100, models=models, max_cost=1.0)
        assert server.stats()["calls"] == sent, "what was spent before counts"
        stdout, _ = work(tmp_path / "run", server.url, rows=100, models=models)
    assert "forecast" in stdout and "$" in stdout


def test_adaptive_concurrency_finds_what_the_server_allows(tmp_path: Path) -> None:
    with fault_server.serve(latency=0.1, capacity=24) as server:
        process = start(tmp_path / "run", server.url, rows=100_000, concurrency="auto")
        while server.stats()["calls"] < 400:
            time.sleep(0.1)
        server.reset()
        time.sleep(2)
        stats = server.stats()
        process.kill()
        process.wait()
    assert 12 <= stats["peak"] <= 24
    assert stats["rejected"] <= 0.05 * stats["calls"]
