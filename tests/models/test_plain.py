"""Plain text: Markdown and a model's remarks on its own text go, what only looks like them stays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolalpaca.models.plain import plain_text, spoken, without_comment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The **Otter Inn** is *free* on `Friday`.", "The Otter Inn is free on Friday."),
        ("## Your booking\n\n- Room: **12**\n- Price: *80*", "Your booking\n\nRoom: 12\nPrice: 80"),
        ("***Done.*** Your __code__ is `A-7`.", "Done. Your code is A-7."),
        ("> Quoted\n\n---\n\n```\nkept\n```", "Quoted\n\nkept"),
        ("* one\n* two\n  - three", "one\ntwo\n  three"),
        ("See [the map](https://maps.example/a_b_c).", "See the map (https://maps.example/a_b_c)."),
        ("**All 3 rooms:**\n1. Otter\n2. Heron", "All 3 rooms:\n1. Otter\n2. Heron"),
    ],
)
def test_markdown_goes(text, expected):
    assert plain_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "It is 3 * 4 * 5 = 60.",
        "The **** bus never came in the ****** rain.",
        "Those ________ took my bike.",
        "Set pet_id and shelter_id; see https://a.example/x_y_z_.",
        "-5 degrees, -7 at night.",
        "1. Otter\n2. Heron",
        "Rated 4* and 5* by guests.",
        "#1 in the charts, C# and A*.",
        "A list [1, 2] and f(x)*g(x).",
        "It costs 5 - 6 euros - not more.",
        "Two lines\nof an answer.",
    ],
)
def test_what_only_looks_like_markdown_stays(text):
    assert plain_text(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("You: Lisbon, please.", "Lisbon, please."),
        ("**User:** Lisbon, please.", "Lisbon, please."),
        ('User: "Lisbon, please."', "Lisbon, please."),
        ("Me: Lisbon, **please**.", "Lisbon, please."),
        ("You: Lisbon, please.\nAssistant: Thanks!\nYou: Bye.", "Lisbon, please."),
        ("\u201cLisbon, please.\u201d", "Lisbon, please."),
        ("You choose: Lisbon or Porto.", "You choose: Lisbon or Porto."),
        ('"Lisbon" or "Porto"', '"Lisbon" or "Porto"'),
        ("User name: otter_7", "User name: otter_7"),
        ("You:", ""),
    ],
)
def test_a_persons_reply_is_what_they_would_say(text, expected):
    assert spoken(text) == expected


WRITTEN = "The Pets API lists pets of shelters. Here is where people search: by species, and by city."


@pytest.mark.parametrize(
    "text",
    [
        WRITTEN,
        f"Here is the introduction paragraph:\n\n{WRITTEN}",
        f"Here's a paragraph of 60 to 120 words: {WRITTEN}",
        f"Sure! Here is the introduction:\n{WRITTEN}",
        f"Certainly.\n\n**Introduction:** {WRITTEN}",
        f"### Introduction\n\n{WRITTEN}\n\n(Word count: 92)",
        f"**Pets API**\n\n{WRITTEN} *(Word count: 92 words)*",
        f"{WRITTEN} (92 words)",
        f"{WRITTEN}\n\n**Word count:** 92\n\nLet me know if you want it shorter.",
    ],
)
def test_what_a_model_says_about_its_text_goes(text):
    assert without_comment(text) == WRITTEN


@pytest.mark.parametrize(
    "text",
    [
        "Here, people search pets.",
        "The Words API counts words; a limit of 92 words",
        "Sure Foot sells boots: three kinds.",
        "Introductions of pets: the service lists them.",
    ],
)
def test_a_text_that_speaks_of_itself_stays(text):
    assert without_comment(text) == text


@settings(max_examples=200)
@given(st.text(alphabet='ab *_`#-\n>[](1:"', max_size=80))
def test_plain_text_is_plain_already(text):
    assert plain_text(plain_text(plain_text(text))) == plain_text(plain_text(text))
    spoken(text), without_comment(text)


@pytest.mark.parametrize(
    "piece", ["*", "_", "`", "- ", "> ", "#", "\n", "[a](", "**a ", "*a ", " ", "(1", "-*_ "]
)
def test_long_texts_are_read_in_time(piece):
    text = (piece * 50_000)[:50_000]
    for read in (plain_text, spoken, without_comment):
        read(text)
