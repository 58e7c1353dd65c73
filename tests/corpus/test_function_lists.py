"""Lists of functions as models write them: read where there is one way to, else refused with words."""

import asyncio
import json

import pytest
from scripted import Scripted

from toolalpaca.corpus.function_lists import parse_functions
from toolalpaca.corpus.toolset import Toolsmith
from toolalpaca.schema import ReplyError, RowFailure

SEARCH = {"species": "Required. string. Kind of pet.", "limit": "Optional. integer. How many."}
GOOD = f"""1. Name: searchPets
Description: Search pets by species.
Input: {json.dumps(SEARCH)}
Output: An array of objects with petId (integer).
2. Name: listShelters
Description: List the shelters.
Input: {{}}
Output: An object with shelters (array)."""
JSON_INPUT = f"Input: {json.dumps(SEARCH)}"


def head(number, text):
    """The list with another head of its first or second function."""
    return GOOD.replace(f"{number}. Name: {'searchPets' if number == 1 else 'listShelters'}", text)


def taking(text):
    """The list with another Input of its first function."""
    return GOOD.replace(JSON_INPUT, text)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        taking("Input:\n- species: Required. string. Kind of pet.\n- limit: Optional. integer. How many."),
        taking(
            "**Input:**\n  - **species** (string, required): Kind of pet.\n"
            "  - `limit` (optional, integer) - How many."
        ),
        taking(
            "Inputs:\n* species (required string): Kind of\n  pet.\n\n* limit (integer, optional): How many"
        ),
        taking("Input:\n1. species: Required. string. Kind of pet.\n2. limit: Optional. integer. How many."),
        taking("Parameters:\n```json\n" + json.dumps(SEARCH, indent=2) + "\n```"),
        taking(f"Input: `{json.dumps(SEARCH)[:-1]},}}`"),
        GOOD.replace("Input: {}", "Input: none"),
        GOOD.replace("Input: {}", "Input: None."),
        GOOD.replace("Input: {}", "Input: (no parameters)"),
        GOOD.replace("Input: {}", "Input:\n- None"),
        head(1, "1. **searchPets**"),
        head(1, "**1. searchPets**"),
        head(1, "### 1. `searchPets`"),
        head(1, "### searchPets()"),
        head(1, "**searchPets**"),
        head(2, "2. **listShelters**"),
        head(1, "1. Name: searchPets (search)").replace("2. Name:", "---\n\n2. **Name:**"),
        "Here are the functions:\n\n" + GOOD + "\n\nLet me know if you need more.",
    ],
)
def test_a_list_is_read_in_whatever_form_it_can_be_read_in(text):
    assert parse_functions(text) == GOOD


def test_a_description_on_the_heads_line_or_below_it_needs_no_label():
    for said in (" - Search pets by species.", ": Search pets by species.", "\nSearch pets by species."):
        text = head(1, f"1. **searchPets**{said}").replace("Description: Search pets by species.\n", "", 1)
        assert parse_functions(text) == GOOD


def test_output_on_the_next_line_is_no_input():
    text = '1. Name: ping\nDescription: See whether it is up.\nInput: none\nOutput: {"up": "boolean"}'
    assert parse_functions(text).splitlines()[2:] == ["Input: {}", 'Output: {"up": "boolean"}']


def test_a_parameter_may_be_called_like_a_label():
    text = taking(
        "Input:\n- description: Required. string. What it looks like.\n- name: Optional. string. Its."
    )
    assert '"description": "Required. string. What it looks like."' in parse_functions(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (taking("Input: the species, and how many"), "searchPets: Input cannot be read: expected one JSON"),
        (taking("Input:"), "searchPets: Input is missing; write `Input: {}`"),
        (taking("Input:\n- the kind of pet\n- how many"), "'the kind of pet' is no input"),
        (taking("Input:\n- species: Kind.\n- species: Kind."), "is no input"),
        (
            taking("Input:\n- filter: object\n  - species: Kind.\n  - age: Years."),
            "'filter' has a list inside",
        ),
        (taking("Input:\n- species:\n- limit: How many."), "without a meaning"),
        (taking('Input: {"species": "Kind."} {"limit": "Many."}'), "more than one JSON object"),
        (taking('Input: {"species": "Kind."'), "searchPets: Input cannot be read"),
        (taking("Input: " + '{"a":' * 10_000), "Input cannot be read"),
        (head(1, "1. Name: Search pets"), "'1. Name: Search pets' names no function"),
        (head(2, "2. Name: ..."), "names no function"),
        (head(2, "2. **List all shelters**"), "Description is there twice"),
        (head(1, "1. **Search the pets**"), "the first function has no name"),
        (GOOD.replace("Output: An object with shelters (array).", ""), "listShelters: Output is missing"),
    ],
)
def test_what_is_ambiguous_or_lost_is_refused_with_words(text, what):
    with pytest.raises(ReplyError) as caught:
        parse_functions(text)
    assert caught.value.reason == "bad_functions" and what in caught.value.detail


def test_what_was_wrong_goes_into_the_next_try():
    paragraph = "The Pets API lets shelters list pets, and people search them by species and city."
    wrong = taking("Input: species, limit")
    model = Scripted(paragraph, wrong, wrong, *["no"] * 4)
    api = {"name": "Pets", "description": "Pets.", "category": "Animals", "link": "", "tool_id": "a/pets"}
    with pytest.raises(RowFailure, match="bad_functions"):
        asyncio.run(Toolsmith(model)({"api": api, "variant": 1}))
    first, second = (prompt.messages for prompt in model.prompts[1:3])
    assert second[: len(first)] == first
    assert second[-2] == {"role": "assistant", "content": wrong}
    assert "searchPets: Input cannot be read" in second[-1]["content"]
    assert "'species, limit'" in second[-1]["content"]


@pytest.mark.parametrize("piece", ["*", "\n", "1. a\n", "**a**\n", "Input:\n- a: b\n", '{"a": 1,', " "])
def test_long_lists_are_read_in_time(piece):
    text = (piece * 50_000)[:50_000]
    for candidate in (text, f"Name: a\nDescription: b\nInput: {text}"):
        try:
            parse_functions(candidate)
        except ReplyError as error:
            assert error.reason == "bad_functions"
