"""The ledger: what a commit means, what reads see, what breaks it."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from toolalpaca.models.boundary import Completion
from toolalpaca.runs import statements as sql
from toolalpaca.runs.ledger import Ledger, connect, read_completion
from toolalpaca.schema import ToolAlpacaError


def completion(key: bytes, text: str = "hi") -> tuple[object, ...]:
    return (key, "stage", "teacher", "prompt", 0, text, False, "stop", 3, 4, 0.0)


def keys(n: int) -> list[bytes]:
    return [i.to_bytes(32, "big") for i in range(n)]


def test_a_commit_is_on_the_disk_when_it_returns(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    other = connect(tmp_path / "l.sqlite", readonly=True)

    async def one(key: bytes) -> Completion | None:
        await ledger.commit(sql.INSERT_COMPLETION, *completion(key, f"é\0{key[-1]}"))
        return read_completion(other, key)

    async def all_() -> list[Completion | None]:
        return await asyncio.gather(*(one(key) for key in keys(200)))

    found = asyncio.run(all_())
    assert [c and c.text for c in found] == [f"é\0{i}" for i in range(200)]
    ledger.close()


def test_what_was_queued_is_written_in_order_at_close(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    ledger.register("s", 1, ((i, f"k{i}", b"d") for i in range(1000)))
    for i in range(1000):
        ledger.put(sql.SUCCEED, f"{i}\n", "s", f"k{i}")
    ledger.put(sql.FAIL, "bad", "worse", 1, "s", "k7")
    ledger.put(sql.INSERT_COMPLETION, *completion(keys(1)[0]))
    ledger.put(sql.REJECT, "unusable", keys(1)[0])
    for _ in range(3):
        ledger.put(sql.COUNT_FAULT, "s", "teacher", "http_500")
    ledger.set_meta("a", {"b": 1})
    ledger.set_meta("a", {"b": 2})
    ledger.close()
    ledger = Ledger(tmp_path / "l.sqlite")
    assert ledger.counts("s", 1) == {"succeeded": 999, "failed": 1}
    results = ledger.iterate(sql.RESULTS, "s", 1)
    assert "".join(text for text, state, *_ in results if state == "succeeded") == "".join(
        f"{i}\n" for i in range(1000) if i != 7
    )
    assert ledger.rejected(keys(1)[0]) == "unusable" and ledger.rejected(keys(2)[1]) is None
    assert ledger.query("SELECT count FROM faults") == [(3,)]
    assert ledger.meta("a") == {"b": 2} and ledger.meta("b") is None
    ledger.close()


def test_a_rejection_is_never_written_before_its_reply(tmp_path: Path) -> None:
    first, second = keys(2)
    ledger = Ledger(tmp_path / "l.sqlite")
    ledger.put(sql.INSERT_COMPLETION, *completion(first))
    ledger.flush()
    queued = [
        (sql.REJECT, ("bad", first)),
        (sql.INSERT_COMPLETION, completion(second)),
        (sql.REJECT, ("bad", second)),
    ]
    ledger._queue.extend((statement, values, None) for statement, values in queued)  # as one batch
    ledger.close()
    ledger = Ledger(tmp_path / "l.sqlite")
    assert [ledger.rejected(key) for key in (first, second)] == ["bad", "bad"]
    ledger.close()


def test_stored_completions_are_found_after_reopening(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    for key in keys(300)[::2]:
        ledger.put(sql.INSERT_COMPLETION, *completion(key))
    ledger.close()
    ledger = Ledger(tmp_path / "l.sqlite")
    assert [ledger.completion(key) is not None for key in keys(300)] == [i % 2 == 0 for i in range(300)]
    ledger.close()


def test_half_a_surrogate_pair_is_stored_as_nearly_as_can_be(tmp_path: Path) -> None:
    """A model's escape \\ud83d without its other half: neither a hang nor a lost row."""
    ledger = Ledger(tmp_path / "l.sqlite")
    ledger.register("s", 1, [(0, "k\ud83d", b"d")])
    ledger.put(sql.SUCCEED, "a \ud83d\n", "s", "k\ud83d")
    ledger.flush()
    assert ledger.query("SELECT key, state, result FROM rows") == [("k?", "succeeded", "a ?\n")]
    ledger.close()


def test_a_value_that_cannot_be_stored_ends_the_run_and_does_not_hang_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    ledger.put(sql.FAIL, "reason", "detail", 10**30, "s", "k")
    with pytest.raises(ToolAlpacaError, match="cannot be written"):
        ledger.flush()
    with pytest.raises(ToolAlpacaError, match="cannot be written"):
        ledger.close()


def test_a_full_disk_stops_every_later_write_with_one_clear_line(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    ledger.put(sql.INSERT_COMPLETION, *completion(keys(1)[0]))
    ledger.flush()
    pages = ledger._writer.execute("PRAGMA page_count").fetchone()[0]
    ledger._writer.execute(f"PRAGMA max_page_count={pages + 2}")

    async def write() -> None:
        for key in keys(500)[1:]:
            await ledger.commit(sql.INSERT_COMPLETION, *completion(key, "x" * 500))

    with pytest.raises(ToolAlpacaError, match=r"full.*free some space"):
        asyncio.run(write())
    with pytest.raises(ToolAlpacaError, match="free some space"):
        ledger.put(sql.SET_META, "a", "1")
    assert ledger.broken
    with pytest.raises(ToolAlpacaError, match="free some space"):
        ledger.close()
    reopened = Ledger(tmp_path / "l.sqlite")
    assert reopened.completion(keys(1)[0]) is not None
    reopened.close()


@pytest.mark.parametrize(
    "content", [b"not a database at all, just text", b"SQLite format 3\0" + b"\xff" * 200]
)
def test_a_file_that_is_no_ledger(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(content)
    with pytest.raises(ToolAlpacaError, match="cannot be opened as a run's ledger"):
        Ledger(tmp_path / "ledger.sqlite")


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_a_ledger_of_another_version_is_refused_and_left_as_it_was(tmp_path: Path, journal: str) -> None:
    Ledger(tmp_path / "l.sqlite").close()
    database = sqlite3.connect(tmp_path / "l.sqlite")
    database.execute("UPDATE meta SET value='99' WHERE key='format'")
    database.execute("DROP TABLE faults")
    database.execute(f"PRAGMA journal_mode={journal}")
    database.commit()
    database.close()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ToolAlpacaError, match="format 99"):
        Ledger(tmp_path / "l.sqlite")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_status_of_no_run_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "toolalpaca.runs.status", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1
