"""Numbers, keys and refusals as people read them."""

import pytest

from lakehouse.console.formatting import is_time, sentence, short_key, type_word


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("there is no event 5", "There is no event 5."),
        ("Already whole.", "Already whole."),
        ("é", "É."),
        ("", ""),
        ("orders: column n is int64", "orders: column n is int64."),
    ],
)
def test_a_refusal_is_a_sentence(text: str, expected: str) -> None:
    assert sentence(text) == expected


def test_dates_and_times_are_known() -> None:
    types = ("DATE", "TIMESTAMP WITH TIME ZONE", "TIME", "VARCHAR", "BIGINT", "DATE[]")
    assert [is_time(each) for each in types] == [True, True, True, False, False, True]


def test_a_type_has_the_word_that_an_upload_takes_for_it() -> None:
    types = (
        "date32[day]",
        "timestamp[us]",
        "timestamp[us, tz=UTC]",
        "timestamp[us, tz=CET]",
        "int64",
    )
    words = ["date", "timestamp", "timestamptz", "timestamp[us, tz=CET]", "int64"]
    assert [type_word(each) for each in types] == words


def test_hashes_in_a_key_are_short() -> None:
    key = f"datasets/sales/{'ab' * 32}/{'0123' * 16}-01a21c3f-0-wd949st853t5.parquet"
    assert short_key(key) == "datasets/sales/abababab…/01230123…-01a21c3f-0-wd949st853t5.parquet"
    assert short_key("raw/2026/notes.txt") == "raw/2026/notes.txt"
