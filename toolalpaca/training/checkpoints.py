"""Resuming a run, the curve it writes, and knowing that a folder holds this run and no other."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from toolalpaca.files import atomic_write, dumps
from toolalpaca.schema import ToolAlpacaError

METRICS = "metrics.jsonl"


def last_complete(folder: str | Path) -> str | None:
    """The newest checkpoint that was written to its end, or None.

    The trainer's state is the last file of a checkpoint, so one that was being written when the
    process was killed has none that can be read.
    """
    found = []
    for path in Path(folder).glob("checkpoint-*"):
        step = re.fullmatch(r"checkpoint-(\d+)", path.name)
        try:
            state = json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if step and isinstance(state, dict) and state.get("global_step") == int(step[1]):
            found.append((int(step[1]), str(path)))
    return max(found)[1] if found else None


def claim(folder: str | Path, run: dict[str, Any]) -> bool:
    """Bind an output folder to a run's settings; True when that run has already finished there.

    A folder in which nothing was trained yet, such as one of a run that ran out of memory, is free.

    Raises:
        ToolAlpacaError: the folder holds a run with other settings, or cannot be written.
    """
    path = Path(folder) / "run.json"
    if path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        run = json.loads(dumps(run))
        names = [name for name in run if before.get(name) != run[name]]
        if before.get("finished") or last_complete(folder):
            if names:
                raise ToolAlpacaError(
                    f"{folder} holds a run with other settings ({', '.join(sorted(names))}); "
                    "give another --output_dir, or remove that folder"
                )
            return bool(before.get("finished"))
    try:
        with atomic_write(path) as stream:
            stream.write(dumps(run))
    except (FileNotFoundError, NotADirectoryError, FileExistsError, PermissionError) as error:
        raise ToolAlpacaError(f"output_dir {folder} cannot be written: {error.strerror}") from None
    return False


def finish(folder: str | Path) -> None:
    """Note in the output folder that its run has come to its end."""
    path = Path(folder) / "run.json"
    run = json.loads(path.read_text(encoding="utf-8"))
    with atomic_write(path) as stream:
        stream.write(dumps({**run, "finished": True}))


class MetricsFile(TrainerCallback):
    """Every logged value as one line of `metrics.jsonl`, from the main process.

    Lines after the checkpoint that a run resumes from are dropped, so that the file is one curve.
    """

    def __init__(self, folder: str | Path):
        self.path = Path(folder) / METRICS

    def on_train_begin(self, args, state, control, **kwargs):
        if not state.is_world_process_zero:
            return
        kept = []
        if self.path.is_file():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                if line.endswith("}") and json.loads(line)["step"] <= state.global_step:
                    kept.append(line + "\n")
        self.path.write_text("".join(kept), encoding="utf-8")

    def on_log(self, args, state, control, logs=None, **kwargs):
        if state.is_world_process_zero and logs:
            row = {"step": state.global_step, "time": round(time.time(), 3), **logs}
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(dumps(row) + "\n")
