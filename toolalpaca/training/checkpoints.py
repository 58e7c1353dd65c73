"""Resuming a run, and knowing that a folder holds this run and no other."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

from toolalpaca.files import atomic_write, dumps
from toolalpaca.schema import ToolAlpacaError


def last_complete(folder: str | Path) -> str | None:
    """The newest checkpoint that is whole, or None."""
    found = []
    for path in Path(folder).glob("checkpoint-*"):
        step = re.fullmatch(r"checkpoint-(\d+)", path.name)
        if step:
            found.append((int(step[1]), path))
    return next((str(path) for step, path in sorted(found, reverse=True) if is_whole(path, step)), None)


def is_whole(checkpoint: Path, step: int | None = None) -> bool:
    """Whether a checkpoint was written to its end, and its files are as long as they say.

    The trainer's state is its last file, so one that was being written when the process was killed has none.
    A machine that goes down can lose the end of files that were written before it.
    """
    try:
        state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        shards = [json.loads(path.read_text(encoding="utf-8")) for path in checkpoint.glob("*.index.json")]
        named = {checkpoint / name for shard in shards for name in shard["weight_map"].values()}
        if step is not None and state["global_step"] != step:
            return False
        return all(map(_is_whole_file, named | set(checkpoint.rglob("*.*"))))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False


def _is_whole_file(path: Path) -> bool:
    if path.suffix == ".safetensors":
        size = path.stat().st_size
        with path.open("rb") as stream:  # 8 bytes of the header's length, the header, the tensors
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length)) if length <= size else {}
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        return 8 + length + max(ends, default=0) == size
    if path.suffix in (".pt", ".pth", ".bin"):  # a zip's list of contents stands at its end
        return zipfile.is_zipfile(path)
    return path.exists()


def claim(folder: str | Path, run: dict[str, Any]) -> bool:
    """Bind an output folder to a run's settings; True when that run has already finished there.

    A folder in which nothing was trained yet, such as one of a run that ran out of memory, is free. A torn
    run.json, which says nothing any more, is written anew.

    Raises:
        ToolAlpacaError: the folder holds a run with other settings, or cannot be written.
    """
    path = Path(folder) / "run.json"
    before = _read(path)
    if before is not None:
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


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        before = None
    if not isinstance(before, dict):
        print(
            f"sft: {path} is torn: it is written anew, and the folder's checkpoints are taken for this run's"
        )
        return None
    return before


def finish(folder: str | Path, how: dict[str, Any] | None = None) -> None:
    """Note in the output folder that its run has come to its end, and how it was computed."""
    path = Path(folder) / "run.json"
    run = json.loads(path.read_text(encoding="utf-8"))
    with atomic_write(path) as stream:
        stream.write(dumps({**run, "finished": True, "computed": how or {}}))
