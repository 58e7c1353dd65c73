"""Running a stage: rows in, rows out, with bounded concurrency, resume and failure rows."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from toolalpaca.files import dumps
from toolalpaca.models.boundary import ChatModel, ModelConfig, load_models_file
from toolalpaca.models.prompts import PromptFolder, packaged
from toolalpaca.offline.loading import load_model
from toolalpaca.runs import manifest
from toolalpaca.runs import statements as sql
from toolalpaca.runs.engine import Work
from toolalpaca.runs.ledger import Ledger
from toolalpaca.runs.progress import Summary
from toolalpaca.runs.recorder import Meter, Recorded
from toolalpaca.runs.replay import Replay
from toolalpaca.runs.rows import Row, StageRows
from toolalpaca.schema import ToolAlpacaError

ROLES = {"default", "teacher", "assistant", "user", "executor", "student", "judge"}
# Every argument of a script defines its result, but those that cannot change what becomes of a row:
EXECUTION = {"out", "name", "concurrency", "retry_failed", "max_cost"}  # where and how the work is done
ROWS = {
    "run",
    "apis",
    "tools",
    "variants",
    "tasks",
    "samples",
    "votes",
    "limit",
}  # each row is compared itself
ELSEWHERE = {"models", "prompts"}  # compared by content: the models' identities, the templates' hashes
NOT_DEFINING = EXECUTION | ROWS | ELSEWHERE


class Run:
    """An opened run folder. One process at a time; a changed configuration is refused."""

    def __init__(self, folder: Path, stage: str, config: dict[str, Any], **options: Any):
        self.folder, self.stage_name, self.config = folder, stage, config
        self.prompts: PromptFolder | None = options.get("prompts")
        self.retry_failed: bool = options.get("retry_failed", False)
        self.meter = Meter(max_cost=options.get("max_cost"))
        self.models_file: dict[str, ModelConfig] = options.get("models") or {}
        self.recorded: list[Recorded] = []
        self._loaded: dict[str, ChatModel] = {}
        self._begun_with: dict[str, Any] = {}
        self._fresh = options.get("fresh", False)
        self._lock = _lock(folder)
        for left_over in folder.glob(".*.tmp"):  # an export that was cut short by kill -9
            left_over.unlink()
        try:
            self.ledger = Ledger(folder / "ledger.sqlite")
            self._check(f"config:{stage}", self.config)
            hashes = self._prompt_hashes()
            used = self.ledger.meta(f"prompts:{stage}") or {}
            self._check(f"prompts:{stage}", {name: hashes.get(name.split()[-1]) for name in used})
            if self.retry_failed and self.ledger.meta(f"config:{stage}") is None:
                raise ToolAlpacaError(f"{folder} holds no earlier try of this: run it without --retry_failed")
        except BaseException:
            os.close(self._lock)
            raise

    @classmethod
    def open(
        cls,
        folder: str | Path,
        stage: str,
        config: dict[str, Any],
        *,
        prompts: PromptFolder | str | Path | None = None,
        models: str | Path | None = None,
        retry_failed: bool = False,
        max_cost: float | None = None,
    ) -> Run:
        """Open (make, or resume) a run folder for a stage.

        Args:
            config: what defines the stage's result besides its input rows: `vars(args)`, of which what
                cannot change a result (NOT_DEFINING) is left out, and taken from here when it is not given.
                When the folder holds the stage with another one, it is refused.
            prompts: templates that replace the packaged ones.
            models: a `--models` file.
            retry_failed: run only the rows that failed before.
            max_cost: US dollars for the stage, earlier processes included; stop cleanly before spending more.

        Raises:
            ToolAlpacaError: another process works on it, it is no run folder, or the configuration changed.
        """
        folder = Path(folder)
        if folder.exists() and not folder.is_dir():
            raise ToolAlpacaError(f"{folder} is a file; --out wants a folder")
        ours = any((folder / name).exists() for name in ("ledger.sqlite", "manifest.json"))
        fresh = not folder.exists() or not any(folder.iterdir())
        if not fresh and not ours:
            raise ToolAlpacaError(f"{folder} is not empty and is no run of ours; choose another --out")
        if fresh and (retry_failed or config.get("retry_failed")):
            raise ToolAlpacaError(f"{folder} holds no run yet: run it without --retry_failed")
        prompts = prompts or config.get("prompts")
        if isinstance(prompts, str | Path):
            prompts = PromptFolder(prompts)
        models = models or config.get("models")
        models_file = load_models_file(models) if models else None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ToolAlpacaError(f"{folder} cannot be made: {error.strerror}") from None
        max_cost = config.get("max_cost") if max_cost is None else max_cost
        return cls(
            folder,
            stage,
            json.loads(json.dumps({k: v for k, v in config.items() if k not in NOT_DEFINING}, default=str)),
            prompts=prompts,
            models=models_file,
            retry_failed=retry_failed or config.get("retry_failed", False),
            max_cost=max_cost,
            fresh=fresh,
        )

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.ledger.close()
            if self._fresh:  # a mistake came before any work: leave nothing behind
                for path in self.folder.glob("*ledger.sqlite*"):
                    path.unlink()
                (self.folder / ".lock").unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    self.folder.rmdir()
        finally:
            os.close(self._lock)

    def model(self, name: str, role: str, seed: int = 0) -> ChatModel:
        """A model whose replies go through the ledger. The `--models` file's entry for `role` comes first."""
        config = self.models_file.get(role) or self.models_file.get("default") or ModelConfig(name)
        kind, _, source = config.model.partition(":")
        if kind == "replay" and source:
            model: ChatModel = Replay(source, self.stage_name, role)
        else:  # roles that share a model share its weights, connections and limits
            name = f"{config} {seed}"
            model = self._loaded.get(name) or load_model(config, seed=seed)
            self._loaded[name] = model
        recorded = Recorded(model, self.ledger, self.meter, stage=self.stage_name, role=role, seed=seed)
        costs = not (recorded.free or isinstance(model, Replay))
        if self.meter.max_cost is not None and costs and None in recorded.prices:
            raise ToolAlpacaError(
                f"--max_cost needs the prices of {config.model}: give price_in and price_out in --models FILE"
            )
        defining = {k: v for k, v in recorded.identity.items() if k != "fingerprint"}
        self._check(f"model:{self.stage_name}:{role}", defining)
        self.ledger.put(
            sql.SET_MODEL,
            self.stage_name,
            role,
            json.dumps(recorded.identity, sort_keys=True),
            *recorded.prices,
        )
        if self.meter.max_cost is not None:
            self.meter.cost += recorded.spent()
        self.recorded.append(recorded)
        return recorded

    def stage(
        self,
        name: str,
        rows: Iterable[Row],
        fn: Callable[[Row], Awaitable[Row | list[Row]]],
        *,
        key: Callable[[Row], str],
        output: str,
        concurrency: int | str = 64,
        failed: Callable[[Row, str], Row] | None = None,
    ) -> Summary:
        """Apply `fn` to each row; write the results, in input order, to `output` in the run folder.

        `fn` returns one row or a list of rows, and raises RowFailure when the row cannot be done. Rows
        that are done are not done again; one whose content changed is. `concurrency` is the number of
        rows in work at once, or "auto" to find what the endpoint allows. `failed` makes the output's row of
        one that failed and of the reason; without it there is none.

        Raises:
            ToolAlpacaError: two rows of one key, the endpoint refuses every call, the disk is full.
            KeyboardInterrupt: Ctrl-C, after the calls in flight were stored.
        """
        if unknown := self.models_file.keys() - ROLES - {model.role for model in self.recorded}:
            raise ToolAlpacaError(
                f"--models has an unknown role {', '.join(sorted(unknown))}; this stage has "
                f"{', '.join(sorted(model.role for model in self.recorded)) or 'none'}"
            )
        width = None if concurrency == "auto" else parse_concurrency(concurrency)
        begun = self.ledger.meta(f"config:{self.stage_name}") is not None
        fresh, self._fresh = self._fresh, False
        self._store_begun_with()
        salt = "".join(m.identity.get("fingerprint", "") for m in self.recorded)
        work = Work(
            StageRows(self.ledger, name, rows, key=key, folder=self.folder, salt=salt),
            fn,
            output=self.folder / output,
            concurrency=width,
            ledger=self.ledger,
            meter=self.meter,
            models=self.recorded,
            retry_failed=self.retry_failed,
            failed=failed,
        )
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            try:
                summary = work.run()
            finally:  # a template's change makes stored rows outdated, once it was sent to a paid model
                hashes, used = self._prompt_hashes(), self._begun_with[f"prompts:{self.stage_name}"]
                for recorded in self.recorded:
                    used |= {f"prompt {name}": hashes.get(name) for name in recorded.prompts}
                self._store_begun_with()
        except ToolAlpacaError:  # when nothing came of it, what was wrong may be set right in this folder
            if not (begun or self.ledger.broken or self.ledger.query(sql.KEPT, *[self.stage_name] * 2)):
                self._fresh, self._begun_with = fresh, dict.fromkeys(self._begun_with)
                self._store_begun_with()
            raise
        if not summary.nothing_to_do:
            self._write_manifest(name, started, summary)
        return summary

    def _store_begun_with(self) -> None:
        for what, value in self._begun_with.items():
            if not self.ledger.broken:
                self.ledger.set_meta(what, value)

    def _prompt_hashes(self) -> dict[str, str]:
        return (self.prompts or packaged()).hashes()

    def _write_manifest(self, name: str, started: str, summary: Summary) -> None:
        entry = manifest.describe(self._prompt_hashes())
        entry |= {
            "started": started,
            "config": self.config,
            "models": {r.role: r.identity for r in self.recorded},
            "rows": {k: getattr(summary, k) for k in ("total", "succeeded", "failed", "pending", "reasons")},
            "output": summary.output.name,
        }
        manifest.update(self.folder / "manifest.json", name, entry)

    def _check(self, what: str, now: dict[str, Any]) -> None:
        """Refuse what differs from what the stage was begun with; stored when the stage begins."""
        was = self.ledger.meta(what)
        self._begun_with[what] = now
        if was is None or was == now:
            return
        for name in sorted(was.keys() | now.keys()):
            if was.get(name) != now.get(name):
                raise ToolAlpacaError(
                    f"{self.folder} was begun with {name} = {dumps(was.get(name))}, now it is "
                    f"{dumps(now.get(name))}: give another --out, or delete the folder"
                )


def parse_concurrency(value: int | str) -> int:
    """Rows in work at once, from the command line's text.

    Raises:
        ToolAlpacaError: it is no positive number.
    """
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1:
        raise ToolAlpacaError(f"--concurrency {value}: expected a positive number or 'auto'")
    return number


def _lock(folder: Path) -> int:
    """An exclusive lock on a run folder, held while the descriptor is open.

    Raises:
        ToolAlpacaError: another process holds it.
    """
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(handle, 20).decode(errors="replace").strip()
        os.close(handle)
        raise ToolAlpacaError(f"{folder} is in use by process {holder}; wait for it, or stop it") from None
    os.ftruncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())
    return handle
