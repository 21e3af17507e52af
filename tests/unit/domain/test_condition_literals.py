"""The literals of a condition, and texts that hold one."""

import pytest

from lakehouse.domain.erasure.condition_literals import holds_one, literals, masked


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("id = 7", {"7"}),
        ("name = 'O''Hara'", {"o'hara"}),
        ("name = $$Ada$$ OR name = $q$Eve$q$", {"ada", "eve"}),
        ("email LIKE '%ada@%'", {"%ada@%", "ada@"}),
        ("col1 = 1.5e3 -- 'not this'", {"1.5e3"}),
        ('"7th" = 8 /* 9 */', {"8"}),
        ("id = 1_000", {"1000"}),
        ("name = 'Größe'", {"größe".casefold()}),
        ("flag IS NULL", set()),
        (r"name = E'O\'Hara' OR id = 8", {"o'hara", "8"}),
        (r"name = e'B\x6fb' OR name = E'B\157b'", {"bob"}),
        (r"name = E'\xc3\xa9t\303\251'", {"été"}),
        ("photo = x'426F62'", {"bob"}),
        (r"photo = 'B\x6fb'::BLOB", {r"b\x6fb", "bob"}),
        ("name = 'Bo' || ('b' || 'by')", {"bo", "b", "by", "bobby"}),
        (
            "name = 'Bo' || 'b' OR name LIKE 'E' || 've' || '%'",
            {"bo", "b", "bob", "e", "ve", "eve", "eve%", "%"},
        ),
        ("id = 7 /* 'Ada' and 8", {"7"}),
        ("name = $q$Ada", {"ada"}),
        ("name = 'Bo'\n  'b' OR name = 'x'", {"bo", "b", "bob", "x"}),
    ],
)
def test_literals_are_found(condition: str, expected: set[str]) -> None:
    assert literals(condition) == expected


def test_joined_texts_are_kept_once() -> None:
    """One text for each prefix would be 50 MB for the longest condition."""
    assert literals(" || ".join(["'a'"] * 10_000)) == {"a", "a" * 10_000}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("erase ADA@example.org", True),
        ("request 17", False),
        ("customer 7", True),
        ("request 2026-7", True),
        ("nothing", False),
    ],
)
def test_a_text_holds_a_literal_in_any_case(text: str, holds: bool) -> None:
    assert holds_one(text, literals("email = 'ada@example.org' OR id = 7")) is holds


def test_literals_are_masked() -> None:
    found = literals("name = 'Ada'")
    assert masked("Could not convert string 'ADA' of Ada", found) == (
        "Could not convert string '…' of …"
    )
