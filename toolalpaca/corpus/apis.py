"""API lists: the public-apis README and JSON, our JSONL, and folders of OpenAPI files."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from toolalpaca.corpus.api_bullets import read_bullets
from toolalpaca.corpus.api_tables import read_tables
from toolalpaca.files import dumps
from toolalpaca.offline.library.tools import HOME, load_library, load_tool
from toolalpaca.openapi.documents import one_line, parse_document
from toolalpaca.openapi.selection import select
from toolalpaca.openapi.spec import Spec
from toolalpaca.schema import ReplyError, ToolAlpacaError

FORMATS = (
    "a Markdown list with tables `API | Description | Auth` or bullets `- [Name](link) - what it does`, "
    "JSON with `entries`, JSONL with `name` and `description`, or a folder of OpenAPI files or authored tools"
)
_NONE = {"", "no", "none", "null", "-", "n/a", "false"}
AUTHORED = re.compile(r"(?m)^instructions:\s*$")  # of a file of generate/seeds/tools
MANY_FUNCTIONS = 100
_SUFFIXES = (".json", ".yaml", ".yml")


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


@dataclass(frozen=True)
class Listing:
    """What a list holds: its APIs, and a line for each entry that is none."""

    apis: list[Api]
    dropped: list[str]


def read_apis(path: str | Path) -> list[Api]:
    """The APIs of a list, in its order, each with an id of its own; see `read_listing`."""
    return read_listing(path).apis


def read_listing(path: str | Path) -> Listing:
    """The APIs of a list, in its order, each with an id of its own. A bad entry or file is dropped and named.

    Raises:
        ToolAlpacaError: the path is missing, in no known format, or nothing in it can be used.
    """
    path = Path(path)
    if not path.exists():
        raise ToolAlpacaError(f"{path} does not exist; expected {FORMATS}")
    dropped: list[str] = []
    rows = _read_folder(path, dropped) if path.is_dir() else _read_file(path, dropped)
    apis = _with_ids(rows)
    if not apis:
        if dropped:
            more = f" (and {len(dropped) - 1} more)" if len(dropped) > 1 else ""
            raise ToolAlpacaError(f"{dropped[0]}{more}")
        raise ToolAlpacaError(f"{path} lists no API; expected {FORMATS}")
    return Listing(apis, dropped)


def with_fewer_functions(api: Api, most: int | None, seed: int) -> Api:
    """The API with a part of its specification, where that has more than `most` functions; says so."""
    if not api.openapi:
        return api
    document, count = select(json.loads(api.openapi), most or MANY_FUNCTIONS, seed)
    if count <= (most or MANY_FUNCTIONS):
        return api
    if most is None:
        print(f"{api.name}: {count} functions are more than a prompt holds; --functions N picks some of them")
        return api
    print(f"{api.name}: {most} of {count} functions, picked by tag with seed {seed}")
    return dataclasses.replace(api, openapi=dumps(document))


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


def _read_file(path: Path, dropped: list[str]) -> list[dict[str, str]]:
    text = _text(path)
    if not text.strip():
        raise ToolAlpacaError(f"{path} is empty; expected {FORMATS}")
    if path.suffix.lower() in (".yaml", ".yml"):
        return [_openapi(path, text, "")]
    if text.lstrip().startswith(("{", "[")):
        return _read_json(path, text, dropped)
    # Another form is read where one gives nothing: a public-apis README holds other tables and bullets, too
    for read in (read_tables, functools.partial(read_tables, loosely=True), read_bullets):
        bad: list[str] = []
        if rows := [row for row in read(text) if _named(path, row, bad)]:
            dropped += bad
            return [_api(**row) for row in rows]
    raise ToolAlpacaError(f"{path} is in no known format; expected {FORMATS}")


def _named(path: Path, row: dict[str, str], dropped: list[str]) -> bool:
    if not row["name"]:
        row["name"] = urlsplit(row["link"]).hostname or ""
    if not row["name"] and any(row[key] for key in ("description", "link")):
        dropped.append(f"{path}: a row without a name: {row['description'][:80]}")
    return bool(row["name"])


def _read_json(path: Path, text: str, dropped: list[str]) -> list[dict[str, str]]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return _read_lines(path, text, error, dropped)
    if isinstance(value, dict) and ("openapi" in value or "swagger" in value):
        return [_openapi(path, text, "")]
    if isinstance(value, dict) and "entries" not in value and _field(value, "name", "API"):
        value = [value]
    entries = value.get("entries") if isinstance(value, dict) else value
    if not isinstance(entries, list):
        raise ToolAlpacaError(f"{path} is in no known format; expected {FORMATS}")
    return _good(dropped, ((f"{path}, entry {i}", entry) for i, entry in enumerate(entries, 1)))


def _read_lines(path: Path, text: str, whole: Exception, dropped: list[str]) -> list[dict[str, str]]:
    values: list[tuple[str, Any]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            values.append((f"{path}, line {number}", json.loads(line)))
        except (ValueError, RecursionError) as error:
            if path.suffix.lower() != ".jsonl" and not values:
                raise ToolAlpacaError(f"{path} is not JSON: {whole}") from None
            dropped.append(f"{path}, line {number} is not JSON: {error}")
    return _good(dropped, values)


def _good(dropped: list[str], values: Iterable[tuple[str, Any]]) -> list[dict[str, str]]:
    """The entries that are APIs; what is wrong with the others goes to `dropped`."""
    rows = []
    for where, value in values:
        try:
            rows.append(_entry(where, value))
        except ToolAlpacaError as error:
            dropped.append(str(error))
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


def _read_folder(folder: Path, dropped: list[str]) -> list[dict[str, str]]:
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
    rows = []
    for p in files:
        try:
            text = _text(p)
            if AUTHORED.search(text):
                tool = load_tool(p)
                if not load_library().named(tool.name, tool.link):
                    raise ToolAlpacaError(
                        f"{p} is an authored tool that the library does not hold; expected it in {HOME}, "
                        "where the embedded teacher and its worlds are read from"
                    )
                rows.append(_api(tool.name, tool.category, tool.link, tool.description, ""))
                continue
            rows.append(_openapi(p, text, p.parent.name if p.parent != folder else ""))
        except ToolAlpacaError as error:
            dropped.append(str(error))
    return rows


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
