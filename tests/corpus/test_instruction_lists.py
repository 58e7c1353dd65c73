"""Lists of instructions as models write them: a person's own words are kept whole, the rest goes."""

import asyncio

import pytest
from scripted import Scripted

from toolalpaca.corpus.instruction_lists import parse_list
from toolalpaca.corpus.instructions import WHY, Instructor, complaint
from toolalpaca.schema import ReplyError

TOOL = {
    "tool_id": "t",
    "name": "PetPlace",
    "documentation": "d",
    "openapi": "{}",
    "functions": [{"name": "findGroomer", "description": "Finds one.", "method": "get", "path": "/groomers"}],
}
CLEAN = "Please clean my dog before Friday's show."
WHICH = "Which groomer in Bergen takes cats?"


@pytest.mark.parametrize(
    "first",
    [
        CLEAN,
        f"**Command:** {CLEAN}",
        f"**Command**: {CLEAN}",
        f"*Command:* {CLEAN}",
        f"(Command) {CLEAN}",
        f"*(Command)* {CLEAN}",
        f"[Command] {CLEAN}",
        f"**[Command]** {CLEAN}",
        f"Request 1: {CLEAN}",
        f"**Request 1:** (Command) {CLEAN}",
        f"Command - {CLEAN}",
        f"**Command:**\n   {CLEAN}",
        f"**A dirty dog**\n   {CLEAN}",
        f"**A dirty dog:** {CLEAN}",
        f'"{CLEAN}"',
        f"**{CLEAN}**",
        f"{CLEAN} *(Missing: location)*",
        f"{CLEAN}\n   *(Missing: location)*",
        f"{CLEAN}\n\n   *(Missing: location)*",
        f"{CLEAN} (Missing: location)",
        f"{CLEAN}\n   Missing information: location",
        f"{CLEAN}\n   - **Functions used:** findGroomer",
        f"{CLEAN}\n\n## Questions",
        f"{CLEAN}\n\n**Questions:**",
        CLEAN.replace("dog", "**dog**"),
    ],
)
def test_labels_titles_and_remarks_go(first):
    for text in (f"1. {first}\n2. {WHICH}", f"1. {WHICH}\n2. {first}"):
        items = parse_list(text)
        assert sorted(items) == sorted([CLEAN, WHICH])
        assert all(complaint(item, TOOL, []) == "" for item in items)


@pytest.mark.parametrize("head", ["Request {}: ", "**Request {}:** ", "### Request {}\n", "Request {}. "])
def test_numbered_labels_alone_make_a_list(head):
    text = f"Here are two:\n\n{head.format(1)}{CLEAN}\n\n{head.format(2)}{WHICH}"
    assert parse_list(text) == [CLEAN, WHICH]


@pytest.mark.parametrize(
    "item",
    [
        "Question 5 of the quiz is about cats; what is the answer?",
        "Find the hotel in Paris (the one in Texas).",
        "Commands such as sit and stay: which of them do you teach?",
        "My cat (black, missing since Monday) may be in a shelter; is she?",
        "I need a groomer - a patient one - for three rabbits.",
        "Story hour is at 5; is there a seat for Mia?",
        "Why did he get in? Write it into his file please. Note: insurer.",
        "Order 12 bags of food and send them to me.",
    ],
)
def test_a_persons_own_words_stay(item):
    assert parse_list(f"1. {item}\n2. {WHICH}") == [item, WHICH]
    assert complaint(item, TOOL, []) == ""


TALE = "My dog rolled in the mud this morning, and the show is on Friday."
WISH = "Please find a groomer in Bergen who has time on Thursday, and book one hour."


@pytest.mark.parametrize("gap", ["\n\n", "\n\n   ", "\n   \n   "])
@pytest.mark.parametrize(
    "after",
    [
        "",
        "\n\nLet me know if you need more requests!",
        "\n\nThese stories use every function.",
        "\n\n---\nNote: ok.",
    ],
)
def test_a_story_of_two_paragraphs_is_kept_whole(gap, after):
    told = f"{TALE}{gap}{WISH}"
    assert parse_list(f"1. {told}\n\n2. {told}{after}") == [f"{TALE} {WISH}"] * 2


def test_a_remark_in_brackets_alone_is_not_lost_without_a_word():
    assert parse_list("1. (I need a groomer in Bergen.)") == ["(I need a groomer in Bergen.)"]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (f"(Polite) {CLEAN}", "label"),
        (f"[Two calls] {CLEAN}", "label"),
        (f"{CLEAN} Note: the city is missing.", "remark"),
        ("Book a groomer (city not specified) for Friday.", "remark"),
        ("Note: this request needs another function, please.", "remark"),
    ],
)
def test_what_may_be_a_label_or_a_remark_is_dropped_with_its_reason(item, reason):
    (read,) = parse_list(f"1. {item}")
    assert complaint(read, TOOL, []) == reason
    assert reason in WHY


def test_what_was_wrong_goes_into_the_next_try():
    unread, named = f"Sure: {CLEAN}", f"1. Ask PetPlace to {CLEAN.lower()}"
    model = Scripted(unread, named, f"1. {CLEAN}", f"1. {TALE} {WISH}")
    rows = asyncio.run(Instructor(model, {"ordinary": 1.0}, per_tool=2)(TOOL))
    assert [row["filter"] for row in rows] == ["names_api", "", ""]
    first, second, third, story = (prompt.messages for prompt in model.prompts)
    assert second[2] == {"role": "assistant", "content": unread}
    assert "expected a numbered list" in second[3]["content"]
    assert third[2] == {"role": "assistant", "content": named}
    assert "it names the API" in third[3]["content"]
    assert len(first) == len(story) == 2


@pytest.mark.parametrize("piece", ["*", "\n", "1. a\n", "(", "[a] ", "**a ", "- ", " ", "1. Command "])
def test_long_lists_are_read_in_time(piece):
    text = (piece * 50_000)[:50_000]
    for candidate in (text, f"1. {text}", f"1. a\n2. {text}"):
        try:
            parse_list(candidate)
        except ReplyError as error:
            assert error.reason == "no_list"
