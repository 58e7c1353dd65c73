"""Functions that are named like addresses and parameters that are named like code: said in words, or left."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from toolalpaca.corpus.apis import read_apis
from toolalpaca.corpus.instructions import Instructor, untold_functions
from toolalpaca.corpus.toolset import Toolsmith
from toolalpaca.offline.asking import People
from toolalpaca.offline.fields import rng_of
from toolalpaca.offline.nouns import noun_of
from toolalpaca.offline.reading import read
from toolalpaca.offline.teacher import OfflineModel
from toolalpaca.offline.verbs import operation
from toolalpaca.openapi.telling import mechanical, sayable
from toolalpaca.schema import RowFailure

GENERATE = Path(__file__).parents[2] / "generate"
ABOUT = "Echoes the kites that a club flies above the beach in summer."


def call(name: str | None = None, **more) -> dict:
    schema = {"type": "object", "properties": {"count": {"type": "integer"}}}
    ok = {"200": {"description": "ok", "content": {"application/json": {"schema": schema}}}}
    return {**({"operationId": name} if name else {}), "responses": ok, **more}


def parameter(name: str, required: bool = False, description: str = "", kind: str = "boolean") -> dict:
    said = {"description": description} if description else {}
    return {"name": name, "in": "query", "required": required, "schema": {"type": kind}, **said}


def written(folder: Path, paths: dict) -> list[str]:
    """The instructions, in lower case, of the tool of one specification."""
    document = {"openapi": "3.0.3", "info": {"title": "Kites", "version": "1", "description": ABOUT}}
    (folder / "kites.json").write_text(json.dumps({**document, "paths": paths}))
    model = OfflineModel(malformed_rate=0)
    (api,) = read_apis(folder)
    tool = asyncio.run(Toolsmith(model)({"api": vars(api), "variant": 1}))
    rows = asyncio.run(Instructor(model, {"ordinary": 1.0}, per_tool=20)(tool))
    return [row["instruction"].lower() for row in rows if not row["filter"]]


@pytest.mark.parametrize(
    ("name", "description", "asked"),
    [
        ("anything_strings_get", "Returns the strings of a kite.", "return strings of a kite"),
        ("get", "The club's open hours.", "get club's open hours"),
        ("post", "", ""),
        ("post", "Kite colours to be painted", "submit kite colours"),
        ("getV2TailLengths", "Get tail lengths.", "get tail lengths"),
        ("read_kites_kites__kite_id__get", "Read Kite", "read kite"),
        ("put_tails_v1", "**Replaces** the [tail](https://example.com) of it", "replace tail"),
        ("get_clubs_clubIdOrSlug_kites", "Get a list of the kites", "get kites"),
        ("kites.clubs.beaches.batchCheckTails", "Checks many tails at once.", "check many tails"),
        ("listKites", "Lists the kites", "list kites"),
    ],
)
def test_a_name_made_of_method_and_path_is_asked_for_by_its_description(name, description, asked):
    _, verb, object_ = operation(name, description)
    assert f"{verb} {object_}".strip() == asked


def test_instructions_name_no_addresses_and_no_code(tmp_path):
    wind = parameter("wf-max", True, "Whether the strong wind flag is required")
    spare = parameter("zq")
    paths = {
        "/anything/strings": {
            "get": call("anything_strings_get", summary="Returns the kite strings", parameters=[wind, spare])
        },
        "/v3/tail-lengths": {"get": call("getV3TailLengths", tags=["tail-lengths"])},
        "/kites": {"get": call("listKites")},
    }
    texts = written(tmp_path, paths)
    assert not any(word in text for text in texts for word in ("anything", "wf max", "wf-max", "v3", " zq "))
    assert any("strong wind flag" in text for text in texts)
    assert any("tail lengths" in text for text in texts) and any("kites" in text for text in texts)


def test_a_function_of_which_nothing_is_said_is_not_written_about(tmp_path):
    silent = {
        "/kites/knots": {"get": call(), "post": call("kites_knots_post")},
        "/kites/zzrx": {"put": call("update", summary="Update it", parameters=[parameter("zzrx", True)])},
    }
    with pytest.raises(RowFailure, match="untold"):
        written(tmp_path, silent)
    texts = written(tmp_path, {**silent, "/kites": {"get": call("findKites", summary="Find kites")}})
    assert texts and not any("knots" in text or "zzrx" in text for text in texts)


def test_what_is_not_written_about_is_named_and_counted(tmp_path):
    about = {"title": "Kites", "version": "1", "description": ABOUT}
    paths = {"/kites/knots": {"get": call()}, "/kites": {"get": call("findKites", summary="Find kites")}}
    (tmp_path / "apis").mkdir()
    for name, some in (("some", paths), ("none", {"/knots": paths["/kites/knots"]})):
        document = {"openapi": "3.0.3", "info": {**about, "title": name}, "paths": some}
        (tmp_path / "apis" / f"{name}.json").write_text(json.dumps(document))
    said = ""
    for script, more in (("make_toolset", ["--apis", tmp_path / "apis"]), ("make_instructions", [])):
        command = [sys.executable, GENERATE / f"{script}.py", "--out", tmp_path / "run", *more]
        said += subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    assert "toolset: 1 tools" in said and "untold" in said
    assert "not written about: some: kites_knots_get: neither its summary" in said
    assert "functions: 1 of 2 are not written about" in said


def test_functions_with_a_name_that_says_something_need_no_description():
    for name, method, path in (
        ("getKites", "get", "/kites"),
        ("get_kites", "get", "/kites"),
        ("kites/list-for-club", "get", "/clubs/{id}/kites"),
        ("findPetsByStatus", "get", "/pets"),
    ):
        assert not mechanical(name, method, path)
        row = {"name": name, "description": "", "method": method, "path": path}
        assert untold_functions([{"name": "t", "functions": [row]}]) == []
    for name, method, path in (
        ("get", "get", "/x"),
        ("kites_get", "get", "/kites"),
        ("post-/kites/v3/tails_create", "post", "/kites/v3/tails"),
        ("getKitesTails", "get", "/kites/tails"),
    ):
        assert mechanical(name, method, path)


def test_what_people_say_for_a_parameter():
    assert all(map(sayable, ("city", "check-in", "zipCode", "lat", "sms", "X-Api-Key", "$filter", "ipv4")))
    assert not any(map(sayable, ("tf-required", "", "$", "bxq", "p1")))
    assert noun_of("If true, returns archived kites only") == "archived kites only"
    assert noun_of("The maximum height (in metres) of it.") == "maximum height"
    assert noun_of("") == noun_of("...") == noun_of("Whether or not") == ""
    text = 'f: Find kites.\nParameters: {"q": "string.", "p1": "Required. integer. Default: 1. Page number."}'
    query, page = read(text)[0].leaves
    assert (query.words, page.words, page.sayable) == ("query", "page number", True)


def test_a_function_that_wants_a_list_of_objects_is_asked_for_only_where_there_is_no_other():
    listed = "add: Add knots.\nParameters: " + json.dumps(
        {"knots": "Required. Array[Object{size: integer}]."}
    )
    plain = 'find: Find kites.\nParameters: {"colour": "Required. string."}'
    people = People(read(f"{listed}\n{plain}"), 0)
    drawn = [people.instructions(rng_of(n), "short", 3, "ordinary") for n in range(5)]
    assert {call.doc.name for asked in drawn for one in asked for call in one.calls} == {"find"}
    assert [doc.name for doc in People(read(listed), 0).askable] == ["add"]
