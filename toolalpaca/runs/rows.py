"""A stage's input rows in the ledger: which are new, changed, done or open, and the results' export."""

from __future__ import annotations

import hashlib
import itertools
import json
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from toolalpaca.files import atomic_write, dumps
from toolalpaca.runs import statements as sql
from toolalpaca.runs.ledger import Ledger
from toolalpaca.runs.progress import Summary
from toolalpaca.schema import ToolAlpacaError

Row = dict[str, Any]
READ_AHEAD = 256  # rows whose state is looked up at a time


class StageRows:
    """One stage's input. A pass numbers the input rows anew whenever they differ from the last time's.

    Args:
        salt: what besides a row's content makes its result outdated when it changes (a checkpoint's
            fingerprint).
    """

    def __init__(
        self,
        ledger: Ledger,
        stage: str,
        rows: Iterable[Row],
        *,
        key: Callable[[Row], str],
        folder: Path,
        salt: str = "",
    ):
        self.ledger, self.stage, self.key, self.salt = ledger, stage, key, salt.encode()
        self._rows = _again(rows, folder)
        self.number = 0

    def register(self) -> int:
        """Bring the ledger up to date with the input, and return how many rows there are.

        Raises:
            ToolAlpacaError: two rows have one key; the ledger is as it was.
        """
        ledger, stage = self.ledger, self.stage
        state = ledger.meta(f"stage:{stage}") or {"pass": 0, "fingerprint": ""}
        whole, total, hashes = hashlib.sha256(), 0, array("q")
        for row in self._rows():
            whole.update(self._digest(row))
            hashes.append(hash(self.key(row)))
            total += 1
        fingerprint, self.number = whole.hexdigest(), state["pass"]
        if fingerprint == state["fingerprint"]:
            return total
        if any(one == next_ for one, next_ in itertools.pairwise(sorted(hashes))):
            self._name_duplicate()
        self.number += 1
        # A process that is killed while rows move to the new pass leaves no input that counts as known.
        ledger.set_meta(f"stage:{stage}", {"pass": self.number, "fingerprint": ""})
        ledger.register(
            stage, self.number, ((i, self.key(row), self._digest(row)) for i, row in enumerate(self._rows()))
        )
        ledger.set_meta(f"stage:{stage}", {"pass": self.number, "fingerprint": fingerprint})
        ledger.set_meta(f"export:{stage}", None)
        ledger.flush()
        return total

    def count(self, summary: Summary) -> None:
        """Fill in a summary from the ledger."""
        counts = self.ledger.counts(self.stage, self.number)
        summary.succeeded, summary.failed = counts.get("succeeded", 0), counts.get("failed", 0)
        summary.pending = summary.total - summary.succeeded - summary.failed
        summary.reasons = dict(self.ledger.query(sql.REASONS, self.stage, self.number))

    def open(self, state: str) -> Iterator[Row]:
        """The rows in a state (`pending` or `failed`), in input order."""
        states: dict[int, str] = {}
        for seq, row in enumerate(self._rows()):
            if seq % READ_AHEAD == 0:
                states = dict(self.ledger.query(sql.STATES, self.stage, self.number, seq, seq + READ_AHEAD))
            if states.get(seq) == state:
                yield row

    def reopen_failed(self, reasons: Iterable[str] = ("%",)) -> None:
        """Make the rows pending that failed for one of these reasons (LIKE patterns; default: for any)."""
        for reason in reasons:
            self.ledger.put(sql.REOPEN, self.stage, self.number, reason)
        self.ledger.flush()

    def export(self, output: Path, failed: Callable[[Row, str], Row] | None = None) -> None:
        """Write the results of the rows in input order.

        A row that failed leaves nothing, or what `failed(row, reason)` makes of it.
        """
        results = self.ledger.iterate(sql.RESULTS, self.stage, self.number)
        with atomic_write(output) as stream:
            for row, (lines, state, reason, detail) in zip(self._rows(), results, strict=True):
                if state == "succeeded":
                    stream.write(lines)
                elif failed:
                    stream.write(dumps(failed(row, f"{reason}: {detail}".rstrip(": "))) + "\n")
        self.ledger.set_meta(f"export:{self.stage}", _stamp(output))

    def is_exported(self, output: Path) -> bool:
        """Whether `output` is as this stage wrote it for the rows as they are."""
        stamp = self.ledger.meta(f"export:{self.stage}")
        return stamp is not None and stamp == _stamp(output)

    def _digest(self, row: Row) -> bytes:
        text = json.dumps(row, sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(self.salt + text.encode()).digest()

    def _name_duplicate(self) -> None:
        seen: set[str] = set()
        for row in self._rows():
            if (key := self.key(row)) in seen:
                raise ToolAlpacaError(f"two input rows of stage {self.stage} have the id {key!r}")
            seen.add(key)


def _stamp(path: Path) -> list[int] | None:
    """What tells that a file is still the one that was written: size and time of change in ns."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns]


def _again(rows: Iterable[Row], folder: Path) -> Callable[[], Iterator[Row]]:
    """`rows` as something that can be gone through more than once; a generator is kept on disk."""
    if iter(rows) is not rows:
        return lambda: iter(rows)
    spool = tempfile.TemporaryFile("w+", encoding="utf-8", dir=folder)  # noqa: SIM115 (lives as long as the stage)
    for row in rows:
        spool.write(dumps(row) + "\n")

    def lines() -> Iterator[Row]:
        spool.seek(0)
        return (json.loads(line) for line in spool)

    return lines
