"""Quality of instructions: parsing what models write, near-duplicates, filters, diversity, scenarios."""

import asyncio
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from toolalpaca.corpus import instructions, quality
from toolalpaca.corpus.function_lists import parse_functions
from toolalpaca.corpus.instruction_lists import parse_list
from toolalpaca.corpus.instructions import Instructor, complaint, parse_scenarios, plan
from toolalpaca.corpus.toolset import parse_introduction
from toolalpaca.files import read_jsonl, write_jsonl
from toolalpaca.models.boundary import ChatModel, Completion
from toolalpaca.schema import ReplyError, RowFailure, ToolAlpacaError

ROOT = Path(__file__).parents[2]
TOOL = {
    "tool_id": "t",
    "name": "WeatherStack",
    "documentation": "d",
    "openapi": "{}",
    "functions": [{"name": "getRain", "description": "Rain by hour.", "method": "get", "path": "/rain"}],
}


@settings(max_examples=60, deadline=None)
@given(*[st.text("abcd ef", max_size=60)] * 2)
def test_rouge_l_is_that_of_the_reference_implementation(one, other):
    expected = rouge_scorer.RougeScorer(["rougeL"]).score(one, other)["rougeL"].fmeasure
    assert quality.rouge_l(quality.tokens(one), quality.tokens(other)) == pytest.approx(expected)


def test_near_duplicates_are_found_and_paraphrases_are_not():
    kept = ["Find hotels in Lisbon for two guests on Friday."]
    assert quality.near_duplicate("Find hotels in Lisbon for three guests on Friday.", kept) == kept[0]
    assert quality.near_duplicate("I need a place to sleep near the harbor tomorrow.", kept) is None


@pytest.mark.parametrize(
    ("text", "name", "named"),
    [
        ("Use WeatherStack to check the rain.", "WeatherStack", True),
        ("Show me pictures of cats.", "Cats", False),
        ("Ask the Cats API for a picture.", "Cats", True),
        ("Is there a dog fact today?", "Dog Facts", False),
        ("Look it up in Dog Facts.", "Dog Facts", True),
        ("Is 1Forge's rate better?", "1Forge", True),
        ("The weatherstacking is off.", "WeatherStack", False),
        ("Anything.", "", False),
        ("Find me songs on Spotify about rain.", "Spotify", True),
        ("Using Unsplash, get me a photo of a lake.", "Unsplash", True),
        ("I like Deezer's charts. Show me the top ten.", "Deezer", True),
        ("Look for the latest season on aniapi for me.", "AniAPI", True),
        ("How is the weather in Oslo? Weather is all that matters.", "Weather", False),
        ("Weather in Oslo, please.", "Weather", False),
        ('Add the book "Market" to my list.', "Market", False),
        ('Find readers of "Summer Market" in Bergen.', "Market", False),
        ("Find readers of Summer Market in Bergen.", "Market", False),
        ("Find the shops on Market Street.", "Market", False),
        ("Paint the wall as art.", "ART", False),
    ],
)
def test_an_instruction_that_names_the_api_is_known(text, name, named):
    assert quality.names_api(text, name) is named


@pytest.mark.parametrize(
    ("text", "placeholder"),
    [
        ("Book a flight to [destination] tomorrow.", True),
        ("Send it to <your email>.", True),
        ("Find {city} on the map.", True),
        ("My name is John Doe.", True),
        ("It is due on YYYY-MM-DD.", True),
        ("Order number XYZ is late.", True),
        ("Look for books [1984] is one.", False),
        ("Is 3 < 5 and 7 > 2 here?", False),
        ("John Doherty wants 2024-05-03.", False),
    ],
)
def test_placeholders_are_known(text, placeholder):
    assert quality.has_placeholder(text) is placeholder


def test_reasons_to_drop_an_instruction():
    kept = ["Find the wettest city in Norway during May."]
    assert complaint("What was the rain in Bergen like?", TOOL, kept) == ""
    assert complaint("Rain.", TOOL, kept) == "odd_length"
    assert complaint("Please call getRain for Bergen now.", TOOL, kept) == "names_function"
    assert complaint("Ask WeatherStack about Bergen, will you?", TOOL, kept) == "names_api"
    assert complaint("Tell me the rain in [city] please.", TOOL, kept) == "placeholder"
    assert complaint("Find the wettest city in Norway during June.", TOOL, kept) == "near_duplicate"


LISTS = [
    "1. Find a cat.\n2. Find a dog.",
    "1) Find a cat.\n2) Find a dog.",
    "**1.** Find a cat.\n**2.** Find a dog.",
    "- Find a cat.\n- Find a dog.",
    "* Find a cat.\n* Find a dog.",
    '1. "Find a cat."\n\n2. **Find a dog.**',
    "Sure! Here are two:\n\n1. Find a cat.\n2. Find a dog.\n\nLet me know if you need more.",
    "1. Find\n   a cat.\n2. Find a dog.",
    "6. Find a cat.\r\n7. Find a dog.",
    "1. Instruction: Find a cat.\n2. Instruction: Find a dog.",
    "```\n1. Find a cat.\n2. Find a dog.\n```",
]


@pytest.mark.parametrize("text", LISTS)
def test_lists_are_read_in_the_forms_that_models_write(text):
    assert parse_list(text) == ["Find a cat.", "Find a dog."]


@pytest.mark.parametrize("text", ["", "Find a cat.", "I cannot help with that.", "1.\n2.\n"])
def test_a_reply_without_a_list_is_an_error(text):
    with pytest.raises(ReplyError, match="no_list"):
        parse_list(text)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_a_list_or_a_named_error(text):
    for parse in (parse_list, parse_functions, parse_introduction):
        try:
            assert parse(text)
        except ReplyError as error:
            assert error.reason in ("no_list", "bad_functions", "bad_introduction")


INTRODUCTION = "The Cats API lists cats of shelters, by breed and by city, and books a visit."


@pytest.mark.parametrize(
    "text",
    [
        f"Here is the introduction paragraph:\n\n{INTRODUCTION}",
        f"## Introduction\n\n{INTRODUCTION}\n\n(Word count: 92)",
        f"**Cats API**\n\n{INTRODUCTION.replace('Cats API', '**Cats API**')}",
        f"Sure! Here's one: {INTRODUCTION}\n\nLet me know if it should be longer.",
    ],
)
def test_an_introduction_is_stored_without_what_is_said_about_it(text):
    assert parse_introduction(text) == INTRODUCTION


def test_a_remark_alone_is_no_introduction():
    with pytest.raises(ReplyError, match="bad_introduction"):
        parse_introduction("Here is the introduction paragraph:\n\n(Word count: 92)")


def test_functions_are_read_in_the_forms_that_models_write():
    text = """Here they are:

**1. Name:** `searchCats`
   **Description:** Search cats by breed.
   **Input:** {
     "breed": "Required. string. Breed of the cat."
   }
   **Output:** An array of objects with catId (string).

**2. Name:** getCat
   Description: Get one cat.
   Input: None
   Output: An object."""
    lines = parse_functions(text).splitlines()
    assert lines[0] == "1. Name: searchCats"
    assert lines[2] == 'Input: {"breed": "Required. string. Breed of the cat."}'
    assert lines[4:7] == ["2. Name: getCat", "Description: Get one cat.", "Input: {}"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("nothing", "numbered list"),
        ("1. Name: a\nDescription: b\nInput: {broken\nOutput: c", "a: Input cannot be read"),
        ("1. Name: a\nInput: {}\nOutput: c", "a: Description is missing"),
        ("1. Name: a\nDescription: b\nInput: {}\nOutput: c\n" * 2, "listed twice"),
    ],
)
def test_what_is_wrong_with_a_list_of_functions_is_said(text, what):
    with pytest.raises(ReplyError, match=what):
        parse_functions(text)


class Scripted(ChatModel):
    """A model that gives its replies in turn and keeps the prompts."""

    name = "scripted"

    def __init__(self, *replies):
        self.replies, self.prompts = list(replies), []

    async def complete(self, prompt, sample=0, stop=None, on_fault=None):
        self.prompts.append((prompt, sample))
        return Completion(self.replies.pop(0) if self.replies else "1. Show the moon over Oslo tonight.")


def write(model, per_tool=2):
    return asyncio.run(Instructor(model, {"ordinary": 1.0}, per_tool=per_tool)(TOOL))


def test_a_wrong_count_is_asked_again_for_what_is_missing():
    model = Scripted(
        "1. How warm is it in Rome?\n2. When does it snow in Oslo?",
        "no list",
        "1. I moved to Bergen; will it rain?",
    )
    rows = write(model, per_tool=4)
    assert [r["filter"] for r in rows][:3] == ["", "", ""]
    assert [p.variables["n"] for p, _ in model.prompts[:3]] == [2, 2, 2]
    assert len({r["instruction_id"] for r in rows}) == len(rows)


def test_dropped_instructions_are_kept_with_their_reason_and_replaced():
    model = Scripted(
        "1. Ask WeatherStack about the rain in Rome.",
        "1. Is there rain in Rome today?",
        "1. I like storms; where is one?",
    )
    rows = write(model)
    assert [r["filter"] for r in rows] == ["names_api", "", ""]
    assert {r["style"] for r in rows} == {"short", "story"}


def test_a_tool_without_any_instruction_is_a_failure_with_a_reason():
    with pytest.raises(RowFailure, match="no_list"):
        write(Scripted(*["I cannot do that."] * 20))


def test_exact_repeats_across_tools_are_dropped(tmp_path):
    row = {"tool_id": "a", "style": "short", "scenario": "ordinary", "filter": ""}
    texts = ["Show the moon over Oslo.", "show the moon, over Oslo!", "Show the sun."]
    write_jsonl(
        tmp_path / "w", ({**row, "instruction_id": f"a/{i}", "instruction": t} for i, t in enumerate(texts))
    )
    sifted = instructions.sift(tmp_path / "w", tmp_path / "kept", tmp_path / "dropped")
    assert sifted.kept == 2 and sifted.dropped == {"duplicate": 1}
    assert [r["instruction"] for r in read_jsonl(tmp_path / "dropped")] == [texts[1]]


def test_scenarios_are_drawn_in_their_shares():
    shares = parse_scenarios("ordinary=8,rate_limit=1,long_output=1")
    assert shares == {"ordinary": 0.8, "rate_limit": 0.1, "long_output": 0.1}
    counts = dict.fromkeys(shares, 0)
    for i in range(800):
        requests = plan(f"tool{i}", shares, 10, seed=0)
        assert sum(n for *_, n in requests) == 10
        assert {s for s, *_ in requests} == {"short", "story"}
        for _, scenario, n in requests:
            counts[scenario] += n
    assert all(abs(counts[name] / 8000 - share) < 0.03 for name, share in shares.items())
    assert plan("t", {"ordinary": 1.0}, 10, 0) == [("short", "ordinary", 5), ("story", "ordinary", 5)]


@pytest.mark.parametrize(
    "text", ["", "ordinary=x", "sunshine=1", "ordinary=-1", "ordinary=0", "ordinary=inf"]
)
def test_a_mix_that_makes_no_sense_is_an_error(text):
    with pytest.raises(ToolAlpacaError, match="--scenarios"):
        parse_scenarios(text)


def test_diversity():
    assert quality.distinct_n(["a b a b"], 1) == 0.5
    assert quality.distinct_n(["a b c"], 2) == 1.0
    assert quality.distinct_n([], 1) == 0.0
    asked = [
        "Can you find a cat?",
        "Please find a dog.",
        "I'd like you to book a room.",
        "I was bored. Compare both.",
    ]
    assert [quality.leading_verb(t) for t in asked[:3]] == ["find", "find", "book"]
    assert quality.verb_diversity(asked[:3])["distinct"] == 2


def script(*arguments):
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_scripts_make_a_toolset_and_instructions_and_refuse_nonsense(tmp_path):
    listed = tmp_path / "apis.jsonl"
    write_jsonl(
        listed, ({"name": f"Api {i}", "description": "cats", "category": "Animals"} for i in range(4))
    )
    run = tmp_path / "run"
    made = script("generate/make_toolset.py", "--apis", listed, "--variants", 2, "--out", run)
    assert made.returncode == 0, made.stderr
    tools = list(read_jsonl(run / "toolset.jsonl"))
    assert len(tools) == 8 and len({t["tool_id"] for t in tools}) == 8
    ids = {t["tool_id"] for t in tools}
    assert {i.split("~")[0] for i in ids} == {f"animals-api-{n}" for n in range(4)}
    assert {i for i in ids if "~" in i} == {f"animals-api-{n}~2" for n in range(4)}
    asked = script(
        "generate/make_instructions.py", "--out", run, "--scenarios", "ordinary=1", "--per_tool", 4
    )
    assert asked.returncode == 0, asked.stderr
    rows = list(read_jsonl(run / "instructions.jsonl"))
    assert 28 <= len(rows) <= 32
    assert "distinct-2" in asked.stdout and str(run / "instructions.jsonl") in asked.stdout
    for arguments, what in (
        (
            ("generate/make_toolset.py", "--apis", listed, "--variants", 0, "--out", tmp_path / "x"),
            "1 or more",
        ),
        (("generate/make_instructions.py", "--out", tmp_path / "x"), "does not exist"),
        (("generate/make_instructions.py", "--out", run, "--scenarios", "fun=1"), "no scenario 'fun'"),
    ):
        failed = script(*arguments)
        assert failed.returncode == 2 and what in failed.stderr
        assert len(failed.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "x").exists()


def test_a_folder_of_specifications_keeps_them(tmp_path):
    random.seed(0)
    operation = {
        "operationId": "getCat",
        "description": "Get a cat.",
        "responses": {
            "200": {
                "description": "d",
                "content": {
                    "application/json": {
                        "schema": {"type": "object", "properties": {"name": {"type": "string"}}}
                    }
                },
            }
        },
    }
    spec = {
        "openapi": "3.0.0",
        "info": {"title": "Cats", "version": "1"},
        "paths": {"/cat": {"get": operation}},
    }
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "cats.json").write_text(json.dumps(spec))
    made = script("generate/make_toolset.py", "--apis", tmp_path / "specs", "--out", tmp_path / "run")
    assert made.returncode == 0, made.stderr
    (tool,) = read_jsonl(tmp_path / "run" / "toolset.jsonl")
    assert json.loads(tool["openapi"])["paths"] == spec["paths"]
    assert tool["functions"][0]["name"] == "getCat" and tool["introduction"]
