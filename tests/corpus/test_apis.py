"""API lists as users have them: irregular Markdown, JSON, JSONL, folders of OpenAPI files."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from toolalpaca.corpus.apis import read_apis, read_listing, slug
from toolalpaca.schema import ToolAlpacaError

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} with the published lists is missing")

LIST = """# A list
## Sponsors
| API | Description | Auth |
|:---|:---|:---|
| [Sponsor](https://sponsor.example) | Buy me | No |

## Index
* [Animals](#animals)

### Animals
API | Description | Auth | HTTPS | CORS
|:---|:---|:---|:---|:---|
| [Cats](https://cats.example/a_(b)?x=1) | About cats \\| dogs | `apiKey` | Yes | No | |
| [Cats](https://cats2.example) | More &amp; better | No | Yes | No |
| **[A \\[beta\\] *API*](<https://b.example> "title")** | Uses <b>bold</b> and `code` | `OAuth` | Yes
[Pipe | Name](https://pipe.example/a|b) | No leading pipe | No | Yes | Yes
| [Extra](https://extra.example) | One | two | `apiKey` | Yes | No |
| [Améthyste](https://am.example) | Images | No | Yes | Yes |
| [天気](https://tenki.example) | Weather in Japan | No | Yes | Yes |
| [地図](https://chizu.example) | Maps of Japan | No | Yes | Yes |
| [Ref][ref] | By reference | | Yes | Yes |

[ref]: https://ref.example/docs

```
| API | Description | Auth |
|---|---|---|
| [Fenced](https://fenced.example) | Not an API | No |
```

### 🎵 Music & *Sound* ###
| Auth | API | Link | Description |
|---|---|---|---|
| apiKey | Songs | <https://songs.example> | All the songs |
<!-- | No | Hidden | https://hidden.example | Commented out | -->

## License
| Name | Text |
|---|---|
| MIT | free |
"""


def write(folder: Path, name: str, text: str, **options) -> Path:
    path = folder / name
    path.write_bytes(text.encode(options.get("encoding", "utf-8")))
    return path


def test_markdown_category_sections_and_nothing_else(tmp_path):
    apis = read_apis(write(tmp_path, "README.md", LIST))
    assert [a.name for a in apis] == [
        "Cats", "Cats", "A [beta] API", "Pipe | Name", "Extra", "Améthyste", "天気", "地図", "Ref", "Songs",
    ]  # fmt: skip
    by_name = {a.name: a for a in apis}
    assert apis[0].link == "https://cats.example/a_(b)?x=1"
    assert apis[0].description == "About cats | dogs"
    assert apis[1].description == "More & better"
    assert by_name["A [beta] API"].link == "https://b.example"
    assert by_name["A [beta] API"].description == "Uses bold and code"
    assert by_name["Pipe | Name"].link == "https://pipe.example/a|b"
    assert (by_name["Extra"].description, by_name["Extra"].auth) == ("One | two", "apiKey")
    assert by_name["Ref"].link == "https://ref.example/docs"
    assert (by_name["Songs"].category, by_name["Songs"].link) == ("🎵 Music & Sound", "https://songs.example")
    assert [a.auth for a in apis] == ["apiKey", "", "OAuth", "", "apiKey", "", "", "", "", "apiKey"]


def test_ids_are_stable_distinct_and_plain(tmp_path):
    apis = read_apis(write(tmp_path, "README.md", LIST))
    ids = [a.tool_id for a in apis]
    assert ids[:2] == ["animals-cats", "animals-cats-2"]
    assert "animals-amethyste" in ids
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", i) for i in ids)
    assert slug("天気") != slug("地図")
    assert slug("Öresund ß") == "oresund-ss"
    other = write(tmp_path, "other.md", LIST.replace("| [Ref][ref] | By reference | | Yes | Yes |\n", ""))
    assert [a.tool_id for a in read_apis(other)] == [i for i in ids if i != "animals-ref"]


def test_suffixes_never_collide_with_names_that_look_like_them(tmp_path):
    names = ["Dota", "Dota 2", "Dota", "Dota", "Dota 2"]
    rows = "\n".join(json.dumps({"name": n, "category": "Games", "description": "d"}) for n in names)
    ids = [a.tool_id for a in read_apis(write(tmp_path, "a.jsonl", rows))]
    assert len(set(ids)) == 5


@pytest.mark.parametrize("change", [
    lambda text: text.replace("\n", "\r\n"),
    lambda text: "\ufeff" + text,
    lambda text: text + "\n\n\n",
])  # fmt: skip
def test_line_ends_and_byte_order_marks_change_nothing(tmp_path, change):
    plain = read_apis(write(tmp_path, "a.md", LIST))
    assert read_apis(write(tmp_path, "b.md", change(LIST))) == plain


def test_utf16_is_read(tmp_path):
    assert read_apis(write(tmp_path, "a.md", LIST, encoding="utf-16")) == read_apis(
        write(tmp_path, "b.md", LIST)
    )


def test_json_list_of_the_public_apis_project(tmp_path):
    entry = {
        "API": "Cats",
        "Description": "About cats",
        "Auth": "apiKey",
        "HTTPS": True,
        "Link": "https://c.example",
    }
    value = {
        "count": 2,
        "entries": [{**entry, "Category": "Animals"}, {**entry, "Auth": "", "Category": "Pets"}],
    }
    first, second = read_apis(write(tmp_path, "a.json", json.dumps(value, indent=2)))
    assert (first.tool_id, first.auth, first.link) == ("animals-cats", "apiKey", "https://c.example")
    assert (second.tool_id, second.auth) == ("pets-cats", "")


SPEC = """openapi: 3.0.3
info: {title: Norway, version: 1.0, description: "Facts about Norway"}
servers: [{url: https://no.example/v1}]
paths:
  /facts:
    get:
      operationId: listFacts
      parameters:
      - {name: country, in: query, schema: {type: string, enum: [no, se], default: no}, example: 2020-01-01}
      responses:
        200: {description: ok, content: {application/json: {schema: {type: object}}}}
"""


TABLE = "| API | Description | Auth |\n|---|---|---|\n| [Cat](https://cat.example) | Cats | No |\n"


@pytest.mark.parametrize(
    "text",
    [
        f"## Animals\n{TABLE}\n## Index\n* [Animals](#animals)\n",
        f"{TABLE.replace('Cat', 'Sponsor')}\n## 📑 Index\n\n## Animals\n{TABLE}",
        "> ## Animals\n" + "".join(f"> {line}\n" for line in TABLE.splitlines()),
    ],
    ids=["index last", "index with an emoji", "quoted"],
)
def test_tables_are_found_wherever_the_index_stands_and_in_quotations(tmp_path, text):
    assert [(api.name, api.category) for api in read_apis(write(tmp_path, "list.md", text))] == [
        ("Cat", "Animals")
    ]


@pytest.mark.parametrize("junk", ["[" * 30_000, "![" * 15_000, "[a](" * 10_000, "[[a](b)" * 5_000])
def test_a_cell_of_brackets_is_read_at_once(tmp_path, junk):
    path = write(tmp_path, "list.md", TABLE + f"| Junk | {junk} | No |\n")
    began = time.process_time()
    assert [api.name for api in read_apis(path)] == ["Cat", "Junk"]
    assert time.process_time() - began < 5


def test_hidden_folders_hold_no_specifications(tmp_path):
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    write(tmp_path / ".github" / "workflows", "ci.yml", "on: push\n")
    document = {"openapi": "3.0.0", "info": {"title": "Cats", "version": "1"}}
    operation = {"operationId": "getX", "responses": {"200": {"description": "ok"}}}
    write(tmp_path, "cats.json", json.dumps({**document, "paths": {"/x": {"get": operation}}}))
    assert [api.name for api in read_apis(tmp_path)] == ["Cats"]


def test_a_folder_of_openapi_files(tmp_path):
    folder = tmp_path / "specs"
    (folder / "Travel").mkdir(parents=True)
    write(folder, "b.yaml", SPEC)
    write(folder / "Travel", "c.json", json.dumps({"openapi": "3.1.0", "info": {"version": "1"}, "paths": {
        "/x": {"get": {"responses": {"200": {"description": "ok"}}}}}}))  # fmt: skip
    write(folder, "notes.txt", "not a specification")
    nested, norway = read_apis(folder)
    assert (norway.name, norway.description, norway.link) == (
        "Norway",
        "Facts about Norway",
        "https://no.example/v1",
    )
    document = json.loads(norway.openapi)
    parameter = document["paths"]["/facts"]["get"]["parameters"][0]
    assert parameter["schema"]["enum"] == ["no", "se"], "YAML 1.1 would have made `no` a boolean"
    assert parameter["example"] == "2020-01-01"
    assert "200" in document["paths"]["/facts"]["get"]["responses"]
    assert (nested.name, nested.category) == ("c", "Travel")


def test_a_bad_entry_is_dropped_with_its_place_and_the_others_stay(tmp_path):
    lines = '{"name": "a", "description": "x"}\n{"name": \n[1]\n{"Description": "y"}\n{"name": "b"}\n'
    listing = read_listing(write(tmp_path, "a.jsonl", lines))
    assert [api.name for api in listing.apis] == ["a", "b"]
    assert [line.split(": ")[0] for line in listing.dropped] == [
        f"{tmp_path / 'a.jsonl'}, line 2 is not JSON",
        f"{tmp_path / 'a.jsonl'}, line 3",
        f"{tmp_path / 'a.jsonl'}, line 4",
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.md", "# Nothing\n\nJust text.", "no known format"),
        ("a.md", "", "is empty"),
        ("a.json", "{}", "no known format"),
        ("a.json", '{"entries": []}', "lists no API"),
        ("a.json", '{"entries": [1]}', "entry 1: expected an object"),
        ("a.json", '{"entries": [{"Description": "x"}]}', "entry 1: expected `name`"),
        ("a.json", '{"entries": [', "is not JSON"),
        ("a.jsonl", '{"name": ', "line 1 is not JSON"),
        ("a.csv", "name,description\na,b", "no known format"),
        ("a.yaml", "a: [1, 2", "is no OpenAPI file"),
        ("a.yaml", "swagger: '2.0'\npaths: {}", "no operation under `paths`"),
        ("a.yaml", "arazzo: 1.0.0\nworkflows: []", "got arazzo, workflows"),
    ],
)
def test_bad_lists_get_one_clear_line(tmp_path, name, text, expected):
    path = write(tmp_path, name, text)
    with pytest.raises(ToolAlpacaError) as error:
        read_apis(path)
    assert expected in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_paths_and_bad_files_in_a_folder_are_named(tmp_path):
    with pytest.raises(ToolAlpacaError, match="does not exist"):
        read_apis(tmp_path / "missing.md")
    with pytest.raises(ToolAlpacaError, match="expected OpenAPI files"):
        read_apis(tmp_path)
    write(tmp_path, "good.yaml", SPEC)
    for text in (
        "openapi: 3.0.0\ninfo: {}\npaths: {}",
        "{",
        "a: &a [*a]\nopenapi: 3.0.0",
        "- 1",
        "!!python/object:os.system {}",
    ):
        bad = write(tmp_path, "bad.yaml", text)
        listing = read_listing(tmp_path)
        assert [api.name for api in listing.apis] == ["Norway"], "one bad file stops no other"
        assert len(listing.dropped) == 1 and listing.dropped[0].startswith(str(bad))
    (tmp_path / "good.yaml").unlink()
    with pytest.raises(ToolAlpacaError, match=re.escape(str(bad))):
        read_apis(tmp_path)
    binary = tmp_path / "list.md"
    binary.write_bytes(b"\xff\xfa\x00\x81")
    with pytest.raises(ToolAlpacaError, match="UTF-8"):
        read_apis(binary)


def test_aliases_cannot_blow_up_memory(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    path = write(tmp_path, "bomb.yaml", "\n".join(["openapi: 3.0.0", "paths: {}", *lines]))
    with pytest.raises(ToolAlpacaError, match="more than"):
        read_apis(path)


def test_the_seed_list_is_large_varied_and_complete():
    apis = read_apis(ROOT / "generate" / "seeds" / "apis.jsonl")
    assert len(apis) >= 150
    assert len({a.category for a in apis}) >= 35
    assert len({a.tool_id for a in apis}) == len(apis)
    assert all(a.link.startswith("http") and a.description for a in apis)


@needs_data
def test_the_published_lists():
    readme = read_apis(DATA / "public-apis" / "README.md")
    assert (len(readme), len({a.category for a in readme})) == (1695, 51)
    assert len({a.tool_id for a in readme}) == 1695
    assert {a.auth for a in readme} == {"", "apiKey", "OAuth", "X-Mashape-Key", "User-Agent"}
    assert all(a.link.startswith("http") and a.name and a.description for a in readme)
    published = read_apis(DATA / "toolalpaca" / "public_apis.json")
    assert (len(published), len({a.category for a in published})) == (1425, 51)


@needs_data
def test_seed_descriptions_are_our_own_words():
    def words(text: str) -> list[str]:
        return re.findall(r"[a-z0-9]+", text.lower())

    theirs = [a.description for a in read_apis(DATA / "public-apis" / "README.md")]
    theirs += [a.description for a in read_apis(DATA / "toolalpaca" / "public_apis.json")]
    whole = {tuple(words(t)) for t in theirs}
    windows = {tuple(w[i : i + 6]) for w in map(words, theirs) for i in range(len(w) - 5)}
    for api in read_apis(ROOT / "generate" / "seeds" / "apis.jsonl"):
        mine = words(api.description)
        assert tuple(mine) not in whole
        assert not {tuple(mine[i : i + 6]) for i in range(len(mine) - 5)} & windows, api.name
