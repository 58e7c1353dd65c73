"""The embedded teacher as an evaluation's user: questions as other models put them, and answers of use."""

import re

import pytest

from toolalpaca.files import dumps
from toolalpaca.models.prompts import Prompt
from toolalpaca.offline import fields
from toolalpaca.offline.library.tools import load_library
from toolalpaca.offline.reading import read
from toolalpaca.offline.replying import NO_PREFERENCE, UNKNOWN, user_reply
from toolalpaca.offline.respond import schema_response
from toolalpaca.offline.teacher import OfflineModel


def documented(**inputs):
    return read(
        f"register: Register somebody.\nParameters: {dumps(inputs)}\nOutput: It.\n - Structure: Object{{id}}"
    )


MAIL = r"[\w.+-]+@[\w.-]+\.\w+"
DOCS = documented(
    to="Required. string. E-mail address of who is invited.",
    travelClass="Required. string. One of: [economy, business]. Class to travel in.",
    day="Required. string. Format: date. When it begins.",
    seats="Required. integer. From 2 to 4. Seats that are taken.",
    code="Required. string. Exactly 3 characters. Pattern: ^[A-Z]{3}$. Where it starts from.",
    bookingId="Required. string. The booking.",
    note="string. What the driver should know.",
)


@pytest.mark.parametrize(
    ("question", "form"),
    [
        ("What is your email address?", MAIL),
        ("Could you give me the e-mail of the person?", MAIL),
        ("Who is invited, and under which address?", MAIL),
        ("Which travel class would you like?", r"\b(?:economy|business)\b"),
        ("On what date does it begin?", r"\d{4}-\d\d-\d\d|\b\w+ \d{1,2}, \d{4}|\d{1,2} \w+ \d{4}"),
        ("How many seats shall I take?", r"\b[234]\b"),
        ("What is the code of the start?", r"\b[A-Z]{3}\b"),
        ("May I have your phone number?", r"\+?[\d-]{7,}"),
        ("Which city are you in?", r"[A-Z]\w+"),
    ],
)
def test_a_value_that_the_request_lacks_is_made_up_in_the_documented_form(question, form):
    said = user_reply("Please invite my sister.", DOCS, question, 0)
    assert re.search(form, said) and said not in (NO_PREFERENCE, UNKNOWN), said
    assert said == user_reply("Please invite my sister.", DOCS, question, 0)


@pytest.mark.parametrize(
    ("request_", "question", "held"),
    [
        ("Invite ann@tide.example for me.", "What is your email address?", "ann@tide.example"),
        ("Two seats to York on May 3, 2025, in business.", "For which day?", "May 3, 2025"),
        ("Two seats to York on May 3, 2025, in business.", "Which class do you want?", "business"),
        ("Check https://tide.example/a?b=1.", "What is the link?", "https://tide.example/a?b=1"),
        ("Cancel BK-4471 for me.", "What is the booking id?", "BK-4471"),
        ("From May 3 to May 9, please.", "When does it begin?", "From May 3 to May 9"),
        ("Tell the driver this note: ring at number 5.", "What is the note?", "ring at number 5"),
        (
            "My cat Tom limps. Find a vet for cats in Leith.",
            "What kind of vet for which cats?",
            "vet for cats in Leith",
        ),
    ],
)
def test_what_the_request_holds_is_given_again(request_, question, held):
    assert held in user_reply(request_, DOCS, question, 0)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What is the booking id?", UNKNOWN),
        ("What is your API key?", UNKNOWN),
        ("Shall I go on with the invitation?", "Yes, please."),
        ("Any further wishes?", NO_PREFERENCE),
    ],
)
def test_nobody_knows_an_id_and_not_every_question_has_a_value(question, said):
    assert user_reply("Please invite my sister.", DOCS, question, 0) == said


def test_a_request_of_the_library_answers_from_its_own_words():
    model = OfflineModel(malformed_rate=0)
    held = [
        (tool, asked, found[0])
        for tool in load_library().tools
        for asked in tool.instructions
        if (found := re.findall(MAIL, asked.text)) and not any(step.question for step in asked.steps)
    ]
    assert held
    for tool, asked, mail in held[:5]:
        documentation = "\n".join(f.name for f in tool.functions)
        variables = {"instruction": asked.text, "documentation": documentation, "exchanges": []}
        said = model.reply(Prompt("user", {**variables, "question": "What is your email address?"}))
        assert mail.rstrip(".") in said


def cleaning(*properties, **described):
    """Status and body of a server that cleans texts, whose answer has these properties."""
    kinds = {name: {"type": "string"} for name in properties}
    kinds |= {name: {"type": "string", "description": text} for name, text in described.items()}
    given = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
    made = {"type": "object", "required": list(kinds), "properties": kinds}
    operation = {
        "operationId": "clean",
        "requestBody": {"required": True, "content": {"application/json": {"schema": given}}},
        "responses": {"200": {"description": "It.", "content": {"application/json": {"schema": made}}}},
    }
    info = {"title": "Clean", "version": "1"}
    document = {"openapi": "3.0.0", "info": info, "paths": {"/clean": {"post": operation}}}
    body = dumps({"text": "Sea  otters hold   hands."})
    request = {
        "method": "POST",
        "url": "/clean",
        "headers": {"Content-Type": "application/json"},
        "body": body,
    }
    return schema_response(dumps(document), "clean", request, [])[1]


@pytest.mark.parametrize("name", ["cleanedText", "cleaned", "result", "filtered_content", "output"])
def test_a_text_that_was_sent_comes_back_worked_on(name):
    assert cleaning(name) == {name: "Sea otters hold hands."}


def test_a_value_whose_name_says_nothing_is_what_its_description_says():
    made = cleaning(who="E-mail address of the sender.", it="A sentence on the change.", breed="The breed.")
    assert re.fullmatch(MAIL, made["who"]) and len(made["it"].split()) > 2
    assert made["breed"] in fields.POOLS["breed"]  # what is known by its name is no text
