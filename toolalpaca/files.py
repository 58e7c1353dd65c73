"""Reading and writing of stage files: JSONL in, JSONL out, written beside and renamed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from toolalpaca.schema import ToolAlpacaError, from_row


def dumps(value: Any) -> str:
    """Compact JSON text in the value's own key order, non-ASCII kept.

    Half a surrogate pair (a model's "\\ud83d") becomes "?": no UTF-8 file or Parquet column can hold it.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    return text.encode("utf-8", "replace").decode()


def read_jsonl(path: str | Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file, one at a time.

    Raises:
        ToolAlpacaError: the file is missing or no UTF-8 text, or a line is not a JSON object.
    """
    path = Path(path)
    if not path.is_file():
        raise ToolAlpacaError(
            f"{path} {'is a folder; expected a file' if path.is_dir() else 'does not exist'}"
        )
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode())
            except UnicodeDecodeError:
                raise ToolAlpacaError(f"{path}, line {number} is no UTF-8 text") from None
            except (ValueError, RecursionError) as error:
                raise ToolAlpacaError(f"{path}, line {number} is not JSON: {error}") from None
            if not isinstance(row, dict):
                raise ToolAlpacaError(f"{path}, line {number}: expected an object, got {type(row).__name__}")
            yield row


def read_records(path: str | Path, cls: type) -> Iterator[Any]:
    """The records of a stage file, one at a time.

    Raises:
        ToolAlpacaError: it is no such file; the message names file, row and field.
    """
    for number, row in enumerate(read_jsonl(path), 1):
        yield record(cls, row, f"{path}, row {number}")


def record(cls: type, row: dict[str, Any], where: str) -> Any:
    """The record of a row that was read from `where`.

    Raises:
        ToolAlpacaError: it is none; the message names place and field.
    """
    try:
        return from_row(cls, row)
    except ToolAlpacaError as error:
        raise ToolAlpacaError(f"{where}: {error}") from None


@contextlib.contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """A file that appears under `path` only when the block ends well; the old one stays until then."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, mode, encoding=None if "b" in mode else "utf-8") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        temporary.unlink(missing_ok=True)


def write_jsonl(path: str | Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write rows atomically and return how many there were."""
    count = 0
    with atomic_write(path) as stream:
        for row in rows:
            stream.write(dumps(row) + "\n")
            count += 1
    return count


def content_hash(*paths: Path) -> str:
    """SHA-256 over the contents of files, in order; a missing file counts as such."""
    total = hashlib.sha256()
    for path in paths:
        if path.is_file():
            with path.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
        else:
            total.update(b"missing")
    return total.hexdigest()


def missing_files(folder: Path, config: str | None = None) -> list[str]:
    """Patterns of data files that a dataset folder's card names and no file of the folder matches."""
    import yaml

    card = folder / "README.md"
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    head = text.split("---\n")[1] if text.startswith("---\n") else ""
    try:
        content = yaml.safe_load(head) or {}
    except yaml.YAMLError:
        return []
    configs = content.get("configs") if isinstance(content, dict) else None
    wanted = [c for c in configs or [] if isinstance(c, dict) and config in (None, c.get("config_name"))]
    files = [f for c in wanted for f in c.get("data_files") or [] if isinstance(f, dict)]
    patterns = [p for f in files for p in ([f["path"]] if isinstance(f.get("path"), str) else [])]
    return [pattern for pattern in patterns if not any(folder.glob(pattern))]


def load_dataset(name: str, config: str | None = None, split: str | None = None) -> Any:
    """`datasets.load_dataset`, but a folder is read as it is now.

    The cache of `datasets` knows a folder whose README.md names its files by the folder's last name and that
    README.md alone: another folder of the same name, or the same one built anew, would give the old rows.
    Named one by one, the files are known by their time of change too.
    """
    import datasets  # takes seconds to import

    folder = Path(name).is_dir()
    if folder and (lacking := missing_files(Path(name), config)):
        raise FileNotFoundError(
            f"{name}: its README.md names {', '.join(lacking)}, which the folder lacks: copy the folder whole"
        )
    files = datasets.load_dataset_builder(name, config).config.data_files if folder else None
    return datasets.load_dataset(name, config, split=split, data_files=files)
