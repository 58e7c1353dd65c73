"""The ledger's tables and the statements over them."""

from __future__ import annotations

import functools
from dataclasses import dataclass

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS models (
    stage TEXT NOT NULL, role TEXT NOT NULL, identity TEXT NOT NULL, price_in REAL, price_out REAL,
    PRIMARY KEY (stage, role)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS completions (
    key BLOB NOT NULL UNIQUE, stage TEXT NOT NULL, role TEXT NOT NULL, prompt TEXT NOT NULL,
    sample INTEGER NOT NULL, reply TEXT NOT NULL, is_body INTEGER NOT NULL, finish_reason TEXT NOT NULL,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, rejected TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS attempts (
    stage TEXT NOT NULL, role TEXT NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS faults (
    stage TEXT NOT NULL, role TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (stage, role, reason)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (
    stage TEXT NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, pass INTEGER NOT NULL, digest BLOB NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0, result TEXT NOT NULL DEFAULT '', UNIQUE (stage, key));
CREATE INDEX IF NOT EXISTS rows_in_order ON rows (stage, pass, seq);
"""

CHUNKS = (128, 32, 8, 1)  # rows per statement; few sizes, so that prepared statements are found again


@dataclass(frozen=True)
class Bulk:
    """A statement over many rows at once, of which `row` is one row's placeholders.

    SQLite lets go of Python's lock for each statement, and beside a busy event loop it takes
    milliseconds to get it back: one statement per row would write some hundred rows a second.
    """

    head: str
    row: str
    tail: str = ""

    @functools.lru_cache(maxsize=64)  # noqa: B019 (there are seven of them, as old as the module)
    def sql(self, rows: int) -> str:
        """The statement for so many rows."""
        return self.head + ",".join([self.row] * rows) + self.tail


KEPT = (  # whether anything came of a stage: replies, or rows that ended
    "SELECT 1 FROM completions WHERE stage=? UNION ALL "
    "SELECT 1 FROM rows WHERE stage=? AND state!='pending' LIMIT 1"
)
INSERT_COMPLETION = Bulk("INSERT OR IGNORE INTO completions VALUES ", "(?,?,?,?,?,?,?,?,?,?,'',?)")
INSERT_ATTEMPT = Bulk("INSERT INTO attempts VALUES ", "(?,?,?,?,?,?,?)")
COUNT_FAULT = Bulk(
    "INSERT INTO faults VALUES ",
    "(?,?,?,1)",
    " ON CONFLICT (stage, role, reason) DO UPDATE SET count = count + 1",
)
REJECT = Bulk(
    "UPDATE completions SET rejected = v.column1 FROM (VALUES ", "(?,?)", ") AS v WHERE key = v.column2"
)
REGISTER = Bulk(
    "INSERT INTO rows (stage, key, seq, pass, digest, state) VALUES ",
    "(?,?,?,?,?,'pending')",
    """ ON CONFLICT (stage, key) DO UPDATE SET seq = excluded.seq, pass = excluded.pass,
    state = CASE WHEN digest = excluded.digest THEN state ELSE 'pending' END,
    result = CASE WHEN digest = excluded.digest THEN result ELSE '' END,
    reason = CASE WHEN digest = excluded.digest THEN reason ELSE '' END,
    detail = CASE WHEN digest = excluded.digest THEN detail ELSE '' END,
    digest = excluded.digest""",
)
SUCCEED = Bulk(
    "UPDATE rows SET state='succeeded', result=v.column1, reason='', detail='', attempts=attempts+1"
    " FROM (VALUES ",
    "(?,?,?)",
    ") AS v WHERE rows.stage = v.column2 AND rows.key = v.column3",
)
FAIL = Bulk(
    "UPDATE rows SET state='failed', reason=v.column1, detail=v.column2, attempts=attempts+v.column3,"
    " result='' FROM (VALUES ",
    "(?,?,?,?,?)",
    ") AS v WHERE rows.stage = v.column4 AND rows.key = v.column5",
)
# A reply is there before it is rejected, and a row before it has a result.
IN_ORDER = (INSERT_COMPLETION, REJECT, INSERT_ATTEMPT, COUNT_FAULT, REGISTER, SUCCEED, FAIL)
REOPEN = """
UPDATE rows SET state='pending', reason='', detail=''
WHERE stage=? AND pass=? AND state='failed' AND reason LIKE ?"""
META = "SELECT value FROM meta WHERE key=?"
SET_META = "INSERT INTO meta VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
SET_MODEL = """
INSERT INTO models VALUES (?,?,?,?,?) ON CONFLICT (stage, role) DO UPDATE SET identity = excluded.identity,
    price_in = excluded.price_in, price_out = excluded.price_out"""
MODEL = "SELECT identity, price_in, price_out FROM models WHERE stage=? AND role=?"

SPENT = """
SELECT coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0) FROM (
    SELECT tokens_in, tokens_out FROM completions WHERE stage=?1 AND role=?2
    UNION ALL SELECT tokens_in, tokens_out FROM attempts WHERE stage=?1 AND role=?2)"""
ANY_REPLY = "SELECT 1 FROM completions WHERE stage=? AND role=? LIMIT 1"
COMPLETION = "SELECT reply, is_body, finish_reason, tokens_in, tokens_out FROM completions WHERE key=?"
REJECTED = "SELECT rejected FROM completions WHERE key=?"
COUNTS = "SELECT state, count(*) FROM rows WHERE stage=? AND pass=? GROUP BY state"
REASONS = """
SELECT reason, count(*) FROM rows WHERE stage=? AND pass=? AND state='failed'
GROUP BY reason ORDER BY count(*) DESC, reason"""
STATES = "SELECT seq, state FROM rows WHERE stage=? AND pass=? AND seq >= ? AND seq < ?"
RESULTS = "SELECT result, state, reason, detail FROM rows WHERE stage=? AND pass=? ORDER BY seq"
