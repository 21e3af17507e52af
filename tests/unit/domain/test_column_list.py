"""Names of columns in one text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.domain.column_list import join_columns, split_columns
from lakehouse.domain.errors import RefusedError


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("id", ("id",)),
        (" id , day ", ("id", "day")),
        ('"a,b"', ("a,b",)),
        ('id, "a, ""b""" ,day', ("id", 'a, "b"', "day")),
        ('" id "', (" id ",)),
        ('5"', ('5"',)),
        ("", ("",)),
        ("id,", ("id", "")),
        (",id", ("", "id")),
    ],
)
def test_names_are_split_at_commas_outside_quotes(text: str, names: tuple[str, ...]) -> None:
    assert split_columns(text) == names


@pytest.mark.parametrize("text", ['"a', '"a"b', 'id,"a,b', '"a""'])
def test_a_quote_that_does_not_end_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="must end with a quote"):
        split_columns(text)


@given(st.lists(st.text(), min_size=1))
def test_what_is_joined_is_split_again(names: list[str]) -> None:
    assert split_columns(join_columns(names)) == tuple(names)
