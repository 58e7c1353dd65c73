"""Patterns of other people's specifications: those that could run for ever are known before they run."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolalpaca.openapi.encoding import InvalidCall
from toolalpaca.openapi.regexes import compiled, components, never_ends
from toolalpaca.openapi.request import build_request
from toolalpaca.openapi.validation import validate


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(a+)+$",
        r"^(\w+\s?)*$",
        r"(a|aa)+$",
        r"(a|a)*b",
        r"(a?)+b",
        "a?" * 25 + "a" * 25,
        r"(a|b|ab)*c",
        r"(.*)*x",
        r"^\w+([.-]?\w+)*@\w+([.-]?\w+)*(\.\w{2,3})+$",
        r"^([a-zA-Z0-9_.-])+@(([a-zA-Z0-9-])+.)+([a-zA-Z0-9]{2,4})+$",
        r"^(?:a?){30}a{30}$",
        r"(\w{1,20}\s?){1,20}$",
        r"(\w*-\w*)+$",
        r"(?=(a+)+b)a",
        r"^(?P<x>a*)(?P=x)+$",
    ],
)
def test_loops_that_can_read_a_text_in_many_ways_are_not_run(pattern):
    assert never_ends(pattern) and compiled(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[a-z]+(-[a-z]+)*$",
        r"^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$",
        r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
        r"^([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}$",
        r"^((25[0-5]|2[0-4]\d|[01]?\d\d?)\.){3}(25[0-5]|2[0-4]\d|[01]?\d\d?)$",
        r"^(?=.*\d)(?=.*[a-z]).{8,}$",
        r"^(\w+, )*\w+$",
        r"^(?:AED|AFN)(?:,(?:AED|AFN))*$",
        r"^(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.[0-9a-zA-Z-]+)*))?$",
    ],
)
def test_harmless_loops_are_kept(pattern):
    assert not never_ends(pattern)
    began = time.perf_counter()
    compiled(pattern).search("a1" * 400 + "!")
    assert time.perf_counter() - began < 2


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text("ab(|)*+?{2,}[]^$.\\w", max_size=14))
def test_what_is_let_through_ends(pattern):
    found = compiled(pattern)
    if found is not None:
        began = time.perf_counter()
        found.search("a" * 22 + "b" * 4 + "!")
        assert time.perf_counter() - began < 1, pattern


def test_a_hostile_pattern_stops_neither_validation_nor_a_call():
    schema = {"type": "string", "pattern": r"^(\w+\s?)*$", "default": "a" * 60 + "!"}
    ok = {"200": {"description": "ok", "content": {"application/json": {"schema": {"type": "object"}}}}}
    operation = {
        "operationId": "f",
        "parameters": [{"name": "q", "in": "query", "schema": schema}],
        "responses": ok,
    }
    document = {
        "openapi": "3.0.3",
        "info": {"title": "t", "version": "1"},
        "paths": {"/x": {"get": operation}},
    }
    began = time.perf_counter()
    validate(json.dumps(document))
    assert build_request(json.dumps(document), "f", {"q": "a" * 60 + "!"}).url.endswith("a%21")
    assert time.perf_counter() - began < 10
    schema["pattern"] = "^[a-z]+$"
    with pytest.raises(InvalidCall, match=re.escape("text that matches ^[a-z]+$")):
        build_request(json.dumps(document), "f", {"q": "A"})


def test_components_are_those_of_a_graph():
    graph = {1: [2], 2: [3], 3: [1, 4], 4: [5], 5: [4], 6: [6]}
    assert sorted(map(sorted, components(graph, graph.__getitem__))) == [[1, 2, 3], [4, 5], [6]]
    long = {n: [n + 1] for n in range(5000)} | {5000: [0]}
    assert len(components(long, long.__getitem__)) == 1
