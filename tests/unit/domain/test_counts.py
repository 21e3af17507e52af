"""Numbers of things in texts."""

import pytest

from lakehouse.domain.counts import counted


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1_000, "1,000 rows"), (-1, "-1 rows")],
)
def test_the_noun_agrees_with_its_number(number: int, text: str) -> None:
    assert counted(number, "row") == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 entries"), (1, "1 entry"), (2, "2 entries")])
def test_an_irregular_plural_is_used_as_given(number: int, text: str) -> None:
    assert counted(number, "entry", "entries") == text
