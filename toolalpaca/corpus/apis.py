"""API lists: the public-apis README and JSON, our JSONL, and folders of OpenAPI files."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from toolalpaca.corpus.api_tables import read_tables
from toolalpaca.files import dumps
from toolalpaca.openapi.documents import one_line, parse_document
from toolalpaca.openapi.spec import Spec
from toolalpaca.schema import ReplyError, ToolAlpacaError

FORMATS = (
    "a Markdown list with tables `API | Description | Auth`, JSON with `entries`, "
    "JSONL with `name` and `description`, or a folder of OpenAPI files"
)
_NONE = {"", "no", "none", "null", "-", "n/a", "false"}
_SUFFIXES = (".json", ".yaml", ".yml")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Api:
    """One API of a list. `auth` is "" where none is needed; `openapi` its JSON text where given."""

    tool_id: str
    name: str
    category: str
    link: str
    description: str
    auth: str = ""
    openapi: str = ""


def read_apis(path: str | Path) -> list[Api]:
    """The APIs of a list, in its order, each with an id of its own.

    Raises:
        ToolAlpacaError: the path is missing, in no known format, empty, or a file in it is bad.
    """
    path = Path(path)
    if not path.exists():
        raise ToolAlpacaError(f"{path} does not exist; expected {FORMATS}")
    rows = _read_folder(path) if path.is_dir() else _read_file(path)
    apis = _with_ids(rows)
    if not apis:
        raise ToolAlpacaError(f"{path} lists no API; expected {FORMATS}")
    return apis


def slug(text: str) -> str:
    """Lower-case ASCII letters, digits and dashes; a short hash stands for what ASCII cannot say."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(c for c in folded if not unicodedata.combining(c))
    ascii_text = kept.encode("ascii", "ignore").decode()
    result = re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")
    lost = any(c.isalnum() and not c.isascii() for c in kept)
    if not result or lost or len(result) > 60:
        digest = hashlib.sha256(unicodedata.normalize("NFC", text).encode("utf-8", "replace")).hexdigest()[:8]
        result = f"{result[:50].strip('-')}-{digest}".lstrip("-")
    return result


def _with_ids(rows: Iterable[dict[str, str]]) -> list[Api]:
    taken: set[str] = set()
    apis = []
    for row in rows:
        base = "-".join(slug(part) for part in (row["category"], row["name"]) if part)
        tool_id, number = base, 2
        while tool_id in taken:
            tool_id, number = f"{base}-{number}", number + 1
        taken.add(tool_id)
        apis.append(Api(tool_id=tool_id, **row))
    return apis


def _read_file(path: Path) -> list[dict[str, str]]:
    text = _text(path)
    if not text.strip():
        raise ToolAlpacaError(f"{path} is empty; expected {FORMATS}")
    if path.suffix.lower() in (".yaml", ".yml"):
        return [_openapi(path, text, "")]
    if text.lstrip().startswith(("{", "[")):
        return _read_json(path, text)
    rows = [row for row in read_tables(text) if _named(path, row)]
    if not rows:
        raise ToolAlpacaError(f"{path} is in no known format; expected {FORMATS}")
    return [_api(**row) for row in rows]


def _named(path: Path, row: dict[str, str]) -> bool:
    if not row["name"]:
        row["name"] = urlsplit(row["link"]).hostname or ""
    if not row["name"] and any(row[key] for key in ("description", "link")):
        log.warning("%s: a row without a name is left out: %s", path, row["description"][:80])
    return bool(row["name"])


def _read_json(path: Path, text: str) -> list[dict[str, str]]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return _read_lines(path, text, error)
    if isinstance(value, dict) and "openapi" in value and "paths" in value:
        return [_openapi(path, text, "")]
    if isinstance(value, dict) and "entries" not in value and _field(value, "name", "API"):
        value = [value]
    entries = value.get("entries") if isinstance(value, dict) else value
    if not isinstance(entries, list):
        raise ToolAlpacaError(f"{path} is in no known format; expected {FORMATS}")
    return [_entry(f"{path}, entry {i}", entry) for i, entry in enumerate(entries, 1)]


def _read_lines(path: Path, text: str, whole: Exception) -> list[dict[str, str]]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            if path.suffix.lower() == ".jsonl" or rows:
                raise ToolAlpacaError(f"{path}, line {number} is not JSON: {error}") from None
            raise ToolAlpacaError(f"{path} is not JSON: {whole}") from None
        rows.append(_entry(f"{path}, line {number}", value))
    return rows


def _entry(where: str, entry: Any) -> dict[str, str]:
    if not isinstance(entry, dict):
        raise ToolAlpacaError(f"{where}: expected an object, got {type(entry).__name__}")
    name = _field(entry, "name", "API")
    if not name:
        raise ToolAlpacaError(
            f"{where}: expected `name` or `API`, got the keys {', '.join(entry) or '(none)'}"
        )
    return _api(
        name=name,
        category=_field(entry, "category"),
        link=_field(entry, "link", "url"),
        description=_field(entry, "description"),
        auth=_field(entry, "auth", "authentication"),
    )


def _field(entry: dict[str, Any], *names: str) -> str:
    lowered = {str(key).lower(): value for key, value in entry.items()}
    for name in names:
        value = lowered.get(name.lower())
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and str(value).strip():
            return one_line(value)
    return ""


def _api(name: str, category: str, link: str, description: str, auth: str) -> dict[str, str]:
    return {
        "name": name,
        "category": category or "Other",
        "link": link,
        "description": description,
        "auth": "" if auth.lower() in _NONE else auth,
    }


def _read_folder(folder: Path) -> list[dict[str, str]]:
    files = sorted(
        (
            p
            for p in folder.rglob("*")
            if p.suffix.lower() in _SUFFIXES
            and not any(part.startswith(".") for part in p.relative_to(folder).parts)
            and p.is_file()
        ),
        key=lambda p: p.relative_to(folder).as_posix(),
    )
    if not files:
        raise ToolAlpacaError(f"{folder} holds no .json, .yaml or .yml file; expected OpenAPI files")
    return [_openapi(p, _text(p), p.parent.name if p.parent != folder else "") for p in files]


def _openapi(path: Path, text: str, category: str) -> dict[str, str]:
    try:
        document = parse_document(text)
        spec = Spec(document)
    except ReplyError as error:
        raise ToolAlpacaError(f"{path} is no OpenAPI file: {error.detail}") from None
    if not spec.operations:
        raise ToolAlpacaError(f"{path} has no operation under `paths`; expected at least one")
    info = document.get("info") if isinstance(document.get("info"), dict) else {}
    server = next(iter(spec.operations.values())).server
    outside = document.get("externalDocs")
    link = outside.get("url") if isinstance(outside, dict) else ""
    row = _api(
        name=one_line(info.get("title") or "") or path.stem,
        category=one_line(info.get("x-category") or category),
        link=one_line(link or server or ""),
        description=one_line(info.get("description") or info.get("summary") or ""),
        auth=", ".join(sorted({str(s.get("type", "")) for s in spec.security_schemes.values()} - {""})),
    )
    return {**row, "openapi": dumps(document)}


def _text(path: Path) -> str:
    data = path.read_bytes()
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise ToolAlpacaError(f"{path} is no UTF-8 text; expected {FORMATS}") from None
