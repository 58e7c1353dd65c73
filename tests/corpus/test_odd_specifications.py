"""Specifications of odd kinds, each of which once lost a function, a tool or the whole run."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from toolalpaca.corpus.apis import read_apis, read_listing
from toolalpaca.corpus.instructions import Instructor
from toolalpaca.corpus.toolset import Toolsmith
from toolalpaca.offline.conforming import conforming
from toolalpaca.offline.fields import rng_of
from toolalpaca.offline.generation import make
from toolalpaca.offline.teacher import OfflineModel
from toolalpaca.openapi.inbound import match_request
from toolalpaca.openapi.request import build_request
from toolalpaca.openapi.spec import Spec
from toolalpaca.openapi.validation import check_response
from toolalpaca.schema import ToolAlpacaError

FORM = {"type": "object", "properties": {"n": {"type": "integer"}}}
DATA = Path(__file__).parents[2].parent / "shared" / "data" / "odd-specifications"


def document(paths: dict, **more) -> dict:
    about = "Keeps the list of boats that lie in a harbour over the winter months."
    info = {"title": "Harbour", "version": "1", "description": about}
    return {"openapi": "3.0.3", "info": info, "paths": paths, **more}


def operation(name: str, **more) -> dict:
    schema = {"type": "object", "properties": {"count": {"type": "integer"}}}
    ok = {"200": {"description": "ok", "content": {"application/json": {"schema": schema}}}}
    return {"operationId": name, "summary": "Find the boats", "responses": ok, **more}


def instructions_of(folder: Path) -> list[str]:
    model = OfflineModel(malformed_rate=0)
    (api,) = read_apis(folder)
    tool = asyncio.run(Toolsmith(model)({"api": vars(api), "variant": 1}))
    rows = asyncio.run(Instructor(model, {"ordinary": 1.0})(tool))
    return [row["instruction"] for row in rows if not row["filter"]]


@pytest.mark.parametrize("name", ["/sails", ".list", "boats//list", "../x", "getDetails"])
def test_instructions_are_written_whatever_an_operation_is_called(tmp_path, name):
    (tmp_path / "a.json").write_text(json.dumps(document({"/boats": {"get": operation(name)}})))
    assert instructions_of(tmp_path)


@pytest.mark.parametrize("name", ["", "$", "__proto__", "tf-required"])
def test_a_parameter_whose_name_cannot_be_spoken_is_said_by_its_description(tmp_path, name):
    schema = {"type": "string", "description": "Harbour town"}
    body = {"type": "object", "properties": {name: schema}, "required": [name]}
    content = {"required": True, "content": {"application/json": {"schema": body}}}
    paths = {"/boats": {"post": operation("findBoats", requestBody=content)}}
    (tmp_path / "a.json").write_text(json.dumps(document(paths)))
    began = time.process_time()
    made = instructions_of(tmp_path)
    assert made and time.process_time() - began < 10
    if name in ("", "$"):
        assert all("harbour town" in text.lower() for text in made)


def test_an_operation_without_a_documented_success_takes_any():
    for responses in ({"400": {"description": "bad"}}, {}, {"default": {"description": "any"}}):
        spec = Spec(document({"/a": {"delete": operation("drop", responses=responses)}}))
        assert [check_response(spec, "drop", status, "") for status in (200, 202, 204)] == [[], [], []]
    spec = Spec(document({"/a": {"delete": operation("drop", responses={"2XX": {"description": "ok"}})}}))
    assert check_response(spec, "drop", 204, "") == []
    spec = Spec(document({"/a": {"delete": operation("drop")}}))
    assert check_response(spec, "drop", 204, "") == ["status 204 is not declared; expected 200"]


def test_a_path_with_more_literal_text_wins_whatever_the_order():
    one = {"parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]}
    paths = {
        "/locks/{id}": {"get": operation("getLock", **one)},
        "/locks/{id}:level": {"get": operation("getLevel", **one)},
        "/locks/{id}.png": {"get": operation("getPicture", **one)},
    }
    for ordered in (paths, dict(reversed(paths.items()))):
        spec = Spec(document(ordered))
        for path, name in (
            ("/locks/L7:level", "getLevel"),
            ("/locks/L7.png", "getPicture"),
            ("/locks/L7", "getLock"),
        ):
            match = match_request(spec, "GET", path, {})
            assert (match.operation.name, match.arguments) == (name, {"id": "L7"})


@pytest.mark.parametrize(
    ("media", "schema", "arguments"),
    [
        ("text/plain", {"type": "number"}, {"body": 12.9}),
        ("text/plain", {"type": "boolean"}, {"body": True}),
        ("multipart/form-data", {"type": "object", "properties": {"file": {"type": "string"}}}, {}),
        ("multipart/form-data", {"type": "object", "properties": {"n": {"type": "integer"}}}, {"n": 3}),
        (
            "application/x-www-form-urlencoded",
            {"type": "object", "properties": {"n": {"type": "integer"}}},
            {},
        ),
        ("application/json", {"type": "array", "items": {"type": "integer"}}, {"body": [1, 2]}),
    ],
)
def test_whatever_body_a_request_sends_the_server_reads_back(media, schema, arguments):
    content = {"required": True, "content": {media: {"schema": schema}}}
    spec = Spec(document({"/a": {"post": operation("send", requestBody=content)}}))
    request = build_request(spec, "send", arguments)
    match = match_request(spec, "POST", "/a", request.headers, (request.body or "").encode())
    assert match.arguments == arguments


def test_what_no_value_can_meet_ends_soon_and_sizes_are_bounded():
    crate = {
        "type": "object",
        "properties": {"label": {"type": "string"}, "inside": {"$ref": "#/$defs/Pack"}},
    }
    both = {"oneOf": [{"$ref": "#/$defs/Crate"}, {"$ref": "#/$defs/Box"}]}
    schema = {**both, "$defs": {"Pack": both, "Crate": crate, "Box": crate}}
    began = time.process_time()
    conforming(schema, rng_of(0, "a"))
    assert time.process_time() - began < 8
    for huge in (
        {"type": "array", "minItems": 10_000_000, "items": {"type": "string"}},
        {"type": "string", "minLength": 10_000_000},
        {"type": "string", "enum": [f"v{n}" for n in range(100_000)]},
    ):
        began = time.process_time()
        assert len(json.dumps(conforming(huge, rng_of(0, "b")))) < 200_000
        assert len(json.dumps(make(huge, rng_of(0, "c"), 0))) < 200_000
        assert time.process_time() - began < 8


def test_one_bad_file_stops_no_other(tmp_path):
    (tmp_path / "good.json").write_text(json.dumps(document({"/a": {"get": operation("find")}})))
    (tmp_path / "hooks.json").write_text(json.dumps({"openapi": "3.1.0", "info": {}, "webhooks": {"x": {}}}))
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "flows.yaml").write_text("arazzo: 1.0.0\nworkflows: []\n")
    (tmp_path / "bad.yaml").write_text("a: [1, 2")
    listing = read_listing(tmp_path)
    assert [api.name for api in listing.apis] == ["Harbour"] and len(listing.dropped) == 4
    (tmp_path / "good.json").unlink()
    with pytest.raises(ToolAlpacaError, match="and 3 more"):
        read_listing(tmp_path)


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/odd-specifications is not there")
def test_the_given_files_give_what_they_must():
    found = {}
    for folder in sorted(DATA.iterdir()):
        if folder.is_dir():
            (api,) = read_apis(folder)
            spec = Spec(json.loads(api.openapi))
            found[folder.name[:2]] = [(o.method, o.path, o.name) for o in spec.operations.values()]
            assert instructions_of(folder), folder
    assert len(found["01"]) == 2 and len({name for *_, name in found["01"]}) == 2
    assert ("post", "/vessels", "addVessel") in found["02"] and len(found["02"]) == 3


def test_objects_of_lists_of_objects_are_made_no_larger_than_anyone_reads():
    leaf = {"type": "object", "properties": {f"t{n}": {"type": "string"} for n in range(12)}}
    for _ in range(5):
        lists = {f"o{n}": {"type": "array", "items": leaf} for n in range(12)}
        leaf = {"type": "object", "properties": lists, "required": ["o1"]}
    began = time.process_time()
    made = make(leaf, rng_of(0, "a"), 0)
    assert time.process_time() - began < 4 and made["o1"]
    assert len(json.dumps(made)) < 500_000
