"""The run's durable store: raw completions, what became of each row, faults and token counts (SQLite).

`python -m toolalpaca.runs.status RUN` prints it. One thread writes; whatever is waiting when it
comes round goes into one transaction (group commit), so a commit's fsync is shared.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import itertools
import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from toolalpaca.models.bodies import decode
from toolalpaca.models.boundary import Completion
from toolalpaca.runs import statements as sql
from toolalpaca.schema import ToolAlpacaError

FORMAT = 2
Statement = str | sql.Bulk
BACKLOG = 4096  # statements waiting to be written before callers are held back
LINGER = 0.02  # seconds that statements nobody waits for are collected


def connect(path: Path, readonly: bool = False) -> sqlite3.Connection:
    """A connection to a ledger.

    Raises:
        ToolAlpacaError: the file is no ledger, or one of another version.
    """
    uri = f"{path.resolve().as_uri()}?mode={'ro' if readonly else 'rwc'}"
    still = not Path(f"{path}-wal").exists()
    if readonly and still and not os.access(path.parent, os.W_OK):
        uri += "&immutable=1"  # a run put away where nothing can be written, not even SQLite's shared memory
    try:
        if path.exists() and not readonly:
            # Another version's ledger is left as it is, to the byte: it is asked before anything is set up.
            look = f"{path.resolve().as_uri()}?mode=ro" + "&immutable=1" * still
            with contextlib.closing(sqlite3.connect(look, uri=True, timeout=30)) as connection:
                _check_format(path, connection, missing=False)
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=30)
        connection.execute("PRAGMA synchronous=FULL")
        if readonly:
            _check_format(path, connection, missing=True)
        else:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(sql.SCHEMA)
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (str(FORMAT),))
    except sqlite3.DatabaseError as error:
        raise ToolAlpacaError(f"{path} cannot be opened as a run's ledger ({error}){_mend(error)}") from None
    return connection


def _check_format(path: Path, connection: sqlite3.Connection, missing: bool) -> None:
    """Refuse another format; and, with `missing`, a file that says none: one that was only just made."""
    tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name='meta'").fetchone()
    found = connection.execute(sql.META, ("format",)).fetchone() if tables else None
    if missing if found is None else found[0] != str(FORMAT):
        raise ToolAlpacaError(f"{path} is of ledger format {found and found[0]}, this version reads {FORMAT}")


def read_completion(connection: sqlite3.Connection, key: bytes) -> Completion | None:
    """The completion stored under a cache key."""
    found = connection.execute(sql.COMPLETION, (key,)).fetchone()
    if found is None:
        return None
    reply, is_body, finish_reason, tokens_in, tokens_out = found
    return decode(reply) if is_body else Completion(reply, tokens_in, tokens_out, finish_reason)


class _Filter:
    """Bloom filter of cache keys: most calls are new, and a look-up beside a busy writer costs 0.5 ms.

    4 MiB whatever it holds; at a million keys 1 in 400 unknown ones is looked up for nothing.
    """

    def __init__(self) -> None:
        self._bits = bytearray(1 << 22)

    def add(self, key: bytes) -> None:
        """Note a key of 32 random bytes."""
        for i in (0, 4, 8, 12):
            place = int.from_bytes(key[i : i + 4], "big") & 0x1FFFFFF
            self._bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, key: bytes) -> bool:
        places = (int.from_bytes(key[i : i + 4], "big") & 0x1FFFFFF for i in (0, 4, 8, 12))
        return all(self._bits[place >> 3] & (1 << (place & 7)) for place in places)


class Ledger:
    """An open ledger. Reads happen in the caller's thread, writes in the writer's.

    Raises:
        ToolAlpacaError: it cannot be opened, or (from any write) the disk is full.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._writer = connect(self.path)
        self._reader = connect(self.path, readonly=True)
        self._queue: collections.deque[tuple[Statement, tuple[Any, ...], Any]] = collections.deque()
        self._closing = False
        self._urgent = threading.Event()  # somebody waits for what is queued
        self._error: ToolAlpacaError | None = None
        self._keys = _Filter()
        for (key,) in self._reader.execute("SELECT key FROM completions"):
            self._keys.add(key)
        self._thread = threading.Thread(target=self._write, name="ledger", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what waits, fold the log into the database and close."""
        self._closing = True
        self._urgent.set()
        self._thread.join()
        self._reader.close()
        self._writer.close()
        if self._error:
            raise self._error

    def put(self, statement: Statement, *values: Any) -> None:
        """Queue a statement; it is written soon, after those before it."""
        if self._error:
            raise self._error
        self._queue.append((statement, values, None))

    async def commit(self, statement: Statement, *values: Any) -> None:
        """Queue a statement and return when it is on the disk."""
        if self._error:
            raise self._error
        done = asyncio.get_running_loop().create_future()
        self._queue.append((statement, values, done))
        if not self._urgent.is_set():
            self._urgent.set()
        await done

    def flush(self) -> None:
        """Return when everything queued is on the disk."""
        done = threading.Event()
        self._queue.append(("", (), done))
        self._urgent.set()
        done.wait()
        if self._error:
            raise self._error

    @property
    def broken(self) -> bool:
        """Whether a write failed; every later one fails, too."""
        return self._error is not None

    @property
    def crowded(self) -> bool:
        """Whether producers should wait for the writer."""
        return len(self._queue) > BACKLOG

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a SELECT over what is committed."""
        return self._reader.execute(statement, values).fetchall()

    def iterate(self, statement: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """The same, one row at a time."""
        return iter(self._reader.execute(statement, values))

    def meta(self, key: str) -> Any:
        """A stored JSON value, or None."""
        found = self.query(sql.META, key)
        return json.loads(found[0][0]) if found else None

    def set_meta(self, key: str, value: Any) -> None:
        """Store a JSON value."""
        self.put(sql.SET_META, key, json.dumps(value, sort_keys=True))

    def completion(self, key: bytes) -> Completion | None:
        """A committed completion, or None."""
        return read_completion(self._reader, key) if key in self._keys else None

    def noted(self, key: bytes) -> None:
        """A completion was stored under `key`."""
        self._keys.add(key)

    def rejected(self, key: bytes) -> str | None:
        """Why a committed completion could not be parsed ('' when it could); None when there is none."""
        found = self._reader.execute(sql.REJECTED, (key,)).fetchone() if key in self._keys else None
        return found and found[0]

    def register(self, stage: str, number: int, rows: Iterable[tuple[int, str, bytes]]) -> None:
        """Note a pass's input rows (seq, key, digest): new and changed ones become pending."""
        for seq, key, digest in rows:
            self.put(sql.REGISTER, stage, key, seq, number, digest)
            if self.crowded:
                self.flush()

    def counts(self, stage: str, number: int) -> dict[str, int]:
        """Rows of a pass by state."""
        return dict(self.query(sql.COUNTS, stage, number))

    def _write(self) -> None:
        while not (self._closing and not self._queue):
            self._urgent.wait(LINGER)
            self._urgent.clear()
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), BACKLOG))]
            try:
                if batch and not self._error:
                    self._transaction(batch)
            except sqlite3.Error as error:
                self._error = ToolAlpacaError(
                    f"{self.path} cannot be written ({error}){_mend(error)}; what is stored is kept"
                )
            except Exception as error:  # a writer that died would be waited for without an end
                self._error = ToolAlpacaError(
                    f"{self.path} cannot be written ({type(error).__name__}: {error}): "
                    "please report this; what is stored is kept"
                )
            self._release([waiter for _, _, waiter in batch if waiter is not None])

    def _transaction(self, batch: list[tuple[Statement, tuple[Any, ...], Any]]) -> None:
        try:
            self._execute(batch)
        except UnicodeEncodeError:  # half a surrogate pair, from an escape in somebody's JSON
            self._execute([(statement, tuple(map(_storable, v)), w) for statement, v, w in batch])

    def _execute(self, batch: list[tuple[Statement, tuple[Any, ...], Any]]) -> None:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            for is_bulk, items in itertools.groupby(batch, key=lambda item: isinstance(item[0], sql.Bulk)):
                if is_bulk:
                    self._write_bulk(items)
                    continue
                for statement, values, _ in items:
                    if statement:
                        self._writer.execute(statement, values)
            self._writer.execute("COMMIT")
        except Exception:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise

    def _write_bulk(self, items: Iterable[tuple[Statement, tuple[Any, ...], Any]]) -> None:
        # Statements on one row that are queued together come in the order of the kinds, whatever was first
        # in the batch; within a kind the order stays.
        kinds: dict[sql.Bulk, list[tuple[Any, ...]]] = {kind: [] for kind in sql.IN_ORDER}
        for kind, values, _ in items:
            kinds[kind].append(values)
        for kind, rows in kinds.items():
            start = 0
            for size in sql.CHUNKS:
                while len(rows) - start >= size:
                    values = [value for row in rows[start : start + size] for value in row]
                    self._writer.execute(kind.sql(size), values)
                    start += size

    def _release(self, waiting: list[Any]) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
        for item in waiting:
            if isinstance(item, threading.Event):
                item.set()
            else:
                loops.setdefault(item.get_loop(), []).append(item)
        for loop, futures in loops.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._resolve, futures)

    def _resolve(self, futures: list[asyncio.Future[None]]) -> None:
        for future in futures:
            if future.done():
                continue
            if self._error:
                future.set_exception(self._error)
            else:
                future.set_result(None)


def _mend(error: sqlite3.Error) -> str:
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte; the rest says more precisely what
    if kind in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return ": free some space, then run the same command again"
    if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        return ": make it and its folder writable, then run the same command again"
    return ""


def _storable(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
