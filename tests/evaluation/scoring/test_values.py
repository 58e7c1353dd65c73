"""When values say the same, and where they can have come from."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolalpaca.evaluation.scoring.codes import stands_for
from toolalpaca.evaluation.scoring.kinds import changes_something, names_one_thing, wrong_type
from toolalpaca.evaluation.scoring.sources import Sources
from toolalpaca.evaluation.scoring.values import dates, number, overlap, same
from toolalpaca.schema import Function, Parameter

TEXT = """On May 3rd, 2024 send three copies to g-user12 at 12 Elm Street; rate EUR to USD below 1.05.
Show DDoS reports."""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Leeds", "leeds "),
        ("brute-force", "Brute Force"),
        ("Café", "cafe"),
        (3, "3"),
        (3, 3.0),
        ("three", 3),
        ("1,250.50", 1250.5),
        (True, "true"),
        ("reports", "report"),
        ("2024-05-03", "May 3, 2024"),
        ("2024-05-03", "3 May 2024"),
        ("2024-05-03", "2024/05/03"),
        (["a", "b"], ["B", "A"]),
        (["a", "b"], "a, b"),
        ("USD,EUR", "EUR, USD"),
        ({"k": ["1"]}, {"k": [1]}),
        ("", None),
        ("sales_team", "Sales Team"),
    ],
)
def test_same(one, other):
    assert same(one, other)
    assert same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Leeds", "York"),
        (3, 30),
        ("10", "100"),
        ("2024-05-03", "2024-05-04"),
        ("2024-05-03", "2023-05-03"),
        (["a"], ["a", "b"]),
        (["a", "a"], ["a", "b"]),
        ("USD/EUR", "EUR/USD"),
        (True, False),
        (1, True and "yes please"),
        ({"k": 1}, {"k": 1, "l": 2}),
        ("x", None),
        ("habit", "habitat"),
    ],
)
def test_not_the_same(one, other):
    assert not same(one, other)
    assert not same(other, one)


def test_numbers_and_dates():
    assert [number(v) for v in ("$20", "90%", "-3", "1e5", "v2", True, None, "1,00")] == [
        20, 90, -3, None, None, None, None, None
    ]  # fmt: skip
    assert dates("from July 1st to 7 July 2022, not 2022-13-40") == ((None, 7, 1), (2022, 7, 7))
    assert set(dates("03/05/2024")) == {(2024, 3, 5), (2024, 5, 3)}
    assert overlap("failed logins from abroad", "Logins failed") == 1


@pytest.mark.parametrize(
    "value",
    [
        "2024-05-03",
        3,
        "g-user12",
        "G-USER12",
        "12 elm street",
        1.05,
        "EUR/USD",
        "EURUSD",
        ["DDoS"],
        {"n": 3},
        "",
        True,
    ],
)
def test_what_a_text_holds(value):
    assert Sources(TEXT).hold(value)


@pytest.mark.parametrize(
    "value", ["2024-05-04", 4, "12", "g-user1", "user123", "EUR/GBP", ["DDoS", "spam"], {"n": 5}, 2]
)
def test_what_a_text_does_not_hold(value):
    expected = value == "12"  # the house number
    assert Sources(TEXT).hold(value) is expected


@pytest.mark.parametrize(
    ("code", "name"),
    [("CN", "China"), ("us", "United States"), ("USD", "US dollars"), ("ETH", "Ethereum"), ("es", "Spanish"),
     ("NY", "New York"), ("XAG", "silver"), ("GBP", "British pound"), ("DE", "Germany"),
     ("US", "USA")],
)  # fmt: skip
def test_codes(code, name):
    assert stands_for(code, name)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("CH", "China"),
        ("FR", "Germany"),
        ("AG", "silver"),
        ("EUR", "yen"),
        ("X", "Xi"),
        ("US", "UK"),
        ("IN", "in"),
    ],
)
def test_no_codes(code, name):
    assert not stands_for(code, name)


def test_kinds_of_parameters():
    def parameter(name, **schema):
        return Parameter(name, "query", False, schema)

    assert all(
        names_one_thing(parameter(n))
        for n in ("userId", "access_token", "email", "ip", "holidayID", "orderNumber")
    )
    assert not any(
        names_one_thing(parameter(n)) for n in ("query", "limit", "identity", "style", "pageNumber")
    )
    assert not names_one_thing(parameter("code", enum=["a"]))
    assert [bool(wrong_type(v, parameter("n", type="integer"))) for v in (3, "3", 3.5, "x", True, [])] == [
        False, False, True, True, True, True
    ]  # fmt: skip
    assert wrong_type("c", parameter("k", type="string", enum=["a", "b"])) == "one of ['a', 'b']"
    assert changes_something("createUser", None)
    assert changes_something("generateIcon", None)
    assert not changes_something("generateIcon", Function("generateIcon", "", "get", "/"))
    assert not changes_something("searchUsers", None)
    assert not changes_something("checkOrders", Function("checkOrders", "", "post", "/"))
    assert changes_something("orderPizza", Function("orderPizza", "", "post", "/"))
    assert changes_something("thing", Function("thing", "", "delete", "/"))


VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(VALUES, VALUES)
@settings(max_examples=300, deadline=None)
def test_same_is_reflexive_and_symmetric(one, other):
    assert same(one, one)
    assert same(one, other) == same(other, one)
